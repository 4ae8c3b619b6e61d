package casework_test

import (
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/review"
)

// Each decision is taken on its own case, through the form and the guard: not before sure, then
// exactly as answered, with one line in the log.
func TestEightDecisions(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, _, _ *consoletest.Visitor) {
		t := r.T
		cases := []struct {
			decision houvast.Decision
			fields   []string
			guard    []string // what the guard says
			state    review.State
			report   bool
			after    []string
		}{
			{houvast.DecideAbuse, []string{"role", "child"},
				[]string{"A report is drafted.", "as the victim, never as the reported person", "was not viewed", "365 days after that", "Its removal is proposed", "practice (practice)"},
				review.Decided, true, []string{"Decided: Abuse", "To the report (draft)", "Then the lawful period begins.", "remove the item, waits for approval"}},
			{houvast.DecideUrgent, []string{"role", "uploader", "words", "a meeting is planned for today"},
				[]string{"with the words about the danger", "on call is alarmed", "as the reported person", "a meeting is planned for today"},
				review.Decided, true, []string{"Decided: Urgent"}},
			{houvast.DecideOwn, nil, []string{"before a second person has agreed", "no pressure was seen", "help card and without a ban"},
				review.Second, false, []string{"Waits for a second person: Young people’s own picture", "has not answered yet"}},
			{houvast.DecideOwn, []string{"pressure", "yes", "role", "peer"}, []string{"A report is drafted.", "between minors", "Pressure yes"},
				review.Second, false, nil},
			{houvast.DecideAgeInDoubt, nil, []string{"held for 14 days", "a person decides on its release"}, review.Second, false, nil},
			{houvast.DecideDrawn, nil, []string{"No report is drafted.", "waiting time is over (24 hours)", "Its removal is proposed"}, review.Second, false, nil},
			{houvast.DecideFamily, nil, []string{"The item is released", "waiting time is over (24 hours)"}, review.Decided, false, []string{"not needed for this decision", "and then destroyed"}},
			{houvast.DecideNotAbuse, nil, []string{"marked as found not to be abuse"}, review.Decided, false, nil},
			{houvast.DecideCannotTell, nil, []string{"held for 7 days", "it is released and an alarm is raised"}, review.Second, false, nil},
		}
		for i, tc := range cases {
			r.Matched(uint64(100 + i))
			at := pull(t, anna)
			name := string(tc.decision)
			page := anna.Get(at)
			status(t, name+" page", page, 200)
			says(t, name+" page", page, "The picture is not shown. You can decide without it.", r.Words.Text("en", "decision."+name+".name"))

			guard := anna.Post(at+"/decide", append([]string{"decision", name}, tc.fields...)...)
			status(t, name+" guard", guard, 200)
			says(t, name+" guard", guard, append(tc.guard, "Nothing has been decided yet.", "Go back and change")...)
			c := caseAt(r, at)
			equal(t, name+" before sure", []any{c.State, c.Decision, lines(r, c, "cases.decide")}, "[open  0]")

			done := anna.Post(at+"/decide", append(answersOf(t, guard), "sure", "yes")...)
			status(t, name+" decided", done, 303)
			equal(t, name+" goes to", done.Location, at+"/after")
			c = caseAt(r, at)
			equal(t, name+" decided", []any{c.State, c.Decision, c.DecidedBy, lines(r, c, "cases.decide")}, []any{tc.state, tc.decision, "user:anna", 1})
			equal(t, name+" reports", r.Number("SELECT COUNT(*) FROM report WHERE case_id = $1", c.ID), map[bool]int{true: 1}[tc.report])
			after := anna.Get(done.Location)
			status(t, name+" after", after, 200)
			says(t, name+" after", after, append(tc.after, "Pull the next case")...)
			equal(t, name+" opens no picture any more", r.Viewer.State(t.Context(), c.ID).State, "unclaimed")
		}
	})
}

