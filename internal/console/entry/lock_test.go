package entry

import (
	"context"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/pipeline"
)

func askCLI(op string) pipeline.Ask { return pipeline.Ask{By: "cli:0", Op: op} }

var params = regexp.MustCompile(`\{[a-z]+\}`)

// visited is a path with something in its variable parts.
func visited(path string) string {
	return params.ReplaceAllString(strings.TrimSuffix(path, "{$}"), "x")
}

// Behind the panic key nothing opens, no page, no change, no script, until the password is given.
func TestLock(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Admin)
		v := r.signedIn("alice")
		id, token := v.session(), v.cookies[site.SessionCookie]
		got := v.script("/console/lock")
		r.equal("the key", []any{got.status, got.body}, []any{204, ""})
		r.equal("nothing is shown any more", r.viewer.take(), []string{id})
		r.equal("recorded", r.number("SELECT COUNT(*) FROM audit_line WHERE action = 'sessions.lock' AND actor = 'user:alice'"), 1)

		n := 0
		for _, route := range r.site.Routes() {
			rule, _ := access.RuleFor(route.Op)
			if rule.Public {
				continue
			}
			n++
			path := visited(route.Path)
			if route.Method == "GET" {
				r.equal("page "+path, v.get(path).is(), "See Other /console/locked")
				req := httptest.NewRequest("GET", origin+path, nil)
				req.Header.Set("Accept", "application/json")
				r.equal("script "+path, strings.Contains(v.do(req).body, `"session-locked"`), true)
				continue
			}
			got := v.post(path)
			r.equal("form "+path, []any{got.status, strings.Contains(got.text(), "This session is locked")}, []any{401, true})
			got = v.script(path)
			r.equal("script "+path, []any{got.status, strings.Contains(got.body, `"session-locked"`)}, []any{401, true})
		}
		if n < 6 {
			r.Errorf("only %d routes were tried", n)
		}
		r.equal("the door", v.get("/console/sign-in?next=/console/cases").is(), "See Other /console/locked")
		page := v.get("/console/locked")
		if text := page.text(); page.status != 200 || strings.Contains(text, "alice") || !strings.Contains(page.body, "<title>Locked · Houvast</title>") ||
			!strings.Contains(page.body, `type="password"`) || strings.Contains(page.body, "<nav") {
			r.Errorf("the page behind the key: %s", text)
		}
		r.equal("empty", v.post("/console/unlock").status, 400)
		r.equal("unlocked", v.post("/console/unlock", "password", password, "next", "/console/cases").is(), "See Other /console/")
		r.equal("the same session", []any{v.session(), v.cookies[site.SessionCookie]}, []any{id, token})
		r.equal("recorded", r.number("SELECT COUNT(*) FROM audit_line WHERE action = 'sessions.unlock' AND actor = 'user:alice'"), 1)
		r.equal("nothing to unlock", v.get("/console/locked").is(), "See Other /console/")
		r.equal("nothing to unlock", v.post("/console/unlock", "password", "x").is(), "See Other /console/")

		r.equal("the button", v.post("/console/lock").is(), "See Other /console/locked")
		r.equal("signed out", v.post("/console/locked/sign-out").is(), "See Other /console/sign-in?out=yes")
		r.equal("sessions", []any{r.number("SELECT COUNT(*) FROM access_session"), len(v.cookies)}, []any{0, 0})
		r.equal("and again", v.get("/console/locked").is(), "See Other /console/sign-in")
		r.equal("nobody", r.visitor().get("/console/locked").is(), "See Other /console/sign-in")
		r.equal("nobody", r.visitor().post("/console/unlock", "password", password).is(), "See Other /console/sign-in")
	})
}

// A wrong password at the lock is a try, and too many of them are refused like those at the door.
func TestUnlockCounts(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Admin)
		v := r.signedIn("alice")
		v.post("/console/lock")
		for i := range 10 {
			got := v.post("/console/unlock", "password", "a wrong password")
			if got.status != 401 || !strings.Contains(got.text(), "not the password of this account") {
				r.Fatalf("try %d: %d %s", i, got.status, got.text())
			}
		}
		r.equal("the right one", v.post("/console/unlock", "password", password).status, 429)
		r.equal("at the door too", r.visitor().post("/console/sign-in", "name", "alice", "password", password).status, 429)
		r.hand.Pass(time.Minute)
		r.equal("a minute later", v.post("/console/unlock", "password", password).is(), "See Other /console/")
	})
}

// A locked session ends as if nobody used it, and the password does not bring it back.
func TestLockedSessionsEnd(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Admin)
		v := r.signedIn("alice")
		v.post("/console/lock")
		r.clock.Advance(access.IdleLimit - time.Second)
		r.equal("just in time", v.get("/console/locked").status, 200)
		r.clock.Advance(time.Second)
		r.equal("late", v.post("/console/unlock", "password", password).is(), "See Other /console/sign-in")
		r.equal("late", v.get("/console/sessions").is(), "See Other /console/sign-in?next=%2Fconsole%2Fsessions")
	})
}

