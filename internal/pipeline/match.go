package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/fault"
	"github.com/houvast/houvast/internal/item"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/subject"
	"github.com/houvast/houvast/internal/task"
)

// OpHash is the operation that the decoding child is asked for.
const OpHash = "hash"

// retryLook is how long after a fault of the machine (not of the item) a second look is tried.
const retryLook = 5 * time.Minute

// match looks at one received item.
func (p *Pipeline) match(ctx context.Context, bell task.Bell) error {
	const op = "pipeline.match"
	var it item.Item
	err := p.W.DB().View(ctx, func(tx *store.Tx) (err error) {
		it, err = item.Get(tx, houvast.ItemID(bell.Subject))
		return err
	})
	if err != nil {
		return houvast.Wrap(op, err)
	}
	if it.Blob == "" || it.State != houvast.ItemReceived && it.State != houvast.ItemCouldNotLook {
		return nil
	}
	looked, err := p.look(ctx, it)
	if err != nil {
		return houvast.Wrap(op, err)
	}
	fault.Point("match.hashed")
	var matches []houvast.Match
	err = p.W.DB().View(ctx, func(tx *store.Tx) (err error) {
		matches, err = p.Index.Lookup(tx, bank.Probes{Digests: it.Digests(), Perceptual: looked.usable()})
		return err
	})
	if err != nil {
		return houvast.Wrap(op, err)
	}
	switch {
	case len(matches) > 0 && matches[0].Category != houvast.Negative:
		err = p.openCase(ctx, bell, it, looked, matches)
	case !looked.did():
		err = p.couldNotLook(ctx, bell, it, looked)
	default:
		err = p.nothing(ctx, bell, it)
	}
	return houvast.Wrap(op, err)
}

// A view is what the child said about an item.
type view struct {
	houvast.Perceptual
	again bool // the reason lay in the machine and not in the item
}

// did reports whether the item was really looked at.
func (v view) did() bool { return v.Status == houvast.Hashed || v.Status == houvast.Unhashable }

func (v view) usable() *houvast.Perceptual {
	if v.Status != houvast.Hashed {
		return nil
	}
	return &v.Perceptual
}

// look has the child decode the item's bytes. What could not be looked at is an answer, not an
// error; an error means that nobody may draw a conclusion yet.
func (p *Pipeline) look(ctx context.Context, it item.Item) (v view, err error) {
	blob, _, err := p.Blobs.Get(ctx, it.Blob)
	if err != nil {
		return v, err
	}
	defer blob.Close()
	plain, err := p.Keys.Open(ctx, blob, seal.KeyID(it.Key))
	if err != nil {
		return v, err
	}
	answer, err := p.Children.Do(ctx, sandbox.Request{Op: OpHash}, plain)
	if err == nil {
		if json.Unmarshal(answer, &v.Perceptual) != nil || !v.plausible() {
			return unreadable(string(sandbox.ChildAnswer)), nil
		}
		return v, nil
	}
	if houvast.KindOf(err) == houvast.TooLarge { // to be decoded; its digests are compared all the same
		return unreadable(houvast.CodeOf(err)), nil
	}
	reason := sandbox.ReasonOf(err)
	if reason == "" || reason == sandbox.LayerMiss || reason == sandbox.ChildStart {
		return v, err // nothing was tried: the item waits until the machine is put right
	}
	v = unreadable(string(reason))
	v.again = reason.Again()
	return v, nil
}

func unreadable(reason string) view {
	return view{Perceptual: houvast.Perceptual{Status: houvast.Unreadable, Reason: reason}}
}

var plainWords = regexp.MustCompile(`^[A-Za-z0-9 ,.:;/+-]{0,100}$`)

// plausible refuses what no child of ours says: a child may have been taken over, and what it says
// is written into rows and the log.
func (v view) plausible() bool {
	known := v.did() || v.Status == houvast.Unreadable || v.Status == houvast.Archive || v.Status == houvast.NotMedia
	return known && plainWords.MatchString(v.Reason) && plainWords.MatchString(v.MediaType)
}

