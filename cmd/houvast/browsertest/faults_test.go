package browsertest

import (
	"net/http"
	"strings"
	"testing"
)

const clean = `<main><h1>A page</h1><p>Nothing is wrong here.</p></main>`

// TestDetectors plants one fault of each kind and wants it named; a clean page has none.
func TestDetectors(t *testing.T) {
	pages := map[string]content{
		"clean":   {body: clean},
		"missing": {body: clean},
		"inline":  {body: clean + `<script>document.title = "ran"</script>`},
		"handler": {body: clean + `<img src="/icon" alt="" onload="alert(1)">`},
		"style":   {body: clean + `<p style="color: red">red</p>`},
		"trusted": {body: clean, script: `document.querySelector("h1").innerHTML = "<b>x</b>"`},
		"connect": {body: clean, script: `fetch("http://other.localhost:" + location.port + "/").catch(() => {})`},
		"error":   {body: clean, script: `console.error("planted", 1)`},
		"warning": {body: clean, script: `console.warn("planted")`},
		"talk":    {body: clean, script: `console.log("talk"); console.info("talk")`},
		"throw":   {body: clean, script: `throw new Error("planted")`},
		"reject":  {body: clean, script: `Promise.reject(new Error("planted"))`},
		"alert":   {body: clean, script: `alert("planted")`},
		"confirm": {body: clean, script: `confirm("planted")`},
		"refused": {body: clean, script: `fetch("/teapot")`},
		"dropped": {body: clean, script: `fetch("/dropped").catch(() => {})`},
		"picture": {body: clean + `<img src="/absent" alt="">`},
		"window":  {body: clean, script: `open("/page/clean")`},
		"cors":    {body: clean, script: `fetch("http://media.localhost:" + location.port + "/closed").catch(() => {})`},
	}
	site := serve(t, pages, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/dropped":
			panic(http.ErrAbortHandler)
		case "/teapot":
			w.WriteHeader(http.StatusTeapot)
		case "/closed":
			w.WriteHeader(http.StatusOK)
		default:
			http.NotFound(w, r)
		}
	})
	all := Shared(t).Tab(t, Options{})
	for page, want := range map[string][]string{
		"clean": nil, "missing": nil, "talk": nil,
		"inline":  {"policy: script-src", "report to http://localhost", "log security"},
		"handler": {"policy: script-src-attr", "report to "},
		"style":   {"policy: style-src-attr", "report to "},
		"trusted": {"policy: require-trusted-types-for", "report to ", "exception: "},
		"connect": {"policy: connect-src", "report to ", "log javascript error: Fetch API cannot load"},
		"error":   {`console error: "planted" 1`},
		"warning": {`console warning: "planted"`},
		"throw":   {"exception: Uncaught Error: planted"},
		"reject":  {"exception: Uncaught (in promise) Error: planted"},
		"alert":   {"dialog alert: planted"},
		"confirm": {"dialog confirm: planted"},
		"refused": {"request GET http://localhost", "status 418"},
		"dropped": {"request GET http://localhost", "net::ERR_EMPTY_RESPONSE"},
		"picture": {"/absent: status 404"},
		"window":  {"a window is opened"},
		"cors":    {"MissingAllowOriginHeader", "issue CorsIssue"},
	} {
		t.Run(page, func(t *testing.T) {
			tab := all.With(t)
			tab.Open(site.at(page))
			tab.Await("what the script asked for is answered", `performance.getEntriesByType("resource").every(e => e.responseEnd)`)
			tab.Requests() // waits for what is on its way
			got := tab.Faults()
			found := strings.Join(got, "\n")
			if want == nil && found != "" {
				t.Errorf("a page without a fault has\n%s", found)
			}
			for _, w := range want {
				if !strings.Contains(found, w) {
					t.Errorf("%q is not among\n%s", w, found)
				}
			}
			if again := tab.Faults(); len(again) > 0 {
				t.Errorf("told twice: %v", again)
			}
		})
	}
}

// TestStatus wants the status of the page after redirects, and of an error page.
func TestStatus(t *testing.T) {
	site := serve(t, map[string]content{"clean": {body: clean}, "missing": {body: clean}}, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/page/clean", http.StatusSeeOther)
	})
	tab := Shared(t).Tab(t, Options{})
	tab.Open("http://localhost:" + site.port + "/moved")
	if tab.Status() != 200 || tab.URL() != site.at("clean") {
		t.Errorf("after a redirect: %d at %s", tab.Status(), tab.URL())
	}
	tab.Open(site.at("missing"))
	if tab.Status() != 404 {
		t.Errorf("an error page has status %d", tab.Status())
	}
	var hops []int
	for _, r := range tab.Requests() {
		if r.Type == "Document" {
			hops = append(hops, r.Status)
		}
	}
	if len(hops) != 3 || hops[0] != 303 || hops[1] != 200 || hops[2] != 404 {
		t.Errorf("the documents asked for answered %v", hops)
	}
}
