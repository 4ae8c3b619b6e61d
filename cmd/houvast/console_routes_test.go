package main

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/config"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

// A stranger is a caller whom a route must send away, with how.
type stranger struct {
	name   string
	a      func(ask) ask
	status int
	code   string // that a script is told
	to     string // where a reader is sent who opens a page; "" = nowhere
}

// A crew is one person for each role, with every kind of session that opens nothing.
type crew struct {
	at       map[access.Role]person
	locked   map[access.Role]string
	unused   map[access.Role]string // for too long
	ended    map[access.Role]string
	disabled map[access.Role]string
	key      string // of a program, with every scope
}

// hireCrew employs them.
func (h *house) hireCrew() crew {
	h.t.Helper()
	c := crew{at: map[access.Role]person{}, locked: map[access.Role]string{}, unused: map[access.Role]string{}, ended: map[access.Role]string{}, disabled: map[access.Role]string{}}
	for _, role := range access.Roles() {
		c.at[role], c.unused[role] = h.someone(role), h.someone(role).token
	}
	h.clock.Advance(access.IdleLimit)
	for role, p := range c.at {
		p = h.again(p)
		c.at[role] = p
		shut, out, gone := h.again(p), h.again(p), h.someone(role)
		h.lock(shut)
		h.must(h.app.desk.SignOut(h.t.Context(), p.asked("sessions.delete"), h.session(out)))
		h.must(h.control.Call(h.t.Context(), "POST", "/api/v1/users/"+gone.id+"/disable", "", nil, nil))
		c.locked[role], c.ended[role], c.disabled[role] = shut.token, out.token, gone.token
	}
	_, c.key = h.grant("forum", access.Scopes()...)
	return c
}

// strangers are all who must not do what a rule is about: nobody, by every way that is no session, every
// role whose session is locked, over or disabled, every role that is the wrong one, and everybody who may
// while another site sets the request off.
func (c crew) strangers(rule access.Rule, origin string) (all []stranger) {
	signIn := "/console/sign-in"
	by := func(token string) func(ask) ask { return func(a ask) ask { return a.by(token) } }
	elsewhere := func(name, token string) {
		for what, headers := range foreign(origin) {
			all = append(all, stranger{name + ", " + what, func(a ask) ask {
				if token != "" {
					a = a.by(token)
				}
				return a.with(headers...)
			}, http.StatusForbidden, "foreign-origin", ""})
		}
	}
	elsewhere("whoever may", "")
	if rule.Public {
		return all
	}
	all = append(all, stranger{"nobody", by(""), http.StatusUnauthorized, "no-credential", signIn},
		stranger{"luck", by(houvast.RandomText("hvs", 52)), http.StatusUnauthorized, "bad-credential", signIn},
		stranger{"a key in the cookie", by(c.key), http.StatusUnauthorized, "bad-credential", signIn},
		stranger{"a key as a bearer", func(a ask) ask { return a.by("").with("Authorization", "Bearer "+c.key) }, http.StatusUnauthorized, "no-credential", signIn})
	for _, role := range access.Roles() {
		p := c.at[role]
		all = append(all,
			stranger{string(role) + ", locked", by(c.locked[role]), http.StatusUnauthorized, "session-locked", "/console/locked"},
			stranger{string(role) + ", away for too long", by(c.unused[role]), http.StatusUnauthorized, "session-ended", signIn},
			stranger{string(role) + ", signed out", by(c.ended[role]), http.StatusUnauthorized, "bad-credential", signIn},
			stranger{string(role) + ", disabled", by(c.disabled[role]), http.StatusUnauthorized, "bad-credential", signIn},
			stranger{string(role) + ", as a bearer and not by the cookie", func(a ask) ask { return a.by("").with("Authorization", "Bearer "+p.token) }, http.StatusUnauthorized, "no-credential", signIn},
			stranger{string(role) + ", by another cookie", func(a ask) ask { return a.by("").with("Cookie", "houvast="+p.token+"; Host-houvast="+p.token) }, http.StatusUnauthorized, "no-credential", signIn})
		if slices.Contains(rule.Roles, role) {
			elsewhere(string(role), p.token)
			continue
		}
		all = append(all, stranger{string(role), by(p.token), http.StatusForbidden, "role-missing", ""})
	}
	return all
}

