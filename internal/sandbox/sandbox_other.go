//go:build !linux

package sandbox

import (
	"context"
	"io"

	"github.com/houvast/houvast"
)

// A Pool needs Linux: no other system has these layers, and without them nothing is decoded.
type Pool struct{}

func unsupported(op string) error {
	return houvast.Errorf(op, houvast.Unsupported, "sandbox-unsupported", "the sandbox for decoders needs Linux").
		WithHint("run houvast on Linux, or in a Linux container or virtual machine")
}

// NewPool returns Unsupported.
func NewPool(Config) (*Pool, error) { return nil, unsupported("sandbox.NewPool") }

// Serve returns Unsupported.
func Serve(map[string]Handler) error { return unsupported("sandbox.Serve") }

// Do returns Unsupported.
func (*Pool) Do(context.Context, Request, io.Reader) ([]byte, error) {
	return nil, unsupported("sandbox.Do")
}

// Layers returns none.
func (*Pool) Layers() Layers { return 0 }

// LandlockABI returns 0.
func (*Pool) LandlockABI() int { return 0 }

// Stats returns zeros.
func (*Pool) Stats() Stats { return Stats{} }

// Close does nothing.
func (*Pool) Close() {}
