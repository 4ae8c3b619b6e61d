package pipeline_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip/submit"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/practice"
)

// draft walks one item as far as a draft.
func (h *house) draft(data []byte, v review.Verdict) (houvast.CaseID, houvast.ReportID) {
	h.t.Helper()
	h.bank(houvast.RandomText("list", 8), houvast.ChildAbuse, houvast.Verified, "sha256,category", rowSHA256(data)+",child_abuse")
	id := h.bring(data, facts())
	h.quiet()
	out := h.decide("alice", id, v)
	h.quiet()
	return out.Case, out.Report
}

func abuse() review.Verdict {
	return review.Verdict{Decision: houvast.DecideAbuse, Role: houvast.RoleUploader}
}

// approve lets a report be filed and waits until it was tried.
func (h *house) approve(id houvast.ReportID) {
	h.t.Helper()
	if state, err := h.Approve(h.t.Context(), ask("bob", "reports.approve"), id, 0); err != nil || state != report.Approved {
		h.t.Fatalf("%s: %v %v", state, err, houvast.Trace(err))
	}
	h.quiet()
}

func (h *house) report(id houvast.ReportID) report.Report {
	h.t.Helper()
	return look(h, func(tx *store.Tx) (report.Report, error) { return report.Get(tx, id) })
}

// events returns what the clearinghouse saw of a kind.
func (h *house) events(kind string) (all []practice.Event) {
	for _, e := range h.office.Events() {
		if e.Event == kind {
			all = append(all, e)
		}
	}
	return all
}

// blocking lists the rules that block a draft.
func (h *house) blocking(id houvast.ReportID) (rules []string) {
	h.t.Helper()
	all, err := h.CheckReport(h.t.Context(), id)
	for _, f := range must(h.t, all, err) {
		if f.Level == "block" {
			rules = append(rules, f.Rule)
		}
	}
	slices.Sort(rules)
	return rules
}

// A draft that lacks what a reader needs is blocked, is completed by people and configuration, is
// approved by who did not decide it, and is filed once.
func TestReportFromDraftToReceipt(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		data := picture(1)
		recipients, mail := h.Settings.Recipients, h.Settings.Reporter.Email
		h.Settings.Recipients, h.Settings.Reporter.Email = nil, ""
		c, id := h.draft(data, review.Verdict{Decision: houvast.DecideAbuse, Role: houvast.RoleUnknown})
		equal(t, "blocked by", h.blocking(id), []string{"recipient-none", "reporter-email", "role-unknown"})
		_, err := h.Approve(t.Context(), ask("bob", "reports.approve"), id, 0)
		kind(t, "approving it all the same", err, houvast.Invalid, "report-incomplete")

		h.Settings.Recipients, h.Settings.Reporter.Email = recipients, mail
		if _, err := h.SendBack(t.Context(), ask("bob", "reports.return"), id, "who is this"); err != nil {
			t.Fatal(err)
		}
		equal(t, "blocked by", h.blocking(id), []string{"role-unknown"})
		_, content, _, err := h.Report(t.Context(), id)
		equal(t, "sent back with", must(t, content, err).Returned, "who is this")
		state, err := h.Amend(t.Context(), ask("alice", "reports.amend"), id, report.Amendment{Role: houvast.RoleUploader, ScreenName: "blue.heron.4472"})
		equal(t, "state", must(t, state, err), report.Draft)
		equal(t, "blocked by", h.blocking(id), []string(nil))
		_, err = h.Approve(t.Context(), ask("alice", "reports.approve"), id, 0)
		kind(t, "approved by who decided", err, houvast.Forbidden, "self-approval")
		h.sweep()
		equal(t, "calls before the approval", len(h.office.Events()), 0)

		h.clock.Advance(time.Hour)
		h.approve(id)
		h.sweep()
		done := h.events(practice.Finished)
		if len(done) != 1 || len(h.events(practice.Opened)) != 1 || len(done[0].Files) != 1 {
			t.Fatalf("the clearinghouse saw %+v", h.office.Events())
		}
		equal(t, "reported", done[0].Identifiers, []string{facts().Account.ID})
		equal(t, "victims", done[0].Victims, 0)
		equal(t, "bytes", done[0].Files[0].SHA256+" "+done[0].Files[0].MD5, rowSHA256(data)+" "+rowMD5(data))
		equal(t, "viewed", done[0].Files[0].Viewed, "false")
		r := h.report(id)
		equal(t, "report", []any{r.State, r.Remote, r.Finished, r.Viewed, r.Trouble}, []any{report.Finished, done[0].ReportID, monday.Add(time.Hour), false, ""})

		e := h.evidence(c)
		equal(t, "evidence", []any{e.State, e.Why, e.Law, e.Started, e.Destroy},
			[]any{evidence.Preserved, "preserved", "18 U.S.C. 2258A(h)", monday.Add(time.Hour), monday.Add(time.Hour).AddDate(0, 0, 365)})
		_, err = h.Retract(t.Context(), ask("bob", "reports.retract"), id)
		kind(t, "withdrawing what is filed", err, houvast.Conflict, "wrong-state")
		equal(t, "actions of kind report", h.number("SELECT COUNT(*) FROM action WHERE kind = 'report' AND state = 'done'"), 1)
		s := searchFor(append(told(), "blue.heron.4472", "who is this"), data)
		equal(t, "found in clear", h.residue(s), []string(nil))
		h.planted(s, "who is this", data)
	})
}

