package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"

	"github.com/houvast/houvast"
)

// A crashHook is the platform's receiver of webhooks. It is in a process that is not killed, notes
// what it was told before it answers, and shares no code with the sender.
type crashHook struct {
	secret string
	server *httptest.Server

	mu    sync.Mutex
	busy  int // so many calls are answered with 503 first
	calls []crashCall
	bad   []string // calls that no platform would follow
}

// A crashCall is one delivery that was answered with success.
type crashCall struct {
	ID   string // webhook-id
	Type string
	Item string
	Why  string // what tells two calls of one type about one item apart
}

// newCrashHook starts a receiver.
func newCrashHook() *crashHook {
	h := &crashHook{secret: houvast.RandomText("wh", 26)}
	h.server = httptest.NewServer(h)
	return h
}

func (h *crashHook) url() string { return h.server.URL + "/houvast" }

func (h *crashHook) close() { h.server.Close() }

// ServeHTTP checks the signature as the Standard Webhooks specification says, and notes the call.
func (h *crashHook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		return // the sender was killed while it sent
	}
	id := r.Header.Get("webhook-id")
	mac := hmac.New(sha256.New, []byte(h.secret))
	io.WriteString(mac, id+"."+r.Header.Get("webhook-timestamp")+".")
	mac.Write(body)
	var m struct {
		Type, Item string
		Details    struct{ Decision, Reason string }
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) || json.Unmarshal(body, &m) != nil || id == "" {
		h.bad = append(h.bad, id+" "+string(body))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if h.busy > 0 {
		h.busy--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.calls = append(h.calls, crashCall{id, m.Type, m.Item, m.Details.Decision + m.Details.Reason})
}

// heard returns what was delivered so far, and what was refused.
func (h *crashHook) heard() (calls []crashCall, bad []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.calls), slices.Clone(h.bad)
}
