package filing_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"html"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/bank"
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
func each(t *testing.T, fn func(t *testing.T, r *consoletest.Rig, who team)) {
	t.Helper()
	consoletest.Each(t, mount, func(r *consoletest.Rig) {
		fn(r.T, r, team{r.Hire("anna", access.Reviewer), r.Hire("bram", access.Reviewer), r.Hire("cleo", access.Approver),
			r.Hire("dirk", access.Approver), r.Hire("elif", access.Auditor)})
	})
}

// drafted walks a case of its own through a decision of anna's to the draft of its report.
func drafted(r *consoletest.Rig, seed uint64, v review.Verdict) houvast.ReportID {
	r.T.Helper()
	return draftOf(r, r.Matched(seed), "user:anna", v)
}

// draftOf walks a case through a decision to the draft of its report.
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

// draftWith is the draft for an upload with facts of its own, which a verified list has.
func draftWith(r *consoletest.Rig, seed uint64, facts houvast.Upload, v review.Verdict) houvast.ReportID {
	r.T.Helper()
	ctx, data, name := r.T.Context(), consoletest.Picture(seed), houvast.RandomText("list", 8)
	d, _, err := hashing.Digest(bytes.NewReader(data))
	if err == nil {
		_, err = r.CreateBank(ctx, pipeline.Ask{By: "user:carol", Op: "banks.create"}, bank.Bank{Name: name, Category: houvast.ChildAbuse, Trust: houvast.Verified, Threshold: bank.DefaultThreshold})
	}
	if err == nil {
		_, err = r.Import(ctx, pipeline.Ask{By: "user:carol", Op: "banks.import"}, name, strings.NewReader("sha256,category\n"+hex.EncodeToString(d.SHA256[:])+",child_abuse\n"))
	}
	if err != nil {
		r.T.Fatal(err)
	}
	return draftOf(r, r.Bring(data, facts), "user:anna", v)
}

// at is the version of a report, as a form has it.
func at(r *consoletest.Rig, id houvast.ReportID) string {
	return strconv.FormatInt(stored(r, id).Version, 10)
}

// approved lets a report be filed by cleo and waits until it is in one of the states.
func approved(r *consoletest.Rig, id houvast.ReportID, until ...report.State) {
	r.T.Helper()
	if _, err := r.Approve(r.T.Context(), pipeline.Ask{By: "user:cleo", Op: "reports.approve"}, id, 0); err != nil {
		r.T.Fatal(err)
	}
	r.Until("the report came to its end", func() bool { return slices.Contains(until, stored(r, id).State) })
}

// faults makes the clearinghouse answer as a test wants it; "" is as it should.
func faults(r *consoletest.Rig, rules string) {
	r.T.Helper()
	req := httptest.NewRequestWithContext(r.T.Context(), "POST", "/practice/faults", strings.NewReader(`{"faults": [`+rules+`]}`))
	req.RemoteAddr, req.Host = "127.0.0.1:1", "127.0.0.1"
	req.SetBasicAuth("houvast", "practice")
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	if r.Office.ServeHTTP(rec, req); rec.Code != 200 {
		r.T.Fatalf("faults: %d %s", rec.Code, rec.Body)
	}
}

// lines counts audit lines about something.
func lines(r *consoletest.Rig, action, subject string, by houvast.Actor) int64 {
	return r.Number("SELECT COUNT(*) FROM audit_line WHERE action = $1 AND subject = $2 AND actor = $3", action, subject, string(by))
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

// equal compares as text.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}