// nothing ends the walk of an item that met nothing: its bytes and its uploader's facts go at once.
func (p *Pipeline) nothing(ctx context.Context, bell task.Bell, it item.Item) error {
	err := p.W.Update(ctx, func(tx *store.Tx) error {
		if err := item.LookedAt(tx, it.ID); err != nil {
			return err
		}
		if err := task.Ring(tx, taskErase, it.Blob, tx.Now()); err != nil {
			return err
		}
		return bell.Done(tx)
	})
	fault.Point("match.nothing")
	return err
}

// couldNotLook puts the item into the technical queue: never a case, never clean.
func (p *Pipeline) couldNotLook(ctx context.Context, bell task.Bell, it item.Item, v view) error {
	reason := v.Reason
	if reason == "" {
		reason = string(v.Status)
	}
	err := p.W.Update(ctx, func(tx *store.Tx) error {
		until := it.Keep
		if until.IsZero() {
			until = tx.Now().Add(p.Settings.CouldNotLook)
		}
		if err := item.CouldNotLook(tx, it.ID, reason, until); err != nil {
			return err
		}
		if err := task.Ring(tx, taskDrop, string(it.ID), until); err != nil {
			return err
		}
		if err := note(tx, "item", "item.could-not-look", string(it.ID), map[string]string{"reason": reason}); err != nil {
			return err
		}
		if err := bell.Done(tx); err != nil {
			return err
		}
		if v.again && it.State == houvast.ItemReceived {
			return task.Ring(tx, taskMatch, string(it.ID), tx.Now().Add(retryLook))
		}
		return nil
	})
	fault.Point("match.could-not-look")
	return err
}

// openCase takes the bytes into evidence under a key of their own, and opens the case in one
// transaction with everything that follows.
func (p *Pipeline) openCase(ctx context.Context, bell task.Bell, it item.Item, v view, matches []houvast.Match) error {
	facts := houvast.Facts{Item: it.ID, Bytes: it.Bytes, Received: it.Received, MD5: it.MD5, SHA1: it.SHA1, SHA256: it.SHA256,
		MediaType: v.MediaType, Width: v.Width, Height: v.Height, Matches: matches}
	if v.Status == houvast.Hashed {
		facts.PDQ, facts.Quality = v.PDQ[0].String(), v.PDQQuality
	}
	text, err := p.Keys.OpenBytes(ctx, seal.KeyID(it.Key), it.Upload, []byte(it.ID))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &facts.Upload); err != nil {
		return err
	}
	key, err := p.Keys.NewKey(ctx, "evidence")
	if err != nil {
		return err
	}
	fault.Point("match.key")
	name := houvast.RandomText("e", 26)
	if err := p.reseal(ctx, it, name, key); err != nil {
		return err
	}
	fault.Point("match.resealed")
	id := houvast.CaseID(p.W.DB().NewID())
	if text, err = json.Marshal(facts); err != nil {
		return err
	}
	sealed, err := p.Keys.SealBytes(ctx, key, text, []byte(id.String()))
	if err != nil {
		return err
	}
	err = p.W.Update(ctx, func(tx *store.Tx) error {
		return p.enterCase(tx, bell, it, matches, review.Case{ID: id, Item: it.ID, Key: string(key), Facts: sealed}, facts.Upload.Account, name)
	})
	fault.Point("match.case")
	return err
}

// enterCase is the transaction of openCase.
func (p *Pipeline) enterCase(tx *store.Tx, bell task.Bell, it item.Item, matches []houvast.Match, c review.Case, account houvast.AccountRef, name string) (err error) {
	if c.Subject, err = subject.Of(tx, p.Pepper, account); err != nil {
		return err
	}
	c.Incident = houvast.IncidentID("incident " + c.ID.String())
	if c.Withheld, err = p.proposeWithhold(tx, it, c.ID, matches); err != nil {
		return err
	}
	if err := review.OpenCase(tx, c, matches[0]); err != nil {
		return err
	}
	held := evidence.Evidence{Case: c.ID, Item: it.ID, Blob: name, Key: c.Key, Bytes: it.Bytes, SHA256: it.SHA256}
	ev, err := evidence.Hold(tx, held)
	if err != nil {
		return err
	}
	if err := task.Ring(tx, TaskExpire, ev.String(), tx.Now().Add(evidence.UndecidedHold)); err != nil {
		return err
	}
	if err := item.LookedAt(tx, it.ID); err != nil {
		return err
	}
	if err := task.Ring(tx, taskErase, it.Blob, tx.Now()); err != nil {
		return err
	}
	if err := note(tx, "review", "case.open", c.ID.String(), map[string]string{"item": string(it.ID),
		"bank": matches[0].BankName, "hash": string(matches[0].Kind)}); err != nil {
		return err
	}
	return bell.Done(tx)
}

