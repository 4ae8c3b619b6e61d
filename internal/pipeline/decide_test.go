package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
)

// An effect is everything that can follow from a decision, as it is found in the rooms.
type effect struct {
	Report   string // state and recipient, "none" without one
	Evidence string // state, rule, and how long after the decision it ends
	Actions  string // after the first withhold: kind, state, payload
	Flagged  int64  // bank entries
	Alarms   int64
}

func (h *house) effect(c review.Case) (e effect) {
	h.t.Helper()
	e.Report = look(h, func(tx *store.Tx) (string, error) {
		r, err := report.OfCase(tx, c.ID)
		if houvast.KindOf(err) == houvast.NotFound {
			return "none", nil
		}
		return fmt.Sprintf("%s to %s, %s", r.State, r.Recipient, r.Environment), err
	})
	ev := h.evidence(c.ID)
	e.Evidence = fmt.Sprintf("%s, %s, no end", ev.State, ev.Why)
	if !ev.Destroy.IsZero() {
		e.Evidence = fmt.Sprintf("%s, %s, ends after %s", ev.State, ev.Why, ev.Destroy.Sub(monday))
	}
	var all []string
	for _, a := range look(h, func(tx *store.Tx) ([]action.Action, error) { return action.About(tx, string(c.Item)) })[1:] {
		all = append(all, fmt.Sprintf("%s %s %s", a.Kind, a.State, a.Payload))
	}
	e.Actions = strings.Join(all, "; ")
	e.Flagged = h.number("SELECT COUNT(*) FROM bank_entry e JOIN bank b ON b.id = e.bank WHERE e.flagged <> 0 AND b.name = $1", c.Bank)
	e.Alarms = h.number("SELECT COUNT(*) FROM audit_line WHERE action = 'case.alarm' AND subject = $1", c.ID.String())
	return e
}

func (h *house) evidence(c houvast.CaseID) evidence.Evidence {
	h.t.Helper()
	return look(h, func(tx *store.Tx) (evidence.Evidence, error) { return evidence.OfCase(tx, c) })
}

// The rows of the table "What a decision does", by hand from the description of the product. None of
// it is taken from the code that it judges.
const (
	drafted   = "draft to clearinghouse, practice"
	kept      = `withhold done {"decision":"kept withheld"}`
	removal   = `remove proposed {"protective":false}`
	protected = `remove proposed {"ban":false,"help_card":true,"protective":true}`
	shown     = `release done {}`
	waiting   = "held, report, no end" // preserved from filing
)

func decisionTable() []decisionRow {
	return []decisionRow{
		{v: review.Verdict{Decision: houvast.DecideAbuse, Role: houvast.RoleUploader},
			now: effect{drafted, waiting, kept + "; " + removal, 0, 0}, after: "held"},
		{v: review.Verdict{Decision: houvast.DecideUrgent, Role: houvast.RoleUploader, Words: "a child says that it is in danger tonight"},
			now: effect{drafted, waiting, kept + "; " + removal, 0, 1}, after: "held"},
		{v: review.Verdict{Decision: houvast.DecideOwn, Role: houvast.RoleBoth}, second: true,
			now: effect{"none", "held, own, ends after 24h0m0s", kept + "; " + protected, 0, 0}, after: "destroyed", gone: 24 * time.Hour},
		{name: "own under pressure", v: review.Verdict{Decision: houvast.DecideOwn, Role: houvast.RoleBoth, Pressure: true}, second: true,
			now: effect{drafted, waiting, kept + "; " + protected, 0, 0}, after: "held"},
		{v: review.Verdict{Decision: houvast.DecideAgeInDoubt}, second: true,
			now: effect{"none", "held, age_in_doubt, ends after 336h0m0s", kept, 0, 0}, after: "destroyed", gone: 14 * 24 * time.Hour},
		{v: review.Verdict{Decision: houvast.DecideDrawn, Role: houvast.RoleUploader}, second: true,
			now: effect{"none", "held, drawn, ends after 24h0m0s", kept + "; " + removal, 0, 0}, after: "destroyed", gone: 24 * time.Hour},
		{name: "drawn where it is reported", v: review.Verdict{Decision: houvast.DecideDrawn, Role: houvast.RoleUploader}, second: true, drawn: review.DrawnPolicy{Report: true},
			now: effect{drafted, waiting, kept + "; " + removal, 0, 0}, after: "held"},
		{name: "drawn where it may stay", v: review.Verdict{Decision: houvast.DecideDrawn, Role: houvast.RoleUploader}, second: true, drawn: review.DrawnPolicy{Keep: true},
			now: effect{"none", "held, drawn, ends after 24h0m0s", shown, 0, 0}, after: "destroyed", gone: 24 * time.Hour},
		{v: review.Verdict{Decision: houvast.DecideFamily},
			now: effect{"none", "held, family_medical_art, ends after 24h0m0s", shown, 0, 0}, after: "destroyed", gone: 24 * time.Hour},
		{v: review.Verdict{Decision: houvast.DecideNotAbuse},
			now: effect{"none", "held, not_abuse, ends after 24h0m0s", shown, 1, 0}, after: "destroyed", gone: 24 * time.Hour},
		{v: review.Verdict{Decision: houvast.DecideCannotTell}, second: true,
			now: effect{"none", "held, cannot_tell, ends after 168h0m0s", kept, 0, 0}, after: "destroyed", gone: 7 * 24 * time.Hour,
			end: `release done {"reason":"the hold ended"}`},
	}
}

