package task

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/fault"
	"github.com/houvast/houvast/internal/store"
)

// leaseTTL is how long a claim lasts without a sign of life.
const leaseTTL = 15 * time.Second

// pollEvery is how often a runner looks without having been woken: for bells that another node rang
// and for those that fell due.
const pollEvery = time.Second

// sweepEvery is how often the sweepers look for states that nobody was rung for.
const sweepEvery = time.Minute

// A Lane is how one kind of task is done.
type Lane struct {
	Kind    string
	Workers int // at once, in this process
	Do      func(context.Context, Bell) error
}

// A Sweep rings again for every non-final state of one room. It must be cheap when there is nothing.
type Sweep func(tx *store.Tx) error

// A Runner answers bells. Make one per process that works.
type Runner struct {
	w      store.Writer
	lanes  []Lane
	sweeps []Sweep
	log    *slog.Logger
	since  int64 // bells with a smaller id hung before this process

	mu      sync.Mutex
	adopted map[string][]Bell // claimed at birth, waiting for a worker
	running map[int64]Bell
	busy    map[string]int
	wake    chan struct{}
	wg      sync.WaitGroup
}

// NewRunner returns a runner of lanes. Run starts it.
func NewRunner(w store.Writer, log *slog.Logger, lanes []Lane, sweeps []Sweep) *Runner {
	return &Runner{w: w, lanes: lanes, sweeps: sweeps, log: log, since: w.DB().NewID(),
		adopted: map[string][]Bell{}, running: map[int64]Bell{}, busy: map[string]int{}, wake: make(chan struct{}, 1)}
}

// Adopt gives the runner a bell that RingHeld hung: it may be answered from now on.
func (r *Runner) Adopt(b Bell) {
	r.mu.Lock()
	r.adopted[b.Kind] = append(r.adopted[b.Kind], b)
	r.mu.Unlock()
	r.poke()
}

