// Package revealtest opens an installation for tests of revealing: real keys, blobs, log and tasks, on
// every engine. Pictures are drawn, and decoded in this process unless a test says otherwise.
package revealtest

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
	"sync/atomic"
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
	"github.com/houvast/houvast/internal/pipeline/reveal"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/internal/task"
)

// A House is an installation with a viewer.
type House struct {
	desk.Desk
	T      *testing.T
	Clock  *storetest.Clock
	Viewer *reveal.Viewer
	Render atomic.Pointer[Render] // what the child does; nil renders

	tasks     *task.Runner
	StopAudit func() // from then on no line is signed
}

// A Render answers a request to render in place of the child.
type Render func(ctx context.Context, data []byte) ([]byte, error)

var monday = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)

// Each runs fn with a fresh house on every engine.
func Each(t *testing.T, fn func(h *House)) {
	t.Helper()
	t.Parallel()
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			t.Parallel()
			storetest.Count(e)
			h := &House{T: t, Clock: storetest.NewClock(monday)}
			h.open(storetest.Open(t, e, h.Clock))
			fn(h)
		})
	}
}

func (h *House) open(w store.Writer) {
	keys, err := seal.Open(h.T.Context(), filepath.Join(h.T.TempDir(), "keys"), h.Clock)
	h.Must(err)
	h.T.Cleanup(func() { keys.Close() })
	blobs, err := dir.Open(filepath.Join(h.T.TempDir(), "blobs"))
	h.Must(err)
	h.T.Cleanup(func() { blobs.Close() })
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
	h.Must(err)
	policy, err := evidence.PolicyFor(houvast.ProfilePractice, "US", evidence.Policy{})
	h.Must(err)
	h.Desk = desk.Desk{Pipeline: &pipeline.Pipeline{W: w, Keys: keys, Blobs: blobs, Audit: sequencer, Children: h, Index: &bank.Index{}, Pepper: random(), Log: log,
		Settings: pipeline.Settings{MaxBytes: 8 << 20, CouldNotLook: 72 * time.Hour, Undo: 24 * time.Hour, BankThreshold: bank.DefaultThreshold},
		Install: func() (pipeline.Installation, bool) {
			return pipeline.Installation{Profile: houvast.ProfilePractice, Jurisdiction: "US", Policy: policy}, true
		}}}
	h.tasks = task.NewRunner(w, log, h.Lanes(2), h.Sweeps())
	h.StopAudit = h.run(sequencer.Run)
	h.run(h.tasks.Run)
	h.Viewer = reveal.New(h.Pipeline, log)
	h.T.Cleanup(func() { h.Viewer.Close() })
	h.CreateList("list")
}

func (h *House) run(fn func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); fn(ctx) }()
	stop = func() { cancel(); <-done }
	h.T.Cleanup(stop)
	return stop
}

// Do is the child: it hashes, and renders unless the test says otherwise.
func (h *House) Do(ctx context.Context, req sandbox.Request, data io.Reader) ([]byte, error) {
	b, err := io.ReadAll(data)
	if err != nil {
		return nil, err
	}
	if req.Op != reveal.OpRender {
		return json.Marshal(decode.Hash(b, decode.DefaultLimits()))
	}
	if f := h.Render.Load(); f != nil {
		return (*f)(ctx, b)
	}
	return RenderHere(ctx, b)
}

// RenderHere renders in this process.
func RenderHere(_ context.Context, data []byte) ([]byte, error) {
	return json.Marshal(decode.Render(data, decode.DefaultLimits()))
}

// SetRender says what the child does from now on.
func (h *House) SetRender(f Render) { h.Render.Store(&f) }

// Picture is a drawn picture as a JPEG of 640 by 480.
func Picture(seed uint64) []byte { return draw.JPEG(draw.Picture(draw.Houses, 640, 480, seed), 92) }

// CreateList makes an empty list.
func (h *House) CreateList(name string) {
	h.T.Helper()
	_, err := h.CreateBank(h.T.Context(), Ask("carol"), bank.Bank{Name: name, Category: houvast.ChildAbuse, Trust: houvast.Verified, Threshold: bank.DefaultThreshold})
	h.Must(err)
}