type decisionRow struct {
	name   string
	v      review.Verdict
	drawn  review.DrawnPolicy
	second bool // nothing happens before a second person agrees
	now    effect
	after  string        // state of the evidence long after
	gone   time.Duration // when the bytes go, 0 = not by themselves
	end    string        // what the platform is told then, with an alarm

	item houvast.ItemID
	id   houvast.CaseID
}

// Each decision has exactly the effects of its row, none before the second person agrees where the
// row wants one, and the bytes end when the row says.
func TestDecisionsDoWhatTheTableSays(t *testing.T) {
	rows := decisionTable()
	named := map[houvast.Decision]bool{}
	for i := range rows {
		if named[rows[i].v.Decision] = true; rows[i].name == "" {
			rows[i].name = string(rows[i].v.Decision)
		}
	}
	for _, d := range houvast.Decisions() {
		if !named[d] {
			t.Errorf("no row for %s", d)
		}
	}
	each(t, func(t *testing.T, h *house) {
		rows := append([]decisionRow(nil), rows...)
		for i := range rows {
			h.decideRow(&rows[i], uint64(200+i))
		}
		h.quiet()
		equal(t, "second persons", h.number("SELECT COUNT(*) FROM review_case WHERE seconded_by = 'user:bob'"), 7)
		h.follow(rows)
	})
}

func (h *house) decideRow(row *decisionRow, seed uint64) {
	t := h.t
	t.Helper()
	a := picture(seed)
	h.Settings.Drawn = row.drawn
	h.bank(fmt.Sprint("list", seed), houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(a))
	row.item = h.bring(a, facts())
	h.quiet()
	c, _ := h.opened(row.item)
	row.id = c.ID
	before := h.effect(c)
	equal(t, row.name+" undecided", before, effect{"none", "held, undecided, ends after 2160h0m0s", "", 0, 0})

	out := h.decide("alice", row.item, row.v)
	h.quiet()
	if row.second {
		equal(t, row.name+", state", out.State, review.Second)
		equal(t, row.name+" before the second person", h.effect(c), before)
		_, err := h.Confirm(t.Context(), ask("alice", "cases.confirm"), c.ID, 0, true, "")
		kind(t, row.name+" confirmed by who decided", err, houvast.Forbidden, "four-eyes")
		equal(t, row.name+" after that", h.effect(c), before)
		got, err := h.Confirm(t.Context(), ask("bob", "cases.confirm"), c.ID, 0, true, "")
		out = must(t, got, err)
		h.quiet()
	}
	equal(t, row.name+", state", out.State, review.Decided)
	equal(t, row.name, h.effect(c), row.now)
	if hasReport := row.now.Report != "none"; hasReport != (out.Report != 0) {
		t.Errorf("%s: the answer names report %q", row.name, out.Report)
	}
	if row.v.Words != "" {
		_, content, _, err := h.ReportContent(t.Context(), out.Report)
		equal(t, "words of the escalation", must(t, content, err).Words, row.v.Words)
	}
}

// follow lets time pass and compares what became of each case.
func (h *house) follow(rows []decisionRow) {
	h.t.Helper()
	now := time.Duration(0)
	for _, until := range []time.Duration{24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour, 200 * 24 * time.Hour} {
		for _, moment := range []time.Duration{until - time.Microsecond, until} {
			h.advance(moment - now)
			h.sweep()
			now = moment
			for _, row := range rows {
				want := evidence.Held
				if row.gone != 0 && now >= row.gone {
					want = evidence.Destroyed
				}
				equal(h.t, fmt.Sprintf("%s after %s", row.name, now), h.evidence(row.id).State, want)
			}
		}
	}
	for _, row := range rows {
		c := look(h, func(tx *store.Tx) (review.Case, error) { return review.Get(tx, row.id) })
		equal(h.t, row.name+", bytes in the end", h.evidence(row.id).State, row.after)
		got, want := h.effect(c), row.now
		if row.end != "" {
			want.Actions, want.Alarms = want.Actions+"; "+row.end, want.Alarms+1
		}
		if row.name == string(houvast.DecideAgeInDoubt) {
			want.Alarms++ // it stays withheld, and somebody is told
		}
		got.Evidence, want.Evidence = "", ""
		equal(h.t, row.name+" in the end", got, want)
	}
}

