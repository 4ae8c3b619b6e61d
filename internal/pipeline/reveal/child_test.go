package reveal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/internal/draw"
	"github.com/houvast/houvast/internal/pipeline/reveal"
	"github.com/houvast/houvast/internal/pipeline/reveal/revealtest"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/sandbox/drill"
	"github.com/houvast/houvast/internal/store/storetest"
)

// The test binary is its own decoding child, as cmd/houvast is.
func TestMain(m *testing.M) {
	if len(os.Args) >= 2 && os.Args[1] == "child" {
		if err := sandbox.Serve(map[string]sandbox.Handler{reveal.OpRender: render}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(70)
		}
		os.Exit(0)
	}
	storetest.Main(m)
}

// burn is a mark behind a picture that makes the child of these tests hang as a decoder might.
const burn = "drill: burn"

func render(req sandbox.Request, data []byte) ([]byte, error) {
	if bytes.HasSuffix(data, []byte(burn)) {
		return drill.Handlers()[drill.Burn](req, data)
	}
	return json.Marshal(decode.Render(data, decode.DefaultLimits()))
}

// A real child under all its layers renders, and one that hangs costs a reason and nothing else. The
// times are told: preparing runs while a person reads, a granted look is what they wait for.
func TestRealChild(t *testing.T) {
	pool, err := sandbox.NewPool(sandbox.Config{Argv: []string{"/proc/self/exe", "child"}, Size: 2, CPU: time.Second, MaxData: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	revealtest.Each(t, func(h *revealtest.House) {
		h.SetRender(func(ctx context.Context, data []byte) ([]byte, error) {
			return pool.Do(ctx, sandbox.Request{Op: reveal.OpRender}, bytes.NewReader(data))
		})
		data := draw.JPEG(draw.Picture(draw.Landscape, 1900, 1420, 1), 90)
		c := h.Claimed(data, "anna")
		began := time.Now()
		h.Viewer.Prepare(c.ID, c.ClaimedBy, c.ClaimEnds)
		h.Until("it is ready", func() bool { return h.Viewer.State(h.T.Context(), c.ID).State == reveal.Ready })
		prepared := time.Since(began)
		var took []time.Duration
		for range 5 {
			began = time.Now()
			h.Look(c.ID, "anna", "s1", review.LevelMosaic)
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		h.T.Logf("%s: 2.7 million pixels prepared in %d ms, a look in %d ms (median of %d, slowest %d ms)", h.W.DB().Engine(),
			prepared.Milliseconds(), took[2].Milliseconds(), len(took), took[4].Milliseconds())

		hangs := h.Claimed(append(revealtest.Picture(2), burn...), "bram")
		h.Viewer.Prepare(hangs.ID, hangs.ClaimedBy, hangs.ClaimEnds)
		h.Until("it is known", func() bool { return h.Viewer.State(h.T.Context(), hangs.ID).State != reveal.Preparing })
		equal(h.T, "a child that hangs", h.Viewer.State(h.T.Context(), hangs.ID), reveal.View{State: reveal.Cannot, Reason: string(sandbox.ChildCPU)})
	})
}
