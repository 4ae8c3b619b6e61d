package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/config"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/internal/words"
)

// A door is one operation as the router knows it.
type door struct{ op, method, path string }

// doors lists every operation from the router, signing out last: it ends who asks.
func (r *rig) doors() (all []door) {
	for op, route := range r.app.routes {
		method, path, _ := strings.Cut(route, " ")
		all = append(all, door{op, method, path})
	}
	slices.SortFunc(all, func(a, b door) int {
		if out := "sessions.delete"; (a.op == out) != (b.op == out) {
			return map[bool]int{true: 1, false: -1}[a.op == out]
		}
		return strings.Compare(a.op, b.op)
	})
	return all
}

// at fills the placeholders of the path.
func (d door) at(value string) string {
	return strings.NewReplacer("{id}", value, "{name}", value).Replace(d.path)
}

// A caller is somebody who asks, and what the table of access should make of them.
type caller struct {
	name  string
	role  access.Role
	scope access.Scope
	cli   bool
	token string
}

// callers is nobody, one person for each role, one key for each scope and the command line.
func (r *rig) callers() []caller {
	r.t.Helper()
	all := []caller{{name: "nobody"}}
	for _, role := range access.Roles() {
		_, token := r.hire(role)
		all = append(all, caller{name: string(role), role: role, token: token})
	}
	for _, scope := range access.Scopes() {
		_, token := r.grant("forum", scope)
		all = append(all, caller{name: "key for " + string(scope), scope: scope, token: token})
	}
	return append(all, caller{name: "command line", cli: true})
}

func (c caller) may(rule access.Rule) bool {
	return rule.Public || c.cli && rule.CLI || slices.Contains(rule.Roles, c.role) || slices.Contains(rule.Scopes, c.scope)
}

// refusal is how the table says no to this caller.
func (c caller) refusal() (status int, code string) {
	switch {
	case c.scope != "":
		return http.StatusForbidden, "wrong-scope"
	case c.role != "" || c.cli:
		return http.StatusForbidden, "role-missing"
	}
	return http.StatusUnauthorized, "no-credential"
}

// knock asks for an operation with a request that is well-formed and about nothing.
func (r *rig) knock(d door, c caller) reply {
	r.t.Helper()
	var body *strings.Reader
	if d.method == http.MethodPost {
		body = strings.NewReader("{}")
	}
	switch {
	case c.cli && body != nil:
		return r.tell(d.method, d.at("x"), body)
	case c.cli:
		return r.tell(d.method, d.at("x"), nil)
	case body != nil:
		return r.send(d.method, d.at("x"), c.token, body)
	}
	return r.send(d.method, d.at("x"), c.token, nil)
}

// Every operation that the router has is asked for by everybody. Who may is read from the table's
// rows, not from its function.
func TestEveryRouteAsksTheTable(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		r := startRig(t, cfg)
		rules := map[string]access.Rule{}
		for _, rule := range access.Rules() {
			rules[rule.Op] = rule
			if _, ok := r.app.routes[rule.Op]; ok == rule.Page { // what only the console has is tested there
				t.Errorf("%s has a rule; page: %v, a route of the API: %v", rule.Op, rule.Page, ok)
			}
		}
		callers := r.callers()
		refused, admitted := 0, 0
		for _, d := range r.doors() {
			rule, ok := rules[d.op]
			if !ok {
				t.Errorf("%s has a route and no rule", d.op)
				continue
			}
			some := 0
			for _, c := range callers {
				got := r.knock(d, c)
				if c.may(rule) {
					some++
					if got.status == http.StatusUnauthorized || got.status == http.StatusForbidden {
						t.Errorf("%s by %s: %d %s, and they may", d.op, c.name, got.status, got.body)
					}
					continue
				}
				refused++
				status, code := c.refusal()
				if got.status != status || got.code() != code {
					t.Errorf("%s by %s: %d %s, want %d %s", d.op, c.name, got.status, got.body, status, code)
				}
			}
			if admitted += some; some == 0 {
				t.Errorf("nobody may %s, so its refusals prove nothing", d.op)
			}
		}
		t.Logf("%d routes, %d callers: %d refused, %d admitted", len(r.app.routes), len(callers), refused, admitted)
		if refused == 0 || admitted == 0 {
			t.Fatal("nothing was tried")
		}
	})
}

