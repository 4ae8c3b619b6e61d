package action

import (
	"database/sql"
	"encoding/json"
	"math"
	"strings"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/task"
)

const columns = `id, kind, key, subject, payload, after, state, proposed_by, proposed, decided_by, decided, sent, done, answer`

func scan(row *sql.Rows) (a Action, err error) {
	var payload string
	var proposed, decided, sent, done int64
	err = row.Scan(&a.ID, &a.Kind, &a.Key, &a.Subject, &payload, &a.After, &a.State,
		&a.ProposedBy, &proposed, &a.DecidedBy, &decided, &sent, &done, &a.Answer)
	a.Payload = json.RawMessage(payload)
	a.ProposedAt, a.DecidedAt = houvast.FromMicros(proposed), houvast.FromMicros(decided)
	a.SentAt, a.DoneAt = houvast.FromMicros(sent), houvast.FromMicros(done)
	return a, err
}

func list(tx *store.Tx, where string, args ...any) (found []Action, err error) {
	err = tx.Rows("SELECT "+columns+" FROM action WHERE "+where, args, func(row *sql.Rows) error {
		a, err := scan(row)
		found = append(found, a)
		return err
	})
	return found, err
}

// Get returns an action.
func Get(tx *store.Tx, id houvast.ActionID) (Action, error) { return first(list(tx, "id = $1", id)) }

// ByKey returns the action that was proposed under key.
func ByKey(tx *store.Tx, key string) (Action, error) { return first(list(tx, "key = $1", key)) }

func first(found []Action, err error) (Action, error) {
	if err == nil && len(found) == 0 {
		err = houvast.Errorf("action.Get", houvast.NotFound, "", "no such action")
	}
	if err != nil {
		return Action{}, err
	}
	return found[0], nil
}

// List returns actions newer than after, oldest first.
func List(tx *store.Tx, after houvast.ActionID, limit int) ([]Action, error) {
	return list(tx, "id > $1 ORDER BY id LIMIT $2", after, limit)
}

// Page returns the actions of a part that come after one of them (0 begins), the one that waits longest
// first; of what is over the newest first. Reports are not among them: they are shown as reports.
func Page(tx *store.Tx, part Part, after houvast.ActionID, limit int) ([]Action, error) {
	switch part {
	case PartProposed:
		return list(tx, "state = 'proposed' AND kind <> 'report' AND id > $1 ORDER BY id LIMIT $2", after, limit)
	case PartRefused:
		return list(tx, "state = 'refused' AND kind <> 'report' AND id > $1 ORDER BY id LIMIT $2", after, limit)
	case PartUnderway:
		return list(tx, "state IN ('approved', 'sending') AND kind <> 'report' AND id > $1 ORDER BY id LIMIT $2", after, limit)
	case PartOver:
		if after == 0 {
			after = math.MaxInt64
		}
		return list(tx, "state IN ('done', 'dropped') AND kind <> 'report' AND id < $1 ORDER BY id DESC LIMIT $2", after, limit)
	}
	return nil, houvast.Errorf("action.Page", houvast.Invalid, "", "there is no such part of the actions")
}

// About returns the actions about a subject, oldest first.
func About(tx *store.Tx, subject string) ([]Action, error) {
	return list(tx, "subject = $1 ORDER BY id", subject)
}

// Propose proposes an action and returns its id. An action of the same key is not proposed again.
func Propose(tx *store.Tx, p Proposal) (houvast.ActionID, error) {
	const op = "action.Propose"
	payload, err := json.Marshal(p.Payload)
	if err != nil {
		return 0, houvast.Wrap(op, err)
	}
	a, err := ByKey(tx, p.Key)
	if err == nil || houvast.KindOf(err) != houvast.NotFound {
		return a.ID, err
	}
	id, state := houvast.ActionID(tx.NewID()), Approved
	if p.Kind.needsApproval() {
		state = Proposed
	}
	_, err = tx.Exec(`INSERT INTO action (id, kind, key, subject, payload, after, state, proposed_by, proposed, decided_by, decided, sent, done, answer)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', 0, 0, 0, '')`,
		id, p.Kind, p.Key, p.Subject, string(payload), p.After, state, p.By, houvast.Micros(tx.Now()))
	if err == nil && state == Approved {
		err = ring(tx, p.Kind, id)
	}
	return id, houvast.Wrap(op, err)
}

func ring(tx *store.Tx, kind Kind, id houvast.ActionID) error {
	return task.Ring(tx, kind.TaskKind(), id.String(), tx.Now())
}

