package reveal

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
)

// A Rendition is what a ticket is redeemed for. Data is shared and never changes.
type Rendition struct {
	Level         review.Level
	Data          []byte
	MediaType     string // image/jpeg
	Width, Height int    // pixels
}

// Why a ticket is refused, as the audit log says it.
const (
	wrongCase    = "another case"
	wrongLevel   = "another level"
	wrongSession = "another session"
	secondUse    = "used before"
	tooLate      = "too late"
	overClaim    = "the claim has ended"
	overSession  = "the session has ended"
	notKept      = "not kept any more"
)

// reveal.served is written in its own transaction, which must not hang on a client.
const writeTime = 10 * time.Second

// Redeem gives the rendition that a ticket was granted for, once. The caller writes all of it and then
// calls served, always, with what went wrong or nil; with nil the reveal is recorded as served before
// served returns. Every refusal is the same NotFound. Of a ticket that was once given out, a refusal is
// in the audit log, up to 20 times; of an address that never existed there is nothing to say.
func (v *Viewer) Redeem(ctx context.Context, id houvast.CaseID, level review.Level, token, proof string) (Rendition, func(error), error) {
	t, pic, why := v.take(id, level, token, proof)
	if t == nil {
		return Rendition{}, nil, nothing()
	}
	if why == "" {
		if why = v.allowed(ctx, t); why != "" {
			v.settle(ctx, t, nothing())
		}
	}
	if why != "" {
		v.refuse(ctx, t, why)
		return Rendition{}, nil, nothing()
	}
	var once sync.Once
	served := func(err error) { once.Do(func() { v.settle(ctx, t, err) }) }
	return Rendition{Level: level, Data: pic.data, MediaType: mediaType, Width: pic.width, Height: pic.height}, served, nil
}

func nothing() error {
	return houvast.Errorf("reveal.Redeem", houvast.NotFound, "", "there is nothing at this address")
}

// take finds a ticket and uses it, in one step: of two who come together one is too late.
func (v *Viewer) take(id houvast.CaseID, level review.Level, token, proof string) (t *ticket, pic picture, why string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if t = v.tickets[sha256.Sum256([]byte(token))]; t == nil {
		return nil, pic, ""
	}
	c := v.current(t.id)
	switch {
	case !hmac.Equal([]byte(proof), []byte(v.proof(t.session))):
		why = wrongSession
	case t.id != id:
		why = wrongCase
	case t.level != level:
		why = wrongLevel
	case t.used:
		why = secondUse
	case t.over != "":
		why = t.over
	case v.clock().Mono() >= t.granted+ValidFor:
		why = tooLate
	case c == nil || c.by != t.by:
		why = overClaim
	case c.pics == nil:
		why = notKept
	default:
		t.used = true
		pic = c.pics.level[t.level]
	}
	return t, pic, why
}

// allowed asks, at the last moment, whether the claim still holds and the session is still open. What
// cannot be found out is a no.
func (v *Viewer) allowed(ctx context.Context, t *ticket) (why string) {
	err := v.p.W.DB().View(ctx, func(tx *store.Tx) error {
		_, err := review.Holds(tx, t.id, t.by)
		return err
	})
	if err != nil {
		if houvast.KindOf(err) != houvast.Conflict {
			v.log.Error("a claim cannot be checked before a reveal", "case", t.id.String(), "error", err)
		}
		return overClaim
	}
	if !v.open(ctx, t.session) {
		return overSession
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return t.over
}

// open reports whether a session is known to be open.
func (v *Viewer) open(ctx context.Context, session string) bool {
	if v.SessionOpen == nil {
		return true
	}
	open, err := v.SessionOpen(ctx, session)
	if err != nil {
		v.log.Error("a session cannot be checked", "error", err)
	}
	return err == nil && open
}

// refuse writes the line about a misused ticket. That who asked has gone away must not spare them.
func (v *Viewer) refuse(ctx context.Context, t *ticket, why string) {
	v.mu.Lock()
	t.refused++
	enough := t.refused > maxRefusals
	v.mu.Unlock()
	if enough {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
	defer cancel()
	ask := pipeline.Ask{By: houvast.SystemActor("reveal"), Op: OpRefused}
	_, err := pipeline.Do(ctx, v.p, ask, func(*store.Tx) (bool, pipeline.Done, error) {
		return true, pipeline.Did(t.id.String(), map[string]string{"why": why, "reveal": numbered(t.reveal), "level": string(t.level), "granted_to": string(t.by)}), nil
	})
	if err != nil {
		v.log.Error("a refused reveal is not in the audit log", "case", t.id.String(), "reveal", numbered(t.reveal), "error", err)
	}
}

// settle records that all bytes of a reveal were written, or that they were not.
func (v *Viewer) settle(ctx context.Context, t *ticket, err error) {
	if err == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
		defer cancel()
		err = v.p.W.Update(ctx, func(tx *store.Tx) error {
			if err := review.Served(tx, t.reveal); err != nil {
				return err
			}
			_, err := audit.Append(tx, audit.Line{Actor: houvast.SystemActor("reveal"), Action: OpServed, Subject: t.id.String(),
				Detail: map[string]string{"reveal": numbered(t.reveal), "level": string(t.level), "granted_to": string(t.by)}})
			return err
		})
		if err != nil {
			v.log.Error("a reveal was served and cannot be recorded", "case", t.id.String(), "reveal", numbered(t.reveal), "error", err)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	t.served, t.left = err == nil, v.clock().Mono()
	close(t.settled)
}