// Until a profile is chosen nothing comes in that no law was chosen for.
func TestNothingIsWrittenWithoutAProfile(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		cfg.Profile, cfg.Jurisdiction = "", ""
		r := startRig(t, cfg)
		callers := []caller{{name: "command line", cli: true}}
		for _, role := range access.Roles() {
			_, token := r.hire(role)
			callers = append(callers, caller{name: string(role), role: role, token: token})
		}
		// No key can be made yet; one that is in the database all the same must not help.
		err := r.app.desk.W.Update(t.Context(), func(tx *store.Tx) error {
			secret, _, err := access.CreateKey(tx, access.NewKey{Name: "early", Scopes: access.Scopes()})
			callers = append(callers, caller{name: "key", scope: access.ScopeItems, token: string(secret)}, caller{name: "key", scope: access.ScopeBanks, token: string(secret)})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		writes := r.writes(callers)
		for d, c := range writes {
			if got := r.knock(d, c); got.status != http.StatusServiceUnavailable || got.code() != "no-profile" {
				t.Errorf("%s by %s without a profile: %d %s", d.op, c.name, got.status, got.body)
			}
		}
		if got := r.send("GET", "/readyz", "", nil); got.status != http.StatusServiceUnavailable || !strings.Contains(string(got.body), `"profile"`) {
			t.Errorf("ready without a profile: %d %s", got.status, got.body)
		}
		r.halt()
		r.cfg.Profile, r.cfg.Jurisdiction = "practice", "NL"
		r.start()
		if len(writes) == 0 {
			t.Fatal("no operation writes")
		}
		t.Logf("%d operations write", len(writes))
		for d, c := range writes {
			if got := r.knock(d, c); got.status == http.StatusServiceUnavailable || got.status == http.StatusUnauthorized || got.status == http.StatusForbidden {
				t.Errorf("%s by %s with a profile: %d %s", d.op, c.name, got.status, got.body)
			}
		}
		if got := r.send("GET", "/readyz", "", nil); got.status != http.StatusOK {
			t.Errorf("not ready with a profile: %d %s", got.status, got.body)
		}
	})
}

// writes is every operation that needs a profile, with somebody who may do it.
func (r *rig) writes(callers []caller) map[door]caller {
	found := map[door]caller{}
	for _, d := range r.doors() {
		rule, _ := access.RuleFor(d.op)
		if !rule.Writes || rule.Setup {
			continue
		}
		i := slices.IndexFunc(callers, func(c caller) bool { return c.may(rule) })
		if i < 0 {
			r.t.Errorf("nobody may %s", d.op)
			continue
		}
		found[d] = callers[i]
	}
	return found
}

