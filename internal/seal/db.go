package seal

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/houvast/houvast"
)

const (
	dbFile      = "keys.db"
	journalFile = dbFile + "-journal"

	// format is the schema version in PRAGMA user_version.
	format = 1
)

// schema: wrapped is NULL once destroyed. Rows are appended by n and never removed, so that the
// B-tree has no reason to move a live wrapped key to another page.
const schema = `
CREATE TABLE object_key (
  n         INTEGER PRIMARY KEY,
  id        TEXT    NOT NULL UNIQUE,
  purpose   TEXT    NOT NULL,
  name      TEXT    UNIQUE,
  created   BIGINT  NOT NULL,
  destroyed BIGINT  NOT NULL DEFAULT 0,
  wrapped   BYTEA
);
CREATE INDEX object_key_live ON object_key (n) WHERE destroyed = 0;
CREATE TABLE secret (name TEXT PRIMARY KEY, created BIGINT NOT NULL, sealed BYTEA NOT NULL);
CREATE TABLE mark   (name TEXT PRIMARY KEY, sealed BYTEA NOT NULL);
CREATE TABLE kek    (one INTEGER PRIMARY KEY CHECK (one = 1), sealed BYTEA NOT NULL);
PRAGMA user_version = 1;
`

// openDB opens keys.db with one connection. Temporary tables stay in memory, or SQLite would write
// wrapped keys below /tmp.
func (k *Keyring) openDB(ctx context.Context, exists bool) error {
	const op = "seal.openDB"
	path := filepath.Join(k.dir, dbFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // SQLite would make it readable by others
	if err != nil {
		return fileError(op, "keys.db cannot be opened", err)
	}
	f.Close()
	if !exists {
		if err := k.syncDir(k.dir); err != nil {
			return err
		}
	}
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"journal_mode(" + k.knobs.journal + ")", "synchronous(FULL)", "secure_delete(" + k.knobs.secureDelete + ")",
		"temp_store(MEMORY)", "locking_mode(EXCLUSIVE)", "trusted_schema(OFF)",
	}}
	abs, err := filepath.Abs(path)
	if err != nil {
		return fileError(op, "keys.db cannot be opened", err)
	}
	dsn := url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}
	if k.db, err = sql.Open("sqlite", dsn.String()); err != nil {
		return houvast.Wrap(op, err)
	}
	k.db.SetMaxOpenConns(1)
	if err := k.check(ctx); err != nil {
		return err
	}
	// A process that was killed between the commit of a destroy and its wipe left old pages behind.
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.wipe()
}

// check reads the format, makes the tables of a new keyring, and proves that the KEK is the right
// one before anything is written with it.
func (k *Keyring) check(ctx context.Context) error {
	const op = "seal.check"
	var version int
	if err := k.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return k.dbError(op, err)
	}
	if version > format {
		return houvast.Errorf(op, houvast.Unsupported, "keys-newer", "keys.db has format %d, this houvast knows %d", version, format).
			WithHint("run the newer houvast that wrote it")
	}
	if version == 0 {
		var foreign int
		if err := k.db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&foreign); err != nil {
			return k.dbError(op, err)
		}
		if foreign > 0 {
			return corruptDB(op, errors.New("it has tables that are not ours"))
		}
		k.fresh = true
		return k.create(ctx)
	}
	var found string
	if err := k.db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return k.dbError(op, err)
	}
	if found != "ok" {
		return corruptDB(op, errors.New("the integrity check failed"))
	}
	var sealed []byte
	if err := k.db.QueryRowContext(ctx, "SELECT sealed FROM kek WHERE one = 1").Scan(&sealed); err != nil {
		return k.dbError(op, err)
	}
	if _, ok := unwrap(&k.kek, sealed, aad(domainKEK, "")); !ok {
		return houvast.Errorf(op, houvast.Corrupt, "kek-mismatch", "this KEK does not belong to this keys.db").
			WithHint("put the KEK that was made together with this keys.db beside it")
	}
	return nil
}

