package desk_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
)

// claims pulls a case, which must be the given one.
func (d *counter) claims(who string, id houvast.CaseID) {
	d.t.Helper()
	c, _, err := d.NextCase(d.t.Context(), ask(who, "review.next"))
	if err != nil || c.ID != id {
		d.t.Fatalf("%s pulled %s (%v), want %s", who, c.ID, err, id)
	}
}

func (d *counter) kase(id houvast.CaseID) (c review.Case) {
	d.t.Helper()
	err := d.W.DB().View(d.t.Context(), func(tx *store.Tx) (err error) { c, err = review.Get(tx, id); return err })
	return must(d.t, c, err)
}

// said returns the conversation about a case as "kind who: words".
func (d *counter) said(id houvast.CaseID) (all []string) {
	d.t.Helper()
	notes, err := d.Advice(d.t.Context(), d.kase(id))
	for _, n := range must(d.t, notes, err) {
		all = append(all, fmt.Sprintf("%s %s %s: %s", n.At.Format("15:04"), n.Kind, n.By, n.Words))
	}
	return all
}

const (
	question = "is the lamp in the corner one of the series"
	answer   = "yes it has the same shade"
)

// A question and its answer reach the next person, are read by nobody without the key of the case,
// and go with it.
func TestAdvice(t *testing.T) {
	each(t, func(t *testing.T, d *counter) {
		ctx := t.Context()
		c, e := d.matched(1)
		_, err := d.Park(ctx, ask("alice", "review.park"), c.ID, question)
		kind(t, "parking what is not claimed", err, houvast.Conflict, "claim-lost")
		_, err = d.Park(ctx, ask("alice", "review.park"), c.ID, "")
		kind(t, "that comes before what is wrong with the words", err, houvast.Conflict, "claim-lost")
		d.claims("alice", c.ID)
		_, err = d.Park(ctx, ask("alice", "review.park"), c.ID, " \n")
		kind(t, "without a question", err, houvast.Invalid, "words-missing")
		_, err = d.Park(ctx, ask("alice", "review.park"), c.ID, strings.Repeat("w", 2001))
		kind(t, "with a long one", err, houvast.TooLarge, "words-too-long")
		d.claims("alice", c.ID) // refused words leave the claim
		equal(t, "nothing is said yet", d.said(c.ID), []string(nil))

		once := pipeline.Ask{By: "user:alice", Op: "review.park", Key: "k", Body: "b"}
		for range 2 { // asked again, answered as before
			until, err := d.Park(ctx, once, c.ID, question)
			equal(t, "parked until", must(t, until, err), monday.Add(24*time.Hour))
		}
		_, _, err = d.NextCase(ctx, ask("bob", "review.next"))
		kind(t, "a parked case is handed to nobody", err, houvast.NotFound, "queue-empty")
		list, err := d.Parked(ctx, "user:bob", 9)
		if must(t, list, err); len(list) != 1 || list[0].ID != c.ID || list[0].ParkedBy != "user:alice" {
			t.Errorf("parked: %+v", list)
		}
		kind(t, "her own answer", d.Advise(ctx, ask("alice", "review.advise"), c.ID, answer), houvast.Forbidden, "own-question")
		d.clock.Advance(time.Minute)
		must(t, 0, d.Advise(ctx, ask("bob", "review.advise"), c.ID, answer))
		_, err = d.Resume(ctx, ask("bob", "review.resume"), c.ID)
		kind(t, "resuming hers", err, houvast.Forbidden, "not-yours")
		ends, err := d.Resume(ctx, ask("alice", "review.resume"), c.ID)
		equal(t, "claimed until", must(t, ends, err), monday.Add(11*time.Minute))
		want := []string{"09:00 asked user:alice: " + question, "09:01 advised user:bob: " + answer}
		equal(t, "said", d.said(c.ID), want)
		equal(t, "audit", d.recorded("review.park", "review.advise", "review.resume"), []string{"review.park user:alice", "review.advise user:bob", "review.resume user:alice"})

		for _, words := range []string{question, answer} {
			if where := d.holds(words); len(where) > 0 {
				t.Errorf("%q stands in clear in %v", words, where)
			}
		}
		if where := d.holds("user:bob"); len(where) == 0 {
			t.Error("the look finds nothing at all, so it proves nothing")
		}
		moved := d.kase(c.ID)
		moved.ID++
		_, err = d.Desk.Advice(ctx, moved)
		kind(t, "the conversation of another case", err, houvast.Corrupt, "")

		d.update(func(tx *store.Tx) error { return d.Schedule(tx, c, tx.Now()) })
		d.until("the evidence is destroyed", func() bool {
			return d.number("SELECT COUNT(*) FROM evidence WHERE id = $1 AND state = 'destroyed'", e.ID) == 1
		})
		equal(t, "after its key is destroyed", d.said(c.ID), []string(nil))
		if left := d.kase(c.ID); left.Advice != nil || left.State != review.Ended {
			t.Errorf("%+v", left)
		}
	})
}