// Who asks is what the server found, never what the request says.
func TestNobodyIsWhoTheySay(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		clock := storetest.NewClock(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC))
		r := startRigAt(t, cfg, clock)
		adminID, admin := r.hire(access.Admin)
		_, other := r.hire(access.Admin, access.Reviewer)
		keyID, key := r.grant("forum", access.ScopeBanks)
		parts := strings.Split(key, "_")
		ask := func(name, authorization, code string, headers ...string) {
			t.Helper()
			if authorization != "" {
				headers = append(headers, "Authorization", authorization)
			}
			got := r.send("GET", "/api/v1/banks", "", nil, headers...)
			switch {
			case code == "" && got.status != http.StatusOK:
				t.Errorf("%s: %d %s, want it admitted", name, got.status, got.body)
			case code != "" && (got.status != http.StatusUnauthorized || got.code() != code || got.header.Get("WWW-Authenticate") == ""):
				t.Errorf("%s: %d %s, want 401 %s", name, got.status, got.body, code)
			}
		}
		ask("a session", "Bearer "+admin, "")
		ask("a key", "Bearer "+key, "")
		for name, bad := range map[string]string{
			"words":             "Bearer let me in",
			"a session of luck": "Bearer " + houvast.RandomText("hvs", 52),
			"a shorter session": "Bearer " + admin[:len(admin)-1],
			"a longer session":  "Bearer " + admin + "0",
			"another secret":    "Bearer " + strings.Join(append(slices.Clone(parts[:3]), strings.Repeat("0", len(parts[3]))), "_"),
			"another id":        "Bearer " + strings.Join([]string{parts[0], parts[1], "0000000000001", parts[3]}, "_"),
			"a wider key":       "Bearer " + strings.Join([]string{parts[0], "items-banks", parts[2], parts[3]}, "_"),
			"a key, capitals":   "Bearer " + strings.ToUpper(key),
			"very long":         "Bearer hv_" + strings.Repeat("x", 10_000),
			"a stored hash":     "Bearer " + strings.Repeat("ab", 32),
			"a session id":      "Bearer " + houvast.RandomText("session", 26),
			"zero bytes":        "Bearer \t",
		} {
			code := "bad-credential"
			if strings.TrimSpace(bad) == "Bearer" {
				code = "no-credential"
			}
			ask(name, bad, code)
		}
		ask("no bearer", "Basic "+key, "no-credential")
		ask("no token", "Bearer ", "no-credential")
		for _, header := range []string{"X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Houvast-Control", "Cookie", "Proxy-Authorization"} {
			ask(header, "", "no-credential", header, "Bearer "+admin)
		}
		must := func(method, path string) {
			t.Helper()
			if err := r.control.Call(t.Context(), method, path, "", nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		must("POST", "/api/v1/keys/"+keyID+"/revoke")
		ask("a revoked key", "Bearer "+key, "bad-credential")
		must("POST", "/api/v1/users/"+adminID+"/disable")
		ask("a disabled person", "Bearer "+admin, "bad-credential")
		clock.Advance(access.IdleLimit - time.Second)
		ask("a session before its end", "Bearer "+other, "")
		clock.Advance(access.IdleLimit)
		ask("an ended session", "Bearer "+other, "session-ended")
	})
}

// A locked session opens no route, not even one that is open to everybody, until its password is given.
func TestLockedSessionOpensNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		r := startRig(t, cfg)
		_, token := r.hire(access.Admin, access.Reviewer, access.Approver)
		_, auditor := r.hire(access.Auditor)
		for _, token := range []string{token, auditor} {
			who, err := r.app.desk.Who(t.Context(), access.Secret(token))
			if err == nil {
				err = r.app.desk.Lock(t.Context(), pipeline.Ask{By: who.Actor, Op: "sessions.lock"}, who.Session)
			}
			if err != nil {
				t.Fatal(err)
			}
			refused := 0
			for _, d := range r.doors() {
				if got := r.knock(d, caller{token: token}); got.status != http.StatusUnauthorized || got.code() != "session-locked" {
					t.Errorf("%s by %s, locked: %d %s", d.op, who.Actor, got.status, got.body)
				}
				refused++
			}
			_, err = r.app.desk.Unlock(t.Context(), access.NewGate(r.clock), access.Secret(token), goodPassword, access.Client{})
			if err != nil {
				t.Fatal(err)
			}
			if got := r.send("GET", "/api/v1/sessions/current", token, nil); got.status != http.StatusOK || refused == 0 {
				t.Errorf("control: %s, unlocked: %d %s", who.Actor, got.status, got.body)
			}
			t.Logf("%d routes refused to %s", refused, who.Actor)
		}
	})
}

// marker stands for anything a stranger may send that must not come back.
const marker = "zz9-plural-zz9"

