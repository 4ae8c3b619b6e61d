package media_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/internal/console/media"
	"github.com/houvast/houvast/internal/draw"
	"github.com/houvast/houvast/internal/pipeline/reveal"
	"github.com/houvast/houvast/internal/pipeline/reveal/revealtest"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const console = "http://localhost:8080"

// A desk is a person with a granted look and the media origin beside it.
type desk struct {
	*revealtest.House
	handler http.Handler
	c       houvast.CaseID
}

func each(t *testing.T, fn func(d *desk)) {
	revealtest.Each(t, func(h *revealtest.House) {
		c := h.Claimed(revealtest.Picture(1), "anna")
		fn(&desk{h, media.Handler(h.Viewer, console, slog.New(slog.DiscardHandler)), c.ID})
	})
}

func (d *desk) grant() reveal.Ticket {
	d.T.Helper()
	t, err := d.Viewer.Grant(d.T.Context(), revealtest.Ask("anna"), "s1", d.c, review.LevelMosaic)
	d.Must(err)
	return t
}

// request is what the page of the console sends.
func request(t reveal.Ticket) *http.Request {
	r := httptest.NewRequest("GET", "http://media.localhost:8082"+t.Path, nil)
	r.Header.Set("Origin", console)
	r.Header.Set("Authorization", "Houvast "+t.Proof)
	return r
}

func (d *desk) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r.WithContext(d.T.Context()))
	return w
}

func (d *desk) served() int64 {
	return d.Number("SELECT COUNT(*) FROM reveal WHERE served <> 0")
}

// The one way that works: what it gives, with which headers, and once.
func TestServes(t *testing.T) {
	each(t, func(d *desk) {
		tk := d.grant()
		preflight := httptest.NewRequest("OPTIONS", "http://media.localhost:8082"+tk.Path, nil)
		preflight.Header.Set("Origin", console)
		preflight.Header.Set("Access-Control-Request-Method", "GET")
		preflight.Header.Set("Access-Control-Request-Headers", "authorization")
		w := d.do(preflight)
		if w.Code != 204 || w.Header().Get("Access-Control-Allow-Origin") != console || w.Header().Get("Access-Control-Allow-Headers") != "Authorization" || w.Header().Get("Access-Control-Allow-Credentials") != "" {
			d.T.Errorf("the preflight: %d %v", w.Code, w.Header())
		}
		w = d.do(request(tk))
		want := decode.Render(revealtest.Picture(1), decode.DefaultLimits()).Mosaic.Data
		if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), want) || !w.Flushed {
			d.T.Fatalf("%d, %d bytes of %d, flushed %v", w.Code, w.Body.Len(), len(want), w.Flushed)
		}
		if why := d.Unsigned(tk.Reveal); why != "" {
			d.T.Error(why)
		}
		for name, value := range map[string]string{
			"Access-Control-Allow-Origin": console, "Vary": "Origin", "Access-Control-Allow-Credentials": "",
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Type": "image/jpeg", "Content-Length": fmt.Sprint(len(want)),
			"Content-Security-Policy":      "default-src 'none'; sandbox; frame-ancestors 'none'",
			"Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "no-referrer", "Content-Disposition": "attachment",
			"X-Robots-Tag": "noindex, nofollow, noarchive, noimageindex", "Set-Cookie": "", "ETag": "", "Last-Modified": "", "Accept-Ranges": "",
		} {
			if got := w.Header().Get(name); got != value {
				d.T.Errorf("%s: %q, want %q", name, got, value)
			}
		}
		if n := d.served(); n != 1 {
			d.T.Errorf("served %d times", n)
		}
		if w := d.do(request(tk)); w.Code != 404 || w.Body.Len() != 0 {
			d.T.Errorf("a second time: %d, %d bytes", w.Code, w.Body.Len())
		}
		if n := d.Lines(reveal.OpRefused, d.c, "used before"); n != 1 {
			d.T.Errorf("%d lines about the second time", n)
		}
	})
}

