package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// A markBox is the place outside the database. gate, when set, is asked before each write.
type markBox struct {
	mu   sync.Mutex
	kept []byte
	gate func() error
	sets int
}

func (m *markBox) get(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept, nil
}

func (m *markBox) set(_ context.Context, b []byte) error {
	m.mu.Lock()
	gate := m.gate
	m.mu.Unlock()
	if gate != nil {
		if err := gate(); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = bytes.Clone(b)
	m.sets++
	return nil
}

func (m *markBox) bar(gate func() error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gate = gate
}

func (m *markBox) keys() Keys {
	return Keys{
		Name: "audit.houvast.test", Sign: bytes.Repeat([]byte{7}, 32), MAC: bytes.Repeat([]byte{9}, 32),
		Mark: m.get, SetMark: m.set,
	}
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func newLog(t testing.TB, w store.Writer, m *markBox) *Log {
	t.Helper()
	l, err := New(w, m.keys(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// run starts the sequencer and returns how to stop it and learn what Run said.
func run(t testing.TB, l *Log) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { stop() })
	return stop
}

func line(i int) Line {
	return Line{
		Actor: houvast.Actor(fmt.Sprintf("user:nr%d", i%7)), Action: "case.decide", Subject: fmt.Sprintf("case_%d", i),
		Detail: map[string]string{"decision": "not_abuse", "n": fmt.Sprint(i), "mark": "<&>"},
	}
}

// add commits one line and returns its id.
func add(t testing.TB, w store.Writer, l Line) (id int64) {
	t.Helper()
	err := w.Update(context.Background(), func(tx *store.Tx) (err error) {
		id, err = Append(tx, l)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// fill signs n lines, each under a checkpoint of its own.
func fill(t testing.TB, w store.Writer, l *Log, from, n int) {
	t.Helper()
	for i := range n {
		if err := l.Wait(context.Background(), add(t, w, line(from+i))); err != nil {
			t.Fatal(err)
		}
	}
}

func verify(t testing.TB, w store.Writer, m *markBox) Result {
	t.Helper()
	r, err := Verify(context.Background(), w.DB(), m.keys())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sound(t testing.TB, w store.Writer, m *markBox, size int64) Result {
	t.Helper()
	r := verify(t, w, m)
	if len(r.Findings) > 0 || r.Size != size || r.Lines != size || r.Unsigned != 0 {
		t.Fatalf("a log of %d lines nobody touched: %+v", size, r)
	}
	return r
}

func exec(t testing.TB, w store.Writer, query string, args ...any) int64 {
	t.Helper()
	var n int64
	err := w.Update(context.Background(), func(tx *store.Tx) (err error) {
		n, err = tx.Exec(query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func number(t testing.TB, w store.Writer, query string, args ...any) (n int64) {
	t.Helper()
	err := w.DB().View(context.Background(), func(tx *store.Tx) error { return tx.Row(query, args, &n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// until polls for something that another goroutine brings about.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.After(10 * time.Second); !ok(); {
		select {
		case <-deadline:
			t.Fatalf("not in 10 s: %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	long := strings.Repeat("x", 600)
	many := map[string]string{}
	for i := range 33 {
		many[fmt.Sprint(i)] = ""
	}
	large := map[string]string{}
	for i := range 32 {
		large[fmt.Sprint(i)] = long[:500]
	}
	cases := map[string]Line{
		"no actor":       {Action: "a.b"},
		"long actor":     {Actor: houvast.Actor(long), Action: "a.b"},
		"no action":      {Actor: "user:x"},
		"action in caps": {Actor: "user:x", Action: "Case.Decide"},
		"long action":    {Actor: "user:x", Action: long},
		"zero byte":      {Actor: "user:x", Action: "a.b", Subject: "a\x00b"},
		"not utf-8":      {Actor: "user:x", Action: "a.b", Subject: "a\xff"},
		"long fact":      {Actor: "user:x", Action: "a.b", Detail: map[string]string{"k": long}},
		"nameless fact":  {Actor: "user:x", Action: "a.b", Detail: map[string]string{"": "v"}},
		"many facts":     {Actor: "user:x", Action: "a.b", Detail: many},
		"large detail":   {Actor: "user:x", Action: "a.b", Detail: large},
	}
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		for name, l := range cases {
			err := w.Update(t.Context(), func(tx *store.Tx) error { _, err := Append(tx, l); return err })
			if houvast.KindOf(err) != houvast.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		add(t, w, Line{Actor: "user:x", Action: "a.b"})
		if n := number(t, w, "SELECT COUNT(*) FROM audit_line"); n != 1 {
			t.Errorf("%d lines, want the control alone", n)
		}
	})
}

// The change that a line speaks of is made with the line or not at all.
func TestFailClosed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		change := func(name string) error {
			return w.Update(t.Context(), func(tx *store.Tx) error {
				if _, err := tx.Exec("INSERT INTO lease (name, holder, fence, expires) VALUES ($1, '', 1, 0)", name); err != nil {
					return err
				}
				_, err := Append(tx, line(1))
				return err
			})
		}
		made := func(name string) bool {
			return number(t, w, "SELECT COUNT(*) FROM lease WHERE name = $1", name) == 1
		}
		if err := change("control"); err != nil || !made("control") {
			t.Fatalf("control: %v", err)
		}
		if w.DB().Engine() == store.Postgres {
			exec(t, w, "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$")
			exec(t, w, "CREATE TRIGGER full_disk BEFORE INSERT ON audit_line FOR EACH ROW EXECUTE FUNCTION full_disk()")
		} else {
			exec(t, w, "CREATE TRIGGER full_disk BEFORE INSERT ON audit_line BEGIN SELECT RAISE(ABORT, 'no room'); END")
		}
		if err := change("refused"); houvast.CodeOf(err) != "audit-unwritable" || houvast.KindOf(err) != houvast.Unavailable {
			t.Errorf("a change without its line: %v", err)
		}
		if made("refused") {
			t.Error("the change was made without its line")
		}
		if n := number(t, w, "SELECT COUNT(*) FROM audit_line"); n != 1 {
			t.Errorf("%d lines, want the control's", n)
		}
	})
}

// A line of a transaction that failed is none.
func TestRolledBackLineIsNone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		m := &markBox{}
		l := newLog(t, w, m)
		run(t, l)
		var id int64
		no := errors.New("no")
		err := w.Update(t.Context(), func(tx *store.Tx) (err error) {
			if id, err = Append(tx, line(1)); err != nil {
				return err
			}
			return no
		})
		if !errors.Is(err, no) {
			t.Fatal(err)
		}
		if err := l.Wait(t.Context(), id); houvast.CodeOf(err) != "no-audit-line" {
			t.Fatalf("waiting for a line that was never committed: %v", err)
		}
		fill(t, w, l, 0, 1)
		sound(t, w, m, 1)
	})
}

func TestManyAtOnce(t *testing.T) {
	const writers, each = 50, 40
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		m := &markBox{}
		l := newLog(t, w, m)
		run(t, l)
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				ids := make([]int64, 0, each)
				for j := range each {
					ids = append(ids, add(t, w, line(i*each+j)))
				}
				if err := l.Wait(t.Context(), ids...); err != nil {
					t.Error(err)
				}
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		looks := 0
		for busy := true; busy; looks++ { // and whoever verifies meanwhile finds nothing
			select {
			case <-done:
				busy = false
			case <-time.After(10 * time.Millisecond):
			}
			if r := verify(t, w, m); len(r.Findings) > 0 || r.Lines != r.Size {
				t.Fatalf("while lines were signed: %+v", r)
			}
		}
		r := sound(t, w, m, writers*each)
		if n := number(t, w, "SELECT COUNT(DISTINCT subject) FROM audit_line"); n != writers*each {
			t.Fatalf("%d different lines", n)
		}
		t.Logf("%d lines, root %v, %d marks, verified %d times meanwhile", r.Lines, r.Root, m.sets, looks)
	})
}

// Checkpoints do not pile up, and what stays still verifies.
func TestCheckpointsArePruned(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		m := &markBox{}
		l := newLog(t, w, m)
		// One step is one batch here; Run would only wait between them.
		batch := func(n int) {
			err := w.Update(t.Context(), func(tx *store.Tx) error {
				for i := range n {
					if _, err := Append(tx, line(i)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := l.step(t.Context(), true); err != nil || got != n {
				t.Fatal(got, err)
			}
		}
		for range 5 {
			batch(450)
		}
		for range keepNewest {
			batch(1)
		}
		if n := number(t, w, "SELECT COUNT(*) FROM audit_checkpoint"); n != keepNewest+2 { // 1350 and 2250
			t.Fatalf("%d checkpoints", n)
		}
		sound(t, w, m, 2250+keepNewest)
	})
}
