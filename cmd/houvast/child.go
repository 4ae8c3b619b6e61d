package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/pipeline/reveal"
	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/sandbox/drill"
)

// childCmd is the other side of newPool: the same binary, holding nothing, decoding what a stranger
// sent. It is not for people.
type childCmd struct{}

// Run answers requests until the parent closes the socket. Signals are the parent's business.
func (*childCmd) Run(context.Context, *env) error { return sandbox.Serve(handlers()) }

// handlers is every operation of a child by name.
func handlers() map[string]sandbox.Handler {
	h := drill.Handlers()
	h[pipeline.OpHash] = hashPicture
	h[reveal.OpRender] = renderPicture
	return h
}

// hashPicture answers a houvast.Perceptual as JSON. A file that cannot be read is an answer too.
func hashPicture(_ sandbox.Request, data []byte) ([]byte, error) {
	return json.Marshal(decode.Hash(data, decode.DefaultLimits()))
}

// renderPicture answers a decode.Renditions as JSON, which package reveal reads.
func renderPicture(_ sandbox.Request, data []byte) ([]byte, error) {
	return json.Marshal(decode.Render(data, decode.DefaultLimits()))
}

// largest is the longest file that is decoded; a longer one is digested only. childSlack lets a file
// that is a little longer reach the child, which can still say of what type it is.
const (
	largest    = 100 << 20
	childSlack = 1 << 20
)

// newPool returns a pool of children of this binary. size children at most, cpu of processor time
// for one request and dataMiB of memory for one child; zeros stand for the defaults of
// sandbox.Config. Only the layers in allow may be missing.
func newPool(size int, cpu time.Duration, dataMiB int, allow sandbox.Layers, log *slog.Logger) (*sandbox.Pool, error) {
	return sandbox.NewPool(sandbox.Config{
		Argv:      []string{"/proc/self/exe", "child"},
		Size:      size,
		CPU:       cpu,
		DataLimit: uint64(max(dataMiB, 0)) << 20,
		MaxData:   largest + childSlack,
		Allow:     allow,
		Log:       log,
	})
}
