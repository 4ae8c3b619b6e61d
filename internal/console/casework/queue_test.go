package casework_test

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/review"
)

// The queue offers one thing. Skipping, asking again, and a claim that is held change what that is.
func TestQueue(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, _, _ *consoletest.Visitor) {
		t := r.T
		says(t, "empty", anna.Get("/console/queue"), "No case waits for you", "New matches come here by themselves.")
		got := anna.Post("/console/next")
		status(t, "nothing to pull", got, 404)
		says(t, "nothing to pull", got, "No case is waiting", "No case waits for you")

		r.Matched(1)
		page := anna.Get("/console/queue")
		says(t, "one", page, "1 case waits", "2027-03-01 09:00 UTC", "Pull the next case")
		silent(t, "nothing can be picked", page, "case_", "our secret garden", "list_")
		if !strings.Contains(page.Body, `<button class="main" data-key="n">`) {
			t.Error("n does not reach the button")
		}
		at := pull(t, anna)
		page = anna.Get("/console/queue")
		says(t, "held", page, "You hold a case", "Your claim holds until 2027-03-01 09:10 UTC")
		if !strings.Contains(page.Body, `href="`+at+`"`) {
			t.Error("there is no way back to the case")
		}
		equal(t, "pulling again gives the same", pull(t, anna), at)

		equal(t, "skipped", anna.Post(at+"/skip").Location, "/console/queue?said=skipped")
		page = anna.Get("/console/queue?said=skipped")
		says(t, "skipped", page, "It waits for somebody else.", "You skipped 1 case", "Only cases that you skipped are waiting.")
		says(t, "lost after skipping", anna.Get(at), "You do not hold this case")
		says(t, "only skipped", anna.Post("/console/next"), "Only cases that you skipped are waiting")
		equal(t, "asked again", anna.Post("/console/unskip").Location, "/console/queue?said=unskipped")
		equal(t, "and pulled", pull(t, anna), at)
		says(t, "a notice of nobody's", anna.Get("/console/queue?said=nonsense"), "You hold a case")
		equal(t, "lines", []int64{lines(r, caseAt(r, at), "review.skip"), r.Number("SELECT COUNT(*) FROM audit_line WHERE action = 'review.unskip'")}, "[1 1]")
	})
}

// A claim is kept for the script in seconds and for a reader on the page; a lost one is neither.
func TestExtend(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, bram, _ *consoletest.Visitor) {
		t := r.T
		r.Matched(1)
		at := pull(t, anna)
		if page := anna.Get(at); !strings.Contains(page.Body, `data-claim="`+at+`/extend" data-claim-left="600"`) {
			t.Error("the page does not say how long the claim holds")
		}
		r.Clock.Advance(review.ClaimTime / 2)
		if page := anna.Get(at); !strings.Contains(page.Body, `data-claim-left="300"`) {
			t.Error("half the time is not gone")
		}
		equal(t, "script", anna.Script(at+"/extend").Body, `{"left":600}`)
		equal(t, "reader", anna.Post(at+"/extend").Location, at)
		equal(t, "not theirs", bram.Script(at+"/extend").Status, 409)
		r.Clock.Advance(review.ClaimTime + 1)
		equal(t, "script, lost", anna.Script(at+"/extend").Status, 409)
		says(t, "reader, lost", anna.Post(at+"/extend"), "You do not hold this case")
		says(t, "page, lost", anna.Get(at), "You do not hold this case")
		dora := r.Hire("dora", access.Reviewer, access.Approver) // sees every case, and must still read that hers is gone
		at = pull(t, dora)
		r.Clock.Advance(review.ClaimTime + 1)
		says(t, "page of an overseer, lost", dora.Get(at), "You do not hold this case")
	})
}

