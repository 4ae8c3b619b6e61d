package pipeline_test

import (
	"bytes"
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/task"
)

// copyDir copies the files of a folder as a backup would, and returns where.
func copyDir(t *testing.T, from string) string {
	t.Helper()
	// A journal that begins with zeros is not in use: the copy is one state of the keys and not two.
	to := filepath.Join(t.TempDir(), "copy")
	for tries := 0; ; tries++ {
		if err := errors.Join(os.RemoveAll(to), os.CopyFS(to, os.DirFS(from))); err != nil {
			t.Fatal(err)
		}
		journal, err := os.ReadFile(filepath.Join(to, "keys.db-journal"))
		if err != nil || len(journal) < 8 || bytes.Equal(journal[:8], make([]byte, 8)) {
			break
		}
		if tries == 1000 {
			t.Fatal("the keys are never at rest")
		}
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, "kek": 0o400} {
		if err := os.Chmod(filepath.Join(to, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// wrapped reads the wrapped form of a key from a copy of the key folder.
func wrapped(t *testing.T, dir string, id seal.KeyID) (b []byte) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "keys.db"))
	must(t, db, err)
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), "SELECT wrapped FROM object_key WHERE id = $1", string(id)).Scan(&b); err != nil || len(b) < window {
		t.Fatalf("the wrapped key is %d bytes, %v", len(b), err)
	}
	return b
}

func (h *house) stored(name string) []byte {
	h.t.Helper()
	r, _, err := h.Blobs.Get(h.t.Context(), name)
	must(h.t, r, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	return must(h.t, b, err)
}

// After its period evidence cannot be opened by anybody, and nothing of it is left: not its key, not
// its ciphertext, not what the case and the report said. A copy of keys and bytes from before still
// opens, which shows that it was the key that was destroyed.
func TestEvidenceExpires(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		data := picture(1)
		c, id := h.draft(data, review.Verdict{Decision: houvast.DecideUrgent, Role: houvast.RoleUploader, Words: "a child says that it is in danger tonight"})
		h.approve(id)
		e := h.evidence(c)
		key, end := seal.KeyID(e.Key), monday.AddDate(0, 0, 365)
		equal(t, "preserved until", []any{e.State, e.Destroy}, []any{evidence.Preserved, end})
		cipher, snapshot := h.stored(e.Blob), h.stored(e.Snapshot)
		// What this waits for is the last that writes to the key folder: a copy of a file that is being
		// written is none.
		n, err := h.ExpireNow(t.Context(), ask("carol", "evidence.expire"))
		equal(t, "due", must(t, n, err), 0)
		keysBefore := copyDir(t, h.keyDir)
		wrap := wrapped(t, keysBefore, key)
		residue := searchFor(append(told(), "danger tonight"), data, cipher, snapshot, wrap)

		h.advance(end.Sub(monday) - time.Microsecond)
		h.sweep()
		if _, _, err := h.Original(t.Context(), c); err != nil || h.evidence(c).State != evidence.Preserved {
			t.Errorf("a moment before its end the evidence is %s, %v", h.evidence(c).State, err)
		}
		if found := h.residue(residue); len(found) < 3 {
			t.Errorf("control: the scan does not see the sealed bytes and the wrapped key while they are there: %v", found)
		}
		h.advance(time.Microsecond)
		h.sweep()
		equal(t, "state", h.evidence(c).State, evidence.Destroyed)
		_, _, err = h.Original(t.Context(), c)
		if err == nil {
			t.Error("destroyed evidence opens")
		}
		_, err = h.Keys.Open(t.Context(), bytes.NewReader(cipher), key)
		kind(t, "opening a copy of the bytes", err, houvast.Gone, "key-destroyed")
		equal(t, "what is left", h.residue(residue), []string(nil))
		equal(t, "blobs", h.names(), []string(nil))
		h.forgotten(c, id)

		backup, err := seal.Open(t.Context(), keysBefore, h.clock)
		must(t, backup, err)
		defer backup.Close()
		plain, err := backup.Open(t.Context(), bytes.NewReader(cipher), key)
		got, err2 := io.ReadAll(must(t, plain, err))
		if err2 != nil || !bytes.Equal(got, data) {
			t.Errorf("control: the copies from before do not open: %v", err2)
		}
	})
}

// forgotten checks that the rows about a case say that there was something and no more.
func (h *house) forgotten(c houvast.CaseID, id houvast.ReportID) {
	t := h.t
	t.Helper()
	e, r := h.evidence(c), h.report(id)
	if e.Blob+e.Key+e.SHA256+e.Snapshot != "" || e.Destroyed != h.clock.Now() {
		t.Errorf("the tombstone is %+v", e)
	}
	cs, f, words, err := h.Case(t.Context(), c)
	if err != nil || cs.Facts != nil || cs.Words != nil || cs.Key != "" || words != "" || f.SHA256 != "" {
		t.Errorf("the case keeps %+v, %+v, %q, %v", cs, f, words, err)
	}
	if r.Content != nil || r.Receipt != nil || r.Seal != "" || r.State != report.Finished {
		t.Errorf("the report keeps %+v", r)
	}
	_, _, _, err = h.ReportContent(t.Context(), id)
	kind(t, "the content of the report", err, houvast.Gone, "")
	_, content, _, err := h.Report(t.Context(), id)
	if err != nil || content.Facts.SHA256 != "" {
		t.Errorf("the report shows %+v, %v", content, err)
	}
	equal(t, "item", h.state(e.Item), houvast.ItemLookedAt) // as one that met nothing: no oracle
	equal(t, "audit lines", h.number("SELECT COUNT(*) FROM audit_line WHERE action = 'evidence.destroyed' AND subject = $1", e.ID.String()), 1)
}

