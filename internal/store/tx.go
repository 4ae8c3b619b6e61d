package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/houvast/houvast"
)

// A Tx is one transaction. Its statements carry no context of their own: several closures share one
// commit on SQLite, and interrupting one statement would roll back all of them.
type Tx struct {
	db     *DB
	tx     *sql.Tx
	now    time.Time
	write  bool
	topics []string
}

// Now returns law time, the same for the whole transaction.
func (t *Tx) Now() time.Time { return t.now }

// NewID returns an id that no other node makes.
func (t *Tx) NewID() int64 { return t.db.ids.Next() }

// Notify wakes whoever waits for topic, once this transaction has committed.
func (t *Tx) Notify(topic string) { t.topics = append(t.topics, topic) }

// Exec runs a statement and returns the number of rows it changed.
func (t *Tx) Exec(query string, args ...any) (int64, error) {
	res, err := t.tx.ExecContext(context.Background(), t.db.dialect(query), args...)
	if err != nil {
		return 0, t.db.failed("store.Exec", err)
	}
	n, err := res.RowsAffected()
	return n, err
}

// Row runs a query of one row and scans it. No row is an error of kind NotFound.
func (t *Tx) Row(query string, args []any, dest ...any) error {
	err := t.tx.QueryRowContext(context.Background(), t.db.dialect(query), args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return houvast.Errorf("store.Row", houvast.NotFound, "", "no such row: %w", err)
	}
	return t.db.failed("store.Row", err)
}

// Rows runs a query and calls scan for each row.
func (t *Tx) Rows(query string, args []any, scan func(row *sql.Rows) error) error {
	const op = "store.Rows"
	rows, err := t.tx.QueryContext(context.Background(), t.db.dialect(query), args...)
	if err != nil {
		return t.db.failed(op, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return t.db.failed(op, rows.Err())
}

// Args makes the argument list of Row and Rows readable at the call.
func Args(args ...any) []any { return args }

// dialect removes what SQLite does not know. The texts are constants, so a map would only save a
// scan of some hundred bytes.
func (db *DB) dialect(query string) string {
	if db.engine == Postgres {
		return query
	}
	query = strings.ReplaceAll(query, " FOR UPDATE", "")
	return strings.ReplaceAll(query, " SKIP LOCKED", "")
}

// View runs fn in a read transaction: it sees one state of the database and cannot write.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	opts := &sql.TxOptions{ReadOnly: true}
	if db.engine == Postgres {
		opts.Isolation = sql.LevelRepeatableRead
	}
	tx, err := db.read.BeginTx(ctx, opts)
	if err != nil {
		return db.failed("store.View", err)
	}
	defer tx.Rollback()
	return fn(&Tx{db: db, tx: tx, now: db.clock.Now()})
}