// Who is in doubt asks; a colleague reads facts and question without a picture and answers; who asked
// goes on with the answer.
func TestAdvice(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, bram, cleo *consoletest.Visitor) {
		t := r.T
		r.Matched(1)
		r.Matched(2)
		at := pull(t, anna)
		asked := strings.Replace(at, "/case/", "/parked/", 1)
		says(t, "not parked yet", bram.Get(asked), "Nobody waits for advice")
		got := anna.Post(at+"/park", "question", "  ")
		status(t, "no question", got, 400)
		says(t, "no question", got, "Your own words are missing", "our secret garden")
		equal(t, "parked", anna.Post(at+"/park", "question", "Is it the same gate?").Location, "/console/queue?said=parked")
		says(t, "queue", anna.Get("/console/queue?said=parked"), "The case waits for advice.", "1 case of yours waits for advice", "1 case waits")
		says(t, "mine", anna.Get("/console/parked"), "Your questions", "Is it the same gate?", "Nobody has answered yet.")
		equal(t, "my own question", anna.Get(asked).Location, "/console/parked")
		says(t, "the case is nobody's", anna.Get(at), "You do not hold this case")

		list := bram.Get("/console/parked")
		says(t, "others", list, "Questions of colleagues", "anna, 2027-03-01 09:00 UTC")
		silent(t, "others", list, "Is it the same gate?", "our secret garden")
		page := bram.Get(asked)
		says(t, "advice", page, "our secret garden", "Is it the same gate?", "Your advice")
		silent(t, "advice", page, "data-reveal", "canvas", `name="decision"`)
		got = bram.Post(at + "/advise")
		status(t, "no words", got, 400)
		says(t, "no words", got, "Your own words are missing")
		long := strings.Repeat("x", review.MaxNoteWords+1)
		got = bram.Post(at+"/advise", "words", long)
		says(t, "too many words", got, "The text is too long", long)
		equal(t, "advised", bram.Post(at+"/advise", "words", "No, another one.").Location, "/console/parked?said=advised")
		says(t, "thanks", bram.Get("/console/parked?said=advised"), "Your advice is with the case.")
		says(t, "the approver may", cleo.Get(asked), "No, another one.")
		status(t, "nobody answers their own", anna.Post(at+"/advise", "words", "I say so"), 403)
		status(t, "nobody else resumes", bram.Post(at+"/resume"), 403)

		second := pull(t, anna)
		got = anna.Post(at + "/resume")
		status(t, "resume while holding", got, 409)
		says(t, "resume while holding", got, "Your questions")
		status(t, "skip", anna.Post(second+"/skip"), 303)
		equal(t, "resumed", anna.Post(at+"/resume").Location, at)
		says(t, "resumed", anna.Get(at), "What colleagues said", "Advice, bram", "No, another one.", "Your decision")
		equal(t, "prepared", r.Viewer.State(t.Context(), caseAt(r, at).ID).State != "unclaimed", true)
		says(t, "over", bram.Post(at+"/advise", "words", "Late."), "Nobody waits for advice")
	})
}

var readField = regexp.MustCompile(`<input type="hidden" name="read" value="(-?[0-9]+)">`)

// readOf is the decision that a page of the second person carries, "" when it has no form.
func readOf(page consoletest.Reply) string {
	if m := readField.FindStringSubmatch(page.Body); m != nil {
		return m[1]
	}
	return ""
}

// confirm answers the decision that stands on the page of a case now.
func confirm(v *consoletest.Visitor, at string, fields ...string) consoletest.Reply {
	return v.Post(at+"/confirm", append(fields, "read", readOf(v.Get(at)))...)
}

// The second person reads facts and reasons without a picture, and agrees or sends back in words.
func TestSecondLook(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, bram, cleo *consoletest.Visitor) {
		t := r.T
		r.Matched(1)
		at := pull(t, anna)
		status(t, "decide", anna.Post(at+"/decide", "decision", "own", "pressure", "yes", "role", "child", "words", "she wrote that he asked for more", "sure", "yes"), 303)
		says(t, "not for who decided", anna.Get("/console/seconds"), "No decision waits for you")
		mine := anna.Get(at)
		says(t, "who decided reads", mine, "A case on record", "she wrote that he asked for more")
		silent(t, "who decided reads", mine, "/confirm")
		status(t, "who decided confirms", anna.Post(at+"/confirm", "answer", "agree"), 403)

		says(t, "queue", bram.Get("/console/queue"), "1 decision waits for a second person")
		list := bram.Get("/console/seconds")
		says(t, "list", list, "Young people’s own picture", "Child sexual abuse", "2027-03-01 09:00 UTC")
		silent(t, "list", list, "our secret garden", "u-4472", "anna")
		page := bram.Get(at)
		says(t, "second", page, "our secret garden", "is the child in the picture", "Pressure yes", "she wrote that he asked for more", "Do you agree?",
			"A report is drafted.", "as the victim, never as the reported person")
		silent(t, "second", page, "data-reveal", "canvas", "before a second person")
		got := bram.Post(at+"/confirm", "answer", "back")
		status(t, "back without words", got, 400)
		says(t, "back without words", got, "Your own words are missing", "Do you agree?")
		status(t, "no answer", bram.Post(at+"/confirm", "words", "x"), 400)
		equal(t, "nothing yet", caseAt(r, at).State, "second")
		equal(t, "back", confirm(bram, at, "answer", "back", "words", "Look at the date again.").Location, "/console/seconds?said=returned")
		says(t, "said", bram.Get("/console/seconds?said=returned"), "You sent the case back.")
		says(t, "too late", bram.Get(at), "You do not hold this case")
		equal(t, "after a return", anna.Get(at+"/after").Status, 403)

		equal(t, "pulled again", pull(t, anna), at)
		says(t, "pulled again", anna.Get(at), "A second person has sent this case back 1 time", "Sent back, bram", "Look at the date again.")
		status(t, "decide", anna.Post(at+"/decide", "decision", "own", "pressure", "yes", "role", "child", "sure", "yes"), 303)
		equal(t, "agreed", confirm(cleo, at, "answer", "agree", "words", "Yes.").Location, "/console/seconds?said=agreed")
		c := caseAt(r, at)
		equal(t, "decided", []any{c.State, c.SecondedBy, lines(r, c, "cases.confirm")}, "[decided user:cleo 2]")
		for who, v := range map[string]*consoletest.Visitor{"anna": anna, "cleo": cleo} {
			says(t, who+" after", v.Get(at+"/after"), "agreed: cleo", "To the report (draft)", "Then the lawful period begins.")
		}
		says(t, "not for others", bram.Get(at+"/after"), "You do not hold this case")
	})
}

