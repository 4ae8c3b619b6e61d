package keeping_test

import (
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/words"
)

// ours are the routes of these pages, with a path that exists.
func ours(t *testing.T, r *consoletest.Rig) (all []site.Route) {
	t.Helper()
	for _, route := range r.Site.Routes() {
		if rule, _ := access.RuleFor(route.Op); rule.Public {
			continue
		}
		route.Path = strings.ReplaceAll(strings.ReplaceAll(route.Path, "{name}", "national-list"), "{id}", "user_0000000000001")
		route.Path = strings.Replace(route.Path, "/console/key/user_", "/console/key/key_", 1)
		all = append(all, route)
	}
	if len(all) < 19 {
		t.Fatalf("only %d routes are known", len(all))
	}
	return all
}

// Whoever has no session, another role, or comes from another site is refused by each route, and changes
// nothing; whoever may is not.
func TestEveryRouteAsks(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, _ *consoletest.Visitor) {
		t := r.T
		newBank(t, ada, "national-list")
		staff := map[access.Role]*consoletest.Visitor{}
		for _, role := range access.Roles() {
			staff[role] = r.Hire("the-"+string(role), role)
		}
		before := r.Number("SELECT COUNT(*) FROM audit_line")
		refused, allowed := 0, 0
		for _, route := range ours(t, r) {
			rule, _ := access.RuleFor(route.Op)
			stranger := r.Visitor().Do(httptest.NewRequestWithContext(t.Context(), route.Method, consoletest.Origin+route.Path, nil))
			if stranger.Status != 401 && (stranger.Status != 303 || !strings.HasPrefix(stranger.Location, "/console/sign-in?")) {
				t.Errorf("%s %s lets a stranger in: %d", route.Method, route.Path, stranger.Status)
			}
			for role, who := range staff {
				req := httptest.NewRequestWithContext(t.Context(), route.Method, consoletest.Origin+route.Path, nil)
				if slices.Contains(rule.Roles, role) {
					elsewhere := req.Clone(t.Context())
					elsewhere.Header.Set("Origin", "https://elsewhere.example")
					elsewhere.Header.Set("Sec-Fetch-Site", "cross-site")
					if got := who.Do(elsewhere); got.Status != 403 {
						t.Errorf("%s %s of another site is answered with %d", route.Method, route.Path, got.Status)
					}
					if route.Method == "GET" {
						status(t, route.Path+" by "+string(role), who.Do(req), 200)
						allowed++
					}
					continue
				}
				if got := who.Do(req); got.Status != 403 || !strings.Contains(got.Text(), "Your role does not include this") {
					t.Errorf("%s %s by %s gives %d", route.Method, route.Path, role, got.Status)
				}
				refused++
			}
		}
		if after := r.Number("SELECT COUNT(*) FROM audit_line"); after != before {
			t.Errorf("%d things happened meanwhile", after-before)
		}
		t.Logf("keeping: %d refused, %d allowed", refused, allowed)
	})
}

var forms = regexp.MustCompile(`(?s)<main.*</main>`)

// Whoever only reads sees nothing to press that changes anything, on any page; an administrator does.
func TestAuditorSeesNoButtons(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, otto *consoletest.Visitor) {
		t := r.T
		newBank(t, ada, "national-list")
		r.Matched(1)
		buttons := map[*consoletest.Visitor]int{}
		pages := 0
		for _, route := range ours(t, r) {
			if route.Method != "GET" || route.Op == "audit.export" {
				continue
			}
			for _, who := range []*consoletest.Visitor{ada, otto} {
				got := who.Get(route.Path)
				if got.Status == 403 {
					continue
				}
				main := forms.FindString(got.Body)
				if main == "" {
					t.Fatalf("%s has no main part", route.Path)
				}
				buttons[who] += strings.Count(main, "<form") + strings.Count(main, "<button")
				pages++
				for _, form := range regexp.MustCompile(`(?s)<form.*?</form>`).FindAllString(main, -1) {
					if !strings.Contains(form, `name="once" value="o_`) && !strings.Contains(form, `name="once" value="o`) {
						t.Errorf("a form of %s has no key of its own: %s", route.Path, form)
					}
				}
			}
		}
		if buttons[otto] != 0 || buttons[ada] < 6 {
			t.Errorf("an auditor sees %d forms and buttons, an administrator %d", buttons[otto], buttons[ada])
		}
		t.Logf("keeping: %d pages looked through", pages)
		links := regexp.MustCompile(`href="(/console/[a-z]+)"`).FindAllStringSubmatch(sees(t, otto, "/console/policies").Body, -1)
		for _, l := range links {
			if slices.Contains([]string{"/console/banks", "/console/keys", "/console/staff"}, l[1]) {
				t.Errorf("an auditor is led to %s", l[1])
			}
		}
		if len(links) < 5 {
			t.Errorf("only %d links lead an auditor on", len(links))
		}
	})
}

// Every key that a page or a function names exists, and every text of these pages is named somewhere or
// belongs to a closed list.
func TestTextsAreUsed(t *testing.T) {
	w, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	var prefixes []string
	for _, e := range entries {
		if e.IsDir() || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		text, err := os.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"(keeping\.[a-z_.]+)"`).FindAllStringSubmatch(string(text), -1) {
			if strings.HasSuffix(m[1], ".") {
				prefixes = append(prefixes, m[1])
			} else {
				named[m[1]] = true
			}
		}
	}
	for key := range named {
		if _, ok := w.Lookup(words.EN, key); !ok && key != "keeping.log" && key != "keeping.technical" && key != "keeping.export" {
			t.Errorf("%s is named and is no text", key)
		}
	}
	for key := range w.Below(words.EN, "keeping") {
		if !named[key] && !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) }) {
			t.Errorf("%s is a text that nothing names", key)
		}
	}
	if len(named) < 150 {
		t.Errorf("only %d keys were found", len(named))
	}
}
