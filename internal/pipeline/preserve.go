package pipeline

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/fault"
	"github.com/houvast/houvast/internal/item"
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
	for _, forget := range []func() error{
		func() error { return review.Forget(tx, e.Case) },
		func() error { return report.Forget(tx, e.Case) },
		func() error { return item.Gone(tx, e.Item) },
	} {
		if err := forget(); err != nil {
			return err
		}
	}
	if err := note(tx, "evidence", "evidence.destroyed", e.ID.String(), map[string]string{"case": e.Case.String(), "why": e.Why, "law": e.Law}); err != nil {
		return err
	}
	return bell.Done(tx)
}

// afterHold releases the item of a case that ends without a finding: nobody decided, or nobody could
// tell.
func (p *Pipeline) afterHold(tx *store.Tx, c review.Case) error {
	if c.State == review.Decided && c.Decision != houvast.DecideCannotTell {
		return nil
	}
	first, err := action.ByKey(tx, "withhold "+c.ID.String())
	if err != nil && houvast.KindOf(err) != houvast.NotFound {
		return err
	}
	_, err = action.Propose(tx, action.Proposal{Kind: action.Release, Key: "release ended " + c.ID.String(), Subject: string(c.Item),
		Payload: map[string]any{"reason": "the hold ended"}, After: first.ID, By: houvast.SystemActor("policy")})
	if err != nil {
		return err
	}
	return p.alarm(tx, c, "the hold ended without a finding")
}

// ExpireNow rings for everything that is due, instead of waiting for the sweep, and says how many.
func (p *Pipeline) ExpireNow(ctx context.Context, ask Ask) (n int, err error) {
	return Do(ctx, p, ask, func(tx *store.Tx) (int, Done, error) {
		due, err := p.ringDue(tx)
		return due, Done{Detail: map[string]string{"due": fmt.Sprint(due)}}, err
	})
}

func (p *Pipeline) ringDue(tx *store.Tx) (int, error) {
	due, err := evidence.Due(tx, tx.Now(), 500)
	if err != nil {
		return 0, err
	}
	for _, e := range due {
		if err := task.Ring(tx, taskExpire, e.ID.String(), tx.Now()); err != nil {
			return 0, err
		}
	}
	return len(due), nil
}

// A Proof says whether one piece of evidence is what it should be.
type Proof struct {
	Evidence houvast.EvidenceID `json:"evidence"`
	Case     houvast.CaseID     `json:"case"`
	State    evidence.State     `json:"state"`
	OK       bool               `json:"ok"`
	Problem  string             `json:"problem,omitempty"`
}

// VerifyEvidence opens everything that is kept and compares its digest, and tries to open everything
// that was destroyed. Nothing of what it reads leaves the process.
func (p *Pipeline) VerifyEvidence(ctx context.Context, fn func(Proof) error) error {
	var after houvast.EvidenceID
	for {
		var page []evidence.Evidence
		err := p.W.DB().View(ctx, func(tx *store.Tx) (err error) {
			page, err = evidence.List(tx, after, 200)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, e := range page {
			if err := fn(p.prove(ctx, e)); err != nil {
				return err
			}
			after = e.ID
		}
	}
}

func (p *Pipeline) prove(ctx context.Context, e evidence.Evidence) Proof {
	proof := Proof{Evidence: e.ID, Case: e.Case, State: e.State}
	switch e.State {
	case evidence.Destroyed:
		proof.OK = e.Blob == "" && e.Key == ""
		if !proof.OK {
			proof.Problem = "the tombstone names bytes"
		}
		return proof
	case evidence.Destroying:
		proof.Problem = "the destruction was begun and has not ended"
		return proof
	}
	r, _, err := p.original(ctx, e.Case)
	if err != nil {
		proof.Problem = err.Error()
		return proof
	}
	defer r.Close()
	sum := newDigester()
	if _, err := io.Copy(sum, r); err != nil {
		proof.Problem = err.Error()
		return proof
	}
	if _, _, sha := sum.hex(); sha != e.SHA256 {
		proof.Problem = "the bytes are not those that were received"
		return proof
	}
	proof.OK = true
	return proof
}

// DueAt lists what would be destroyed at a time, earliest first.
func (p *Pipeline) DueAt(ctx context.Context, at time.Time, limit int) (due []evidence.Evidence, err error) {
	err = p.W.DB().View(ctx, func(tx *store.Tx) (err error) {
		due, err = evidence.Due(tx, at, limit)
		return err
	})
	return due, err
}
