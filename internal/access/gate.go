package access

import (
	"context"
	"fmt"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access/password"
	"github.com/houvast/houvast/internal/store"
)

// Lengths of a password, see password.Check.
const (
	MinPassword      = password.Min // characters
	MaxPasswordBytes = password.Max // bytes
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
	names   *password.Rate
	clients *password.Rate
	slots   *password.Slots
	nobody  password.Hash
}

// NewGate returns a gate that counts tries on clock's hand that only measures.
func NewGate(clock houvast.Clock) *Gate {
	return &Gate{
		clock:   clock,
		names:   password.NewRate(nameTries, nameEvery),
		clients: password.NewRate(clientTries, clientEvery),
		slots:   password.NewSlots(atOnce, mostWaiting),
		nobody:  password.Nobody(),
	}
}

// A Proof says that somebody knew the password of an account a moment ago. Only Verify makes one;
// who takes it looks again.
type Proof struct {
	user houvast.UserID
	hash Secret // the one that was verified; another one since then voids the proof
}

// Format keeps the hash inside out of every message.
func (Proof) Format(f fmt.State, _ rune) { f.Write([]byte("[proof]")) }

// Hash returns what is stored of a password for the account called name. It is slow and belongs
// outside transactions. A password that is too short, too long or the name itself is Invalid, code
// bad-password.
func (g *Gate) Hash(ctx context.Context, name string, pw Secret) (hash Secret, err error) {
	if err := password.Check(name, pw); err != nil {
		return "", err
	}
	err = g.slots.Run(ctx, func() { hash = password.New(pw).Text() })
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
func (g *Gate) Verify(ctx context.Context, db *store.DB, name string, pw Secret, client string) (Proof, error) {
	const op = "access.Verify"
	name, wellFormed := foldName(name)
	now := g.clock.Mono()
	if wait := g.clients.Take(client, now); wait > 0 {
		return Proof{}, tooMany(wait)
	}
	if wait := g.names.Take(name, now); wait > 0 {
		return Proof{}, tooMany(wait) // the client's try stays used
	}
	giveBack := func() { g.clients.GiveBack(client); g.names.GiveBack(name) }

	u, h := credential{}, g.nobody
	if wellFormed {
		var found bool
		var err error
		if u, found, err = loadCredential(ctx, db, name); err != nil {
			giveBack()
			return Proof{}, houvast.Wrap(op, err)
		}
		if found {
			h = u.hash
		}
	}
	if len(pw) > MaxPasswordBytes {
		return Proof{}, wrongLogin() // nobody has such a password, so this says nothing about the name
	}
	var same bool
	if err := g.slots.Run(ctx, func() { same = h.Matches(pw) }); err != nil {
		giveBack()
		return Proof{}, err
	}
	if !same || u.id == 0 || u.disabled {
		return Proof{}, wrongLogin()
	}
	giveBack()
	return Proof{user: u.id, hash: h.Text()}, nil
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
