// Package reveal lets a person look at a case, step by step, on purpose and on record.
//
// The nouns. Renditions are four re-encoded pictures of a case: mosaic, blurred, grey, colour. A claim
// is a case that a person holds; its renditions are kept while it lasts. A ticket is one granted look:
// an address that works once, for 30 seconds, for one case, one level and one session. The proof is
// what the session shows with the address; it is the same for all tickets of a session.
//
// The states of renditions: preparing, then ready, or cannot be shown with a reason. Preparing begins
// when the case is claimed, so that looking costs no waiting; whoever reads the facts never waits for
// it. The states of a ticket: open, then used, and over when it expired, its claim ended or its session
// closed. A used ticket is served once its last byte was written, and shown as its page says.
//
// What must stay true:
//
//   - No rendition leaves without a grant, and no ticket exists before the audit line of its grant is
//     under a signed checkpoint. Grant, served and shown are three facts in three transactions: a crash
//     between them never makes one of the next.
//   - A picture holds nothing of the file but pixels. The child that makes it may have been taken over
//     by the file, so what it answers is taken apart here too: a JPEG that has more than tables, a frame
//     and one scan is refused.
//   - A file that cannot be decoded has no pictures and a reason. Nobody is granted a look at nothing.
//   - Whoever asks for an address that is not theirs, a second time, or too late learns only that it is
//     not there. If the address was once given out, that is in the audit log.
//   - Everything is kept in memory alone, bounded in number and bytes, and let go when the claim ends.
//     After a restart renditions are made anew; tickets are gone, and so nobody can use one.
package reveal

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"sync"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
)

// OpRender is the operation that the decoding child is asked for. It answers JSON, see rendered.
const OpRender = "render"

// The names of what is done, as package access and the audit log know them. A refusal and a served
// reveal are written by the system: who asked for the first is not known, and the second follows from
// what was granted.
const (
	OpGrant   = "reveals.grant"
	OpShown   = "reveals.shown"
	OpRefused = "reveal.refused"
	OpServed  = "reveal.served"
)

// ValidFor is how long a ticket can be used.
const ValidFor = 30 * time.Second

// The bounds.
const (
	maxClaims   = 256       // the one that ends first goes
	maxKept     = 256 << 20 // bytes of renditions; those of the claim that ends first go, and are made again when asked for
	atOnce      = 2         // cases that are being rendered
	maxOpen     = 8         // tickets of one case that nobody has used yet
	maxTickets  = 4096      // remembered, used ones too
	remembered  = time.Hour // how long a ticket is known, so that its misuse is on record
	maxRefusals = 20        // audit lines about the misuse of one ticket
	patience    = 2 * time.Second
)

// A Viewer keeps renditions and tickets. There is one in a process. It is safe for concurrent use.
type Viewer struct {
	// SessionOpen reports whether a session is still signed in. It is asked before bytes leave and before
	// it is believed for how long something was shown. Nil takes every session for open. Set it before the first call.
	SessionOpen func(ctx context.Context, session string) (bool, error)

	p      *pipeline.Pipeline
	log    *slog.Logger
	key    [32]byte // of the proofs; dies with the process, as the tickets do
	life   context.Context
	end    context.CancelFunc
	work   sync.WaitGroup
	places chan struct{} // one token for each case that is being rendered

	// grant is pipeline.Do, which returns when the line is signed.
	grant func(context.Context, *pipeline.Pipeline, pipeline.Ask, func(*store.Tx) (int64, pipeline.Done, error)) (int64, error)

	mostClaims int   // maxClaims; less in a test
	mostKept   int64 // maxKept

	mu       sync.Mutex
	claims   map[houvast.CaseID]*claim
	kept     int64                // bytes in claims
	granting map[*ticket]bool     // tickets whose line is not signed yet
	tickets  map[[32]byte]*ticket // by the digest of the token
	reveals  map[int64]*ticket    // the same by the number of the reveal
	order    []*ticket            // the same, oldest first
}

