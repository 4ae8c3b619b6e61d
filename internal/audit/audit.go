// Package audit is the log that cannot be quietly changed, and the feed of what happened.
//
// A line says who did what to which subject, in short facts and never in content. Append writes it
// as a row of the caller's transaction: if the line cannot be written, the change it speaks of is
// not made either. Such a line is new: it has an id but no number.
//
// One sequencer in all processes, the holder of the lease "audit", numbers the new lines from 0
// without a gap, hashes them into a Merkle tree (RFC 6962, package tlog) and signs the tree's size
// and root as a checkpoint (a note of package note, in the form of C2SP tlog-checkpoint). A line is
// numbered; it is signed once a checkpoint covers it. Both happen in one transaction, at most 20 ms
// after the line was committed. Lines of one batch are taken in the order of their ids, but a line
// whose transaction was slow is numbered after younger ones: the order of truth is the number.
//
// After that commit the checkpoint is kept a second time, outside the database, as the mark. Only
// then does Wait answer. So the mark is never ahead of a database that nobody put back, and never
// more than one checkpoint behind it.
//
// What must stay true, and what Verify finds by the number of the line when it is not:
//
//   - every number from 0 to the size of the newest checkpoint has exactly one line;
//   - a line is what it was when it was numbered. Each carries a MAC over its number and hash under
//     a key that is not in the database, so that whoever rewrites a line and recomputes every hash
//     above it is still found, at that line;
//   - every checkpoint is signed and its root is that of the lines below its size;
//   - the database is not older than the mark: yesterday's copy of all of it is signed and
//     complete, and only the mark tells that lines are missing.
//
// Not found is a change to a line in the moment between its commit and its numbering, a line that
// the program itself never wrote, and whatever is done by somebody who holds the keys.
//
// Tables: audit_line; audit_hash, the hashes of the tree in the numbering of tlog; audit_checkpoint,
// the newest hundred and one for every thousand lines.
package audit

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

// topic is what Append announces to the sequencer.
const topic = "audit"

// The bounds of a line, in bytes. They keep content out: facts are short.
const (
	maxName   = 200 // actor, subject
	maxAction = 64
	maxDetail = 4096 // all of the detail as JSON
	maxFact   = 512  // one value of the detail
	maxFacts  = 32
)

const actionLetters = "abcdefghijklmnopqrstuvwxyz0123456789._-"

// A Line is one thing that somebody did.
type Line struct {
	Actor   houvast.Actor     // who; at most 200 bytes
	Action  string            // what, as noun.verb, lower case: case.decide; at most 64 bytes
	Subject string            // to what, as a shown id or a name; at most 200 bytes, may be empty
	Detail  map[string]string // short facts, never content; at most 32 of 512 bytes each
}

// Append writes a line with the caller's transaction and returns its id, for Wait. An error must be
// returned from the transaction, so that what is not recorded does not happen. Text that a database
// could not hold, or that is too long, is an error of kind Invalid.
func Append(tx *store.Tx, l Line) (id int64, err error) {
	const op = "audit.Append"
	detail, err := l.check()
	if err != nil {
		return 0, err
	}
	id = tx.NewID()
	_, err = tx.Exec("INSERT INTO audit_line (id, at, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5, $6)",
		id, houvast.Micros(tx.Now()), string(l.Actor), l.Action, l.Subject, detail)
	if err != nil {
		return 0, houvast.Errorf(op, houvast.Unavailable, "audit-unwritable", "the audit line cannot be written: %w", err).
			WithHint("nothing was done; see whether the database has room and is healthy, then try again")
	}
	tx.Notify(topic)
	return id, nil
}

// check returns the detail as it is stored: JSON with sorted keys, at least {}.
func (l Line) check() (string, error) {
	const op = "audit.Append"
	bad := func(what string) (string, error) {
		return "", houvast.Errorf(op, houvast.Invalid, "audit-line", "the audit line has a bad %s", what)
	}
	switch {
	case l.Actor == "" || !plain(string(l.Actor), maxName):
		return bad("actor")
	case l.Action == "" || len(l.Action) > maxAction || strings.Trim(l.Action, actionLetters) != "":
		return bad("action")
	case !plain(l.Subject, maxName):
		return bad("subject")
	case len(l.Detail) > maxFacts:
		return bad("detail: too many facts")
	}
	for k, v := range l.Detail {
		if k == "" || !plain(k, maxAction) || !plain(v, maxFact) {
			return bad("detail: a fact is too long or no text")
		}
	}
	if len(l.Detail) == 0 {
		return "{}", nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b) // sorts the keys
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l.Detail); err != nil {
		return "", houvast.Wrap(op, err)
	}
	if b.Len() > maxDetail {
		return bad("detail: too long")
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// plain reports whether s is text that both engines store unchanged.
func plain(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// An Event is a line as outsiders may see it: that something happened, not who did it nor why.
type Event struct {
	Seq     int64
	At      time.Time // UTC, microseconds
	Action  string
	Subject string
}

// maxEvents is the most that one call of Events returns.
const maxEvents = 500

// Events returns signed lines with a number over after, in order; -1 begins at the first line. At
// most limit come back, and never over 500. A caller goes on after the last number it was given.
func Events(tx *store.Tx, after int64, limit int) (events []Event, err error) {
	limit = max(min(limit, maxEvents), 0)
	err = tx.Rows("SELECT seq, at, action, subject FROM audit_line WHERE seq > $1 ORDER BY seq LIMIT $2",
		store.Args(after, limit), func(row *sql.Rows) error {
			var e Event
			var at int64
			err := row.Scan(&e.Seq, &at, &e.Action, &e.Subject)
			e.At = houvast.FromMicros(at)
			events = append(events, e)
			return err
		})
	return events, houvast.Wrap("audit.Events", err)
}
