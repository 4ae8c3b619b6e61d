package access

import (
	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access/secret"
)

// A Secret is a password, its stored hash, a session token or an API key; see package secret.
type Secret = secret.Secret

// Once keeps links that work once, see package secret.
type Once = secret.Once

// NewOnce returns an empty Once whose time is the clock's hand that only measures.
func NewOnce(clock houvast.Clock) *Once { return secret.NewOnce(clock) }