// proposeWithhold hides the item at once, reversibly and for a time, when it is the same file as an
// entry of a verified list. Anything weaker waits for a person.
func (p *Pipeline) proposeWithhold(tx *store.Tx, it item.Item, c houvast.CaseID, matches []houvast.Match) (until time.Time, err error) {
	if !p.Settings.Withhold || !review.Proven(matches) {
		return until, nil
	}
	until = tx.Now().Add(p.Settings.WithholdFor)
	_, err = action.Propose(tx, action.Proposal{Kind: action.Withhold, Key: "withhold " + c.String(), Subject: string(it.ID),
		Payload: map[string]any{"expires_at": until.Format(time.RFC3339)}, By: houvast.SystemActor("policy")})
	if err != nil {
		return until, err
	}
	return until, task.Ring(tx, taskWithheld, c.String(), until)
}

// reseal copies the item's bytes from quarantine into evidence, under a key that dies with them. The
// digest is compared on the way: what we keep is what we received.
func (p *Pipeline) reseal(ctx context.Context, it item.Item, name string, key seal.KeyID) error {
	blob, _, err := p.Blobs.Get(ctx, it.Blob)
	if err != nil {
		return err
	}
	defer blob.Close()
	plain, err := p.Keys.Open(ctx, blob, seal.KeyID(it.Key))
	if err != nil {
		return err
	}
	return p.Blobs.Put(ctx, name, func(w io.Writer) error {
		sealed, err := p.Keys.Seal(ctx, w, key)
		if err != nil {
			return err
		}
		sum := item.NewDigester()
		if _, err := io.Copy(io.MultiWriter(sealed, sum), plain); err != nil {
			return err
		}
		if _, _, sha := sum.Hex(); sha != it.SHA256 {
			return houvast.Errorf("pipeline.reseal", houvast.Corrupt, "bytes-changed", "the stored bytes of %s are not those that were received", it.ID)
		}
		return sealed.Close()
	})
}

// erase deletes a blob that nothing names any more.
func (p *Pipeline) erase(ctx context.Context, bell task.Bell) error {
	fault.Point("erase")
	err := p.Blobs.Delete(ctx, bell.Subject)
	fault.Point("erase.deleted")
	return err
}

// drop ends the keeping of what could not be looked at.
func (p *Pipeline) drop(ctx context.Context, bell task.Bell) error {
	var it item.Item
	err := p.W.DB().View(ctx, func(tx *store.Tx) (err error) {
		it, err = item.Get(tx, houvast.ItemID(bell.Subject))
		return err
	})
	if err != nil || it.State != houvast.ItemCouldNotLook {
		return err
	}
	if p.W.DB().Clock().Now().Before(it.Keep) {
		return errors.New("not due")
	}
	if err := p.Blobs.Delete(ctx, it.Blob); err != nil {
		return err
	}
	fault.Point("drop.deleted")
	err = p.W.Update(ctx, func(tx *store.Tx) error {
		now, err := item.Get(tx, it.ID)
		if err == nil && now.State == houvast.ItemCouldNotLook { // a second look may have been quicker
			err = errors.Join(item.Gone(tx, it.ID), note(tx, "item", "item.gone", string(it.ID), map[string]string{"reason": it.Reason}))
		}
		if err != nil {
			return err
		}
		return bell.Done(tx)
	})
	fault.Point("drop.gone")
	return err
}
