package pipeline_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip/submit"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/blob"
	"github.com/houvast/houvast/internal/blob/dir"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/internal/task"
	"github.com/houvast/houvast/practice"
)

// A house is one installation without HTTP, wired as cmd/houvast wires it: real keys, blobs, log,
// tasks and children. Outside stand a practice clearinghouse and a platform that receives webhooks,
// on loopback; the clock is moved by hand.
type house struct {
	desk.Desk
	t         *testing.T
	cfg       store.Config
	clock     *gated
	keyDir    string
	blobDir   string
	blobs     *brittle
	tasks     *task.Runner
	office    *practice.Clearinghouse
	fault     atomic.Pointer[func(practice.Call) practice.Fault]
	forum     *platform
	log       *lines
	sign      func() // starts the sequencer of the audit log
	signLater func() // the same, in the test that delays it
}

// A gated clock can be made to hold up whoever asks it for the time.
type gated struct {
	*storetest.Clock
	gate atomic.Pointer[chan struct{}] // until it is closed; nil lets through
}

// Now waits at the gate.
func (g *gated) Now() time.Time {
	if c := g.gate.Load(); c != nil {
		<-*c
	}
	return g.Clock.Now()
}

// monday is where the clock of every house starts.
var monday = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)

const (
	undo        = 24 * time.Hour
	withholdFor = 24 * time.Hour
	couldNot    = 72 * time.Hour
)

// each runs fn in a fresh house on every engine. change, if given, alters the house before it works.
func each(t *testing.T, fn func(t *testing.T, h *house), change ...func(h *house)) {
	t.Helper()
	t.Parallel()
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			t.Parallel()
			storetest.Count(e)
			h := build(t, e)
			for _, c := range change {
				c(h)
			}
			h.start()
			fn(t, h)
		})
	}
}

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatalf("%v %v", err, houvast.Trace(err))
	}
	return v
}

func build(t *testing.T, e store.Engine) *house {
	t.Helper()
	ctx := t.Context()
	h := &house{t: t, clock: &gated{Clock: storetest.NewClock(monday)}, log: &lines{}, keyDir: filepath.Join(t.TempDir(), "keys"), blobDir: filepath.Join(t.TempDir(), "blobs")}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(h.log.String())
		}
	})
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.cfg = storetest.Config(t, e)
	h.cfg.Clock, h.cfg.Log = h.clock, log
	w := storetest.Reopen(t, h.cfg)
	keys, err := seal.Open(ctx, h.keyDir, h.clock)
	must(t, keys, err)
	t.Cleanup(func() { keys.Close() })
	files, err := dir.Open(h.blobDir, dir.WithSync(func(*os.File) error { return nil })) // package dir tests what a power cut leaves
	must(t, files, err)
	t.Cleanup(func() { files.Close() })
	h.blobs = &brittle{Store: files}

	random := func() []byte { b := make([]byte, 32); rand.Read(b); return b }
	signing := audit.Keys{Name: "test", Sign: random(), MAC: random(),
		SetMark: func(ctx context.Context, mark []byte) error { return keys.SetMark(ctx, "audit", mark) },
		Mark: func(ctx context.Context) ([]byte, error) {
			mark, err := keys.Mark(ctx, "audit")
			if houvast.KindOf(err) == houvast.NotFound {
				return nil, nil
			}
			return mark, err
		}}
	sequencer, err := audit.New(w, signing, log)
	must(t, sequencer, err)

	policy, err := evidence.PolicyFor(houvast.ProfilePractice, "US", evidence.Policy{})
	must(t, policy, err)
	pool, err := children()
	must(t, pool, err)
	p := &pipeline.Pipeline{W: w, Keys: keys, Blobs: h.blobs, Audit: sequencer, Children: pool, Index: &bank.Index{}, Pepper: random(), Log: log,
		Install: func() (pipeline.Installation, bool) {
			return pipeline.Installation{Profile: houvast.ProfilePractice, Jurisdiction: "US", Policy: policy}, true
		}}
	p.Settings = pipeline.Settings{MaxBytes: 8 << 20, CouldNotLook: couldNot, Undo: undo, Withhold: true, WithholdFor: withholdFor, BankThreshold: bank.DefaultThreshold,
		Reporter: report.Reporter{Organisation: "Example Forum", Platform: "Example Forum", FirstName: "Ada", LastName: "Example", Email: "legal@forum.example",
			Phone24h: "+1 202 555 0100", LegalURL: "https://forum.example/legal", Terms: "https://forum.example/terms", Template: "Process is served by mail."}}
	h.Desk = desk.Desk{Pipeline: p}
	h.outside()
	h.sign = func() { h.run("the audit log", sequencer.Run) }
	return h
}

