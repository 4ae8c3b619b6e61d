package site

import (
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/houvast/houvast"
)

// refused mounts changes that end on the error page.
func refused(s *Site) {
	s.Post("review.park", "/console/park", func(p *Page) error {
		return houvast.Errorf("t", houvast.Unavailable, "", "not now")
	})
	s.Post("sessions.create", "/console/sign-in", func(p *Page) error {
		return houvast.Errorf("t", houvast.Unauthenticated, "bad-credential", "no")
	})
}

func sent(t *testing.T, h http.Handler, path, cookie, kind string, body io.Reader) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", origin+path, body)
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Accept-Language", "en")
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: SessionCookie, Value: cookie})
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

const formKind = "application/x-www-form-urlencoded"

// What was written at length stands on the page that refuses it, escaped, and nothing else of the form does.
func TestTypedComesBack(t *testing.T) {
	h := frame(t, refused)
	hostile := "\n</textarea><script>alert(1)</script>{{.}}\u202e" + strings.Repeat("é", 2000)
	form := url.Values{"words": {hostile}, "question": {"the same gate"}, "incident_is": {"first seen"}, "password": {"four words"}, "name": {"anna"},
		"current": {"old words"}, "fresh": {"new words"}, "once": {"o_1"}}.Encode()
	for cookie, want := range map[string]int{"": 401, "ended": 401, "locked": 401, "hers": 503} {
		got := sent(t, h, "/console/park", cookie, formKind, strings.NewReader(form))
		if got.Code != want {
			t.Fatalf("%q: status %d, not %d", cookie, got.Code, want)
		}
		body := got.Body.String()
		for _, text := range []string{"\n" + hostile + "</textarea>", "the same gate</textarea>", "first seen</textarea>", "Copy what you want to keep"} {
			if !strings.Contains(html.UnescapeString(body), text) {
				t.Errorf("%q: %.40q does not come back", cookie, text)
			}
		}
		if n := strings.Count(body, "readonly"); n != 3 {
			t.Errorf("%q: %d fields come back, not 3", cookie, n)
		}
		for _, never := range []string{"<script>alert", "four words", "old words", "new words", "o_1"} {
			if strings.Contains(body, never) {
				t.Errorf("%q: the page holds %q", cookie, never)
			}
		}
	}
}

// The edges: nothing typed, a form of another kind, one without end, a script, another site.
func TestTypedBounds(t *testing.T) {
	h := frame(t, refused)
	long := "words=" + strings.Repeat("a", maxTyped-1) + url.QueryEscape("é") + "b"
	for _, c := range []struct {
		what, path, kind, body string
		want                   int // bytes of what comes back
	}{
		{"nothing", "/console/park", formKind, "words=++&question=", 0},
		{"a password", "/console/sign-in", formKind, "name=anna&password=secret", 0},
		{"as long as may be", "/console/park", formKind, "words=" + strings.Repeat("a", maxTyped), maxTyped},
		{"cut where a letter begins", "/console/park", formKind, long, maxTyped - 1},
		{"a form without end", "/console/park", formKind, "words=" + strings.Repeat("a", maxForm), 0},
		{"a file", "/console/park", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"words\"\r\n\r\naaa\r\n--b--\r\n", 0},
		{"broken", "/console/park", formKind, "words=%zz", 0},
	} {
		body := sent(t, h, c.path, "ended", c.kind, strings.NewReader(c.body)).Body.String()
		_, rest, found := strings.Cut(body, "<textarea")
		_, rest, _ = strings.Cut(rest, ">\n")
		text, _, _ := strings.Cut(rest, "</textarea>")
		if found != (c.want > 0) || len(text) != c.want {
			t.Errorf("%s: %d bytes come back, not %d", c.what, len(text), c.want)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), "POST", origin+"/console/park", strings.NewReader("words=mine"))
	r.Header.Set("Content-Type", formKind)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if rec.Code != 403 || strings.Contains(rec.Body.String(), "mine") {
		t.Errorf("another site: status %d: %s", rec.Code, rec.Body)
	}
}