// Whose picture it is decides who is reported: a child in it is a victim and never the reported
// person.
func TestChildIsNeverReported(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for i, role := range houvast.Roles() {
			if role == houvast.RoleUnknown {
				continue // is blocked, see above
			}
			_, id := h.draft(picture(uint64(20+i)), review.Verdict{Decision: houvast.DecideAbuse, Role: role})
			h.approve(id)
			all := h.events(practice.Finished)
			last := all[len(all)-1]
			child := role == houvast.RoleChild || role == houvast.RoleBoth
			if (len(last.Identifiers) == 0) != child || (last.Victims == 1) != child {
				t.Errorf("%s: reported %v, %d victims", role, last.Identifiers, last.Victims)
			}
		}
	})
}

// What is sent is sealed as a snapshot before the call that cannot be taken back, and opens to what
// was sent.
func TestSnapshotBeforeFinish(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		refuse := func(c practice.Call) (f practice.Fault) {
			if c.Endpoint == "finish" {
				f = practice.Fault{Kind: practice.Status, Status: 503}
			}
			return f
		}
		h.fault.Store(&refuse)
		c, id := h.draft(picture(1), abuse())
		equal(t, "snapshot of a draft", h.evidence(c).Snapshot, "")
		h.approve(id)
		r, e := h.report(id), h.evidence(c)
		equal(t, "while finish fails", []any{r.State, e.State}, []any{report.Finishing, evidence.Held})
		if len(h.events(practice.Finished)) != 0 || len(h.events(practice.Faulted)) == 0 {
			t.Fatalf("the clearinghouse saw %+v", h.office.Events())
		}
		sealed, _, err := h.Blobs.Get(t.Context(), e.Snapshot)
		must(t, sealed, err)
		defer sealed.Close()
		plain, err := h.Keys.Open(t.Context(), sealed, seal.KeyID(e.Key))
		b, err2 := io.ReadAll(must(t, plain, err))
		var docs report.Documents
		if err2 != nil || json.Unmarshal(b, &docs) != nil || !strings.Contains(docs.Report, facts().Account.ID) || !strings.Contains(docs.FileDetails, r.File) {
			t.Errorf("the snapshot does not hold what was sent: %v, %q", err2, b)
		}
		equal(t, "the document as the clearinghouse got it", h.events(practice.Opened)[0].SubmitSHA256, rowSHA256([]byte(docs.Report)))
		equal(t, "found in clear", h.residue(searchFor(told())), []string(nil))

		_, err = h.Retract(t.Context(), ask("bob", "reports.retract"), id)
		kind(t, "withdrawing what is being finished", err, houvast.Conflict, "wrong-state")
		h.fault.Store(nil)
		h.advance(time.Hour)
		equal(t, "finished", len(h.events(practice.Finished)), 1)
		equal(t, "opened", len(h.events(practice.Opened)), 1)
		equal(t, "the snapshot that stays", h.evidence(c).Snapshot, e.Snapshot)
		equal(t, "blobs", len(h.names()), 2)
	})
}

