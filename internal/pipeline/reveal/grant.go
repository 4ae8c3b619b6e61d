package reveal

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
)

// A Ticket is one granted look. Path and Proof are secrets of the session; no log may hold them.
type Ticket struct {
	Reveal        string    // its number, as the audit log names it
	Path          string    // on the media origin: /r/<case>/<level>/<token>
	Proof         string    // of the session, for the header Authorization: Houvast <proof>
	Width, Height int       // of the rendition, in pixels
	MediaType     string    // image/jpeg
	Expires       time.Time // law time
}

// mediaType is that of every rendition.
const mediaType = "image/jpeg"

// A ticket is what the viewer knows of one. Its fields are guarded by the viewer's mutex.
type ticket struct {
	reveal  int64
	digest  [32]byte // of the token
	session string
	by      houvast.Actor
	id      houvast.CaseID
	level   review.Level
	granted time.Duration // on the hand that only measures

	used    bool
	over    string        // why it cannot be used any more; "" when it can
	refused int           // audit lines about its misuse
	settled chan struct{} // closed when it is known whether it was served
	served  bool
	left    time.Duration // when it was served
}

// numbered is how the log and the page name a reveal.
func numbered(n int64) string { return fmt.Sprintf("reveal_%016x", n) }

// Grant lets a session of ask.By look at one level of a case once. It waits until the renditions are
// there and until the audit line of the grant is signed. Only then is there a ticket.
//
// Refused are: Conflict claim-lost; Conflict step-skipped when the level before was not served to the
// same person; Invalid bad-level; Unsupported cannot-be-shown, with nothing written; Unavailable
// still-preparing when ctx ends first; Limited too-many-reveals when the case has too many tickets that
// nobody used. Each call is a look of its own, so ask.Key is not used; ask.Op is OpGrant.
func (v *Viewer) Grant(ctx context.Context, ask pipeline.Ask, session string, id houvast.CaseID, level review.Level) (Ticket, error) {
	const op = "reveal.Grant"
	all := review.Levels()
	if !slices.Contains(all[:], level) {
		return Ticket{}, houvast.Errorf(op, houvast.Invalid, "bad-level", "there is no such level").
			WithHint("the levels are mosaic, blurred, grey and colour")
	}
	if session == "" {
		return Ticket{}, houvast.Errorf(op, houvast.Forbidden, "", "a look needs a session of a person")
	}
	ask.Op, ask.Key, ask.Body = OpGrant, "", ""
	pics, err := v.await(ctx, id, ask.By)
	if err != nil {
		return Ticket{}, houvast.Wrap(op, err)
	}
	t := &ticket{session: session, by: ask.By, id: id, level: level, settled: make(chan struct{})}
	v.follow(ctx, t)
	if err := v.enter(t); err != nil {
		return Ticket{}, houvast.Wrap(op, err)
	}
	n, err := v.grant(ctx, v.p, ask, func(tx *store.Tx) (int64, pipeline.Done, error) {
		n, err := review.Grant(tx, id, ask.By, level, pics.whole)
		return n, pipeline.Did(id.String(), map[string]string{"level": string(level), "reveal": numbered(n), "whole": strconv.FormatBool(pics.whole)}), err
	})
	t.reveal = n
	token, err := v.issue(t, err)
	if err != nil {
		return Ticket{}, houvast.Wrap(op, err)
	}
	pic := pics.level[level]
	return Ticket{Reveal: numbered(n), Path: "/r/" + id.String() + "/" + string(level) + "/" + token, Proof: v.proof(session),
		Width: pic.width, Height: pic.height, MediaType: mediaType, Expires: v.clock().Now().Add(ValidFor)}, nil
}

// await returns the pictures of a case that by holds, when they are there.
func (v *Viewer) await(ctx context.Context, id houvast.CaseID, by houvast.Actor) (*pictures, error) {
	const op = "reveal.await"
	var held review.Case
	err := v.p.W.DB().View(ctx, func(tx *store.Tx) (err error) {
		held, err = review.Holds(tx, id, by)
		return err
	})
	if err != nil {
		return nil, err
	}
	v.Prepare(id, by, held.ClaimEnds)
	v.mu.Lock()
	defer v.mu.Unlock()
	for {
		c := v.current(id)
		if c == nil || c.by != by {
			return nil, claimLost(op)
		}
		if c.evicted {
			v.begin(c)
		}
		if !c.rendering {
			if c.pics == nil {
				return nil, houvast.Errorf(op, houvast.Unsupported, "cannot-be-shown", "the file cannot be shown: %s", c.reason).
					WithHint("decide from the facts, or park the case for advice")
			}
			return c.pics, nil
		}
		ready := c.ready
		v.mu.Unlock()
		select {
		case <-ready:
		case <-ctx.Done():
		}
		v.mu.Lock()
		if ctx.Err() != nil {
			return nil, houvast.Errorf(op, houvast.Unavailable, "still-preparing", "the picture is still being prepared: %w", ctx.Err()).
				WithHint("try again in a moment")
		}
	}
}

