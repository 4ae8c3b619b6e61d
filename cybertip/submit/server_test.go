package submit_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/houvast/houvast/cybertip/submit"
)

const (
	user     = "robin"
	password = "sentinel-password"
	reportID = 4711
	fileID   = "00112233445566778899aabbccddeeff"
	content  = "a bland file"
	md5sum   = "82dac555031a4cea862b3b0ebf5829a0"
	// sentinel stands in every reply text; no error may repeat it.
	sentinel = "sentinel-reply"
)

// A server answers every request with the same raw bytes, after it has read the whole request. The
// bytes are a complete HTTP reply, so that the test and not net/http decides what goes out.
type server struct {
	*httptest.Server
	raw     string
	early   bool          // reply without reading the body
	arrived chan struct{} // when set, is told that a whole request came in
	release chan struct{} // when set, the reply waits for it

	mu    sync.Mutex
	calls []seen
}

type seen struct {
	method, path, contentType, body string
	user, password                  string
}

func serve(t *testing.T, raw string) *server {
	s := &server{raw: raw}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body []byte
		if !s.early {
			body, _ = io.ReadAll(io.LimitReader(r.Body, 1<<20))
			_, _ = io.Copy(io.Discard, r.Body)
		}
		u, p, _ := r.BasicAuth()
		s.mu.Lock()
		s.calls = append(s.calls, seen{r.Method, r.URL.Path, r.Header.Get("Content-Type"), string(body), u, p})
		s.mu.Unlock()
		if s.arrived != nil {
			s.arrived <- struct{}{}
		}
		if s.release != nil {
			<-s.release
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, s.raw)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) seen() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]seen(nil), s.calls...)
}

func (s *server) client(t *testing.T, opts ...submit.Option) *submit.Client {
	t.Helper()
	return practice(t, s.URL+"/ispws", opts...)
}

// practice makes a client for a loopback address, with connections of its own.
func practice(t *testing.T, base string, opts ...submit.Option) *submit.Client {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	c, err := submit.New(submit.Practice, u, user, password, &http.Client{Transport: tr}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// call makes the call with fitting arguments and returns what matters of its results.
func call(ctx context.Context, c *submit.Client, name submit.Call) (submit.Answer, string, error) {
	switch name {
	case submit.CallStatus:
		a, err := c.Status(ctx)
		return a, "", err
	case submit.CallXSD:
		a, err := c.XSD(ctx)
		return a, "", err
	case submit.CallSubmit:
		id, a, err := c.Submit(ctx, []byte("<report/>"))
		return a, fmt.Sprint(id), err
	case submit.CallUpload:
		id, sum, a, err := c.Upload(ctx, reportID, "file-1.jpg", strings.NewReader(content), int64(len(content)))
		return a, id + " " + sum, err
	case submit.CallFileInfo:
		a, err := c.FileInfo(ctx, []byte("<fileDetails/>"))
		return a, "", err
	case submit.CallFinish:
		files, a, err := c.Finish(ctx, reportID)
		return a, strings.Join(files, " "), err
	case submit.CallRetract:
		a, err := c.Retract(ctx, reportID)
		return a, "", err
	}
	panic("a call that the test does not know: " + name)
}

// page makes a whole HTTP reply.
func page(status int, header, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\nContent-Type: application/xml;charset=ISO-8859-1\r\nRequest-ID: req-1\r\n%s\r\n%s",
		status, len(body), header, body)
}

const prolog = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"

// good returns the document that says that the call succeeded.
func good(name submit.Call) string {
	switch name {
	case submit.CallXSD:
		return prolog + `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="report"><!-- ` + sentinel + ` --></xs:element></xs:schema>`
	case submit.CallUpload:
		return response(0, "<reportId>4711</reportId><fileId>"+fileID+"</fileId><hash>"+strings.ToUpper(md5sum)+"</hash>")
	case submit.CallFinish:
		return prolog + `<reportDoneResponse><responseCode>0</responseCode><reportId>4711</reportId><files><fileId>` + fileID + `</fileId><fileId>ff</fileId></files></reportDoneResponse>`
	case submit.CallStatus:
		return response(0, "")
	}
	return response(0, "<reportId>4711</reportId>")
}

func response(code int, more string) string {
	return prolog + fmt.Sprintf(`<reportResponse><responseCode>%d</responseCode><responseDescription>%s é</responseDescription>%s</reportResponse>`, code, sentinel, more)
}

// leaks reports whether an error tells what it must not.
func leaks(err error) bool {
	for e := err; e != nil; {
		for _, secret := range []string{password, user, sentinel, "cm9iaW46c2VudGluZWw", "127.0.0.1"} {
			if strings.Contains(e.Error(), secret) {
				return true
			}
		}
		u, ok := e.(interface{ Unwrap() error })
		if !ok {
			return false
		}
		e = u.Unwrap()
	}
	return false
}
