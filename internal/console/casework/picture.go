package casework

import (
	"slices"
	"strconv"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/pipeline/reveal"
	"github.com/houvast/houvast/internal/review"
)

// A pictureView is the box of a picture. It never holds one.
type pictureView struct {
	ID     houvast.CaseID
	State  reveal.ViewState
	Reason string // why it cannot be shown, in the reader's words
	Part   bool   // the file holds more than what can be shown
	Steps  []step
}

type step struct {
	Level review.Level
	Open  bool // may be asked for now
}

// pictureOf is nil where pictures do not exist: in this profile, or for this person.
func (g *Pages) pictureOf(p *site.Page, s desk.Sight) *pictureView {
	if !p.May("reveals.grant") || !s.Mine {
		return nil
	}
	is := g.Viewer.State(p.R.Context(), s.Case.ID)
	v := &pictureView{ID: s.Case.ID, State: is.State, Reason: reason(p, is), Part: is.State == reveal.Ready && !is.Whole}
	all := review.Levels()
	reached := slices.Index(all[:], s.Reached)
	for i, l := range all {
		v.Steps = append(v.Steps, step{l, is.State == reveal.Ready && i <= reached+1})
	}
	return v
}

// reason tells why a picture cannot be shown; the viewer's own reasons are not the decoder's.
func reason(p *site.Page, v reveal.View) string {
	switch {
	case v.State == reveal.Unclaimed:
		return p.Text("casework.picture.unclaimed.say")
	case v.State != reveal.Cannot:
		return ""
	case v.Reason == reveal.ReasonGone:
		return p.Text("casework.facts.gone.say")
	case v.Reason == reveal.ReasonFault:
		return p.Text("casework.picture.fault.say")
	}
	return p.Words().Reason(p.Lang, v.Reason)
}

// picture tells the script how far the renditions are.
func (g *Pages) picture(p *site.Page) error {
	id, err := caseID(p)
	if err != nil {
		return err
	}
	c, now, err := g.P.Glance(p.R.Context(), id)
	if err == nil && !c.Claimed(p.Who.Actor, now) {
		err = notYours()
	}
	if err != nil {
		return err
	}
	is := g.Viewer.State(p.R.Context(), id)
	return p.JSON(map[string]string{"state": string(is.State), "reason": reason(p, is)})
}

// grant answers the script with one look.
func (g *Pages) grant(p *site.Page) error {
	id, err := caseID(p)
	if err != nil {
		return err
	}
	t, err := g.Viewer.Grant(p.R.Context(), p.Ask(), p.Who.Session, id, review.Level(p.Form("level")))
	if err != nil {
		return err
	}
	return p.JSON(map[string]string{"reveal": t.Reveal, "url": g.Media() + t.Path, "proof": t.Proof})
}

// shown records for how long a look was on the page, as the page says.
func (g *Pages) shown(p *site.Page) error {
	ms, err := strconv.ParseInt(p.Form("ms"), 10, 64)
	if err != nil || ms < 0 {
		return houvast.Errorf("casework.shown", houvast.Invalid, "bad-form", "how long it was shown is no number of milliseconds")
	}
	if err := g.Viewer.Shown(p.R.Context(), p.Ask(), p.Who.Session, p.Form("reveal"), ms); err != nil {
		return err
	}
	return p.JSON(struct{}{})
}
