package practice

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/houvast/houvast/practice/schema"
)

// dial turns a request made for a recorder into one over a real connection.
func dial(t *testing.T, server *httptest.Server, r *http.Request) *http.Request {
	t.Helper()
	out, err := http.NewRequestWithContext(t.Context(), r.Method, server.URL+r.URL.RequestURI(), r.Body)
	if err != nil {
		t.Fatal(err)
	}
	out.Header = r.Header
	return out
}

// outcome is what a client sees of a call.
type outcome struct {
	broken bool // no reply, or not all of it
	status int
	header http.Header
	body   string
}

// serve starts a server whose held calls end with the test at the latest. idle says that none is held.
func serve(t *testing.T, c *Clearinghouse) (server *httptest.Server, idle func() bool) {
	t.Helper()
	var busy atomic.Int32
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		busy.Add(1)
		defer busy.Add(-1)
		c.ServeHTTP(w, r)
	}))
	ctx, cancel := context.WithCancel(context.Background())
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	server.Start()
	t.Cleanup(func() {
		cancel()
		server.Close()
	})
	return server, func() bool { return busy.Load() == 0 }
}

func do(server *httptest.Server, r *http.Request) outcome {
	resp, err := server.Client().Do(r)
	if err != nil {
		return outcome{broken: true}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return outcome{broken: err != nil, status: resp.StatusCode, header: resp.Header, body: string(body)}
}

// eventually waits for what another goroutine does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("%s did not happen", what)
		default:
			runtime.Gosched()
		}
	}
}

// effects counts the changes of state in the log.
func effects(c *Clearinghouse) int {
	return len(slices.DeleteFunc(c.Events(), func(ev Event) bool { return ev.Event == Faulted || ev.Event == Refused }))
}

// Every fault on every endpoint, processed and not, over a real connection: the client sees the
// fault, the state is what the fault says, and the call after it is served as ever.
func TestEveryFaultOnEveryEndpoint(t *testing.T) {
	n := 0
	for _, rt := range routes() {
		if rt.control {
			continue
		}
		for _, kind := range FaultKinds() {
			for _, processed := range []bool{false, true} {
				f := Fault{Kind: kind, Processed: processed}
				if kind == Code {
					f.Code = 5001
				}
				t.Run(fmt.Sprintf("%s/%s/%v", rt.endpoint(), kind, processed), func(t *testing.T) { oneFault(t, rt, f) })
				n++
			}
		}
	}
	t.Logf("%d faults", n)
	if n != 7*11*2 {
		t.Errorf("%d faults, want 7 endpoints x 11 kinds x 2", n)
	}
}

func oneFault(t *testing.T, rt route, f Fault) {
	var armed atomic.Bool
	c, _ := house(Config{Faults: func(call Call) Fault {
		if call.Endpoint == rt.endpoint() && armed.CompareAndSwap(true, false) {
			return f
		}
		return Fault{}
	}})
	server, idle := serve(t, c)
	id := send(t, c, submitRequest()).report
	files := []string{send(t, c, uploadRequest(id, "a")).file, send(t, c, uploadRequest(id, "b")).file}
	before := effects(c)
	request := map[string]func() *http.Request{
		"status": func() *http.Request { return request("GET", "/ispws/status", "", "") }, "xsd": func() *http.Request { return request("GET", "/ispws/xsd", "", "") },
		"submit": submitRequest, "upload": func() *http.Request { return uploadRequest(id, "c") },
		"fileinfo": func() *http.Request { return fileinfoRequest(id, files[1], "") },
		"finish":   func() *http.Request { return endRequest("finish", id) }, "retract": func() *http.Request { return endRequest("retract", id) },
	}[rt.endpoint()]

	armed.Store(true)
	r := dial(t, server, request())
	var got outcome
	if f.Kind == Slow {
		got = abandon(t, c, server, r, f, before+change(rt))
		eventually(t, "the end of the held call", idle)
	} else {
		got = do(server, r)
	}

	did := 0
	if f.effective() {
		did = change(rt)
	}
	if now := effects(c); now != before+did {
		t.Errorf("%d changes of state, want %d", now-before, did)
	}
	faulted := slices.DeleteFunc(c.Events(), func(ev Event) bool { return ev.Event != Faulted })
	if len(faulted) != 1 || faulted[0].Fault != f.Kind || faulted[0].Endpoint != rt.endpoint() || faulted[0].Processed != f.effective() {
		t.Errorf("faulted: %+v", faulted)
	}
	seen(t, rt, f, got, files)

	after := do(server, dial(t, server, request()))
	if after.broken || after.status != 200 {
		t.Fatalf("after the fault: %+v", after)
	}
	a := read(t, after.status, after.header, []byte(after.body))
	code := 0
	switch {
	case rt.endpoint() == "xsd":
		code = -1
	case f.effective() && rt.endpoint() == "finish":
		code = 5102
	case f.effective() && rt.endpoint() == "retract":
		code = 5101
	}
	if a.code != code {
		t.Errorf("after the fault: code %d, want %d", a.code, code)
	}
}

