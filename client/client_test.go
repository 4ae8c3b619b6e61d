package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/client"
)

// answering returns a client of a server that answers everything with one status and one text.
func answering(t *testing.T, status int, contentType, text string) *client.Client {
	t.Helper()
	return against(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, text)
	})
}

func against(t *testing.T, fn http.HandlerFunc) *client.Client {
	t.Helper()
	s := httptest.NewServer(fn)
	t.Cleanup(s.Close)
	return client.New(s.Client(), s.URL, "")
}

// same compares an error with the kind, code, message and hint that it should have.
func same(t *testing.T, name string, err error, kind houvast.Kind, code, msg, hint string) {
	t.Helper()
	var e *houvast.Error
	if !errors.As(err, &e) || e.Kind != kind || houvast.CodeOf(err) != code || e.Msg != msg || e.Hint != hint {
		t.Errorf("%s: %#v, want %s %s %q %q", name, err, kind, code, msg, hint)
	}
}

// An error that the server answered is the error that it was: every kind comes back, so exit codes are
// the same beside a server as without one.
func TestProblemsComeBack(t *testing.T) {
	kinds := houvast.Kinds()
	if len(kinds) == 0 {
		t.Fatal("there is no kind")
	}
	for _, k := range kinds {
		text, _ := json.Marshal(map[string]any{"type": "urn:houvast:problem:a-code", "title": "Title", "status": k.Status(),
			"detail": "Detail.", "message": "what went wrong", "hint": "do it again", "kind": k.String()})
		err := answering(t, k.Status(), "application/problem+json", string(text)).Call(t.Context(), "GET", "/x", "", nil, nil)
		same(t, k.String(), err, k, "a-code", "what went wrong", "do it again")
	}
}

// What is no problem of ours, as from a proxy in between, is understood by its status and not repeated.
func TestAnswersThatAreNoProblems(t *testing.T) {
	for _, row := range []struct {
		name, text string
		status     int
		kind       houvast.Kind
		code, msg  string
	}{
		{"a page", "<html>a page of a proxy</html>", 502, houvast.InDoubt, "in_doubt", "the server answered with status 502"},
		{"nothing", "", 503, houvast.Unavailable, "unavailable", "the server answered with status 503"},
		{"half a problem", `{"type":"urn:houvast:problem:x","kind":`, 404, houvast.NotFound, "", "the server answered with status 404"},
		{"no type", `{"title":"a title"}`, 413, houvast.TooLarge, "too_large", "the server answered with status 413"},
		{"a kind of the future", `{"type":"urn:houvast:problem:later","kind":"later","message":"m"}`, 409, houvast.Conflict, "later", "m"},
		{"a status of the future", `{"type":"urn:houvast:problem:tea","message":"m"}`, 418, houvast.Internal, "tea", "m"},
		{"no message", `{"type":"urn:houvast:problem:bad-id","kind":"invalid","title":"Title","detail":"Detail."}`, 400, houvast.Invalid, "bad-id", "Title: Detail."},
		{"no end", `{"type":"urn:houvast:problem:x","message":"` + strings.Repeat("a", 1<<20) + `"}`, 400, houvast.Invalid, "", "the server answered with status 400"},
		{"a redirect", "", 304, houvast.Internal, "internal", "the server answered with status 304"},
	} {
		err := answering(t, row.status, "text/html", row.text).Call(t.Context(), "GET", "/x", "", nil, nil)
		code := row.code
		if code == "" {
			code = houvast.CodeOf(err) // of a half problem anything
		}
		same(t, row.name, err, row.kind, code, row.msg, "")
	}
}

func TestServerThatIsNotThere(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + ln.Addr().String()
	ln.Close()
	err = client.New(http.DefaultClient, base, "").Call(t.Context(), "GET", "/x", "", nil, nil)
	if houvast.KindOf(err) != houvast.Unavailable || houvast.CodeOf(err) != "server-unreachable" {
		t.Errorf("%v", err)
	}
	err = client.New(http.DefaultClient, "http://[", "").Call(t.Context(), "GET", "/x", "", nil, nil)
	if houvast.CodeOf(err) != "bad-address" {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = answering(t, 200, "application/json", "{}").Call(ctx, "GET", "/x", "", nil, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was given up: %v", err)
	}
}

// An error of ours below the transport, as in the same process, passes as it is.
func TestOurErrorsPass(t *testing.T) {
	ours := houvast.Errorf("x", houvast.Gone, "a-code", "a message").WithHint("a hint")
	hc := &http.Client{Transport: tripper(func(*http.Request) (*http.Response, error) { return nil, ours })}
	same(t, "ours", client.New(hc, "http://x", "").Call(t.Context(), "GET", "/x", "", nil, nil), houvast.Gone, "a-code", "a message", "a hint")
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// An answer that breaks off leaves the outcome unknown: it may have happened.
func TestAnswerThatBreaksOff(t *testing.T) {
	for name, text := range map[string]string{"half": `{"a":`, "nothing": "", "no JSON": "<html>"} {
		var out map[string]any
		err := answering(t, 200, "application/json", text).Call(t.Context(), "POST", "/x", "k", nil, &out)
		if houvast.KindOf(err) != houvast.InDoubt || houvast.CodeOf(err) != "answer-broken" {
			t.Errorf("%s: %v", name, err)
		}
	}
	cut := against(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "short")
	})
	if err := cut.Call(t.Context(), "GET", "/x", "", nil, nil); houvast.KindOf(err) != houvast.InDoubt {
		t.Errorf("cut off: %v", err)
	}
	_, err := answering(t, 202, "application/json", `{"id":""}`).Upload(t.Context(), "k", houvast.Upload{}, "a.png", strings.NewReader("x"))
	if houvast.KindOf(err) != houvast.InDoubt || houvast.HintOf(err) == "" {
		t.Errorf("an upload without an id: %v", err)
	}
}

