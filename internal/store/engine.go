package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/houvast/houvast"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

// migrations is one ordered list for the whole house. The first line of each file names the room
// that owns its tables; forward only, one transaction a step.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the SQL files, for the test that maps tables to rooms.
func Migrations() fs.FS { return migrations }

// migrate brings the schema up to date. A database that has data is copied first; one that a newer
// Houvast wrote is refused and left as it is.
func (db *DB) migrate(ctx context.Context, path string) error {
	const op = "store.migrate"
	dialect := goose.DialectSQLite3
	if db.engine == Postgres {
		dialect = goose.DialectPostgres
	}
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return houvast.Wrap(op, err)
	}
	p, err := goose.NewProvider(dialect, db.write, sub, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return houvast.Wrap(op, err)
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return db.failed(op, err)
	}
	if have > want {
		return houvast.Errorf(op, houvast.Conflict, "schema-newer", "the database has schema %d, this Houvast knows up to %d", have, want).
			WithHint("start the newer Houvast that wrote it, or restore the backup made before it")
	}
	if have == want {
		return nil
	}
	if have > 0 && db.engine == SQLite {
		copyTo := filepath.Join(filepath.Dir(path), fmt.Sprintf("before-schema-%d.db", want))
		if _, err := os.Stat(copyTo); errors.Is(err, fs.ErrNotExist) {
			if err := db.Backup(ctx, copyTo); err != nil {
				return err
			}
		}
	}
	if _, err := p.Up(ctx); err != nil {
		return db.failed(op, err)
	}
	return nil
}

// lied reports whether SQLite says that the disk did not do what it was asked (result code IOERR and
// its extensions). What is in the page cache is then not what is on the disk: only a fresh start
// reads it again.
func (db *DB) lied(err error) bool {
	const ioErr = 10 // sqlite.org/rescode.html
	var lite *sqlite.Error
	return errors.As(err, &lite) && lite.Code()&0xff == ioErr
}

// duplicate reports whether err is a broken unique or primary key.
func (db *DB) duplicate(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23505"
	}
	var lite *sqlite.Error
	const constraintPrimaryKey, constraintUnique = 1555, 2067 // sqlite.org/rescode.html
	return errors.As(err, &lite) && (lite.Code() == constraintUnique || lite.Code() == constraintPrimaryKey)
}