// change is how many changes of state a successful call of the endpoint makes.
func change(rt route) int {
	if rt.method == "POST" {
		return 1
	}
	return 0
}

// abandon sends a request that gets no answer and gives it up once the clearinghouse holds it.
func abandon(t *testing.T, c *Clearinghouse, server *httptest.Server, r *http.Request, f Fault, effect int) outcome {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan outcome)
	go func() { result <- do(server, r.WithContext(ctx)) }()
	eventually(t, "the fault", func() bool {
		return slices.ContainsFunc(c.Events(), func(ev Event) bool { return ev.Event == Faulted }) && (!f.Processed || effects(c) == effect)
	})
	select {
	case got := <-result:
		t.Errorf("an answer came: %+v", got)
		return got
	default:
	}
	cancel()
	return <-result
}

// seen checks that the client met the fault it was promised.
func seen(t *testing.T, rt route, f Fault, got outcome, files []string) {
	t.Helper()
	_, err := schema.Parse([]byte(got.body))
	wellFormed := err == nil
	switch f.Kind {
	case Refuse, Cut, Slow:
		if !got.broken || got.status != 0 {
			t.Errorf("a reply came: %+v", got)
		}
	case CutMidway:
		if !got.broken || got.status != 200 || got.body == "" || wellFormed {
			t.Errorf("want half a reply: %+v", got)
		}
	case Status:
		if got.broken || got.status != 500 || !strings.Contains(got.body, "<html>") {
			t.Errorf("want 500 and a page: %+v", got)
		}
	case HTML:
		if got.broken || got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") || !strings.Contains(got.body, "<html>") {
			t.Errorf("want 200 and a page: %+v", got)
		}
	case Unauthorized:
		if got.broken || got.status != 401 || !strings.Contains(got.body, "<responseCode>2000</responseCode>") {
			t.Errorf("want 401: %+v", got)
		}
	case Truncated:
		if got.broken || got.status != 200 || wellFormed || rt.endpoint() != "xsd" && !strings.Contains(got.body, "<responseCode>0</responseCode>") {
			t.Errorf("want a reply without its end: %+v", got)
		}
	case Code:
		if got.broken || got.status != 200 || !strings.Contains(got.body, "<responseCode>5001</responseCode>") {
			t.Errorf("want code 5001: %+v", got)
		}
	case WrongMD5, DuplicateFileID:
		if got.broken || got.status != 200 || !wellFormed {
			t.Fatalf("want a valid reply: %+v", got)
		}
		a := read(t, got.status, got.header, []byte(got.body))
		const right = "4a8a08f09d37b73795649038408b5f33" // MD5 of "c"
		switch {
		case rt.endpoint() == "upload" && f.Kind == WrongMD5:
			if len(a.hash) != 32 || a.hash == right || a.file == "" || strings.Trim(a.hash, "0123456789abcdef") != "" {
				t.Errorf("hash %s", a.hash)
			}
		case rt.endpoint() == "upload":
			if a.file != files[0] || a.hash != right {
				t.Errorf("file %s, want that of the first upload, %s", a.file, files[0])
			}
		case rt.endpoint() == "finish" && f.Kind == DuplicateFileID:
			if !slices.Equal(a.files, append(slices.Clone(files), files[0])) {
				t.Errorf("files %v", a.files)
			}
		case rt.endpoint() == "finish" && !slices.Equal(a.files, files):
			t.Errorf("files %v", a.files)
		}
	default:
		t.Errorf("no test knows the fault %q", f.Kind)
	}
}

