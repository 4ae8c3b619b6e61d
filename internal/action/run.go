package action

import (
	"context"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/fault"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/task"
)

// Runner carries actions out. Senders says how, by kind: a kind without a sender stays where it is,
// visibly, until an operator configures one.
type Runner struct {
	W       store.Writer
	Senders map[Kind]Sender
	// Ended is called in the transaction that ends an action, so that what follows from it happens
	// if and only if it ended.
	Ended func(tx *store.Tx, a Action, state State) error
}

// Do answers the bell of one action.
func (r Runner) Do(ctx context.Context, bell task.Bell) error {
	const op = "action.Do"
	var id houvast.ActionID
	if err := id.UnmarshalText([]byte(bell.Subject)); err != nil {
		return err
	}
	var a Action
	var ready bool
	err := r.W.Update(ctx, func(tx *store.Tx) (err error) {
		if a, err = Get(tx, id); err != nil {
			return err
		}
		if r.Senders[a.Kind] == nil {
			ready = false
			return nil
		}
		a, ready, err = begin(tx, id)
		return err
	})
	if err != nil || !ready {
		return err
	}
	fault.Point("action.sending")
	answer, err := r.Senders[a.Kind](ctx, a)
	fault.Point("action.sent")
	state := Done
	if err != nil {
		if k := houvast.KindOf(err); k == houvast.Unavailable || k == houvast.Limited || k == houvast.InDoubt || k == houvast.Internal || ctx.Err() != nil {
			return err // the bell will ring again
		}
		state, answer = Refused, err.Error()
	}
	err = r.W.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		if err := End(tx, a, state, answer); err != nil {
			return err
		}
		if r.Ended != nil {
			if err := r.Ended(tx, a, state); err != nil {
				return err
			}
		}
		return bell.Done(tx)
	})
	fault.Point("action.ended")
	return houvast.Wrap(op, err)
}
