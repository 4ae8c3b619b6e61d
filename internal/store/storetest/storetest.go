// Package storetest gives tests a fresh, migrated database of every engine.
//
// A package that opens a store calls Main from its TestMain and Each in its tests. SQLite databases
// are copies of one migrated file; PostgreSQL ones are made from one migrated template database on
// a server that the test process starts by itself, from the installed binaries, as the user
// postgres, on a free port, and ends with itself. Nothing is faked.
//
// Where PostgreSQL's server is not installed, tests run on SQLite and the closing line counts what
// did not run; with CI=true that is a failure.
package storetest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

var (
	ran     sync.Map // engine -> *atomic.Int64
	missing atomic.Int64
	server  *postgres
)

// Main runs the tests of a package, ends what they started, prints the count per engine and exits.
func Main(m *testing.M) { os.Exit(Runner{m}.Run()) }

// A Runner is Main for who has to exit by other means.
type Runner struct{ M *testing.M }

// Run runs the tests and returns the exit code.
func (r Runner) Run() int {
	code := r.M.Run()
	server.stop()
	os.RemoveAll(templates.dir)
	var parts []string
	for _, e := range []store.Engine{store.SQLite, store.Postgres} {
		n := count(e).Load()
		parts = append(parts, fmt.Sprintf("%s %d", e, n))
	}
	if n := missing.Load(); n > 0 {
		parts = append(parts, fmt.Sprintf("not run %d (no PostgreSQL server installed)", n))
		if os.Getenv("CI") == "true" && code == 0 {
			fmt.Println("storetest: with CI=true PostgreSQL must be installed")
			code = 1
		}
	}
	line := "engines: " + strings.Join(parts, ", ")
	fmt.Println(line)
	if path := os.Getenv("HOUVAST_ENGINE_COUNTS"); path != "" {
		if f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err == nil {
			fmt.Fprintln(f, line)
			f.Close()
		}
	}
	return code
}

func count(e store.Engine) *atomic.Int64 {
	v, _ := ran.LoadOrStore(e, new(atomic.Int64))
	return v.(*atomic.Int64)
}

// Each runs fn as a subtest on a fresh database of every engine.
func Each(t *testing.T, fn func(t *testing.T, w store.Writer)) {
	EachClock(t, nil, fn)
}

// EachClock is Each with a clock of the caller's; nil is the machine's.
func EachClock(t *testing.T, clock houvast.Clock, fn func(t *testing.T, w store.Writer)) {
	t.Helper()
	for _, e := range Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			count(e).Add(1)
			fn(t, Open(t, e, clock))
		})
	}
}

// Engines returns the engines that can run here and counts those that cannot.
func Engines(t *testing.T) []store.Engine {
	t.Helper()
	if !havePostgres() {
		missing.Add(1)
		return []store.Engine{store.SQLite}
	}
	return []store.Engine{store.SQLite, store.Postgres}
}

// Count adds one test to the closing line, for tests that start a whole server on an engine.
func Count(e store.Engine) { count(e).Add(1) }

// Open returns a fresh database of one engine, closed when the test ends.
func Open(t *testing.T, e store.Engine, clock houvast.Clock) store.Writer {
	t.Helper()
	cfg := Config(t, e)
	if clock != nil {
		cfg.Clock = clock
	}
	return Reopen(t, cfg)
}

// Reopen opens the database of cfg, which may hold data already.
func Reopen(t *testing.T, cfg store.Config) store.Writer {
	t.Helper()
	db, err := store.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return store.NewWriter(db)
}

// Config returns the address of a fresh, migrated database that nobody has opened.
func Config(t *testing.T, e store.Engine) store.Config {
	t.Helper()
	cfg := store.Config{Clock: store.NewSystemClock(), Log: slog.New(slog.NewTextHandler(testWriter{t}, nil))}
	if e == store.Postgres {
		cfg.URL = templates.postgres(t)
		return cfg
	}
	cfg.Path = filepath.Join(t.TempDir(), "houvast.db")
	data, err := os.ReadFile(templates.sqlite(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return cfg
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Helper()
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// A Clock is moved by hand.
type Clock struct {
	mu   sync.Mutex
	now  time.Time
	mono time.Duration
}

// NewClock returns a clock that stands at t.
func NewClock(t time.Time) *Clock { return &Clock{now: t} }

// Now returns where the clock stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Mono returns how far Pass has moved it.
func (c *Clock) Mono() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mono
}

// Advance moves the calendar; what is measured, such as leases, does not notice.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Pass moves both hands, as time that passes does.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.mono = c.now.Add(d), c.mono+d
}
