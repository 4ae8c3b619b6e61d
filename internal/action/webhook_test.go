package action_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/internal/task"
)

const secret = "a secret of the tests, 32 bytes."

// hook returns a webhook with the client that it wants: with a timeout, following nothing.
func hook(url string, w store.Writer) action.Webhook {
	return action.Webhook{URL: url, Secret: []byte(secret), Clock: w.DB().Clock(), Client: &http.Client{
		Timeout:       5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func ring(tx *store.Tx, id houvast.ActionID) error {
	return task.Ring(tx, action.TaskKind, id.String(), tx.Now())
}

// verify checks a call as a receiver does by Standard Webhooks: the signature over "id.timestamp.body".
func (c call) verify(key string) bool {
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "%s.%s.%s", c.Header.Get("webhook-id"), c.Header.Get("webhook-timestamp"), c.Body)
	for _, one := range strings.Fields(c.Header.Get("webhook-signature")) {
		version, text, _ := strings.Cut(one, ",")
		if sum, err := base64.StdEncoding.DecodeString(text); err == nil && version == "v1" && hmac.Equal(sum, mac.Sum(nil)) {
			return true
		}
	}
	return false
}

// The example that libraries of Standard Webhooks are tested with.
func TestSignKnownAnswer(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	if got := action.Sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)); got != "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Error(got)
	}
}

// What goes over the wire, as the receiver in its own process saw it.
func TestWhatTheReceiverSees(t *testing.T) {
	p := startPlatform(t)
	clock := storetest.NewClock(morning)
	h := hook(p.url+"/hook/200", storetest.Open(t, store.SQLite, clock))
	a := action.Action{ID: 4711, Kind: action.Withhold, Subject: "item_x", ProposedAt: morning.Add(-1500 * time.Microsecond), Payload: json.RawMessage(`{"expires_at":"2026-11-24T09:00:00Z"}`)}
	if answer, err := h.Send(t.Context(), a); err != nil || answer != "status 200" {
		t.Fatal(answer, err)
	}
	calls := p.read(t)
	if len(calls) != 1 {
		t.Fatal(calls)
	}
	c := calls[0]
	const body = `{"type":"withhold","action":"action_00000000004k7","item":"item_x","at":"2026-11-23T08:59:59.998500Z","details":{"expires_at":"2026-11-24T09:00:00Z"}}`
	if c.Method != http.MethodPost || c.Header.Get("Content-Type") != "application/json" || c.id() != a.ID.String() ||
		c.Header.Get("webhook-timestamp") != strconv.FormatInt(morning.Unix(), 10) || string(c.Body) != body {
		t.Errorf("%+v\n%s", c, c.Body)
	}
	if !c.verify(secret) {
		t.Errorf("the signature does not verify: %v", c.Header)
	}
	// The verification must be able to fail.
	for what, bad := range map[string]call{
		"another body": {Header: c.Header, Body: bytes.Replace(c.Body, []byte("item_x"), []byte("item_y"), 1)},
		"another id":   {Header: with(c.Header, "webhook-id", "action_other"), Body: c.Body},
		"another time": {Header: with(c.Header, "webhook-timestamp", "1"), Body: c.Body},
		"no signature": {Header: with(c.Header, "webhook-signature", ""), Body: c.Body},
	} {
		if bad.verify(secret) {
			t.Errorf("%s verifies too", what)
		}
	}
	if c.verify("another secret") {
		t.Error("another secret verifies too")
	}
}

func with(h http.Header, name, value string) http.Header {
	h = h.Clone()
	h.Set(name, value)
	return h
}

// Every status that a receiver may answer with.
func TestEveryStatus(t *testing.T) {
	p := startPlatform(t)
	w := storetest.Open(t, store.SQLite, nil)
	outcome := func(code int) string {
		switch {
		case code < 300, code == 409, code == 410:
			return "done"
		case code == 408, code == 429, code >= 500:
			return "again"
		}
		return "refused"
	}
	tried := map[string]int{}
	for code := 200; code < 600; code++ {
		h := hook(fmt.Sprint(p.url, "/hook/", code), w)
		answer, err := h.Send(t.Context(), action.Action{ID: 1, Kind: action.Withhold})
		got := "done"
		switch {
		case err == nil && answer != fmt.Sprint("status ", code):
			t.Errorf("%d: answer %q", code, answer)
		case houvast.KindOf(err) == houvast.Unavailable:
			got = "again"
		case houvast.KindOf(err) == houvast.Invalid && houvast.CodeOf(err) == "webhook-refused" && houvast.HintOf(err) != "":
			got = "refused"
		case err != nil:
			t.Errorf("%d: %v", code, err)
		}
		if got != outcome(code) {
			t.Errorf("%d: %s, want %s", code, got, outcome(code))
		}
		if err != nil && !strings.Contains(err.Error(), strconv.Itoa(code)) {
			t.Errorf("%d: the error does not say so: %v", code, err)
		}
		tried[got]++
	}
	if n := len(p.to(t, "/redirected/200")); n != 0 || len(p.calls) != 400 {
		t.Errorf("%d redirects were followed, %d calls", n, len(p.calls))
	}
	// A client that follows redirects does reach the other place, so the receiver would have seen it.
	h := hook(p.url+"/hook/307", w)
	h.Client = &http.Client{Timeout: 5 * time.Second}
	if _, err := h.Send(t.Context(), action.Action{ID: 1, Kind: action.Withhold}); err != nil || len(p.to(t, "/redirected/200")) != 1 {
		t.Errorf("the control was not followed: %v", err)
	}
	t.Logf("statuses 200 to 599: %v", tried)
}

