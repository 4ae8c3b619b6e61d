package pipeline

import (
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/item"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/task"
)

// Sweeps ring for every state that is not final and that nobody was rung for: the state is in the
// room, a bell is only a bell.
func (p *Pipeline) Sweeps() []task.Sweep {
	return []task.Sweep{
		action.Sweeper(),
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
					err = task.Ensure(tx, TaskExpire, e.ID.String(), tx.Now())
				}
			}
			return err
		},
		func(tx *store.Tx) error { return tx.ForgetAsked() },
	}
}
