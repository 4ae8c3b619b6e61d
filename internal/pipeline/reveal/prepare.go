package reveal

import (
	"context"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/sandbox"
)

// A claim is a case that a person holds, with what can be shown of it. Its fields are guarded by the
// viewer's mutex.
type claim struct {
	id    houvast.CaseID
	by    houvast.Actor
	ends  time.Time // law time
	timer *time.Timer

	rendering bool
	stop      context.CancelFunc // of the rendering
	ready     chan struct{}      // closed when the rendering has ended, whatever came of it

	pics    *pictures // nil when there are none
	reason  string    // why there are none
	again   bool      // the reason lay in the machine: another try may succeed
	evicted bool      // there were some, and they made room for others
}

// Prepare begins to render a case that by has claimed until ends, in the background. For who holds it
// already it moves the end, never to an earlier time, and tries again what the machine failed at.
func (v *Viewer) Prepare(id houvast.CaseID, by houvast.Actor, ends time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.life.Err() != nil || !v.clock().Now().Before(ends) {
		return
	}
	c := v.current(id)
	if c != nil && c.by != by {
		v.drop(c)
		c = nil
	}
	if c == nil {
		if len(v.claims) >= v.mostClaims {
			v.drop(v.first(func(*claim) bool { return true }))
		}
		c = &claim{id: id, by: by, ends: ends, evicted: true}
		c.timer = time.AfterFunc(ends.Sub(v.clock().Now()), func() { v.expire(c) })
		v.claims[id] = c
	}
	v.extend(c, ends)
	if c.evicted || c.again {
		v.begin(c)
	}
}

// Extend moves the end of a claim of by, never to an earlier time.
func (v *Viewer) Extend(id houvast.CaseID, by houvast.Actor, ends time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c := v.current(id); c != nil && c.by == by {
		v.extend(c, ends)
	}
}

func (v *Viewer) extend(c *claim, ends time.Time) {
	if ends.After(c.ends) {
		c.ends = ends
		c.timer.Reset(ends.Sub(v.clock().Now()))
	}
}

// Forget lets the renditions and tickets of a case that by held go: it was decided, given back or parked.
// Those of whoever holds it now stay.
func (v *Viewer) Forget(id houvast.CaseID, by houvast.Actor) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c := v.claims[id]; c != nil && c.by == by {
		v.drop(c)
	}
}

// EndSession makes the tickets of a session useless: it was closed or locked.
func (v *Viewer) EndSession(session string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.finish(overSession, func(t *ticket) bool { return t.session == session })
}

// current returns the claim on a case that has not ended.
func (v *Viewer) current(id houvast.CaseID) *claim {
	c := v.claims[id]
	if c != nil && !v.clock().Now().Before(c.ends) {
		v.drop(c)
		return nil
	}
	return c
}

// expire is called by the timer of c. Law time may not have come as far as the machine's.
func (v *Viewer) expire(c *claim) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.claims[c.id] == c && v.current(c.id) == c {
		c.timer.Reset(max(c.ends.Sub(v.clock().Now()), time.Second))
	}
}

func (v *Viewer) drop(c *claim) {
	c.timer.Stop()
	if c.rendering {
		c.stop()
	}
	v.letGo(c)
	delete(v.claims, c.id)
	v.finish(overClaim, func(t *ticket) bool { return t.id == c.id })
}

func (v *Viewer) letGo(c *claim) {
	if c.pics != nil {
		v.kept -= c.pics.bytes
		c.pics, c.evicted = nil, true
	}
}

// finish makes tickets useless and keeps why.
func (v *Viewer) finish(why string, which func(*ticket) bool) {
	for _, t := range v.order {
		if t.over == "" && which(t) {
			t.over = why
		}
	}
	for t := range v.granting {
		if t.over == "" && which(t) {
			t.over = why
		}
	}
}

// first returns the claim that ends first of those that fit.
func (v *Viewer) first(fits func(*claim) bool) (first *claim) {
	for _, c := range v.claims {
		if fits(c) && (first == nil || c.ends.Before(first.ends)) {
			first = c
		}
	}
	return first
}

// begin renders a claim, unless that is under way.
func (v *Viewer) begin(c *claim) {
	if c.rendering {
		return
	}
	ctx, stop := context.WithCancel(v.life)
	c.rendering, c.stop, c.ready = true, stop, make(chan struct{})
	c.reason, c.again, c.evicted = "", false, false
	v.work.Go(func() {
		defer stop()
		pics, reason, again := v.render(ctx, c.id)
		v.mu.Lock()
		defer v.mu.Unlock()
		c.rendering = false
		close(c.ready)
		if v.claims[c.id] != c {
			return
		}
		c.pics, c.reason, c.again = pics, reason, again
		if pics == nil {
			return
		}
		v.kept += pics.bytes
		for v.kept > v.mostKept && v.kept > pics.bytes {
			v.letGo(v.first(func(o *claim) bool { return o.pics != nil && o != c }))
		}
	})
}

// render has the child make the pictures of a case, or says why there are none and whether the reason
// lay in the machine.
func (v *Viewer) render(ctx context.Context, id houvast.CaseID) (pics *pictures, reason string, again bool) {
	select {
	case v.places <- struct{}{}:
		defer func() { <-v.places }()
	case <-ctx.Done():
		return nil, ReasonFault, true
	}
	body, _, err := v.p.Original(ctx, id)
	if err == nil {
		defer body.Close()
		var answer []byte
		if answer, err = v.p.Children.Do(ctx, sandbox.Request{Op: OpRender}, body); err == nil {
			pics, reason = read(answer)
			return pics, reason, false
		}
	}
	switch why := sandbox.ReasonOf(err); {
	case why != "":
		return nil, string(why), why.Again()
	case houvast.KindOf(err) == houvast.TooLarge:
		return nil, tooManyBytes, false
	case houvast.KindOf(err) == houvast.Gone || houvast.KindOf(err) == houvast.NotFound:
		return nil, ReasonGone, false
	case ctx.Err() == nil:
		v.log.Error("a case cannot be rendered", "case", id.String(), "error", err)
	}
	return nil, ReasonFault, true
}
