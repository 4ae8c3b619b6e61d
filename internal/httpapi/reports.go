package httpapi

import (
	"context"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/report"
)

func (a *API) reports(api huma.API) {
	route(a, api, "reports.list", "GET", "/api/v1/reports", "The reports, without content", a.listReports)
	route(a, api, "reports.get", "GET", "/api/v1/reports/{id}", "A report with its content", a.getReport)
	route(a, api, "reports.check", "GET", "/api/v1/reports/{id}/check", "What is missing in a report", a.checkReport)
	route(a, api, "reports.amend", "POST", "/api/v1/reports/{id}/amend", "Add to a draft", a.amendReport)
	route(a, api, "reports.approve", "POST", "/api/v1/reports/{id}/approve", "Approve a draft; it is filed", a.approveReport)
	route(a, api, "reports.return", "POST", "/api/v1/reports/{id}/return", "Send a draft back with words", a.returnReport)
	route(a, api, "reports.file", "POST", "/api/v1/reports/{id}/file", "Let an approved report go on", a.fileReport)
	route(a, api, "reports.retract", "POST", "/api/v1/reports/{id}/retract", "Withdraw a report that is not being finished", a.retractReport)
}

type reportIn struct {
	ID string `path:"id" maxLength:"32"`
}

type reportWriteIn struct {
	Keyed
	ID string `path:"id" maxLength:"32"`
}

// reportLine is a report in a list.
type reportLine struct {
	Report      string    `json:"report"`
	Case        string    `json:"case"`
	Recipient   string    `json:"recipient"`
	Environment string    `json:"environment"`
	State       string    `json:"state"`
	Trouble     string    `json:"trouble,omitempty"`
	Attempt     int       `json:"attempt"`
	RemoteID    int64     `json:"remote_id,omitempty"`
	DraftedAt   time.Time `json:"drafted_at"`
	ApprovedBy  string    `json:"approved_by,omitempty"`
	ApprovedAt  time.Time `json:"approved_at,omitzero"`
	FinishedAt  time.Time `json:"finished_at,omitzero"`
}

func showReport(r report.Report) reportLine {
	return reportLine{r.ID.String(), r.Case.String(), r.Recipient, string(r.Environment), string(r.State), r.Trouble, r.Attempt, r.Remote,
		r.Drafted, string(r.ApprovedBy), r.Approved, r.Finished}
}

// reportOut is a report as its reader will see it. Content is empty once it was destroyed.
type reportOut struct {
	reportLine
	Role         string                `json:"role,omitempty"`
	Decision     string                `json:"decision,omitempty"`
	IncidentAt   time.Time             `json:"incident_at,omitzero"`
	IncidentIs   string                `json:"incident_is,omitempty"`
	Words        string                `json:"words,omitempty"`
	Returned     string                `json:"returned,omitempty"`
	Version      int64                 `json:"version"` // approve what you read: give it back with the approval
	Viewed       bool                  `json:"viewed"`
	Facts        factsOut              `json:"facts"`
	Observations []houvast.Observation `json:"observations"`
	Document     string                `json:"document_xml,omitempty"`
	FileDetails  string                `json:"file_details_xml,omitempty"`
}

// mayRead keeps reviewers to the reports of the cases they decided. Approvers and auditors read all;
// the control socket reads all but the facts.
func mayRead(who access.Principal, r report.Report) bool {
	return who.Kind == access.KindCLI || overseer(who) || r.DraftedBy == who.Actor
}

// readable returns the id of a report that who may read, and so check or add to.
func (a *API) readable(ctx context.Context, who access.Principal, text string) (houvast.ReportID, error) {
	id, err := houvast.ParseID[houvast.ReportNoun](text)
	if err == nil {
		var r report.Report
		if r, _, _, err = a.P.Report(ctx, id); err == nil && !mayRead(who, r) {
			err = houvast.Errorf("reports.get", houvast.Withheld, "not-yours", "this report is of a case that you did not decide")
		}
	}
	return id, err
}

func overseer(who access.Principal) bool {
	return slices.Contains(who.Roles, access.Approver) || slices.Contains(who.Roles, access.Auditor)
}

func (a *API) listReports(ctx context.Context, who access.Principal, in *struct{ Page }) (*listOut[reportLine], error) {
	var after houvast.ReportID
	if err := after.UnmarshalText([]byte(in.After)); err != nil {
		return nil, err
	}
	found, err := a.P.Reports(ctx, after, in.Limit)
	out := page(found, in.Limit, showReport, func(r report.Report) string { return r.ID.String() })
	if who.Kind != access.KindCLI && !overseer(who) {
		own := slices.DeleteFunc(found, func(r report.Report) bool { return !mayRead(who, r) })
		out.Body.Items = page(own, len(own)+1, showReport, func(report.Report) string { return "" }).Body.Items
	}
	return out, err
}