// foreign is how a browser says that another site set a request off, by what it is.
func foreign(origin string) map[string][]string {
	media := strings.Replace(origin, "//", "//media.", 1)
	return map[string][]string{
		"from another site":           {"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Origin", "https://evil.example"},
		"from the media origin":       {"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Origin", media},
		"framed by another site":      {"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Origin", ""},
		"by an older browser":         {"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
		"by an older browser, no one": {"Sec-Fetch-Site", "", "Origin", "null"},
	}
}

// Every route of the console is asked for by everybody who may not, with a request that whoever may is
// then answered. Those who may not change no row of any table and read nothing.
func TestConsoleRoutes(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		h := openHouse(t, cfg)
		h.stock(80)
		m := &matrix{h: h, crew: h.hireCrew(), forms: deeds()}
		fresh := freshCalls()
		for _, route := range h.app.pageRoutes {
			if _, ok := fresh[route.Method+" "+route.Path]; !ok {
				m.try(route)
			}
		}
		m.tryFresh(h)
		for name := range m.forms {
			if !m.seen[name] {
				t.Errorf("there is a deed for %s, and no such route", name)
			}
		}
		t.Logf("%d routes: %d refused requests changed nothing, %d allowed ones were answered, %d of them changed something", len(m.seen), m.refused, m.allowed, m.changed)
		if len(m.seen) == 0 || m.refused == 0 || m.allowed < len(m.seen) || m.changed == 0 {
			t.Fatal("nothing was tried")
		}
	})
}

// A matrix is the routes against the callers, with what was counted.
type matrix struct {
	h     *house
	crew  crew
	forms map[string]visit
	seen  map[string]bool

	refused, allowed, changed int
}

// try asks for one route by everybody.
func (m *matrix) try(route site.Route) {
	h, name := m.h, route.Method+" "+route.Path
	rule, _ := access.RuleFor(route.Op)
	prepare, ok := m.forms[name]
	if !ok {
		h.t.Errorf("%s (%s) has no deed: write one in deeds", name, route.Op)
		return
	}
	if m.seen == nil {
		m.seen = map[string]bool{}
	}
	m.seen[name] = true
	callers := []person{{}}
	if !rule.Public {
		callers = nil
		for _, role := range rule.Roles {
			by := m.crew.at[role]
			if route.Method == http.MethodPost || strings.Contains(route.Path, "{id}") {
				by = h.someone(role)
			}
			callers = append(callers, by)
		}
	}
	for i, by := range callers {
		c := prepare(h, by)
		m.warm(by)
		before := h.ledger()
		if i == 0 {
			for _, s := range m.crew.strangers(rule, h.origin()) {
				m.refuse(name, s, c.ask)
			}
			if bad := before.changed(h.ledger()); len(bad) > 0 {
				h.t.Errorf("%s: refused requests changed %v", name, bad)
			}
		}
		m.allow(name, by, c, before)
	}
}

// warm has everybody use their session, so that no use of it is to be recorded for a minute.
func (m *matrix) warm(by person) {
	all := []person{by}
	for _, p := range m.crew.at {
		all = append(all, p)
	}
	for _, p := range all {
		if p.token != "" {
			m.h.visit(ask{method: "GET", path: "/console/", token: p.token})
		}
	}
	m.h.visit(ask{method: "GET", path: "/console/", token: m.crew.key}) // of a key the day of its use is kept
}

// refuse sends a request that must be refused, once as a reader and once as a script.
func (m *matrix) refuse(name string, s stranger, a ask) {
	h := m.h
	a = s.a(a)
	read, told := h.visit(a.with("Accept", "text/html")), h.visit(a.with("Accept", "application/json"))
	m.refused += 2
	status := s.status
	if s.to != "" && a.method == http.MethodGet {
		status = http.StatusSeeOther
	}
	if to := read.header.Get("Location"); read.status != status || status == http.StatusSeeOther && to != s.to && !strings.HasPrefix(to, s.to+"?next=") {
		h.t.Errorf("%s by %s: %d to %q, want %d to %q", name, s.name, read.status, to, status, s.to)
	}
	var said struct{ Code string }
	if err := json.Unmarshal(told.body, &said); err != nil || told.status != s.status || s.code != "" && said.Code != s.code {
		h.t.Errorf("%s by %s, a script: %d %.200s, want %d %s", name, s.name, told.status, told.body, s.status, s.code)
	}
	for _, r := range []reply{read, told} {
		if strings.Contains(string(r.body), secretWord) || len(r.header["Set-Cookie"]) > 0 {
			h.t.Errorf("%s by %s: the refusal says %.300s %v", name, s.name, r.body, r.header)
		}
		if csp := r.header.Get("Content-Security-Policy"); r.header.Get("Cache-Control") != "no-store" || !strings.Contains(csp, "default-src 'none'") {
			h.t.Errorf("%s by %s: the refusal carries %v", name, s.name, r.header)
		}
	}
}

