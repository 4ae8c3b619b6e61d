package entry

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/site"
)

// Signing in sets one cookie with everything that protects it, signing out takes it, and both are in the
// audit log.
func TestSignInAndOut(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Reviewer)
		v := r.visitor()
		page := v.get("/console/sign-in")
		r.equal("the form", page.status, 200)
		for _, want := range []string{`autocomplete="username"`, `autocomplete="current-password"`, `type="password"`, `<label for="name">`, `<label for="password">`, "autofocus"} {
			if !strings.Contains(page.body, want) {
				r.Errorf("the form has no %s", want)
			}
		}
		in := v.post("/console/sign-in", "name", "Alice", "password", password)
		r.equal("signed in", in.is(), "See Other /console/")
		token := v.cookies[site.SessionCookie]
		r.equal("cookie", in.header.Values("Set-Cookie"), []string{"__Host-houvast=" + token + "; Path=/; HttpOnly; Secure; SameSite=Strict"})
		if in.header.Get("Cache-Control") != "no-store" || strings.Contains(in.body+in.location, token) {
			r.Error("the token is kept somewhere, or stands in the answer")
		}
		r.equal("home", v.get("/console/").is(), "See Other /console/queue")
		r.equal("signing in again", v.get("/console/sign-in?next=/console/cases").is(), "See Other /console/cases")
		r.equal("recorded", r.number("SELECT COUNT(*) FROM audit_line WHERE action = 'sessions.create' AND actor = 'user:alice'"), 1)

		id := v.session()
		out := v.post("/console/sign-out")
		r.equal("signed out", out.is(), "See Other /console/sign-in?out=yes")
		r.equal("cookie", out.header.Values("Set-Cookie"), []string{"__Host-houvast=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict"})
		r.equal("nothing is shown any more", r.viewer.take(), []string{id})
		if got := v.get("/console/sign-in?out=yes").text(); !strings.Contains(got, "You are signed out.") {
			r.Errorf("after signing out: %s", got)
		}
		v.cookies[site.SessionCookie] = token
		r.equal("the token afterwards", v.get("/console/sessions").is(), "See Other /console/sign-in?next=%2Fconsole%2Fsessions")
		r.equal("recorded", r.number("SELECT COUNT(*) FROM audit_line WHERE action = 'sessions.delete' AND actor = 'user:alice'"), 1)
	})
}

// An unknown name, a wrong password and a closed account are one answer.
func TestWrongLoginsAreOneAnswer(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Admin)
		r.hire("bob", access.Reviewer)
		users, err := r.Users(r.Context(), 0, 10)
		r.must(err)
		r.must(r.DisableUser(r.Context(), askCLI("users.disable"), users[1].ID))
		seen := map[string]bool{}
		for _, try := range [][2]string{{"alice", "not her password"}, {"nobody", password}, {"bob", password}, {"not a name", password}, {"alice", strings.Repeat("x", 600)}} {
			v := r.visitor()
			got := v.post("/console/sign-in", "name", try[0], "password", try[1])
			r.equal(try[0], got.status, 401)
			r.equal("cookies after "+try[0], len(got.header.Values("Set-Cookie")), 0)
			if strings.Contains(got.body, try[1]) {
				r.Errorf("the password of %s is shown again", try[0])
			}
			seen[strings.ReplaceAll(got.body, try[0], "NAME")] = true
		}
		r.equal("different answers", len(seen), 1)
		r.equal("control: the right password", r.visitor().post("/console/sign-in", "name", "alice", "password", password).is(), "See Other /console/")
		r.equal("sessions", r.number("SELECT COUNT(*) FROM access_session"), 1)

		for _, half := range [][2]string{{"", password}, {"alice", ""}} {
			got := r.visitor().post("/console/sign-in", "name", half[0], "password", half[1])
			if got.status != 400 || !strings.Contains(got.text(), "This is still empty.") || !strings.Contains(got.body, `aria-invalid="true"`) {
				r.Errorf("half a form: %d %s", got.status, got.text())
			}
		}
	})
}