// Each code of the fault matrix can be ordered.
func TestFaultCodes(t *testing.T) {
	for _, code := range []int{1000, 4100, 5001, 5101, 5102} {
		c, _ := house(Config{Faults: func(Call) Fault { return Fault{Kind: Code, Code: code} }})
		want(t, "submit", send(t, c, submitRequest()), code)
	}
	c, _ := house(Config{Faults: func(Call) Fault { return Fault{Kind: "misspelt"} }})
	want(t, "a fault that does not exist", send(t, c, submitRequest()), 1000)
}

// The hook counts calls by endpoint, and strangers and control routes are never faulted.
func TestFaultHookCalls(t *testing.T) {
	var calls []Call
	c, _ := house(Config{Faults: func(call Call) Fault { calls = append(calls, call); return Fault{} }})
	id := send(t, c, submitRequest()).report
	send(t, c, submitRequest())
	send(t, c, endRequest("finish", id))
	send(t, c, request("GET", "/practice/log", "", ""))
	stranger := submitRequest()
	stranger.SetBasicAuth("esp", "wrong")
	send(t, c, stranger)
	if got := fmt.Sprint(calls); got != "[{submit 1} {submit 2} {finish 1}]" {
		t.Errorf("calls %s", got)
	}
}

func order(t *testing.T, c *Clearinghouse, body string) answer {
	t.Helper()
	return send(t, c, request("POST", "/practice/faults", "application/json", body))
}

func TestOrderedFaults(t *testing.T) {
	c, _ := house(Config{})
	if a := order(t, c, `{"faults":[{"endpoint":"submit","kind":"code","code":1000,"skip":1,"times":2},{"endpoint":"finish","kind":"code","code":5101,"processed":true},{"kind":"code","code":4100,"skip":5}]}`); a.status != 200 || a.body != "{\"faults\":3}\n" {
		t.Fatalf("HTTP %d %s", a.status, a.body)
	}
	var codes []int
	for range 5 {
		codes = append(codes, send(t, c, submitRequest()).code)
	}
	id := start.Unix()
	codes = append(codes, send(t, c, endRequest("finish", id)).code, send(t, c, endRequest("finish", id)).code, send(t, c, endRequest("retract", id)).code, send(t, c, endRequest("retract", id)).code)
	// submit: passes, 1000 twice, passes twice. finish: processed, but 5101 is said; then the truth.
	// The third rule lets five calls pass that no earlier rule took: three submits, the second finish,
	// the first retract.
	if got := fmt.Sprint(codes); got != "[0 1000 1000 0 0 5101 5102 5102 4100]" {
		t.Errorf("codes %s", got)
	}
	order(t, c, `{"faults":[{"kind":"code","code":1000,"times":-1}]}`)
	for range 4 {
		want(t, "for ever", send(t, c, submitRequest()), 1000)
	}
	order(t, c, `{"faults":[]}`)
	want(t, "cleared", send(t, c, submitRequest()), 0)
}

