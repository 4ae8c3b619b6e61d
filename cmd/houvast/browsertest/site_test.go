package browsertest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := Close(); err != nil && code == 0 {
		fmt.Println(err)
		code = 1
	}
	os.Exit(code)
}

// policy is as strict as that of the console.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' http://media.localhost:%s; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; report-uri /console/csp-report"

// A website serves pages that a test writes, under the policy.
type website struct {
	*httptest.Server
	port string
	mu   sync.Mutex
	seen []*http.Request
}

// content of a page: /page is its body, /script what it loads as a script, /style as a style.
type content struct{ body, script, style string }

// serve starts a site on the loopback. extra answers what is no page.
func serve(t *testing.T, pages map[string]content, extra http.HandlerFunc) *website {
	t.Helper()
	s := &website{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen = append(s.seen, r.Clone(context.Background()))
		s.mu.Unlock()
		w.Header().Set("Cache-Control", "no-store")
		kind, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		c, ok := pages[name]
		switch {
		case kind == "script" && ok:
			w.Header().Set("Content-Type", "text/javascript")
			io.WriteString(w, c.script)
		case kind == "style" && ok:
			w.Header().Set("Content-Type", "text/css")
			io.WriteString(w, c.style)
		case kind == "page" && ok:
			w.Header().Set("Content-Security-Policy", fmt.Sprintf(policy, s.port))
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if name == "missing" {
				w.WriteHeader(http.StatusNotFound)
			}
			fmt.Fprintf(w, `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">`+
				`<title>%[1]s</title><link rel="icon" href="/icon"><link rel="stylesheet" href="/style/%[1]s"><script src="/script/%[1]s" defer></script></head><body>%[2]s</body></html>`, name, c.body)
		case r.URL.Path == "/icon":
			w.Header().Set("Content-Type", "image/svg+xml")
			io.WriteString(w, `<svg xmlns="http://www.w3.org/2000/svg"/>`)
		case r.URL.Path == "/console/csp-report":
			w.WriteHeader(http.StatusNoContent)
		case extra != nil:
			extra(w, r)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	_, s.port, _ = net.SplitHostPort(s.Listener.Addr().String())
	return s
}

// at is the address of a page.
func (s *website) at(page string) string { return "http://localhost:" + s.port + "/page/" + page }

// requests returns what was asked for under a path.
func (s *website) requests(path string) (out []*http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.seen {
		if r.URL.Path == path {
			out = append(out, r)
		}
	}
	return out
}

// A doomed test is one that is expected to fail or to be skipped.
type doomed struct {
	testing.TB
	failed, skipped string
}

func (d *doomed) Helper() {}

func (d *doomed) Fatalf(format string, args ...any) {
	d.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (d *doomed) Skipf(format string, args ...any) {
	d.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// doom runs what should end a test and returns how it ended.
func doom(t *testing.T, fn func(testing.TB)) *doomed {
	d := &doomed{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn(d)
	}()
	<-done
	return d
}

// hurry is a tab that gives up after some milliseconds.
func hurry(tab *Tab, ms int) *Tab {
	hurried := tab.With(tab.t)
	hurried.patience = time.Duration(ms) * time.Millisecond
	return hurried
}