// Whatever a crash left half destroyed is finished, once, and what is destroyed stays so however
// often its bell rings.
func TestDestructionIsFinished(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		begin := func(h *house, e evidence.Evidence) {
			h.update(func(tx *store.Tx) error { _, err := evidence.Begin(tx, e.ID); return err })
		}
		key := func(h *house, e evidence.Evidence) {
			begin(h, e)
			if err := h.Keys.Destroy(t.Context(), seal.KeyID(e.Key)); err != nil {
				t.Fatal(err)
			}
		}
		for i, crash := range []struct {
			after string
			do    func(*house, evidence.Evidence)
		}{
			{"nothing", func(*house, evidence.Evidence) {}},
			{"the state was written", begin},
			{"the key was destroyed", key},
			{"the bytes were deleted", func(h *house, e evidence.Evidence) {
				key(h, e)
				if err := h.blobs.Store.Delete(t.Context(), e.Blob); err != nil {
					t.Fatal(err)
				}
			}},
		} {
			c, _ := h.draft(picture(uint64(1+i)), review.Verdict{Decision: houvast.DecideNotAbuse})
			e := h.evidence(c)
			h.blobs.stuck.Store(true) // the house itself gets no further than this
			h.clock.Advance(undo)
			crash.do(h, e)
			h.advance(0)
			equal(t, crash.after+", while the disk is gone", h.evidence(c).State, evidence.Destroying)
			if _, _, err := h.Original(t.Context(), c); err == nil {
				t.Errorf("%s: evidence that is being destroyed opens", crash.after)
			}
			h.blobs.stuck.Store(false)
			h.advance(time.Hour)
			h.sweep()
			equal(t, crash.after+", in the end", h.evidence(c).State, evidence.Destroyed)
			for range 2 {
				h.update(func(tx *store.Tx) error { return task.Ring(tx, "expire", e.ID.String(), tx.Now()) })
				h.quiet()
			}
			equal(t, crash.after+", audit lines", h.number("SELECT COUNT(*) FROM audit_line WHERE action = 'evidence.destroyed' AND subject = $1", e.ID.String()), 1)
			equal(t, crash.after+", blobs", h.names(), []string(nil))
			equal(t, crash.after+", bells", h.number("SELECT COUNT(*) FROM task WHERE kind = 'expire'"), 0)
		}
	})
}

// A legal stop keeps what is due, and what it ends is destroyed then.
func TestLegalStopHolds(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		c, _ := h.draft(picture(1), review.Verdict{Decision: houvast.DecideNotAbuse})
		free, _ := h.draft(picture(2), review.Verdict{Decision: houvast.DecideNotAbuse})
		stop := func(order string) {
			h.update(func(tx *store.Tx) error { _, err := evidence.SetStop(tx, c, order); return err })
		}
		stop("court order 7 of 2027")
		h.advance(400 * 24 * time.Hour)
		h.sweep()
		n, err := h.ExpireNow(t.Context(), ask("carol", "evidence.expire"))
		equal(t, "due", must(t, n, err), 0)
		h.quiet()
		equal(t, "stopped and free", []any{h.evidence(c).State, h.evidence(free).State}, []any{evidence.Held, evidence.Destroyed})
		if r, _, err := h.Original(t.Context(), c); err != nil {
			t.Error(err)
		} else {
			r.Close()
		}
		stop("")
		n, err = h.ExpireNow(t.Context(), ask("carol", "evidence.expire"))
		equal(t, "due", must(t, n, err), 1)
		h.quiet()
		equal(t, "after the stop", h.evidence(c).State, evidence.Destroyed)
	})
}

// Nobody decided for ninety days: the case ends, the platform may show the item, somebody is told.
func TestUndecidedEnds(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a := picture(1)
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "pdq", hashed(a).PDQ[0].String())
		id := h.bring(a, facts())
		h.quiet()
		c, _ := h.opened(id)
		h.advance(evidence.UndecidedHold)
		h.sweep()
		got := look(h, func(tx *store.Tx) (review.Case, error) { return review.Get(tx, c.ID) })
		equal(t, "case and evidence", []any{got.State, h.evidence(c.ID).State}, []any{review.Ended, evidence.Destroyed})
		equal(t, "orders", h.forum.orders(id), []string{`release {"reason":"the hold ended"}`})
		equal(t, "alarms", h.number("SELECT COUNT(*) FROM audit_line WHERE action = 'case.alarm'"), 1)
		_, _, err := h.NextCase(t.Context(), ask("alice", "review.next"))
		kind(t, "the queue", err, houvast.NotFound, "queue-empty")
		_, err = h.Decide(t.Context(), ask("alice", "cases.decide"), c.ID, abuse())
		kind(t, "deciding it", err, houvast.Gone, "")
	})
}
