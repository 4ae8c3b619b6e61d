package store

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/houvast/houvast"
	"github.com/jackc/pgx/v5/pgconn"
)

// A Writer may change the database. Only cmd makes one.
type Writer struct{ db *DB }

// NewWriter returns the right to write to db.
func NewWriter(db *DB) Writer { return Writer{db} }

// DB returns the database the writer writes to, for reading.
func (w Writer) DB() *DB { return w.db }

// batchTime bounds how long closures are collected into one commit, so that no write transaction
// holds the lock for over 50 ms; batchSize bounds how many.
const (
	batchTime = 20 * time.Millisecond
	batchSize = 256
)

// An update is one closure waiting for the writer.
type update struct {
	ctx  context.Context
	fn   func(*Tx) error
	tx   *Tx
	err  error
	boom any // what the closure panicked with
	done chan struct{}
}

// Update runs fn in a write transaction and returns when its change is durable. An error of fn
// leaves nothing behind. fn may run more than once and must use nothing but its Tx. An error of kind
// InDoubt means that the commit was sent and its answer lost: ask again under an idempotency key.
func (w Writer) Update(ctx context.Context, fn func(*Tx) error) error {
	if w.db.engine == Postgres {
		return w.db.updatePostgres(ctx, fn)
	}
	u := &update{ctx: ctx, fn: fn, done: make(chan struct{})}
	select {
	case w.db.queue <- u:
	case <-w.db.quit:
		return closed()
	case <-ctx.Done():
		return houvast.Errorf("store.Update", houvast.Unavailable, "", "the database is busy: %w", ctx.Err())
	}
	select {
	case <-u.done:
	case <-w.db.done:
		select {
		case <-u.done:
		default:
			return closed()
		}
	}
	if u.boom != nil {
		panic(u.boom)
	}
	return u.err
}

func closed() error {
	return houvast.Errorf("store.Update", houvast.Unavailable, "closing", "the database is being closed")
}

// writer runs the closures of SQLite, batch by batch, until Close.
func (db *DB) writer() {
	defer close(db.done)
	for {
		select {
		case u := <-db.queue:
			db.batch(u)
		case <-db.quit:
			for {
				select {
				case u := <-db.queue:
					db.batch(u)
				default:
					return
				}
			}
		}
	}
}

// batch runs first and whatever else is waiting, and commits all of it at once.
func (db *DB) batch(first *update) {
	tx, err := db.write.BeginTx(context.Background(), nil)
	if err != nil {
		first.err = db.failed("store.Update", err)
		close(first.done)
		return
	}
	now := db.clock.Now()
	began := time.Now()
	ran := []*update{}
	for u := first; u != nil; u = db.next(began, len(ran)) {
		u.tx = &Tx{db: db, tx: tx, now: now, write: true}
		db.runOne(tx, u)
		ran = append(ran, u)
	}
	err = db.clock.persist(tx)
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		tx.Rollback()
	}
	for _, u := range ran {
		if u.err == nil && u.boom == nil {
			if u.err = db.failed("store.Update", err); err == nil {
				db.announce(u.tx.topics)
			}
		}
		close(u.done)
	}
}

// next returns a waiting closure, or nil when the batch is full, old enough, or nobody waits.
func (db *DB) next(began time.Time, n int) *update {
	if n >= batchSize || time.Since(began) > batchTime {
		return nil
	}
	select {
	case u := <-db.queue:
		return u
	default:
		return nil
	}
}

// runOne runs one closure between a savepoint and its release, so that its failure is its own.
func (db *DB) runOne(tx *sql.Tx, u *update) {
	if u.err = u.ctx.Err(); u.err != nil {
		return
	}
	if _, u.err = tx.Exec("SAVEPOINT one"); u.err != nil {
		u.err = db.failed("store.Update", u.err)
		return
	}
	func() {
		defer func() { u.boom = recover() }()
		u.err = u.fn(u.tx)
	}()
	end := "RELEASE one"
	if u.err != nil || u.boom != nil {
		end = "ROLLBACK TO one; RELEASE one"
	}
	if _, err := tx.Exec(end); err != nil && u.err == nil {
		u.err = db.failed("store.Update", err)
	}
}

// updatePostgres runs fn in its own serializable transaction and repeats it while the server finds
// it in conflict with another.
func (db *DB) updatePostgres(ctx context.Context, fn func(*Tx) error) error {
	select {
	case <-db.quit:
		return closed()
	default:
	}
	if err := db.node.valid(db.leases()); err != nil {
		return err
	}
	var err error
	for try := range 20 {
		var again bool
		if again, err = db.tryPostgres(ctx, fn); !again {
			return err
		}
		wait := time.Duration(rand.Int64N(int64(time.Millisecond) << min(try, 6)))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return houvast.Errorf("store.Update", houvast.Unavailable, "", "the database is busy: %w", ctx.Err())
		}
	}
	return err
}

func (db *DB) tryPostgres(ctx context.Context, fn func(*Tx) error) (again bool, err error) {
	// The context ends the wait for a connection, not the transaction: see Tx.
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return false, db.failed("store.Update", err)
	}
	defer conn.Close()
	tx, err := conn.BeginTx(context.Background(), &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		return false, db.failed("store.Update", err)
	}
	defer tx.Rollback()
	t := &Tx{db: db, tx: tx, now: db.clock.Now(), write: true}
	if err := fn(t); err != nil {
		return conflicting(err), err
	}
	if err := db.clock.persist(tx); err != nil {
		return conflicting(err), db.failed("store.Update", err)
	}
	if err := tx.Commit(); err != nil {
		var pg *pgconn.PgError
		if !errors.As(err, &pg) {
			return false, houvast.Errorf("store.Update", houvast.InDoubt, "commit-unknown",
				"the connection broke while committing: %s", hideSecrets(err))
		}
		return conflicting(err), db.failed("store.Update", err)
	}
	db.announce(t.topics)
	return false, nil
}

// conflicting reports whether PostgreSQL asks to run the transaction again.
func conflicting(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// failed gives a driver's error a kind. What the database said stays inside for logs; values are
// parameters and never part of it.
func (db *DB) failed(op string, err error) error {
	if err == nil {
		return nil
	}
	var ours *houvast.Error
	if errors.As(err, &ours) {
		return err
	}
	if db.lied(err) {
		db.broken.Store(&err)
	}
	if db.duplicate(err) {
		return &houvast.Error{Op: op, Kind: houvast.Conflict, Code: "exists", Msg: "it exists already", Err: err}
	}
	return &houvast.Error{Op: op, Kind: houvast.Unavailable, Code: "database", Msg: "the database refused: " + hideSecrets(err), Err: err}
}