// Nothing but sure decides: not a decision alone, not back, and not a form without any button.
func TestOnlySureDecides(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, bram, _ *consoletest.Visitor) {
		t := r.T
		r.Matched(1)
		at := pull(t, anna)
		for _, fields := range [][]string{{"decision", "not_abuse"}, {}, {"words", "x"}, {"decision", "not_abuse", "back", "yes"}, {"decision", "not_abuse", "sure", "no"},
			{"decision", "abuse", "sure", "yes"}, {"decision", "burn", "sure", "yes"}, {"decision", "abuse", "role", "king", "sure", "yes"},
			{"decision", "not_abuse", "sure", "yes", "age_min", "3", "age_basis", "stated"}} {
			got := anna.Post(at+"/decide", fields...)
			if c := caseAt(r, at); c.State != review.Open || got.Status == 303 {
				t.Fatalf("%v decided: %d", fields, got.Status)
			}
		}
		status(t, "somebody else", bram.Post(at+"/decide", "decision", "not_abuse", "sure", "yes"), 403)
		equal(t, "still open", caseAt(r, at).State, "open")

		page := anna.Get(at).Body
		_, form, _ := strings.Cut(page, `/decide"`)
		first := form[strings.Index(form, "<button"):]
		if !strings.HasPrefix(first, `<button type="submit" disabled>`) {
			t.Errorf("Enter would press %.80s", first)
		}
		_, form, _ = strings.Cut(anna.Post(at+"/decide", "decision", "not_abuse").Body, `/decide"`)
		first = form[strings.Index(form, "<button"):]
		if !strings.HasPrefix(first, `<button name="back" value="yes" autofocus>`) {
			t.Errorf("the guard's first button is %.80s", first)
		}

		key := []string{"decision", "not_abuse", "sure", "yes", "once", "o_1"} // the control, pressed twice
		status(t, "sure", anna.Post(at+"/decide", key...), 303)
		status(t, "sure again", anna.Post(at+"/decide", key...), 303)
		equal(t, "once", []any{caseAt(r, at).State, lines(r, caseAt(r, at), "cases.decide")}, "[decided 1]")
	})
}

// What is wrong is said beside its field, all of it at once, and everything typed is still there.
func TestFaultsKeepWhatWasTyped(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, _, _ *consoletest.Visitor) {
		t := r.T
		r.Matched(1)
		at := pull(t, anna)
		typed := []string{"decision", "urgent", "pressure", "yes", "age_min", "9", "age_max", "11", "age_basis", "seen",
			"production", "livestream", "production_basis", "not_assessed", "channel", "web", "channel", "forum", "channel_basis", "stated", "relation_basis", "stated"}
		got := anna.Post(at+"/decide", typed...)
		status(t, "faults", got, 400)
		says(t, "faults", got, "Nothing was decided", "The role of the uploader is missing", "Your own words are missing", "Pressure does not go with this decision",
			"This was not seen", "The basis is missing", "The value is missing")
		for _, kept := range []string{`name="age_min" type="number" inputmode="numeric" min="0" max="120" step="1" value="9"`, `value="livestream" selected`,
			`name="channel" value="forum" checked`, `value="yes" checked`, `<details id="observations" open`} {
			if !strings.Contains(got.Body, kept) {
				t.Errorf("%q is not kept", kept)
			}
		}
		silent(t, "no role is preselected", got, `name="role" value="unknown" checked`, `name="role" value="uploader" checked`)

		right := []string{"decision", "abuse", "role", "both", "words", "two  words", "age_min", "9", "age_max", "11", "age_basis", "stated",
			"channel", "web", "channel", "forum", "channel_basis", "stated"}
		guard := anna.Post(at+"/decide", right...)
		status(t, "guard", guard, 200)
		says(t, "guard", guard, "9 to 11 years, stated by someone", "website, stated by someone", "forum, stated by someone", "although it uploaded the picture itself")
		back := anna.Post(at+"/decide", append(answersOf(t, guard), "back", "yes")...)
		status(t, "back", back, 200)
		for _, kept := range []string{`name="role" value="both" checked`, ">two  words</textarea>", `name="channel" value="web" checked`, `value="11"`} {
			if !strings.Contains(back.Body, kept) {
				t.Errorf("%q is not kept on the way back", kept)
			}
		}
		status(t, "sure", anna.Post(at+"/decide", append(answersOf(t, guard), "sure", "yes")...), 303)
		c := caseAt(r, at)
		equal(t, "observed", c.Observed, "[{age  9 11 stated} {channel web 0 0 stated} {channel forum 0 0 stated}]")
	})
}

// Who lost the claim reads so and gets back what they typed; nothing is recorded, and no fact shown.
func TestLostClaimKeepsWhatWasTyped(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, bram, _ *consoletest.Visitor) {
		t := r.T
		r.Matched(1)
		at := pull(t, anna)
		status(t, "while it holds", anna.Get(at), 200)
		r.Clock.Advance(review.ClaimTime + 1)
		for _, who := range []string{"nobody took it", "bram took it"} {
			got := anna.Post(at+"/decide", "decision", "urgent", "role", "uploader", "words", "my long words", "sure", "yes")
			status(t, who, got, map[string]int{"nobody took it": 409, "bram took it": 403}[who])
			says(t, who, got, "You do not hold this case", "my long words", "only uploaded it", "Pull the next case")
			silent(t, who, got, "our secret garden", "blue.heron")
			parked := anna.Post(at+"/park", "question", "my long question")
			says(t, who, parked, "You do not hold this case", "my long question")
			read := anna.Get(at)
			says(t, who, read, "You do not hold this case")
			silent(t, who, read, "our secret garden", "blue.heron")
			if who == "nobody took it" {
				equal(t, "bram pulls it", pull(t, bram), at)
			}
		}
		equal(t, "still open", caseAt(r, at).State, "open")
		says(t, "the control", bram.Get(at), "our secret garden")
	})
}
