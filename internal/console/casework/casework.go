// Package casework is the pages on which cases are decided: the queue, the case, the guard before a
// decision, what became of it, the second look and the advice of colleagues.
//
// The case page puts facts first. What a list, the platform and the record say stands at the top,
// with what it means in plain words and with what is missing; what a user wrote is marked as theirs.
// The picture is a box that shows nothing until somebody holds a button down, and everything on the
// page works without it. Nothing is preselected: no role of the uploader, no decision, no basis but
// "not assessed".
//
// A decision takes two presses. The first asks: the answers are judged by the rules of the room, and
// the guard page says what will follow from exactly these answers. Only the second, on that page,
// decides. Enter in a field does nothing.
//
// What must stay true:
//   - Nothing can be picked. A case is pulled; the lists here are of what waits for a second person
//     and for advice, and open without a picture.
//   - Facts are shown to who holds the case, who decided it, whoever may be its second person, and
//     overseers; to who may advise only while it waits for advice. To anybody else a page says why not.
//   - What was typed is shown again after a refusal, a return from the guard and a lost claim.
//   - A case that cannot be opened never blocks whoever holds it: wherever that shows, it can be skipped.
//   - No rule lives here: rooms judge, these pages ask and tell.
package casework

import (
	"embed"
	"errors"
	"slices"
	"strings"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/pipeline/reveal"
	"github.com/houvast/houvast/internal/review"
)

//go:embed *.html
var files embed.FS

// Pages are the pages of casework. All fields are needed.
type Pages struct {
	P      desk.Desk
	Viewer *reveal.Viewer
	Media  func() string // the origin of the renditions: scheme and host
}

// Mount adds the pages to a site.
func (g *Pages) Mount(s *site.Site) {
	s.Pages(files)
	s.Nav(site.Link{Op: "review.queue", Path: "/console/queue", Key: "casework.nav.queue"},
		site.Link{Op: "cases.seconds", Path: "/console/seconds", Key: "casework.nav.seconds"},
		site.Link{Op: "review.parked", Path: "/console/parked", Key: "casework.nav.parked"})

	s.Get("review.queue", "/console/queue", g.queue)
	s.Post("review.next", "/console/next", g.next)
	s.Post("review.unskip", "/console/unskip", g.unskip)

	s.Get("cases.get", "/console/case/{id}", g.show)
	s.Get("cases.get", "/console/case/{id}/after", g.after)
	s.Post("cases.decide", "/console/case/{id}/decide", g.decide)
	s.Post("review.extend", "/console/case/{id}/extend", g.extend)
	s.Post("review.skip", "/console/case/{id}/skip", g.skip)
	s.Post("review.park", "/console/case/{id}/park", g.park)
	s.Post("review.resume", "/console/case/{id}/resume", g.resume)

	s.Get("reveals.state", "/console/case/{id}/picture", g.picture)
	s.Post("reveals.grant", "/console/case/{id}/grant", g.grant)
	s.Post("reveals.shown", "/console/case/{id}/shown", g.shown)

	s.Get("cases.seconds", "/console/seconds", g.seconds)
	s.Post("cases.confirm", "/console/case/{id}/confirm", g.confirm)

	s.Get("review.parked", "/console/parked", g.parked)
	s.Get("review.parked", "/console/parked/{id}", g.asked)
	s.Post("review.advise", "/console/case/{id}/advise", g.advise)
}

// caseID is the case that a path names.
func caseID(p *site.Page) (houvast.CaseID, error) {
	return houvast.ParseID[houvast.CaseNoun](p.R.PathValue("id"))
}

func casePath(id houvast.CaseID) string { return "/console/case/" + id.String() }

// script reports whether a script of ours asks.
func script(p *site.Page) bool { return p.R.Header.Get("Accept") == "application/json" }

// overseer reports whether somebody may see every case.
func overseer(p *site.Page) bool {
	return slices.Contains(p.Who.Roles, access.Approver) || slices.Contains(p.Who.Roles, access.Auditor)
}

// maySee keeps reviewers to their own cases and to those that wait for a second person, as the API
// does.
func maySee(p *site.Page, c review.Case) bool {
	return overseer(p) || c.State == review.Second || c.ClaimedBy == p.Who.Actor || c.DecidedBy == p.Who.Actor
}

// said is the notice that a page gives after a change: one of a closed list, named in its address.
func said(p *site.Page, known ...string) string {
	if s := p.R.URL.Query().Get("said"); slices.Contains(known, s) {
		return "casework.said." + s + ".say"
	}
	return ""
}

// oneOf reports whether err has one of these codes.
func oneOf(err error, codes ...string) bool {
	return err != nil && slices.Contains(codes, houvast.CodeOf(err))
}

// kindly tells an error that a person can mend in the form they have before them; false means it is
// not of that sort.
func kindly(err error) bool {
	var e *houvast.Error
	return errors.As(err, &e) && (e.Kind == houvast.Invalid || e.Kind == houvast.TooLarge) && !strings.HasPrefix(e.Code, "bad-id")
}

// A lostView is what somebody is shown who does not hold the case, or holds it and cannot open it: then
// Fault says why and ID is the case.
type lostView struct {
	ID       houvast.CaseID
	Fault    *site.Fault
	Next     bool // they may pull another
	Answers  *answers
	Question string
}

// lost tells why, and gives back what was typed.
func (g *Pages) lost(p *site.Page, err error, v lostView) error {
	p.Fault(err)
	v.Next = p.May("review.next")
	return p.Render("lost", v)
}

func notYours() error {
	return houvast.Errorf("cases.get", houvast.Withheld, "not-yours", "this case is not claimed by you").
		WithHint("pull the next case; cases are not picked")
}

func claimLost() error {
	return houvast.Errorf("cases.get", houvast.Conflict, "claim-lost", "the claim on this case has run out").
		WithHint("pull the next case")
}
