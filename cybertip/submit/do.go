package submit

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/houvast/houvast"
)

// do sends one request and reads the reply. The answer it returns is in doubt unless it says
// otherwise; the error is nil exactly when the reply is a document with a code that means done.
func (c *Client) do(ctx context.Context, call Call, contentType string, body *body) (a Answer, rep reply, err error) {
	op := "submit." + string(call)
	a = Answer{Call: call, Code: NoCode}
	timeout := c.timeout
	if body != nil {
		defer body.stop()
		timeout += time.Duration(body.length/(64<<10)) * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := c.request(ctx, call, contentType, body)
	if err != nil {
		a.Outcome = Refused
		return a, rep, houvast.Errorf(op, houvast.Internal, "bad-request", "the request could not be made")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return a, rep, a.unanswered(op, err, body)
	}
	defer resp.Body.Close()
	a.Status = resp.StatusCode
	a.RequestID = printable(resp.Header.Get("Request-ID"))
	a.RetryAfter = retryAfter(resp.Header.Get("Retry-After"))
	raw, readErr := io.ReadAll(io.LimitReader(resp.Body, MaxReply+1))
	a.Raw = raw[:min(len(raw), MaxReply)]
	switch {
	case readErr != nil:
		err = unreadable("was cut off")
	case len(raw) > MaxReply:
		err = unreadable("is too long")
	default:
		rep, err = parse(raw)
	}
	return a, rep, a.judge(op, rep, err)
}

func (c *Client) request(ctx context.Context, call Call, contentType string, body *body) (*http.Request, error) {
	method, u := http.MethodGet, c.base
	u.Path += "/" + string(call)
	var r io.Reader
	if body != nil {
		method, r = http.MethodPost, body
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), r)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.ContentLength = body.length
		if body.small != nil {
			req.GetBody = body.again
		}
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Accept", "text/xml, application/xml")
	req.Header.Set("User-Agent", "houvast")
	req.SetBasicAuth(c.user, c.password)
	return req, nil
}

// unanswered judges a call without a reply. When not one byte of the body was asked for, nothing can
// have happened; that holds for every transport, also for one that does not report what it does.
func (a *Answer) unanswered(op string, cause error, b *body) error {
	if b != nil && b.failure() != nil {
		// Our own source failed; the service saw less than the announced length and cannot have
		// taken the file in.
		a.Outcome = Retry
		return houvast.Wrap(op, b.failure())
	}
	a.Outcome = Retry
	kind, code := houvast.Unavailable, "not-sent"
	switch {
	case a.Call.reads():
		code = "no-reply"
	case b != nil && b.touched():
		a.Outcome, kind, code = InDoubt, houvast.InDoubt, "no-reply"
	}
	e := houvast.Errorf(op, kind, code, "the service gave no reply: %s", reason(cause))
	for _, c := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(cause, c) {
			e.Err = c
		}
	}
	return e
}

// reason names a failure of the network without quoting it.
func reason(err error) string {
	var dial *net.OpError
	var cert *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "it took too long"
	case errors.As(err, &cert):
		return "its certificate does not verify"
	case errors.As(err, &dial) && dial.Op == "dial":
		return "no connection"
	}
	return "the connection broke"
}

// judge decides what a reply means. bad is why it could not be read.
func (a *Answer) judge(op string, rep reply, bad error) error {
	if bad == nil {
		bad = a.rightRoot(rep)
	}
	if bad == nil && rep.root != rootSchema {
		a.Code = rep.code
	}
	switch {
	case a.Status == http.StatusUnauthorized: // comes with a document of any code, or with nothing
		a.Outcome = Refused
		return houvast.Errorf(op, houvast.Unauthenticated, "http-401", "the service does not know the credentials").
			WithHint("check that user name and password belong to this environment")
	case a.Status == http.StatusForbidden:
		a.Outcome = Refused
		return houvast.Errorf(op, houvast.Forbidden, "http-403", "the service does not allow the call")
	case bad != nil:
		return a.judgeUnread(op, bad)
	case rep.root == rootSchema:
		a.Outcome = OK
		return nil
	}
	a.Outcome = Classify(a.Call, rep.code)
	if a.Outcome == OK {
		a.Already = rep.code != 0
		if rep.code == 0 && a.Status/100 != 2 {
			return a.doubt(op, "contradiction", "the reply says success under a status that does not")
		}
		return nil
	}
	code := lookUp(rep.code)
	text := code.Meaning
	if fault := schemaFault(rep.description); fault != "" {
		text += ": " + fault
	}
	return houvast.Errorf(op, code.Kind, "cybertip-"+strconv.Itoa(rep.code), "the service answered with code %d, %s", rep.code, text)
}

// rightRoot checks that the document is the one this call is answered with. A refused finish has
// been seen with either root.
func (a *Answer) rightRoot(rep reply) error {
	want := rootResponse
	switch {
	case a.Call == CallFinish && rep.root == rootResponse && rep.code != 0:
		return nil
	case a.Call == CallFinish:
		want = rootDone
	case a.Call == CallXSD && a.Status/100 == 2 && rep.root == rootSchema:
		return nil
	case a.Call == CallXSD && rep.root == rootResponse && rep.code == 0:
		return unreadable("is not a schema")
	}
	if rep.root != want {
		return unreadable("has another root")
	}
	return nil
}

// judgeUnread judges by the status alone.
func (a *Answer) judgeUnread(op string, bad error) error {
	status := "http-" + strconv.Itoa(a.Status)
	busy := a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable
	passing := busy || a.Status/100 == 5 || a.Status/100 == 3 || a.Status == http.StatusRequestTimeout || a.Status == http.StatusTooEarly
	switch {
	case a.Status/100 == 2 && a.Call.reads():
		a.Outcome = Retry
		return houvast.Errorf(op, houvast.Unavailable, "reply-unreadable", "the reply %s", bad)
	case a.Status == http.StatusTooManyRequests:
		a.Outcome = Retry
		return houvast.Errorf(op, houvast.Limited, status, "the service asks to wait")
	case passing && (busy || a.Call.repeatable()):
		a.Outcome = Retry
		return houvast.Errorf(op, houvast.Unavailable, status, "the service answered with status %d", a.Status)
	case a.Status/100 == 4 && !passing:
		a.Outcome = Refused
		kind := houvast.Invalid
		switch a.Status {
		case http.StatusNotFound:
			kind = houvast.NotFound
		case http.StatusRequestEntityTooLarge:
			kind = houvast.TooLarge
		}
		return houvast.Errorf(op, kind, status, "the service answered with status %d", a.Status)
	}
	if a.Status/100 != 2 {
		return a.doubt(op, status, "the service answered with status "+strconv.Itoa(a.Status))
	}
	return a.doubt(op, "reply-unreadable", "the reply "+bad.Error())
}

// doubt puts the call in doubt.
func (a *Answer) doubt(op, code, msg string) error {
	a.Outcome, a.Already = InDoubt, false
	return houvast.Errorf(op, houvast.InDoubt, code, "%s", msg)
}

// printable bounds what a stranger put into a header.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7E {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), 128)]
}

// retryAfter reads the number of seconds; the form with a date is not worth a clock.
func retryAfter(s string) time.Duration {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, 24*60*60)) * time.Second
}