// What a report says about viewing comes from the recorded reveals: the whole file, in colour, served
// and shown for a second.
func TestViewedComesFromReveals(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for i, r := range []struct {
			name   string
			level  review.Level
			whole  bool
			served bool
			shown  int64
			viewed string
		}{
			{"nothing", "", false, false, 0, "false"},
			{"granted only", review.LevelColour, true, false, 0, "false"},
			{"too short", review.LevelColour, true, true, 999, "false"},
			{"in grey", review.LevelGrey, true, true, 5000, "false"},
			{"a part", review.LevelColour, false, true, 5000, "false"},
			{"in full", review.LevelColour, true, true, 1000, "true"},
		} {
			data := picture(uint64(30 + i))
			h.bank("list"+r.name[:1]+string(rune('a'+i)), houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(data))
			item := h.bring(data, facts())
			h.quiet()
			h.claim("alice", item)
			c, _ := h.opened(item)
			if r.level != "" {
				h.reveal(c.ID, r.level, r.whole, r.served)
				h.clock.Advance(time.Minute)
				if n := h.number("SELECT MAX(id) FROM reveal WHERE case_id = $1", c.ID); r.served {
					h.update(func(tx *store.Tx) error { _, _, _, err := review.Shown(tx, n, "user:alice", r.shown); return err })
				}
			}
			out, err := h.Decide(t.Context(), ask("alice", "cases.decide"), c.ID, abuse())
			must(t, out, err)
			h.approve(out.Report)
			done := h.events(practice.Finished)
			equal(t, r.name+", fileViewedByEsp", done[len(done)-1].Files[0].Viewed, r.viewed)
			equal(t, r.name+", viewed", h.report(out.Report).Viewed, r.viewed)
		}
	})
}

// reveal takes the steps up to level; only the last one may be of a part, or never served.
func (h *house) reveal(c houvast.CaseID, level review.Level, whole, served bool) {
	h.t.Helper()
	for _, step := range review.Levels() {
		last := step == level
		h.update(func(tx *store.Tx) error {
			n, err := review.Grant(tx, c, "user:alice", step, whole || !last)
			if err == nil && (served || !last) {
				err = review.Served(tx, n)
			}
			return err
		})
		if last {
			return
		}
	}
}

// A report that was drafted for practice is never sent by a credential for something else: nothing
// leaves, and a person must look.
func TestEnvironmentIsBound(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		out := &recorder{}
		client, err := submit.New(submit.Test, submit.Test.BaseURL(), "us", "pass", &http.Client{Transport: out})
		right := h.Settings.Recipients
		h.Settings.Recipients = []pipeline.Recipient{{Name: right[0].Name, Environment: houvast.Practice, Client: must(t, client, err)}}
		c, id := h.draft(picture(1), abuse())
		h.approve(id)
		r := h.report(id)
		if r.State != report.NeedsHuman || !strings.Contains(r.Trouble, "credential is for test") {
			t.Errorf("the report is %s: %s", r.State, r.Trouble)
		}
		equal(t, "requests that left", out.n+len(h.office.Events()), 0)
		equal(t, "evidence", h.evidence(c).State, evidence.Held)

		// Refiled with the right credential it goes on where it was.
		h.Settings.Recipients = right
		state, err := h.Refile(t.Context(), ask("bob", "reports.file"), id)
		equal(t, "state", must(t, state, err), report.Opening)
		h.quiet()
		equal(t, "finished", []any{len(h.events(practice.Finished)), h.report(id).State}, []any{1, report.Finished})
		state, err = h.Refile(t.Context(), ask("bob", "reports.file"), id)
		equal(t, "refiled when finished", must(t, state, err), report.Finished)
		h.sweep()
		equal(t, "finished", len(h.events(practice.Finished)), 1)

		// The recipient that a report was drafted for may be gone from the configuration: it waits.
		_, id = h.draft(picture(2), abuse())
		h.Settings.Recipients = nil
		h.approve(id)
		equal(t, "without its recipient", h.report(id).State, report.Approved)
		h.Settings.Recipients = right
		h.advance(time.Hour)
		equal(t, "with it again", h.report(id).State, report.Finished)
	})
}