// Approve lets an action happen. Whoever proposed it cannot approve it, unless the team has said in
// its configuration that it is a single person.
func Approve(tx *store.Tx, id houvast.ActionID, by houvast.Actor, selfAllowed bool) (Action, error) {
	const op = "action.Approve"
	a, err := Get(tx, id)
	if err != nil {
		return a, err
	}
	if a.State != Proposed {
		return a, houvast.Errorf(op, houvast.Conflict, "wrong-state", "the action is %s, not proposed", a.State)
	}
	if a.ProposedBy == by && !selfAllowed {
		return a, houvast.Errorf(op, houvast.Forbidden, "self-approval", "who proposed an action cannot approve it").
			WithHint("ask a colleague with the role approver")
	}
	if err := move(tx, a, Approved, "decided_by = $3, decided = $4", by, houvast.Micros(tx.Now())); err != nil {
		return a, err
	}
	a.State, a.DecidedBy, a.DecidedAt = Approved, by, tx.Now()
	return a, ring(tx, a.Kind, id)
}

// Drop ends an action that has not begun to be sent.
func Drop(tx *store.Tx, id houvast.ActionID, by houvast.Actor) (Action, error) {
	a, err := Get(tx, id)
	if err != nil {
		return a, err
	}
	if a.State != Proposed && a.State != Approved {
		return a, houvast.Errorf("action.Drop", houvast.Conflict, "wrong-state", "the action is %s already", a.State)
	}
	if err := move(tx, a, Dropped, "decided_by = $3, decided = $4", by, houvast.Micros(tx.Now())); err != nil {
		return a, err
	}
	a.State, a.DecidedBy, a.DecidedAt = Dropped, by, tx.Now()
	return a, ringWaiting(tx, id)
}

// begin persists that an action is about to be sent. ready is false when it waits for another one;
// whoever ends that one rings.
func begin(tx *store.Tx, id houvast.ActionID) (a Action, ready bool, err error) {
	if a, err = Get(tx, id); err != nil || a.State.over() || a.State == Proposed {
		return a, false, err
	}
	if a.After != 0 {
		before, err := Get(tx, a.After)
		if err != nil || !before.State.over() {
			return a, false, err
		}
	}
	if a.State == Sending {
		return a, true, nil
	}
	err = move(tx, a, Sending, "sent = $3", houvast.Micros(tx.Now()))
	a.State = Sending
	return a, err == nil, err
}

// End records how an action ended and rings for whatever waited for it.
func End(tx *store.Tx, a Action, state State, answer string) error {
	if err := move(tx, a, state, "done = $3, answer = $4", houvast.Micros(tx.Now()), clip(answer)); err != nil {
		return err
	}
	return ringWaiting(tx, a.ID)
}

// clip makes an answer fit to be kept. What comes from outside may be no text at all, and a database
// that refused it would have the action sent again for ever.
func clip(answer string) string {
	if len(answer) > maxKept {
		answer = answer[:maxKept]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(answer, ""), "\x00", "")
}

// maxKept is how much of an answer is kept, in bytes.
const maxKept = 500

// ringWaiting rings for whatever waited for an action that is over.
func ringWaiting(tx *store.Tx, id houvast.ActionID) error {
	waiting, err := list(tx, "after = $1 AND state = 'approved'", id)
	if err != nil {
		return err
	}
	for _, w := range waiting {
		if err := ring(tx, w.Kind, w.ID); err != nil {
			return err
		}
	}
	return nil
}

// move changes the state of an action if nobody has changed it meanwhile.
func move(tx *store.Tx, a Action, to State, set string, args ...any) error {
	shift := append([]any{a.ID, to}, args...)
	shift = append(shift, a.State)
	last := "$" + string(rune('0'+len(shift)))
	n, err := tx.Exec("UPDATE action SET state = $2, "+set+" WHERE id = $1 AND state = "+last, shift...)
	if err == nil && n != 1 {
		err = houvast.Errorf("action.move", houvast.Conflict, "wrong-state", "the action was changed meanwhile")
	}
	return err
}

// Sweeper returns a sweep that rings for every action that should be on its way, a thousand at a time,
// each time going on where it left: actions that wait for a sender never hide the ones behind them.
func Sweeper() task.Sweep {
	var after houvast.ActionID
	return func(tx *store.Tx) error {
		open, err := list(tx, "id > $1 AND state IN ('approved', 'sending') ORDER BY id LIMIT 1000", after)
		if err != nil {
			return err
		}
		for _, a := range open {
			if err := task.Ensure(tx, a.Kind.TaskKind(), a.ID.String(), tx.Now()); err != nil {
				return err
			}
			after = a.ID
		}
		if len(open) < 1000 {
			after = 0
		}
		return nil
	}
}
