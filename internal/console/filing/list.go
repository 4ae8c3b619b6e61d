package filing

import (
	"slices"
	"strings"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/report"
)

// How many lines a part has on the page with all parts, and on a page of its own.
const (
	few  = 10
	many = 50
)

// A part is one group of a list.
type part[T any] struct {
	Name  string
	Lines []T
	More  string // where it goes on; "" = here it ends
}

// A listView is a list in its parts.
type listView[T any] struct {
	Parts   []part[T]
	Only    string // the part that is shown alone; "" = all
	Empty   bool
	Waiting bool // nobody configured where actions are sent
}

// listed fills a list: all parts with their first lines, or one part from after on. load returns at
// most limit lines of a part; id names a line, so that the next page can begin behind it.
func listed[T any](pg *site.Page, path string, names []string, load func(name, after string, limit int) ([]T, error), id func(T) string) (v listView[T], err error) {
	query := pg.R.URL.Query()
	limit := few
	if only := query.Get("part"); slices.Contains(names, only) {
		v.Only, names, limit = only, []string{only}, many
	}
	v.Empty = true
	for _, name := range names {
		after := ""
		if v.Only != "" {
			after = query.Get("after")
		}
		lines, err := load(name, after, limit+1)
		if err != nil {
			return v, err
		}
		p := part[T]{Name: name, Lines: lines}
		if len(lines) > limit {
			p.Lines = lines[:limit]
			p.More = path + "?part=" + name
			if v.Only != "" {
				p.More += "&after=" + id(p.Lines[limit-1])
			}
		}
		v.Empty = v.Empty && len(p.Lines) == 0
		v.Parts = append(v.Parts, p)
	}
	return v, nil
}

func named[T ~string](all []T) (names []string) {
	for _, v := range all {
		names = append(names, string(v))
	}
	return names
}

// A reportLine is a report in the list, with what is next.
type reportLine struct {
	desk.ReportLine
	Next    string  // key of what is next for a draft
	Trouble trouble // of a report that waits for a person
}

func (p *Pages) reports(pg *site.Page) error {
	load := func(name, from string, limit int) (lines []reportLine, err error) {
		var after houvast.ReportID
		if err := after.UnmarshalText([]byte(from)); err != nil {
			return nil, err
		}
		found, err := p.P.ReportPage(pg.R.Context(), pg.Who, report.Part(name), after, limit)
		for _, l := range found {
			lines = append(lines, reportLine{l, p.next(pg, l), troubleOf(l.Report, l.Last)})
		}
		return lines, err
	}
	v, err := listed(pg, "/console/reports", named(report.Parts()), load, func(l reportLine) string { return l.Report.ID.String() })
	if err != nil {
		return err
	}
	return pg.Render("reports", v)
}

// next says what a draft waits for, as whoever asks sees it.
func (p *Pages) next(pg *site.Page, l desk.ReportLine) string {
	switch {
	case l.Report.State != report.Draft:
		return ""
	case l.Returned:
		return "returned"
	case l.Blocked:
		return "blocked"
	case p.mayApprove(pg, l.Report):
		return "yours"
	}
	return "waiting"
}

// mayApprove reports whether a button to approve r is shown to whoever asks.
func (p *Pages) mayApprove(pg *site.Page, r report.Report) bool {
	return r.State == report.Draft && pg.May("reports.approve") && (p.P.Settings.SelfApproval || !r.Wrote(pg.Who.Actor))
}

// A proposalLine is an action towards the platform, in words.
type proposalLine struct {
	desk.Proposal
	Does    string // key of what the platform is asked for
	Until   string // for withhold: when it ends by itself; "" = with another action
	Approve bool
	Reject  bool
	Own     bool // an approver who proposed it
	Rule    bool // a rule of the house proposed it, and no person
}

func (p *Pages) actions(pg *site.Page) error {
	load := func(name, from string, limit int) (lines []proposalLine, err error) {
		var after houvast.ActionID
		if err := after.UnmarshalText([]byte(from)); err != nil {
			return nil, err
		}
		found, err := p.P.Proposals(pg.R.Context(), action.Part(name), after, limit)
		for _, l := range found {
			lines = append(lines, p.proposal(pg, l))
		}
		return lines, err
	}
	v, err := listed(pg, "/console/actions", named(action.Parts()), load, func(l proposalLine) string { return l.Action.ID.String() })
	if err != nil {
		return err
	}
	v.Waiting = p.P.Webhook == nil
	return pg.Render("actions", v)
}

// proposal puts an action into words.
func (p *Pages) proposal(pg *site.Page, l desk.Proposal) proposalLine {
	line := proposalLine{Proposal: l}
	line.Does, line.Until = inWords(l.Action)
	line.Rule = strings.HasPrefix(string(l.Action.ProposedBy), "system:")
	proposed := l.Action.State == action.Proposed
	line.Approve = proposed && pg.May("actions.approve") && (p.P.Settings.SelfApproval || l.Action.ProposedBy != pg.Who.Actor)
	line.Own = proposed && pg.May("actions.approve") && !line.Approve
	line.Reject = (proposed || l.Action.State == action.Approved) && pg.May("actions.reject")
	return line
}

func (p *Pages) approveAction(pg *site.Page) error {
	id, err := actionID(pg)
	if err == nil {
		_, err = p.P.ApproveAction(pg.R.Context(), pg.Ask(), id)
	}
	if err != nil {
		return err
	}
	return pg.See("/console/actions")
}

func (p *Pages) rejectAction(pg *site.Page) error {
	id, err := actionID(pg)
	if err == nil {
		err = p.P.DropAction(pg.R.Context(), pg.Ask(), id)
	}
	if err != nil {
		return err
	}
	return pg.See("/console/actions")
}