// New returns a viewer of the cases of p. Close it.
func New(p *pipeline.Pipeline, log *slog.Logger) *Viewer {
	v := &Viewer{
		p: p, log: log, places: make(chan struct{}, atOnce), grant: pipeline.Do[int64], mostClaims: maxClaims, mostKept: maxKept,
		claims: map[houvast.CaseID]*claim{}, granting: map[*ticket]bool{}, tickets: map[[32]byte]*ticket{}, reveals: map[int64]*ticket{},
	}
	v.life, v.end = context.WithCancel(context.Background()) // renditions outlive the request that claimed the case
	rand.Read(v.key[:])
	return v
}

// Close lets everything go and returns when nothing is being rendered any more.
func (v *Viewer) Close() {
	v.end()
	v.mu.Lock()
	for _, c := range v.claims {
		v.drop(c)
	}
	v.mu.Unlock()
	v.work.Wait()
}

func (v *Viewer) clock() houvast.Clock { return v.p.W.DB().Clock() }

// proof is what a session shows with an address.
func (v *Viewer) proof(session string) string {
	mac := hmac.New(sha256.New, v.key[:])
	mac.Write([]byte("proof of session " + session))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// A ViewState says what can be shown of a case.
type ViewState string

// The states of a View.
const (
	Ready     ViewState = "ready"
	Preparing ViewState = "preparing" // ask again; it takes less than a second
	Cannot    ViewState = "cannot"    // cannot be shown, for the reason given
	Unclaimed ViewState = "unclaimed" // nobody holds the case, so nothing is prepared
)

// A View is what can be shown of a case.
type View struct {
	State  ViewState
	Reason string // of Cannot: the decoder's or the sandbox's, as words.Reason takes it; or one of ours
	Frames int    // of Ready: frames, pages or pictures in the file, the first of which is shown
	Whole  bool   // of Ready: nothing to look at is in the file besides what is shown
	Width  int    // of Ready: of the file's picture as a viewer shows it, in pixels
	Height int
}

// The reasons of Cannot that are ours and not the decoder's.
const (
	ReasonGone  = "gone"        // the bytes were destroyed
	ReasonFault = "unavailable" // the machine failed; a later grant tries again
)

// State returns what can be shown of a case. It waits for no rendering, and begins one when a person
// holds the case and none was begun.
func (v *Viewer) State(ctx context.Context, id houvast.CaseID) View {
	v.mu.Lock()
	c := v.current(id)
	v.mu.Unlock()
	if c == nil {
		held, err := v.load(ctx, id)
		if err != nil || held.State != review.Open || held.ClaimedBy == "" || !v.clock().Now().Before(held.ClaimEnds) {
			return View{State: Unclaimed}
		}
		v.Prepare(id, held.ClaimedBy, held.ClaimEnds)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	c = v.current(id)
	switch {
	case c == nil:
		return View{State: Unclaimed}
	case c.rendering || c.evicted:
		v.begin(c)
		return View{State: Preparing}
	case c.pics == nil:
		return View{State: Cannot, Reason: c.reason}
	}
	return View{State: Ready, Frames: c.pics.frames, Whole: c.pics.whole, Width: c.pics.width, Height: c.pics.height}
}

// Reached returns the highest level of a case that was served to by, "" for none: the page offers the
// next one.
func (v *Viewer) Reached(ctx context.Context, id houvast.CaseID, by houvast.Actor) (level review.Level, err error) {
	err = v.p.W.DB().View(ctx, func(tx *store.Tx) (err error) {
		level, err = review.Reached(tx, id, by)
		return err
	})
	return level, houvast.Wrap("reveal.Reached", err)
}

func (v *Viewer) load(ctx context.Context, id houvast.CaseID) (c review.Case, err error) {
	err = v.p.W.DB().View(ctx, func(tx *store.Tx) (err error) {
		c, err = review.Get(tx, id)
		return err
	})
	return c, err
}
