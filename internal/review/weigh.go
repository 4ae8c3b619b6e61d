package review

import (
	"time"

	"github.com/houvast/houvast"
)

// Weigh says what Decide would say to a verdict of by at now, and records nothing. looked and tagged
// are as Decide finds them: a reveal of this case to by is on record; a list tagged the entry.
func (c Case) Weigh(v Verdict, by houvast.Actor, now time.Time, looked, tagged bool) error {
	_, err := decide(c, v, by, now, looked, tagged)
	return err
}

// Observable refuses observations as Decide would, so that a form can tell which of them it was.
func Observable(all []houvast.Observation, looked, tagged bool) error {
	return checkObservations(all, looked, tagged)
}

// Claimed reports whether the claim of by holds at now.
func (c Case) Claimed(by houvast.Actor, now time.Time) bool { return c.claimed(by, now) }

// Waits reports whether the case waits for advice at now.
func (c Case) Waits(now time.Time) bool { return c.parked(now) }