// Every request that is not exactly the page's gets the same nothing, and none of those that cannot be
// the page's uses the ticket up: it works afterwards, which is the control.
func TestEverythingElseIsNothing(t *testing.T) {
	each(t, func(d *desk) {
		other := d.Claimed(revealtest.Picture(2), "bram")
		stranger, err := d.Viewer.Grant(d.T.Context(), revealtest.Ask("bram"), "s2", other.ID, review.LevelMosaic)
		d.Must(err)
		var nothing http.Header
		tk, tries, lines := d.grant(), 0, int64(0)
		try := func(name string, logged bool, change func(r *http.Request)) {
			d.T.Helper()
			r := request(tk)
			change(r)
			w := d.do(r)
			tries++
			if w.Code != 404 || w.Body.Len() != 0 {
				d.T.Errorf("%s: %d, %d bytes", name, w.Code, w.Body.Len())
			}
			head := w.Header().Clone()
			head.Del("Access-Control-Allow-Origin") // only for who says the right origin
			if nothing == nil {
				nothing = head
			}
			if a, b := fmt.Sprint(head), fmt.Sprint(nothing); a != b {
				d.T.Errorf("%s: the headers tell it apart:\n%s\n%s", name, a, b)
			}
			if logged {
				lines++
			}
			if n := d.Number("SELECT COUNT(*) FROM audit_line WHERE action = $1", reveal.OpRefused); n != lines {
				d.T.Errorf("%s: %d lines, want %d", name, n, lines)
				lines = n
			}
		}
		path := func(p string) func(r *http.Request) {
			return func(r *http.Request) { r.URL.Path, r.URL.RawPath = p, "" }
		}
		for _, method := range []string{"HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "OPTIONS", "get", ""} {
			if method == "" {
				continue // a client's way to write GET
			}
			try(method, false, func(r *http.Request) { r.Method = method })
		}
		try("a preflight for another method", false, func(r *http.Request) {
			r.Method = "OPTIONS"
			r.Header.Set("Access-Control-Request-Method", "POST")
		})
		for _, origin := range []string{"", "null", "http://media.localhost:8082", "http://localhost", "https://localhost:8080", "http://LOCALHOST:8080", console + "/", console + " " + console, "*"} {
			try("the origin "+origin, false, func(r *http.Request) { r.Header.Set("Origin", origin) })
		}
		try("two origins", false, func(r *http.Request) { r.Header.Add("Origin", "http://evil.example") })
		try("no origin", false, func(r *http.Request) { r.Header.Del("Origin") })
		for _, auth := range []string{"", "Houvast", "Houvast ", "Bearer " + tk.Proof, tk.Proof, "houvast " + tk.Proof} {
			try("the proof "+auth, false, func(r *http.Request) { r.Header.Set("Authorization", auth) })
		}
		try("a cookie for a proof", false, func(r *http.Request) {
			r.Header.Del("Authorization")
			r.AddCookie(&http.Cookie{Name: "__Host-houvast", Value: tk.Proof})
		})
		try("two proofs", false, func(r *http.Request) { r.Header.Add("Authorization", "Houvast "+tk.Proof) })
		token, parts := revealtest.Token(tk), strings.Split(tk.Path, "/")
		for _, p := range []string{"", "/", "/r", "/r/", "/r/" + parts[2], "/r/" + parts[2] + "/", "/r/" + parts[2] + "/mosaic/", tk.Path + "/", "/" + tk.Path, tk.Path + "/x", "/r/../r/" + parts[2] + "/mosaic/" + token,
			"/r/" + strings.ToUpper(parts[2]) + "/mosaic/" + token, "/r/case_0/mosaic/" + token, "/x/" + parts[2] + "/mosaic/" + token, "/" + strings.Repeat("r", 4000), "/robots.txt", "/favicon.ico", "/console/", "/api/v1/cases", "/healthz", "/metrics"} {
			try("the path "+p[:min(len(p), 60)], false, path(p))
		}
		try("an escaped path", false, func(r *http.Request) { r.URL.RawPath = strings.Replace(tk.Path, "/r/", "/%72/", 1) })
		try("a query", false, func(r *http.Request) { r.URL.RawQuery = "x=1" })
		try("an empty query", false, func(r *http.Request) { r.URL.ForceQuery = true })
		try("a token that never was", false, path("/r/"+parts[2]+"/mosaic/"+houvast.RandomText("look", 32)))
		try("another level", true, path("/r/"+parts[2]+"/colour/"+token))
		try("no level", true, path("/r/"+parts[2]+"/poster/"+token))
		try("another case", true, path("/r/"+other.ID.String()+"/mosaic/"+token))
		try("another session", true, func(r *http.Request) { r.Header.Set("Authorization", "Houvast "+stranger.Proof) })
		if n := d.served(); n != 0 {
			d.T.Errorf("%d reveals were served", n)
		}
		r := request(tk)
		r.AddCookie(&http.Cookie{Name: "__Host-houvast", Value: "anything"})
		r.Header.Set("Range", "bytes=0-9")
		r.Header.Set("If-None-Match", "*")
		if w := d.do(r); w.Code != 200 || w.Body.Len() < 1000 {
			d.T.Errorf("the control: %d, %d bytes", w.Code, w.Body.Len())
		}
		try("a second use", true, func(*http.Request) {})
		d.T.Logf("%d refused, 1 delivered", tries)
	})
}

