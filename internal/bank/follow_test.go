package bank_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

// rows is the size of the import whose figures TestImportOfManyRows prints:
// go test ./internal/bank -run ManyRows -v -rows 100000
var rows = flag.Int("rows", 5_000, "rows of the import that is measured")

// An index beside another process sees at its next look-up what the other one imported or disabled.
func TestAnotherHandleIsFollowed(t *testing.T) {
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			storetest.Count(e)
			cfg := storetest.Config(t, e)
			here, there := storetest.Reopen(t, cfg), storetest.Reopen(t, cfg)
			it := anyItem(400)
			b := create(t, here, bank.Bank{Name: "list"})
			s := &shelves{w: there}
			var x bank.Index
			s.compare(t, "before the import", &x, it)
			for i, entry := range []bank.Entry{{SHA256: it.Digests.SHA256[:], SourceID: "a"}, pdqEntry(it.Perceptual.PDQ[7], houvast.Near512, "b"),
				{MD5: it.Digests.MD5[:], SourceID: "c"}} {
				add(t, here, b.ID, entry)
				s.all = append(s.all, listed{b, entry})
				if found := s.compare(t, fmt.Sprint("import ", i), &x, it); len(found) != i+1 {
					t.Errorf("after %d imports: %v", i+1, names(found))
				}
			}
			update(t, here, func(tx *store.Tx) error { _, err := bank.SetDisabled(tx, "list", true); return err })
			if found := lookup(t, there, &x, it); len(found) != 0 {
				t.Errorf("a bank disabled elsewhere matches: %v", names(found))
			}
		})
	}
}

// A look-up in a transaction that began before an import must not set the index back: what was
// imported would be loaded twice, or be forgotten.
func TestAnOlderTransactionLeavesTheIndexAhead(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		it := anyItem(410)
		s := &shelves{w: w}
		b := create(t, w, bank.Bank{Name: "list"})
		s.add(t, b, bank.Entry{SHA256: it.Digests.SHA256[:], SourceID: "old"})
		var x bank.Index
		view(t, w, func(old *store.Tx) error {
			if found, err := x.Lookup(old, it); err != nil || len(found) != 1 {
				t.Fatal(names(found), err)
			}
			s.add(t, b, bank.Entry{MD5: it.Digests.MD5[:], SourceID: "new"})
			s.compare(t, "a newer transaction", &x, it)
			// What the older one cannot read yet is neither left out nor half told.
			_, err := x.Lookup(old, it)
			if houvast.CodeOf(err) != "bank-changed" || houvast.KindOf(err) != houvast.Unavailable {
				t.Errorf("the older transaction: %v", err)
			}
			other := anyItem(411)
			if found, err := x.Lookup(old, other); err != nil || len(found) != 0 {
				t.Errorf("the older transaction, another item: %v, %v", names(found), err)
			}
			return nil
		})
		s.add(t, b, bank.Entry{SHA1: it.Digests.SHA1[:], SourceID: "newest"})
		s.compare(t, "after both", &x, it)
		if x.Len() != 3 {
			t.Errorf("%d entries in memory, want 3", x.Len())
		}
	})
}

// While one goroutine imports, others look up: each meets everything that was committed before it
// began, once. Meant for the race detector.
func TestLookupWhileImporting(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		const chunks, perChunk, lookers = 15, 60, 4
		r := seeded(420)
		b := create(t, w, bank.Bank{Name: "list"})
		var items [chunks]bank.Probes
		var lists [chunks][]bank.Entry
		for i := range items {
			items[i] = anyItem(uint64(500 + i))
			for range perChunk {
				lists[i] = append(lists[i], pdqEntry(random(r), profiles[len(lists[i])%3], "random"))
			}
			planted := pdqEntry(flip(r, items[i].Perceptual.PDQ[i%8], i), houvast.Near512, fmt.Sprint(i))
			planted.SHA1 = randomBytes(r, 20)
			lists[i] = append(lists[i], planted, bank.Entry{SHA256: items[i].Digests.SHA256[:], SourceID: fmt.Sprint(i, " by digest")})
		}
		var x bank.Index
		var committed, looked atomic.Int64
		var wg sync.WaitGroup
		done := make(chan struct{})
		for g := range lookers {
			wg.Go(func() {
				for n := g; ; n++ {
					have := int(committed.Load())
					select {
					case <-done:
						return
					default:
					}
					if have == 0 {
						continue
					}
					k := n % have
					err := w.DB().View(context.Background(), func(tx *store.Tx) error {
						found, err := x.Lookup(tx, items[k])
						if err == nil && (len(found) != 2 || found[0].SourceID != fmt.Sprint(k, " by digest") || found[1].SourceID != fmt.Sprint(k) || found[1].Distance != k) {
							err = fmt.Errorf("chunk %d of %d: %+v", k, have, found)
						}
						return err
					})
					if err != nil {
						t.Error(err)
						return
					}
					looked.Add(1)
				}
			})
		}
		for i, list := range lists {
			add(t, w, b.ID, list...)
			committed.Store(int64(i + 1))
			for target := looked.Load() + lookers; looked.Load() < target && !t.Failed(); {
				<-time.After(time.Millisecond)
			}
		}
		close(done)
		wg.Wait()
		if want := chunks * (perChunk + 2); x.Len() != want {
			t.Errorf("%d entries in memory, want %d", x.Len(), want)
		}
		t.Logf("%d look-ups during %d imports", looked.Load(), chunks)
	})
}

