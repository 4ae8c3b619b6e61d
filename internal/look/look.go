// Package look is what pages show of several rooms, or in an order that no room needs for itself. It
// selects and never writes, in the caller's read transaction, and knows no room's types.
//
// What must stay true: each query finds its rows by an index, however long a table has grown; a test
// asks both engines how they would go about it.
package look

import (
	"database/sql"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

// A Line is a numbered line of the audit log, as whoever checks the log reads it.
type Line struct {
	Seq     int64
	At      time.Time // UTC, microseconds
	Actor   houvast.Actor
	Action  string
	Subject string
	Facts   []Fact // by name
}

// A Fact is one name and value of a line.
type Fact struct{ Name, Value string }

// maxLines is the most that one call of Lines returns.
const maxLines = 500

// selectLines finds lines by the unique index over their numbers. A line without a number is below none.
const selectLines = "SELECT seq, at, actor, action, subject, detail FROM audit_line WHERE seq < $1 ORDER BY seq DESC LIMIT $2"

// Lines returns numbered lines of the audit log, the newest first: those with a number below before,
// or the newest of all when before is negative. At most limit come back, and never over 500.
//
// It shows what the table holds. Whether that is what was signed is for audit.Verify to say.
func Lines(tx *store.Tx, before int64, limit int) (lines []Line, err error) {
	if before < 0 {
		before = math.MaxInt64
	}
	limit = max(min(limit, maxLines), 0)
	err = tx.Rows(selectLines, store.Args(before, limit), func(row *sql.Rows) error {
		var l Line
		var at int64
		var detail string
		err := row.Scan(&l.Seq, &at, &l.Actor, &l.Action, &l.Subject, &detail)
		l.At, l.Facts = houvast.FromMicros(at), facts(detail)
		lines = append(lines, l)
		return err
	})
	return lines, houvast.Wrap("look.Lines", err)
}

// facts reads the detail of a line. One that somebody changed may be no JSON: then it is shown as it
// stands, under no name.
func facts(detail string) (all []Fact) {
	var m map[string]string
	if json.Unmarshal([]byte(detail), &m) != nil {
		return []Fact{{Value: detail}}
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, Fact{name, m[name]})
	}
	return all
}
