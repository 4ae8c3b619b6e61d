// Package store opens SQLite or PostgreSQL and runs transactions. It is the only place that knows
// the dialect; a room writes one SQL text that runs on both.
//
// The portable subset: ids are int64 or text made by the application, times are BIGINT
// microseconds, blobs are BYTEA, JSON is TEXT; placeholders are $1, $2; no now(), no arrays, no
// ILIKE. FOR UPDATE and SKIP LOCKED stay in the text and are removed for SQLite, which has one
// writer anyway.
//
// Reading is open to everybody who holds a *DB. Writing needs a Writer, which cmd makes and hands
// to the pipeline: who may change state is a matter of types, not of discipline.
//
// On SQLite all writes go through one goroutine. It runs the waiting closures one after another,
// each in its own savepoint, and commits them together with synchronous=FULL: a closure's caller is
// answered after the commit that holds its change, never before. On PostgreSQL each closure is one
// serializable transaction, repeated when the server asks for it. Both mean that a closure may run
// more than once, so it must do nothing but use its Tx.
package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/houvast/houvast"
	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	_ "modernc.org/sqlite"             // registers the driver "sqlite"
)

// Engine names a database engine.
type Engine string

// The engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// Config says which database to open.
type Config struct {
	Path  string // file of the SQLite database; used when URL is empty
	URL   string // postgres://…
	Clock houvast.Clock
	Log   *slog.Logger
}

// DB is an open, migrated database. Close it.
type DB struct {
	engine Engine
	read   *sql.DB
	write  *sql.DB
	clock  *LawClock
	leases func() time.Time
	ids    *houvast.IDs
	node   *node
	log    *slog.Logger

	queue chan *update  // SQLite only: closures waiting for the writer
	quit  chan struct{} // closed by Close
	done  chan struct{} // closed when the writer has ended

	broken atomic.Pointer[error] // the disk did not do what it was asked

	mu     sync.Mutex
	topics map[string]chan struct{}
}

// Open opens the database, brings its schema up to date and takes a node id.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	const op = "store.Open"
	db := &DB{
		engine: SQLite,
		log:    cfg.Log,
		quit:   make(chan struct{}),
		done:   make(chan struct{}),
		topics: map[string]chan struct{}{},
	}
	if cfg.URL != "" {
		db.engine = Postgres
	}
	if err := db.connect(ctx, cfg); err != nil {
		return nil, err
	}
	if err := db.migrate(ctx, cfg.Path); err != nil {
		db.shut()
		return nil, err
	}
	start, mono := time.Now(), cfg.Clock.Mono()
	db.leases = func() time.Time { return start.Add(cfg.Clock.Mono() - mono) }
	clock, err := newLawClock(ctx, db.write, cfg.Clock)
	if err != nil {
		db.shut()
		return nil, houvast.Wrap(op, err)
	}
	db.clock = clock
	if db.engine == SQLite {
		db.queue = make(chan *update, 1024)
		go db.writer()
	} else {
		close(db.done)
	}
	if err := db.takeNode(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

func (db *DB) connect(ctx context.Context, cfg Config) (err error) {
	const op = "store.Open"
	if db.engine == Postgres {
		if !strings.HasPrefix(cfg.URL, "postgres://") && !strings.HasPrefix(cfg.URL, "postgresql://") {
			return houvast.Errorf(op, houvast.Invalid, "database-url", "the database address does not begin with postgres://").
				WithHint("set HOUVAST_DATABASE to postgres://user:password@host/name, or leave it empty for SQLite")
		}
		if db.write, err = sql.Open("pgx", cfg.URL); err != nil {
			return houvast.Errorf(op, houvast.Invalid, "database-url", "the database address cannot be read").
				WithHint("set HOUVAST_DATABASE to postgres://user:password@host/name")
		}
		db.write.SetMaxOpenConns(16)
		db.write.SetMaxIdleConns(16)
		db.read = db.write
		return db.reachable(ctx)
	}
	// SQLite would make the file readable by everybody, and its journals like the file.
	f, err := os.OpenFile(cfg.Path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return houvast.Errorf(op, houvast.Unavailable, "database-unreachable", "the sqlite database cannot be opened: %w", err).
			WithHint("check that this user may write there")
	}
	f.Close()
	const pragmas = "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(ON)&_pragma=secure_delete(ON)"
	if db.write, err = sql.Open("sqlite", "file:"+cfg.Path+"?_txlock=immediate&"+pragmas); err != nil {
		return houvast.Wrap(op, err)
	}
	db.write.SetMaxOpenConns(1)
	if db.read, err = sql.Open("sqlite", "file:"+cfg.Path+"?_pragma=query_only(ON)&"+pragmas); err != nil {
		return houvast.Wrap(op, err)
	}
	db.read.SetMaxOpenConns(8)
	db.read.SetMaxIdleConns(8)
	return db.reachable(ctx)
}

func (db *DB) reachable(ctx context.Context) error {
	if err := db.write.PingContext(ctx); err != nil {
		db.shut()
		return houvast.Errorf("store.Open", houvast.Unavailable, "database-unreachable",
			"the %s database cannot be opened: %s", db.engine, hideSecrets(err)).
			WithHint("check the address, that the server runs, and that this user may write there")
	}
	return nil
}

// hideSecrets keeps the driver's words and drops what looks like an address with a password.
func hideSecrets(err error) string {
	words := strings.Fields(err.Error())
	for i, w := range words {
		if strings.Contains(w, "://") || strings.Contains(w, "password=") {
			words[i] = "[address]"
		}
	}
	return strings.Join(words, " ")
}

// Engine returns the engine in use.
func (db *DB) Engine() Engine { return db.engine }

// Clock returns law time as this database knows it.
func (db *DB) Clock() houvast.Clock { return db.clock }

// NewID returns an id that no other node makes.
func (db *DB) NewID() int64 { return db.ids.Next() }

// Node returns this process's node id, 0 to 1023.
func (db *DB) Node() int { return db.node.id }

// Close waits for the writes already begun and closes the database.
func (db *DB) Close() error {
	select {
	case <-db.quit:
		return nil
	default:
	}
	if db.node != nil {
		db.releaseNode()
	}
	close(db.quit)
	<-db.done
	return db.shut()
}

func (db *DB) shut() error {
	var err error
	for _, h := range []*sql.DB{db.read, db.write} {
		if h != nil {
			if e := h.Close(); e != nil {
				err = e
			}
		}
	}
	return houvast.Wrap("store.Close", err)
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	if err := db.read.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return houvast.Errorf("store.Ping", houvast.Unavailable, "database-unreachable", "the database does not answer: %s", hideSecrets(err))
	}
	return nil
}

