package secret

import (
	"cmp"
	"crypto/subtle"
	"slices"
	"sync"
	"time"

	"github.com/houvast/houvast"
)

// MaxOnce is how many tokens one Once keeps; another one ends the one that would end first.
const MaxOnce = 64

const oncePrefix = "hvo"

// Once keeps tokens that work once: for the link that begins an installation, and for links into a
// demo. It lives in memory, so a restart ends them all. Of a token only SHA-256 is kept; every one that
// is kept is compared in constant time.
type Once struct {
	clock houvast.Clock

	mu   sync.Mutex
	open []once
}

type once struct {
	digest []byte
	what   string
	ends   time.Duration // on the hand that only measures
}

// NewOnce returns an empty Once whose time is the clock's hand that only measures.
func NewOnce(clock houvast.Clock) *Once { return &Once{clock: clock} }

// Issue makes a token for what, which ends after ttl. The token is nowhere else.
func (o *Once) Issue(what string, ttl time.Duration) Secret {
	token := New(oncePrefix)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sweep()
	o.open = append(o.open, once{token.Digest(), what, o.clock.Mono() + ttl})
	slices.SortStableFunc(o.open, func(a, b once) int { return cmp.Compare(a.ends, b.ends) })
	o.open = o.open[max(0, len(o.open)-MaxOnce):]
	return token
}

// Look returns what a token is for, and leaves it as it is: for the page before the button.
func (o *Once) Look(token Secret) (what string, ok bool) { return o.find(token, false) }

// Take returns what a token is for and ends it. Of any number of callers at once one gets it.
func (o *Once) Take(token Secret) (what string, ok bool) { return o.find(token, true) }

func (o *Once) find(token Secret, take bool) (what string, ok bool) {
	if len(token) != len(oncePrefix)+1+RandomLen {
		return "", false
	}
	digest := token.Digest()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sweep()
	at := -1
	for i, t := range o.open {
		if subtle.ConstantTimeCompare(t.digest, digest) == 1 {
			at = i
		}
	}
	if at < 0 {
		return "", false
	}
	what = o.open[at].what
	if take {
		o.open = slices.Delete(o.open, at, at+1)
	}
	return what, true
}

// sweep forgets what has ended.
func (o *Once) sweep() {
	now := o.clock.Mono()
	o.open = slices.DeleteFunc(o.open, func(t once) bool { return now >= t.ends })
}
