package desk

import (
	"context"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/item"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
)

// Skip gives a claim back; for review.SkipTime the case is not handed to that person again.
func (d Desk) Skip(ctx context.Context, ask pipeline.Ask, id houvast.CaseID) error {
	_, err := pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (bool, pipeline.Done, error) {
		return true, pipeline.Done{Subject: id.String()}, review.Skip(tx, id, ask.By)
	})
	return err
}

// Unskip lets a person be handed again what they skipped.
func (d Desk) Unskip(ctx context.Context, ask pipeline.Ask) error {
	_, err := pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (bool, pipeline.Done, error) {
		n, err := review.Unskip(tx, ask.By)
		return true, pipeline.Done{Nothing: n == 0}, err
	})
	return err
}

// Depth counts what waits, as by sees it.
func (d Desk) Depth(ctx context.Context, by houvast.Actor) (review.Depth, error) {
	return read(ctx, d, func(tx *store.Tx) (review.Depth, error) { return review.DepthFor(tx, by, d.Settings.SelfApproval) })
}

// ClaimOf returns the case that by holds a claim on.
func (d Desk) ClaimOf(ctx context.Context, by houvast.Actor) (c review.Case, held bool, err error) {
	c, err = read(ctx, d, func(tx *store.Tx) (c review.Case, err error) {
		c, held, err = review.ClaimOf(tx, by)
		return c, err
	})
	return c, held, err
}

// Park asks for advice about a claimed case: the claim ends, and the case is handed to nobody until
// the time that is returned, or until the person resumes it.
func (d Desk) Park(ctx context.Context, ask pipeline.Ask, id houvast.CaseID, words string) (until time.Time, err error) {
	return d.remark(ctx, ask, id, review.NoteAsked, words, func(tx *store.Tx, sealed []byte) (time.Time, error) {
		c, err := review.Park(tx, id, ask.By, sealed)
		return c.Parked, err
	})
}

// Advise answers the question about a parked case. Nobody answers their own.
func (d Desk) Advise(ctx context.Context, ask pipeline.Ask, id houvast.CaseID, words string) error {
	_, err := d.remark(ctx, ask, id, review.NoteAdvised, words, func(tx *store.Tx, sealed []byte) (time.Time, error) {
		c, err := review.Advise(tx, id, ask.By, sealed)
		return c.Parked, err
	})
	return err
}

// remark seals one more note about a case and hands the conversation to keep, in one transaction.
// Whether the person may speak is refused before whether the words will do, and only keep knows.
func (d Desk) remark(ctx context.Context, ask pipeline.Ask, id houvast.CaseID, kind review.NoteKind, words string,
	keep func(tx *store.Tx, sealed []byte) (time.Time, error)) (time.Time, error) {
	return pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (at time.Time, done pipeline.Done, err error) {
		c, err := review.Get(tx, id)
		if err != nil {
			return at, done, err
		}
		sealed, unspoken := d.Remark(ctx, c, review.Note{Kind: kind, By: ask.By, At: tx.Now(), Words: words})
		if at, err = keep(tx, sealed); err == nil {
			err = unspoken
		}
		return at, pipeline.Done{Subject: id.String()}, err
	})
}

// Resume gives a person the claim again on a case that they parked, until the time that is returned.
func (d Desk) Resume(ctx context.Context, ask pipeline.Ask, id houvast.CaseID) (ends time.Time, err error) {
	return pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (time.Time, pipeline.Done, error) {
		c, err := review.Resume(tx, id, ask.By)
		return c.ClaimEnds, pipeline.Done{Subject: id.String()}, err
	})
}

// Parked lists the cases that wait for advice, those that by parked first, and of each sort the oldest;
// limit is for each.
func (d Desk) Parked(ctx context.Context, by houvast.Actor, limit int) ([]review.Case, error) {
	return read(ctx, d, func(tx *store.Tx) ([]review.Case, error) {
		mine, err := review.Parked(tx, by, true, limit)
		if err != nil {
			return nil, err
		}
		others, err := review.Parked(tx, by, false, limit)
		return append(mine, others...), err
	})
}

// Seconds lists the cases that wait for a second person who may be by, the oldest of the greatest
// danger first, those after a case of that order; 0 begins.
func (d Desk) Seconds(ctx context.Context, by houvast.Actor, after houvast.CaseID, limit int) ([]review.Case, error) {
	return read(ctx, d, func(tx *store.Tx) ([]review.Case, error) {
		return review.Seconds(tx, by, d.Settings.SelfApproval, after, limit)
	})
}

// ReturnCase sends the decision that a person read back to the queue, as Confirm does, with words that
// the next person reads.
func (d Desk) ReturnCase(ctx context.Context, ask pipeline.Ask, id houvast.CaseID, read int64, words string) (pipeline.Outcome, error) {
	if strings.TrimSpace(words) == "" {
		return pipeline.Outcome{}, houvast.Errorf("desk.ReturnCase", houvast.Invalid, "words-missing", "a case is not sent back without words").
			WithHint("say what the next person must look at again")
	}
	return d.Confirm(ctx, ask, id, read, false, words)
}

// Around is how much there is around a case, in counts and no more: nothing of the account's other
// items is loaded, here or behind it.
type Around struct {
	Copies  int          // other items with exactly these bytes
	Cluster review.Tally // other cases whose best match is the same bank entry
	Account review.Tally // other cases of this account
}

// Around counts what is around a case.
func (d Desk) Around(ctx context.Context, c review.Case, f houvast.Facts) (Around, error) {
	return read(ctx, d, func(tx *store.Tx) (a Around, err error) {
		if f.SHA256 != "" {
			a.Copies, err = item.Same(tx, f.SHA256)
			a.Copies = max(0, a.Copies-1)
		}
		if err == nil {
			a.Cluster, err = review.Cluster(tx, c)
		}
		if err == nil {
			a.Account, err = review.OfSubject(tx, c)
		}
		return a, err
	})
}
