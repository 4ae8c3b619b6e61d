// Package bank owns banks: sets of known hashes, each of one category and one degree of trust.
//
// Entries come in by CSV (csv.go says which rows are refused and why) and are visible to matching
// as soon as the transaction that holds them commits: every row stands by itself, so half an import
// that a crash cut off is simply continued by importing the file again, where the first half counts
// as duplicates.
//
// The Index answers look-ups from memory and follows the table by its revision counter, so that an
// entry imported by the CLI beside a running server, or by another node, meets the next item. A
// hash is compared only with hashes of the same PDQ profile; an entry whose list did not say is
// compared with both.
//
// Tables: bank, bank_rev, bank_entry.
package bank

import (
	"regexp"
	"slices"
	"time"

	"github.com/houvast/houvast"
)

// A Bank is one row.
type Bank struct {
	ID        houvast.BankID   `json:"bank"`
	Name      string           `json:"name"`
	Category  houvast.Category `json:"category"`
	Trust     houvast.Trust    `json:"trust"`
	Threshold int              `json:"threshold"` // bits; a PDQ match is at most this far
	Disabled  bool             `json:"disabled"`
	Created   time.Time        `json:"created_at"`
	Entries   int              `json:"entries"`
}

// DefaultThreshold is the distance that the PDQ reference recommends, in bits.
const DefaultThreshold = 31

// An Entry is one row of a bank: at least one hash, and what its list says about it.
type Entry struct {
	ID       houvast.EntryID
	PDQ      *houvast.PDQ
	Profile  houvast.Profile
	MD5      []byte
	SHA1     []byte
	SHA256   []byte
	Tag      houvast.Category // the list's own category; "" when it gave none
	Member   string           // who contributed it
	SourceID string           // its name in the list
	Note     string
}

var goodName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// check refuses a bank that cannot be.
func (b Bank) check() error {
	const op = "bank.Create"
	if !goodName.MatchString(b.Name) {
		return houvast.Errorf(op, houvast.Invalid, "bad-bank-name", "a bank's name has 1 to 64 letters, digits, dots, dashes and underscores").
			WithHint("for example: national-list")
	}
	if !slices.Contains(houvast.Categories(), b.Category) {
		return houvast.Errorf(op, houvast.Invalid, "bad-category", "there is no such category of banks").
			WithHint("the categories are child_abuse, exploitation, self_submitted, ncii_adult, negative")
	}
	if b.Trust != houvast.Verified && b.Trust != houvast.Unverified {
		return houvast.Errorf(op, houvast.Invalid, "bad-trust", "a bank's trust is verified or unverified").
			WithHint("say verified only of lists whose every entry was checked by trained people")
	}
	if b.Category == houvast.SelfSubmitted && b.Trust == houvast.Verified {
		return houvast.Errorf(op, houvast.Invalid, "bad-trust", "a bank of self-submitted fingerprints is always unverified")
	}
	if b.Threshold < 0 || b.Threshold > 80 {
		return houvast.Errorf(op, houvast.Invalid, "bad-threshold", "a threshold is 0 to 80 bits").
			WithHint("31 is what the PDQ reference recommends")
	}
	return nil
}
