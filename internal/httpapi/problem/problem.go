// Package problem is how errors are told over HTTP: as RFC 9457 problems whose type is
// urn:houvast:problem:<code>, in the reader's language, and without anything that was sent.
package problem

import (
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/words"
)

// MediaType is that of RFC 9457.
const MediaType = "application/problem+json"

// A Problem is an RFC 9457 problem. Title and detail are in the reader's language; message is for
// operators, in English, and is left out when the fault is ours.
type Problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail,omitempty"`
	Message string `json:"message,omitempty"`
	Hint    string `json:"hint,omitempty"`
	Kind    string `json:"kind"`
}

// Error makes a problem an error that package huma writes as it is.
func (p *Problem) Error() string { return p.Title }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type of problems.
func (p *Problem) ContentType(string) string { return MediaType }

// noMethod is the one code whose status is not that of its kind.
const noMethod = "method-not-allowed"

// New returns the problem of err. control says that an operator asks, who may read the message
// even when the fault is ours, or when it quotes what was sent, as the one about an id does.
func New(texts *words.Words, lang words.Lang, control bool, err error) *Problem {
	kind := houvast.KindOf(err)
	p := &Problem{Type: "urn:houvast:problem:" + houvast.CodeOf(err), Status: kind.Status(), Kind: kind.String(), Hint: houvast.HintOf(err)}
	p.Title, p.Detail = texts.Problem(lang, err)
	if control || !inner(kind, houvast.CodeOf(err)) {
		p.Message = err.Error()
	}
	if houvast.CodeOf(err) == noMethod {
		p.Status = http.StatusMethodNotAllowed
	}
	return p
}

// inner reports whether the message of an error is for operators only: it may quote what was sent, or
// tell where on the machine things are.
func inner(kind houvast.Kind, code string) bool {
	switch code {
	case "bad-id", "disk-full", "io-failed", "fsync-failed", "database", "data-dir":
		return true
	}
	return kind == houvast.Internal || kind == houvast.Corrupt
}

// readerKey finds the reader in a context.
type readerKey struct{}

type reader struct {
	texts *words.Words
	lang  words.Lang
}

// For notes in whose language the findings of package huma about a request are told.
func For(ctx huma.Context, texts *words.Words, lang words.Lang) huma.Context {
	return huma.WithValue(ctx, readerKey{}, reader{texts, lang})
}

// Own makes package huma report its own findings (a body that is no JSON, an unknown field)
// as our problems. Its default would echo what was sent.
var Own = sync.OnceFunc(func() {
	huma.NewError = func(status int, _ string, errs ...error) huma.StatusError { return found(reader{}, status, errs) }
	huma.NewErrorWithContext = func(ctx huma.Context, status int, _ string, errs ...error) huma.StatusError {
		r, _ := ctx.Context().Value(readerKey{}).(reader)
		return found(r, status, errs)
	}
})

// found makes a problem of what package huma found. It names the fields that are wrong and are ours;
// the name of an unknown one is the sender's and stays out.
func found(r reader, status int, errs []error) *Problem {
	kind := houvast.Invalid
	switch {
	case status == http.StatusRequestEntityTooLarge:
		kind = houvast.TooLarge
	case status == http.StatusUnsupportedMediaType:
		kind = houvast.Unsupported
	case status >= 500:
		kind = houvast.Internal
	}
	code := kind.String()
	var where []string
	for _, e := range errs {
		d, ok := e.(huma.ErrorDetailer)
		if !ok || d.ErrorDetail() == nil {
			continue
		}
		at, says := d.ErrorDetail().Location, d.ErrorDetail().Message
		if strings.HasPrefix(says, "unexpected property") || strings.HasPrefix(says, "unknown query parameter") {
			code = "unknown-field"
			at, _, _ = strings.Cut(at, ".")
		}
		if !slices.Contains(where, at) {
			where = append(where, at)
		}
	}
	slices.Sort(where)
	p := &Problem{Type: "urn:houvast:problem:" + code, Status: kind.Status(), Kind: kind.String()}
	if r.texts != nil {
		p.Title, p.Detail = r.texts.Problem(r.lang, houvast.Errorf("", kind, code, ""))
	}
	if len(where) > 0 {
		p.Message = "see " + strings.Join(where, ", ")
	}
	return p
}

// Unrouted returns what to answer to a request that mux has no route for, nil when it has one. A
// path that is not in its shortest form has none: the redirect that package http would send echoes it.
// allow is the methods that the path has.
func Unrouted(mux *http.ServeMux, r *http.Request) (allow string, err error) {
	h, pattern := mux.Handler(r)
	if pattern != "" && path.Clean(r.URL.Path) == r.URL.Path {
		return "", nil
	}
	answer := statusOnly{header: http.Header{}}
	if pattern == "" {
		h.ServeHTTP(&answer, r)
	}
	if answer.status == http.StatusMethodNotAllowed {
		return answer.header.Get("Allow"), houvast.Errorf("problem.Unrouted", houvast.Invalid, noMethod, "this route has other methods")
	}
	return "", houvast.Errorf("problem.Unrouted", houvast.NotFound, "", "there is no such route")
}

// statusOnly is an answer whose body nobody wants.
type statusOnly struct {
	header http.Header
	status int
}

// Header returns the header.
func (s *statusOnly) Header() http.Header { return s.header }

// WriteHeader keeps the status.
func (s *statusOnly) WriteHeader(status int) { s.status = status }

// Write drops p.
func (s *statusOnly) Write(p []byte) (int, error) { return len(p), nil }
