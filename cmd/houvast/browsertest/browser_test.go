package browsertest

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
)

// TestStart wants a browser of a test to be gone after it, with every process and file.
func TestStart(t *testing.T) {
	var b *Browser
	t.Run("while it runs", func(t *testing.T) {
		b = Start(t)
		b.Tab(t, Options{})
		if n := len(b.processes()); n < 3 {
			t.Errorf("a browser with a tab is %d processes; the count does not see them", n)
		}
		if _, err := os.Stat(filepath.Join(b.dir, "profile")); err != nil {
			t.Error(err)
		}
	})
	if b == nil {
		return // skipped
	}
	if left := b.processes(); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
	if _, err := os.Stat(b.dir); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", b.dir, err)
	}
	if one, two := Shared(t), Shared(t); one != two {
		t.Error("Shared starts more than one browser")
	}
}

// TestNeed wants a loud skip for what is missing, and a failure where everything must run.
func TestNeed(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	t.Setenv("CI", "")
	if d := doom(t, func(d testing.TB) { need(d, missing, "it is not here") }); !strings.HasPrefix(d.skipped, "NOT RUN: it is not here") || d.failed != "" {
		t.Errorf("skipped %q, failed %q", d.skipped, d.failed)
	}
	t.Setenv("CI", "true")
	if d := doom(t, func(d testing.TB) { need(d, missing, "it is not here") }); d.failed == "" || d.skipped != "" {
		t.Errorf("with CI=true: skipped %q, failed %q", d.skipped, d.failed)
	}
}

// TestPeople wants tabs to be different people: cookies, languages, colours.
func TestPeople(t *testing.T) {
	site := serve(t, map[string]content{"clean": {body: clean}}, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "__Host-houvast", Value: "anna", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
		http.Redirect(w, r, "/page/clean", http.StatusSeeOther)
	})
	origin := "http://localhost:" + site.port
	anna := Shared(t).Tab(t, Options{Lang: "nl-BE,nl", Dark: true, Width: 900, Height: 700})
	ben := Shared(t).Tab(t, Options{})
	anna.Open(origin + "/sign-in")
	ben.SetCookie(origin, "__Host-houvast", "ben")
	ben.Open(site.at("clean"))

	c := anna.Cookie("__Host-houvast")
	if c == nil {
		t.Fatal("a __Host- cookie of http://localhost is not kept")
	}
	if c.Value != "anna" || !c.Secure || !c.HTTPOnly || c.SameSite != network.CookieSameSiteStrict || c.Path != "/" || c.Domain != "localhost" || !c.Session {
		t.Errorf("the cookie is %+v", c)
	}
	if anna.Cookie("other") != nil {
		t.Error("there is a cookie that nobody set")
	}
	anna.Open(site.at("clean")) // the redirect came from an address that the browser was given, and Strict is sent there too
	var sent []string
	for _, r := range site.requests("/page/clean") {
		sent = append(sent, r.Header.Get("Accept-Language")+" "+r.Header.Get("Cookie"))
	}
	want := []string{"nl-BE,nl;q=0.9 __Host-houvast=anna", "en __Host-houvast=ben", "nl-BE,nl;q=0.9 __Host-houvast=anna"}
	if strings.Join(sent, "\n") != strings.Join(want, "\n") {
		t.Errorf("the site was sent\n%s\nwant\n%s", strings.Join(sent, "\n"), strings.Join(want, "\n"))
	}
	for tab, dark := range map[*Tab]bool{anna: true, ben: false} {
		if Eval[bool](tab, `matchMedia("(prefers-color-scheme: dark)").matches`) != dark {
			t.Errorf("dark is not %v", dark)
		}
	}
	if w, h := Eval[int](anna, "innerWidth"), Eval[int](anna, "innerHeight"); w != 900 || h != 700 {
		t.Errorf("the window is %d by %d", w, h)
	}
	anna.Emulate(Options{Lang: "de"})
	anna.Open(site.at("clean"))
	last := anna.Requests()
	for _, r := range last {
		if r.Type == "Document" && r.Header.Get("Accept-Language") == "de" && r.Header.Get("Cookie") == "__Host-houvast=anna" {
			return
		}
	}
	t.Errorf("no document was asked for in German: %+v", last)
}

// TestMedia wants what renditions stand on: another host name on the same port is found on this machine,
// may be fetched from with a proof when it says so, and gets no cookie, not even when a script asks for it.
func TestMedia(t *testing.T) {
	picture := bytes.Repeat([]byte{0, 0xff, 0x89, 'P'}, 5000)
	const script = `const ask = how => fetch("http://media.localhost:" + location.port + "/r/1?" + how, {credentials: how, headers: {Authorization: "Houvast x"}})
		.then(r => r.arrayBuffer()).then(b => document.body.dataset[how] = b.byteLength);
		ask("omit").then(() => ask("include"))`
	var site *website
	site = serve(t, map[string]content{"media": {body: clean, script: script}, "clean": {body: clean}}, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "http://localhost:"+site.port)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Allow-Headers", "authorization")
		h.Set("Content-Type", "image/png")
		if r.Method != http.MethodOptions {
			w.Write(picture)
		}
	})
	tab := Shared(t).Tab(t, Options{})
	tab.SetCookie("http://localhost:"+site.port, "__Host-houvast", "anna")
	tab.Open(site.at("media"))
	tab.Await("both answers are there", `document.body.dataset.omit && document.body.dataset.include`)
	tab.Open(site.at("clean"))
	var types []string
	for _, r := range tab.Requests() {
		if r.Lost != "" {
			t.Errorf("the body of %s is lost: %s", r.URL, r.Lost)
		}
		if !strings.Contains(r.URL, "media.localhost") {
			continue
		}
		types = append(types, r.Type)
		if r.Header.Get("Cookie") != "" {
			t.Errorf("%s sends %s", r.Type, r.Header.Get("Cookie"))
		}
		if r.Type == "Fetch" && (r.Header.Get("Authorization") != "Houvast x" || r.Status != 200 || !bytes.Equal(r.Body, picture) || r.Answer.Get("Content-Type") != "image/png") {
			t.Errorf("the fetch is %+v with %d bytes", r.Header, len(r.Body))
		}
	}
	if got := strings.Join(types, " "); strings.Count(got, "Fetch") != 2 || strings.Count(got, "Preflight") < 1 {
		t.Errorf("asked of media.localhost: %s", got)
	}
	seen := site.requests("/r/1")
	for _, r := range seen {
		if !strings.HasPrefix(r.Host, "media.localhost:") || r.Header.Get("Cookie") != "" || r.Header.Get("Origin") != "http://localhost:"+site.port {
			t.Errorf("%s of %s came with %v", r.Method, r.Host, r.Header)
		}
	}
	if page := site.requests("/page/media"); len(seen) < 3 || len(page) != 1 || page[0].Header.Get("Cookie") == "" {
		t.Errorf("%d requests to media.localhost, and the page itself was sent the cookies of %v", len(seen), page)
	}
	if faults := tab.Faults(); len(faults) > 0 {
		t.Errorf("faults: %v", faults)
	}
}
