package entry

import (
	"net/http"
	"strings"
	"time"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/site"
)

// What a one-time token is for.
const (
	forFirst = "first"
	forEnter = "enter"
)

// FirstLink issues the link that begins an installation and returns its path. It ends after ttl, with
// the process, or when the first account stands.
func FirstLink(once *access.Once, ttl time.Duration) string {
	return "/console/start/" + string(once.Issue(forFirst, ttl))
}

// A Visit is what a link of the demo opens: a session of an account, at a page.
type Visit struct {
	Name     string
	Password access.Secret // of the account; the demo has drawn it by lot and tells nobody
	Next     string        // path of the console
}

// EnterLink issues a link that signs in, as often as somebody opens it until it ends, and returns its
// path: whoever tries out the demo goes from one kind of user to another and back in one browser. Only an
// installation for practice opens it. The password waits in memory until the link ends.
func EnterLink(once *access.Once, v Visit, ttl time.Duration) string {
	what := strings.Join([]string{forEnter, v.Name, site.Next(v.Next), string(v.Password)}, "\n")
	return "/console/enter/" + string(once.Issue(what, ttl))
}

// visitOf reads what EnterLink wrote.
func visitOf(what string) (v Visit, ok bool) {
	parts := strings.SplitN(what, "\n", 4)
	if len(parts) != 4 || parts[0] != forEnter {
		return v, false
	}
	return Visit{Name: parts[1], Password: access.Secret(parts[3]), Next: parts[2]}, true
}

// enter opens the session of a link of the demo.
func (e *Pages) enter(p *site.Page) error {
	token := access.Secret(p.R.PathValue("token"))
	if p.R.Method != http.MethodGet { // HEAD asks what is there and must not sign in
		return nil
	}
	v, ok := visitOf(e.look(token))
	if !ok {
		p.Status = http.StatusGone
		return p.Render("enter", Visit{})
	}
	session, _, err := e.P.SignIn(p.R.Context(), e.Gate, v.Name, v.Password, client(p))
	if err != nil {
		return err
	}
	e.leave(p)
	p.SetSession(session)
	if p.R.Header.Get("Sec-Fetch-Site") == "cross-site" {
		return p.Render("enter", v) // a redirect would be without the new cookie, a step of the reader's own is not
	}
	return p.See(v.Next)
}

// look returns what a token is for, "" when for nothing.
func (e *Pages) look(token access.Secret) string {
	what, _ := e.Once.Look(token)
	return what
}