// Who answers has read what they answer: a page of a decision that was sent back and taken again, or that
// says none, decides nothing, and what was typed is still there.
func TestAnswersWhatWasRead(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, bram, cleo *consoletest.Visitor) {
		t := r.T
		r.Matched(1)
		at := pull(t, anna)
		decide := func(decision string) {
			t.Helper()
			status(t, decision, anna.Post(at+"/decide", "decision", decision, "sure", "yes"), 303)
		}
		decide("age_in_doubt")
		old := readOf(bram.Get(at))
		equal(t, "back", confirm(cleo, at, "answer", "back", "words", "Once more.").Location, "/console/seconds?said=returned")
		gone := bram.Post(at+"/confirm", "answer", "agree", "read", old, "words", "my long words")
		status(t, "after a return", gone, 409)
		says(t, "after a return", gone, "What you entered", "my long words")
		silent(t, "after a return", gone, "our secret garden")

		equal(t, "pulled again", pull(t, anna), at)
		decide("own")
		for what, read := range map[string]string{"another decision": old, "none": "", "zero": "0", "words": "x"} {
			for _, answer := range []string{"agree", "back"} {
				got := bram.Post(at+"/confirm", "answer", answer, "read", read, "words", "my long words")
				status(t, what, got, 409)
				says(t, what, got, "This step is not possible now", "Do you agree?", "Young people’s own picture", "my long words")
				if readOf(got) != readOf(bram.Get(at)) || readOf(got) == old {
					t.Errorf("%s: the page carries %q", what, readOf(got))
				}
			}
		}
		c := caseAt(r, at)
		equal(t, "nothing yet", []any{c.State, c.Decision, lines(r, c, "cases.confirm")}, "[second own 1]")
		status(t, "the control", confirm(bram, at, "answer", "agree"), 303)
		equal(t, "agreed", caseAt(r, at).State, "decided")
		over := cleo.Post(at+"/confirm", "answer", "agree", "read", old, "words", "my long words")
		status(t, "when another has answered", over, 409)
		says(t, "when another has answered", over, "A case on record", "my long words", "What you entered")
	})
}

// Own questions are on the page however many others wait, and nothing is recorded that nobody did.
func TestOwnParkedAndEmptyDeeds(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, bram, _ *consoletest.Visitor) {
		t := r.T
		r.Matched(1)
		at := pull(t, anna)
		before := r.Number("SELECT COUNT(*) FROM audit_line")
		for range 3 {
			status(t, "unskip", anna.Post("/console/unskip"), 303)
			status(t, "extend", anna.Script(at+"/extend"), 200)
		}
		equal(t, "lines of nothing", r.Number("SELECT COUNT(*) FROM audit_line")-before, 0)
		r.Clock.Advance(31 * time.Second)
		status(t, "extend", anna.Script(at+"/extend"), 200)
		equal(t, "lines of an extension", r.Number("SELECT COUNT(*) FROM audit_line")-before, 1)
		status(t, "park", anna.Post(at+"/park", "question", "Is it one of a series?"), 303)
		says(t, "hers", anna.Get("/console/parked"), "Your questions", "Is it one of a series?")
		silent(t, "his", bram.Get("/console/parked"), "Is it one of a series?")
	})
}

// A team of one confirms its own decisions, and the pages say so.
func TestTeamOfOne(t *testing.T) {
	consoletest.Each(t, func(r *consoletest.Rig) {
		r.Settings.SelfApproval = true
		mount(r)
	}, func(r *consoletest.Rig) {
		t, anna := r.T, r.Hire("anna", access.Reviewer, access.Approver)
		r.Matched(1)
		at := pull(t, anna)
		says(t, "guard", anna.Post(at+"/decide", "decision", "cannot_tell"), "Your team is one person, so you confirm it yourself.")
		status(t, "decide", anna.Post(at+"/decide", "decision", "cannot_tell", "sure", "yes"), 303)
		says(t, "list", anna.Get("/console/seconds"), "Cannot tell")
		says(t, "second", anna.Get(at), "You decided this case yourself.")
		status(t, "agree", confirm(anna, at, "answer", "agree"), 303)
		says(t, "after", anna.Get(at+"/after"), "Our copy is held until 2027-03-08 09:00 UTC and then destroyed.")
	})
}

