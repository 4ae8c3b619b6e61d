package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func set(ctx context.Context, w store.Writer, name string, v int64) error {
	return w.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec("INSERT INTO lease (name, holder, fence, expires) VALUES ($1, '', $2, 0)", name, v)
		return err
	})
}

func get(t *testing.T, w store.Writer, name string) (v int64, found bool) {
	t.Helper()
	err := w.DB().View(t.Context(), func(tx *store.Tx) error {
		return tx.Row("SELECT fence FROM lease WHERE name = $1", store.Args(name), &v)
	})
	if houvast.KindOf(err) == houvast.NotFound {
		return 0, false
	}
	if err != nil {
		t.Fatal(err)
	}
	return v, true
}

// One closure's failure, panic or refusal must not touch those that share its commit.
func TestUpdateIsolatesClosures(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		var wg sync.WaitGroup
		boom := errors.New("boom")
		for i := range 60 {
			wg.Go(func() {
				defer func() {
					if p := recover(); (p != nil) != (i%3 == 2) {
						t.Errorf("closure %d: panic %v", i, p)
					}
				}()
				err := w.Update(t.Context(), func(tx *store.Tx) error {
					if _, err := tx.Exec("INSERT INTO lease (name, holder, fence, expires) VALUES ($1, '', $2, 0)", fmt.Sprint("row/", i), i); err != nil {
						return err
					}
					switch i % 3 {
					case 1:
						return boom
					case 2:
						panic("thrown")
					}
					return nil
				})
				if i%3 == 0 && err != nil || i%3 == 1 && !errors.Is(err, boom) {
					t.Errorf("closure %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		for i := range 60 {
			if _, found := get(t, w, fmt.Sprint("row/", i)); found != (i%3 == 0) {
				t.Errorf("row %d present: %v", i, found)
			}
		}
	})
}

func TestConstraintIsConflict(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		if err := set(t.Context(), w, "once", 1); err != nil {
			t.Fatal(err)
		}
		if err := set(t.Context(), w, "once", 2); houvast.KindOf(err) != houvast.Conflict {
			t.Fatalf("second insert: %v", err)
		}
		if v, _ := get(t, w, "once"); v != 1 {
			t.Fatalf("value %d", v)
		}
	})
}

// Counting up from many goroutines loses nothing: on SQLite there is one writer, on PostgreSQL the
// transaction is repeated on conflict.
func TestReadModifyWrite(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		if err := set(t.Context(), w, "sum", 0); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				err := w.Update(t.Context(), func(tx *store.Tx) error {
					var v int64
					if err := tx.Row("SELECT fence FROM lease WHERE name = 'sum' FOR UPDATE", nil, &v); err != nil {
						return err
					}
					_, err := tx.Exec("UPDATE lease SET fence = $1 WHERE name = 'sum'", v+1)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if v, _ := get(t, w, "sum"); v != 40 {
			t.Fatalf("sum %d", v)
		}
	})
}

func TestViewCannotWrite(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		err := w.DB().View(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec("INSERT INTO lease (name, holder, fence, expires) VALUES ('x', '', 1, 0)")
			return err
		})
		if err == nil {
			t.Fatal("a view wrote")
		}
	})
}

func TestChanged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		ch := w.DB().Changed("thing")
		err := w.Update(t.Context(), func(tx *store.Tx) error { tx.Notify("thing"); return errors.New("no") })
		if err == nil {
			t.Fatal("no error")
		}
		select {
		case <-ch:
			t.Fatal("told of a change that did not happen")
		default:
		}
		if err := w.Update(t.Context(), func(tx *store.Tx) error { tx.Notify("thing"); return nil }); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ch:
		default:
			t.Fatal("not told of the change")
		}
	})
}

// Law time goes on from its mark when the machine's clock was set back meanwhile.
func TestLawClockNeverGoesBack(t *testing.T) {
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			storetest.Count(e)
			cfg := storetest.Config(t, e)
			late := time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC)
			cfg.Clock = storetest.NewClock(late)
			w := storetest.Reopen(t, cfg)
			if err := set(t.Context(), w, "a", 1); err != nil {
				t.Fatal(err)
			}
			w.DB().Close()
			cfg.Clock = storetest.NewClock(late.AddDate(-3, 0, 0))
			if now := storetest.Reopen(t, cfg).DB().Clock().Now(); now.Before(late) {
				t.Fatalf("law time went back to %v", now)
			}
		})
	}
}

