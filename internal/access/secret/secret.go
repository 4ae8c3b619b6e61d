// Package secret holds what must not be shown, and links that work once.
//
// A Secret is the text of a password, token or key; it says nothing of itself by any way that a
// program prints, logs or encodes. Once keeps one-time tokens, of which memory holds only SHA-256.
package secret

import (
	"crypto/sha256"
	"database/sql/driver"
	"fmt"
	"io"
	"log/slog"

	"github.com/houvast/houvast"
)

// A Secret is a password, its stored hash, a session token or an API key. No format verb, no log
// handler, no encoder shows it and no database takes it; who needs the text converts it on purpose,
// with string(s), where it is shown once. The verbs %p and %w ask no method of a string; go vet
// refuses them for this type.
type Secret string

// redacted is what is shown in place of a secret, an empty one too.
const redacted = "[secret]"

// String returns a placeholder.
func (Secret) String() string { return redacted }

// GoString returns a placeholder.
func (Secret) GoString() string { return redacted }

// Format writes a placeholder for every verb; without it a wrong verb would show the text.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder, so that an answer that encodes a Secret by mistake shows none.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Value refuses: a secret that reaches a statement as it is, is a defect.
func (Secret) Value() (driver.Value, error) {
	return nil, houvast.Errorf("secret.Value", houvast.Internal, "", "a secret is never stored in clear")
}

// Digest is what is stored of a random secret, SHA-256. It needs no salt and no slow hash: nobody can
// guess 256 bits.
func (s Secret) Digest() []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// RandomLen characters of 5 bits are 260 random bits: what New puts after the prefix and its underscore.
const RandomLen = 52

// New makes a random secret, prefix_<52 characters>.
func New(prefix string) Secret { return Secret(houvast.RandomText(prefix, RandomLen)) }