func TestOrderedFaultsAreChecked(t *testing.T) {
	c, _ := house(Config{})
	for _, body := range []string{
		``, `[]`, `{`, `{"faults":[{}]}`, `{"faults":[null]}`, `{"faults":[{"kind":"misspelt"}]}`, `{"faults":[{"kind":"cut","endpoint":"clock"}]}`, `{"faults":[{"kind":"cut","endpoint":"other"}]}`,
		`{"faults":[{"kind":"code"}]}`, `{"faults":[{"kind":"cut","code":1000}]}`, `{"faults":[{"kind":"cut","status":503}]}`, `{"faults":[{"kind":"status","status":200}]}`, `{"faults":[{"kind":"status","status":600}]}`,
		`{"faults":[{"kind":"cut","skip":-1}]}`, `{"faults":[{"kind":"cut","when":"later"}]}`, `{"faults":[]} {}`, `{"rules":[]}`, `{"faults":[` + strings.Repeat(" ", maxControl) + `]}`,
	} {
		if a := order(t, c, body); a.status != 400 || !strings.Contains(a.body, `"error"`) {
			t.Errorf("%.80s: HTTP %d %s", body, a.status, a.body)
		}
	}
	if a := send(t, c, request("POST", "/practice/faults", "text/plain", `{"faults":[]}`)); a.status != 400 {
		t.Errorf("text/plain: HTTP %d", a.status)
	}
	want(t, "no rule stayed", send(t, c, submitRequest()), 0)
	for _, kind := range FaultKinds() {
		rule := map[string]any{"kind": kind, "endpoint": "upload"}
		if kind == Code {
			rule["code"] = 1100
		}
		body, _ := json.Marshal(map[string]any{"faults": []any{rule}})
		if a := order(t, c, string(body)); a.status != 200 {
			t.Errorf("%s: HTTP %d %s", kind, a.status, a.body)
		}
	}
	order(t, c, `{"faults":[{"kind":"status","status":503}]}`)
	w := httptest.NewRecorder()
	if c.ServeHTTP(w, submitRequest()); w.Code != 503 {
		t.Errorf("HTTP %d, want 503", w.Code)
	}
}

// The practice routes are for this machine: elsewhere they do not exist, credentials or not.
func TestControlIsLoopbackOnly(t *testing.T) {
	c, _ := house(Config{})
	n := 0
	for _, rt := range routes() {
		if !rt.control {
			continue
		}
		for from, open := range map[string]bool{"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "192.0.2.1:1": false, "[2001:db8::1]:1": false, "10.0.0.1:1": false, "0.0.0.0:1": false, "localhost:1": false, "": false, "@": false} {
			r := request(rt.method, rt.path, "application/json", "{}")
			r.RemoteAddr = from
			r.Header.Set("X-Forwarded-For", "127.0.0.1")
			if a := send(t, c, r); (a.status == 404) == open {
				t.Errorf("%s from %q: HTTP %d", rt.path, from, a.status)
			}
			n++
		}
	}
	if n != 30 {
		t.Errorf("%d checks", n)
	}
}

func TestClockRoute(t *testing.T) {
	c, k := house(Config{})
	id := send(t, c, submitRequest()).report
	tick := func(body string) answer {
		return send(t, c, request("POST", "/practice/clock", "application/json", body))
	}
	if a := tick(`{"advance":"23h59m"}`); a.status != 200 || a.body != "{\"now\":\"2026-11-24T11:59:00Z\"}\n" {
		t.Errorf("HTTP %d %s", a.status, a.body)
	}
	if n := len(c.Events()); n != 1 {
		t.Errorf("%d events", n)
	}
	tick(`{"advance":"1m"}`)
	if evs := c.Events(); len(evs) != 2 || evs[1].Event != Lapsed || evs[1].ReportID != id {
		t.Errorf("events %+v", evs)
	}
	for _, body := range []string{`{}`, `{"advance":"-1s"}`, `{"advance":"soon"}`, `{"advance":"2000000h"}`, `{"advance":5}`, `{"set":"2026-01-01T00:00:00Z"}`} {
		if a := tick(body); a.status != 400 {
			t.Errorf("%s: HTTP %d", body, a.status)
		}
	}
	k.set(time.Hour)
	if a := tick(`{"advance":"0s"}`); a.body != "{\"now\":\"2026-11-24T13:00:00Z\"}\n" {
		t.Errorf("the two clocks do not add up: %s", a.body)
	}
	broken, _ := house(Config{Log: &recorder{}})
	send(t, broken, submitRequest())
	broken.cfg.Log.(*recorder).fail = "write"
	if a := send(t, broken, request("POST", "/practice/clock", "application/json", `{"advance":"25h"}`)); a.status != 500 {
		t.Errorf("a lapse that cannot be logged: HTTP %d", a.status)
	}
}
