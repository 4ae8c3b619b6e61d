package access

import (
	"context"
	"fmt"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

// Limits of signing in. A success costs no try.
//
// A name that is under attack can be closed to its owner for as long as the attack lasts; sessions
// that are open stay so. Each process counts for itself, so n nodes allow n times as many.
const (
	nameTries   = 10 // wrong tries for one name, at once
	nameEvery   = time.Minute
	clientTries = 30 // wrong tries of one client, at once
	clientEvery = 20 * time.Second
	atOnce      = 2  // argon2id computations at once: 38 MiB
	mostWaiting = 32 // who else waits for one, about half a second
)

// A Gate verifies and hashes passwords, not too many and not too fast. One for the process.
type Gate struct {
	clock   houvast.Clock
	names   *rate
	clients *rate
	slots   *slots
	nobody  phc
}

// NewGate returns a gate that counts tries on clock's hand that only measures.
func NewGate(clock houvast.Clock) *Gate {
	return &Gate{
		clock:   clock,
		names:   newRate(nameTries, nameEvery),
		clients: newRate(clientTries, clientEvery),
		slots:   newSlots(atOnce, mostWaiting),
		nobody:  nobodysPHC(),
	}
}

// A Proof says that somebody knew the password of an account a moment ago. Only Verify makes one;
// only OpenSession takes it, and looks again.
type Proof struct {
	user     houvast.UserID
	password string // the hash that was verified; another one since then voids the proof
}

// Format keeps the hash inside out of every message.
func (Proof) Format(f fmt.State, _ rune) { f.Write([]byte("[proof]")) }

// Hash returns what is stored of a password for the account called name. It is slow and belongs
// outside transactions. A password that is too short, too long or the name itself is Invalid, code
// bad-password.
func (g *Gate) Hash(ctx context.Context, name string, password Secret) (hash Secret, err error) {
	if err := checkPassword(name, password); err != nil {
		return "", err
	}
	err = g.slots.run(ctx, func() { hash = Secret(newPHC(password).encode()) })
	return hash, err
}

// Verify checks a password. client names where the try comes from, as far as tries from there shall
// be counted together: an IPv4 address, or the first 64 bits of an IPv6 address. It is kept only as
// a keyed hash in memory.
//
// An unknown name, a wrong password and a disabled account are one error: Unauthenticated, code
// wrong-login. Too many tries for the name or from the client are Limited, code too-many-tries,
// with the seconds to wait in the hint; the same comes for names that do not exist. Too many people
// waiting is Limited, code sign-in-busy.
func (g *Gate) Verify(ctx context.Context, db *store.DB, name string, password Secret, client string) (Proof, error) {
	const op = "access.Verify"
	name, wellFormed := foldName(name)
	now := g.clock.Mono()
	if wait := g.clients.take(client, now); wait > 0 {
		return Proof{}, tooMany(wait)
	}
	if wait := g.names.take(name, now); wait > 0 {
		return Proof{}, tooMany(wait) // the client's try stays used
	}
	giveBack := func() { g.clients.giveBack(client); g.names.giveBack(name) }

	u, h := credential{}, g.nobody
	if wellFormed {
		var found bool
		var err error
		if u, found, err = loadCredential(ctx, db, name); err != nil {
			giveBack()
			return Proof{}, houvast.Wrap(op, err)
		}
		if found {
			h = u.phc
		}
	}
	if len(password) > MaxPasswordBytes {
		return Proof{}, wrongLogin() // nobody has such a password, so this says nothing about the name
	}
	var same bool
	if err := g.slots.run(ctx, func() { same = h.matches(password) }); err != nil {
		giveBack()
		return Proof{}, err
	}
	if !same || u.id == 0 || u.disabled {
		return Proof{}, wrongLogin()
	}
	giveBack()
	return Proof{user: u.id, password: h.encode()}, nil
}

func wrongLogin() error {
	return houvast.Errorf("access.Verify", houvast.Unauthenticated, "wrong-login", "the name or the password is wrong").
		WithHint("try again; an admin can give the account another password")
}

func tooMany(wait time.Duration) error {
	seconds := int64((wait + time.Second - 1) / time.Second)
	return houvast.Errorf("access.Verify", houvast.Limited, "too-many-tries", "there were too many tries to sign in").
		WithHint("try again in %d seconds", seconds)
}

// slots bound how much is computed at once, and how many wait for it.
type slots struct {
	busy  chan struct{}
	lined chan struct{}
}

func newSlots(atOnce, waiting int) *slots {
	return &slots{busy: make(chan struct{}, atOnce), lined: make(chan struct{}, atOnce+waiting)}
}

// run calls fn when a slot is free. It does not call it when too many wait or ctx ends first.
func (s *slots) run(ctx context.Context, fn func()) error {
	const op = "access.Gate"
	select {
	case s.lined <- struct{}{}:
		defer func() { <-s.lined }()
	default:
		return houvast.Errorf(op, houvast.Limited, "sign-in-busy", "too many people are signing in at once").
			WithHint("try again in a few seconds")
	}
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	case <-ctx.Done():
		return houvast.Errorf(op, houvast.Unavailable, "", "signing in was given up: %w", ctx.Err())
	}
	fn()
	return nil
}
