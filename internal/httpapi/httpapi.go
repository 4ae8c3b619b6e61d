// Package httpapi is the JSON API: it decodes, asks the one table of access who may, calls the
// pipeline, and encodes. No rule lives here.
//
// Every operation has an id. The rule of that id in package access decides before anything of the
// request is read; an operation without a rule does not start. Errors are RFC 9457 problems whose
// type is urn:houvast:problem:<code>; they are told in the reader's language and never echo what was
// sent. What a request may repeat safely it repeats under an Idempotency-Key.
//
// The answer to an upload is the same for hit and miss: it is written before the item may be looked
// at, and there is nothing in it but the id.
//
// The same handler serves the network, where a bearer token says who asks, and the control socket,
// where the kernel does.
package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/httpapi/problem"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/task"
	"github.com/houvast/houvast/internal/words"
)

// API is what the handler needs. All fields are needed.
type API struct {
	P       desk.Desk
	Gate    *access.Gate
	Words   *words.Words
	Adopt   func(task.Bell) // the item may be looked at from now on
	Profile func() string   // "" until chosen
	Log     *slog.Logger
	Version string

	Ready       func(context.Context) []Check
	Doctor      func(context.Context) []Check // Ready, and what takes longer
	AuditVerify func(context.Context) (audit.Result, error)
	AuditExport func(ctx context.Context, w io.Writer, after int64) error

	mux *http.ServeMux
	ops map[string]string // operation id -> "METHOD /path"
}

// A Check is one thing that must hold for the installation to be ready.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	Hint   string `json:"hint,omitempty"`
	Warn   bool   `json:"warn,omitempty"` // ready all the same, but a person should know
}

// maxBody bounds a JSON request, in bytes.
const maxBody = 1 << 20

// Handler returns the handler of all routes. It fails when an operation has no rule.
func (a *API) Handler() (h http.Handler, err error) {
	a.mux, a.ops = http.NewServeMux(), map[string]string{}
	problem.Own()
	cfg := huma.DefaultConfig("Houvast", a.Version)
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath, cfg.CreateHooks = "", "", "", nil
	cfg.RejectUnknownQueryParameters = true
	api := humago.New(a.mux, cfg)
	api.UseMiddleware(a.gate)
	defer func() {
		if p := recover(); p != nil {
			err = houvast.Errorf("httpapi.Handler", houvast.Internal, "", "a route cannot be registered: %v", p)
		}
	}()
	a.items(api)
	a.banks(api)
	a.review(api)
	a.reports(api)
	a.actions(api)
	a.evidence(api)
	a.audit(api)
	a.staff(api)
	a.system(api)
	return a.outer(a.mux), nil
}

// Routes returns "METHOD /path" of every operation by its id, read from what was registered.
func (a *API) Routes() map[string]string { return a.ops }

// outer sets what every answer carries, and turns a panic and the lack of a route into a problem.
func (a *API) outer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				a.Log.Error("a request panicked", "route", r.Pattern, "panic", fmt.Sprint(p))
				a.problem(w, r, houvast.Errorf("httpapi", houvast.Internal, "", "a defect in Houvast"))
			}
		}()
		allow, err := problem.Unrouted(a.mux, r)
		if allow != "" {
			h.Set("Allow", allow)
		}
		if err != nil {
			a.problem(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// register notes an operation and panics when nobody has said who may do it: see Handler.
func (a *API) register(id, method, path string) {
	if _, ok := access.RuleFor(id); !ok {
		panic("operation " + id + " has no rule in package access")
	}
	if _, dup := a.ops[id]; dup {
		panic("operation " + id + " is registered twice")
	}
	a.ops[id] = method + " " + path
}

// route registers an operation with typed input and output.
func route[I, O any](a *API, api huma.API, id, method, path, summary string, fn func(ctx context.Context, who access.Principal, in *I) (*O, error)) {
	a.register(id, method, path)
	huma.Register(api, huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, MaxBodyBytes: maxBody,
		Security: []map[string][]string{{"bearer": {}}}},
		func(ctx context.Context, in *I) (*O, error) {
			c, _ := ctx.Value(callerKey{}).(caller)
			out, err := fn(ctx, c.who, in)
			if err != nil {
				return nil, a.newProblem(c.lang, c.control, err)
			}
			return out, nil
		})
}

// raw registers an operation that reads or writes a stream, outside the typed ones. query names the
// parameters that it knows.
func (a *API) raw(api huma.API, id, method, path, summary string, fn func(w http.ResponseWriter, r *http.Request, who access.Principal) error, query ...string) {
	a.register(id, method, path)
	api.OpenAPI().AddOperation(&huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary,
		Security: []map[string][]string{{"bearer": {}}}})
	a.mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
		who, err := a.admit(r.Context(), id, r.Header.Get("Authorization"))
		for name := range r.URL.Query() {
			if err == nil && !slices.Contains(query, name) {
				err = houvast.Errorf(id, houvast.Invalid, "unknown-field", "see query")
			}
		}
		begun := &begun{ResponseWriter: w}
		switch {
		case err != nil:
		case method == http.MethodGet:
			err = fn(begun, r, who)
		default: // http.MaxBytesReader must see the server's own writer
			err = fn(w, r, who)
		}
		switch {
		case err != nil && begun.yes:
			a.Log.Error("an answer broke off", "error", err, "ops", houvast.Trace(err))
			panic(http.ErrAbortHandler) // half a list must not pass for a whole one
		case err != nil:
			a.problem(w, r, err)
		}
	})
}