// recorder counts requests and lets none out.
type recorder struct{ n int }

// RoundTrip refuses.
func (r *recorder) RoundTrip(*http.Request) (*http.Response, error) {
	r.n++
	return nil, http.ErrServerClosed
}

// A recipient that refuses makes the report wait for a person, told in words that repeat nothing;
// put right, it is filed once.
func TestRefusedReportWaitsForAPerson(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		refuse := func(c practice.Call) (f practice.Fault) {
			if c.Endpoint == "submit" {
				f = practice.Fault{Kind: practice.Code, Code: 4100}
			}
			return f
		}
		h.fault.Store(&refuse)
		c, id := h.draft(picture(1), abuse())
		_, err := h.Refile(t.Context(), ask("bob", "reports.file"), id)
		kind(t, "refiling a draft", err, houvast.Conflict, "wrong-state")
		h.approve(id)
		equal(t, "state", h.report(id).State, report.NeedsHuman)
		h.advance(time.Hour)
		equal(t, "calls", len(h.events(practice.Faulted)), 1) // nobody calls again by themselves
		equal(t, "audit lines", h.number("SELECT COUNT(*) FROM audit_line WHERE action = 'report.needs-human'"), 1)
		equal(t, "found in clear", h.residue(searchFor(told())), []string(nil))
		h.fault.Store(nil)
		if _, err := h.Refile(t.Context(), ask("bob", "reports.file"), id); err != nil {
			t.Fatal(err)
		}
		h.quiet()
		equal(t, "finished", []any{len(h.events(practice.Finished)), h.report(id).State, h.evidence(c).State}, []any{1, report.Finished, evidence.Preserved})
	})
}

// A report that a person withdraws is retracted where it is open, is never filed, and its evidence
// ends by itself.
func TestRetract(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		hold := func(at time.Time) time.Time { return at.Add(90 * 24 * time.Hour) }
		c, id := h.draft(picture(1), abuse())
		state, err := h.Retract(t.Context(), ask("bob", "reports.retract"), id)
		equal(t, "a draft", must(t, state, err), report.Retracted)
		equal(t, "its evidence ends", h.evidence(c).Destroy, hold(monday))
		h.advance(24 * time.Hour)
		if _, err := h.Retract(t.Context(), ask("bob", "reports.retract"), id); err != nil {
			t.Error(err)
		}
		equal(t, "its evidence after a second time", h.evidence(c).Destroy, hold(monday))
		_, err = h.Approve(t.Context(), ask("bob", "reports.approve"), id, 0)
		kind(t, "approving what was withdrawn", err, houvast.Conflict, "wrong-state")

		// Open at the recipient: its description was refused, and a person withdraws it.
		refuse := func(c practice.Call) (f practice.Fault) {
			if c.Endpoint == "fileinfo" {
				f = practice.Fault{Kind: practice.Code, Code: 4100}
			}
			return f
		}
		h.fault.Store(&refuse)
		c, id = h.draft(picture(2), abuse())
		h.approve(id)
		r := h.report(id)
		equal(t, "state", []any{r.State, r.Resume}, []any{report.NeedsHuman, report.Describing})
		state, err = h.Retract(t.Context(), ask("bob", "reports.retract"), id)
		equal(t, "an open report", must(t, state, err), report.Retracting)
		h.quiet()
		equal(t, "state", h.report(id).State, report.Retracted)
		equal(t, "retracted at the recipient", len(h.events(practice.Retracted)), 1)
		now := h.clock.Now()
		equal(t, "its evidence ends", h.evidence(c).Destroy, hold(now))
		equal(t, "its action", h.number("SELECT COUNT(*) FROM action WHERE kind = 'report' AND state = 'refused'"), 1)
		h.fault.Store(nil)
		h.sweep()
		h.advance(90 * 24 * time.Hour)
		h.sweep()
		equal(t, "finished", len(h.events(practice.Finished)), 0)
		equal(t, "evidence", h.evidence(c).State, evidence.Destroyed)
	})
}

