package desk

import (
	"context"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
)

// A Sight is a case with everything that one person decides it from. It holds no picture.
type Sight struct {
	Case       review.Case
	Facts      houvast.Facts // empty once they were destroyed
	Gone       bool          // they were
	Words      string        // of the decision
	Talk       review.Conversation
	Around     Around
	Thresholds map[houvast.BankID]int // bits up to which a bank counts a likeness as a match, today
	Reached    review.Level           // the highest level that was served to this person; "" = none
	Looked     review.Looked          // what this person had on their page
	Viewed     bool                   // by anybody, as a report would say it today
	Mine       bool                   // this person's claim holds
	Waits      bool                   // for advice
	Now        time.Time
}

// Left is how long the claim still holds.
func (s Sight) Left() time.Duration { return max(0, s.Case.ClaimEnds.Sub(s.Now)) }

// Sight returns a case as by sees it. Who may see it is the caller's question, and asked first: see
// Glance.
func (d Desk) Sight(ctx context.Context, id houvast.CaseID, by houvast.Actor) (s Sight, err error) {
	if s.Case, s.Facts, s.Words, err = d.Case(ctx, id); err == nil {
		s.Gone = s.Case.Facts == nil || s.Facts.Item == ""
		s.Talk, err = d.Advice(ctx, s.Case)
	}
	if err == nil {
		s.Around, err = d.Around(ctx, s.Case, s.Facts)
	}
	if err != nil {
		return s, houvast.Wrap("desk.Sight", err)
	}
	_, err = read(ctx, d, func(tx *store.Tx) (_ bool, err error) {
		s.Now = tx.Now()
		for _, load := range []func() error{
			func() error { s.Thresholds, err = bank.Thresholds(tx); return err },
			func() error { s.Reached, err = review.Reached(tx, id, by); return err },
			func() error { s.Looked, err = review.LookedAt(tx, id, by); return err },
			func() error { s.Viewed, err = review.Viewed(tx, id); return err },
		} {
			if err := load(); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	s.Mine, s.Waits = s.Case.Claimed(by, s.Now), s.Case.Waits(s.Now)
	return s, houvast.Wrap("desk.Sight", err)
}

// Glance returns a case without what is sealed, to ask who may see it before anything is opened, and
// the time by which its claim is judged.
func (d Desk) Glance(ctx context.Context, id houvast.CaseID) (c review.Case, now time.Time, err error) {
	c, err = read(ctx, d, func(tx *store.Tx) (review.Case, error) {
		now = tx.Now()
		return review.Get(tx, id)
	})
	c.Facts, c.Words, c.Advice, c.Key = nil, nil, nil, ""
	return c, now, err
}

// Weigh says what Decide would say to a verdict of by, and records nothing.
func (d Desk) Weigh(s Sight, by houvast.Actor, v review.Verdict) error {
	return s.Case.Weigh(v, by, s.Now, s.Looked, review.Tagged(s.Facts))
}

// Effects is what follows from a verdict here, with every condition answered.
func (d Desk) Effects(v review.Verdict) review.Consequence {
	return review.ConsequenceOf(v.Decision).Resolve(v, d.Settings.Drawn)
}