// What is sent is what was asked for: token, key, type and body.
func TestWhatIsSent(t *testing.T) {
	var got string
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = fmt.Sprintf("%s %s auth=%q key=%q type=%q %s", r.Method, r.URL, r.Header.Get("Authorization"), r.Header.Get("Idempotency-Key"), r.Header.Get("Content-Type"), body)
		w.WriteHeader(http.StatusNoContent)
	})
	for _, row := range []struct {
		client            *client.Client
		method, path, key string
		in                any
		want              string
	}{
		{c, "GET", "/a?b=1", "", nil, `GET /a?b=1 auth="" key="" type="" `},
		{c, "POST", "/a", "", nil, `POST /a auth="" key="" type="application/json" {}`},
		{c, "DELETE", "/a", "k-1", nil, `DELETE /a auth="" key="k-1" type="" `},
		{c.WithToken("hvs_1"), "POST", "/a", "k-1", map[string]int{"n": 1}, `POST /a auth="Bearer hvs_1" key="k-1" type="application/json" {"n":1}`},
	} {
		if err := row.client.Call(t.Context(), row.method, row.path, row.key, row.in, nil); err != nil || got != row.want {
			t.Errorf("%v; sent\n%s, want\n%s", err, got, row.want)
		}
	}
	if err := c.Call(t.Context(), "POST", "/a", "", func() {}, nil); err == nil {
		t.Error("what is no JSON was sent")
	}
}

// The form of an upload, read with package http's own reader: every fact that is set and no other,
// before the bytes, and a time to the nanosecond.
func TestUploadForm(t *testing.T) {
	var got []string
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		form, err := r.MultipartReader()
		for err == nil {
			part, end := form.NextPart()
			if end != nil {
				break
			}
			text, _ := io.ReadAll(part)
			got = append(got, fmt.Sprintf("%s|%s|%s", part.FormName(), part.FileName(), text))
		}
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, `{"id":"item_1"}`)
	})
	up := houvast.Upload{Account: houvast.AccountRef{Source: "not sent", ID: "u-17"}, ScreenName: "blue kite", Email: "kite@example.org", ProfileURL: "https://forum.example/u",
		UploadedAt: time.Date(2026, 11, 2, 10, 0, 0, 5, time.UTC), IP: "192.0.2.1", Port: 40123, URL: "https://forum.example/p", Context: "a post", ContextKind: houvast.PublicPost}
	id, err := c.Upload(t.Context(), "k", up, "ä \"b\".png", strings.NewReader("bytes"))
	want := "[account||u-17 screen_name||blue kite email||kite@example.org profile_url||https://forum.example/u ip||192.0.2.1 url||https://forum.example/p " +
		"context||a post context_kind||public_post uploaded_at||2026-11-02T10:00:00.000000005Z port||40123 file|ä \"b\".png|bytes]"
	if err != nil || id != "item_1" || fmt.Sprint(got) != want {
		t.Errorf("%s, %v; sent\n%v, want\n%s", id, err, got, want)
	}
	got = nil
	if _, err := c.Upload(t.Context(), "", houvast.Upload{}, "a", strings.NewReader("")); err != nil || fmt.Sprint(got) != "[file|a|]" {
		t.Errorf("%v; sent %v", err, got)
	}
}

// A server that answers before it has read everything ends the upload; nobody is left writing.
func TestUploadThatIsRefusedEarly(t *testing.T) {
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusConflict)
		io.WriteString(w, `{"type":"urn:houvast:problem:idempotency-key-reused","kind":"conflict","message":"m"}`)
	})
	file := &endless{asked: make(chan struct{}, 1)}
	_, err := c.Upload(t.Context(), "k", houvast.Upload{}, "a", file)
	if houvast.KindOf(err) != houvast.Conflict && houvast.KindOf(err) != houvast.Unavailable {
		t.Errorf("%v", err)
	}
	end := time.After(10 * time.Second)
	for quiet := false; !quiet; {
		select {
		case <-file.asked:
		case <-time.After(200 * time.Millisecond):
			quiet = true
		case <-end:
			t.Fatal("the file is still read")
		}
	}
}

// A file that cannot be read is no item: the form has no end, so the server cannot take half of it.
func TestUploadOfAFileThatFails(t *testing.T) {
	whole := make(chan bool, 1)
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		form, err := r.MultipartReader()
		for err == nil {
			var part io.Reader
			if part, err = form.NextPart(); err == nil {
				_, err = io.Copy(io.Discard, part)
			}
		}
		whole <- errors.Is(err, io.EOF)
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, `{"id":"item_1"}`)
	})
	_, err := c.Upload(t.Context(), "k", houvast.Upload{}, "a", io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<16)), failing{}))
	if err == nil || !strings.Contains(err.Error(), "the disk is gone") {
		t.Errorf("%v", err)
	}
	select {
	case w := <-whole:
		if w {
			t.Error("the server read a whole form")
		}
	case <-time.After(10 * time.Second):
		t.Error("the server was not told")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

// endless says each time that it is read.
type endless struct{ asked chan struct{} }

func (e *endless) Read(p []byte) (int, error) {
	select {
	case e.asked <- struct{}{}:
	default:
	}
	return len(p), nil
}