// allow sends the request of whoever may, and sees that something came of it.
func (m *matrix) allow(name string, by person, c deed, before ledger) {
	h := m.h
	got := h.visit(c.ask)
	m.allowed++
	if got.status != c.status || c.to != "" && !strings.HasPrefix(got.header.Get("Location"), c.to) {
		h.t.Errorf("%s by %s, who may: %d to %q, want %d to %q\n%.1500s", name, by.name, got.status, got.header.Get("Location"), c.status, c.to, got.body)
		return
	}
	for _, s := range c.says {
		if !strings.Contains(string(got.body), s) {
			h.t.Errorf("%s by %s, who may: the answer does not say %q\n%.1500s", name, by.name, s, got.body)
		}
	}
	writes, bad := c.writes || c.method == http.MethodPost && !c.still, before.changed(h.ledger())
	switch {
	case writes != (len(bad) > 0):
		h.t.Errorf("%s by %s, who may: changed %v, and it is to change something: %v", name, by.name, bad, writes)
	case writes:
		m.changed++
	}
}

// tryFresh tries what works only while there is no account, in a house that nobody has opened.
func (m *matrix) tryFresh(other *house) {
	cfg := freshConfig(other.t, other.app.db.Engine())
	cfg.Profile, cfg.Jurisdiction = "", ""
	empty := openHouse(other.t, cfg)
	m.h = empty
	for _, route := range empty.app.pageRoutes {
		if _, ok := freshCalls()[route.Method+" "+route.Path]; !ok {
			continue
		}
		m.try(route)
	}
	// Once the first account stands, no link makes another one.
	for name, prepare := range freshCalls() {
		c := prepare(empty, person{})
		before := empty.ledger()
		if got := empty.visit(c.ask); got.status != http.StatusGone || len(before.changed(empty.ledger())) > 0 {
			other.t.Errorf("%s when there is an account: %d", name, got.status)
		}
		m.refused++
	}
}

// What a profile does not have is not found there, whoever asks.
func TestConsoleOfAnotherProfile(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		places := map[houvast.InstallationProfile]string{houvast.ProfileHelpline: "NL", houvast.ProfilePlatform: "US"}
		for profile, where := range places {
			cfg := freshConfig(t, engineOf(cfg))
			cfg.Profile, cfg.Jurisdiction = string(profile), where
			h := openHouse(t, cfg, func(c *config.Config) {
				c.Recipients = nil
				set(t, c, "retention.days", "400", "retention.law", "house rule", "retention.source", "the test")
			})
			crew := h.hireCrew()
			before, refused, there := h.ledger(), 0, 0
			for _, route := range h.app.pageRoutes {
				rule, _ := access.RuleFor(route.Op)
				if len(rule.Profiles) == 0 || slices.Contains(rule.Profiles, profile) {
					there++
					continue
				}
				path := strings.NewReplacer("{id}", houvast.CaseID(7).String(), "{token}", houvast.RandomText("once", 26)).Replace(route.Path)
				for _, by := range append([]person{{}}, values(crew.at)...) {
					a := ask{method: route.Method, path: path, token: by.token, form: form("level", "mosaic")}
					if got := h.visit(a); got.status != http.StatusNotFound {
						t.Errorf("%s %s in a %s by %s: %d, want it not found", route.Method, route.Path, profile, by.name, got.status)
					}
					refused++
				}
			}
			if bad := before.changed(h.ledger()); len(bad) > 0 {
				t.Errorf("in a %s: %v changed", profile, bad)
			}
			t.Logf("%s: %d requests found nothing, %d routes are there", profile, refused, there)
			if refused == 0 || there == 0 {
				t.Error("nothing was tried")
			}
			h.halt()
		}
	})
}

// engineOf is the engine that settings are for.
func engineOf(cfg config.Config) store.Engine {
	if cfg.Database == "" {
		return store.SQLite
	}
	return store.Postgres
}

func values(m map[access.Role]person) (all []person) {
	for _, role := range access.Roles() {
		all = append(all, m[role])
	}
	return all
}

// Every operation that only the console has is there, and every route has a rule.
func TestConsoleRulesAndRoutes(t *testing.T) {
	h := openHouse(t, freshConfig(t, store.SQLite))
	storetest.Count(store.SQLite)
	routes := map[string]int{}
	for _, route := range h.app.pageRoutes {
		routes[route.Op]++
	}
	pages := 0
	for _, rule := range access.Rules() {
		if rule.Page {
			pages++
			if routes[rule.Op] == 0 {
				t.Errorf("%s is for the console alone, and no route has it", rule.Op)
			}
		}
		if _, ok := h.app.routes[rule.Op]; !ok && !rule.Page {
			t.Errorf("%s has no route of the API", rule.Op)
		}
		delete(routes, rule.Op)
	}
	for op := range routes {
		t.Errorf("a route is under %s, which has no rule", op)
	}
	t.Logf("%d operations only the console has, %d routes", pages, len(h.app.pageRoutes))
	if pages == 0 || len(h.app.pageRoutes) == 0 {
		t.Fatal("nothing was seen")
	}
}

