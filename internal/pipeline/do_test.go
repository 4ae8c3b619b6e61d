package pipeline_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
)

// keyed is a request that may come again.
func keyed(by, op, key, body string) pipeline.Ask {
	return pipeline.Ask{By: houvast.Actor("user:" + by), Op: op, Key: key, Body: body}
}

// The same request under the same key is done once and answered alike, at once or at the same time;
// another request under it is refused; somebody else's key is theirs.
func TestRepeatedRequests(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var ran atomic.Int64
		do := func(a pipeline.Ask, answer string) (string, error) {
			return pipeline.Do(t.Context(), h.Pipeline, a, func(tx *store.Tx) (string, pipeline.Done, error) {
				ran.Add(1)
				_, err := tx.Exec("INSERT INTO lease (name, holder, fence, expires) VALUES ($1, '', 0, 0)", houvast.RandomText("done", 20))
				return answer, pipeline.Did("thing", map[string]string{"answer": answer}), err
			})
		}
		done := func() int64 { return h.number("SELECT COUNT(*) FROM lease WHERE name LIKE 'done%'") }
		lines := func() int64 { return h.number("SELECT COUNT(*) FROM audit_line WHERE action = 'things.make'") }

		first, err := do(keyed("alice", "things.make", "k", "b1"), "first")
		equal(t, "first", must(t, first, err), "first")
		again, err := do(keyed("alice", "things.make", "k", "b1"), "second")
		equal(t, "again", must(t, again, err), "first")
		equal(t, "done, lines", []int64{done(), lines()}, "[1 1]")
		_, err = do(keyed("alice", "things.make", "k", "b2"), "other")
		kind(t, "another body", err, houvast.Conflict, "idempotency-key-reused")
		theirs, err := do(keyed("bob", "things.make", "k", "b2"), "bob's")
		equal(t, "somebody else's key", must(t, theirs, err), "bob's")
		other, err := do(keyed("alice", "things.unmake", "k", "b2"), "unmade")
		equal(t, "another operation", must(t, other, err), "unmade")
		for range 2 {
			plain, err := do(keyed("alice", "things.make", "", "b1"), "third")
			equal(t, "without a key", must(t, plain, err), "third")
		}
		equal(t, "done, lines", []int64{done(), lines()}, "[5 4]")

		ran.Store(0)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				got, err := do(keyed("alice", "things.make", "at once", "b"), "one")
				if got != "one" || err != nil {
					t.Errorf("at once: %q, %v", got, err)
				}
			})
		}
		all.Wait()
		equal(t, "done", done(), 6)
		if h.W.DB().Engine() == store.SQLite {
			equal(t, "ran", ran.Load(), 1)
		}
	})
}

// A decision is answered again as before, also when it was followed by everything else and its
// evidence is long gone.
func TestRepeatedDecision(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a := picture(1)
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(a))
		id := h.bring(a, facts())
		h.quiet()
		h.claim("alice", id)
		c, _ := h.opened(id)
		v := review.Verdict{Decision: houvast.DecideAgeInDoubt}
		first, err := h.Decide(t.Context(), keyed("alice", "cases.decide", "d", "v"), c.ID, v)
		must(t, first, err)
		yes, err := h.Confirm(t.Context(), keyed("bob", "cases.confirm", "c", "v"), c.ID, 0, true, "")
		must(t, yes, err)
		h.quiet()
		before := h.effect(c)
		lines := h.number("SELECT COUNT(*) FROM audit_line")
		again := func(when string) {
			again, err := h.Decide(t.Context(), keyed("alice", "cases.decide", "d", "v"), c.ID, v)
			equal(t, when, must(t, again, err), first)
			again, err = h.Confirm(t.Context(), keyed("bob", "cases.confirm", "c", "v"), c.ID, 0, true, "")
			equal(t, when, must(t, again, err), yes)
		}
		again("again")
		h.quiet()
		equal(t, "effects", h.effect(c), before)
		equal(t, "audit lines", h.number("SELECT COUNT(*) FROM audit_line"), lines)
		_, err = h.Decide(t.Context(), keyed("alice", "cases.decide", "d", "w"), c.ID, review.Verdict{Decision: houvast.DecideNotAbuse})
		kind(t, "another verdict under the key", err, houvast.Conflict, "idempotency-key-reused")

		h.update(func(tx *store.Tx) error { return h.Schedule(tx, c, tx.Now()) })
		h.advance(0)
		equal(t, "evidence", h.evidence(c.ID).State, "destroyed")
		again("after the evidence is gone")
	})
}

