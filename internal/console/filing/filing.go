// Package filing is the pages about what leaves the building: reports, from draft to receipt, and what
// is proposed to the platform.
//
// A report is shown as its reader will see it: what the two documents say, in plain headings and the
// reader's language, and beside it the documents themselves, letter for letter. What is missing stands
// beside it too, a sentence a rule: what to add, and why its reader needs it. Nothing on these pages
// reveals a picture, and none is needed to approve.
//
// Approving takes two steps. The first shows where the report goes (practice, test or production) and
// names the version that was read; the second approves that version and no other. Who decided a case or
// added to its report gets no button for it, and is refused without one. Sending back takes words.
//
// A reviewer sees the reports of the cases that they decided; approvers and auditors see all. Who may
// do what is decided elsewhere (package access, package desk, the rooms); a button that is missing here
// spares a refusal and replaces none.
package filing

import (
	"embed"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/pipeline/desk"
)

//go:embed *.html
var files embed.FS

// Pages serves the pages.
type Pages struct {
	P desk.Desk
}

// Mount registers the pages.
func (p *Pages) Mount(s *site.Site) {
	s.Pages(files)
	s.Nav(site.Link{Op: "reports.list", Path: "/console/reports", Key: "filing.nav.reports"},
		site.Link{Op: "actions.list", Path: "/console/actions", Key: "filing.nav.actions"})

	s.Get("reports.list", "/console/reports", p.reports)
	s.Get("reports.get", "/console/report/{id}", p.report)
	s.Get("reports.receipt", "/console/report/{id}/receipt", p.receipt)
	s.Post("reports.amend", "/console/report/{id}/amend", p.amend)
	s.Post("reports.approve", "/console/report/{id}/approve", p.approve)
	s.Post("reports.return", "/console/report/{id}/return", p.sendBack)
	s.Post("reports.file", "/console/report/{id}/file", p.goOn)
	s.Post("reports.retract", "/console/report/{id}/retract", p.retract)

	s.Get("actions.list", "/console/actions", p.actions)
	s.Post("actions.approve", "/console/action/{id}/approve", p.approveAction)
	s.Post("actions.reject", "/console/action/{id}/reject", p.rejectAction)
}

func reportID(pg *site.Page) (houvast.ReportID, error) {
	return houvast.ParseID[houvast.ReportNoun](pg.R.PathValue("id"))
}

func actionID(pg *site.Page) (houvast.ActionID, error) {
	return houvast.ParseID[houvast.ActionNoun](pg.R.PathValue("id"))
}

func pathOf(id houvast.ReportID) string { return "/console/report/" + id.String() }
