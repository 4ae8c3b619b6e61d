package filing

import (
	"strconv"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/report"
)

// A reportView is a report as it is shown.
type reportView struct {
	desk.Sheet
	ID      string
	Role    houvast.Role
	When    report.IncidentWhen
	At      string // of the incident, to the second
	Doc     cybertip.Report
	File    cybertip.FileDetails
	Account cybertip.Account
	Emails  []cybertip.Email
	Matches []houvast.Match // those that the report names
	Others  int             // how many more there are
	Seen    viewing
	Sent    bool // Documents are as they were sent
	Lost    bool // they were destroyed

	Blocks, Warns []finding
	Trouble       trouble

	Approve, Return, Amend, Go, Retract bool // which buttons are shown
	Own                                 bool // an approver who decided the case or added to its report

	Notice string // key of what has just not been done; "" = nothing
	Words  typed
	Form   []field
}

// typed is what somebody typed, and what is wrong with it as a key.
type typed struct{ Value, Fault string }

// namedMatches is how many matches the report names.
const namedMatches = 3

func (p *Pages) report(pg *site.Page) error {
	id, err := reportID(pg)
	if err != nil {
		return err
	}
	v, err := p.view(pg, id)
	if err != nil {
		return err
	}
	read, _ := strconv.ParseInt(pg.R.URL.Query().Get("version"), 10, 64)
	switch step := pg.R.URL.Query().Get("step"); {
	case step == "approve" && v.Approve && read != v.Report.Version:
		v.Notice = "changed"
	case step == "approve" && v.Approve && len(v.Blocks) == 0:
		return pg.Render("report_approve", v)
	case step == "retract" && v.Retract:
		return pg.Render("report_retract", v)
	}
	return pg.Render("report", v)
}

// view loads a report and puts it into words.
func (p *Pages) view(pg *site.Page, id houvast.ReportID) (v reportView, err error) {
	ctx := pg.R.Context()
	if v.Sheet, err = p.P.ReportSheet(ctx, pg.Who, id); err != nil {
		return v, err
	}
	r, c := v.Report, v.Content
	v.ID, v.Role, v.When, v.At = id.String(), roleOf(c.Role), c.When(), exact(c.IncidentAt)
	v.Seen = viewingOf(v.Viewed, r.Settled(), v.Looks)
	v.Blocks, v.Warns = findings(v.Findings)
	v.buttons(p, pg)
	if !v.Gone {
		v.documents()
	}
	var last report.Called
	if r.State == report.NeedsHuman || r.State == report.Finished {
		receipt, err := p.P.Receipt(ctx, id)
		if err != nil {
			return v, err
		}
		if n := len(receipt.Calls); n > 0 {
			last = receipt.Calls[n-1]
		}
		if r.State == report.Finished {
			v.Documents, v.Sent, v.Lost = receipt.Sent, !receipt.Gone, receipt.Gone
		}
	}
	v.Trouble = troubleOf(r, last)
	if v.Amend {
		v.Form = fields(c)
	}
	return v, nil
}

// buttons says what whoever asks can do with the report as it stands.
func (v *reportView) buttons(p *Pages, pg *site.Page) {
	r := v.Report
	draft := r.State == report.Draft && !v.Gone
	v.Approve = draft && p.mayApprove(pg, r)
	v.Return = v.Approve && pg.May("reports.return")
	v.Own = draft && pg.May("reports.approve") && !v.Approve
	v.Amend = draft && pg.May("reports.amend")
	v.Go = pg.May("reports.file") && r.State.Part() != report.PartDraft && r.State.Part() != report.PartOver
	v.Retract = pg.May("reports.retract") && r.Withdrawable()
}

// documents takes from what is sent what the page says in plain words.
func (v *reportView) documents() {
	c := v.Content
	v.Doc, v.File = c.Report(), c.FileDetails(v.Report.Remote, v.Report.File, v.Viewed)
	switch {
	case len(v.Doc.Victim) > 0:
		v.Account, v.Emails = v.Doc.Victim[0].Account, v.Doc.Victim[0].Person.Email
	case len(v.Doc.PersonOrUserReported) > 0:
		v.Account = v.Doc.PersonOrUserReported[0].Account
		if who := v.Doc.PersonOrUserReported[0].Person; who != nil {
			v.Emails = who.Email
		}
	}
	v.Matches = c.Facts.Matches
	if n := len(v.Matches); n > namedMatches {
		v.Matches, v.Others = v.Matches[:namedMatches], n-namedMatches
	}
}

// Marked reports whether the report carries a mark that comes from the observations.
func (v reportView) Marked() bool {
	a := v.Doc.IncidentSummary.ReportAnnotations
	return a != nil && bool(a.CSAMSolicitation)
}

// Public reports whether the document says that anybody could open the file.
func (v reportView) Public() bool { return v.File.PubliclyAvailable == cybertip.Yes }

// Exact is a moment to the second.
func (v reportView) Exact(t cybertip.Time) string { return exact(t.Time()) }

// Roles are those that an uploader can have.
func (v reportView) Roles() []houvast.Role { return houvast.Roles() }

// Phone is a number to call, "" when there is none.
func (v reportView) Phone() string {
	if c := v.Doc.Reporter.ContactPerson; c != nil && len(c.Phone) > 0 {
		return c.Phone[0].Number
	}
	return ""
}

// A receiptView is what is known about a filing.
type receiptView struct {
	desk.Receipt
	ID      string
	Seen    viewing
	Keeping string
	Day     time.Time // when the evidence went or goes
	Trouble trouble
	Waits   bool // on its way: the page loads itself again
	Draft   bool
}

func (p *Pages) receipt(pg *site.Page) error {
	id, err := reportID(pg)
	if err != nil {
		return err
	}
	sheet, err := p.P.ReportSheet(pg.R.Context(), pg.Who, id)
	if err != nil {
		return err
	}
	v := receiptView{ID: id.String()}
	if v.Receipt, err = p.P.Receipt(pg.R.Context(), id); err != nil {
		return err
	}
	r := v.Report
	v.Seen = viewingOf(sheet.Viewed, r.Settled(), sheet.Looks)
	v.Keeping, v.Day = keepingOf(v.Keep), v.Keep.Destroy
	if v.Day.IsZero() {
		v.Day = v.Keep.Destroyed
	}
	v.Waits, v.Draft = r.State.Part() == report.PartUnderway, r.State == report.Draft
	var last report.Called
	if n := len(v.Calls); n > 0 {
		last = v.Calls[n-1]
	}
	v.Trouble = troubleOf(r, last)
	return pg.Render("receipt", v)
}