func TestLease(t *testing.T) {
	clock := storetest.NewClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	storetest.EachClock(t, clock, func(t *testing.T, w store.Writer) {
		take := func(holder string) (fence int64, ok bool) {
			t.Helper()
			err := w.Update(t.Context(), func(tx *store.Tx) (err error) {
				fence, ok, err = tx.Lease("l", holder, 10*time.Second)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return fence, ok
		}
		if f, ok := take("a"); f != 1 || !ok {
			t.Fatal(f, ok)
		}
		if f, ok := take("b"); f != 1 || ok {
			t.Fatal("a held lease was taken", f, ok)
		}
		clock.Pass(9 * time.Second)
		if f, ok := take("a"); f != 1 || !ok {
			t.Fatal("not renewed", f, ok)
		}
		clock.Pass(11 * time.Second)
		if f, ok := take("b"); f != 2 || !ok {
			t.Fatal("an ended lease was not taken", f, ok)
		}
		if _, ok := take("a"); ok {
			t.Fatal("the old holder came back")
		}
	})
}

func TestNewerSchemaIsRefused(t *testing.T) {
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			storetest.Count(e)
			cfg := storetest.Config(t, e)
			w := storetest.Reopen(t, cfg)
			err := w.Update(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, $1)", true)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			w.DB().Close()
			_, err = store.Open(t.Context(), cfg)
			if houvast.CodeOf(err) != "schema-newer" {
				t.Fatalf("opened a newer schema: %v", err)
			}
		})
	}
}

func TestNodeIDsDiffer(t *testing.T) {
	for _, e := range storetest.Engines(t) {
		if e != store.Postgres {
			continue
		}
		storetest.Count(e)
		cfg := storetest.Config(t, e)
		seen := map[int]bool{}
		for range 3 {
			seen[storetest.Reopen(t, cfg).DB().Node()] = true
		}
		if len(seen) != 3 {
			t.Fatalf("node ids %v", seen)
		}
	}
}

func TestLockDir(t *testing.T) {
	dir := t.TempDir()
	release, err := store.LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.LockDir(dir); houvast.CodeOf(err) != "data-in-use" {
		t.Fatalf("second lock: %v", err)
	}
	release()
	again, err := store.LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestUnreachable(t *testing.T) {
	_, err := store.Open(t.Context(), store.Config{URL: "postgres://u:secret@127.0.0.1:1/x", Clock: store.NewSystemClock()})
	if houvast.CodeOf(err) != "database-unreachable" || strings.Contains(err.Error(), "secret") {
		t.Fatalf("%v", err)
	}
	_, err = store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "no", "such", "dir.db"), Clock: store.NewSystemClock()})
	if houvast.KindOf(err) != houvast.Unavailable {
		t.Fatalf("%v", err)
	}
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Fatal(err)
	}
}

// Every table belongs to the room that its migration names, and to one only.
func TestMigrationsNameTheirRoom(t *testing.T) {
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no migrations", err)
	}
	owner := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		first, rest, _ := strings.Cut(string(text), "\n")
		room, ok := strings.CutPrefix(first, "-- room: ")
		if !ok {
			t.Errorf("%s does not name its room in the first line", f)
		}
		for line := range strings.Lines(rest) {
			if name, ok := strings.CutPrefix(line, "CREATE TABLE "); ok {
				name = strings.Fields(name)[0]
				if by, dup := owner[name]; dup {
					t.Errorf("table %s belongs to %s and %s", name, by, room)
				}
				owner[name] = room
			}
			for _, no := range []string{"SERIAL", "IDENTITY", "TIMESTAMP", "now()", "AUTOINCREMENT", "STRICT"} {
				if strings.Contains(line, no) {
					t.Errorf("%s: %s is outside the portable subset", f, no)
				}
			}
		}
	}
	t.Logf("%d tables in %d files", len(owner), len(files))
}

func BenchmarkUpdate(b *testing.B) {
	db, err := store.Open(b.Context(), store.Config{Path: filepath.Join(b.TempDir(), "x.db"), Clock: store.NewSystemClock()})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	w := store.NewWriter(db)
	for _, par := range []int{1, 64} {
		b.Run(fmt.Sprint(par), func(b *testing.B) {
			b.SetParallelism(par)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := set(b.Context(), w, houvast.RandomText("r", 20), 1); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// While the machine's clock stands behind law time, each process begins beyond the ids of those before.
func TestIDsDifferBehindLawTime(t *testing.T) {
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			storetest.Count(e)
			cfg := storetest.Config(t, e)
			late := time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC)
			seen := map[int64]bool{}
			for _, now := range []time.Time{late, late.AddDate(-1, 0, 0), late.AddDate(-1, 0, 0), late.AddDate(-2, 0, 0)} {
				cfg.Clock = storetest.NewClock(now)
				w := storetest.Reopen(t, cfg)
				if err := set(t.Context(), w, now.String()+houvast.RandomText("r", 8), 1); err != nil {
					t.Fatal(err)
				}
				for range 5000 {
					id := w.DB().NewID()
					if seen[id] {
						t.Fatalf("id %d was made twice", id)
					}
					seen[id] = true
				}
				w.DB().Close()
			}
		})
	}
}
