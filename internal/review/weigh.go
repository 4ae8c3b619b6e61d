package review

import (
	"time"

	"github.com/houvast/houvast"
)

// Weigh says what Decide would say to a verdict of by at now, and records nothing. looked and tagged
// are as Decide finds them: what by had on their page of this case; a list tagged the entry.
func (c Case) Weigh(v Verdict, by houvast.Actor, now time.Time, looked Looked, tagged bool) error {
	_, err := decide(c, v, by, now, looked, tagged)
	return err
}

// Observable refuses observations as Decide would, so that a form can tell which of them it was.
func Observable(all []houvast.Observation, looked Looked, tagged bool) error {
	return checkObservations(all, looked, tagged)
}

// Claimed reports whether the claim of by holds at now.
func (c Case) Claimed(by houvast.Actor, now time.Time) bool { return c.claimed(by, now) }

// Version names the decision that a case carries, 0 while it carries none: who answers it says which
// one they read. A decision that was sent back and taken again has another, also in the same instant.
func (c Case) Version() int64 {
	if c.Decided.IsZero() {
		return 0
	}
	return houvast.Micros(c.Decided) + int64(c.Returns)
}

// Fresh reports whether the claim was taken or extended so lately that extending it gains nothing.
func (c Case) Fresh(now time.Time) bool { return c.ClaimEnds.Sub(now) > ClaimTime-extendTime }

// Waits reports whether the case waits for advice at now.
func (c Case) Waits(now time.Time) bool { return c.parked(now) }