// Failed returns why this process must not go on writing: the disk has lied. Nil while it has not.
func (db *DB) Failed() error {
	if err := db.broken.Load(); err != nil {
		return houvast.Errorf("store.Failed", houvast.Unavailable, "io-failed", "the disk did not write the database").
			WithHint("look at the disk and the system log, then start again")
	}
	return nil
}

// Changed returns a channel that is closed at the next commit of a transaction that named topic.
// A change by another node is not seen: who waits must also look from time to time.
func (db *DB) Changed(topic string) <-chan struct{} {
	db.mu.Lock()
	defer db.mu.Unlock()
	ch, ok := db.topics[topic]
	if !ok {
		ch = make(chan struct{})
		db.topics[topic] = ch
	}
	return ch
}

func (db *DB) announce(topics []string) {
	if len(topics) == 0 {
		return
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, t := range topics {
		if ch, ok := db.topics[t]; ok {
			close(ch)
			delete(db.topics, t)
		}
	}
}

// Checkpoint empties SQLite's write-ahead log into the database file, so that what was deleted is in
// neither. On PostgreSQL it does nothing: what must be destroyable is never stored there in clear.
func (db *DB) Checkpoint(ctx context.Context) error {
	if db.engine != SQLite {
		return nil
	}
	var busy, log, moved int
	if err := db.write.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &moved); err != nil {
		return houvast.Wrap("store.Checkpoint", err)
	}
	return nil
}

// Backup writes a consistent copy of a SQLite database to path, which must not exist.
func (db *DB) Backup(ctx context.Context, path string) error {
	const op = "store.Backup"
	if db.engine != SQLite {
		return houvast.Errorf(op, houvast.Unsupported, "", "PostgreSQL is backed up with its own tools").
			WithHint("use pg_dump or your provider's snapshots")
	}
	if _, err := db.write.ExecContext(ctx, fmt.Sprintf("VACUUM INTO '%s'", strings.ReplaceAll(path, "'", "''"))); err != nil {
		return houvast.Wrap(op, err)
	}
	return houvast.Wrap(op, os.Chmod(path, 0o600))
}
