package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/houvast/houvast"
	"golang.org/x/crypto/argon2"
)

// Lengths of a password. The upper bound is there so that nobody makes us hash megabytes.
const (
	MinPassword      = 12  // characters
	MaxPasswordBytes = 512 // bytes
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

// A phc is a stored password hash, written as
// $argon2id$v=19$m=19456,t=2,p=1$salt$tag (the PHC string format; RFC 9106 for the function).
type phc struct {
	cost
	salt, tag []byte
}

var b64 = base64.RawStdEncoding.Strict()

// encode returns the text that is stored. phc has no String method, so that it is not shown by accident.
func (h phc) encode() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.lanes,
		b64.EncodeToString(h.salt), b64.EncodeToString(h.tag))
}

// parsePHC reads exactly what encode writes, within bounds.
func parsePHC(s string) (h phc, ok bool) {
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
	return h, h.encode() == s
}

// hash is the slow function.
func (c cost) hash(pw Secret, salt []byte, n int) []byte {
	return argon2.IDKey([]byte(pw), salt, c.passes, c.memory, c.lanes, uint32(n))
}

// matches is as slow as hash.
func (h phc) matches(pw Secret) bool {
	return subtle.ConstantTimeCompare(h.hash(pw, h.salt, len(h.tag)), h.tag) == 1
}

// newPHC hashes a password under a new salt.
func newPHC(pw Secret) phc {
	h := phc{cost: today, salt: make([]byte, saltLen)}
	rand.Read(h.salt)
	h.tag = h.hash(pw, h.salt, tagLen)
	return h
}

// nobodysPHC costs as much to verify as any other, and no password matches it.
func nobodysPHC() phc {
	h := phc{cost: today, salt: make([]byte, saltLen), tag: make([]byte, tagLen)}
	rand.Read(h.salt)
	rand.Read(h.tag)
	return h
}

// checkPassword refuses what is too short, too long, or the name.
func checkPassword(name string, pw Secret) error {
	const op = "access.Hash"
	switch {
	case len(pw) > MaxPasswordBytes:
		return houvast.Errorf(op, houvast.Invalid, "bad-password", "the password is longer than %d bytes", MaxPasswordBytes).
			WithHint("choose a shorter one")
	case !utf8.ValidString(string(pw)):
		return houvast.Errorf(op, houvast.Invalid, "bad-password", "the password is not UTF-8 text").
			WithHint("choose one that can be typed")
	case utf8.RuneCountInString(string(pw)) < MinPassword:
		return houvast.Errorf(op, houvast.Invalid, "bad-password", "the password is shorter than %d characters", MinPassword).
			WithHint("choose a longer one; a few words are easier to keep than signs")
	case strings.EqualFold(string(pw), name):
		return houvast.Errorf(op, houvast.Invalid, "bad-password", "the password is the name").
			WithHint("choose another one")
	}
	return nil
}
