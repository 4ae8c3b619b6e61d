package evidence

import (
	"database/sql"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

const columns = `id, case_id, item, blob, key, bytes, sha256, state, since, destroy, why, law, started, stop, snapshot, destroyed`

func list(tx *store.Tx, where string, args ...any) (found []Evidence, err error) {
	err = tx.Rows("SELECT "+columns+" FROM evidence WHERE "+where, args, func(row *sql.Rows) error {
		var e Evidence
		var since, destroy, started, destroyed int64
		err := row.Scan(&e.ID, &e.Case, &e.Item, &e.Blob, &e.Key, &e.Bytes, &e.SHA256, &e.State, &since,
			&destroy, &e.Why, &e.Law, &started, &e.Stop, &e.Snapshot, &destroyed)
		e.Since, e.Destroy = houvast.FromMicros(since), houvast.FromMicros(destroy)
		e.Started, e.Destroyed = houvast.FromMicros(started), houvast.FromMicros(destroyed)
		found = append(found, e)
		return err
	})
	return found, err
}

func first(found []Evidence, err error) (Evidence, error) {
	if err == nil && len(found) == 0 {
		err = houvast.Errorf("evidence.Get", houvast.NotFound, "", "there is no such evidence")
	}
	if err != nil {
		return Evidence{}, err
	}
	return found[0], nil
}

// Get returns one row.
func Get(tx *store.Tx, id houvast.EvidenceID) (Evidence, error) {
	return first(list(tx, "id = $1", id))
}

// OfCase returns the evidence of a case.
func OfCase(tx *store.Tx, c houvast.CaseID) (Evidence, error) {
	return first(list(tx, "case_id = $1", c))
}

// List returns evidence newer than after, oldest first.
func List(tx *store.Tx, after houvast.EvidenceID, limit int) ([]Evidence, error) {
	return list(tx, "id > $1 ORDER BY id LIMIT $2", after, limit)
}

// Hold takes the bytes of a new case: e names the case, item, blob, key, size and sha256. They are
// held until a decision, at most UndecidedHold.
func Hold(tx *store.Tx, e Evidence) (houvast.EvidenceID, error) {
	e.ID, e.State, e.Since = houvast.EvidenceID(tx.NewID()), Held, tx.Now()
	e.Destroy, e.Why = tx.Now().Add(UndecidedHold), "undecided"
	_, err := tx.Exec(`INSERT INTO evidence (`+columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '', 0, '', '', 0)`,
		e.ID, e.Case, e.Item, e.Blob, e.Key, e.Bytes, e.SHA256, e.State, houvast.Micros(e.Since), houvast.Micros(e.Destroy), e.Why)
	return e.ID, err
}

func save(tx *store.Tx, e Evidence, was State) error {
	n, err := tx.Exec(`UPDATE evidence SET state = $2, destroy = $3, why = $4, law = $5, started = $6, stop = $7, snapshot = $8, destroyed = $9,
		blob = $10, key = $11, sha256 = $12 WHERE id = $1 AND state = $13`,
		e.ID, e.State, houvast.Micros(e.Destroy), e.Why, e.Law, houvast.Micros(e.Started), e.Stop, e.Snapshot, houvast.Micros(e.Destroyed),
		e.Blob, e.Key, e.SHA256, was)
	if err == nil && n != 1 {
		err = houvast.Errorf("evidence.save", houvast.Conflict, "wrong-state", "the evidence was changed meanwhile")
	}
	return err
}

// change loads the evidence of a case, calls the transition and saves.
func change(tx *store.Tx, c houvast.CaseID, transition func(Evidence) (Evidence, error)) (Evidence, error) {
	e, err := OfCase(tx, c)
	if err != nil {
		return e, err
	}
	was := e.State
	if e, err = transition(e); err != nil {
		return e, err
	}
	return e, save(tx, e, was)
}

// Wait keeps the evidence of a case without an end of its own: a report is being made, and the
// period begins when it is filed.
func Wait(tx *store.Tx, c houvast.CaseID) (Evidence, error) {
	return change(tx, c, func(e Evidence) (Evidence, error) { return schedule(e, time.Time{}, "report") })
}

// Schedule sets when the evidence of a case is destroyed, by the rule called why.
func Schedule(tx *store.Tx, c houvast.CaseID, at time.Time, why string) (Evidence, error) {
	return change(tx, c, func(e Evidence) (Evidence, error) { return schedule(e, at, why) })
}

// Preserve keeps the evidence of a case for the lawful period, counted from event.
func Preserve(tx *store.Tx, c houvast.CaseID, p Policy, event time.Time) (Evidence, error) {
	return change(tx, c, func(e Evidence) (Evidence, error) { return preserve(e, p, event) })
}

// SetStop forbids or, with an empty order, allows deletion again.
func SetStop(tx *store.Tx, c houvast.CaseID, order string) (Evidence, error) {
	return change(tx, c, func(e Evidence) (Evidence, error) {
		if e.State != Held && e.State != Preserved {
			return e, wrongState("evidence.SetStop", e)
		}
		e.Stop = order
		return e, nil
	})
}

// SetSnapshot records the sealed copy of the report as it was filed. It is sealed under the same key
// and goes with it.
func SetSnapshot(tx *store.Tx, c houvast.CaseID, blob string) error {
	_, err := change(tx, c, func(e Evidence) (Evidence, error) {
		if e.State != Held {
			return e, wrongState("evidence.SetSnapshot", e)
		}
		e.Snapshot = blob
		return e, nil
	})
	return err
}

// Due returns what is to be destroyed at a time, earliest first.
func Due(tx *store.Tx, at time.Time, limit int) ([]Evidence, error) {
	return list(tx, "destroy <> 0 AND (destroy <= $1 AND stop = '' OR state = 'destroying') ORDER BY destroy, id LIMIT $2", houvast.Micros(at), limit)
}

// Begin persists that the evidence is being destroyed. It is refused when it is not due at law time,
// whatever the caller believes.
func Begin(tx *store.Tx, id houvast.EvidenceID) (Evidence, error) {
	e, err := Get(tx, id)
	if err != nil {
		return e, err
	}
	if !e.due(tx.Now()) {
		return e, houvast.Errorf("evidence.Begin", houvast.Conflict, "not-due", "the evidence of %s is %s and not due", e.Case, e.State)
	}
	was := e.State
	e.State = Destroying
	return e, save(tx, e, was)
}

// End leaves the tombstone, once key and bytes are gone.
func End(tx *store.Tx, id houvast.EvidenceID) error {
	e, err := Get(tx, id)
	if err != nil {
		return err
	}
	if e.State != Destroying {
		return wrongState("evidence.End", e)
	}
	e.State, e.Destroyed, e.Destroy = Destroyed, tx.Now(), time.Time{}
	e.Blob, e.Key, e.SHA256, e.Snapshot = "", "", "", ""
	return save(tx, e, Destroying)
}

// HoldsBlob reports whether a blob is evidence or the snapshot of a report.
func HoldsBlob(tx *store.Tx, blob string) (bool, error) {
	return exists(tx, "blob = $1 OR snapshot = $1", blob)
}

// HoldsKey reports whether evidence is sealed under a key.
func HoldsKey(tx *store.Tx, key string) (bool, error) { return exists(tx, "key = $1", key) }

func exists(tx *store.Tx, where, arg string) (bool, error) {
	var one int
	err := tx.Row("SELECT 1 FROM evidence WHERE "+where+" LIMIT 1", store.Args(arg), &one)
	if houvast.KindOf(err) == houvast.NotFound {
		return false, nil
	}
	return err == nil, err
}

// CountByState counts evidence, for doctor and the demo.
func CountByState(tx *store.Tx) (map[State]int, error) {
	counts := map[State]int{}
	err := tx.Rows("SELECT state, COUNT(*) FROM evidence GROUP BY state", nil, func(row *sql.Rows) error {
		var s State
		var n int
		err := row.Scan(&s, &n)
		counts[s] = n
		return err
	})
	return counts, err
}