// A load that fails half-way answers nothing, and is made good by the next one: no entry is lost and
// none is there twice.
func TestAFailingLoadLeavesTheIndexConsistent(t *testing.T) {
	for _, loaded := range []bool{false, true} {
		t.Run(fmt.Sprint("loaded before ", loaded), func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, w store.Writer) {
				r := seeded(430)
				it := anyItem(431)
				s := &shelves{w: w}
				b := create(t, w, bank.Bank{Name: "list"})
				s.add(t, b, bank.Entry{SHA256: it.Digests.SHA256[:], SourceID: "first"})
				var x bank.Index
				if loaded {
					s.compare(t, "before", &x, it)
				}
				var more []bank.Entry
				for i := range 20 {
					more = append(more, pdqEntry(flip(r, it.Perceptual.PDQ[0], i), profiles[i%3], fmt.Sprint("entry ", i)))
				}
				s.add(t, b, more...)
				mend := spoil(t, w, 10)
				for range 2 {
					err := w.DB().View(t.Context(), func(tx *store.Tx) error {
						found, err := x.Lookup(tx, it)
						if len(found) != 0 {
							t.Errorf("half an index answered: %v", names(found))
						}
						return err
					})
					if err == nil {
						t.Error("the load did not fail, so this proves nothing")
					}
				}
				mend()
				s.compare(t, "mended", &x, it)
				if x.Len() != len(s.all) {
					t.Errorf("%d entries in memory, want %d", x.Len(), len(s.all))
				}
			})
		})
	}
}

// spoil puts a view in the place of the table, in which the n-th last entry cannot be read.
func spoil(t *testing.T, w store.Writer, n int) (mend func()) {
	t.Helper()
	exec := func(queries ...string) {
		t.Helper()
		update(t, w, func(tx *store.Tx) error {
			for _, q := range queries {
				if _, err := tx.Exec(q); err != nil {
					return err
				}
			}
			return nil
		})
	}
	var id int64
	view(t, w, func(tx *store.Tx) error {
		return tx.Row("SELECT id FROM bank_entry ORDER BY id DESC LIMIT 1 OFFSET $1", store.Args(n), &id)
	})
	exec("ALTER TABLE bank_entry RENAME TO bank_entry_sound",
		fmt.Sprintf(`CREATE VIEW bank_entry AS SELECT id, bank, rev, pdq, CASE WHEN id = %d THEN NULL ELSE profile END AS profile,
			md5, sha1, sha256, tag, member, source_id, note FROM bank_entry_sound`, id))
	return func() {
		exec("DROP VIEW bank_entry", "ALTER TABLE bank_entry_sound RENAME TO bank_entry")
	}
}

// A list as a programme sends it, generated row by row.
type bigList struct {
	left int
	row  func() string
	rest []byte
}

func (l *bigList) Read(p []byte) (int, error) {
	for len(l.rest) < len(p) && l.left > 0 {
		l.rest = append(l.rest, l.row()...)
		l.left--
	}
	n := copy(p, l.rest)
	if l.rest = l.rest[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Every row of a long list with all its hashes is taken once; importing it again adds nothing. The
// figures are printed.
func TestImportOfManyRows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		list := func() *bigList {
			r, n := seeded(440), 0
			return &bigList{left: *rows, rest: []byte("source_id,pdq,pdq_profile,md5,sha1,sha256,quality\n"), row: func() string {
				n++
				return fmt.Sprintf("row %d,%s,%s,%x,%x,%x,%d\n", n, random(r), profiles[n%3], randomBytes(r, 16), randomBytes(r, 20), randomBytes(r, 32), 50+n%51)
			}}
		}
		b := create(t, w, bank.Bank{Name: "list"})
		began := time.Now()
		added, slowest := importList(t, w, b.ID, list())
		took := time.Since(began)
		if added != *rows {
			t.Errorf("%d of %d rows added", added, *rows)
		}
		began = time.Now()
		if again, _ := importList(t, w, b.ID, list()); again != 0 {
			t.Errorf("%d rows added by the same import again", again)
		}
		second := time.Since(began)
		began = time.Now()
		var x bank.Index
		view(t, w, x.Refresh)
		load := time.Since(began)
		var stored bank.Bank
		view(t, w, func(tx *store.Tx) (err error) {
			stored, err = bank.ByName(tx, "list")
			return err
		})
		if stored.Entries != *rows || x.Len() != *rows {
			t.Errorf("%d entries stored, %d in memory, want %d", stored.Entries, x.Len(), *rows)
		}
		t.Logf("%d distinct rows of four hashes each: imported in %v (%.0f rows/s, slowest transaction %v), again in %v, loaded into memory in %v",
			*rows, took.Round(time.Millisecond), float64(*rows)/took.Seconds(), slowest.Round(time.Millisecond), second.Round(time.Millisecond), load.Round(time.Millisecond))
	})
}

// importList imports a list chunk by chunk and returns the time of the slowest transaction.
func importList(t *testing.T, w store.Writer, id houvast.BankID, list io.Reader) (added int, slowest time.Duration) {
	t.Helper()
	rd, err := bank.NewReader(list)
	if err != nil {
		t.Fatal(err)
	}
	chunk := make([]bank.Entry, 0, bank.ChunkSize)
	for {
		e, no, err := rd.Next()
		if no != nil || err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(no, err)
		}
		if err == nil {
			chunk = append(chunk, e)
		}
		if len(chunk) == bank.ChunkSize || err != nil && len(chunk) > 0 {
			began := time.Now()
			added += add(t, w, id, chunk...)
			slowest, chunk = max(slowest, time.Since(began)), chunk[:0]
		}
		if err != nil {
			return added, slowest
		}
	}
}