// secured are the headers that every answer of ours carries.
var secured = [...][2]string{{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"},
	{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"}, {"Referrer-Policy", "no-referrer"}}

// wellFormed says what is wrong with an answer: a problem that is none, an echo, a missing header.
func wellFormed(texts *words.Words, lang words.Lang, a reply) (wrong []string) {
	for _, h := range secured {
		if got := a.header.Get(h[0]); got != h[1] {
			wrong = append(wrong, fmt.Sprintf("%s is %q", h[0], got))
		}
	}
	var head bytes.Buffer
	a.header.Write(&head)
	if bytes.Contains(bytes.ToLower(append(head.Bytes(), a.body...)), []byte(marker)) {
		wrong = append(wrong, "the marker came back")
	}
	if a.status < 300 {
		return wrong
	}
	p := a.problem()
	code, ok := strings.CutPrefix(p.Type, "urn:houvast:problem:")
	if !ok || code == "" {
		return append(wrong, "it is no problem of ours")
	}
	i := slices.IndexFunc(houvast.Kinds(), func(k houvast.Kind) bool { return k.String() == p.Kind })
	if i < 0 {
		return append(wrong, "its kind is unknown: "+p.Kind)
	}
	kind := houvast.Kinds()[i]
	if kind.Status() != a.status && a.status != http.StatusMethodNotAllowed {
		wrong = append(wrong, fmt.Sprintf("kind %s with status %d", kind, a.status))
	}
	title, detail := texts.Problem(lang, houvast.Errorf("", kind, code, ""))
	if p.Title != title || p.Detail != detail {
		wrong = append(wrong, fmt.Sprintf("in %s it is told as %q, %q; want %q, %q", lang, p.Title, p.Detail, title, detail))
	}
	return wrong
}

// hostile is every way in which a request to d can be wrong and carry the marker.
func hostile(d door) (all [][3]string) { // path, content type, body
	here, json := d.at("x"), "application/json"
	all = append(all, [3]string{d.at(marker), json, ""}, [3]string{here + "?" + marker + "=" + marker, json, ""},
		[3]string{here + "?after=" + marker + "&limit=" + marker + "&at=" + marker, json, ""}, [3]string{here + "?limit=100000", json, ""})
	if d.method != http.MethodPost {
		return all
	}
	deep := strings.Repeat(`{"a":`, 20_000) + `"` + marker + `"` + strings.Repeat("}", 20_000)
	for _, body := range []string{"", "{", `"` + marker + `"`, `[{"` + marker + `":1}]`, `{"` + marker + `":"` + marker + `"}`,
		`{"name":{"` + marker + `":1},"roles":"` + marker + `","scopes":7,"disabled":"` + marker + `","decision":["` + marker + `"],"observations":[{"` + marker + `":[]}]}`,
		`{"name":"` + marker + `","category":"` + marker + `","trust":"` + marker + `","roles":["` + marker + `"],"scopes":["` + marker + `"],"password":"` + marker + `"}`,
		`{"decision":"` + marker + `","role":"` + marker + `","words":"` + marker + `","observations":[{"act":"` + marker + `"}],"incident_at":"` + marker + `"}`,
		deep, `{"name":"` + strings.Repeat(marker, 80_000) + `"}`, "\xff\xfe" + marker} {
		all = append(all, [3]string{here, json, body}, [3]string{d.at(marker), json, body})
	}
	return append(all, [3]string{here, "text/" + marker, "{}"}, [3]string{here, "multipart/form-data; boundary=" + marker, "--" + marker}, [3]string{here, marker, marker})
}

func TestProblems(t *testing.T) {
	r := startRig(t, freshConfig(t, store.SQLite))
	storetest.Count(store.SQLite)
	texts, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	_, all := r.hire(access.Admin, access.Reviewer, access.Approver)
	_, auditor := r.hire(access.Auditor)
	_, key := r.grant("forum", access.Scopes()...)
	tried, codes := 0, map[string]int{}
	try := func(name, token, method string, h [3]string, headers ...string) {
		t.Helper()
		lang := words.Langs()[tried%len(words.Langs())]
		headers = append(headers, "Accept-Language", string(lang), "Idempotency-Key", marker)
		got := r.send(method, h[0], token, strings.NewReader(h[2]), append(headers, "Content-Type", h[1])...)
		tried++
		for _, wrong := range wellFormed(texts, lang, got) {
			t.Errorf("%s: %s %.80s (%s, %.60q): %d %.300s\n%s", name, method, h[0], h[1], h[2], got.status, got.body, wrong)
		}
		if got.status >= 300 {
			codes[got.code()]++
		}
	}
	for _, d := range r.doors() {
		rule, _ := access.RuleFor(d.op)
		token := all
		if c := (caller{role: access.Auditor}); c.may(rule) && d.op != "sessions.delete" {
			token = auditor
		} else if len(rule.Roles) == 0 {
			token = key
		}
		for _, h := range hostile(d) {
			try(d.op, token, d.method, h)
		}
		try(d.op, "", d.method, [3]string{d.at(marker), "application/json", "{}"})
		try(d.op, marker, d.method, [3]string{d.at(marker), "application/json", "{}"})
		try(d.op, token, "PATCH", [3]string{d.at(marker), "application/json", "{}"})
	}
	for _, path := range []string{"/" + marker, "/api/v1/" + marker, "/api/v1//items/../" + marker, "/api/v1/items/%2e%2e/" + marker, "/api/v1/items/a%2F" + marker, "/%00" + marker} {
		try("no route", all, "GET", [3]string{path, "application/json", ""})
		try("no route", all, "POST", [3]string{path, "application/json", "{}"})
	}
	t.Logf("%d requests, codes %v", tried, codes)
	for _, want := range []string{"unknown-field", "bad-id", "too_large", "invalid", "not_found", "no-credential", "bad-credential", "unsupported", "method-not-allowed"} {
		if codes[want] == 0 {
			t.Errorf("no request led to the problem %s", want)
		}
	}
	if strings.Contains(strings.ToLower(r.log.String()), marker) {
		t.Error("the marker is in the log")
	}
}

// The judge of TestProblems sees what it is there for.
func TestProblemsControl(t *testing.T) {
	texts, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	head := http.Header{"Content-Type": {"application/problem+json"}}
	for _, h := range secured {
		head.Set(h[0], h[1])
	}
	title, detail := texts.Problem(words.NL, houvast.Errorf("", houvast.Invalid, "", ""))
	good, _ := json.Marshal(map[string]any{"type": "urn:houvast:problem:invalid", "kind": "invalid", "title": title, "detail": detail})
	if wrong := wellFormed(texts, words.NL, reply{400, head, good}); len(wrong) > 0 {
		t.Fatalf("a good problem is found wrong: %v", wrong)
	}
	with := func(name, value string) http.Header {
		h := maps.Clone(head)
		h.Set(name, value)
		return h
	}
	for name, a := range map[string]reply{
		"the marker came back":         {400, with("Location", "/"+strings.ToUpper(marker)), good},
		"it is no problem of ours":     {404, with("Content-Type", "text/plain"), []byte("404 page not found")},
		`Cache-Control is "public"`:    {400, with("Cache-Control", "public"), good},
		"kind invalid with status 500": {500, head, good},
		"in nl it is told as":          {400, head, bytes.Replace(good, []byte(title), []byte("The request is not valid"), 1)},
	} {
		if wrong := wellFormed(texts, words.NL, a); len(wrong) != 1 || !strings.HasPrefix(wrong[0], name) {
			t.Errorf("%s: the judge says %v", name, wrong)
		}
	}
}

// The description is for everybody, whole, and shows nothing that came in.
func TestOpenAPIIsServedToAnyone(t *testing.T) {
	r := startRig(t, freshConfig(t, store.SQLite))
	storetest.Count(store.SQLite)
	got := r.send("GET", "/api/openapi.json", "", nil)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(got.body, &doc); err != nil || got.status != http.StatusOK || !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Fatalf("%d, version %q, %v", got.status, doc.OpenAPI, err)
	}
	n := 0
	for _, d := range r.doors() {
		if doc.Paths[d.path][strings.ToLower(d.method)].OperationID != d.op {
			t.Errorf("%s is not in the description", d.op)
		}
		n++
	}
	if n == 0 {
		t.Fatal("no route was seen")
	}
}