func (r *Runner) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run answers bells until ctx ends, then waits for the handlers that are at work. On SQLite the
// caller is the only process, so claims of a process that died are void at once.
func (r *Runner) Run(ctx context.Context) error {
	if r.w.DB().Engine() == store.SQLite {
		err := r.w.Update(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec("UPDATE task SET expires = 0 WHERE expires <> 0 AND id < $1", r.since)
			return err
		})
		if err != nil {
			return err
		}
	}
	defer r.wg.Wait()
	go r.renew(ctx)
	var swept time.Time
	for ctx.Err() == nil {
		changed := r.w.DB().Changed(Topic)
		if now := r.w.DB().LeaseTime(); now.Sub(swept) >= sweepEvery {
			r.sweep(ctx)
			swept = now
		}
		full := r.dispatch(ctx)
		if full {
			changed = nil // a worker that gets free will wake us
		}
		timer := time.NewTimer(pollEvery)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-r.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// dispatch starts as many bells as there are free workers and reports whether every lane is full.
func (r *Runner) dispatch(ctx context.Context) (full bool) {
	full = true
	for _, lane := range r.lanes {
		r.mu.Lock()
		free := lane.Workers - r.busy[lane.Kind]
		bells := r.adopted[lane.Kind]
		take := min(free, len(bells))
		bells, r.adopted[lane.Kind] = bells[:take:take], bells[take:]
		r.mu.Unlock()
		if free -= take; free > 0 {
			more, err := r.claimDue(ctx, lane.Kind, free)
			if err != nil && ctx.Err() == nil {
				r.log.Error("tasks could not be claimed", "task", lane.Kind, "error", err)
			}
			bells = append(bells, more...)
			full = full && len(more) == free
		}
		for _, b := range bells {
			r.start(ctx, lane, b)
		}
	}
	return full
}

func (r *Runner) claimDue(ctx context.Context, kind string, n int) (bells []Bell, err error) {
	var due bool
	now := r.w.DB().LeaseTime()
	err = r.w.DB().View(ctx, func(tx *store.Tx) error {
		var one int
		err := tx.Row("SELECT 1 FROM task WHERE due <= $1 AND kind = $2 AND expires <= $3 LIMIT 1",
			store.Args(houvast.Micros(tx.Now()), kind, houvast.Micros(now)), &one)
		due = err == nil
		if houvast.KindOf(err) == houvast.NotFound {
			return nil
		}
		return err
	})
	if err != nil || !due {
		return nil, err
	}
	err = r.w.Update(ctx, func(tx *store.Tx) (err error) {
		bells, err = claim(tx, kind, n, now)
		return err
	})
	fault.Point("task.claimed")
	return bells, err
}

func (r *Runner) start(ctx context.Context, lane Lane, b Bell) {
	r.mu.Lock()
	r.busy[lane.Kind]++
	r.running[b.ID] = b
	r.mu.Unlock()
	r.wg.Go(func() {
		defer func() {
			r.mu.Lock()
			r.busy[lane.Kind]--
			delete(r.running, b.ID)
			r.mu.Unlock()
			r.poke()
		}()
		r.answer(ctx, lane, b)
	})
}

// answer runs the handler and takes the bell down, or puts it back with a growing pause. A handler
// that is cut short because the process ends leaves the bell for the next one.
func (r *Runner) answer(ctx context.Context, lane Lane, b Bell) {
	err := r.guarded(ctx, lane, b)
	if ctx.Err() != nil && err != nil {
		return
	}
	background := context.WithoutCancel(ctx)
	if err == nil {
		if *b.done {
			return
		}
		err = r.w.Update(background, b.Done)
		fault.Point("task.done")
		if err == nil {
			return
		}
	}
	if houvast.CodeOf(err) == "task-lost" {
		r.log.Warn("a task was lost to another process", "task", b.Kind, "subject", b.Subject)
		return
	}
	pause := Pause(b.Attempts)
	r.log.Warn("a task failed and will be tried again", "task", b.Kind, "subject", b.Subject,
		"attempt", b.Attempts+1, "pause", pause, "error", err, "ops", houvast.Trace(err))
	err = r.w.Update(background, func(tx *store.Tx) error { return b.fail(tx, tx.Now().Add(pause), err.Error()) })
	fault.Point("task.put-back")
	if err != nil {
		r.log.Error("a failed task could not be put back; its lease will end", "task", b.Kind, "error", err)
	}
}

// guarded turns a panic of a handler into its failure: one bad subject must not stop the others.
func (r *Runner) guarded(ctx context.Context, lane Lane, b Bell) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = houvast.Errorf("task.Run", houvast.Internal, "", "the handler of %s panicked: %v", b.Kind, p)
		}
	}()
	return lane.Do(ctx, b)
}

// Pause is the time to wait after the n-th failure in a row (0 is the first): 1 s doubling to 15
// minutes. It never gives up: the state in the room stays visible until a person ends it.
func Pause(n int) time.Duration {
	return min(time.Second<<min(n, 20), 15*time.Minute)
}

// renew keeps the claims of this process alive.
func (r *Runner) renew(ctx context.Context) {
	tick := time.NewTicker(leaseTTL / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r.mu.Lock()
		var held []Bell
		for _, b := range r.running {
			held = append(held, b)
		}
		for _, bells := range r.adopted {
			held = append(held, bells...)
		}
		r.mu.Unlock()
		if len(held) == 0 {
			continue
		}
		until := houvast.Micros(r.w.DB().LeaseTime().Add(leaseTTL))
		err := r.w.Update(ctx, func(tx *store.Tx) error {
			for _, b := range held {
				if _, err := tx.Exec("UPDATE task SET expires = $3 WHERE id = $1 AND fence = $2", b.ID, b.fence, until); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil && ctx.Err() == nil {
			r.log.Error("claims could not be renewed", "tasks", len(held), "error", err)
		}
	}
}

func (r *Runner) sweep(ctx context.Context) {
	for _, s := range r.sweeps {
		if err := r.w.Update(ctx, s); err != nil && ctx.Err() == nil {
			r.log.Error("a sweep failed", "error", err)
		}
		fault.Point("task.swept")
	}
}
