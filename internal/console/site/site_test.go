package site

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/words"
)

const origin = "http://localhost:8080"

var anna = access.Principal{Actor: "user:anna", Kind: access.KindUser, Session: "session_1", Roles: []access.Role{access.Reviewer}}

// frame returns a site whose one person is anna, known by the token "hers".
func frame(t *testing.T, mount func(*Site)) http.Handler {
	t.Helper()
	texts, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := New(Site{Words: texts, Log: slog.New(slog.DiscardHandler), Profile: func() string { return "practice" },
		Origins: func() Origins { return Origins{origin, "http://media.localhost:8080"} },
		Who: func(_ context.Context, token access.Secret) (access.Principal, error) {
			switch token {
			case "hers":
				return anna, nil
			case "locked":
				return access.Principal{}, houvast.Errorf("who", houvast.Unauthenticated, "session-locked", "locked")
			}
			return access.Principal{}, houvast.Errorf("who", houvast.Unauthenticated, "bad-credential", "no")
		}})
	mount(s)
	h, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// plain mounts one page and one change, and counts how often each was reached.
func plain(shown, done *int) func(*Site) {
	return func(s *Site) {
		s.Pages(fstest.MapFS{"plain.html": {Data: []byte(`{{define "title"}}{{t "site.name"}}{{end}}{{define "main"}}<h1>{{.}}</h1>{{end}}`)}})
		s.Get("review.queue", "/console/queue", func(p *Page) error { *shown++; return p.Render("plain", p.Who.Name()) })
		s.Post("review.skip", "/console/skip", func(p *Page) error { *done++; return p.See("/console/queue") })
		s.Get("console.public", "/console/sign-in", func(p *Page) error { return p.Render("plain", "sign in") })
		s.Get("cases.get", "/console/case/{id}", func(p *Page) error { panic("the hidden cause") })
	}
}

func ask(h http.Handler, method, target, cookie string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, target, strings.NewReader(""))
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if cookie != "" {
		req.AddCookie(&http.Cookie{Name: SessionCookie, Value: cookie})
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

// What another site sets off neither shows nor changes anything; what our own pages and the address bar
// set off does.
func TestForeign(t *testing.T) {
	var shown, done int
	h := frame(t, plain(&shown, &done))
	for _, c := range []struct {
		what, method, path string
		headers            []string
		let                bool
	}{
		{"the address bar", "GET", "/console/queue", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, true},
		{"our own page", "GET", "/console/queue", []string{"Sec-Fetch-Site", "same-origin"}, true},
		{"no browser", "GET", "/console/queue", nil, true},
		{"a link elsewhere", "GET", "/console/queue", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, true},
		{"a frame elsewhere", "GET", "/console/queue", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, false},
		{"a picture elsewhere", "GET", "/console/queue", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, false},
		{"the media origin", "GET", "/console/queue", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"}, false},
		{"an older browser elsewhere", "GET", "/console/queue", []string{"Origin", "https://elsewhere.example"}, false},
		{"our own form", "POST", "/console/skip", []string{"Sec-Fetch-Site", "same-origin", "Origin", origin}, true},
		{"a form elsewhere", "POST", "/console/skip", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://elsewhere.example"}, false},
		{"a form elsewhere, older", "POST", "/console/skip", []string{"Origin", "https://elsewhere.example"}, false},
		{"a form of no origin", "POST", "/console/skip", []string{"Origin", "null"}, false},
		{"the other port", "POST", "/console/skip", []string{"Origin", "http://localhost:9090"}, false},
	} {
		before := shown + done
		rec := ask(h, c.method, origin+c.path, "hers", c.headers...)
		if reached := shown+done > before; reached != c.let || !c.let && rec.Code != http.StatusForbidden {
			t.Errorf("%s: reached %v, status %d", c.what, reached, rec.Code)
		}
	}
}

// Who is not signed in, has lost the session or locked it goes where they get one; a script is told.
func TestAdmission(t *testing.T) {
	var shown, done int
	h := frame(t, plain(&shown, &done))
	for _, c := range []struct {
		method, path, cookie string
		status               int
		to                   string
	}{
		{"GET", "/console/queue?a=b", "", http.StatusSeeOther, "/console/sign-in?next=%2Fconsole%2Fqueue%3Fa%3Db"},
		{"GET", "/console/queue", "nobody's", http.StatusSeeOther, "/console/sign-in?next=%2Fconsole%2Fqueue"},
		{"GET", "/console/queue", "locked", http.StatusSeeOther, "/console/locked"},
		{"POST", "/console/skip", "", http.StatusUnauthorized, ""},
		{"POST", "/console/skip", "locked", http.StatusUnauthorized, ""},
		{"GET", "/console/sign-in", "locked", http.StatusOK, ""},
		{"GET", "/console/nowhere", "hers", http.StatusNotFound, ""},
		{"POST", "/console/queue", "hers", http.StatusNotFound, ""},
		{"GET", "/console//queue", "hers", http.StatusNotFound, ""},
		{"GET", "/console/queue", "hers", http.StatusOK, ""},
	} {
		rec := ask(h, c.method, origin+c.path, c.cookie)
		if rec.Code != c.status || rec.Header().Get("Location") != c.to {
			t.Errorf("%s %s with %q: %d to %q", c.method, c.path, c.cookie, rec.Code, rec.Header().Get("Location"))
		}
	}
	if rec := ask(h, "GET", origin+"/console/queue", "", "Accept", "application/json"); rec.Code != http.StatusUnauthorized || !strings.Contains(rec.Body.String(), `"code":"no-credential"`) {
		t.Errorf("a script is told %d %s", rec.Code, rec.Body)
	}
	if shown != 1 || done != 0 {
		t.Errorf("shown %d, done %d; want one page and no change", shown, done)
	}
}

// A page may not come from a role that may not, and a defect is told without its reason.
func TestRefusedAndBroken(t *testing.T) {
	h := frame(t, func(s *Site) {
		var n int
		plain(&n, &n)(s)
		s.Get("users.list", "/console/staff", func(*Page) error { t.Error("reached"); return nil })
		s.Get("cases.list", "/console/fails", func(*Page) error { return errors.New("the reason why") })
	})
	if rec := ask(h, "GET", origin+"/console/staff", "hers"); rec.Code != http.StatusForbidden {
		t.Errorf("a reviewer reads the staff: %d", rec.Code)
	}
	rec := ask(h, "GET", origin+"/console/case/x", "hers")
	if rec.Code != http.StatusInternalServerError || strings.Contains(rec.Body.String(), "hidden cause") || !strings.Contains(rec.Body.String(), "Something went wrong in Houvast") {
		t.Errorf("a panic: %d %s", rec.Code, rec.Body)
	}
}

// What every answer carries. The origin of the renditions may be fetched from, and nothing else is
// allowed to come from it.
func TestHeaders(t *testing.T) {
	var n int
	h := frame(t, plain(&n, &n))
	for _, path := range []string{"/console/queue", "/console/nowhere", "/console/case/x", "/console/sign-in"} {
		head := ask(h, "GET", origin+path, "hers").Header()
		csp := head.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self' http://media.localhost:8080;", "frame-ancestors 'none'",
			"base-uri 'none'", "form-action 'self'", "require-trusted-types-for 'script'", "report-uri /console/csp-report"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: the policy lacks %s: %s", path, part, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || head.Get("Cache-Control") != "no-store" || head.Get("X-Content-Type-Options") != "nosniff" || head.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: %v", path, head)
		}
	}
	if to := ask(h, "GET", "http://127.0.0.1:8080/console/queue", "hers"); to.Code != http.StatusTemporaryRedirect || to.Header().Get("Location") != origin+"/console/queue" {
		t.Errorf("by another name: %d %s", to.Code, to.Header().Get("Location"))
	}
	if kept := ask(h, "GET", origin+"/console/static/console.css?abc", "").Header().Get("Cache-Control"); !strings.Contains(kept, "immutable") {
		t.Errorf("the style is not kept: %q", kept)
	}
}

// The session's cookie is one that no other host and no other site can set or send.
func TestCookies(t *testing.T) {
	rec := httptest.NewRecorder()
	p := &Page{W: rec}
	p.SetSession("hers")
	p.SetLanguage(words.NL)
	p.SetSession("")
	for i, c := range rec.Result().Cookies() {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("cookie %d: %s", i, c.Raw)
		}
	}
	if cookies := rec.Result().Cookies(); len(cookies) != 3 || cookies[0].MaxAge != 0 || cookies[2].MaxAge >= 0 {
		t.Errorf("%v", cookies)
	}
}

// A link back leads into the console and nowhere else.
func TestNext(t *testing.T) {
	for path, want := range map[string]string{
		"/console/queue":                "/console/queue",
		"/console/report/r?x=1":         "/console/report/r?x=1",
		"":                              "/console/",
		"//evil.example/console/":       "/console/",
		"https://evil.example/console/": "/console/",
		"/console//evil.example":        "/console/",
		"/console/\\evil.example":       "/console/",
		"\\\\evil.example":              "/console/",
		"/api/v1/items":                 "/console/",
		"javascript:alert(1)":           "/console/",
		"/console/%zz":                  "/console/",
	} {
		if got := Next(path); got != want {
			t.Errorf("%q leads to %q, want %q", path, got, want)
		}
	}
}

// The same form is the same request whoever renders it; another field makes it another.
func TestAsk(t *testing.T) {
	of := func(pairs string) string {
		form, err := url.ParseQuery(pairs)
		if err != nil {
			t.Fatal(err)
		}
		p := &Page{R: &http.Request{URL: &url.URL{Path: "/console/x"}, PostForm: form}, Who: anna, Op: "review.skip"}
		a := p.Ask()
		return string(a.By) + " " + a.Op + " " + a.Key + " " + a.Body
	}
	if of("once=o_1&a=1") != of("a=1&once=o_1") || of("once=o_1&a=1") == of("once=o_1&a=2") || of("once=o_1&a=1") == of("once=o_2&a=1") {
		t.Error("the key or the body of a request is wrong")
	}
	if !strings.Contains(of("once=o_1"), "user:anna review.skip page o_1 ") || strings.Contains(of("a=1"), "page") {
		t.Error(of("once=o_1"), of("a=1"))
	}
}

// What a build got wrong stops the start: a route without a rule, a page that writes, two pages of one
// name, a template that does not parse.
func TestDefects(t *testing.T) {
	texts, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	nothing := func(*Page) error { return nil }
	for what, mount := range map[string]func(*Site){
		"has no rule": func(s *Site) { s.Get("no.such", "/console/x", nothing) },
		"writes":      func(s *Site) { s.Get("review.skip", "/console/x", nothing) },
		"two pages":   func(s *Site) { s.Pages(fstest.MapFS{"error.html": {Data: []byte("x")}}) },
		"bad.html":    func(s *Site) { s.Pages(fstest.MapFS{"bad.html": {Data: []byte("{{")}}) },
	} {
		s := New(Site{Words: texts})
		mount(s)
		if _, err := s.Handler(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := New(Site{Words: texts}).Handler(); err != nil {
		t.Errorf("control: %v", err)
	}
}

// What people wrote is text wherever it stands, and the texts for the script are one attribute.
func TestEscaped(t *testing.T) {
	hostile := `</h1><script>alert(1)</script>"><img src=x onerror=alert(1)>`
	h := frame(t, func(s *Site) {
		s.Pages(fstest.MapFS{"said.html": {Data: []byte(`{{define "title"}}{{.}}{{end}}{{define "main"}}<h1 title="{{.}}">{{.}}</h1><a href="{{.}}">x</a>{{end}}`)}})
		s.Get("review.queue", "/console/queue", func(p *Page) error { return p.Render("said", hostile) })
	})
	body := ask(h, "GET", origin+"/console/queue", "hers", "Accept-Language", "fr").Body.String()
	if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img") || !strings.Contains(body, `<html lang="fr">`) || !strings.Contains(body, "Mosaïque affichée") {
		t.Error(body)
	}
}

// static/console.js is what go generate makes of web/console.
func TestScriptIsGenerated(t *testing.T) {
	kept, err := os.ReadFile("static/console.js")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "console.js")
	source, err := os.ReadFile("frame.go")
	if err != nil {
		t.Fatal(err)
	}
	_, command, _ := strings.Cut(string(source), "//go:generate ")
	command, _, _ = strings.Cut(command, "\n")
	args := strings.Fields(strings.Replace(command, "static/console.js", out, 1))
	if text, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if made, err := os.ReadFile(out); err != nil || !bytes.Equal(made, kept) {
		t.Errorf("static/console.js is not what web/console makes; run go generate ./internal/console/site (%v)", err)
	}
}

// From an error a reader goes back to the page they came from, if it is one of ours that can be opened.
func TestBack(t *testing.T) {
	var n int
	h := frame(t, plain(&n, &n))
	for referer, want := range map[string]string{
		origin + "/console/queue?part=2":     `href="/console/queue?part=2"`,
		origin + "/console/skip":             `href="/console/"`, // takes forms only
		origin + "/console/nowhere":          `href="/console/"`,
		"https://evil.example/console/queue": `href="/console/"`,
		"":                                   `href="/console/"`,
	} {
		body := ask(h, "GET", origin+"/console/case/x", "hers", "Referer", referer).Body.String()
		if !strings.Contains(body, `<a class="button" `+want) {
			t.Errorf("from %q: want %s in %s", referer, want, body)
		}
	}
}
