package entry

import (
	"context"
	"net/http"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/pipeline"
)

// lockedPath is the page behind the panic key.
const lockedPath = "/console/locked"

type lockedView struct {
	Name  string // for what keeps passwords; it is not shown
	Fault *site.Fault
	Wrong wrong
}

// lock locks the session. What cannot be locked is taken from the browser: either way nothing comes back
// without a password.
func (e *Pages) lock(p *site.Page) error {
	ctx, stop := whole(p.R)
	defer stop()
	e.forget(p.Who.Session)
	if err := e.P.Lock(ctx, pipeline.Ask{By: p.Who.Actor, Op: p.Op}, p.Who.Session); err != nil {
		if _, _, locked, _ := e.P.Locked(ctx, p.Token); !locked {
			p.SetSession("")
		}
		e.Log.Error("locking a session could not be recorded; nothing of it is shown any more", "error", err)
	}
	if p.R.Header.Get("Accept") == "application/json" {
		p.W.WriteHeader(http.StatusNoContent)
		return nil
	}
	return p.See(lockedPath)
}

// showLocked asks for the password and says nothing else. An open session has nothing to do here.
func (e *Pages) showLocked(p *site.Page) error {
	if p.Who.Actor != "" {
		return p.See(firstPage)
	}
	name, _, locked, err := e.P.Locked(p.R.Context(), p.Token)
	if err != nil {
		return err
	}
	if !locked {
		return p.See(signInPath)
	}
	return p.Render("locked", lockedView{Name: name})
}

// unlock opens the session again for whoever knows its password, at the first page.
func (e *Pages) unlock(p *site.Page) error {
	if p.Who.Actor != "" {
		return p.See(firstPage)
	}
	name, _, locked, err := e.P.Locked(p.R.Context(), p.Token)
	if err != nil {
		return err
	}
	if !locked {
		return p.See(signInPath)
	}
	if p.R.PostForm.Get("password") == "" {
		p.Status = http.StatusBadRequest
		return p.Render("locked", lockedView{Name: name, Wrong: wrong{"password": p.Text("entry.wrong.empty.say")}})
	}
	_, err = e.P.Unlock(p.R.Context(), e.Gate, p.Token, secret(p, "password"), client(p))
	switch code := houvast.CodeOf(err); {
	case err == nil:
		return p.See(firstPage)
	case code == "session-ended":
		return p.See(signInPath)
	case code == "wrong-login":
		p.Fault(err)
		return p.Render("locked", lockedView{Name: name, Wrong: wrong{"password": p.Text("entry.wrong.password.say")}})
	}
	return p.Render("locked", lockedView{Name: name, Fault: p.Fault(err)})
}

// leaveLocked signs a locked session out, without its password: that opens nothing.
func (e *Pages) leaveLocked(p *site.Page) error {
	if p.Who.Actor != "" {
		return p.See(firstPage)
	}
	ctx, stop := whole(p.R)
	defer stop()
	err := e.endLocked(ctx, p.Token)
	p.SetSession("")
	if err != nil && houvast.KindOf(err) != houvast.Unauthenticated {
		return err
	}
	return p.See(signInPath + "?out=yes")
}

// endLocked ends the locked session of a token.
func (e *Pages) endLocked(ctx context.Context, token access.Secret) error {
	_, s, locked, err := e.P.Locked(ctx, token)
	if err == nil && locked {
		e.forget(s.ID)
	}
	if err != nil {
		return err
	}
	return e.P.SignOutLocked(ctx, token)
}