// A console without an origin gets nothing, also from who sends an empty one.
func TestNoOrigin(t *testing.T) {
	each(t, func(d *desk) {
		d.handler = media.Handler(d.Viewer, "", slog.New(slog.DiscardHandler))
		r := request(d.grant())
		r.Header.Set("Origin", "")
		if w := d.do(r); w.Code != 404 {
			d.T.Errorf("%d", w.Code)
		}
	})
}

// A failing writer breaks off after some bytes, or at the flush.
type failing struct {
	*httptest.ResponseRecorder
	after int
}

func (f *failing) Write(b []byte) (int, error) {
	if f.after < len(b) {
		return f.after, errors.New("broken pipe")
	}
	return f.ResponseRecorder.Write(b)
}

func (f *failing) FlushError() error { return errors.New("broken pipe") }

// Flush is hidden by FlushError.
func (f *failing) Flush() {}

// What did not leave whole was not served.
func TestBrokenOff(t *testing.T) {
	each(t, func(d *desk) {
		for _, after := range []int{0, 100, 1 << 30} {
			tk := d.grant()
			d.handler.ServeHTTP(&failing{httptest.NewRecorder(), after}, request(tk).WithContext(d.T.Context()))
			if n := d.served(); n != 0 {
				d.T.Errorf("after %d bytes: %d served", after, n)
			}
			if w := d.do(request(tk)); w.Code != 404 {
				d.T.Errorf("after %d bytes the ticket still works", after)
			}
		}
		d.do(request(d.grant()))
		if n := d.served(); n != 1 {
			d.T.Errorf("the control: %d served", n)
		}
	})
}

// slow gives every connection a small buffer, so that what a client does not read does not leave.
type slow struct{ net.Listener }

func (s slow) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		err = errors.Join(err, tcp.SetWriteBuffer(64<<10))
	}
	return c, err
}

// A real client over a real connection: one that reads all of it, and one that goes away midway.
func TestClientGoesAway(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		noise := image.NewRGBA(image.Rect(0, 0, 1000, 900))
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range noise.Pix {
			noise.Pix[i] = byte(rng.Uint32()) | byte(i%4/3*255)
		}
		c := h.Claimed(draw.PNG(noise), "anna")
		d := &desk{h, media.Handler(h.Viewer, console, slog.New(slog.DiscardHandler)), c.ID}
		h.Look(c.ID, "anna", "s1", review.LevelGrey)
		before := d.served()
		done := make(chan struct{}, 1)
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() { done <- struct{}{} }()
			d.handler.ServeHTTP(w, r)
		}))
		server.Listener = slow{server.Listener}
		server.Start()
		defer server.Close()
		send := func(reads bool) (net.Conn, *http.Request) {
			tk, err := h.Viewer.Grant(h.T.Context(), revealtest.Ask("anna"), "s1", c.ID, review.LevelColour)
			h.Must(err)
			dialer := net.Dialer{Timeout: 5 * time.Second}
			conn, err := dialer.DialContext(h.T.Context(), "tcp", server.Listener.Addr().String())
			h.Must(err)
			if !reads {
				h.Must(conn.(*net.TCPConn).SetReadBuffer(16 << 10))
			}
			r, err := http.NewRequestWithContext(context.WithoutCancel(h.T.Context()), "GET", server.URL+tk.Path, nil)
			h.Must(err)
			r.Header.Set("Origin", console)
			r.Header.Set("Authorization", "Houvast "+tk.Proof)
			h.Must(r.Write(conn))
			return conn, r
		}
		conn, _ := send(false)
		head, err := bufio.NewReaderSize(conn, 512).ReadString('\n')
		h.Must(err)
		if !strings.Contains(head, "200") {
			h.T.Errorf("the answer begins with %q", head)
		}
		h.Must(conn.Close())
		<-done
		if n := d.served(); n != before {
			h.T.Errorf("a client that went away midway was served")
		}

		conn, r := send(true)
		res, err := http.ReadResponse(bufio.NewReader(conn), r)
		h.Must(err)
		body, err := io.ReadAll(res.Body)
		h.Must(err)
		<-done
		if n := d.served(); n != before+1 || len(body) < 300_000 {
			h.T.Errorf("the control: %d bytes, served %d times", len(body), n-before)
		}
		h.Must(conn.Close())
	})
}
