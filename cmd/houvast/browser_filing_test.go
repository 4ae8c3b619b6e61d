package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/practice"
)

// files has Ada read each report and approve it. The first she sends back with words, and Mo adds to
// it; then she reads its receipt.
func (w *browserWalk) files(mo, ada *walker) {
	w.t.Helper()
	const words = "Is there an address by which the account can be reached?"
	for n, u := range w.turns[:3] {
		w.opensReport(ada, u)
		if ada.Count("[data-reveal]") > 0 {
			w.t.Error("the approver is offered the picture")
		}
		if n == 0 {
			version := w.became(u).Report.Version
			ada.goes("/console/report/report_[0-9a-z]+/return", "", `form[action$="/return"] button`)
			if v := w.became(u).Report.Version; v != version {
				w.t.Error("a report was sent back without words")
			}
			ada.fill(ada, `form[action$="/return"] textarea`, words)
			ada.goes("/console/report/report_[0-9a-z]+", "", `form[action$="/return"] button`)
			w.amends(mo, u, words)
			w.opensReport(ada, u)
			ada.reads("kite@example.org")
		}
		w.approves(ada, u)
	}
}

func (w *browserWalk) became(u *turn) desk.Aftermath {
	w.t.Helper()
	id, err := houvast.ParseID[houvast.CaseNoun](u.id)
	if err != nil {
		w.t.Fatal(err)
	}
	a, err := w.app.desk.Aftermath(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// opensReport goes to a report by the list.
func (w *browserWalk) opensReport(p *walker, u *turn) {
	w.t.Helper()
	path := "/console/report/" + w.became(u).Report.ID.String()
	p.goes("/console/reports", "", `header nav a[href="/console/reports"]`)
	p.goes(path, "", fmt.Sprintf(`main a[href="%s"]`, path))
	p.reads(fmt.Sprintf("account-%d", w.number(u)))
}

// amends has who drafted a report read why it came back, and add an address.
func (w *browserWalk) amends(mo *walker, u *turn, words string) {
	w.t.Helper()
	w.opensReport(mo, u)
	mo.reads(words)
	if mo.Count(`a[href*="step=approve"], form[action$="/approve"]`) > 0 {
		w.t.Error("who decided a case is offered to approve its report")
	}
	mo.fill(mo, "#amend-email", "kite@example.org")
	mo.goes("/console/report/report_[0-9a-z]+", "", `form[action$="/amend"] button`)
	mo.reads("kite@example.org")
}

// approves approves a report as it was read, in two steps, and of the first reads the receipt, which comes
// onto the page by itself.
func (w *browserWalk) approves(ada *walker, u *turn) {
	w.t.Helper()
	ada.goes("/console/report/report_[0-9a-z]+", "", `main a[href*="step=approve"]`)
	if state := w.became(u).Report.State; state != report.Draft {
		w.t.Fatalf("the first of two steps made the report %s", state)
	}
	ada.goes("/console/report/report_[0-9a-z]+/receipt", "", `form[action$="/approve"] button`)
	await(w.t, "the report is filed", func() bool { return w.became(u).Report.State == report.Finished })
	if w.number(u) > 0 {
		return // the page waits three seconds before it looks again
	}
	r := w.became(u).Report
	ada.Await("the receipt is on the page", fmt.Sprintf("document.querySelector('main')?.textContent.includes('%d')", r.Remote))
}

// judgeReports holds each report against its row, what was sent, the log, and what the clearinghouse
// says of itself.
func (w *browserWalk) judgeReports() {
	w.t.Helper()
	if n := w.count("SELECT COUNT(*) FROM report"); n != 3 {
		w.t.Errorf("there are %d reports", n)
	}
	var remotes, finished []int64
	want := map[string]int{}
	for n, u := range w.turns[:3] {
		a := w.became(u)
		r, amended, viewed := a.Report, houvast.Actor(""), false
		want["user:ada reports.approve "+r.ID.String()]++
		switch n {
		case 0:
			amended, viewed = "user:mo", true
			want["user:ada reports.return "+r.ID.String()]++
			want["user:mo reports.amend "+r.ID.String()]++
		case 2: // colour for a moment, which on a slow machine may be a long one
			viewed = w.longest(u) >= review.MinShown
		}
		if r.State != report.Finished || r.DraftedBy != "user:mo" || r.ApprovedBy != "user:ada" || r.AmendedBy != amended || r.Viewed != viewed {
			w.t.Errorf("%s: the report is %s, by %s, approved by %s, amended by %q, viewed %v", u.decision, r.State, r.DraftedBy, r.ApprovedBy, r.AmendedBy, r.Viewed)
		}
		if a.Keep.State != evidence.Preserved || a.Keep.Days == 0 || !a.Keep.Destroy.After(w.clock.Now()) {
			w.t.Errorf("%s: the copy is %s for %d days until %v", u.decision, a.Keep.State, a.Keep.Days, a.Keep.Destroy)
		}
		sent, err := w.app.desk.Receipt(w.t.Context(), r.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		if says := strings.Contains(sent.Sent.FileDetails, "<fileViewedByEsp>true<"); says != viewed {
			w.t.Errorf("%s: viewed %v, and what was sent is\n%s", u.decision, viewed, sent.Sent.FileDetails)
		}
		remotes = append(remotes, r.Remote)
	}
	for _, e := range w.office.Events() {
		if e.Event == practice.Finished {
			finished = append(finished, e.ReportID)
		}
	}
	slices.Sort(remotes)
	slices.Sort(finished)
	if !slices.Equal(remotes, finished) {
		w.t.Errorf("we have the receipts %v and the clearinghouse has %v", remotes, finished)
	}
	got := map[string]int{}
	for _, l := range w.lines() {
		if slices.Contains([]string{"reports.approve", "reports.return", "reports.amend"}, l.action) {
			got[l.actor+" "+l.action+" "+l.subject]++
		}
	}
	if !maps.Equal(got, want) {
		w.t.Errorf("the log says %v of reports, and this was done %v", got, want)
	}
}

// longest is for how many milliseconds the colours of a case stood on the page.
func (w *browserWalk) longest(u *turn) int64 {
	w.t.Helper()
	id, err := houvast.ParseID[houvast.CaseNoun](u.id)
	if err != nil {
		w.t.Fatal(err)
	}
	return int64(w.rig.count("SELECT COALESCE(MAX(shown), 0) FROM reveal WHERE case_id = $1 AND level = 'colour'", int64(id)))
}