// Approving and amending are answered again as before, too.
func TestRepeatedReportRequests(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, id := h.draft(picture(1), abuse())
		amend := func() (report.State, error) {
			return h.Amend(t.Context(), keyed("alice", "reports.amend", "a", "x"), id, report.Amendment{ScreenName: "heron"})
		}
		approve := func() (report.State, error) {
			return h.Approve(t.Context(), keyed("bob", "reports.approve", "p", "y"), id, 0)
		}
		for range 2 {
			state, err := amend()
			equal(t, "amended", must(t, state, err), report.Draft)
		}
		state, err := approve()
		equal(t, "approved", must(t, state, err), report.Approved)
		h.quiet()
		again := func(when string) {
			state, err := amend()
			equal(t, when, must(t, state, err), report.Draft)
			state, err = approve()
			equal(t, when, must(t, state, err), report.Approved)
		}
		again("after it was filed")
		h.clock.Advance(366 * 24 * time.Hour) // no sweep comes by that would forget the requests
		due, err := h.ExpireNow(t.Context(), ask("carol", "evidence.expire"))
		equal(t, "due", must(t, due, err), 1)
		h.quiet()
		equal(t, "evidence", h.evidence(h.report(id).Case).State, "destroyed")
		again("after its evidence is gone")
		_, err = h.Amend(t.Context(), keyed("alice", "reports.amend", "new", "x"), id, report.Amendment{})
		kind(t, "amending what is gone", err, houvast.Gone, "")
	})
}

// What cannot be recorded does not happen: when the audit line cannot be written, the decision is
// refused and the case is as it was. Without the trigger the same decision is made.
func TestNoDecisionWithoutItsLine(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a := picture(1)
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(a))
		id := h.bring(a, facts())
		h.quiet()
		h.claim("alice", id)
		c, _ := h.opened(id)
		before := h.effect(c)
		quiet := review.Verdict{Decision: houvast.DecideNotAbuse} // writes no other line than its own
		make, drop := []string{`CREATE TRIGGER no_lines BEFORE INSERT ON audit_line BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`}, "DROP TRIGGER no_lines"
		if h.W.DB().Engine() == store.Postgres {
			make = []string{`CREATE FUNCTION no_line() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the disk is full'; END $$`,
				`CREATE TRIGGER no_lines BEFORE INSERT ON audit_line FOR EACH ROW EXECUTE FUNCTION no_line()`}
			drop += " ON audit_line"
		}
		run := func(queries ...string) {
			h.update(func(tx *store.Tx) error {
				for _, q := range queries {
					if _, err := tx.Exec(q); err != nil {
						return err
					}
				}
				return nil
			})
		}
		run(make...)
		_, err := h.Decide(t.Context(), keyed("alice", "cases.decide", "d", "v"), c.ID, quiet)
		kind(t, "deciding without a log", err, houvast.Unavailable, "audit-unwritable")
		h.quiet()
		equal(t, "effects", h.effect(c), before)
		now, _ := h.opened(id)
		equal(t, "case", []any{now.State, now.Decision, now.ClaimedBy}, []any{review.Open, "", "user:alice"})
		run(drop)
		out, err := h.Decide(t.Context(), keyed("alice", "cases.decide", "d", "v"), c.ID, quiet)
		equal(t, "deciding with it", must(t, out, err).State, review.Decided)
	})
}

// An answer is given when its line is under a signed checkpoint, and not before: nobody signs at
// first, so neither the request nor its repetition is answered; then both are.
func TestAnswersWaitForTheCheckpoint(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		n := 0
		do := func() (string, error) {
			return pipeline.Do(t.Context(), h.Pipeline, keyed("alice", "things.make", "k", "b"), func(tx *store.Tx) (string, pipeline.Done, error) {
				n++
				return "made", pipeline.Done{Subject: "thing"}, nil
			})
		}
		_, err := do() // it is done, and nobody may say so, nor that it is not
		kind(t, "first, while nobody signs", err, houvast.InDoubt, "recorded-unsigned")
		_, err = do() // from here on nothing is begun
		kind(t, "again, while nobody signs", err, houvast.Unavailable, "audit-unwritable")
		equal(t, "lines without a number", h.number("SELECT COUNT(*) FROM audit_line WHERE seq IS NULL AND action = 'things.make'"), 1)
		h.signLater()
		got, err := do()
		equal(t, "once somebody signs", must(t, got, err), "made")
		size := h.number("SELECT MAX(size) FROM audit_checkpoint")
		if seq := h.number("SELECT seq FROM audit_line WHERE action = 'things.make'"); seq >= size {
			t.Errorf("line %d was answered for under a checkpoint of %d lines", seq, size)
		}
		equal(t, "runs", n, 1)
	}, func(h *house) {
		h.signLater, h.sign = h.sign, func() {}
	})
}
