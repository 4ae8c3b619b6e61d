package pipeline

import (
	"context"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/blob"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/item"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/task"
)

// Sweeps ring for every state that is not final and that nobody was rung for: the state is in the
// room, a bell is only a bell.
func (p *Pipeline) Sweeps() []task.Sweep {
	return []task.Sweep{
		action.Sweep,
		func(tx *store.Tx) error {
			waiting, err := item.Waiting(tx, 1000)
			for _, id := range waiting {
				if err == nil {
					err = task.Ensure(tx, taskMatch, string(id), tx.Now())
				}
			}
			return err
		},
		func(tx *store.Tx) error {
			late, err := item.KeptTooLong(tx, tx.Now(), 1000)
			for _, id := range late {
				if err == nil {
					err = task.Ensure(tx, taskDrop, string(id), tx.Now())
				}
			}
			return err
		},
		func(tx *store.Tx) error {
			late, err := review.WithheldTooLong(tx, tx.Now(), 1000)
			for _, c := range late {
				if err == nil {
					err = task.Ensure(tx, taskWithheld, c.ID.String(), tx.Now())
				}
			}
			return err
		},
		func(tx *store.Tx) error {
			due, err := evidence.Due(tx, tx.Now(), 500)
			for _, e := range due {
				if err == nil {
					err = task.Ensure(tx, taskExpire, e.ID.String(), tx.Now())
				}
			}
			return err
		},
		func(tx *store.Tx) error { return tx.ForgetAsked() },
	}
}

// orphanAge is how old a blob or key without a row must be before it is removed: a row may still be
// on its way.
const orphanAge = 24 * time.Hour

// Reconcile removes what a crash left lying: blobs that no row names, and keys that seal nothing any
// more, quarantine keys of past hours among them. It never touches what a row names.
func (p *Pipeline) Reconcile(ctx context.Context) (blobs, keys int, err error) {
	const op = "pipeline.Reconcile"
	now := p.W.DB().Clock().Now()
	var old []string
	err = p.Blobs.List(ctx, func(b blob.Info) error {
		if time.Since(b.Stored) > orphanAge {
			old = append(old, b.Name)
		}
		return nil
	})
	if err != nil {
		return 0, 0, houvast.Wrap(op, err)
	}
	for _, name := range old {
		named, err := p.named(ctx, name, item.HoldsBlob, evidence.HoldsBlob)
		if err != nil {
			return blobs, keys, houvast.Wrap(op, err)
		}
		if named {
			continue
		}
		if err := p.Blobs.Delete(ctx, name); err != nil {
			return blobs, keys, houvast.Wrap(op, err)
		}
		blobs++
	}
	for k, err := range p.Keys.Keys(ctx) {
		if err != nil {
			return blobs, keys, houvast.Wrap(op, err)
		}
		if now.Sub(k.Created) < orphanAge || !strings.HasPrefix(k.Purpose, "quarantine/") && k.Purpose != "evidence" {
			continue
		}
		named, err := p.named(ctx, string(k.ID), item.HoldsKey, evidence.HoldsKey)
		if err != nil {
			return blobs, keys, houvast.Wrap(op, err)
		}
		if named {
			continue
		}
		if err := p.Keys.Destroy(ctx, k.ID); err != nil {
			return blobs, keys, houvast.Wrap(op, err)
		}
		keys++
	}
	return blobs, keys, nil
}

func (p *Pipeline) named(ctx context.Context, name string, rooms ...func(*store.Tx, string) (bool, error)) (named bool, err error) {
	err = p.W.DB().View(ctx, func(tx *store.Tx) error {
		for _, holds := range rooms {
			if named, err = holds(tx, name); err != nil || named {
				return err
			}
		}
		return nil
	})
	return named, err
}

// Open reports how many reports are on their way, for doctor.
func (p *Pipeline) Open(ctx context.Context) (n int, err error) {
	err = p.W.DB().View(ctx, func(tx *store.Tx) error {
		open, err := report.Unfinished(tx, 10_000)
		n = len(open)
		return err
	})
	return n, err
}