// The rule of an operator for drawn material is what its button says, and what a report needs it needs.
func TestDrawnAsConfigured(t *testing.T) {
	rules := []struct {
		rule           review.DrawnPolicy
		button, effect string
	}{
		{review.DrawnPolicy{}, "Then the item stays withheld, its removal is proposed", "No report is drafted."},
		{review.DrawnPolicy{Keep: true}, "Then the item is released", "The item is released"},
		{review.DrawnPolicy{Report: true}, "Then a report is drafted", "A report is drafted."},
	}
	for _, tc := range rules {
		t.Run(tc.effect, func(t *testing.T) {
			consoletest.Each(t, func(r *consoletest.Rig) {
				r.Settings.Drawn = tc.rule
				mount(r)
			}, func(r *consoletest.Rig) {
				anna := r.Hire("anna", access.Reviewer)
				r.Matched(1)
				at := pull(r.T, anna)
				says(r.T, "button", anna.Get(at), tc.button)
				got := anna.Post(at+"/decide", "decision", "drawn")
				if tc.rule.Report {
					status(r.T, "no role", got, 400)
					says(r.T, "no role", got, "The role of the uploader is missing")
					if sure := anna.Post(at+"/decide", "decision", "drawn", "sure", "yes"); sure.Status != 400 {
						r.T.Errorf("a report without a role: %d", sure.Status)
					}
					got = anna.Post(at+"/decide", "decision", "drawn", "role", "uploader")
				}
				says(r.T, "effect", got, tc.effect)
			})
		})
	}
}

// What the pages do not allow they do not do: by nobody, by the wrong role, from another site.
func TestRefused(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, _, cleo *consoletest.Visitor) {
		t := r.T
		root := r.Hire("root", access.Admin)
		eve := r.Hire("eve", access.Auditor)
		r.Matched(1)
		at := pull(t, anna)
		before := r.Number("SELECT COUNT(*) FROM audit_line")
		gets := []string{"/console/queue", at, at + "/after", at + "/picture", "/console/seconds", "/console/parked", strings.Replace(at, "/case/", "/parked/", 1)}
		posts := []string{"/console/next", "/console/unskip", at + "/decide", at + "/extend", at + "/skip", at + "/park", at + "/resume", at + "/grant", at + "/shown", at + "/confirm", at + "/advise"}
		for _, path := range gets {
			if got := r.Visitor().Get(path); got.Status != 303 || !strings.HasPrefix(got.Location, "/console/sign-in") {
				t.Errorf("nobody gets %s: %d", path, got.Status)
			}
			if got := root.Get(path); got.Status != 403 {
				t.Errorf("an admin gets %s: %d", path, got.Status)
			}
		}
		fields := []string{"decision", "not_abuse", "sure", "yes", "question", "x", "words", "x", "answer", "agree", "level", "mosaic", "reveal", "x", "ms", "1"}
		for _, path := range posts {
			for name, v := range map[string]*consoletest.Visitor{"nobody": r.Visitor(), "an admin": root, "an auditor": eve} {
				if got := v.Post(path, fields...); got.Status != 401 && got.Status != 403 {
					t.Errorf("%s posts %s: %d", name, path, got.Status)
				}
			}
			req := httptest.NewRequest("POST", consoletest.Origin+path, strings.NewReader("decision=not_abuse&sure=yes"))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Origin", "https://example.org")
			req.Header.Set("Sec-Fetch-Site", "cross-site")
			if got := anna.Do(req); got.Status != 403 {
				t.Errorf("another site posts %s: %d", path, got.Status)
			}
		}
		equal(t, "nothing was done", []any{r.Number("SELECT COUNT(*) FROM audit_line") - before, caseAt(r, at).State}, "[0 open]")
		for _, id := range []string{"/console/case/case_0000000000000", "/console/case/nonsense", "/console/case/report_0000000000001"} {
			for _, rest := range []string{"", "/after"} {
				if got := anna.Get(id + rest); got.Status != 404 && got.Status != 400 {
					t.Errorf("%s: %d", id+rest, got.Status)
				}
			}
		}
		status(t, "an overseer reads", cleo.Get(at), 200)
		says(t, "an overseer reads", eve.Get(at), "our secret garden", "A case on record")
		silent(t, "an overseer decides nothing", eve.Get(at), `name="decision"`, "data-reveal", "/confirm")
		status(t, "the control", anna.Post(at+"/decide", "decision", "not_abuse", "sure", "yes"), 303)
	})
}
