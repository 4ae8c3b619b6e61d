package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/practice"
)

func (h *house) aftermath(id houvast.CaseID) desk.Aftermath {
	h.t.Helper()
	a, err := h.Aftermath(h.t.Context(), id)
	return must(h.t, a, err)
}

func (h *house) receipt(id houvast.ReportID) desk.Receipt {
	h.t.Helper()
	r, err := h.Receipt(h.t.Context(), id)
	return must(h.t, r, err)
}

// What became of a case is told at every stage, and never with what is sealed.
func TestAftermath(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		told := func(a desk.Aftermath) string {
			var actions []string
			for _, x := range a.Actions {
				actions = append(actions, fmt.Sprint(x.Kind, " ", x.State))
			}
			if a.Case.Facts != nil || a.Case.Words != nil || a.Case.Advice != nil || a.Case.Key != "" || a.Report.Content != nil || a.Report.Receipt != nil || a.Report.Seal != "" {
				t.Errorf("something sealed is among it: %+v", a)
			}
			return fmt.Sprintf("%s; %s %s; report %v %q; %s", a.Case.State, a.Keep.State, a.Keep.Why, a.Report.ID != 0, a.Report.State, strings.Join(actions, ", "))
		}
		data := picture(1)
		c, id := h.draft(data, abuse())
		equal(t, "decided", told(h.aftermath(c)), `decided; held report; report true "draft"; withhold done, withhold done, remove proposed`)
		h.approve(id)
		a := h.aftermath(c)
		equal(t, "filed", told(a), `decided; preserved preserved; report true "finished"; withhold done, withhold done, remove proposed, report done`)
		equal(t, "kept", a.Keep, desk.Keep{State: evidence.Preserved, Destroy: monday.AddDate(0, 0, 365), Why: "preserved", Law: "18 U.S.C. 2258A(h)", Started: monday, Days: 365,
			Source: "18 U.S.C. 2258A(h)(1) as amended by Pub. L. 118-59 (REPORT Act), 2024-05-07"})

		h.bank("other", houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(picture(2)))
		item := h.bring(picture(2), facts())
		h.quiet()
		open, _ := h.opened(item)
		equal(t, "undecided", told(h.aftermath(open.ID)), `open; held undecided; report false ""; withhold done`)
		h.decide("alice", item, review.Verdict{Decision: houvast.DecideNotAbuse})
		h.quiet()
		equal(t, "released", told(h.aftermath(open.ID)), `decided; held not_abuse; report false ""; withhold done, release done`)
		equal(t, "until", h.aftermath(open.ID).Keep.Destroy, monday.Add(undo))
		h.advance(undo)
		gone := h.aftermath(open.ID)
		equal(t, "destroyed", told(gone), `decided; destroyed not_abuse; report false ""; withhold done, release done`)
		equal(t, "when", []time.Time{gone.Keep.Destroyed, gone.Keep.Destroy}, []time.Time{monday.Add(undo), {}})
		_, err := h.Aftermath(t.Context(), open.ID+1)
		kind(t, "an unknown case", err, houvast.NotFound, "")
	})
}

// The receipt shows what was sent and answered as it was sealed then, whatever is configured since,
// and says that it is gone once it is.
func TestReceiptShowsWhatWasSent(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		c, id := h.draft(picture(1), abuse())
		r := h.receipt(id)
		if r.Answer != "" || r.Sent != (report.Documents{}) || len(r.Calls) != 0 || r.Gone || r.Report.State != report.Draft {
			t.Errorf("a draft has a receipt: %+v", r)
		}
		h.clock.Advance(time.Hour)
		h.approve(id)
		done := h.events(practice.Finished)
		r = h.receipt(id)
		equal(t, "report", []any{r.Report.State, r.Report.Remote, r.Report.Finished, r.Report.Viewed}, []any{report.Finished, done[0].ReportID, monday.Add(time.Hour), false})
		var calls []string
		for _, x := range r.Calls {
			calls = append(calls, fmt.Sprint(x.Call, " ", x.Outcome))
		}
		equal(t, "calls", strings.Join(calls, ", "), "submit ok, upload ok, fileinfo ok, finish ok")
		equal(t, "kept", []any{r.Keep.State, r.Keep.Days, r.Keep.Law, r.Keep.Destroy}, []any{evidence.Preserved, 365, "18 U.S.C. 2258A(h)", monday.Add(time.Hour).AddDate(0, 0, 365)})
		for what, has := range map[string]bool{
			"the account":              strings.Contains(r.Sent.Report, facts().Account.ID),
			"the organisation":         strings.Contains(r.Sent.Report, "Ada"),
			"not viewed":               strings.Contains(r.Sent.FileDetails, "<fileViewedByEsp>false</fileViewedByEsp>"),
			"the number of the report": strings.Contains(r.Sent.FileDetails, fmt.Sprint(done[0].ReportID)),
			"the number in the answer": strings.Contains(r.Answer, fmt.Sprint(done[0].ReportID)),
			"an answer and a document": strings.HasPrefix(r.Answer, "<") && strings.HasPrefix(r.Sent.Report, "<"),
		} {
			if !has {
				t.Errorf("the receipt lacks %s:\n%+v", what, r)
			}
		}
		if r.Report.Content != nil || r.Report.Receipt != nil || r.Report.Seal != "" {
			t.Error("the receipt carries what is sealed")
		}

		h.Settings.Reporter.FirstName = "Another"
		again := h.receipt(id)
		equal(t, "after the configuration has changed", again.Sent, r.Sent)
		_, content, _, err := h.ReportContent(t.Context(), id)
		must(t, 0, err)
		rebuilt := content
		rebuilt.Reporter = h.Settings.Reporter
		docs, err := report.DocumentsOf(h.report(id), rebuilt)
		if must(t, docs, err); docs == r.Sent {
			t.Error("documents that are made anew would be the same, so nothing is proved")
		}

		h.advance(365 * 24 * time.Hour)
		h.sweep()
		r = h.receipt(id)
		if !r.Gone || r.Answer != "" || r.Sent != (report.Documents{}) || r.Keep.State != evidence.Destroyed {
			t.Errorf("after the period: %+v", r)
		}
		equal(t, "what stays", []any{r.Report.State, r.Report.Remote, len(r.Calls), r.Keep.Days}, []any{report.Finished, done[0].ReportID, 4, 365})
		equal(t, "the case", h.aftermath(c).Keep.State, evidence.Destroyed)
		_, err = h.Receipt(t.Context(), id+1)
		kind(t, "an unknown report", err, houvast.NotFound, "")
	})
}