// recorded returns the audit lines of some actions, in order, each with its actor.
func (d *counter) recorded(actions ...string) (all []string) {
	d.t.Helper()
	err := d.W.DB().View(d.t.Context(), func(tx *store.Tx) error {
		return tx.Rows("SELECT action, actor FROM audit_line ORDER BY id", nil, func(row *sql.Rows) error {
			var action, actor string
			err := row.Scan(&action, &actor)
			for _, a := range actions {
				if a == action {
					all = append(all, action+" "+actor)
				}
			}
			return err
		})
	})
	must(d.t, 0, err)
	return all
}

// holds returns the tables of which any value contains a text.
func (d *counter) holds(text string) (where []string) {
	d.t.Helper()
	names := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if d.W.DB().Engine() == store.Postgres {
		names = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
	}
	err := d.W.DB().View(d.t.Context(), func(tx *store.Tx) error {
		var tables []string
		err := tx.Rows(names, nil, func(row *sql.Rows) error {
			tables = append(tables, "")
			return row.Scan(&tables[len(tables)-1])
		})
		for _, table := range tables {
			if err != nil {
				break
			}
			err = tx.Rows("SELECT * FROM "+table, nil, func(row *sql.Rows) error {
				cols, err := row.Columns()
				if err != nil {
					return err
				}
				values := make([]any, len(cols))
				for i := range values {
					values[i] = new(sql.RawBytes)
				}
				err = row.Scan(values...)
				for _, v := range values {
					if bytes.Contains(*v.(*sql.RawBytes), []byte(text)) {
						where = append(where, table)
					}
				}
				return err
			})
		}
		return err
	})
	must(d.t, 0, err)
	return where
}

// What a person skips goes to another at once, and the counts and the claim say where things stand.
func TestSkipAndDepth(t *testing.T) {
	each(t, func(t *testing.T, d *counter) {
		ctx := t.Context()
		first, _ := d.matched(1)
		second, _ := d.matched(2)
		d.claims("alice", first.ID)
		c, held, err := d.ClaimOf(ctx, "user:alice")
		equal(t, "she holds", must(t, c, err).ID, first.ID)
		if _, nobody, err := d.ClaimOf(ctx, "user:bob"); !held || nobody || err != nil {
			t.Errorf("held %v, %v, %v", held, nobody, err)
		}
		must(t, 0, d.Skip(ctx, ask("alice", "review.skip"), first.ID))
		d.claims("alice", second.ID)
		must(t, 0, d.Skip(ctx, ask("alice", "review.skip"), second.ID))
		_, _, err = d.NextCase(ctx, ask("alice", "review.next"))
		kind(t, "only skipped ones", err, houvast.NotFound, "queue-skipped")
		n, err := d.Depth(ctx, "user:alice")
		equal(t, "depth", must(t, n, err), review.Depth{Waiting: 2, Skipped: 2, Oldest: first.Opened})
		must(t, 0, d.Unskip(ctx, ask("bob", "review.unskip"))) // he skipped nothing: there is nothing to record
		must(t, 0, d.Unskip(ctx, ask("alice", "review.unskip")))
		must(t, 0, d.Unskip(ctx, ask("alice", "review.unskip")))
		d.claims("alice", first.ID)
		equal(t, "audit", d.recorded("review.skip", "review.unskip"), []string{"review.skip user:alice", "review.skip user:alice", "review.unskip user:alice"})
	})
}

// Who answers says which decision they read; one that was sent back and taken again meanwhile, in the
// same instant even, is another.
func TestAnswersWhatWasRead(t *testing.T) {
	each(t, func(t *testing.T, d *counter) {
		ctx := t.Context()
		c, _ := d.matched(1)
		decide := func(v houvast.Decision) (read int64) {
			d.claims("alice", c.ID)
			_, err := d.Decide(ctx, ask("alice", "cases.decide"), c.ID, review.Verdict{Decision: v})
			must(t, 0, err)
			return d.kase(c.ID).Version()
		}
		first := decide(houvast.DecideAgeInDoubt)
		_, err := d.ReturnCase(ctx, ask("carol", "cases.confirm"), c.ID, first, "look again")
		must(t, 0, err)
		second := decide(houvast.DecideOwn)
		_, err = d.Confirm(ctx, ask("bob", "cases.confirm"), c.ID, first, true, "")
		kind(t, "agreeing to what is over", err, houvast.Conflict, "wrong-state")
		_, err = d.ReturnCase(ctx, ask("bob", "cases.confirm"), c.ID, first, "look again")
		kind(t, "sending back what is over", err, houvast.Conflict, "wrong-state")
		equal(t, "still waiting", []any{d.kase(c.ID).State, d.kase(c.ID).Decision}, []any{review.Second, houvast.DecideOwn})
		once := pipeline.Ask{By: "user:bob", Op: "cases.confirm", Key: "k", Body: "b"}
		for range 2 { // asked again, answered as before
			out, err := d.Confirm(ctx, once, c.ID, second, true, "")
			equal(t, "agreed", must(t, out, err).State, review.Decided)
		}
	})
}