// Locking holds when it cannot be recorded, and when the window goes away meanwhile.
func TestLockHolds(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Admin)
		v := r.signedIn("alice")
		broken := fmt.Errorf("the disk is full")
		r.silent.Store(&broken)
		r.equal("without a log", v.post("/console/lock").is(), "See Other /console/locked")
		r.equal("the browser", []any{len(v.cookies), v.get("/console/locked").is()}, []any{0, "See Other /console/sign-in"})
		r.equal("viewer", len(r.viewer.take()), 1)
		if !strings.Contains(r.log.String(), "level=ERROR") {
			r.Error("nobody was told that it could not be recorded")
		}
		r.silent.Store(nil)

		v = r.signedIn("alice")
		ctx, gone := context.WithCancel(r.Context())
		r.viewer.then = gone
		v.do(v.form("/console/lock").WithContext(ctx))
		r.equal("the window went away", ctx.Err() != nil, true)
		_, _, locked, err := r.Locked(r.Context(), access.Secret(v.cookies[site.SessionCookie]))
		r.must(err)
		r.equal("locked", locked, true)
	})
}

// What another site sets off is refused on every form, and changes nothing; the same form of ours works.
func TestForeignForms(t *testing.T) {
	each(t, func(r *rig) {
		link := FirstLink(r.once, time.Hour)
		type form struct {
			fields []string
			who    string // signed in as
			locked bool
			want   string // of ours
		}
		forms := map[string]form{
			"/console/language":              {[]string{"language", "fr"}, "", false, "See Other /console/"},
			"/console/csp-report":            {nil, "", false, "No Content"},
			"/console/sign-in":               {[]string{"name", "alice", "password", password}, "", false, "See Other /console/"},
			"/console/sign-out":              {nil, "alice", false, "See Other /console/sign-in?out=yes"},
			"/console/lock":                  {nil, "alice", false, "See Other /console/locked"},
			"/console/unlock":                {[]string{"password", password}, "alice", true, "See Other /console/"},
			"/console/locked/sign-out":       {nil, "alice", true, "See Other /console/sign-in?out=yes"},
			"/console/start/{token}":         {[]string{"profile", "practice", "jurisdiction", "NL", "name", "alice", "password", password, "again", password}, "", false, "See Other /console/"},
			"/console/sessions/{id}/close":   {nil, "alice", false, "See Other /console/sign-in?out=yes"},
			"/console/sessions/others/close": {nil, "alice", false, "See Other /console/sessions?done=others"},
			"/console/password":              {[]string{"old", password, "password", password + " 2", "again", password + " 2"}, "alice", false, "See Other /console/sessions?done=password"},
		}
		state := func() string {
			return fmt.Sprint(r.number("SELECT COUNT(*) FROM access_user"), r.number("SELECT COUNT(*) FROM access_session"),
				r.number("SELECT COUNT(*) FROM access_session WHERE locked <> 0"), r.number("SELECT COUNT(*) FROM audit_line"))
		}
		try := func(path string) {
			f, known := forms[path]
			if !known {
				r.Errorf("no test knows the form of %s", path)
				return
			}
			delete(forms, path)
			v := r.visitor()
			at := strings.ReplaceAll(path, "/console/start/{token}", link)
			if f.who != "" {
				v = r.signedIn(f.who)
				at = strings.ReplaceAll(at, "{id}", v.session())
			}
			if f.locked {
				v.post("/console/lock")
			}
			before, cookies := state(), fmt.Sprint(v.cookies)
			for _, h := range [][2]string{{"https://evil.example", "cross-site"}, {"null", "cross-site"}, {"http://media.localhost:8080", "same-site"},
				{"http://localhost:9999", "same-site"}, {"", "cross-site"}, {"https://evil.example", ""}} {
				req := v.form(at, f.fields...)
				for i, name := range []string{"Origin", "Sec-Fetch-Site"} {
					if req.Header.Set(name, h[i]); h[i] == "" {
						req.Header.Del(name)
					}
				}
				got := v.do(req)
				r.equal(fmt.Sprint(path, " from ", h), []any{got.status, strings.Contains(got.body, "foreign-origin"), got.header.Values("Set-Cookie")}, []any{403, true, nil})
			}
			r.equal(path+": what changed", []string{state(), fmt.Sprint(v.cookies)}, []string{before, cookies})
			r.equal(path+" of ours", v.post(at, f.fields...).is(), f.want)
		}
		try("/console/start/{token}")
		n := 1
		for _, route := range r.site.Routes() {
			if route.Method == "POST" && route.Path != "/console/start/{token}" && route.Path != "/console/password" {
				n++
				try(route.Path)
			}
		}
		try("/console/password") // nobody can sign in with the old one afterwards
		for path := range forms {
			r.Errorf("there is no form %s", path)
		}
		r.Logf("%d forms, 6 origins each", n+1)
	})
}

// Control: what a locked session is refused, an open one is not.
func TestOpenSessionIsOpen(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Admin)
		v := r.signedIn("alice")
		n := 0
		for _, route := range r.site.Routes() {
			rule, _ := access.RuleFor(route.Op)
			if route.Method != "GET" || rule.Public {
				continue
			}
			n++
			if got := v.get(visited(route.Path)); got.status != 200 && got.location != "/console/doctor" {
				r.Errorf("%s: %s", route.Path, got.is())
			}
		}
		if n == 0 {
			r.Error("no page was opened")
		}
	})
}
