package casework

import (
	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/review"
)

type queueView struct {
	Fault            *site.Fault
	Said             string
	Depth            review.Depth
	Ready            int // waits, and was not skipped by this person
	Held             *review.Case
	Advises, Seconds bool // they may
}

func (g *Pages) queue(p *site.Page) error {
	return g.renderQueue(p, queueView{Said: said(p, "skipped", "parked", "unskipped")})
}

func (g *Pages) renderQueue(p *site.Page, v queueView) (err error) {
	ctx := p.R.Context()
	if v.Depth, err = g.P.Depth(ctx, p.Who.Actor); err != nil {
		return err
	}
	c, held, err := g.P.ClaimOf(ctx, p.Who.Actor)
	if err != nil {
		return err
	}
	if held {
		v.Held = &c
	}
	v.Ready = max(0, v.Depth.Waiting-v.Depth.Skipped)
	v.Advises, v.Seconds = p.May("review.parked"), p.May("cases.seconds")
	return p.Render("queue", v)
}

// next pulls the next case. The pictures are made behind it; the page does not wait for them.
func (g *Pages) next(p *site.Page) error {
	c, _, err := g.P.NextCase(p.R.Context(), p.Ask())
	if oneOf(err, "queue-empty", "queue-skipped") {
		return g.renderQueue(p, queueView{Fault: p.Fault(err)})
	}
	if err != nil {
		return g.unopened(p, err)
	}
	g.Viewer.Prepare(c.ID, c.ClaimedBy, c.ClaimEnds)
	return p.See(casePath(c.ID))
}

// unopened answers when the next case was not given. A case that is claimed and cannot be opened would be
// given again each time, so its page says so and offers to skip it.
func (g *Pages) unopened(p *site.Page, err error) error {
	c, held, look := g.P.ClaimOf(p.R.Context(), p.Who.Actor)
	if look != nil || !held || houvast.KindOf(err) == houvast.InDoubt {
		return err
	}
	if _, look = g.mine(p, c.ID); look != nil {
		return g.orStuck(p, c.ID, look, lostView{})
	}
	return err
}

func (g *Pages) unskip(p *site.Page) error {
	if err := g.P.Unskip(p.R.Context(), p.Ask()); err != nil {
		return err
	}
	return p.See("/console/queue?said=unskipped")
}

func (g *Pages) skip(p *site.Page) error {
	id, err := caseID(p)
	if err != nil {
		return err
	}
	if err = g.P.Skip(p.R.Context(), p.Ask(), id); err == nil {
		g.Viewer.Forget(id, p.Who.Actor)
		return p.See("/console/queue?said=skipped")
	}
	return g.orLost(p, err, lostView{})
}

// park asks colleagues. Without words the case is shown again with what was typed.
func (g *Pages) park(p *site.Page) error {
	id, err := caseID(p)
	if err != nil {
		return err
	}
	question := p.Form("question")
	_, err = g.P.Park(p.R.Context(), p.Ask(), id, question)
	if err == nil {
		g.Viewer.Forget(id, p.Who.Actor)
		return p.See("/console/queue?said=parked")
	}
	if kindly(err) {
		s, look := g.mine(p, id)
		if look != nil {
			return g.orStuck(p, id, look, lostView{Question: question})
		}
		v := g.caseView(p, s, typed{})
		v.ParkFault, v.Question = p.Fault(err), question
		return p.Render("case", v)
	}
	return g.orLost(p, err, lostView{Question: question})
}

// resume takes up again what somebody parked.
func (g *Pages) resume(p *site.Page) error {
	id, err := caseID(p)
	if err != nil {
		return err
	}
	ends, err := g.P.Resume(p.R.Context(), p.Ask(), id)
	if err == nil {
		g.Viewer.Prepare(id, p.Who.Actor, ends)
		return p.See(casePath(id))
	}
	if oneOf(err, "claim-held", "not-parked") {
		return g.renderParked(p, parkedView{Fault: p.Fault(err)})
	}
	return err
}

// extend keeps a claim: for the script it answers how many seconds it holds.
func (g *Pages) extend(p *site.Page) error {
	id, err := caseID(p)
	if err != nil {
		return err
	}
	ends, err := g.P.ExtendClaim(p.R.Context(), p.Ask(), id)
	if err != nil {
		if script(p) {
			return err
		}
		return g.orLost(p, err, lostView{})
	}
	g.Viewer.Extend(id, p.Who.Actor, ends)
	if script(p) {
		_, now, err := g.P.Glance(p.R.Context(), id)
		if err != nil {
			return err
		}
		return p.JSON(map[string]int{"left": int(ends.Sub(now).Seconds())})
	}
	return p.See(casePath(id))
}

// orLost shows the page of a lost case when err is that, and gives back any other error.
func (g *Pages) orLost(p *site.Page, err error, v lostView) error {
	if oneOf(err, "claim-lost", "not-yours", "wrong-state") || houvast.KindOf(err) == houvast.Withheld {
		return g.lost(p, err, v)
	}
	return err
}

// orStuck is orLost for a case that may also be one that is held and cannot be opened: then its page offers
// to skip it, since nothing else can be done with it and it would block whoever holds it.
func (g *Pages) orStuck(p *site.Page, id houvast.CaseID, err error, v lostView) error {
	c, now, look := g.P.Glance(p.R.Context(), id)
	if look != nil || !c.Claimed(p.Who.Actor, now) {
		return g.orLost(p, err, v)
	}
	v.Fault = p.Fault(err)
	v.ID = id
	return p.Render("stuck", v)
}
