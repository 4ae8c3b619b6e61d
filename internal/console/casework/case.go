package casework

import (
	"math"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/review"
)

// A claimView is a claim that holds.
type claimView struct {
	ID            houvast.CaseID
	Left, Minutes int // seconds, and minutes rounded up
}

func claimOf(s desk.Sight) claimView {
	left := s.Left()
	return claimView{s.Case.ID, int(left.Seconds()), int(math.Ceil(left.Minutes()))}
}

type caseView struct {
	claimView
	Fault     *site.Fault
	Returns   int
	Facts     factsView
	Talk      review.Conversation
	Picture   *pictureView
	Form      form
	Choices   []choice
	ParkFault *site.Fault
	Question  string
}

// mine returns a case that whoever asks has claimed, with everything they decide it from.
func (g *Pages) mine(p *site.Page, id houvast.CaseID) (s desk.Sight, err error) {
	c, now, err := g.P.Glance(p.R.Context(), id)
	if err == nil && !c.Claimed(p.Who.Actor, now) {
		err = claimLost()
		if !maySee(p, c) {
			err = notYours()
		}
	}
	if err != nil {
		return s, err
	}
	return g.P.Sight(p.R.Context(), id, p.Who.Actor)
}

func (g *Pages) caseView(p *site.Page, s desk.Sight, t typed) caseView {
	return caseView{claimView: claimOf(s), Returns: s.Case.Returns, Facts: facts(s), Talk: s.Talk, Picture: g.pictureOf(p, s),
		Form: formOf(p, s, t), Choices: g.choices()}
}

// show shows a case as far as whoever asks may see it, and otherwise says why not.
func (g *Pages) show(p *site.Page) error {
	id, err := caseID(p)
	if err != nil {
		return err
	}
	c, now, err := g.P.Glance(p.R.Context(), id)
	switch {
	case err != nil:
		return err
	case c.Claimed(p.Who.Actor, now):
		s, err := g.mine(p, id)
		if err != nil {
			return g.orStuck(p, id, err, lostView{})
		}
		return p.Render("case", g.caseView(p, s, typed{}))
	case !maySee(p, c):
		return g.lost(p, notYours(), lostView{})
	case c.State == review.Open && c.ClaimedBy == p.Who.Actor:
		return g.lost(p, claimLost(), lostView{})
	}
	return g.renderSecond(p, id, secondView{})
}

// decide asks before it decides: only an answer from the guard page, with sure, is carried out.
func (g *Pages) decide(p *site.Page) error {
	id, err := caseID(p)
	if err != nil {
		return err
	}
	t := readForm(p)
	if p.Form("sure") == "yes" && len(t.faults) == 0 && !g.wantsRole(t.verdict) {
		if _, err = g.P.Decide(p.R.Context(), p.Ask(), id, t.verdict); err == nil {
			g.Viewer.Forget(id, p.Who.Actor)
			return p.See(casePath(id) + "/after")
		}
		if houvast.KindOf(err) == houvast.InDoubt { // it was done, and only the proof is missing
			g.Viewer.Forget(id, p.Who.Actor)
			p.Back = casePath(id) + "/after"
			return err
		}
		if g.stands(p, id, t.verdict) {
			return p.See(casePath(id) + "/after")
		}
	}
	said := t.answers()
	s, gone := g.mine(p, id)
	if gone != nil {
		return g.orStuck(p, id, gone, lostView{Answers: &said})
	}
	if p.Form("back") == "yes" {
		return p.Render("case", g.caseView(p, s, t))
	}
	if err == nil {
		err = g.judge(p, s, t)
	}
	if err == nil && len(t.faults) == 0 {
		return g.guard(p, s, t)
	}
	v := g.caseView(p, s, t)
	if v.Fault = p.Fault(err); len(t.faults) > 0 {
		v.Fault = &site.Fault{Title: p.Text("casework.decide.wrong.title"), Detail: p.Text("casework.decide.wrong.say")}
	}
	return p.Render("case", v)
}

// stands reports whether somebody has already decided just this, as when a form is sent again that was taken:
// then nobody may be told that nothing was recorded.
func (g *Pages) stands(p *site.Page, id houvast.CaseID, v review.Verdict) bool {
	c, _, err := g.P.Glance(p.R.Context(), id)
	return err == nil && c.State != review.Open && c.DecidedBy == p.Who.Actor && c.Decision == v.Decision
}

// wantsRole reports whether a report would be drafted without anybody having said who the uploader
// is; with the table's own rows the room refuses that, with the rule for drawn material this does.
func (g *Pages) wantsRole(v review.Verdict) bool {
	r := g.P.Effects(v).Report
	return v.Role == "" && (r == review.ReportDraft || r == review.ReportEscalated)
}

type guardView struct {
	claimView
	Name    string // of the decision
	Effects []string
	Answers answers
	Hidden  []hidden
}

func (g *Pages) guard(p *site.Page, s desk.Sight, t typed) error {
	return p.Render("guard", guardView{claimView: claimOf(s), Name: p.Text("decision." + string(t.verdict.Decision) + ".name"),
		Effects: g.effects(p, s, t.verdict, false), Answers: t.answers(), Hidden: t.hidden()})
}
