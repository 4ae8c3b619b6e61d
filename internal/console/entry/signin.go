package entry

import (
	"net/http"
	"net/url"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/pipeline"
)

// signInPath is where one signs in.
const signInPath = "/console/sign-in"

type signInView struct {
	Next, Name string
	Fault      *site.Fault
	Wrong      wrong
	Focus      string
	Out        bool // just signed out
	Ended      bool // came with a session that has ended
	Nobody     bool // has an account yet
}

// showSignIn asks for a name and a password, or says how the first account is made.
func (e *Pages) showSignIn(p *site.Page) error {
	view := signInView{Next: site.Next(p.R.URL.Query().Get("next")), Out: p.R.URL.Query().Get("out") == "yes", Focus: "name"}
	if p.Who.Actor != "" {
		return p.See(view.Next)
	}
	if p.Token != "" {
		_, _, locked, err := e.P.Locked(p.R.Context(), p.Token)
		switch {
		case err != nil:
			return err
		case locked:
			return p.See(lockedPath)
		}
		view.Ended = true
		p.SetSession("") // it opens nothing any more
	}
	nobody, err := e.P.NobodyYet(p.R.Context())
	if err != nil {
		return err
	}
	view.Nobody = nobody
	return p.Render("sign-in", view)
}

// signIn opens a session for whoever knows a name and its password.
func (e *Pages) signIn(p *site.Page) error {
	view := signInView{Next: site.Next(p.Form("next")), Name: again(p.Form("name")), Wrong: wrong{}}
	for _, field := range []string{"name", "password"} {
		if p.R.PostForm.Get(field) == "" {
			view.Wrong[field] = p.Text("entry.wrong.empty.say")
		}
	}
	if view.Focus = view.Wrong.first("name", "password"); view.Focus != "" {
		p.Status = http.StatusBadRequest
		return p.Render("sign-in", view)
	}
	token, _, err := e.P.SignIn(p.R.Context(), e.Gate, p.Form("name"), secret(p, "password"), client(p))
	if err != nil {
		view.Fault, view.Focus = p.Fault(err), "password"
		return p.Render("sign-in", view)
	}
	e.leave(p)
	p.SetSession(token)
	return p.See(view.Next)
}

// leave ends the session that this browser had until now, if it had one: nobody could reach it any more.
func (e *Pages) leave(p *site.Page) {
	ctx, stop := whole(p.R)
	defer stop()
	var err error
	switch {
	case p.Who.Session != "":
		e.forget(p.Who.Session)
		err = e.P.SignOut(ctx, pipeline.Ask{By: p.Who.Actor, Op: "sessions.delete"}, p.Who.Session)
	case p.Token != "":
		if err = e.endLocked(ctx, p.Token); houvast.KindOf(err) == houvast.Unauthenticated {
			err = nil // it had ended
		}
	}
	if err != nil {
		e.Log.Warn("the session that a browser had before could not be ended; it ends by itself", "error", err)
	}
}

// signOut ends the session. Where that cannot be recorded, the browser loses it all the same.
func (e *Pages) signOut(p *site.Page) error {
	ctx, stop := whole(p.R)
	defer stop()
	e.forget(p.Who.Session)
	err := e.P.SignOut(ctx, p.Ask(), p.Who.Session)
	p.SetSession("")
	if err != nil {
		p.Who.Actor = ""
		return err
	}
	return p.See(signInPath + "?" + url.Values{"out": {"yes"}}.Encode())
}
