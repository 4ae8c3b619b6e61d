// Package consoletest opens an installation for tests of pages: real keys, blobs, log, tasks and the
// practice clearinghouse, on an engine of the caller's choice. Pictures are decoded in this process,
// since they are our own; the tests of cmd/houvast walk the same pages with real children and a real
// browser.
package consoletest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip/submit"
	"github.com/houvast/houvast/hashing"
	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/blob/dir"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/draw"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/pipeline/reveal"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/internal/task"
	"github.com/houvast/houvast/internal/words"
	"github.com/houvast/houvast/practice"
)

// Origin is where the pages are. Nothing listens there: requests go to the handler.
const Origin = "http://localhost:8080"

// A Rig is an installation with its pages.
type Rig struct {
	desk.Desk
	T      *testing.T
	Clock  *storetest.Clock
	Gate   *access.Gate
	Viewer *reveal.Viewer
	Words  *words.Words
	Office *practice.Clearinghouse
	Tasks  *task.Runner
	Site   *site.Site
	Sealed audit.Keys // with which the log is signed, for audit.Verify

	handler http.Handler
}

// Monday is when the clock of a rig begins.
var Monday = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)

// Each runs fn with a fresh rig on every engine. mount registers the pages under test.
func Each(t *testing.T, mount func(*Rig), fn func(r *Rig)) {
	t.Helper()
	t.Parallel()
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			t.Parallel()
			storetest.Count(e)
			r := &Rig{T: t, Clock: storetest.NewClock(Monday)}
			r.open(storetest.Open(t, e, r.Clock))
			mount(r)
			h, err := r.Site.Handler()
			if err != nil {
				t.Fatal(err)
			}
			r.handler = h
			fn(r)
		})
	}
}

func (r *Rig) open(w store.Writer) {
	t, ctx := r.T, r.T.Context()
	keys, err := seal.Open(ctx, filepath.Join(t.TempDir(), "keys"), r.Clock)
	r.must(err)
	t.Cleanup(func() { keys.Close() })
	blobs, err := dir.Open(filepath.Join(t.TempDir(), "blobs"))
	r.must(err)
	t.Cleanup(func() { blobs.Close() })
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	r.Sealed = auditKeys(keys)
	sequencer, err := audit.New(w, r.Sealed, log)
	r.must(err)
	policy, err := evidence.PolicyFor(houvast.ProfilePractice, "US", evidence.Policy{})
	r.must(err)
	r.Words, err = words.Load()
	r.must(err)
	p := &pipeline.Pipeline{W: w, Keys: keys, Blobs: blobs, Audit: sequencer, Children: inProcess{}, Index: &bank.Index{}, Pepper: random(), Log: log,
		Settings: pipeline.Settings{MaxBytes: 8 << 20, CouldNotLook: 72 * time.Hour, Undo: 24 * time.Hour, Withhold: true, WithholdFor: 72 * time.Hour,
			BankThreshold: bank.DefaultThreshold, Recipients: []pipeline.Recipient{r.office()},
			Reporter: report.Reporter{Organisation: "Example Platform", FirstName: "Robin", LastName: "Example", Email: "trust@example.org"}},
		Install: func() (pipeline.Installation, bool) {
			return pipeline.Installation{Profile: houvast.ProfilePractice, Jurisdiction: "US", Policy: policy}, true
		}}
	r.must(w.Update(ctx, func(tx *store.Tx) error {
		_, err := access.Choose(tx, houvast.ProfilePractice, "US")
		return err
	}))
	r.Desk, r.Gate, r.Viewer = desk.Desk{Pipeline: p}, access.NewGate(r.Clock), reveal.New(p, log)
	t.Cleanup(r.Viewer.Close)
	r.Tasks = task.NewRunner(w, log, p.Lanes(2), p.Sweeps())
	for _, run := range []func(context.Context) error{sequencer.Run, r.Tasks.Run} {
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); run(ctx) }()
		t.Cleanup(func() { stop(); <-done })
	}
	r.Site = site.New(site.Site{Words: r.Words, Who: r.Who, Profile: func() string { return "practice" }, Log: log,
		Origins: func() site.Origins { return site.Origins{Console: Origin, Media: "http://media.localhost:8082"} }})
}

func auditKeys(keys *seal.Keyring) audit.Keys {
	return audit.Keys{Name: "test", Sign: random(), MAC: random(),
		SetMark: func(ctx context.Context, mark []byte) error { return keys.SetMark(ctx, "audit", mark) },
		Mark: func(ctx context.Context) ([]byte, error) {
			mark, err := keys.Mark(ctx, "audit")
			if houvast.KindOf(err) == houvast.NotFound {
				return nil, nil
			}
			return mark, err
		}}
}

