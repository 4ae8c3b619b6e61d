package desk_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
)

// put stores a blob that nothing names.
func (d *counter) put(name string) {
	d.t.Helper()
	if err := d.Blobs.Put(d.t.Context(), name, func(w io.Writer) error { _, err := io.WriteString(w, "sealed"); return err }); err != nil {
		d.t.Fatal(err)
	}
}

// file returns the path of a blob.
func (d *counter) file(name string) (path string) {
	d.t.Helper()
	err := filepath.WalkDir(d.blobDir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Name() == name {
			path = p
		}
		return err
	})
	if err != nil || path == "" {
		d.t.Fatalf("there is no blob %s: %v", name, err)
	}
	return path
}

// aged makes a blob look as old as that.
func (d *counter) aged(name string, age time.Duration) string {
	d.t.Helper()
	at := time.Now().Add(-age)
	if err := os.Chtimes(d.file(name), at, at); err != nil {
		d.t.Fatal(err)
	}
	return name
}

func (d *counter) there(name string) bool {
	d.t.Helper()
	_, err := d.Blobs.Stat(d.t.Context(), name)
	if err != nil && houvast.KindOf(err) != houvast.NotFound {
		d.t.Fatal(err)
	}
	return err == nil
}

func (d *counter) lives(id seal.KeyID) bool {
	d.t.Helper()
	info, err := d.Keys.Key(d.t.Context(), id)
	return must(d.t, info, err).Destroyed.IsZero()
}

// Reconcile removes blobs and keys that nothing names and that are old enough, and nothing else.
func TestReconcile(t *testing.T) {
	each(t, func(t *testing.T, d *counter) {
		const old, young = 25 * time.Hour, 23 * time.Hour
		key := func(purpose string) seal.KeyID {
			id, err := d.Keys.NewKey(t.Context(), purpose)
			return must(t, id, err)
		}
		hour := func(at time.Time) seal.KeyID {
			id, err := d.Keys.HourKey(t.Context(), at)
			return must(t, id, err)
		}
		waiting := d.received(picture(1))
		quarantined, err := d.Item(t.Context(), waiting.ID)
		must(t, quarantined, err)
		_, e := d.matched(2)
		d.put("s_snapshot")
		d.update(func(tx *store.Tx) error { return evidence.SetSnapshot(tx, e.Case, "s_snapshot") })
		d.until("the erased blob is gone", func() bool { return d.number("SELECT COUNT(*) FROM task WHERE kind = 'erase'") == 0 })

		named := []string{d.aged(quarantined.Blob, old), d.aged(e.Blob, old), d.aged("s_snapshot", old)}
		for _, name := range []string{"q_orphan", "e_orphan", "s_orphan"} {
			d.put(name)
			d.aged(name, old)
		}
		d.put("q_young")
		d.aged("q_young", young)
		lost, empty, other := key("evidence"), hour(monday.Add(-time.Hour)), key("secret/other")

		d.clock.Advance(young)
		blobs, keys, err := d.Reconcile(t.Context())
		equal(t, "blobs and keys, before a day has passed for the keys", []any{blobs, keys, err}, []any{3, 0, nil})
		d.clock.Advance(old - young)
		recent := key("evidence")
		blobs, keys, err = d.Reconcile(t.Context())
		equal(t, "blobs and keys", []any{blobs, keys, err}, []any{0, 2, nil})

		for _, name := range append(named, "q_young") {
			if !d.there(name) {
				t.Errorf("blob %s was removed", name)
			}
		}
		for _, name := range []string{"q_orphan", "e_orphan", "s_orphan"} {
			if d.there(name) {
				t.Errorf("blob %s is still there", name)
			}
		}
		equal(t, "keys that live: evidence, quarantine with an item, another purpose, a recent one",
			[]bool{d.lives(seal.KeyID(e.Key)), d.lives(seal.KeyID(quarantined.Key)), d.lives(other), d.lives(recent)}, "[true true true true]")
		equal(t, "keys that live: of no evidence, of an hour without items", []bool{d.lives(lost), d.lives(empty)}, "[false false]")
		if r, _, err := d.Original(t.Context(), e.Case); err != nil {
			t.Errorf("evidence does not open any more: %v", err)
		} else {
			r.Close()
		}

		// Once its item was looked at, the hour's key goes too.
		d.tasks.Adopt(*waiting.Bell)
		d.until("the item was looked at and its blob erased", func() bool {
			return d.number("SELECT COUNT(*) FROM item WHERE state = 'received'")+d.number("SELECT COUNT(*) FROM task WHERE kind IN ('match', 'erase')") == 0
		})
		blobs, keys, err = d.Reconcile(t.Context())
		equal(t, "blobs and keys", []any{blobs, keys, err}, []any{0, 1, nil})
		equal(t, "the key of the hour", d.lives(seal.KeyID(quarantined.Key)), false)
	})
}

