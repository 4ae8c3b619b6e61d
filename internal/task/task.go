// Package task is durable background work. A task is a doorbell: a kind and a subject, nothing else.
// The state is in the room whose noun the subject names; whoever answers the bell looks there what
// is to be done, so ringing twice does no harm and a lost bell is rung again by the sweeper.
//
// Rules that keep work from being lost or done by two at once:
//   - Ring is part of the caller's transaction: the bell rings if and only if the change happened.
//   - A runner claims a bell under a lease with a fence that grows at each claim. It renews the lease
//     while it works; a process that dies loses it, and another takes over.
//   - Done compares the fence inside the handler's own transaction: a runner that slept through its
//     lease cannot write.
//   - A ring while the bell is being answered makes it ring again afterwards.
//
// Due is law time, so that moving the calendar moves what falls due. Leases are counted on the hand
// that only measures.
package task

import (
	"database/sql"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

// Topic is what Ring notifies.
const Topic = "task"

// A Bell is one claimed task. Its claim ends when the handler returns.
type Bell struct {
	ID       int64
	Kind     string
	Subject  string
	Attempts int // failures in a row before this time
	rung     int64
	fence    int64
	done     *bool
}

// Ring asks for kind to be done about subject at or after due. A bell that hangs already is rung
// again, at the earlier time of both.
func Ring(tx *store.Tx, kind, subject string, due time.Time) error {
	_, err := tx.Exec(`INSERT INTO task (id, kind, subject, due, rung, attempts, error, fence, expires)
		VALUES ($1, $2, $3, $4, 1, 0, '', 0, 0)
		ON CONFLICT (kind, subject) DO UPDATE SET rung = task.rung + 1,
			due = CASE WHEN excluded.due < task.due OR task.expires <> 0 THEN excluded.due ELSE task.due END`,
		tx.NewID(), kind, subject, houvast.Micros(due))
	if err == nil {
		tx.Notify(Topic)
	}
	return err
}

// Ensure hangs a bell unless it hangs already. Sweepers use it: what is being done is left alone.
func Ensure(tx *store.Tx, kind, subject string, due time.Time) error {
	n, err := tx.Exec(`INSERT INTO task (id, kind, subject, due, rung, attempts, error, fence, expires)
		VALUES ($1, $2, $3, $4, 1, 0, '', 0, 0) ON CONFLICT (kind, subject) DO NOTHING`, tx.NewID(), kind, subject, houvast.Micros(due))
	if err == nil && n > 0 {
		tx.Notify(Topic)
	}
	return err
}

// RingHeld hangs a bell that is claimed from birth, by this process: nobody answers it until it is
// given to Runner.Adopt, or until the process dies and the lease ends.
func RingHeld(tx *store.Tx, kind, subject string, leaseNow time.Time) (Bell, error) {
	b := Bell{ID: tx.NewID(), Kind: kind, Subject: subject, rung: 1, fence: 1, done: new(bool)}
	_, err := tx.Exec(`INSERT INTO task (id, kind, subject, due, rung, attempts, error, fence, expires)
		VALUES ($1, $2, $3, $4, 1, 0, '', 1, $5)`,
		b.ID, kind, subject, houvast.Micros(tx.Now()), houvast.Micros(leaseNow.Add(leaseTTL)))
	return b, err
}

// Done takes the bell down inside the handler's own transaction. It is an error of kind Conflict
// when somebody else has claimed the bell meanwhile: the transaction must then fail, and does.
func (b Bell) Done(tx *store.Tx) error {
	n, err := tx.Exec("DELETE FROM task WHERE id = $1 AND fence = $2 AND rung = $3", b.ID, b.fence, b.rung)
	if err != nil {
		return err
	}
	if n == 0 {
		// Rung again meanwhile: it stays, free for the next claim, unless it is not ours any more.
		if n, err = tx.Exec("UPDATE task SET expires = 0, attempts = 0, error = '' WHERE id = $1 AND fence = $2", b.ID, b.fence); err != nil {
			return err
		}
		tx.Notify(Topic)
	}
	if n == 0 {
		return houvast.Errorf("task.Done", houvast.Conflict, "task-lost", "the %s of %s is being done by another process", b.Kind, b.Subject)
	}
	*b.done = true
	return nil
}

// fail puts the bell back for a later time.
func (b Bell) fail(tx *store.Tx, due time.Time, why string) error {
	_, err := tx.Exec("UPDATE task SET due = $3, expires = 0, attempts = attempts + 1, error = $4 WHERE id = $1 AND fence = $2",
		b.ID, b.fence, houvast.Micros(due), why)
	return err
}

// claim takes up to n due bells of a kind.
func claim(tx *store.Tx, kind string, n int, leaseNow time.Time) (bells []Bell, err error) {
	err = tx.Rows(`SELECT id, subject, rung, attempts, fence FROM task
		WHERE due <= $1 AND kind = $2 AND expires <= $3 ORDER BY due, id LIMIT $4 FOR UPDATE SKIP LOCKED`,
		store.Args(houvast.Micros(tx.Now()), kind, houvast.Micros(leaseNow), n),
		func(row *sql.Rows) error {
			b := Bell{Kind: kind, done: new(bool)}
			err := row.Scan(&b.ID, &b.Subject, &b.rung, &b.Attempts, &b.fence)
			b.fence++
			bells = append(bells, b)
			return err
		})
	if err != nil {
		return nil, err
	}
	for _, b := range bells {
		if _, err := tx.Exec("UPDATE task SET fence = $2, expires = $3 WHERE id = $1", b.ID, b.fence, houvast.Micros(leaseNow.Add(leaseTTL))); err != nil {
			return nil, err
		}
	}
	return bells, nil
}

// Waiting returns the number of bells by kind, for doctor, metrics and tests.
func Waiting(tx *store.Tx) (map[string]int, error) {
	counts := map[string]int{}
	err := tx.Rows("SELECT kind, COUNT(*) FROM task GROUP BY kind", nil, func(row *sql.Rows) error {
		var kind string
		var n int
		err := row.Scan(&kind, &n)
		counts[kind] = n
		return err
	})
	return counts, err
}
