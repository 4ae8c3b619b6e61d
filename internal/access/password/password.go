// Package password is the slow part of signing in, without accounts: argon2id hashes, how many are
// computed at once, and how many tries there are.
//
// A Hash is what is stored of a password. Slots bound the memory that guesses can make us use, a Rate
// how many guesses there are. None of them knows whose password it is; access.Gate does.
//
// Where numbers come from: OWASP's Password Storage Cheat Sheet for argon2id (19 MiB, 2 passes, 1 lane).
package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access/secret"
	"golang.org/x/crypto/argon2"
)

// Lengths of a password. The upper bound is there so that nobody makes us hash megabytes.
const (
	Min = 12  // characters
	Max = 512 // bytes
)

// A cost is how expensive one guess at a password is.
type cost struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
}

// today is the cost of new hashes, the configuration that OWASP names first for argon2id. Older
// hashes carry their own.
var today = cost{memory: 19 << 10, passes: 2, lanes: 1}

// most bounds what a stored hash may make us compute.
var most = cost{memory: 256 << 10, passes: 10, lanes: 4}

const saltLen, tagLen = 16, 32

// A Hash is what is stored of a password, written as
// $argon2id$v=19$m=19456,t=2,p=1$salt$tag (the PHC string format; RFC 9106 for the function).
type Hash struct {
	cost
	salt, tag []byte
}

var b64 = base64.RawStdEncoding.Strict()

// Format keeps the hash out of every message.
func (Hash) Format(f fmt.State, _ rune) { io.WriteString(f, "[hash]") }

// Text returns the text that is stored.
func (h Hash) Text() secret.Secret {
	return secret.Secret(fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.lanes,
		b64.EncodeToString(h.salt), b64.EncodeToString(h.tag)))
}

// Current reports whether the hash is as New makes it today, and not of another cost or length.
func (h Hash) Current() bool {
	return h.cost == today && len(h.salt) == saltLen && len(h.tag) == tagLen
}

// Parse reads exactly what Text writes, within bounds.
func Parse(s string) (h Hash, ok bool) {
	parts := strings.Split(s, "$")
	if len(s) > 256 || len(parts) != 6 {
		return h, false
	}
	numbers := strings.Split(parts[3], ",")
	if len(numbers) != 3 {
		return h, false
	}
	var v [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		digits, found := strings.CutPrefix(numbers[i], name)
		n, err := strconv.ParseUint(digits, 10, 32)
		if !found || err != nil {
			return h, false
		}
		v[i] = n
	}
	if v[0] < 8 || v[0] > uint64(most.memory) || v[1] < 1 || v[1] > uint64(most.passes) || v[2] < 1 || v[2] > uint64(most.lanes) {
		return h, false
	}
	h.cost = cost{memory: uint32(v[0]), passes: uint32(v[1]), lanes: uint8(v[2])}
	var err1, err2 error
	h.salt, err1 = b64.DecodeString(parts[4])
	h.tag, err2 = b64.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.tag) < 16 {
		return h, false
	}
	return h, string(h.Text()) == s
}

// hash is the slow function.
func (c cost) hash(pw secret.Secret, salt []byte, n int) []byte {
	return argon2.IDKey([]byte(pw), salt, c.passes, c.memory, c.lanes, uint32(n))
}

// Matches reports whether this is a hash of pw. It is as slow as New.
func (h Hash) Matches(pw secret.Secret) bool {
	return subtle.ConstantTimeCompare(h.hash(pw, h.salt, len(h.tag)), h.tag) == 1
}

// New hashes a password under a new salt.
func New(pw secret.Secret) Hash {
	h := Hash{cost: today, salt: make([]byte, saltLen)}
	rand.Read(h.salt)
	h.tag = h.hash(pw, h.salt, tagLen)
	return h
}

// Nobody returns a hash that costs as much to verify as any other, and that no password matches.
func Nobody() Hash {
	h := Hash{cost: today, salt: make([]byte, saltLen), tag: make([]byte, tagLen)}
	rand.Read(h.salt)
	rand.Read(h.tag)
	return h
}

// Check refuses what is too short, too long, or the name: Invalid, code bad-password.
func Check(name string, pw secret.Secret) error {
	const op = "password.Check"
	switch {
	case len(pw) > Max:
		return houvast.Errorf(op, houvast.Invalid, "bad-password", "the password is longer than %d bytes", Max).
			WithHint("choose a shorter one")
	case !utf8.ValidString(string(pw)):
		return houvast.Errorf(op, houvast.Invalid, "bad-password", "the password is not UTF-8 text").
			WithHint("choose one that can be typed")
	case utf8.RuneCountInString(string(pw)) < Min:
		return houvast.Errorf(op, houvast.Invalid, "bad-password", "the password is shorter than %d characters", Min).
			WithHint("choose a longer one; a few words are easier to keep than signs")
	case strings.EqualFold(string(pw), name):
		return houvast.Errorf(op, houvast.Invalid, "bad-password", "the password is the name").
			WithHint("choose another one")
	}
	return nil
}
