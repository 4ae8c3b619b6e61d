package casework

import (
	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
)

// perPage is how many cases a list shows at once.
const perPage = 25

type secondsView struct {
	Said  string
	Cases []review.Case
	Next  houvast.CaseID
}

func (g *Pages) seconds(p *site.Page) error {
	var after houvast.CaseID
	if err := after.UnmarshalText([]byte(p.R.URL.Query().Get("after"))); err != nil {
		return err
	}
	found, err := g.P.Seconds(p.R.Context(), p.Who.Actor, after, perPage+1)
	if err != nil {
		return err
	}
	v := secondsView{Said: said(p, "agreed", "returned"), Cases: found[:min(len(found), perPage)]}
	if len(found) > perPage {
		v.Next = found[perPage-1].ID
	}
	return p.Render("seconds", v)
}

// A secondView is a case with its decision: to its second person, or to an overseer.
type secondView struct {
	ID         houvast.CaseID
	Fault      *site.Fault
	Case       review.Case
	Facts      factsView
	Answers    answers
	Talk       review.Conversation
	Confirms   bool // the reader may be the second person
	Alone      bool // and was the first
	After      bool // there is something to say about what became of it
	Effects    []string
	Words      string
	WordsFault *site.Fault
}

func (g *Pages) renderSecond(p *site.Page, id houvast.CaseID, v secondView) error {
	s, err := g.P.Sight(p.R.Context(), id, p.Who.Actor)
	if err != nil {
		return err
	}
	c := s.Case
	v.ID, v.Case, v.Facts, v.Talk = id, c, facts(s), s.Talk
	v.Answers = answers{c.Decision, c.Role, c.Pressure, s.Words, c.Observed}
	v.Alone = c.DecidedBy == p.Who.Actor
	v.Confirms = c.State == review.Second && p.May("cases.confirm") && (!v.Alone || g.P.Settings.SelfApproval)
	v.After = c.Decision != ""
	if v.Confirms {
		v.Effects = g.effects(p, s, review.Verdict{Decision: c.Decision, Role: c.Role, Pressure: c.Pressure, Words: s.Words}, true)
	}
	return p.Render("second", v)
}

// confirm records what the second person says.
func (g *Pages) confirm(p *site.Page) error {
	id, err := caseID(p)
	if err != nil {
		return err
	}
	words, ctx := p.Form("words"), p.R.Context()
	done := "agreed"
	switch p.Form("answer") {
	case "agree":
		_, err = g.P.Confirm(ctx, p.Ask(), id, true, words)
	case "back":
		done = "returned"
		_, err = g.P.ReturnCase(ctx, p.Ask(), id, words)
	default:
		err = houvast.Errorf("casework.confirm", houvast.Invalid, "bad-form", "the answer is neither agree nor back")
	}
	if err == nil {
		return p.See("/console/seconds?said=" + done)
	}
	if !kindly(err) {
		return err
	}
	c, _, look := g.P.Glance(ctx, id)
	if look != nil || !maySee(p, c) {
		return err
	}
	return g.renderSecond(p, id, secondView{WordsFault: p.Fault(err), Words: words})
}

type afterView struct {
	Title    string
	Case     review.Case
	Report   *report.Report
	Second   string // key
	Evidence string
	Source   string // of the lawful period
	Actions  []action.Action
	Moving   bool // something is on its way
	Next     bool
}

// after tells what became of a case. It holds no facts.
func (g *Pages) after(p *site.Page) error {
	id, err := caseID(p)
	if err != nil {
		return err
	}
	a, err := g.P.Aftermath(p.R.Context(), id)
	if err != nil {
		return err
	}
	c := a.Case
	if !maySee(p, c) && c.SecondedBy != p.Who.Actor {
		return g.lost(p, notYours(), lostView{})
	}
	if c.Decision == "" { // sent back, or never decided
		return p.See(casePath(id))
	}
	name := p.Text("decision." + string(c.Decision) + ".name")
	v := afterView{Case: c, Title: p.Text("casework.after.decided", "decision", name), Evidence: g.evidence(p, a.Keep), Source: a.Keep.Source,
		Actions: a.Actions, Moving: g.moving(a), Next: p.May("review.next"), Second: "casework.after.second_none"}
	switch {
	case c.State == review.Second:
		v.Title, v.Second = p.Text("casework.after.waiting", "decision", name), "casework.after.second_waits"
	case review.ConsequenceOf(c.Decision).Second == review.SecondApprover:
		v.Second = "casework.after.second_approver"
	case c.SecondedBy != "":
		v.Second = "casework.after.second_agreed"
	}
	if a.Report.ID != 0 {
		v.Report = &a.Report
	}
	return p.Render("after", v)
}

// moving reports whether something about a case is being done by itself just now.
func (g *Pages) moving(a desk.Aftermath) bool {
	if a.Keep.State == evidence.Destroying {
		return true
	}
	switch a.Report.State {
	case "", report.Draft, report.Finished, report.Retracted, report.NeedsHuman:
	default:
		return true
	}
	for _, act := range a.Actions {
		if act.State == action.Sending || act.State == action.Approved && g.P.Webhook != nil && act.Kind != action.Report {
			return true
		}
	}
	return false
}
