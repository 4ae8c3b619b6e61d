package bank_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func update(t testing.TB, w store.Writer, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := w.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, w store.Writer, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := w.DB().View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// create makes a bank; what is left out is a verified list of child_abuse with the usual threshold.
func create(t testing.TB, w store.Writer, b bank.Bank) bank.Bank {
	t.Helper()
	if b.Category == "" {
		b.Category = houvast.ChildAbuse
	}
	if b.Trust == "" {
		b.Trust = houvast.Verified
	}
	if b.Threshold == 0 {
		b.Threshold = bank.DefaultThreshold
	}
	update(t, w, func(tx *store.Tx) (err error) {
		b, err = bank.Create(tx, b)
		return err
	})
	return b
}

// add imports entries chunk by chunk, as an import does, and returns how many were new.
func add(t testing.TB, w store.Writer, id houvast.BankID, entries ...bank.Entry) (added int) {
	t.Helper()
	for chunk := range slices.Chunk(entries, bank.ChunkSize) {
		n := 0
		update(t, w, func(tx *store.Tx) (err error) {
			n, err = bank.Add(tx, id, chunk)
			return err
		})
		added += n
	}
	return added
}

func lookup(t testing.TB, w store.Writer, x *bank.Index, p bank.Probes) (found []houvast.Match) {
	t.Helper()
	view(t, w, func(tx *store.Tx) (err error) {
		found, err = x.Lookup(tx, p)
		return err
	})
	return found
}

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(20261123, n)) }

func random(r *rand.Rand) (h houvast.PDQ) {
	for i := 0; i < len(h); i += 8 {
		binary.LittleEndian.PutUint64(h[i:], r.Uint64())
	}
	return h
}

func octet(r *rand.Rand) (all [8]houvast.PDQ) {
	for i := range all {
		all[i] = random(r)
	}
	return all
}

func flip(r *rand.Rand, h houvast.PDQ, n int) houvast.PDQ {
	for _, bit := range r.Perm(256)[:n] {
		h[bit/8] ^= 1 << (bit % 8)
	}
	return h
}

// distance is written here once more, from bits.OnesCount64 only, to judge the index by.
func distance(a, b houvast.PDQ) (n int) {
	for i := 0; i < 32; i += 8 {
		n += bits.OnesCount64(binary.BigEndian.Uint64(a[i:]) ^ binary.BigEndian.Uint64(b[i:]))
	}
	return n
}

// random bytes that are a digest of nothing in particular.
func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func pdqEntry(h houvast.PDQ, p houvast.Profile, name string) bank.Entry {
	return bank.Entry{PDQ: &h, Profile: p, SourceID: name}
}

func names(found []houvast.Match) (all []string) {
	for _, m := range found {
		all = append(all, m.SourceID)
	}
	return all
}

func TestCreate(t *testing.T) {
	good := bank.Bank{Name: "national-list", Category: houvast.ChildAbuse, Trust: houvast.Verified, Threshold: 31}
	with := func(change func(b *bank.Bank)) bank.Bank {
		b := good
		change(&b)
		return b
	}
	for _, c := range []struct {
		what string
		bank bank.Bank
		code string // "" is accepted
	}{
		{"as it should be", good, ""},
		{"shortest name", with(func(b *bank.Bank) { b.Name = "a" }), ""},
		{"longest name", with(func(b *bank.Bank) { b.Name = strings.Repeat("a", 64) }), ""},
		{"every sign", with(func(b *bank.Bank) { b.Name = "A9._-" }), ""},
		{"exact only", with(func(b *bank.Bank) { b.Threshold = 0 }), ""},
		{"widest threshold", with(func(b *bank.Bank) { b.Threshold = 80 }), ""},
		{"self-submitted, unverified", with(func(b *bank.Bank) { b.Category, b.Trust = houvast.SelfSubmitted, houvast.Unverified }), ""},
		{"no name", with(func(b *bank.Bank) { b.Name = "" }), "bad-bank-name"},
		{"name too long", with(func(b *bank.Bank) { b.Name = strings.Repeat("a", 65) }), "bad-bank-name"},
		{"name with a space", with(func(b *bank.Bank) { b.Name = "a list" }), "bad-bank-name"},
		{"name with a slash", with(func(b *bank.Bank) { b.Name = "a/b" }), "bad-bank-name"},
		{"name with a line break", with(func(b *bank.Bank) { b.Name = "a\n" }), "bad-bank-name"},
		{"name like a flag", with(func(b *bank.Bank) { b.Name = "-rf" }), "bad-bank-name"},
		{"name like a hidden file", with(func(b *bank.Bank) { b.Name = ".." }), "bad-bank-name"},
		{"no category", with(func(b *bank.Bank) { b.Category = "" }), "bad-category"},
		{"category outside child protection", with(func(b *bank.Bank) { b.Category = "copyright" }), "bad-category"},
		{"no trust", with(func(b *bank.Bank) { b.Trust = "" }), "bad-trust"},
		{"other trust", with(func(b *bank.Bank) { b.Trust = "certain" }), "bad-trust"},
		{"self-submitted, verified", with(func(b *bank.Bank) { b.Category = houvast.SelfSubmitted }), "bad-trust"},
		{"threshold below zero", with(func(b *bank.Bank) { b.Threshold = -1 }), "bad-threshold"},
		{"threshold too wide", with(func(b *bank.Bank) { b.Threshold = 81 }), "bad-threshold"},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := storetest.Open(t, store.SQLite, nil)
			err := w.Update(t.Context(), func(tx *store.Tx) error {
				_, err := bank.Create(tx, c.bank)
				return err
			})
			if c.code == "" && err != nil || c.code != "" && (houvast.CodeOf(err) != c.code || houvast.KindOf(err) != houvast.Invalid) {
				t.Fatalf("got %v (%s), want %q", err, houvast.CodeOf(err), c.code)
			}
			var all []bank.Bank
			view(t, w, func(tx *store.Tx) (err error) {
				all, err = bank.All(tx)
				return err
			})
			if want := map[bool]int{true: 1, false: 0}[c.code == ""]; len(all) != want {
				t.Fatalf("%d banks, want %d", len(all), want)
			}
		})
	}
}

