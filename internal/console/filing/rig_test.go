package filing_test

import (
	"html"
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/console/filing"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// mount registers the pages.
func mount(r *consoletest.Rig) { (&filing.Pages{P: r.Desk}).Mount(r.Site) }

// A team is who works in a test: anna decides, bram decides elsewhere, cleo and dirk approve, elif checks.
type team struct{ anna, bram, cleo, dirk, elif *consoletest.Visitor }

// each runs fn on every engine with a team.
func each(t *testing.T, fn func(r *consoletest.Rig, who team)) {
	t.Helper()
	consoletest.Each(t, mount, func(r *consoletest.Rig) {
		fn(r, team{r.Hire("anna", access.Reviewer), r.Hire("bram", access.Reviewer), r.Hire("cleo", access.Approver),
			r.Hire("dirk", access.Approver), r.Hire("elif", access.Auditor)})
	})
}

// drafted walks a case of its own through a decision of anna's to the draft of its report.
func drafted(r *consoletest.Rig, seed uint64, v review.Verdict) houvast.ReportID {
	r.T.Helper()
	return draftOf(r, r.Matched(seed), "user:anna", v)
}

// brought is drafted for an upload with other facts, which a list has.
func draftOf(r *consoletest.Rig, c review.Case, by houvast.Actor, v review.Verdict) houvast.ReportID {
	r.T.Helper()
	held, _, err := r.NextCase(r.T.Context(), pipeline.Ask{By: by, Op: "review.next"})
	if err != nil || held.ID != c.ID {
		r.T.Fatalf("pulled %s and not %s: %v", held.ID, c.ID, err)
	}
	out, err := r.Decide(r.T.Context(), pipeline.Ask{By: by, Op: "cases.decide"}, c.ID, v)
	if err != nil || out.Report == 0 {
		r.T.Fatalf("no report was drafted: %v", err)
	}
	return out.Report
}

// abuse is a decision that calls for a report, with what one can say without having looked.
func abuse() review.Verdict {
	return review.Verdict{Decision: houvast.DecideAbuse, Role: houvast.RoleUploader}
}

// stored is a report as it lies in the database.
func stored(r *consoletest.Rig, id houvast.ReportID) (rep report.Report) {
	r.T.Helper()
	if err := r.W.DB().View(r.T.Context(), func(tx *store.Tx) (err error) { rep, err = report.Get(tx, id); return err }); err != nil {
		r.T.Fatal(err)
	}
	return rep
}

func path(id houvast.ReportID) string { return "/console/report/" + id.String() }

// status fails when an answer has another status.
func status(t *testing.T, what string, got consoletest.Reply, want int) {
	t.Helper()
	if got.Status != want {
		t.Fatalf("%s: status %d, not %d: %s", what, got.Status, want, got.Text())
	}
}

// says fails when a reader does not read a text.
func says(t *testing.T, what string, got consoletest.Reply, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if !strings.Contains(got.Text(), want) {
			t.Errorf("%s: the reader does not read %q in: %s", what, want, got.Text())
		}
	}
}

// silent fails when a page holds a text that it should not.
func silent(t *testing.T, what string, got consoletest.Reply, texts ...string) {
	t.Helper()
	for _, not := range texts {
		if strings.Contains(html.UnescapeString(got.Body), not) {
			t.Errorf("%s: the page holds %q: %s", what, not, got.Text())
		}
	}
}
