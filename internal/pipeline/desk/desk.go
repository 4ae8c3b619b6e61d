// Package desk is what people and programs read, and what they change in one room only: the counter
// in front of the walk. It carries nothing from room to room; that is package pipeline's.
//
// Every write is one transaction with its audit line, see pipeline.Do.
package desk

import (
	"context"

	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/store"
)

// A Desk is the pipeline, and the counter in front of it.
type Desk struct{ *pipeline.Pipeline }

// read runs one read transaction and returns what fn found.
func read[T any](ctx context.Context, d Desk, fn func(tx *store.Tx) (T, error)) (v T, err error) {
	err = d.W.DB().View(ctx, func(tx *store.Tx) (err error) {
		v, err = fn(tx)
		return err
	})
	return v, err
}

func yesNo(b bool) string { return map[bool]string{true: "yes", false: "no"}[b] }
