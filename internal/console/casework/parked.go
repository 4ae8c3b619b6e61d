package casework

import (
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/review"
)

// maxParked bounds the page of parked cases, the own ones and those of others.
const maxParked = 50

type parkedView struct {
	Fault  *site.Fault
	Said   string
	Mine   []parkedCase
	Others []parkedCase
}

// A parkedCase waits for advice. Of others' cases the list shows no words; the case itself does.
type parkedCase struct {
	ID       houvast.CaseID
	By       houvast.Actor
	Bank     string
	Category houvast.Category
	Asked    time.Time
	Until    time.Time
	Talk     review.Conversation
	Answered int
}

func (g *Pages) parked(p *site.Page) error {
	return g.renderParked(p, parkedView{Said: said(p, "advised")})
}

func (g *Pages) renderParked(p *site.Page, v parkedView) error {
	found, err := g.P.Parked(p.R.Context(), p.Who.Actor, maxParked)
	if err != nil {
		return err
	}
	for _, c := range found {
		talk, err := g.P.Advice(p.R.Context(), c)
		if err != nil {
			return err
		}
		k := parkedCase{ID: c.ID, By: c.ParkedBy, Bank: c.Bank, Category: c.Category, Asked: c.Parked.Add(-review.ParkTime), Until: c.Parked, Talk: talk, Answered: answered(talk)}
		if c.ParkedBy == p.Who.Actor {
			v.Mine = append(v.Mine, k)
		} else {
			k.Talk = nil
			v.Others = append(v.Others, k)
		}
	}
	return p.Render("parked", v)
}

// answered counts the answers since the last question.
func answered(talk review.Conversation) (n int) {
	for _, note := range talk {
		switch note.Kind {
		case review.NoteAsked:
			n = 0
		case review.NoteAdvised:
			n++
		}
	}
	return n
}

type adviceView struct {
	ID         houvast.CaseID
	Fault      *site.Fault
	Facts      factsView
	Talk       review.Conversation
	Words      string
	WordsFault *site.Fault
}

// asked shows a parked case to whoever may advise: facts and question, no picture.
func (g *Pages) asked(p *site.Page) error {
	id, err := caseID(p)
	if err != nil {
		return err
	}
	return g.renderAdvice(p, id, adviceView{})
}

func (g *Pages) renderAdvice(p *site.Page, id houvast.CaseID, v adviceView) error {
	c, now, err := g.P.Glance(p.R.Context(), id)
	switch {
	case err != nil:
		return err
	case !c.Waits(now):
		err := houvast.Errorf("casework.advice", houvast.Conflict, "not-parked", "the case does not wait for advice any more").
			WithHint("it is back in the queue, or was resumed")
		return g.renderParked(p, parkedView{Fault: p.Fault(err)})
	case c.ParkedBy == p.Who.Actor:
		return p.See("/console/parked")
	}
	s, err := g.P.Sight(p.R.Context(), id, p.Who.Actor)
	if err != nil {
		return err
	}
	v.ID, v.Facts, v.Talk = id, facts(s), s.Talk
	return p.Render("advice", v)
}

func (g *Pages) advise(p *site.Page) error {
	id, err := caseID(p)
	if err != nil {
		return err
	}
	words := p.Form("words")
	err = g.P.Advise(p.R.Context(), p.Ask(), id, words)
	switch {
	case err == nil:
		return p.See("/console/parked?said=advised")
	case kindly(err):
		return g.renderAdvice(p, id, adviceView{WordsFault: p.Fault(err), Words: words})
	case oneOf(err, "conversation-full"):
		return g.renderAdvice(p, id, adviceView{Fault: p.Fault(err), Words: words})
	case oneOf(err, "not-parked"):
		return g.renderParked(p, parkedView{Fault: p.Fault(err)})
	}
	return err
}
