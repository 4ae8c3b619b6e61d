//go:build faults

package main

import (
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

// offsetVariable moves law time of this process forward by a duration such as 25h. Only Now moves:
// leases and timeouts are measured as ever.
const offsetVariable = "HOUVAST_CLOCK_OFFSET"

// offsetClock is the machine's clock, ahead by a fixed time.
type offsetClock struct {
	store.SystemClock
	ahead time.Duration
}

// Now returns law time, ahead.
func (c offsetClock) Now() time.Time { return c.SystemClock.Now().Add(c.ahead) }

// serveClock is the clock of serve. In a build for the crash tests the environment can set it ahead,
// so that a restart finds things due; it cannot set it back.
func serveClock(e *env) (houvast.Clock, error) {
	text := e.getenv(offsetVariable)
	if text == "" {
		return store.NewSystemClock(), nil
	}
	ahead, err := time.ParseDuration(text)
	if err != nil || ahead < 0 {
		return nil, houvast.Errorf("main.serveClock", houvast.Invalid, "bad-offset", "%s is not a duration such as 25h", offsetVariable)
	}
	return offsetClock{store.NewSystemClock(), ahead}, nil
}
