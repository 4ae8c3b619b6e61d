package desk_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/blob/dir"
	"github.com/houvast/houvast/internal/draw"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/internal/task"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// A counter is a desk with what it stands on: real keys, blobs, log and tasks. Pictures are decoded
// in this process, since they are our own; package pipeline tests the walk with real children.
type counter struct {
	desk.Desk
	t       *testing.T
	clock   *storetest.Clock
	blobDir string
	tasks   *task.Runner
}

var monday = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)

// each runs fn with a fresh counter on every engine.
func each(t *testing.T, fn func(t *testing.T, d *counter)) {
	t.Helper()
	t.Parallel()
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			t.Parallel()
			storetest.Count(e)
			d := &counter{t: t, clock: storetest.NewClock(monday), blobDir: filepath.Join(t.TempDir(), "blobs")}
			d.build(storetest.Open(t, e, d.clock))
			fn(t, d)
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

func (d *counter) build(w store.Writer) {
	t := d.t
	keys, err := seal.Open(t.Context(), filepath.Join(t.TempDir(), "keys"), d.clock)
	must(t, keys, err)
	t.Cleanup(func() { keys.Close() })
	blobs, err := dir.Open(d.blobDir)
	must(t, blobs, err)
	t.Cleanup(func() { blobs.Close() })
	log := slog.New(slog.DiscardHandler)
	random := func() []byte { b := make([]byte, 32); rand.Read(b); return b }
	sequencer, err := audit.New(w, audit.Keys{Name: "test", Sign: random(), MAC: random(),
		SetMark: func(ctx context.Context, mark []byte) error { return keys.SetMark(ctx, "audit", mark) },
		Mark: func(ctx context.Context) ([]byte, error) {
			mark, err := keys.Mark(ctx, "audit")
			if houvast.KindOf(err) == houvast.NotFound {
				return nil, nil
			}
			return mark, err
		}}, log)
	must(t, sequencer, err)
	policy, err := evidence.PolicyFor(houvast.ProfilePractice, "US", evidence.Policy{})
	must(t, policy, err)
	d.Desk = desk.Desk{Pipeline: &pipeline.Pipeline{W: w, Keys: keys, Blobs: blobs, Audit: sequencer, Children: inProcess{}, Index: &bank.Index{}, Pepper: random(), Log: log,
		Settings: pipeline.Settings{MaxBytes: 8 << 20, CouldNotLook: 72 * time.Hour, Undo: 24 * time.Hour, BankThreshold: bank.DefaultThreshold},
		Install: func() (pipeline.Installation, bool) {
			return pipeline.Installation{Profile: houvast.ProfilePractice, Jurisdiction: "US", Policy: policy}, true
		}}}
	d.tasks = task.NewRunner(w, log, d.Lanes(2), d.Sweeps())
	for _, run := range []func(context.Context) error{sequencer.Run, d.tasks.Run} {
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); run(ctx) }()
		t.Cleanup(func() { stop(); <-done })
	}
	// A runner that begins frees the bells of processes that died; only then is a held bell held.
	d.update(func(tx *store.Tx) error { return task.Ring(tx, "erase", "nothing", tx.Now()) })
	d.until("the runner works", func() bool { return d.number("SELECT COUNT(*) FROM task") == 0 })
}

// inProcess stands for the children: it hashes without them.
type inProcess struct{}

// Do hashes.
func (inProcess) Do(_ context.Context, _ sandbox.Request, data io.Reader) ([]byte, error) {
	b, err := io.ReadAll(data)
	if err != nil {
		return nil, err
	}
	return json.Marshal(decode.Hash(b, decode.DefaultLimits()))
}

func ask(by, op string) pipeline.Ask { return pipeline.Ask{By: houvast.Actor("user:" + by), Op: op} }

func picture(seed uint64) []byte { return draw.PNG(draw.Picture(draw.Houses, 240, 180, seed)) }

func sum(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// received hands in a file that nobody looks at until its bell is adopted.
func (d *counter) received(data []byte) pipeline.Receipt {
	d.t.Helper()
	r, err := d.Receive(d.t.Context(), pipeline.Incoming{Source: "forum", Body: bytes.NewReader(data), Upload: func() (houvast.Upload, error) { return houvast.Upload{}, nil }})
	return must(d.t, r, err)
}

// bring hands in a file and waits until it was looked at.
func (d *counter) bring(data []byte) houvast.ItemID {
	d.t.Helper()
	r := d.received(data)
	d.tasks.Adopt(*r.Bell)
	d.until("the item was looked at", func() bool {
		it, err := d.Item(d.t.Context(), r.ID)
		return err == nil && it.State != houvast.ItemReceived
	})
	return r.ID
}

func (d *counter) until(what string, ok func() bool) {
	d.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			d.t.Fatalf("half a minute, and still not: %s", what)
		}
	}
}

// bank makes a bank and imports rows, the first of which names the columns.
func (d *counter) bank(name string, rows ...string) {
	d.t.Helper()
	if _, err := d.CreateBank(d.t.Context(), ask("carol", "banks.create"), bank.Bank{Name: name, Category: houvast.ChildAbuse, Trust: houvast.Verified, Threshold: bank.DefaultThreshold}); err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.Import(d.t.Context(), ask("carol", "banks.import"), name, strings.NewReader(strings.Join(rows, "\n"))); err != nil {
		d.t.Fatal(err)
	}
}

// matched walks one item into evidence.
func (d *counter) matched(seed uint64) (review.Case, evidence.Evidence) {
	d.t.Helper()
	data := picture(seed)
	d.bank(fmt.Sprint("list", seed), "sha256", sum(data))
	id := d.bring(data)
	var c review.Case
	var e evidence.Evidence
	err := d.W.DB().View(d.t.Context(), func(tx *store.Tx) (err error) {
		if c, err = review.OfItem(tx, id); err == nil {
			e, err = evidence.OfCase(tx, c.ID)
		}
		return err
	})
	must(d.t, c, err)
	return c, e
}

func (d *counter) update(fn func(tx *store.Tx) error) {
	d.t.Helper()
	if err := d.W.Update(d.t.Context(), fn); err != nil {
		d.t.Fatal(err)
	}
}

func (d *counter) number(query string, args ...any) (n int64) {
	d.t.Helper()
	if err := d.W.DB().View(d.t.Context(), func(tx *store.Tx) error { return tx.Row(query, args, &n) }); err != nil {
		d.t.Fatal(err)
	}
	return n
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
		t.Errorf("%s: got %v (%v %s), want %v %s", what, err, houvast.KindOf(err), houvast.CodeOf(err), want, code)
	}
}
