package desk_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
)

// list is a CSV of n entries that differ in every hash; the last one is last.
func list(n int, last string) []byte {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	rng := rand.New(rand.NewPCG(1, 2))
	hex := func(words int) {
		for range words {
			fmt.Fprintf(w, "%016x", rng.Uint64())
		}
	}
	fmt.Fprintln(w, "pdq,pdq_profile,md5")
	for range n - 1 {
		hex(4)
		w.WriteString(",near512,")
		hex(2)
		w.WriteString("\n")
	}
	fmt.Fprintln(w, last)
	w.Flush()
	return b.Bytes()
}

// A hundred thousand rows come in, all of them new, and the last one meets the next upload. The time
// is told and not judged.
func TestImportOfAHundredThousand(t *testing.T) {
	const n = 100_000
	data := picture(1)
	rows := list(n, decode.Hash(data, decode.DefaultLimits()).PDQ[0].String()+",near512,")
	each(t, func(t *testing.T, d *counter) {
		d.bank("list", "md5")
		before := d.bring(data)
		began := time.Now()
		in, err := d.Import(t.Context(), ask("carol", "banks.import"), "list", bytes.NewReader(rows))
		took := time.Since(began)
		equal(t, "import", []any{must(t, in, err).Rows, in.Added, in.Duplicates, in.Refused}, []any{n, n, 0, 0})
		began = time.Now()
		after := d.bring(data)
		t.Logf("%s: %d rows in %.1f s (%.0f rows/s), the next item after %.2f s", d.W.DB().Engine(), n, took.Seconds(), n/took.Seconds(), time.Since(began).Seconds())
		equal(t, "cases before and after", []bool{d.hasCase(before), d.hasCase(after)}, "[false true]")
		equal(t, "index", d.Index.Len(), n)
		banks, err := d.Banks(t.Context())
		equal(t, "entries", must(t, banks, err)[0].Entries, n)
	})
}

func (d *counter) hasCase(id houvast.ItemID) bool {
	d.t.Helper()
	err := d.W.DB().View(d.t.Context(), func(tx *store.Tx) error { _, err := review.OfItem(tx, id); return err })
	if err != nil && houvast.KindOf(err) != houvast.NotFound {
		d.t.Fatal(err)
	}
	return err == nil
}

// What is refused is told by its row, what was there counts as such, and a second import adds only
// the rest.
func TestImportCounts(t *testing.T) {
	each(t, func(t *testing.T, d *counter) {
		a, b := picture(1), picture(2)
		d.bank("list", "sha256", sum(a))
		csv := "sha256\n" + sum(a) + "\nnot a hash\n" + sum(b) + "\n" + strings.Repeat("00\n", 150)
		in, err := d.Import(t.Context(), ask("carol", "banks.import"), "list", strings.NewReader(csv))
		equal(t, "import", []any{must(t, in, err).Bank, in.Rows, in.Added, in.Duplicates, in.Refused, len(in.Refusals)}, []any{"list", 153, 1, 1, 151, 100})
		equal(t, "the first refusal", in.Refusals[0], bank.Refusal{Row: 3, Reason: "sha256 has 10 digits, not 64"})
		again, err := d.Import(t.Context(), ask("carol", "banks.import"), "list", strings.NewReader(csv))
		equal(t, "again", []any{must(t, again, err).Added, again.Duplicates}, []any{0, 2})
		equal(t, "audit lines", d.number("SELECT COUNT(*) FROM audit_line WHERE action = 'banks.import' AND subject = 'list'"), 3)

		_, err = d.Import(t.Context(), ask("carol", "banks.import"), "nowhere", strings.NewReader(csv))
		kind(t, "into no bank", err, houvast.NotFound, "bank-unknown")
		_, err = d.Import(t.Context(), ask("carol", "banks.import"), "list", strings.NewReader("name\nx\n"))
		kind(t, "without hashes", err, houvast.Invalid, "import-refused")
		_, err = d.CreateBank(t.Context(), ask("carol", "banks.create"), bank.Bank{Name: "list", Category: houvast.ChildAbuse, Trust: houvast.Verified, Threshold: bank.DefaultThreshold})
		kind(t, "a bank twice", err, houvast.Conflict, "bank-exists")
	})
}

// An import whose sender goes away half-way keeps what it added, says so in the log, and is continued
// by importing the file again.
func TestImportBreaksOff(t *testing.T) {
	const n = 3*bank.ChunkSize + 17
	data := picture(1)
	rows := list(n, decode.Hash(data, decode.DefaultLimits()).PDQ[0].String()+",near512,")
	each(t, func(t *testing.T, d *counter) {
		d.bank("list", "md5")
		d.bring(picture(2)) // an index that has been used follows too
		ctx, leave := context.WithCancel(t.Context())
		half := io.MultiReader(bytes.NewReader(rows[:2*len(rows)/3]), leaves(leave))
		in, err := d.Import(ctx, ask("carol", "banks.import"), "list", half)
		if err == nil || in.Added == 0 || in.Added >= n {
			t.Fatalf("an import that broke off: %+v, %v", in, err)
		}
		equal(t, "entries", d.number("SELECT COUNT(*) FROM bank_entry"), in.Added)
		equal(t, "the log knows", d.number("SELECT COUNT(*) FROM audit_line WHERE action = 'banks.import' AND detail LIKE $1", fmt.Sprintf(`%%"added":"%d"%%`, in.Added)), 1)
		equal(t, "a case before", d.hasCase(d.bring(data)), false)
		rest, err := d.Import(t.Context(), ask("carol", "banks.import"), "list", bytes.NewReader(rows))
		equal(t, "the rest", []any{must(t, rest, err).Added, rest.Duplicates}, []any{n - in.Added, in.Added})
		equal(t, "a case after", d.hasCase(d.bring(data)), true)
	})
}

// leaves is a sender that goes away: its request ends, and reading from it fails.
type leaves context.CancelFunc

// Read fails.
func (l leaves) Read([]byte) (int, error) {
	l()
	return 0, errors.New("connection reset")
}