// Matched walks a file that is on a list into a case that nobody holds.
func (h *House) Matched(data []byte) (c review.Case) {
	h.T.Helper()
	ctx := h.T.Context()
	_, err := h.Import(ctx, Ask("carol"), "list", strings.NewReader(fmt.Sprintf("sha256\n%x\n", sha256.Sum256(data))))
	h.Must(err)
	r, err := h.Receive(ctx, pipeline.Incoming{Source: "forum", Body: bytes.NewReader(data), Upload: func() (houvast.Upload, error) { return houvast.Upload{}, nil }})
	h.Must(err)
	h.tasks.Adopt(*r.Bell)
	h.Until("the item was looked at", func() bool {
		it, err := h.Item(ctx, r.ID)
		return err == nil && it.State != houvast.ItemReceived
	})
	h.Must(h.W.DB().View(ctx, func(tx *store.Tx) (err error) { c, err = review.OfItem(tx, r.ID); return err }))
	return c
}

// Claimed walks a file into a case that by holds. There must be no other case waiting.
func (h *House) Claimed(data []byte, by string) review.Case {
	h.T.Helper()
	want := h.Matched(data)
	c := h.Claim(by)
	if c.ID != want.ID {
		h.T.Fatalf("%s was handed another case", by)
	}
	return c
}

// Claim pulls the next case.
func (h *House) Claim(by string) (c review.Case) {
	h.T.Helper()
	h.Must(h.W.Update(h.T.Context(), func(tx *store.Tx) (err error) { c, err = review.Next(tx, Ask(by).By); return err }))
	return c
}

// Look grants and serves every level up to and with level, as a page does.
func (h *House) Look(c houvast.CaseID, by, session string, level review.Level) (last reveal.Ticket, pic reveal.Rendition) {
	h.T.Helper()
	for _, step := range review.Levels() {
		t, err := h.Viewer.Grant(h.T.Context(), Ask(by), session, c, step)
		h.Must(err)
		r, served, err := h.Viewer.Redeem(h.T.Context(), c, step, Token(t), t.Proof)
		h.Must(err)
		served(nil)
		if last, pic = t, r; step == level {
			break
		}
	}
	return last, pic
}

// Token is the last part of a ticket's path.
func Token(t reveal.Ticket) string { return t.Path[strings.LastIndexByte(t.Path, '/')+1:] }

// Ask is a person who asks; the operation is said by who is asked.
func Ask(by string) pipeline.Ask { return pipeline.Ask{By: houvast.Actor("user:" + by), Op: "test"} }

// Lines counts the audit lines of an action about a case that hold a text.
func (h *House) Lines(action string, c houvast.CaseID, text string) int64 {
	h.T.Helper()
	return h.Number("SELECT COUNT(*) FROM audit_line WHERE action = $1 AND subject = $2 AND detail LIKE $3", action, c.String(), "%"+text+"%")
}

// Unsigned says of a reveal what stands against its bytes having left: "" when the line of its grant
// is numbered and below the size of a signed checkpoint.
func (h *House) Unsigned(numbered string) string {
	h.T.Helper()
	like := "%" + numbered + "%"
	if h.Number("SELECT COUNT(*) FROM audit_line WHERE action = $1 AND detail LIKE $2", reveal.OpGrant, like) != 1 {
		return "there is no line of the grant"
	}
	if h.Number(`SELECT COUNT(*) FROM audit_line WHERE action = $1 AND detail LIKE $2 AND seq IS NOT NULL
		AND seq < (SELECT COALESCE(MAX(size), 0) FROM audit_checkpoint)`, reveal.OpGrant, like) != 1 {
		return "the line of the grant is not signed"
	}
	return ""
}

// Number runs a query that answers one number.
func (h *House) Number(query string, args ...any) (n int64) {
	h.T.Helper()
	h.Must(h.W.DB().View(h.T.Context(), func(tx *store.Tx) error { return tx.Row(query, args, &n) }))
	return n
}

// Until waits for something that happens by itself.
func (h *House) Until(what string, ok func() bool) {
	h.T.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(30 * time.Second); !ok(); {
		select {
		case <-tick.C:
		case <-late:
			h.T.Fatalf("half a minute, and still not: %s", what)
		}
	}
}

// Must ends the test on an error.
func (h *House) Must(err error) {
	h.T.Helper()
	if err != nil {
		h.T.Fatal(err, houvast.Trace(err))
	}
}

// Kind checks an error by its kind and code; an empty code is that of the kind.
func (h *House) Kind(what string, err error, kind houvast.Kind, code string) {
	h.T.Helper()
	if code == "" {
		code = kind.String()
	}
	if err == nil || houvast.KindOf(err) != kind || houvast.CodeOf(err) != code {
		h.T.Errorf("%s: %v (%v %s), want %v %s", what, err, houvast.KindOf(err), houvast.CodeOf(err), kind, code)
	}
}