// VerifyEvidence opens everything and notices what was changed, cut, lost or left half destroyed.
func TestVerifyEvidence(t *testing.T) {
	each(t, func(t *testing.T, d *counter) {
		spoil := []struct {
			name    string
			problem string // part of it; "" is well
			do      func(evidence.Evidence)
		}{
			{"untouched", "", func(evidence.Evidence) {}},
			{"changed", "changed or cut", func(e evidence.Evidence) {
				path := d.file(e.Blob)
				b, err := os.ReadFile(path)
				must(t, b, err)
				b[len(b)-1] ^= 1
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}},
			{"lost", "no such blob", func(e evidence.Evidence) {
				if err := d.Blobs.Delete(t.Context(), e.Blob); err != nil {
					t.Fatal(err)
				}
			}},
			{"other bytes under the right key", "not those that were received", func(e evidence.Evidence) {
				d.update(func(tx *store.Tx) error {
					_, err := tx.Exec("UPDATE evidence SET sha256 = $2 WHERE id = $1", e.ID, sum([]byte("other")))
					return err
				})
			}},
			{"half destroyed", "has not ended", func(e evidence.Evidence) {
				d.update(func(tx *store.Tx) error {
					_, err := tx.Exec("UPDATE evidence SET state = 'destroying', destroy = 0 WHERE id = $1", e.ID)
					return err
				})
			}},
			{"a tombstone that names bytes", "names bytes", func(e evidence.Evidence) {
				d.update(func(tx *store.Tx) error {
					_, err := tx.Exec("UPDATE evidence SET state = 'destroyed', destroy = 0 WHERE id = $1", e.ID)
					return err
				})
			}},
			{"a tombstone", "", func(e evidence.Evidence) {
				d.update(func(tx *store.Tx) error {
					_, err := tx.Exec("UPDATE evidence SET state = 'destroyed', destroy = 0, blob = '', key = '' WHERE id = $1", e.ID)
					return err
				})
			}},
		}
		want := map[houvast.EvidenceID]int{}
		for i := range spoil {
			_, e := d.matched(uint64(10 + i))
			want[e.ID] = i
			spoil[i].do(e)
		}
		n := 0
		err := d.VerifyEvidence(t.Context(), func(p desk.Proof) error {
			n++
			s := spoil[want[p.Evidence]]
			if p.OK != (s.problem == "") || !strings.Contains(p.Problem, s.problem) {
				t.Errorf("%s: %+v", s.name, p)
			}
			return nil
		})
		equal(t, "proofs", []any{n, err}, []any{len(spoil), nil})
		due, err := d.DueAt(t.Context(), monday.Add(evidence.UndecidedHold), 10)
		equal(t, "due in the end", len(must(t, due, err)), 4)
		due, err = d.DueAt(t.Context(), monday.Add(evidence.UndecidedHold-time.Microsecond), 10)
		equal(t, "due a moment before", len(must(t, due, err)), 0)
	})
}