func (k *Keyring) create(ctx context.Context) error {
	return k.write(ctx, "seal.create", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO kek (one, sealed) VALUES (1, $1)",
			wrap(&k.kek, []byte("houvast"), aad(domainKEK, "")))
		return err
	})
}

// write runs fn in one transaction that is on the disk when write returns. Once begun it no longer
// listens to ctx: a cancelled commit would leave the caller in doubt.
func (k *Keyring) write(ctx context.Context, op string, fn func(context.Context, *sql.Tx) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.writeLocked(ctx, op, fn)
}

func (k *Keyring) writeLocked(ctx context.Context, op string, fn func(context.Context, *sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return cancelled(op, err)
	}
	if f := k.failed.Load(); f != nil {
		return houvast.Wrap(op, f)
	}
	ctx = context.WithoutCancel(ctx)
	tx, err := k.db.BeginTx(ctx, nil)
	if err != nil {
		return k.dbError(op, err)
	}
	if err := fn(ctx, tx); err != nil {
		if back := tx.Rollback(); back != nil {
			err = errors.Join(err, back)
		}
		return k.dbError(op, err)
	}
	if err := tx.Commit(); err != nil {
		return k.dbError(op, err)
	}
	return nil
}

// wipe fills the journal with zeros in place. The caller holds k.mu, so no transaction is open.
func (k *Keyring) wipe() error {
	const op = "seal.wipe"
	if k.knobs.wiping != nil {
		k.knobs.wiping(k)
	}
	if !k.knobs.wipe {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(k.dir, journalFile), os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fileError(op, "the journal of keys.db cannot be wiped", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return fileError(op, "the journal of keys.db cannot be wiped", err)
	}
	zeros := make([]byte, 64<<10)
	for at := int64(0); at < st.Size(); at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), st.Size()-at)], at); err != nil {
			return fileError(op, "the journal of keys.db cannot be wiped", err)
		}
	}
	if err := k.knobs.sync(f); err != nil {
		return k.fail(op, err)
	}
	return nil
}

// dbError gives an error of SQLite its kind. An I/O error ends all writing, see fail.
func (k *Keyring) dbError(op string, err error) error {
	var own *houvast.Error
	var lite *sqlite.Error
	switch {
	case errors.As(err, &own):
		return houvast.Wrap(op, err)
	case errors.Is(err, sql.ErrNoRows):
		return corruptDB(op, err)
	case !errors.As(err, &lite):
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return cancelled(op, err)
		}
		return houvast.Wrap(op, err)
	}
	switch lite.Code() & 0xff {
	case sqlite3.SQLITE_IOERR:
		return k.fail(op, err)
	case sqlite3.SQLITE_FULL:
		return houvast.Errorf(op, houvast.Unavailable, "disk-full", "keys.db cannot grow: %w", err).
			WithHint("free space on the disk that holds the key directory")
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR:
		return corruptDB(op, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return houvast.Errorf(op, houvast.Forbidden, "keys-not-writable", "keys.db cannot be written: %w", err).
			WithHint("give the user that runs houvast the key directory, with mode 0700")
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return houvast.Errorf(op, houvast.Unavailable, "keys-in-use", "another program has keys.db open: %w", err).
			WithHint("close every other program that reads keys.db")
	case sqlite3.SQLITE_INTERRUPT:
		return cancelled(op, err)
	}
	return houvast.Wrap(op, err)
}

func corruptDB(op string, err error) error {
	return houvast.Errorf(op, houvast.Corrupt, "keys-corrupt", "keys.db is damaged: %w", err).
		WithHint("restore the key directory from its own backup; what was sealed since then cannot be opened")
}

func cancelled(op string, err error) error {
	return houvast.Errorf(op, houvast.Unavailable, "cancelled", "given up before it was done: %w", err)
}