// What is no answer at all may pass, and says nothing of the address, which may hold a token.
func TestNoAnswer(t *testing.T) {
	p := startPlatform(t)
	w := storetest.Open(t, store.SQLite, nil)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	closed.Close()
	ended, end := context.WithCancel(t.Context())
	end()
	for what, c := range map[string]struct {
		url  string
		ctx  context.Context
		kind houvast.Kind
	}{
		"hangs":          {p.url + "/planted-token/hang", t.Context(), houvast.Unavailable},
		"breaks off":     {p.url + "/planted-token/drop", t.Context(), houvast.Unavailable},
		"nobody there":   {"http://" + nobody + "/planted-token", t.Context(), houvast.Unavailable},
		"our own end":    {p.url + "/planted-token/200", ended, houvast.Unavailable},
		"no such scheme": {"planted-token://x", t.Context(), houvast.Unavailable},
		"no address":     {"http://[planted-token", t.Context(), houvast.Invalid},
	} {
		h := hook(c.url, w)
		h.Client.Timeout = 200 * time.Millisecond
		_, err := h.Send(c.ctx, action.Action{ID: 1, Kind: action.Withhold})
		if houvast.KindOf(err) != c.kind {
			t.Errorf("%s: %v (%s)", what, err, houvast.KindOf(err))
		}
		for e := err; e != nil; {
			if strings.Contains(e.Error()+houvast.HintOf(e), "planted-token") {
				t.Errorf("%s: the error gives the address away: %v", what, e)
			}
			u, ok := e.(interface{ Unwrap() error })
			if !ok {
				break
			}
			e = u.Unwrap()
		}
	}
	// An answer without an end is an answer; only its first part is read.
	patient, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	h := hook(p.url+"/hook/endless", w)
	h.Client.Timeout = 0
	answer, err := h.Send(patient, action.Action{ID: 1, Kind: action.Withhold})
	if err != nil || answer != "status 200" || patient.Err() != nil {
		t.Errorf("an endless answer: %q, %v, read to the end of our patience: %v", answer, err, patient.Err())
	}
}

// A receiver that is down, slow or too busy gets the same action again under the same id until it
// answers; the ids tell it that this is one and the same.
func TestWebhookIsTriedAgain(t *testing.T) {
	clock := storetest.NewClock(morning)
	storetest.EachClock(t, clock, func(t *testing.T, w store.Writer) {
		p := startPlatform(t)
		const path = "/hook/503,429,hang,drop,409"
		h := hook(p.url+path, w)
		h.Client.Timeout = 200 * time.Millisecond
		start(t, w, action.Runner{Senders: allKinds(h.Send)})
		id := propose(t, w, action.Proposal{Kind: action.Withhold, Key: "k", Subject: "item_1", By: anna})
		for n := int64(1); n <= 4; n++ {
			eventually(t, fmt.Sprint("failure ", n), func() bool { b := bells(t, w, id)[id]; return b.attempts == n && b.expires == 0 })
			if a := get(t, w, id); a.State != action.Sending {
				t.Fatalf("after %d failures: %+v", n, a)
			}
			later(t, w, clock)
		}
		eventually(t, "done", func() bool { return get(t, w, id).State == action.Done })
		calls := p.to(t, path)
		if a := get(t, w, id); len(calls) != 5 || a.Answer != "status 409" {
			t.Errorf("%d calls, answer %q", len(calls), a.Answer)
		}
		for i, c := range calls {
			if c.id() != id.String() || !c.verify(secret) || !bytes.Equal(c.Body, calls[0].Body) {
				t.Errorf("call %d: %v", i, c.Header)
			}
			if stamp, _ := strconv.ParseInt(c.Header.Get("webhook-timestamp"), 10, 64); i > 0 && fmt.Sprint(stamp) == calls[i-1].Header.Get("webhook-timestamp") {
				t.Errorf("call %d has the time of the one before; a receiver would take it for a replay", i)
			}
		}
	})
}

// From the commit of a proposal to the log of a receiver in another process: each action arrives once,
// and how fast is printed.
func TestWebhookFigures(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		const n = 50
		p := startPlatform(t)
		const path = "/hook/200"
		start(t, w, action.Runner{Senders: allKinds(hook(p.url+path, w).Send)})
		var times []time.Duration
		arrived := map[string]int{}
		for i := range n + 1 { // the first one is to warm up
			id := propose(t, w, action.Proposal{Kind: action.Withhold, Key: fmt.Sprint(i), Subject: fmt.Sprint("item_", i), Payload: i, By: anna})
			committed := time.Now()
			eventually(t, "arrived", func() bool { return len(p.to(t, path)) > i })
			if i > 0 {
				times = append(times, p.calls[i].At.Sub(committed))
			}
			eventually(t, "done", func() bool { return get(t, w, id).State == action.Done })
			arrived[id.String()] = 0
		}
		for _, c := range p.to(t, path) {
			if _, ours := arrived[c.id()]; !ours || !c.verify(secret) {
				t.Errorf("%+v", c)
			}
			arrived[c.id()]++
		}
		for id, times := range arrived {
			if times != 1 {
				t.Errorf("%s arrived %d times", id, times)
			}
		}
		slices.Sort(times)
		t.Logf("%d distinct actions, from commit to the receiver's log: median %v, fastest %v, slowest %v", len(arrived)-1,
			times[n/2].Round(10*time.Microsecond), times[0].Round(10*time.Microsecond), times[n-1].Round(10*time.Microsecond))
	})
}