func TestBanks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		r := seeded(1)
		made := create(t, w, bank.Bank{Name: "zeta", Category: houvast.Exploitation, Threshold: 12})
		create(t, w, bank.Bank{Name: "alpha", Category: houvast.SelfSubmitted, Trust: houvast.Unverified})
		if made.ID == 0 || made.Created.IsZero() {
			t.Fatalf("%+v", made)
		}
		err := w.Update(t.Context(), func(tx *store.Tx) error {
			_, err := bank.Create(tx, bank.Bank{Name: "zeta", Category: houvast.Negative, Trust: houvast.Verified})
			return err
		})
		if houvast.CodeOf(err) != "bank-exists" || houvast.KindOf(err) != houvast.Conflict {
			t.Errorf("a second zeta: %v", err)
		}
		add(t, w, made.ID, pdqEntry(random(r), houvast.Full, "1"), pdqEntry(random(r), houvast.Full, "2"))
		view(t, w, func(tx *store.Tx) error {
			all, err := bank.All(tx)
			if err != nil {
				return err
			}
			if len(all) != 2 || all[0].Name != "alpha" || all[1].Name != "zeta" || all[0].Entries != 0 || all[1].Entries != 2 {
				t.Errorf("%+v", all)
			}
			made.Entries = 2
			if got, err := bank.ByName(tx, "zeta"); err != nil || got != made {
				t.Errorf("%+v, %v; want %+v", got, err, made)
			}
			if _, err := bank.ByName(tx, "beta"); houvast.CodeOf(err) != "bank-unknown" || houvast.KindOf(err) != houvast.NotFound {
				t.Errorf("an unknown bank: %v", err)
			}
			return nil
		})
		err = w.Update(t.Context(), func(tx *store.Tx) error {
			_, err := bank.SetDisabled(tx, "beta", true)
			return err
		})
		if houvast.CodeOf(err) != "bank-unknown" {
			t.Errorf("disabling an unknown bank: %v", err)
		}
	})
}

// What waits for a change of the banks is told when it has committed.
func TestChangesAreAnnounced(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		var b bank.Bank
		for i, change := range []func(tx *store.Tx) error{
			func(tx *store.Tx) (err error) {
				b, err = bank.Create(tx, bank.Bank{Name: "list", Category: houvast.ChildAbuse, Trust: houvast.Verified})
				return err
			},
			func(tx *store.Tx) error {
				_, err := bank.Add(tx, b.ID, []bank.Entry{pdqEntry(random(seeded(2)), houvast.Full, "")})
				return err
			},
			func(tx *store.Tx) error { _, err := bank.SetDisabled(tx, "list", true); return err },
		} {
			changed := w.DB().Changed(bank.Topic)
			update(t, w, change)
			select {
			case <-changed:
			default:
				t.Errorf("change %d was not announced", i)
			}
		}
	})
}

