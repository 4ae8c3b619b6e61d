// Package problem is how errors are told over HTTP: as RFC 9457 problems whose type is
// urn:houvast:problem:<code>, in the reader's language, and without anything that was sent.
package problem

import (
	"net/http"
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

// New returns the problem of err. control says that an operator asks, who may read the message
// even when the fault is ours.
func New(texts *words.Words, lang words.Lang, control bool, err error) *Problem {
	kind := houvast.KindOf(err)
	p := &Problem{Type: "urn:houvast:problem:" + houvast.CodeOf(err), Status: kind.Status(), Kind: kind.String(), Hint: houvast.HintOf(err)}
	p.Title, p.Detail = texts.Problem(lang, err)
	if control || kind != houvast.Internal && kind != houvast.Corrupt {
		p.Message = err.Error()
	}
	return p
}

// Own makes package huma report its own findings (a body that is no JSON, an unknown field)
// as our problems. Its default would echo what was sent.
var Own = sync.OnceFunc(func() {
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
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
			if d, ok := e.(huma.ErrorDetailer); ok && d.ErrorDetail() != nil {
				where = append(where, d.ErrorDetail().Location)
				if strings.HasPrefix(d.ErrorDetail().Message, "unexpected property") {
					code = "unknown-field"
				}
			}
		}
		p := &Problem{Type: "urn:houvast:problem:" + code, Title: "The request is not valid", Status: kind.Status(), Kind: kind.String()}
		if len(where) > 0 {
			p.Message = "see " + strings.Join(where, ", ")
		}
		return p
	}
})