// What is sent back is undecided again: nothing follows, the words are gone, somebody else may take
// it, and it can be decided anew.
func TestSecondPersonSendsBack(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a := picture(1)
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(a))
		id := h.bring(a, facts())
		h.quiet()
		v := review.Verdict{Decision: houvast.DecideOwn, Role: houvast.RoleBoth, Words: "seen before in this class"}
		h.decide("alice", id, v)
		c, _ := h.opened(id)
		before := h.effect(c)
		out, err := h.Confirm(t.Context(), ask("bob", "cases.confirm"), c.ID, 0, false, "")
		equal(t, "state", must(t, out, err).State, review.Open)
		h.quiet()
		equal(t, "effects", h.effect(c), before)
		c, _ = h.opened(id)
		if c.Returns != 1 || c.Decision != "" || c.Words != nil || c.DecidedBy != "" {
			t.Errorf("after it was sent back the case is %+v", c)
		}
		_, err = h.Confirm(t.Context(), ask("bob", "cases.confirm"), c.ID, 0, true, "")
		kind(t, "agreeing afterwards", err, houvast.Conflict, "wrong-state")
		h.decide("bob", id, v)
		out, err = h.Confirm(t.Context(), ask("alice", "cases.confirm"), c.ID, 0, true, "")
		equal(t, "state", must(t, out, err).State, review.Decided)
		h.quiet()
		equal(t, "effects", h.effect(c).Actions, kept+"; "+protected)
		_, _, words, err := h.Case(t.Context(), c.ID)
		equal(t, "words", must(t, words, err), v.Words)
	})
}

// A team that has said that it is a single person may be its own second person.
func TestSelfApproval(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.Settings.SelfApproval = true
		a := picture(1)
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(a))
		id := h.bring(a, facts())
		h.quiet()
		h.decide("alice", id, review.Verdict{Decision: houvast.DecideAgeInDoubt})
		c, _ := h.opened(id)
		out, err := h.Confirm(t.Context(), ask("alice", "cases.confirm"), c.ID, 0, true, "")
		equal(t, "state", must(t, out, err).State, review.Decided)
	})
}

// A verdict that lacks what its consequence needs changes nothing.
func TestRefusedVerdicts(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a := picture(1)
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(a))
		id := h.bring(a, facts())
		h.quiet()
		c, _ := h.opened(id)
		_, err := h.Decide(t.Context(), ask("alice", "cases.decide"), c.ID, review.Verdict{Decision: houvast.DecideNotAbuse})
		kind(t, "without a claim", err, houvast.Conflict, "claim-lost")
		h.claim("alice", id)
		before := h.effect(c)
		seen := []houvast.Observation{{What: houvast.AspectAge, Min: 8, Max: 10, Basis: houvast.BasisSeen}}
		for _, r := range []struct {
			v    review.Verdict
			code string
		}{
			{review.Verdict{Decision: "csam"}, "bad-decision"},
			{review.Verdict{Decision: houvast.DecideAbuse}, "role-missing-for-report"},
			{review.Verdict{Decision: houvast.DecideUrgent, Role: houvast.RoleUploader, Words: " \n"}, "words-missing"},
			{review.Verdict{Decision: houvast.DecideOwn, Pressure: true}, "role-missing-for-report"},
			{review.Verdict{Decision: houvast.DecideNotAbuse, Pressure: true, Role: houvast.RoleChild}, "bad-pressure"},
			{review.Verdict{Decision: houvast.DecideAbuse, Role: houvast.RoleUploader, Observations: seen}, "not-seen"},
			{review.Verdict{Decision: houvast.DecideUrgent, Role: houvast.RoleUploader, Words: strings.Repeat("w", 3001)}, "words-too-long"},
		} {
			_, err := h.Decide(t.Context(), ask("alice", "cases.decide"), c.ID, r.v)
			kind(t, string(r.v.Decision), err, houvast.KindOf(err), r.code)
			equal(t, r.code+", effects", h.effect(c), before)
		}
		c, _ = h.opened(id)
		equal(t, "state", c.State, review.Open)
		if _, err := h.Decide(t.Context(), ask("alice", "cases.decide"), c.ID, review.Verdict{Decision: houvast.DecideNotAbuse}); err != nil {
			t.Errorf("a good verdict after refused ones: %v", err)
		}
		_, err = h.Decide(t.Context(), ask("alice", "cases.decide"), c.ID, review.Verdict{Decision: houvast.DecideAbuse, Role: houvast.RoleUploader})
		kind(t, "deciding twice", err, houvast.Conflict, "wrong-state")
	})
}

// What the operator's rule makes of a drawing is a report like any other: it needs the uploader's role.
func TestDrawnReportNeedsARole(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		data := picture(1)
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(data))
		id := h.bring(data, facts())
		h.quiet()
		c, _, err := h.NextCase(t.Context(), ask("alice", "review.next"))
		equal(t, "the case", must(t, c, err).Item, id)
		h.Settings.Drawn = review.DrawnPolicy{Report: true}
		_, err = h.Decide(t.Context(), ask("alice", "cases.decide"), c.ID, review.Verdict{Decision: houvast.DecideDrawn})
		kind(t, "without a role", err, houvast.Invalid, "role-missing-for-report")
		h.Settings.Drawn = review.DrawnPolicy{}
		out, err := h.Decide(t.Context(), ask("alice", "cases.decide"), c.ID, review.Verdict{Decision: houvast.DecideDrawn})
		equal(t, "control: nothing is reported", must(t, out, err).State, review.Second)
	})
}