// follow waits for our own note that the step before t was served: the page has its last byte a moment
// before that is written, and who then asks for the next step has skipped none.
func (v *Viewer) follow(ctx context.Context, t *ticket) {
	all := review.Levels()
	rank := slices.Index(all[:], t.level)
	if rank == 0 {
		return
	}
	v.mu.Lock()
	before := slices.DeleteFunc(slices.Clone(v.order), func(o *ticket) bool {
		return o.id != t.id || o.by != t.by || o.level != all[rank-1] || !o.used
	})
	v.mu.Unlock()
	late := time.After(patience)
	for _, o := range before {
		select {
		case <-o.settled:
		case <-late:
			return
		case <-ctx.Done():
			return
		}
		v.mu.Lock()
		served := o.served
		v.mu.Unlock()
		if served {
			return
		}
	}
}

func claimLost(op string) error {
	return houvast.Errorf(op, houvast.Conflict, "claim-lost", "the claim on this case is not yours or has run out").
		WithHint("pull the next case again")
}

// enter makes a ticket known while its line is being signed, so that what ends its session or claim
// meanwhile ends it too.
func (v *Viewer) enter(t *ticket) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	now, open := v.clock().Mono(), 0
	for g := range v.granting {
		if g.id == t.id {
			open++
		}
	}
	for _, o := range v.order {
		if o.id == t.id && !o.used && o.over == "" && now < o.granted+ValidFor {
			open++
		}
	}
	if open >= maxOpen {
		return houvast.Errorf("reveal.Grant", houvast.Limited, "too-many-reveals", "%d looks at this case were granted and not used", open).
			WithHint("wait half a minute")
	}
	v.granting[t] = true
	return nil
}

// issue gives a ticket its token, when it was granted and nothing ended meanwhile.
func (v *Viewer) issue(t *ticket, err error) (token string, _ error) {
	const op = "reveal.Grant"
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.granting, t)
	switch {
	case err != nil:
		return "", err
	case t.over == overSession:
		return "", houvast.Errorf(op, houvast.Unauthenticated, "session-ended", "the session has ended").WithHint("sign in again")
	case t.over != "" || v.current(t.id) == nil:
		return "", claimLost(op)
	}
	token = houvast.RandomText("look", 32) // 160 bits
	t.digest, t.granted = sha256.Sum256([]byte(token)), v.clock().Mono()
	v.tickets[t.digest], v.reveals[t.reveal] = t, t
	v.order = append(v.order, t)
	for len(v.order) > maxTickets || t.granted-v.order[0].granted > remembered {
		delete(v.tickets, v.order[0].digest)
		delete(v.reveals, v.order[0].reveal)
		v.order[0] = nil
		v.order = v.order[1:]
	}
	return token, nil
}

// Shown records for how many milliseconds a reveal was on the page of the session it was granted to.
// Never more count than have passed since its last byte was written, by both clocks, and never more
// than review.MaxShown. Only the first word counts; a later one changes nothing and writes no line.
// NotFound says that there is no such reveal to this person and session, Conflict not-served that its
// bytes never left, Conflict claim-lost that its claim is over, Unauthenticated that the session is.
// When a case becomes viewed by it, the draft of its report is another one: who read the old one must
// read again before they approve it. ask.Op is OpShown.
func (v *Viewer) Shown(ctx context.Context, ask pipeline.Ask, session, reveal string, milliseconds int64) error {
	const op = "reveal.Shown"
	none := houvast.Errorf(op, houvast.NotFound, "", "there is no such reveal")
	hex, named := strings.CutPrefix(reveal, "reveal_")
	n, err := strconv.ParseInt(hex, 16, 64)
	if !named || err != nil || numbered(n) != reveal {
		return none
	}
	v.mu.Lock()
	t := v.reveals[n]
	used := t != nil && t.used
	v.mu.Unlock()
	if t != nil {
		if t.by != ask.By || t.session != session {
			return none
		}
		if used { // the page may be faster than our own note that the last byte was written
			select {
			case <-t.settled:
			case <-time.After(patience):
			case <-ctx.Done():
			}
		}
		v.mu.Lock()
		if t.served {
			milliseconds = min(milliseconds, (v.clock().Mono() - t.left).Milliseconds())
		}
		v.mu.Unlock()
	}
	if !v.open(ctx, session) {
		return houvast.Errorf(op, houvast.Unauthenticated, "session-ended", "the session has ended").WithHint("sign in again")
	}
	ask.Op = OpShown
	_, err = pipeline.Do(ctx, v.p, ask, func(tx *store.Tx) (int64, pipeline.Done, error) {
		id, ms, first, err := review.Shown(tx, n, ask.By, milliseconds)
		done := pipeline.Did(id.String(), map[string]string{"reveal": reveal, "ms": strconv.FormatInt(ms, 10)})
		if done.Nothing = !first; err == nil && first && ms >= review.MinShown {
			err = reread(tx, id)
		}
		return ms, done, err
	})
	return houvast.Wrap(op, err)
}

// reread makes the draft of a case's report another version than anybody has read.
func reread(tx *store.Tx, id houvast.CaseID) error {
	r, err := report.OfCase(tx, id)
	if houvast.KindOf(err) == houvast.NotFound {
		return nil
	}
	if err == nil && r.State == report.Draft {
		_, err = report.Change(tx, r, r.Content, "")
	}
	return err
}
