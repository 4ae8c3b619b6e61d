package pipeline_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/internal/task"
	"github.com/houvast/houvast/practice"
)

// onPostgres runs fn in a house on PostgreSQL, which alone runs closures again.
func onPostgres(t *testing.T, fn func(t *testing.T, h *house, db *sql.DB)) {
	t.Helper()
	if !slices.Contains(storetest.Engines(t), store.Postgres) {
		return // the closing line counts it
	}
	t.Parallel()
	t.Run("postgres", func(t *testing.T) {
		storetest.Count(store.Postgres)
		h := build(t, store.Postgres)
		db, err := sql.Open("pgx", h.cfg.URL)
		must(t, db, err)
		t.Cleanup(func() { db.Close() })
		h.start()
		fn(t, h, db)
	})
}

func execute(t *testing.T, db *sql.DB, queries ...string) {
	t.Helper()
	for _, q := range queries {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
}

// PostgreSQL may take any transaction back at its commit and have its closure run again. Here it
// takes back every one of the walk the first time: each must come to the same as if it had not.
func TestEveryTransactionTwice(t *testing.T) {
	onPostgres(t, func(t *testing.T, h *house, db *sql.DB) {
		// A sequence is not taken back, so that every other try is let through. A setting marks the
		// rest of a transaction that was.
		execute(t, db, "CREATE SEQUENCE tries", `CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF coalesce(current_setting('test.passed', true), '') <> 'yes' THEN
				IF nextval('tries') % 2 = 1 THEN RAISE EXCEPTION USING ERRCODE = '40001'; END IF;
				PERFORM set_config('test.passed', 'yes', true);
			END IF;
			RETURN NULL;
		END $$`)
		for _, table := range []string{"item", "bank", "bank_entry", "review_case", "evidence", "report", "report_call", "action", "asked", "subject"} {
			execute(t, db, fmt.Sprintf("CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION conflict()", table))
		}
		data := picture(1)
		_, err := h.CreateBank(t.Context(), keyed("carol", "banks.create", "k", "b"), bank.Bank{Name: "list", Category: houvast.ChildAbuse, Trust: houvast.Verified, Threshold: bank.DefaultThreshold})
		must(t, 0, err)
		in, err := h.Import(t.Context(), ask("carol", "banks.import"), "list", strings.NewReader("sha256\n"+rowSHA256(data)+"\n"+rowSHA256(picture(2))))
		equal(t, "import", []any{must(t, in, err).Added, in.Duplicates}, []any{2, 0})
		id := h.bring(data, facts())
		h.bring(picture(3), facts())
		h.quiet()
		equal(t, "after the look", []any{h.state(id), h.about(id)}, []any{houvast.ItemLookedAt, []string{"withhold done"}})
		recipients := h.Settings.Recipients
		h.Settings.Recipients = nil
		h.claim("alice", id)
		c, _ := h.opened(id)
		out, err := h.Decide(t.Context(), keyed("alice", "cases.decide", "k", "b"), c.ID, review.Verdict{Decision: houvast.DecideOwn, Role: houvast.RoleBoth, Pressure: true, Words: "words"})
		equal(t, "decided", must(t, out, err).State, review.Second)
		out, err = h.Confirm(t.Context(), keyed("bob", "cases.confirm", "k", "b"), c.ID, 0, true, "")
		equal(t, "confirmed", must(t, out, err).State, review.Decided)
		h.Settings.Recipients = recipients
		state, err := h.Amend(t.Context(), keyed("alice", "reports.amend", "k", "b"), out.Report, report.Amendment{ScreenName: "heron"})
		equal(t, "amended", must(t, state, err), report.Draft)
		equal(t, "addressed", h.report(out.Report).Recipient, "clearinghouse")
		h.approve(out.Report)
		h.sweep()
		equal(t, "filed", []any{h.report(out.Report).State, len(h.events(practice.Opened)), len(h.events(practice.Finished))}, []any{report.Finished, 1, 1})
		equal(t, "actions", h.about(id), []string{"withhold done", "withhold done", "remove proposed"})
		equal(t, "orders", len(h.forum.orders(id)), 2)
		h.advance(366 * 24 * time.Hour)
		h.sweep()
		equal(t, "in the end", []any{h.evidence(c.ID).State, h.names()}, []any{evidence.Destroyed, []string(nil)})
		equal(t, "rows", []int64{h.number("SELECT COUNT(*) FROM item"), h.number("SELECT COUNT(*) FROM review_case"), h.number("SELECT COUNT(*) FROM report"), h.number("SELECT COUNT(*) FROM evidence")}, "[2 1 1 1]")

		var tries int
		if err := db.QueryRowContext(t.Context(), "SELECT last_value FROM tries").Scan(&tries); err != nil || tries < 30 {
			t.Errorf("control: only %d transactions were held up, %v", tries, err)
		}
	})
}

// PostgreSQL may take a transaction back at its commit and run its closure again. Evidence that was
// due the first time and is under a legal stop the second time must keep its key.
func TestStopDuringDestruction(t *testing.T) {
	onPostgres(t, func(t *testing.T, h *house, db *sql.DB) {
		c, _ := h.draft(picture(1), review.Verdict{Decision: houvast.DecideNotAbuse})
		// The first commit that destroys waits for the lock that we hold, and is then taken back as
		// the server does in a conflict. A sequence is not taken back, so the second is let through.
		for _, q := range []string{"CREATE SEQUENCE tries", `CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				IF nextval('tries') = 1 THEN
					PERFORM pg_advisory_lock(7);
					RAISE EXCEPTION USING ERRCODE = '40001';
				END IF;
				RETURN NULL;
			END $$`, `CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON evidence DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW WHEN (new.state = 'destroying') EXECUTE FUNCTION conflict()`} {
			if _, err := db.ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		lock, err := db.Conn(t.Context())
		must(t, lock, err)
		defer lock.Close()
		if _, err := lock.ExecContext(t.Context(), "SELECT pg_advisory_lock(7)"); err != nil {
			t.Fatal(err)
		}
		h.clock.Advance(undo)
		h.update(func(tx *store.Tx) error { tx.Notify(task.Topic); return nil })
		waiting := func(query string) func() bool {
			return func() bool {
				var n int
				err := db.QueryRowContext(t.Context(), query).Scan(&n)
				return err == nil && n > 0
			}
		}
		h.until("the destruction is about to commit", waiting("SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
		gate := make(chan struct{})
		h.clock.gate.Store(&gate) // the second try asks for the time before it looks at anything
		stopped := make(chan error)
		go func() {
			_, err := db.ExecContext(t.Context(), "UPDATE evidence SET stop = 'court order' WHERE case_id = $1", int64(c))
			stopped <- err
		}()
		if _, err := lock.ExecContext(t.Context(), "SELECT pg_advisory_unlock(7)"); err != nil {
			t.Fatal(err)
		}
		err = <-stopped
		h.clock.gate.Store(nil)
		close(gate)
		if err != nil {
			t.Fatal(err)
		}
		h.quiet()
		var tries int
		if err := db.QueryRowContext(t.Context(), "SELECT last_value FROM tries").Scan(&tries); err != nil || tries != 1 {
			t.Errorf("control: the trigger fired %d times, %v", tries, err)
		}
		e := h.evidence(c)
		if e.State != evidence.Held || e.Stop != "court order" {
			t.Fatalf("the evidence is %+v", e)
		}
		if r, _, err := h.Original(t.Context(), c); err != nil {
			t.Errorf("evidence under a legal stop does not open: %v", err)
		} else {
			r.Close()
		}
	})
}
