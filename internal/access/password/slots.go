package password

import (
	"context"

	"github.com/houvast/houvast"
)

// Slots bound how much is computed at once, and how many wait for it.
type Slots struct {
	busy  chan struct{}
	lined chan struct{}
}

// NewSlots returns free slots: atOnce run, waiting more may wait.
func NewSlots(atOnce, waiting int) *Slots {
	return &Slots{busy: make(chan struct{}, atOnce), lined: make(chan struct{}, atOnce+waiting)}
}

// Run calls fn when a slot is free. It does not call it when too many wait (Limited,
// code sign-in-busy) or ctx ends first (Unavailable).
func (s *Slots) Run(ctx context.Context, fn func()) error {
	const op = "password.Slots"
	select {
	case s.lined <- struct{}{}:
		defer func() { <-s.lined }()
	default:
		return houvast.Errorf(op, houvast.Limited, "sign-in-busy", "too many people are signing in at once").
			WithHint("try again in a few seconds")
	}
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	case <-ctx.Done():
		return houvast.Errorf(op, houvast.Unavailable, "", "signing in was given up: %w", ctx.Err())
	}
	fn()
	return nil
}