// Too many tries are refused, for the right password too, until time has passed.
func TestTooManyTries(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Admin)
		v := r.visitor()
		for i := range 10 {
			r.equal(fmt.Sprint("try ", i), v.post("/console/sign-in", "name", "alice", "password", "a wrong password").status, 401)
		}
		got := v.post("/console/sign-in", "name", "alice", "password", password)
		if got.status != 429 || !strings.Contains(got.text(), "Too many tries") {
			r.Errorf("the eleventh: %d %s", got.status, got.text())
		}
		r.hand.Pass(time.Minute)
		r.equal("a minute later", v.post("/console/sign-in", "name", "alice", "password", password).is(), "See Other /console/")
	})
}

// Whoever signs in is led to a page of the console and nowhere else.
func TestNextStaysHere(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Admin)
		tested := map[string]string{}
		for next, want := range map[string]string{
			"": firstPage, "/": firstPage, "/console": firstPage, "//evil.example/": firstPage, "//evil.example/console/cases": firstPage, "https://evil.example/console/": firstPage, "https:": firstPage,
			"https:/console/": firstPage, `\\evil.example`: firstPage, `/\evil.example`: firstPage, `/console/\evil`: firstPage, "/console/%5cevil": firstPage,
			"/console/../../x": firstPage, "/console/..": firstPage, "/console/%2e%2e/x": firstPage, "/console//evil.example": firstPage,
			"/console/%2fevil.example": firstPage, "javascript:alert(1)": firstPage, "/api/v1/users": firstPage, "/console/\r\nSet-Cookie: a=b": firstPage,
			"/console/cases?after=case_0#x": "/console/cases?after=case_0", "/console/": "/console/", "/console/a/": "/console/a/",
		} {
			page := r.visitor().get("/console/sign-in?next=" + url.QueryEscape(next))
			if !strings.Contains(page.body, fmt.Sprintf(`name="next" value="%s"`, want)) {
				r.Errorf("next=%q: the form leads elsewhere", next)
			}
			lang := r.visitor().post("/console/language", "language", "fr", "next", next)
			r.equal("next="+next+" of a language", lang.is(), "See Other "+want)
			tested[next] = want
		}
		for _, next := range []string{"//evil.example/", "https:", `\\evil.example`, "/console/../../x", "/console//evil.example", "/console/cases?after=case_0#x"} {
			got := r.visitor().post("/console/sign-in", "name", "alice", "password", password, "next", next)
			r.equal("next="+next, got.is(), "See Other "+tested[next])
		}
	})
}

// Each role begins where its work is; nobody begins at the door.
func TestHome(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.equal("nobody", r.visitor().get("/console/").is(), "See Other /console/sign-in")
		for i, c := range []struct {
			want  string
			roles []access.Role
		}{
			{"/console/queue", []access.Role{access.Reviewer}},
			{"/console/reports", []access.Role{access.Approver}},
			{"/console/doctor", []access.Role{access.Admin}},
			{"/console/audit", []access.Role{access.Auditor}},
			{"/console/queue", []access.Role{access.Admin, access.Reviewer, access.Approver}},
			{"/console/reports", []access.Role{access.Admin, access.Approver}},
		} {
			name := fmt.Sprint("user", i)
			r.hire(name, c.roles...)
			r.equal(fmt.Sprint(c.roles), r.signedIn(name).get("/console/").is(), "See Other "+c.want)
		}
		r.equal("another page", r.visitor().get("/console/nothing").status, 404)
	})
}

// While nobody has an account, the door says how the first one is made, and has no form.
func TestNobodyYet(t *testing.T) {
	each(t, func(r *rig) {
		got := r.visitor().get("/console/sign-in")
		if !strings.Contains(got.text(), "“houvast serve” printed a link") || strings.Contains(got.body, `type="password"`) {
			r.Errorf("the door: %s", got.text())
		}
		r.hire("alice", access.Admin)
		if got = r.visitor().get("/console/sign-in"); !strings.Contains(got.body, `type="password"`) {
			r.Error("control: with an account there is a form")
		}
	})
}

