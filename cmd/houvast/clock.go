//go:build !faults

package main

import (
	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

// serveClock is the clock of serve: the machine's, and nothing can move it.
func serveClock(*env) (houvast.Clock, error) { return store.NewSystemClock(), nil }