// The same hashes in the same bank are a duplicate, whatever the list says about them; in another
// bank they are an entry of their own.
func TestAddCountsDuplicates(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		r := seeded(3)
		one, other := create(t, w, bank.Bank{Name: "one"}), create(t, w, bank.Bank{Name: "other"})
		h, md5, sha1, sha256 := random(r), randomBytes(r, 16), randomBytes(r, 20), randomBytes(r, 32)
		full := bank.Entry{PDQ: &h, Profile: houvast.Full, MD5: md5, SHA1: sha1, SHA256: sha256, Note: "first"}
		for _, c := range []struct {
			what  string
			bank  houvast.BankID
			rows  []bank.Entry
			added int
		}{
			{"new", one.ID, []bank.Entry{full}, 1},
			{"the same row", one.ID, []bank.Entry{full}, 0},
			{"the same hashes with another note, tag and member", one.ID, []bank.Entry{{PDQ: &h, Profile: houvast.Full, MD5: md5, SHA1: sha1, SHA256: sha256,
				Note: "second", Tag: houvast.Exploitation, Member: "m"}}, 0},
			{"twice in one chunk", one.ID, []bank.Entry{{MD5: md5}, {MD5: md5}}, 1},
			{"a hash less", one.ID, []bank.Entry{{PDQ: &h, Profile: houvast.Full, MD5: md5, SHA1: sha1}}, 1},
			{"another profile", one.ID, []bank.Entry{{PDQ: &h, Profile: houvast.Near512, MD5: md5, SHA1: sha1, SHA256: sha256}}, 1},
			{"a profile without its hash means nothing", one.ID, []bank.Entry{{Profile: houvast.Near512, MD5: md5}}, 0},
			{"the same row in another bank", other.ID, []bank.Entry{full, full}, 1},
			{"nothing", one.ID, nil, 0},
		} {
			var added int
			update(t, w, func(tx *store.Tx) (err error) {
				added, err = bank.Add(tx, c.bank, c.rows)
				return err
			})
			if added != c.added {
				t.Errorf("%s: %d added, want %d", c.what, added, c.added)
			}
		}
		var x bank.Index
		found := lookup(t, w, &x, bank.Probes{Digests: houvast.Digests{SHA256: [32]byte(sha256)}})
		if len(found) != 3 || x.Len() != 5 || found[0].Entry == found[1].Entry {
			t.Errorf("%d entries in the index, matches %+v", x.Len(), found)
		}
	})
}

// Whatever the number of rows, none is lost where statements and chunks meet.
func TestAddTakesEveryRow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		r := seeded(4)
		want := 0
		b := create(t, w, bank.Bank{Name: "list"})
		for _, n := range []int{1, 99, 100, 101, 1000} {
			var rows []bank.Entry
			for i := range n {
				rows = append(rows, bank.Entry{SHA256: randomBytes(r, 32), SourceID: fmt.Sprint(n, "/", i)})
			}
			added := add(t, w, b.ID, rows...)
			if want += n; added != n {
				t.Errorf("%d of %d added", added, n)
			}
			var x bank.Index
			if last := rows[n-1]; names(lookup(t, w, &x, bank.Probes{Digests: houvast.Digests{SHA256: [32]byte(last.SHA256)}}))[0] != last.SourceID {
				t.Error("the last row is not there")
			}
			if x.Len() != want {
				t.Errorf("%d entries in the index, want %d", x.Len(), want)
			}
		}
	})
}

func TestFlag(t *testing.T) {
	clock := storetest.NewClock(start)
	storetest.EachClock(t, clock, func(t *testing.T, w store.Writer) {
		r := seeded(5)
		b := create(t, w, bank.Bank{Name: "list"})
		sum := randomBytes(r, 32)
		add(t, w, b.ID, bank.Entry{SHA256: sum}, bank.Entry{SHA256: randomBytes(r, 32)})
		var x bank.Index
		probes := bank.Probes{Digests: houvast.Digests{SHA256: [32]byte(sum)}}
		entry := lookup(t, w, &x, probes)[0].Entry
		flagged := func() (n int, at int64) {
			view(t, w, func(tx *store.Tx) (err error) {
				if n, err = bank.Flagged(tx); err != nil {
					return err
				}
				return tx.Row("SELECT flagged FROM bank_entry WHERE id = $1", store.Args(entry), &at)
			})
			return n, at
		}
		if n, at := flagged(); n != 0 || at != 0 {
			t.Fatal(n, at)
		}
		flag := func(tx *store.Tx) error { return bank.Flag(tx, entry) }
		update(t, w, flag)
		n, first := flagged()
		if n != 1 || first != houvast.Micros(w.DB().Clock().Now()) {
			t.Errorf("%d flagged at %d", n, first)
		}
		clock.Advance(hour)
		update(t, w, flag) // the first word is kept
		if n, again := flagged(); n != 1 || again != first {
			t.Errorf("%d flagged at %d, first at %d", n, again, first)
		}
		if found := lookup(t, w, &x, probes); len(found) != 1 {
			t.Error("one person's word took an entry out of a list")
		}
	})
}