// outside makes the clearinghouse and the platform.
func (h *house) outside() {
	h.office = practice.New(practice.Config{User: "us", Password: "pass", Now: h.clock.Now, Faults: func(c practice.Call) practice.Fault {
		if f := h.fault.Load(); f != nil {
			return (*f)(c)
		}
		return practice.Fault{}
	}})
	srv := httptest.NewServer(h.office)
	h.t.Cleanup(srv.Close)
	base, err := url.Parse(srv.URL + "/ispws")
	must(h.t, base, err)
	client, err := submit.New(submit.Practice, base, "us", "pass", srv.Client())
	h.Settings.Recipients = []pipeline.Recipient{{Name: "clearinghouse", Environment: houvast.Practice, Client: must(h.t, client, err)}}

	h.forum = &platform{secret: []byte("a secret of forty characters or a few more")}
	hook := httptest.NewServer(h.forum)
	h.t.Cleanup(hook.Close)
	h.Webhook = action.Webhook{URL: hook.URL, Secret: h.forum.secret, Client: hook.Client(), Clock: h.clock}.Send
}

// start begins what works in the background.
func (h *house) start() {
	h.sign()
	h.tasks = task.NewRunner(h.W, h.Log, h.Lanes(4), h.Sweeps())
	h.run("the tasks", h.tasks.Run)
	// A runner that begins frees the bells of processes that died; only then is a held bell held.
	h.update(func(tx *store.Tx) error { return task.Ring(tx, "erase", "nothing", tx.Now()) })
	h.quiet()
}

func (h *house) run(what string, run func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(ctx); err != nil && ctx.Err() == nil {
			h.t.Errorf("%s ended: %v", what, err)
		}
	}()
	h.t.Cleanup(func() { stop(); <-done })
}

// until polls a condition for at most half a minute.
func (h *house) until(what string, ok func() bool) {
	h.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			h.t.Fatalf("half a minute, and still not: %s", what)
		}
	}
}

// quiet waits until every bell that is due was answered. What failed hangs for later and is not due.
func (h *house) quiet() {
	h.t.Helper()
	h.until("every due bell is answered", func() bool {
		return h.number("SELECT COUNT(*) FROM task WHERE due <= $1", houvast.Micros(h.clock.Now())) == 0
	})
}

// advance moves the calendar, wakes whoever waits for it and waits until they are done.
func (h *house) advance(d time.Duration) {
	h.t.Helper()
	h.clock.Advance(d)
	h.update(func(tx *store.Tx) error { tx.Notify(task.Topic); return nil })
	h.quiet()
}

// sweep rings for everything that nobody was rung for, and waits.
func (h *house) sweep() {
	h.t.Helper()
	for _, s := range h.Sweeps() {
		h.update(s)
	}
	h.update(func(tx *store.Tx) error { tx.Notify(task.Topic); return nil })
	h.quiet()
}

func (h *house) update(fn func(tx *store.Tx) error) {
	h.t.Helper()
	if err := h.W.Update(h.t.Context(), fn); err != nil {
		h.t.Fatal(err)
	}
}

