package task_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/internal/task"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func ring(t *testing.T, w store.Writer, kind, subject string, after time.Duration) {
	t.Helper()
	if err := w.Update(t.Context(), func(tx *store.Tx) error { return task.Ring(tx, kind, subject, tx.Now().Add(after)) }); err != nil {
		t.Fatal(err)
	}
}

func waiting(t *testing.T, w store.Writer) (n int) {
	t.Helper()
	err := w.DB().View(t.Context(), func(tx *store.Tx) error {
		counts, err := task.Waiting(tx)
		for _, c := range counts {
			n += c
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// run starts a runner and returns a function that stops it.
func run(t *testing.T, w store.Writer, sweeps []task.Sweep, lanes ...task.Lane) (r *task.Runner, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r = task.NewRunner(w, slog.New(slog.DiscardHandler), lanes, sweeps)
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return r, stop
}

func receive[T any](t *testing.T, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
	}
	return v
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("not reached: " + what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestEachBellIsAnsweredOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		const n = 100
		for i := range n {
			ring(t, w, "k", fmt.Sprint(i), 0)
			ring(t, w, "k", fmt.Sprint(i), 0) // the same bell
		}
		var mu sync.Mutex
		seen := map[string]int{}
		_, stop := run(t, w, nil, task.Lane{Kind: "k", Workers: 4, Do: func(_ context.Context, b task.Bell) error {
			mu.Lock()
			defer mu.Unlock()
			seen[b.Subject]++
			return nil
		}})
		eventually(t, "all answered", func() bool { return waiting(t, w) == 0 })
		stop()
		if len(seen) != n {
			t.Fatalf("%d subjects", len(seen))
		}
		for s, c := range seen {
			if c != 1 {
				t.Errorf("subject %s was answered %d times", s, c)
			}
		}
	})
}

// A bell that is rung while it is being answered is answered again.
func TestRingWhileRunning(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		at, goOn := make(chan int, 10), make(chan struct{})
		n := 0
		run(t, w, nil, task.Lane{Kind: "k", Workers: 1, Do: func(_ context.Context, b task.Bell) error {
			n++
			at <- n
			if n == 1 {
				<-goOn
			}
			return nil
		}})
		ring(t, w, "k", "s", 0)
		receive(t, at)
		ring(t, w, "k", "s", 0)
		close(goOn)
		if got := receive(t, at); got != 2 {
			t.Fatal(got)
		}
		eventually(t, "taken down", func() bool { return waiting(t, w) == 0 })
	})
}

func TestFailureIsTriedAgainLater(t *testing.T) {
	clock := storetest.NewClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	storetest.EachClock(t, clock, func(t *testing.T, w store.Writer) {
		calls := make(chan int, 10)
		run(t, w, nil, task.Lane{Kind: "k", Workers: 1, Do: func(_ context.Context, b task.Bell) error {
			calls <- b.Attempts
			if b.Attempts == 0 {
				return errors.New("not now")
			}
			if b.Attempts == 1 {
				panic("worse")
			}
			return nil
		}})
		ring(t, w, "k", "s", 0)
		for want := range 3 {
			if got := receive(t, calls); got != want {
				t.Fatalf("attempt %d, want %d", got, want)
			}
			eventually(t, "put back", func() bool {
				var expires int64
				err := w.DB().View(t.Context(), func(tx *store.Tx) error { return tx.Row("SELECT expires FROM task", nil, &expires) })
				return houvast.KindOf(err) == houvast.NotFound || expires == 0
			})
			select {
			case <-calls:
				t.Fatal("tried again before the pause was over")
			default:
			}
			clock.Advance(task.Pause(want))
		}
		eventually(t, "done", func() bool { return waiting(t, w) == 0 })
	})
}

func TestNotBeforeDue(t *testing.T) {
	clock := storetest.NewClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	storetest.EachClock(t, clock, func(t *testing.T, w store.Writer) {
		calls := make(chan string, 10)
		run(t, w, nil, task.Lane{Kind: "k", Workers: 1, Do: func(_ context.Context, b task.Bell) error { calls <- b.Subject; return nil }})
		ring(t, w, "k", "later", time.Hour)
		ring(t, w, "k", "now", 0)
		if got := receive(t, calls); got != "now" {
			t.Fatal(got)
		}
		clock.Advance(time.Hour)
		if got := receive(t, calls); got != "later" {
			t.Fatal(got)
		}
	})
}

// A bell held at birth waits for Adopt; if its process dies, its lease ends and another answers.
func TestHeld(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		calls := make(chan string, 10)
		r, _ := run(t, w, nil, task.Lane{Kind: "k", Workers: 1, Do: func(_ context.Context, b task.Bell) error { calls <- b.Subject; return nil }})
		ring(t, w, "k", "warm-up", 0)
		receive(t, calls) // from here on the runner has done what it does at its start
		var held task.Bell
		err := w.Update(t.Context(), func(tx *store.Tx) (err error) {
			held, err = task.RingHeld(tx, "k", "held", w.DB().LeaseTime())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		ring(t, w, "k", "other", 0)
		if got := receive(t, calls); got != "other" {
			t.Fatal(got)
		}
		r.Adopt(held)
		if got := receive(t, calls); got != "held" {
			t.Fatal(got)
		}
		eventually(t, "taken down", func() bool { return waiting(t, w) == 0 })
	})
}

// A runner that slept through its lease must not write: its transaction fails as a whole.
func TestStaleClaimCannotWrite(t *testing.T) {
	clock := storetest.NewClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	storetest.EachClock(t, clock, func(t *testing.T, w store.Writer) {
		ring(t, w, "k", "s", 0)
		slept, wakeUp := make(chan struct{}), make(chan struct{})
		result := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		sleepy := task.NewRunner(w, slog.New(slog.DiscardHandler), []task.Lane{{Kind: "k", Workers: 1, Do: func(_ context.Context, b task.Bell) error {
			close(slept)
			<-wakeUp
			err := w.Update(context.Background(), func(tx *store.Tx) error {
				if _, err := tx.Exec("INSERT INTO lease (name, holder, fence, expires) VALUES ('stale', '', 1, 0)"); err != nil {
					return err
				}
				return b.Done(tx)
			})
			result <- err
			return err
		}}}, nil)
		go sleepy.Run(ctx)
		receive(t, slept)
		clock.Pass(20 * time.Second) // its lease ends; the renewing goroutine counts real time and has not come round
		answered := make(chan string, 1)
		run(t, w, nil, task.Lane{Kind: "k", Workers: 1, Do: func(_ context.Context, b task.Bell) error { answered <- b.Subject; return nil }})
		receive(t, answered)
		eventually(t, "taken down", func() bool { return waiting(t, w) == 0 })
		close(wakeUp)
		if err := receive(t, result); houvast.CodeOf(err) != "task-lost" {
			t.Fatalf("the stale claim wrote: %v", err)
		}
		err := w.DB().View(t.Context(), func(tx *store.Tx) error {
			var n int
			if err := tx.Row("SELECT COUNT(*) FROM lease WHERE name = 'stale'", nil, &n); err != nil {
				return err
			}
			if n != 0 {
				return errors.New("the stale claim left a row")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestSweepRingsForWhatWasForgotten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		calls := make(chan string, 10)
		sweep := func(tx *store.Tx) error { return task.Ring(tx, "k", "forgotten", tx.Now()) }
		run(t, w, []task.Sweep{sweep}, task.Lane{Kind: "k", Workers: 1, Do: func(_ context.Context, b task.Bell) error { calls <- b.Subject; return nil }})
		if got := receive(t, calls); got != "forgotten" {
			t.Fatal(got)
		}
	})
}