// office starts the practice clearinghouse.
func (r *Rig) office() pipeline.Recipient {
	r.Office = practice.New(practice.Config{User: "houvast", Password: "practice", Now: r.Clock.Now})
	server := httptest.NewServer(r.Office)
	r.T.Cleanup(server.Close)
	base, err := url.Parse(server.URL + "/ispws")
	r.must(err)
	c, err := submit.New(submit.Practice, base, "houvast", "practice", server.Client())
	r.must(err)
	return pipeline.Recipient{Name: "practice", Environment: houvast.Practice, Client: c}
}

// inProcess stands for the children: it hashes and renders without them.
type inProcess struct{}

// Do answers what a child would.
func (inProcess) Do(_ context.Context, req sandbox.Request, data io.Reader) ([]byte, error) {
	b, err := io.ReadAll(data)
	if err != nil {
		return nil, err
	}
	if req.Op == reveal.OpRender {
		return json.Marshal(decode.Render(b, decode.DefaultLimits()))
	}
	return json.Marshal(decode.Hash(b, decode.DefaultLimits()))
}

func random() []byte { b := make([]byte, 32); rand.Read(b); return b }

func (r *Rig) must(err error) {
	r.T.Helper()
	if err != nil {
		r.T.Fatal(err, houvast.Trace(err))
	}
}

// Picture is a drawn picture as a file.
func Picture(seed uint64) []byte { return draw.PNG(draw.Picture(draw.Houses, 640, 480, seed)) }

// Facts are what a platform says about an upload, in bland words.
func Facts() houvast.Upload {
	return houvast.Upload{Account: houvast.AccountRef{Source: "forum", ID: "u-4472"}, ScreenName: "blue.heron.4472", FileName: "garden.png",
		UploadedAt: Monday.Add(-time.Hour), IP: "192.0.2.44", Port: 41234, URL: "https://example.org/p/77", Context: "our secret garden", ContextKind: houvast.PublicPost}
}

// Matched walks an upload of its own into a case: the same file as an entry of a verified list.
func (r *Rig) Matched(seed uint64) review.Case {
	r.T.Helper()
	data := Picture(seed)
	name := houvast.RandomText("list", 8)
	by := pipeline.Ask{By: "user:carol", Op: "banks.create"}
	_, err := r.CreateBank(r.T.Context(), by, bank.Bank{Name: name, Category: houvast.ChildAbuse, Trust: houvast.Verified, Threshold: bank.DefaultThreshold})
	r.must(err)
	d, _, err := hashing.Digest(bytes.NewReader(data))
	r.must(err)
	_, err = r.Import(r.T.Context(), pipeline.Ask{By: by.By, Op: "banks.import"}, name, strings.NewReader("sha256,category\n"+hexOf(d.SHA256[:])+",child_abuse\n"))
	r.must(err)
	return r.Bring(data, Facts())
}

// Bring hands in a file, waits until it was looked at, and returns its case.
func (r *Rig) Bring(data []byte, facts houvast.Upload) (c review.Case) {
	r.T.Helper()
	rec, err := r.Receive(r.T.Context(), pipeline.Incoming{Source: facts.Account.Source, Body: bytes.NewReader(data), Upload: func() (houvast.Upload, error) { return facts, nil }})
	r.must(err)
	r.Tasks.Adopt(*rec.Bell)
	r.Until("the item was looked at", func() bool {
		it, err := r.Item(r.T.Context(), rec.ID)
		return err == nil && it.State != houvast.ItemReceived
	})
	r.must(r.W.DB().View(r.T.Context(), func(tx *store.Tx) (err error) {
		c, err = review.OfItem(tx, rec.ID)
		return err
	}))
	return c
}

// Until waits for something that happens by itself.
func (r *Rig) Until(what string, ok func() bool) {
	r.T.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(30 * time.Second); !ok(); {
		select {
		case <-tick.C:
		case <-late:
			r.T.Fatalf("half a minute, and still not: %s", what)
		}
	}
}

// Number runs a query that answers one number.
func (r *Rig) Number(query string, args ...any) (n int64) {
	r.T.Helper()
	r.must(r.W.DB().View(r.T.Context(), func(tx *store.Tx) error { return tx.Row(query, args, &n) }))
	return n
}