// Whoever tries passwords on the page is told to wait, whether the name exists or not, and so is its
// owner meanwhile; another name is not. That tries come back with time is tested where they are counted.
func TestSignInIsSlow(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		h := openHouse(t, cfg)
		ann, ben := h.employ("ann", access.Reviewer), h.employ("ben", access.Reviewer)
		try := func(name, password string) reply {
			return h.visit(ask{method: "POST", path: "/console/sign-in", form: form("name", name, "password", password)})
		}
		for _, name := range []string{ann.name, "nobody-has-this-name"} {
			wrong, limited := 0, 0
			for i := range 14 {
				got := try(name, fmt.Sprintf("a wrong password %d", i))
				switch got.status {
				case http.StatusUnauthorized:
					wrong++
				case http.StatusTooManyRequests:
					limited++
				default:
					t.Fatalf("%s: %d", name, got.status)
				}
				if limited > 0 && got.status != http.StatusTooManyRequests || len(got.header["Set-Cookie"]) > 0 {
					t.Errorf("%s, try %d: %d %v", name, i, got.status, got.header)
				}
			}
			if wrong != 10 || limited != 4 {
				t.Errorf("%s: %d tries were judged and %d not, want 10 and 4", name, wrong, limited)
			}
		}
		before := h.count("SELECT COUNT(*) FROM access_session")
		if got := try(ann.name, goodPassword); got.status != http.StatusTooManyRequests || h.count("SELECT COUNT(*) FROM access_session") != before {
			t.Errorf("the right password at once: %d", got.status)
		}
		if got := try(ben.name, goodPassword); got.status != http.StatusSeeOther {
			t.Errorf("control: another name: %d", got.status)
		}
		// The locked page counts with it: it is the same password.
		h.lock(ann)
		if got := h.visit(ask{method: "POST", path: "/console/unlock", token: ann.token, form: form("password", goodPassword)}); got.status != http.StatusTooManyRequests {
			t.Errorf("unlocking meanwhile: %d", got.status)
		}
		for i := 0; ; i++ { // many names from one place
			if got := try(fmt.Sprintf("name-%d", i), "a wrong password"); got.status == http.StatusTooManyRequests {
				break
			}
			if i > 30 {
				t.Fatal("one client may try for ever")
			}
		}
		if got := try(ben.name, goodPassword); got.status != http.StatusTooManyRequests {
			t.Errorf("the client is still let in: %d", got.status)
		}
	})
}

// formAt returns the fields of the form on a page that goes to an address, as a browser would send them
// unchanged; nil when there is none.
func formAt(page, action string) map[string][]string {
	_, rest, ok := strings.Cut(page, `action="`+action+`"`)
	if !ok {
		return nil
	}
	rest, _, _ = strings.Cut(rest, "</form>")
	fields := map[string][]string{}
	for _, tag := range inputs.FindAllString(rest, -1) {
		name, value := named.FindStringSubmatch(tag), valued.FindStringSubmatch(tag)
		if off := unticked.MatchString(tag) && !strings.Contains(tag, " checked"); name != nil && value != nil && !off {
			fields[name[1]] = append(fields[name[1]], html.UnescapeString(value[1]))
		}
	}
	for _, m := range areas.FindAllStringSubmatch(rest, -1) {
		fields[m[1]] = []string{html.UnescapeString(m[2])}
	}
	for _, m := range selects.FindAllStringSubmatch(rest, -1) {
		if on := picked.FindStringSubmatch(m[2]); on != nil {
			fields[m[1]] = []string{html.UnescapeString(on[1])}
		}
	}
	return fields
}

var (
	inputs   = regexp.MustCompile(`<input[^>]*>`)
	named    = regexp.MustCompile(` name="([^"]+)"`)
	valued   = regexp.MustCompile(` value="([^"]*)"`)
	unticked = regexp.MustCompile(` type="(checkbox|radio)"`)
	areas    = regexp.MustCompile(`(?s)<textarea[^>]*? name="([^"]+)"[^>]*>(.*?)</textarea>`)
	selects  = regexp.MustCompile(`(?s)<select[^>]*? name="([^"]+)"[^>]*>(.*?)</select>`)
	picked   = regexp.MustCompile(`<option value="([^"]*)" selected`)
)