// number runs a query for one number.
func (h *house) number(query string, args ...any) (n int64) {
	h.t.Helper()
	err := h.W.DB().View(h.t.Context(), func(tx *store.Tx) error { return tx.Row(query, args, &n) })
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// look reads with one transaction.
func look[T any](h *house, fn func(tx *store.Tx) (T, error)) (v T) {
	h.t.Helper()
	err := h.W.DB().View(h.t.Context(), func(tx *store.Tx) (err error) { v, err = fn(tx); return err })
	return must(h.t, v, err)
}

// ask is a request without a key; each is another one.
func ask(by, op string) pipeline.Ask { return pipeline.Ask{By: houvast.Actor("user:" + by), Op: op} }

// bank makes a bank and imports rows into it, the first of which names the columns.
func (h *house) bank(name string, category houvast.Category, trust houvast.Trust, rows ...string) {
	h.t.Helper()
	_, err := h.CreateBank(h.t.Context(), ask("carol", "banks.create"), bank.Bank{Name: name, Category: category, Trust: trust, Threshold: bank.DefaultThreshold})
	if err != nil {
		h.t.Fatal(err)
	}
	if len(rows) > 0 {
		h.add(name, rows...)
	}
}

func (h *house) add(name string, rows ...string) {
	h.t.Helper()
	in, err := h.Import(h.t.Context(), ask("carol", "banks.import"), name, strings.NewReader(strings.Join(rows, "\n")))
	if err != nil || in.Refused > 0 || in.Added == 0 {
		h.t.Fatalf("the import of %s: %+v, %v", name, in, err)
	}
}

// bringing hands in a file with the facts about its upload.
func (h *house) bring(data []byte, up houvast.Upload) houvast.ItemID {
	h.t.Helper()
	r, err := h.Receive(h.t.Context(), pipeline.Incoming{Source: "forum", Body: bytes.NewReader(data), Upload: func() (houvast.Upload, error) { return up, nil }})
	if err != nil {
		h.t.Fatalf("%v %v", err, houvast.Trace(err))
	}
	h.tasks.Adopt(*r.Bell)
	return r.ID
}

// A brittle store is a blob store whose Delete can be made to fail, or to be late.
type brittle struct {
	blob.Store
	stuck  atomic.Bool
	before atomic.Pointer[func()] // called by the next Delete
}

// Delete fails while the store is stuck, as a disk does that is gone for a moment.
func (b *brittle) Delete(ctx context.Context, name string) error {
	if f := b.before.Swap(nil); f != nil {
		(*f)()
	}
	if b.stuck.Load() {
		return houvast.Errorf("brittle.Delete", houvast.Unavailable, "io-failed", "the disk is gone for a moment")
	}
	return b.Store.Delete(ctx, name)
}

// names lists the blobs.
func (h *house) names() (names []string) {
	h.t.Helper()
	if err := h.Blobs.List(h.t.Context(), func(i blob.Info) error { names = append(names, i.Name); return nil }); err != nil {
		h.t.Fatal(err)
	}
	return names
}

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns everything so far.
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A platform receives webhooks. It checks signatures with its own reading of the Standard Webhooks
// specification and shares no code with who signs.
type platform struct {
	secret []byte
	status atomic.Int64 // what it answers; 0 = 200

	mu   sync.Mutex
	got  []order
	fake int // of bad signature
	down int // turned away
}

// An order is one webhook that arrived and was accepted.
type order struct {
	ID      string
	Type    string
	Item    string
	Details string
}

// ServeHTTP takes one webhook.
func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	p.mu.Lock()
	defer p.mu.Unlock()
	o, good := p.read(r.Header, body)
	switch s := int(p.status.Load()); {
	case err != nil || !good:
		p.fake++
		w.WriteHeader(http.StatusForbidden)
	case s != 0 && s != http.StatusOK:
		p.down++
		w.WriteHeader(s)
	default:
		p.got = append(p.got, o)
	}
}

// orders returns what arrived about an item, as "type details".
func (p *platform) orders(id houvast.ItemID) (got []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.got {
		if o.Item == string(id) {
			got = append(got, o.Type+" "+o.Details)
		}
	}
	return got
}

// lost is what a fake child answers in the place of an answer.
func lost(reason string) error {
	return houvast.Errorf("fake.Do", houvast.Unavailable, reason, "the fake child answers %s", reason)
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

func kind(t *testing.T, what string, err error, want houvast.Kind, code string) {
	t.Helper()
	if err == nil || houvast.KindOf(err) != want || code != "" && houvast.CodeOf(err) != code {
		var e *houvast.Error
		errors.As(err, &e)
		t.Errorf("%s: got %v (%v %s), want %v %s", what, err, houvast.KindOf(err), houvast.CodeOf(err), want, code)
	}
}
