package action_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/internal/task"
)

const (
	anna houvast.Actor = "user:anna"
	bob  houvast.Actor = "user:bob"
)

var morning = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func update(t *testing.T, w store.Writer, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := w.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, w store.Writer, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := w.DB().View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func propose(t *testing.T, w store.Writer, p action.Proposal) (id houvast.ActionID) {
	t.Helper()
	update(t, w, func(tx *store.Tx) (err error) {
		id, err = action.Propose(tx, p)
		return err
	})
	return id
}

func approve(t *testing.T, w store.Writer, id houvast.ActionID, by houvast.Actor) {
	t.Helper()
	update(t, w, func(tx *store.Tx) error {
		_, err := action.Approve(tx, id, by, false)
		return err
	})
}

func drop(t *testing.T, w store.Writer, id houvast.ActionID) {
	t.Helper()
	update(t, w, func(tx *store.Tx) error {
		_, err := action.Drop(tx, id, bob)
		return err
	})
}

func get(t *testing.T, w store.Writer, id houvast.ActionID) (a action.Action) {
	t.Helper()
	view(t, w, func(tx *store.Tx) (err error) {
		a, err = action.Get(tx, id)
		return err
	})
	return a
}

// A bell is a row of the task table, as far as it matters here.
type bell struct {
	rung, attempts, expires int64
}

// bells returns the doorbells of actions that hang, by action id.
func bells(t *testing.T, w store.Writer, ids ...houvast.ActionID) (hanging map[houvast.ActionID]bell) {
	t.Helper()
	hanging = map[houvast.ActionID]bell{}
	view(t, w, func(tx *store.Tx) error {
		for _, id := range ids {
			var b bell
			err := tx.Row("SELECT rung, attempts, expires FROM task WHERE kind IN ($1, $3) AND subject = $2", store.Args(action.TaskKind, id.String(), action.TaskKindReport), &b.rung, &b.attempts, &b.expires)
			if err == nil {
				hanging[id] = b
			} else if houvast.KindOf(err) != houvast.NotFound {
				return err
			}
		}
		return nil
	})
	return hanging
}

// start answers bells until the test ends or stop is called; without sweeps, so that nothing but a
// bell can set anything going.
func start(t *testing.T, w store.Writer, out action.Runner) (stop func()) {
	t.Helper()
	out.W = w
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	r := task.NewRunner(w, slog.New(slog.DiscardHandler), []task.Lane{{Kind: action.TaskKind, Workers: 4, Do: out.Do}, {Kind: action.TaskKindReport, Workers: 4, Do: out.Do}}, nil)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// later lets the pauses of what failed pass and wakes the runner.
func later(t *testing.T, w store.Writer, clock *storetest.Clock) {
	t.Helper()
	clock.Advance(20 * time.Minute)
	update(t, w, func(tx *store.Tx) error { tx.Notify(task.Topic); return nil })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("not reached: " + what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// good always succeeds.
func good(context.Context, action.Action) (string, error) { return "ok", nil }

func allKinds(s action.Sender) map[action.Kind]action.Sender {
	return map[action.Kind]action.Sender{action.Withhold: s, action.Release: s, action.Remove: s, action.Report: s}
}

// What is proposed is kept as proposed. What is reversible goes at once, what is not waits.
func TestPropose(t *testing.T) {
	storetest.EachClock(t, storetest.NewClock(morning), func(t *testing.T, w store.Writer) {
		wants := map[action.Kind]action.State{action.Withhold: action.Approved, action.Release: action.Approved,
			action.Remove: action.Proposed, action.Report: action.Proposed}
		var ids []houvast.ActionID
		for i, kind := range []action.Kind{action.Withhold, action.Release, action.Remove, action.Report} {
			key := fmt.Sprint("key ", i)
			id := propose(t, w, action.Proposal{Kind: kind, Key: key, Subject: "item_" + string(kind), Payload: map[string]any{"why": "a \x00 <b>", "n": i}, By: anna})
			ids = append(ids, id)
			got := get(t, w, id)
			want := action.Action{ID: id, Kind: kind, Key: key, Subject: "item_" + string(kind), Payload: got.Payload, State: wants[kind],
				ProposedBy: anna, ProposedAt: w.DB().Clock().Now()}
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if p := fmt.Sprintf(`{"n":%d,"why":"a \u0000 \u003cb\u003e"}`, i); string(got.Payload) != p {
				t.Errorf("payload %s, want %s", got.Payload, p)
			}
			if _, hangs := bells(t, w, id)[id]; hangs != (wants[kind] == action.Approved) {
				t.Errorf("%s: a bell hangs: %v", kind, hangs)
			}
		}
		view(t, w, func(tx *store.Tx) error {
			for i, id := range ids {
				if a, err := action.ByKey(tx, fmt.Sprint("key ", i)); err != nil || a.ID != id {
					t.Errorf("by key: %v, %v", a.ID, err)
				}
				if about, err := action.About(tx, "item_remove"); err != nil || len(about) != 1 || about[0].ID != ids[2] {
					t.Errorf("about: %+v, %v", about, err)
				}
			}
			page, err := action.List(tx, ids[0], 2)
			if err != nil || len(page) != 2 || page[0].ID != ids[1] || page[1].ID != ids[2] {
				t.Errorf("list: %+v, %v", page, err)
			}
			_, err = action.Get(tx, 7)
			if _, err2 := action.ByKey(tx, "nothing"); houvast.KindOf(err) != houvast.NotFound || houvast.KindOf(err2) != houvast.NotFound {
				t.Errorf("an unknown action: %v, %v", err, err2)
			}
			return nil
		})
		err := w.Update(t.Context(), func(tx *store.Tx) error {
			_, err := action.Propose(tx, action.Proposal{Kind: action.Withhold, Key: "bad", Payload: func() {}, By: anna})
			return err
		})
		if houvast.KindOf(err) != houvast.Internal {
			t.Errorf("a payload that is no JSON: %v", err)
		}
	})
}

// However often and by whomever an action is proposed under a key, it is the first one.
func TestProposeIsOnceForAKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		first := propose(t, w, action.Proposal{Kind: action.Remove, Key: "k", Subject: "a", Payload: 1, By: anna})
		again := propose(t, w, action.Proposal{Kind: action.Withhold, Key: "k", Subject: "b", Payload: 2, By: bob})
		if a := get(t, w, first); again != first || a.Kind != action.Remove || a.Subject != "a" || string(a.Payload) != "1" || a.ProposedBy != anna || a.State != action.Proposed {
			t.Errorf("%v again is %v: %+v", first, again, a)
		}
		drop(t, w, first)
		if again = propose(t, w, action.Proposal{Kind: action.Remove, Key: "k", Subject: "a", By: anna}); again != first || get(t, w, first).State != action.Dropped {
			t.Error("what was dropped came back")
		}
		var wg sync.WaitGroup
		var ids [10]houvast.ActionID
		var errs [10]error
		for i := range ids {
			wg.Go(func() {
				errs[i] = w.Update(context.Background(), func(tx *store.Tx) (err error) {
					ids[i], err = action.Propose(tx, action.Proposal{Kind: action.Withhold, Key: "at once", Subject: fmt.Sprint(i), By: anna})
					return err
				})
			})
		}
		wg.Wait()
		for i := range ids {
			if errs[i] != nil || ids[i] != ids[0] || ids[i] == 0 {
				t.Errorf("proposal %d: %v, %v; the first is %v", i, ids[i], errs[i], ids[0])
			}
		}
		view(t, w, func(tx *store.Tx) error {
			all, err := action.List(tx, 0, 100)
			if len(all) != 2 {
				t.Errorf("%d actions under two keys", len(all))
			}
			return err
		})
	})
}

func TestApproval(t *testing.T) {
	storetest.EachClock(t, storetest.NewClock(morning), func(t *testing.T, w store.Writer) {
		try := func(id houvast.ActionID, by houvast.Actor, self bool) (a action.Action, err error) {
			err = w.Update(t.Context(), func(tx *store.Tx) (err error) {
				a, err = action.Approve(tx, id, by, self)
				return err
			})
			return a, err
		}
		for _, kind := range []action.Kind{action.Remove, action.Report} {
			id := propose(t, w, action.Proposal{Kind: kind, Key: string(kind), Subject: "s", By: anna})
			_, err := try(id, anna, false)
			if houvast.KindOf(err) != houvast.Forbidden || houvast.CodeOf(err) != "self-approval" || houvast.HintOf(err) == "" {
				t.Errorf("%s approved by who proposed it: %v", kind, err)
			}
			if a := get(t, w, id); a.State != action.Proposed || a.DecidedBy != "" || len(bells(t, w, id)) != 0 {
				t.Errorf("refused, and yet %+v", a)
			}
			told, err := try(id, bob, false)
			if err != nil {
				t.Fatal(err)
			}
			a := get(t, w, id)
			if a.State != action.Approved || a.DecidedBy != bob || !a.DecidedAt.Equal(w.DB().Clock().Now()) || len(bells(t, w, id)) != 1 {
				t.Errorf("%+v", a)
			}
			if fmt.Sprintf("%+v", told) != fmt.Sprintf("%+v", a) {
				t.Errorf("told  %+v\nstored %+v", told, a)
			}
			alone := propose(t, w, action.Proposal{Kind: kind, Key: "alone " + string(kind), Subject: "s", By: anna})
			if _, err := try(alone, anna, true); err != nil || get(t, w, alone).DecidedBy != anna {
				t.Errorf("a team of one person could not approve: %v", err)
			}
		}
		if _, err := try(99, bob, false); houvast.KindOf(err) != houvast.NotFound {
			t.Errorf("an unknown action: %v", err)
		}
	})
}

// reach makes one action of every state, by the ways that lead there.
func reach(t *testing.T, w store.Writer) (in map[action.State]houvast.ActionID) {
	t.Helper()
	in = map[action.State]houvast.ActionID{}
	out := action.Runner{Senders: map[action.Kind]action.Sender{action.Remove: func(_ context.Context, a action.Action) (string, error) {
		switch action.State(a.Subject) {
		case action.Sending:
			return "", houvast.Errorf("test", houvast.Unavailable, "", "not now")
		case action.Refused:
			return "", houvast.Errorf("test", houvast.Invalid, "", "not so")
		}
		return "so be it", nil
	}}}
	for _, s := range []action.State{action.Proposed, action.Approved, action.Dropped, action.Sending, action.Done, action.Refused} {
		kind := action.Remove
		if s == action.Approved {
			kind = action.Report // has no sender, so it stays
		}
		in[s] = propose(t, w, action.Proposal{Kind: kind, Key: string(s), Subject: string(s), By: anna})
		if s != action.Proposed && s != action.Dropped {
			approve(t, w, in[s], bob)
		}
	}
	drop(t, w, in[action.Dropped])
	stop := start(t, w, out)
	for s, id := range in {
		eventually(t, string(s), func() bool { return get(t, w, id).State == s })
	}
	eventually(t, "no bell is being answered", func() bool {
		b := bells(t, w, in[action.Sending], in[action.Done], in[action.Refused])
		return len(b) == 1 && b[in[action.Sending]].attempts == 1 && b[in[action.Sending]].expires == 0
	})
	eventually(t, "the bell without a sender is down", func() bool { return len(bells(t, w, in[action.Approved])) == 0 })
	stop()
	return in
}

// Approving and dropping from every state: only what has not begun can still be decided.
func TestDecidingFromEveryState(t *testing.T) {
	storetest.EachClock(t, storetest.NewClock(morning), func(t *testing.T, w store.Writer) {
		decide := map[string]func(tx *store.Tx, id houvast.ActionID) (action.Action, error){
			"approve": func(tx *store.Tx, id houvast.ActionID) (action.Action, error) {
				return action.Approve(tx, id, bob, false)
			},
			"drop": func(tx *store.Tx, id houvast.ActionID) (action.Action, error) { return action.Drop(tx, id, bob) },
		}
		allowed := map[action.State]map[string]action.State{
			action.Proposed: {"approve": action.Approved, "drop": action.Dropped},
			action.Approved: {"drop": action.Dropped},
		}
		undo := fmt.Errorf("only tried")
		states := reach(t, w)
		if len(states) != 6 {
			t.Fatal(states)
		}
		for s, id := range states {
			for what, do := range decide {
				before := get(t, w, id)
				var a, stored action.Action
				err := w.Update(t.Context(), func(tx *store.Tx) (err error) {
					if a, err = do(tx, id); err == nil {
						if stored, err = action.Get(tx, id); err == nil {
							err = undo
						}
					}
					return err
				})
				to, ok := allowed[s][what]
				switch {
				case ok && (err != undo || a.State != to || fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", stored) || a.DecidedBy != bob || a.DecidedAt.IsZero()):
					t.Errorf("%s from %s: %v, told %+v, stored %+v", what, s, err, a, stored)
				case !ok && (houvast.KindOf(err) != houvast.Conflict || houvast.CodeOf(err) != "wrong-state"):
					t.Errorf("%s from %s was not refused: %v", what, s, err)
				}
				if after := get(t, w, id); fmt.Sprintf("%+v", after) != fmt.Sprintf("%+v", before) {
					t.Errorf("%s from %s left %+v", what, s, after)
				}
			}
		}
	})
}

// What nobody can send stays where it is, for everybody to see, until a sender is configured; the
// sweep rings for what should be on its way, for nothing else, and leaves a hanging bell alone.
func TestSweep(t *testing.T) {
	clock := storetest.NewClock(morning)
	storetest.EachClock(t, clock, func(t *testing.T, w store.Writer) {
		in := reach(t, w)
		var ids []houvast.ActionID
		for _, id := range in {
			ids = append(ids, id)
		}
		before := bells(t, w, ids...)
		if len(before) != 1 || before[in[action.Sending]].attempts != 1 {
			t.Fatalf("before the sweep: %v", before)
		}
		update(t, w, action.Sweeper())
		update(t, w, action.Sweeper())
		after := bells(t, w, ids...)
		if len(after) != 2 || after[in[action.Approved]].rung != 1 || after[in[action.Sending]] != before[in[action.Sending]] {
			t.Errorf("after the sweep: %v", after)
		}
		update(t, w, func(tx *store.Tx) error { _, err := tx.Exec("DELETE FROM task"); return err }) // as if all were lost
		update(t, w, action.Sweeper())
		if after = bells(t, w, ids...); len(after) != 2 || after[in[action.Approved]].rung != 1 || after[in[action.Sending]].rung != 1 {
			t.Errorf("after everything was lost: %v", after)
		}
		start(t, w, action.Runner{Senders: allKinds(good)})
		later(t, w, clock)
		for _, s := range []action.State{action.Approved, action.Sending} {
			eventually(t, string(s)+" is done once it can be sent", func() bool { return get(t, w, in[s]).State == action.Done })
		}
		for _, s := range []action.State{action.Proposed, action.Dropped, action.Refused} {
			if a := get(t, w, in[s]); a.State != s {
				t.Errorf("%s became %s", s, a.State)
			}
		}
	})
}

// trace notes what was sent, in order.
type trace struct {
	mu   sync.Mutex
	sent []string
}

func (s *trace) add(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, what)
}

func (s *trace) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}
