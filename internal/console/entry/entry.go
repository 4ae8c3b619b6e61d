// Package entry is how one gets into the console, and out of it.
//
// The doors. The first-run link makes the first account and says what the installation is; it works
// while there is no account, and once. Signing in needs a name and a password. A link of the demo opens a
// session of one account of the demo, once. The way out is signing out; the way out of sight is locking,
// by a key or a button, after which only the password leads back.
//
// What must stay true:
//   - Nobody is told whether a name exists, or which half of a name and a password was wrong.
//   - The session cookie is set by a password or by a one-time link, and by nothing else. Signing in opens
//     a new session and ends the one that this browser had.
//   - Where somebody is sent afterwards is a path of the console, whatever the request said.
//   - Locking holds even where it cannot be recorded: a session that could not be locked is taken from
//     its browser. It clears nothing else, so a claim is still held; but what was on the screen does not
//     come back by itself, since unlocking leads to the first page.
//   - Whoever locks or ends a session first makes useless what was granted in it, see Viewer.
//   - The first-run link is taken when the account stands, and not before: a password that was too short
//     does not use it up. That there is one first account and never two is held by the database.
//   - A report of the content policy says which directive broke, in one of its known names. Nothing else
//     of what a browser sends there is kept or logged.
//
// No rule is here: who may is package access, what a first start may choose is packages access and
// evidence, and how often a password is tried is the Gate's.
package entry

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/words"
)

//go:embed *.html
var files embed.FS

// Pages are the pages of this package. P, Gate, Once and Log are needed.
type Pages struct {
	P    desk.Desk
	Gate *access.Gate
	Once *access.Once // see FirstLink and EnterLink
	Log  *slog.Logger

	Viewer Viewer // nil where nothing is ever revealed

	// Chosen is what the installation was chosen to be; nil asks the pipeline.
	Chosen func() (profile houvast.InstallationProfile, jurisdiction string, ok bool)
	// Install makes a choice that was made here known to the running process; nil does nothing.
	Install func(ctx context.Context, profile houvast.InstallationProfile, jurisdiction string) error
	// Own is what the configuration says about retention, may be empty.
	Own evidence.Policy

	broken reports
}

// A Viewer gives out renditions. A *reveal.Viewer is one.
type Viewer interface {
	// EndSession makes useless every address that was granted to a session.
	EndSession(session string)
}

// Mount registers the pages.
func (e *Pages) Mount(s *site.Site) {
	s.Pages(files)
	s.Get("console.home", "/console/{$}", e.home)
	s.Post("console.language", "/console/language", e.language)
	s.Post("console.report", "/console/csp-report", e.report)

	s.Get("console.public", "/console/sign-in", e.showSignIn)
	s.Post("sessions.create", "/console/sign-in", e.signIn)
	s.Post("sessions.delete", "/console/sign-out", e.signOut)

	s.Post("sessions.lock", "/console/lock", e.lock)
	s.Get("console.public", "/console/locked", e.showLocked)
	s.Post("sessions.unlock", "/console/unlock", e.unlock)
	s.Post("sessions.unlock", "/console/locked/sign-out", e.leaveLocked)

	s.Get("setup.show", "/console/start/{token}", e.showStart)
	s.Post("setup.begin", "/console/start/{token}", e.begin)
	s.Get("demo.enter", "/console/enter/{token}", e.enter)

	s.Get("sessions.list", "/console/sessions", e.showSessions)
	s.Post("sessions.close", "/console/sessions/{id}/close", e.closeSession)
	s.Post("sessions.close", "/console/sessions/others/close", e.closeOthers)
	s.Post("password.change", "/console/password", e.changePassword)
}

// Where the console and each role begin. Who has several roles begins where a person waits for them.
const firstPage = "/console/"

// firstPages is never changed.
var firstPages = []struct {
	role access.Role
	path string
}{
	{access.Reviewer, "/console/queue"},
	{access.Approver, "/console/reports"},
	{access.Admin, "/console/doctor"},
	{access.Auditor, "/console/audit"},
}

// home sends everybody to the first page of their role.
func (e *Pages) home(p *site.Page) error {
	for _, f := range firstPages {
		if slices.Contains(p.Who.Roles, f.role) {
			return p.See(f.path)
		}
	}
	return p.See("/console/sessions")
}

// language keeps the language that somebody chose.
func (e *Pages) language(p *site.Page) error {
	l, err := words.Parse(p.Form("language"))
	if err != nil {
		return err
	}
	p.SetLanguage(l)
	return p.See(site.Next(p.Form("next")))
}

// client is where a try to sign in comes from.
func client(p *site.Page) access.Client {
	return access.ClientOf(p.R.RemoteAddr, p.R.UserAgent())
}

// secret is a password as it was typed: no space of it is trimmed.
func secret(p *site.Page, field string) access.Secret {
	return access.Secret(p.R.PostForm.Get(field))
}

// whole is a context for what must be finished once it was asked for: somebody who locks and closes the
// window has locked.
func whole(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), 10*time.Second)
}

// forget ends what is shown in a session.
func (e *Pages) forget(session string) {
	if e.Viewer != nil && session != "" {
		e.Viewer.EndSession(session)
	}
}

// A wrong is what is wrong with the fields of a form, by their names.
type wrong map[string]string

// first returns the first of the fields that is wrong, "" when none is.
func (w wrong) first(fields ...string) string {
	for _, f := range fields {
		if w[f] != "" {
			return f
		}
	}
	return ""
}

// maxShown bounds what is shown again of what was typed into a short field, in bytes.
const maxShown = 200

// again is a short field as it is shown again.
func again(text string) string {
	if len(text) > maxShown {
		return ""
	}
	return text
}