// Whatever fails on the way, the clearinghouse finishes one report, and it is the one we know.
func TestFaultsOnTheWay(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		n := 0
		for _, endpoint := range []string{"submit", "upload", "fileinfo", "finish"} {
			for _, f := range []practice.Fault{{Kind: practice.Cut, Processed: true}, {Kind: practice.Refuse}, {Kind: practice.Truncated}} {
				n++
				first := true
				once := func(c practice.Call) (out practice.Fault) {
					if c.Endpoint == endpoint && first {
						out, first = f, false
					}
					return out
				}
				h.fault.Store(&once)
				_, id := h.draft(picture(uint64(50+n)), abuse())
				h.approve(id)
				for range 3 {
					h.advance(time.Hour)
				}
				r := h.report(id)
				done := h.events(practice.Finished)
				if r.State != report.Finished || len(done) != n || done[n-1].ReportID != r.Remote {
					t.Fatalf("%s, %+v: the report is %s as %d, the clearinghouse finished %d, of %d", endpoint, f, r.State, r.Remote, len(done), n)
				}
			}
		}
	})
}

// Reports are approved as reports, with their check; other actions wait for somebody else than who
// proposed them.
func TestActionsNeedAnotherPerson(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, id := h.draft(picture(1), abuse())
		c := h.report(id).Case
		removal := h.actionOf(c, action.Remove)
		_, err := h.ApproveAction(t.Context(), ask("alice", "actions.approve"), removal)
		kind(t, "removal by who proposed it", err, houvast.Forbidden, "self-approval")
		state, err := h.ApproveAction(t.Context(), ask("bob", "actions.approve"), removal)
		equal(t, "removal by another", must(t, state, err), action.Approved)
		h.quiet()
		cs := look(h, func(tx *store.Tx) (review.Case, error) { return review.Get(tx, c) })
		got := h.forum.orders(cs.Item)
		equal(t, "the last order", got[len(got)-1], `remove {"protective":false}`)
		all, err := h.Actions(t.Context(), 0, 100)
		equal(t, "actions", len(must(t, all, err)), 3)

		h.approve(id)
		filed := look(h, func(tx *store.Tx) (action.Action, error) { return action.ByKey(tx, "report "+h.report(id).Key) })
		_, err = h.ApproveAction(t.Context(), ask("carol", "actions.approve"), filed.ID)
		kind(t, "a report as an action", err, houvast.Conflict, "wrong-state")

		_, id = h.draft(picture(2), abuse())
		removal = h.actionOf(h.report(id).Case, action.Remove)
		if err := h.DropAction(t.Context(), ask("bob", "actions.drop"), removal); err != nil {
			t.Fatal(err)
		}
		h.sweep()
		_, err = h.ApproveAction(t.Context(), ask("bob", "actions.approve"), removal)
		kind(t, "approving what was dropped", err, houvast.Conflict, "wrong-state")
		dropped := look(h, func(tx *store.Tx) (review.Case, error) { return review.Get(tx, h.report(id).Case) })
		if got := strings.Join(h.forum.orders(dropped.Item), "; "); strings.Contains(got, "remove") {
			t.Errorf("a dropped removal was ordered: %s", got)
		}
	})
}

func (h *house) actionOf(c houvast.CaseID, k action.Kind) houvast.ActionID {
	h.t.Helper()
	return look(h, func(tx *store.Tx) (action.Action, error) { return action.ByKey(tx, string(k)+" decided "+c.String()) }).ID
}
