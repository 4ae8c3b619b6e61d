package casework

import (
	"slices"
	"strconv"
	"time"

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
	Read       int64 // the version of the decision that is shown
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
	v.Read = c.Version()
	if v.Confirms {
		v.Effects = g.effects(p, s, review.Verdict{Decision: c.Decision, Role: c.Role, Pressure: c.Pressure, Words: s.Words}, true)
	}
	return p.Render("second", v)
}

// confirm records what the second person says about the decision that was on their page, and about no
// other. What they typed is shown again when there is another by now, or none.
func (g *Pages) confirm(p *site.Page) error {
	id, err := caseID(p)
	if err != nil {
		return err
	}
	words, ctx := p.Form("words"), p.R.Context()
	read, wrong := strconv.ParseInt(p.Form("read"), 10, 64)
	if wrong != nil || read == 0 {
		read = -1 // no decision
	}
	done := "agreed"
	switch p.Form("answer") {
	case "agree":
		_, err = g.P.Confirm(ctx, p.Ask(), id, read, true, words)
	case "back":
		done = "returned"
		_, err = g.P.ReturnCase(ctx, p.Ask(), id, read, words)
	default:
		err = houvast.Errorf("casework.confirm", houvast.Invalid, "bad-form", "the answer is neither agree nor back")
	}
	if err == nil {
		return p.See("/console/seconds?said=" + done)
	}
	moved := oneOf(err, "wrong-state")
	if !kindly(err) && !moved {
		return err
	}
	c, _, look := g.P.Glance(ctx, id)
	switch {
	case look != nil:
		return err
	case !maySee(p, c) && moved:
		return g.lost(p, err, lostView{Answers: &answers{Words: words}})
	case !maySee(p, c):
		return err
	case moved:
		return g.renderSecond(p, id, secondView{Fault: p.Fault(err), Words: words})
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
		Actions: latest(a.Actions), Moving: g.moving(a), Next: p.May("review.next"), Second: "casework.after.second_none"}
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

// latest keeps the newest action of each kind: what was asked before a decision is often asked again
// after it. They come oldest first.
func latest(all []action.Action) (some []action.Action) {
	for i, a := range all {
		if !slices.ContainsFunc(all[i+1:], func(later action.Action) bool { return later.Kind == a.Kind }) {
			some = append(some, a)
		}
	}
	return some
}

// soon is how long a page waits for what is about to happen.
const soon = time.Minute

// moving reports whether something about a case is being done by itself just now: then the page loads
// itself again. A draft is looked at by a colleague, who may be at it; a hold may be about to end.
func (g *Pages) moving(a desk.Aftermath) bool {
	now := g.P.W.DB().Clock().Now()
	ends := a.Keep.Destroy
	if a.Keep.State == evidence.Destroying || a.Keep.State == evidence.Held && !ends.IsZero() && ends.Before(now.Add(soon)) {
		return true
	}
	switch a.Report.State {
	case "", report.Finished, report.Retracted, report.NeedsHuman:
	case report.Draft:
		if now.Before(a.Report.Drafted.Add(soon)) {
			return true
		}
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