func (a *API) getReport(ctx context.Context, who access.Principal, in *reportIn) (*oneOut[reportOut], error) {
	id, err := a.readable(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	r, c, viewed, err := a.P.Report(ctx, id)
	if err != nil {
		return nil, err
	}
	if who.Kind == access.KindCLI {
		line := reportOut{reportLine: showReport(r), IncidentAt: c.IncidentAt, Returned: c.Returned, Viewed: viewed}
		line.Facts.Matches, line.Observations = []matchOut{}, []houvast.Observation{}
		return &oneOut[reportOut]{line}, nil
	}
	out := reportOut{reportLine: showReport(r), Role: string(c.Role), Decision: string(c.Decision), IncidentAt: c.IncidentAt, IncidentIs: c.IncidentIs,
		Words: c.Words, Returned: c.Returned, Version: r.Version, Viewed: viewed, Facts: showFacts(c.Facts), Observations: append([]houvast.Observation{}, c.Observations...)}
	if r.Content != nil {
		r.Viewed = r.Viewed || r.State == report.Draft && viewed
		if docs, err := report.DocumentsOf(r, c); err == nil {
			out.Document, out.FileDetails = docs.Report, docs.FileDetails
		}
	}
	return &oneOut[reportOut]{out}, nil
}

type checkOut struct {
	Report   string       `json:"report"`
	Blocked  bool         `json:"blocked"`
	Findings []findingOut `json:"findings"`
}

type findingOut struct {
	Rule  string `json:"rule"`
	Level string `json:"level" enum:"block,warn"`
	Path  string `json:"path,omitempty"`
	Text  string `json:"text"`
}

func (a *API) checkReport(ctx context.Context, who access.Principal, in *reportIn) (*oneOut[checkOut], error) {
	id, err := a.readable(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	found, err := a.P.CheckReport(ctx, id)
	out := checkOut{in.ID, report.Blocked(found), []findingOut{}}
	for _, f := range found {
		out.Findings = append(out.Findings, findingOut{f.Rule, f.Level, f.Path, f.Text})
	}
	return &oneOut[checkOut]{out}, err
}

type stateOut struct {
	Report string `json:"report"`
	State  string `json:"state"`
}

// stateOf changes a report and answers with its state.
func stateOf(text string, change func(houvast.ReportID) (report.State, error)) (*oneOut[stateOut], error) {
	var s report.State
	id, err := houvast.ParseID[houvast.ReportNoun](text)
	if err == nil {
		s, err = change(id)
	}
	return &oneOut[stateOut]{stateOut{text, string(s)}}, err
}

type amendIn struct {
	Keyed
	ID   string `path:"id" maxLength:"32"`
	Body struct {
		Role       string    `json:"role,omitempty" enum:"uploader,child,both,peer,unknown"`
		IncidentAt time.Time `json:"incident_at,omitempty"`
		IncidentIs string    `json:"incident_is,omitempty" maxLength:"3000"`
		AccountID  string    `json:"account_id,omitempty" maxLength:"255"`
		ScreenName string    `json:"screen_name,omitempty" maxLength:"256"`
		Email      string    `json:"email,omitempty" maxLength:"255"`
		ProfileURL string    `json:"profile_url,omitempty" maxLength:"2083"`
	}
}

func (a *API) amendReport(ctx context.Context, who access.Principal, in *amendIn) (*oneOut[stateOut], error) {
	if _, err := a.readable(ctx, who, in.ID); err != nil {
		return nil, err
	}
	b := in.Body
	return stateOf(in.ID, func(id houvast.ReportID) (report.State, error) {
		return a.P.Amend(ctx, ask("reports.amend", who, in), id, report.Amendment{Role: houvast.Role(b.Role), IncidentAt: b.IncidentAt,
			IncidentIs: b.IncidentIs, AccountID: b.AccountID, ScreenName: b.ScreenName, Email: b.Email, ProfileURL: b.ProfileURL})
	})
}

type approveIn struct {
	Keyed
	ID      string `path:"id" maxLength:"32"`
	Version int64  `query:"version" doc:"of the report as you read it; another one is refused"`
}

func (a *API) approveReport(ctx context.Context, who access.Principal, in *approveIn) (*oneOut[stateOut], error) {
	return stateOf(in.ID, func(id houvast.ReportID) (report.State, error) {
		return a.P.Approve(ctx, ask("reports.approve", who, in), id, in.Version)
	})
}

type returnIn struct {
	Keyed
	ID   string `path:"id" maxLength:"32"`
	Body struct {
		Words string `json:"words" minLength:"1" maxLength:"3000"`
	}
}

func (a *API) returnReport(ctx context.Context, who access.Principal, in *returnIn) (*oneOut[stateOut], error) {
	return stateOf(in.ID, func(id houvast.ReportID) (report.State, error) {
		return a.P.SendBack(ctx, ask("reports.return", who, in), id, in.Body.Words)
	})
}

func (a *API) fileReport(ctx context.Context, who access.Principal, in *reportWriteIn) (*oneOut[stateOut], error) {
	return stateOf(in.ID, func(id houvast.ReportID) (report.State, error) {
		return a.P.Refile(ctx, ask("reports.file", who, in), id)
	})
}

func (a *API) retractReport(ctx context.Context, who access.Principal, in *reportWriteIn) (*oneOut[stateOut], error) {
	return stateOf(in.ID, func(id houvast.ReportID) (report.State, error) {
		return a.P.Retract(ctx, ask("reports.retract", who, in), id)
	})
}
