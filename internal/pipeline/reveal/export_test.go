package reveal

import (
	"context"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/store"
)

// SkipWait takes the wait for the signature out of granting: the control that tests must catch.
func (v *Viewer) SkipWait() {
	v.grant = func(ctx context.Context, p *pipeline.Pipeline, ask pipeline.Ask, fn func(*store.Tx) (int64, pipeline.Done, error)) (n int64, err error) {
		err = p.W.Update(ctx, func(tx *store.Tx) error {
			var done pipeline.Done
			if n, done, err = fn(tx); err != nil {
				return err
			}
			_, err := audit.Append(tx, audit.Line{Actor: ask.By, Action: ask.Op, Subject: done.Subject, Detail: done.Detail})
			return err
		})
		return n, err
	}
}

// WhileGranting calls f between a grant and its ticket.
func (v *Viewer) WhileGranting(f func()) {
	grant := v.grant
	v.grant = func(ctx context.Context, p *pipeline.Pipeline, ask pipeline.Ask, fn func(*store.Tx) (int64, pipeline.Done, error)) (int64, error) {
		n, err := grant(ctx, p, ask, fn)
		f()
		return n, err
	}
}

// Bound lowers the bounds of claims and bytes.
func (v *Viewer) Bound(claims int, bytes int64) { v.mostClaims, v.mostKept = claims, bytes }

// Kept says how much is in memory.
func (v *Viewer) Kept() (claims int, bytes int64, tickets int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.claims), v.kept, len(v.tickets)
}

// Has reports whether the pictures of a case are in memory.
func (v *Viewer) Has(id houvast.CaseID) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	c := v.claims[id]
	return c != nil && c.pics != nil
}

// Measure is measure.
func Measure(jpg []byte) (w, h int, ok bool) { return measure(jpg) }