// begun notes whether anything of an answer was written.
type begun struct {
	http.ResponseWriter
	yes bool
}

// Write notes and writes.
func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (b *begun) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// Keyed is the part of an input that makes a write repeatable.
type Keyed struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"128" doc:"the same key with the same request is answered as before, for 7 days"`
}

func (k Keyed) key() string { return k.IdempotencyKey }

// ask names who asks for what, for the pipeline.
func ask(op string, who access.Principal, in interface{ key() string }) pipeline.Ask {
	text, _ := json.Marshal(in) // only to compare with the same call later
	sum := sha256.Sum256(text)
	return pipeline.Ask{By: who.Actor, Op: op, Key: in.key(), Body: hex.EncodeToString(sum[:])}
}

// caller is who asks, and in which language to answer.
type caller struct {
	who     access.Principal
	lang    words.Lang
	control bool
}

type callerKey struct{}

// controlKey marks requests that came over the control socket; its value is the peer's uid.
type controlKey struct{}

// WithControl marks a connection as the control socket's, used by uid.
func WithControl(ctx context.Context, uid uint32) context.Context {
	return context.WithValue(ctx, controlKey{}, uid)
}

// gate asks the table who may, before the typed input is read.
func (a *API) gate(ctx huma.Context, next func(huma.Context)) {
	_, control := ctx.Context().Value(controlKey{}).(uint32)
	c := caller{lang: words.Match(ctx.Header("Accept-Language")), control: control}
	who, err := a.admit(ctx.Context(), ctx.Operation().OperationID, ctx.Header("Authorization"))
	if err != nil {
		p := a.newProblem(c.lang, control, err)
		ctx.SetHeader("Content-Type", problem.MediaType)
		if p.Status == http.StatusUnauthorized {
			ctx.SetHeader("WWW-Authenticate", "Bearer")
		}
		ctx.SetStatus(p.Status)
		json.NewEncoder(ctx.BodyWriter()).Encode(p)
		return
	}
	c.who = who
	next(problem.For(huma.WithValue(ctx, callerKey{}, c), a.Words, c.lang))
}

// admit returns who asks, if the rule of the operation lets them.
func (a *API) admit(ctx context.Context, op, authorization string) (who access.Principal, err error) {
	if uid, ok := ctx.Value(controlKey{}).(uint32); ok {
		who = access.CLI(uid)
	} else if token, ok := strings.CutPrefix(authorization, "Bearer "); ok {
		if who, err = a.P.Who(ctx, access.Secret(token)); err != nil {
			return who, err
		}
	}
	return who, access.Allow(op, who, a.Profile())
}

func (a *API) newProblem(lang words.Lang, control bool, err error) *problem.Problem {
	if kind := houvast.KindOf(err); kind == houvast.Internal || kind == houvast.Corrupt {
		a.Log.Error("a request failed", "error", err, "ops", houvast.Trace(err))
	}
	return problem.New(a.Words, lang, control, err)
}

// problem writes err as the answer.
func (a *API) problem(w http.ResponseWriter, r *http.Request, err error) {
	_, control := r.Context().Value(controlKey{}).(uint32)
	p := a.newProblem(words.Match(r.Header.Get("Accept-Language")), control, err)
	w.Header().Set("Content-Type", problem.MediaType)
	if houvast.KindOf(err).Retry() {
		w.Header().Set("Retry-After", "5")
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}
