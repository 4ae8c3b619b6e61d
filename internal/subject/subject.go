// Package subject owns the accounts that items came from, as far as they must be linked: two items
// of one account have one subject. The account itself is not stored here; a keyed hash of it is,
// which links and tells nothing without the key. What a person must read is sealed in the case.
//
// Table: subject.
package subject

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/houvast/houvast"
)

// A Pepper is the key of the hashes. It lives with the other keys, outside the database.
type Pepper []byte

// link is the keyed hash of an account; the length in front keeps two accounts from running into
// each other.
func (p Pepper) link(a houvast.AccountRef) string {
	mac := hmac.New(sha256.New, p)
	mac.Write([]byte(strconv.Itoa(len(a.Source)) + ":" + a.Source + a.ID))
	return hex.EncodeToString(mac.Sum(nil))
}
