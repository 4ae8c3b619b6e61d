package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/words"
)

// bare is an API whose routes are there and whose rooms are not.
func bare(t *testing.T) (*API, http.Handler) {
	t.Helper()
	texts, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	a := &API{Words: texts, Profile: func() string { return "practice" }, Log: slog.New(slog.DiscardHandler), Version: "0.0.0-test"}
	h, err := a.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return a, h
}

// Every operation has a rule, and every rule an operation unless it is a page's, which only the
// console has; the program does not start otherwise.
func TestRoutesAndRules(t *testing.T) {
	a, _ := bare(t)
	routes := a.Routes()
	pages := 0
	for _, rule := range access.Rules() {
		switch {
		case rule.Page && routes[rule.Op] != "":
			t.Errorf("%s is the console's alone and has a route here", rule.Op)
		case rule.Page:
			pages++
		case routes[rule.Op] == "":
			t.Errorf("%s has a rule and no route", rule.Op)
		}
	}
	seen := map[string]string{}
	for op, route := range routes {
		rule, ok := access.RuleFor(op)
		if !ok {
			t.Errorf("%s has a route and no rule", op)
		}
		if other := seen[route]; other != "" {
			t.Errorf("%s and %s are both %s", op, other, route)
		}
		seen[route] = op
		if method, _, _ := strings.Cut(route, " "); (method == "GET") == rule.Writes {
			t.Errorf("%s is %s, and its rule says that it writes: %v", op, route, rule.Writes)
		}
	}
	if len(routes) == 0 || pages == 0 {
		t.Fatal("there is no route, or no page")
	}
	t.Logf("%d routes, %d pages", len(routes), pages)
}

// The control of TestRoutesAndRules: what has no rule, or comes twice, does not start.
func TestRouteWithoutARule(t *testing.T) {
	for name, register := range map[string]func(*API){
		"no rule": func(a *API) { a.register("items.peek", "GET", "/api/v1/peek") },
		"twice":   func(a *API) { a.register("items.get", "GET", "/api/v1/items/{id}") },
	} {
		a, _ := bare(t)
		func() {
			defer func() {
				if p := recover(); p == nil {
					t.Errorf("%s: the operation was registered", name)
				}
			}()
			register(a)
		}()
	}
}

// description is the part of the OpenAPI document that is judged.
type description struct {
	OpenAPI    string
	Paths      map[string]map[string]struct{ OperationID string }
	Components struct{ Schemas map[string]json.RawMessage }
}

func TestOpenAPI(t *testing.T) {
	a, h := bare(t)
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest("GET", "/api/openapi.json", nil))
	var doc description
	if err := json.Unmarshal(answer.Body.Bytes(), &doc); err != nil || answer.Code != http.StatusOK {
		t.Fatalf("%d, %v", answer.Code, err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || answer.Header().Get("Content-Type") != "application/openapi+json" {
		t.Errorf("version %q as %s", doc.OpenAPI, answer.Header().Get("Content-Type"))
	}
	described := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if a.Routes()[op.OperationID] != strings.ToUpper(method)+" "+path {
				t.Errorf("%s %s is described as %q, which is %q", method, path, op.OperationID, a.Routes()[op.OperationID])
			}
			described++
		}
	}
	if described != len(a.Routes()) || described == 0 {
		t.Errorf("%d operations are described, %d are there", described, len(a.Routes()))
	}
	if found := regexp.MustCompile(`"(examples?|servers|x-[a-z-]+)":`).FindAllString(answer.Body.String(), -1); len(found) > 0 {
		t.Errorf("the description has %v", found)
	}
	if _, ok := doc.Components.Schemas["Problem"]; !ok || doc.Components.Schemas["ErrorModel"] != nil {
		t.Error("errors are not described as the problems that they are")
	}
	if again := httptest.NewRecorder(); true {
		h.ServeHTTP(again, httptest.NewRequest("GET", "/api/openapi.json", nil))
		if again.Body.String() != answer.Body.String() {
			t.Error("the description differs from one request to the next")
		}
	}
}

// A panic is our fault and is told as that; what it says is for the log only.
func TestPanicIsAProblem(t *testing.T) {
	var log strings.Builder
	a, _ := bare(t)
	a.Log = slog.New(slog.NewTextHandler(&log, nil))
	a.mux.HandleFunc("GET /broken", func(http.ResponseWriter, *http.Request) { panic("the reason why") })
	answer := httptest.NewRecorder()
	a.outer(a.mux).ServeHTTP(answer, httptest.NewRequest("GET", "/broken", nil))
	if answer.Code != http.StatusInternalServerError || !strings.Contains(answer.Body.String(), "urn:houvast:problem:internal") || strings.Contains(answer.Body.String(), "reason") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if !strings.Contains(log.String(), "the reason why") {
		t.Errorf("the log does not say why: %s", log.String())
	}
}

// Tries to sign in are counted by where they come from, as far as one person can choose it.
func TestClientOf(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:5123":             "192.0.2.7",
		"[::ffff:192.0.2.7]:5123":    "192.0.2.7",
		"[2001:db8:1:2:3:4:5:6]:443": "2001:db8:1:2::/64",
		"[2001:db8:1:2:ffff::1]:443": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":          "fe80::/64",
		"@":                          "control",
		"":                           "control",
		"control":                    "control",
		"not an address at all:4":    "control",
	} {
		if got := access.ClientOf(remote, "").Address; got != want {
			t.Errorf("%q is counted as %q, want %q", remote, got, want)
		}
	}
}

// Findings of package huma outside a request have no reader; they must be problems all the same.
func TestErrorsWithoutAReader(t *testing.T) {
	bare(t)
	err := huma.NewError(http.StatusInternalServerError, "the secret reason")
	if text, _ := json.Marshal(err); strings.Contains(string(text), "secret") || !strings.Contains(string(text), "urn:houvast:problem:internal") {
		t.Errorf("%s", text)
	}
}

// A list that breaks off is seen to break off: it is neither whole nor followed by something else.
func TestAnswerThatBreaksOff(t *testing.T) {
	a, _ := bare(t)
	fails := false
	a.AuditExport = func(_ context.Context, w io.Writer, _ int64) error {
		io.WriteString(w, "{\"seq\":0}\n")
		if fails {
			return errors.New("the disk is gone")
		}
		return nil
	}
	h, err := a.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { return WithControl(ctx, 0) }
	server.Start()
	defer server.Close()
	for _, fails = range []bool{false, true} {
		text := ""
		resp, err := http.Get(server.URL + "/api/v1/audit/export")
		if err == nil {
			var b []byte
			b, err = io.ReadAll(resp.Body)
			text = string(b)
			resp.Body.Close()
		}
		if fails != (err != nil) || strings.Contains(text, "problem") || !fails && text != "{\"seq\":0}\n" {
			t.Errorf("fails: %v; read %q, %v", fails, text, err)
		}
	}
}