// A session ends without use and in any case, and the door says so and takes the cookie.
func TestSessionsEnd(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Admin)
		ended := func(what string, v *visitor) {
			r.Helper()
			r.equal(what, v.get("/console/sessions").is(), "See Other /console/sign-in?next=%2Fconsole%2Fsessions")
			r.equal(what+", for a script", v.script("/console/lock").status, 401)
			got := v.get("/console/sign-in?next=%2Fconsole%2Fsessions")
			if !strings.Contains(got.text(), "Your session has ended") || v.cookies[site.SessionCookie] != "" {
				r.Errorf("%s: the door says %s", what, got.text())
			}
		}
		v := r.signedIn("alice")
		r.clock.Advance(access.IdleLimit - time.Second)
		r.equal("just in time", v.get("/console/sessions").status, 200)
		r.clock.Advance(access.IdleLimit)
		ended("idle", v)

		v = r.signedIn("alice")
		for used := time.Duration(0); used < access.AbsoluteLimit-20*time.Minute; used += 20 * time.Minute {
			r.clock.Advance(20 * time.Minute)
			r.equal("in use", v.get("/console/sessions").status, 200)
		}
		r.clock.Advance(20 * time.Minute)
		ended("absolute", v)
	})
}

// Signing in where somebody is signed in ends what was there before.
func TestSignInEndsTheSessionBefore(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Admin)
		r.hire("bob", access.Reviewer)
		for _, locked := range []bool{false, true} {
			v := r.signedIn("alice")
			before, token := v.session(), v.cookies[site.SessionCookie]
			if locked {
				v.post("/console/lock")
			}
			r.viewer.take()
			r.equal("the other", v.post("/console/sign-in", "name", "bob", "password", password).is(), "See Other /console/")
			r.equal("nothing is shown any more", r.viewer.take(), []string{before})
			if v.cookies[site.SessionCookie] == token {
				r.Error("the session has the token of the one before")
			}
			r.equal("sessions of alice", r.number("SELECT COUNT(*) FROM access_session WHERE id = $1", before), 0)
			r.equal("home", v.get("/console/").is(), "See Other /console/queue")
		}
	})
}

// The language is kept in a cookie that says nothing else, and only one of the four.
func TestLanguage(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Admin)
		v := r.visitor()
		got := v.post("/console/language", "language", "nl", "next", "/console/sign-in")
		r.equal("chosen", got.is(), "See Other /console/sign-in")
		r.equal("cookie", got.header.Values("Set-Cookie"), []string{"__Host-houvast-language=nl; Path=/; Max-Age=31536000; HttpOnly; Secure; SameSite=Strict"})
		if page := v.get("/console/sign-in"); !strings.Contains(page.body, `<html lang="nl">`) || !strings.Contains(page.text(), "Wachtwoord") {
			r.Error("the door is not in Dutch")
		}
		for _, bad := range []string{"", "xx", "en-GB", `"><script>`} {
			got := v.post("/console/language", "language", bad)
			r.equal("language="+bad, []any{got.status, len(got.header.Values("Set-Cookie"))}, []any{400, 0})
		}
	})
}

// Hostile texts come back escaped or not at all.
func TestHostileTexts(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Admin)
		for _, text := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `{{.}}`, "\u202egnp.exe", strings.Repeat("a", 2000)} {
			v := r.visitor()
			v.agent, v.lang = text, "en, "+text
			for what, got := range map[string]reply{
				"name":  v.post("/console/sign-in", "name", text, "password", "x"),
				"next":  v.get("/console/sign-in?next=" + url.QueryEscape("/console/"+text)),
				"token": v.get("/console/start/" + url.PathEscape(text)),
				"enter": v.get("/console/enter/" + url.PathEscape(text)),
				"out":   v.get("/console/sign-in?out=" + url.QueryEscape(text)),
			} {
				if strings.Contains(got.body, "<script>alert") || strings.Contains(got.body, "<img") || strings.Contains(got.body, strings.Repeat("a", 300)) && what == "name" {
					r.Errorf("%s: %q stands in the page", what, text)
				}
				if got.status == http.StatusInternalServerError {
					r.Errorf("%s: %q broke the page", what, text)
				}
			}
			in := r.visitor()
			in.agent = text
			in.post("/console/sign-in", "name", "alice", "password", password)
			page := in.get("/console/sessions")
			if !strings.Contains(page.text(), "Unknown browser") || strings.Contains(page.body, text) {
				r.Errorf("the list says %q", page.text())
			}
		}
		if got := r.visitor().post("/console/sign-in", "name", `<b>"x`, "password", "x"); !strings.Contains(got.body, `value="&lt;b&gt;&#34;x"`) {
			r.Error("control: a short name is shown again, escaped")
		}
	})
}
