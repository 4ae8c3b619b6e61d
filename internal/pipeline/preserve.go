package pipeline

import (
	"context"
	"errors"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/fault"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/task"
)

// expire destroys evidence that is due: first it is written that it is being destroyed, then the key
// goes, then the bytes, then the tombstone is set. Killed anywhere, it is done again from there.
func (p *Pipeline) expire(ctx context.Context, bell task.Bell) error {
	id, err := houvast.ParseID[houvast.EvidenceNoun](bell.Subject)
	if err != nil {
		return err
	}
	var e evidence.Evidence
	var due bool
	err = p.W.Update(ctx, func(tx *store.Tx) (err error) {
		due = false // an earlier run of this closure may have found it due, and was taken back
		e, err = evidence.Begin(tx, id)
		if houvast.CodeOf(err) == "not-due" {
			return bell.Done(tx) // another bell hangs, or will be hung by the sweep, for when it is
		}
		due = err == nil
		return err
	})
	if err != nil || !due {
		return err
	}
	fault.Point("expire.begun")
	if err := p.Keys.Destroy(ctx, seal.KeyID(e.Key)); err != nil {
		return err
	}
	fault.Point("expire.key")
	for _, name := range []string{e.Blob, e.Snapshot} {
		if name == "" {
			continue
		}
		if err := p.Blobs.Delete(ctx, name); err != nil {
			return err
		}
	}
	fault.Point("expire.blob")
	if err := p.W.Update(ctx, func(tx *store.Tx) error { return p.tombstone(tx, bell, e) }); err != nil {
		return err
	}
	fault.Point("expire.tombstone")
	return p.W.DB().Checkpoint(ctx)
}

// tombstone ends the evidence and what was sealed with it. The item stays as it was: a platform that
// saw it go would learn that it had matched.
func (p *Pipeline) tombstone(tx *store.Tx, bell task.Bell, e evidence.Evidence) error {
	if err := evidence.End(tx, e.ID); err != nil {
		return err
	}
	c, err := review.Get(tx, e.Case)
	if err != nil {
		return err
	}
	if err := p.afterHold(tx, c); err != nil {
		return err
	}
	err = errors.Join(review.Forget(tx, e.Case), report.Forget(tx, e.Case),
		note(tx, "evidence", "evidence.destroyed", e.ID.String(), map[string]string{"case": e.Case.String(), "why": e.Why, "law": e.Law}))
	if err != nil {
		return err
	}
	return bell.Done(tx)
}

// afterHold releases the item of a case that ends without a finding: nobody decided, or nobody could
// tell. Whatever ends in doubt calls for a person.
func (p *Pipeline) afterHold(tx *store.Tx, c review.Case) error {
	if c.State == review.Decided && c.Decision == houvast.DecideAgeInDoubt {
		return p.alarm(tx, c, "the hold ended in doubt; the item stays withheld until a person releases it")
	}
	if c.State == review.Decided && c.Decision != houvast.DecideCannotTell {
		return nil
	}
	err := proposeShown(tx, c, action.Release, "ended", map[string]any{"reason": "the hold ended"}, houvast.SystemActor("policy"))
	if err != nil {
		return err
	}
	return p.alarm(tx, c, "the hold ended without a finding")
}