// What waits for advice is listed with the own cases first, however many others there are before them.
func TestParkedOnesOwnFirst(t *testing.T) {
	each(t, func(t *testing.T, d *counter) {
		ctx := t.Context()
		var ids []houvast.CaseID
		for i, who := range []string{"alice", "alice", "bob"} {
			c, _ := d.matched(uint64(i + 1))
			d.claims(who, c.ID)
			_, err := d.Park(ctx, ask(who, "review.park"), c.ID, question)
			must(t, 0, err)
			ids = append(ids, c.ID)
			d.clock.Advance(time.Minute)
		}
		for who, want := range map[houvast.Actor][]houvast.CaseID{"user:bob": {ids[2], ids[0]}, "user:alice": {ids[0], ids[2]}, "user:carol": {ids[0]}} {
			var got []houvast.CaseID
			list, err := d.Parked(ctx, who, 1)
			for _, c := range must(t, list, err) {
				got = append(got, c.ID)
			}
			equal(t, string(who), got, want)
		}
	})
}

// Who sends a decision back says why, the next person reads it, and a list of such cases leaves out
// one's own.
func TestSentBackWithWords(t *testing.T) {
	each(t, func(t *testing.T, d *counter) {
		ctx := t.Context()
		c, _ := d.matched(1)
		seconds := func(who houvast.Actor) int {
			list, err := d.Seconds(ctx, who, 0, 9)
			return len(must(t, list, err))
		}
		decide := func(who string) {
			d.claims(who, c.ID)
			_, err := d.Decide(ctx, ask(who, "cases.decide"), c.ID, review.Verdict{Decision: houvast.DecideAgeInDoubt})
			must(t, 0, err)
		}
		decide("alice")
		equal(t, "waiting for her, for him", []int{seconds("user:alice"), seconds("user:bob")}, []int{0, 1})
		for _, words := range []string{"", " \n"} {
			_, err := d.ReturnCase(ctx, ask("bob", "cases.confirm"), c.ID, 0, words)
			kind(t, "without words", err, houvast.Invalid, "words-missing")
		}
		_, err := d.ReturnCase(ctx, ask("alice", "cases.confirm"), c.ID, 0, "look again")
		kind(t, "her own", err, houvast.Forbidden, "four-eyes")
		_, err = d.ReturnCase(ctx, ask("bob", "cases.confirm"), c.ID, 0, strings.Repeat("w", 2001))
		kind(t, "at length", err, houvast.TooLarge, "words-too-long")
		equal(t, "refused, and still waiting", d.kase(c.ID).State, review.Second)
		out, err := d.ReturnCase(ctx, ask("bob", "cases.confirm"), c.ID, 0, "look at the calendar on the wall")
		equal(t, "state", must(t, out, err).State, review.Open)
		want := []string{"09:00 sent_back user:bob: look at the calendar on the wall"}
		equal(t, "said", d.said(c.ID), want)
		decide("alice")
		_, err = d.Confirm(ctx, ask("bob", "cases.confirm"), c.ID, 0, false, "") // a program, as before
		equal(t, "said", d.said(must(t, c.ID, err)), want)
		decide("alice")
		out, err = d.Confirm(ctx, ask("bob", "cases.confirm"), c.ID, 0, true, "now I see it too")
		equal(t, "state", must(t, out, err).State, review.Decided)
		equal(t, "said", d.said(c.ID), append(want, "09:00 agreed user:bob: now I see it too"))
		if where := d.holds("calendar"); len(where) > 0 {
			t.Errorf("the words stand in clear in %v", where)
		}
		equal(t, "waiting in the end", []int{seconds("user:alice"), seconds("user:bob")}, []int{0, 0})
	})
}

// Around a case there are counts: the same bytes, the same entry, the same account.
func TestAround(t *testing.T) {
	each(t, func(t *testing.T, d *counter) {
		c, _ := d.matched(1)
		again := d.bring(picture(1)) // the same bytes, and by an account without a name another one
		var near review.Case
		err := d.W.DB().View(t.Context(), func(tx *store.Tx) (err error) { near, err = review.OfItem(tx, again); return err })
		must(t, 0, err)
		d.matched(2)
		of := func(id houvast.CaseID) desk.Around {
			c, f, err := d.CaseFacts(t.Context(), id)
			must(t, 0, err)
			a, err := d.Desk.Around(t.Context(), c, f)
			return must(t, a, err)
		}
		none := review.Tally{Decided: map[houvast.Decision]int{}}
		undecided := review.Tally{Cases: 1, Undecided: 1, Decided: map[houvast.Decision]int{}}
		equal(t, "around the first", of(c.ID), desk.Around{Copies: 1, Cluster: undecided, Account: none})
		d.claims("alice", c.ID)
		_, err = d.Decide(t.Context(), ask("alice", "cases.decide"), c.ID, review.Verdict{Decision: houvast.DecideAbuse, Role: houvast.RoleUploader})
		must(t, 0, err)
		decided := review.Tally{Cases: 1, Decided: map[houvast.Decision]int{houvast.DecideAbuse: 1}}
		equal(t, "around the second", of(near.ID), desk.Around{Copies: 1, Cluster: decided, Account: none})
	})
}
