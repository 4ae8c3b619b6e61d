package action_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

// Whoever is sent to finds the action in the state sending, committed and with its time, and finds it
// so again, with the first time, when it is sent to once more.
func TestSendingIsPersistedFirst(t *testing.T) {
	clock := storetest.NewClock(morning)
	storetest.EachClock(t, clock, func(t *testing.T, w store.Writer) {
		seen := make(chan action.Action, 9)
		calls := 0
		start(t, w, action.Runner{Senders: allKinds(func(ctx context.Context, a action.Action) (string, error) {
			calls++
			err := w.DB().View(ctx, func(tx *store.Tx) error {
				stored, err := action.Get(tx, a.ID)
				seen <- stored
				return err
			})
			if err == nil && calls == 1 {
				err = houvast.Errorf("test", houvast.Unavailable, "", "not now")
			}
			return "", err
		})})
		id := propose(t, w, action.Proposal{Kind: action.Withhold, Key: "k", Subject: "s", By: anna})
		first := <-seen
		eventually(t, "put back", func() bool { b := bells(t, w, id)[id]; return b.attempts == 1 && b.expires == 0 })
		later(t, w, clock)
		second := <-seen
		for i, a := range []action.Action{first, second} {
			if a.ID != id || a.State != action.Sending || !a.SentAt.Equal(first.SentAt) || a.SentAt.IsZero() || !a.DoneAt.IsZero() {
				t.Errorf("call %d found %+v", i, a)
			}
		}
		eventually(t, "done", func() bool { return get(t, w, id).State == action.Done })
		if a := get(t, w, id); !a.SentAt.Equal(first.SentAt) || !a.DoneAt.After(a.SentAt) {
			t.Errorf("%+v", a)
		}
	})
}

// Every kind of error that a sender may give: what may pass is tried again under the same id until it
// succeeds, what will not pass is refused and waits for a person.
func TestEveryErrorOfASender(t *testing.T) {
	again := []houvast.Kind{houvast.Unavailable, houvast.Limited, houvast.InDoubt, houvast.Internal}
	clock := storetest.NewClock(morning)
	storetest.EachClock(t, clock, func(t *testing.T, w store.Writer) {
		var mu sync.Mutex
		sent := map[string]int{}
		fail := map[string]func() error{
			"unknown to us": func() error { return errors.New("an error of somebody else") },
			"a panic":       func() error { panic("thrown") },
		}
		wants := map[string]action.State{"unknown to us": action.Done, "a panic": action.Done}
		for _, k := range houvast.Kinds() {
			fail[k.String()] = func() error { return houvast.Errorf("test", k, "code", "because of %s", k) }
			wants[k.String()] = action.Refused
			if slices.Contains(again, k) {
				wants[k.String()] = action.Done
			}
		}
		start(t, w, action.Runner{Senders: allKinds(func(_ context.Context, a action.Action) (string, error) {
			mu.Lock()
			sent[a.ID.String()]++
			n := sent[a.ID.String()]
			mu.Unlock()
			if n == 1 {
				return "half an answer", fail[a.Subject]()
			}
			return "at last", nil
		})})
		ids := map[string]houvast.ActionID{}
		for what := range fail {
			ids[what] = propose(t, w, action.Proposal{Kind: action.Release, Key: what, Subject: what, By: anna})
		}
		for what, id := range ids {
			if wants[what] == action.Refused {
				eventually(t, what, func() bool { return get(t, w, id).State == action.Refused })
				continue
			}
			eventually(t, what, func() bool {
				b := bells(t, w, id)[id]
				return get(t, w, id).State == action.Sending && b.attempts == 1 && b.expires == 0
			})
		}
		later(t, w, clock)
		refused := 0
		for what, id := range ids {
			eventually(t, what, func() bool { return get(t, w, id).State == wants[what] && len(bells(t, w, id)) == 0 })
			a, times, answer := get(t, w, id), 2, "at last"
			if a.State == action.Refused {
				refused, times, answer = refused+1, 1, "because of "+what
			}
			mu.Lock()
			if sent[id.String()] != times || a.Answer != answer {
				t.Errorf("%s: sent %d times, want %d; answer %q", what, sent[id.String()], times, a.Answer)
			}
			mu.Unlock()
		}
		t.Logf("%d kinds of errors, %d of them final", len(ids), refused)
	})
}

// An answer comes from outside: it is kept as text that any database takes, and not more of it than
// is stated; a strange answer must not have the action sent again and again.
func TestAnswersAreKeptAsText(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		answers := map[string]string{
			"plain":                   "status 200",
			"empty":                   "",
			"too long":                strings.Repeat("a", 1000),
			"cut in a character":      strings.Repeat("a", 499) + "é and more",
			"no text":                 "a\xff\xfeb",
			"a NUL":                   "a\x00b",
			"long and all of it NULs": strings.Repeat("\x00", 1000),
		}
		wants := map[string]string{"plain": "status 200", "too long": strings.Repeat("a", 500), "cut in a character": strings.Repeat("a", 499), "no text": "ab", "a NUL": "ab"}
		var mu sync.Mutex
		sent := map[string]int{}
		start(t, w, action.Runner{Senders: allKinds(func(_ context.Context, a action.Action) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			sent[a.Key]++
			what, refused := strings.CutPrefix(a.Subject, "refused ")
			if refused {
				return "not this", houvast.Errorf("test", houvast.Invalid, "", "%s", answers[what])
			}
			return answers[what], nil
		})})
		for what := range answers {
			for prefix, state := range map[string]action.State{"": action.Done, "refused ": action.Refused} {
				id := propose(t, w, action.Proposal{Kind: action.Withhold, Key: prefix + what, Subject: prefix + what, By: anna})
				eventually(t, prefix+what, func() bool { return get(t, w, id).State == state })
				if a := get(t, w, id); a.Answer != wants[what] || a.DoneAt.IsZero() {
					t.Errorf("%s%s: kept %q", prefix, what, a.Answer)
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for key, n := range sent {
			if n != 1 {
				t.Errorf("%s was sent %d times", key, n)
			}
		}
		if len(sent) != 2*len(answers) {
			t.Errorf("%d sent", len(sent))
		}
	})
}

// A process that ends takes no decision: what a sender says while its context is over counts as not
// said, and the next process sends again.
func TestEndingIsNoAnswer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		began := make(chan struct{})
		stop := start(t, w, action.Runner{Senders: allKinds(func(ctx context.Context, _ action.Action) (string, error) {
			close(began)
			<-ctx.Done()
			return "", houvast.Errorf("test", houvast.Invalid, "", "said while ending")
		})})
		id := propose(t, w, action.Proposal{Kind: action.Withhold, Key: "k", Subject: "s", By: anna})
		<-began
		stop()
		if a := get(t, w, id); a.State != action.Sending || len(bells(t, w, id)) != 1 {
			t.Fatalf("%+v", a)
		}
		// On PostgreSQL the claim of the first runner ends with its lease; a ring frees nothing, so it is ended here.
		update(t, w, func(tx *store.Tx) error { _, err := tx.Exec("UPDATE task SET expires = 0"); return err })
		start(t, w, action.Runner{Senders: allKinds(good)})
		eventually(t, "done", func() bool { return get(t, w, id).State == action.Done })
	})
}

// An answer that came in while the process was told to end is still recorded: what was done is done.
func TestAnswerWhileEnding(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		began := make(chan struct{})
		stop := start(t, w, action.Runner{Senders: allKinds(func(ctx context.Context, _ action.Action) (string, error) {
			close(began)
			<-ctx.Done()
			return "done all the same", nil
		})})
		id := propose(t, w, action.Proposal{Kind: action.Withhold, Key: "k", Subject: "s", By: anna})
		<-began
		stop()
		if a := get(t, w, id); a.State != action.Done || a.Answer != "done all the same" || len(bells(t, w, id)) != 0 {
			t.Errorf("%+v", a)
		}
	})
}

// What follows from an action happens in the transaction that ends it. If that transaction fails
// after the sender has succeeded, nothing is recorded, and the same action is sent again.
func TestEndedIsPartOfTheEnd(t *testing.T) {
	clock := storetest.NewClock(morning)
	storetest.EachClock(t, clock, func(t *testing.T, w store.Writer) {
		var sent trace
		var mu sync.Mutex
		broken := true
		start(t, w, action.Runner{
			Senders: map[action.Kind]action.Sender{action.Withhold: func(_ context.Context, a action.Action) (string, error) {
				sent.add(a.ID.String())
				return "ok", nil
			}},
			Ended: func(tx *store.Tx, a action.Action, s action.State) error {
				_, err := action.Propose(tx, action.Proposal{Kind: action.Report, Key: "after " + a.Key, Subject: string(s), By: "system:test"})
				mu.Lock()
				defer mu.Unlock()
				if err == nil && broken {
					err = errors.New("cut off before the commit")
				}
				return err
			},
		})
		id := propose(t, w, action.Proposal{Kind: action.Withhold, Key: "k", Subject: "s", By: anna})
		eventually(t, "cut off", func() bool { b := bells(t, w, id)[id]; return b.attempts == 1 && b.expires == 0 })
		if a := get(t, w, id); a.State != action.Sending || a.Answer != "" || !a.DoneAt.IsZero() {
			t.Errorf("half an end was recorded: %+v", a)
		}
		following := func() (n int) {
			view(t, w, func(tx *store.Tx) error {
				all, err := action.About(tx, string(action.Done))
				n = len(all)
				return err
			})
			return n
		}
		if n := following(); n != 0 {
			t.Errorf("%d actions follow from an end that was not", n)
		}
		mu.Lock()
		broken = false
		mu.Unlock()
		later(t, w, clock)
		eventually(t, "done", func() bool { return get(t, w, id).State == action.Done })
		if n := following(); n != 1 || !slices.Equal(sent.all(), []string{id.String(), id.String()}) {
			t.Errorf("%d actions follow, sent %v", n, sent.all())
		}
	})
}

// An action never overtakes the one it waits for, and sets out as soon as that one is over, in
// whatever way, with no sweep to help.
func TestAfter(t *testing.T) {
	ends := map[string]struct {
		kind  action.Kind
		end   func(t *testing.T, w store.Writer, id houvast.ActionID, open chan error)
		state action.State
	}{
		"done": {action.Withhold, func(_ *testing.T, _ store.Writer, _ houvast.ActionID, open chan error) { open <- nil }, action.Done},
		"refused": {action.Withhold, func(_ *testing.T, _ store.Writer, _ houvast.ActionID, open chan error) {
			open <- houvast.Errorf("test", houvast.Invalid, "", "no")
		}, action.Refused},
		"dropped": {action.Remove, func(t *testing.T, w store.Writer, id houvast.ActionID, _ chan error) { drop(t, w, id) }, action.Dropped},
	}
	for what, c := range ends {
		t.Run(what, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, w store.Writer) {
				var sent trace
				open := make(chan error)
				start(t, w, action.Runner{Senders: allKinds(func(_ context.Context, a action.Action) (string, error) {
					sent.add(a.Key)
					if a.Key == "first" {
						return "", <-open
					}
					return "", nil
				})})
				first := propose(t, w, action.Proposal{Kind: c.kind, Key: "first", Subject: "s", By: anna})
				release := propose(t, w, action.Proposal{Kind: action.Release, Key: "release", Subject: "s", After: first, By: anna})
				remove := propose(t, w, action.Proposal{Kind: action.Remove, Key: "remove", Subject: "s", After: first, By: anna})
				undecided := propose(t, w, action.Proposal{Kind: action.Remove, Key: "undecided", Subject: "s", After: first, By: anna})
				last := propose(t, w, action.Proposal{Kind: action.Withhold, Key: "last", Subject: "s", After: release, By: anna})
				approve(t, w, remove, bob)
				// The control: what waits for nothing does overtake, so the bells of the others were answered.
				other := propose(t, w, action.Proposal{Kind: action.Release, Key: "other", Subject: "s", By: anna})
				eventually(t, "the other one is done", func() bool { return get(t, w, other).State == action.Done })
				eventually(t, "the bells of what waits are down", func() bool { return len(bells(t, w, release, remove, last)) == 0 })
				for _, id := range []houvast.ActionID{release, remove, last} {
					if a := get(t, w, id); a.State != action.Approved || a.After == 0 {
						t.Fatalf("%s overtook: %+v", a.Key, a)
					}
				}
				c.end(t, w, first, open)
				for _, id := range []houvast.ActionID{release, remove, last} {
					eventually(t, fmt.Sprint(get(t, w, id).Key, " is done"), func() bool { return get(t, w, id).State == action.Done })
				}
				if a := get(t, w, first); a.State != c.state {
					t.Errorf("the first one is %s, want %s", a.State, c.state)
				}
				if a := get(t, w, undecided); a.State != action.Proposed {
					t.Errorf("what nobody approved is %s", a.State)
				}
				order := sent.all()
				if slices.Index(order, "release") > slices.Index(order, "last") || slices.Index(order, "first") > slices.Index(order, "release") {
					t.Errorf("sent in the order %v", order)
				}
			})
		})
	}
}

// A bell that rings for nothing does nothing: an action that is over, or that nobody approved.
func TestIdleBells(t *testing.T) {
	storetest.EachClock(t, storetest.NewClock(morning), func(t *testing.T, w store.Writer) {
		in := reach(t, w)
		var sent trace
		start(t, w, action.Runner{Senders: allKinds(func(_ context.Context, a action.Action) (string, error) {
			sent.add(a.Key)
			return "", nil
		})})
		over := []action.State{action.Proposed, action.Dropped, action.Done, action.Refused}
		var ids []houvast.ActionID
		for _, s := range over {
			ids = append(ids, in[s])
			update(t, w, func(tx *store.Tx) error { return ring(tx, in[s]) })
		}
		eventually(t, "all bells are down", func() bool { return len(bells(t, w, ids...)) == 0 })
		for _, s := range over {
			if a := get(t, w, in[s]); a.State != s {
				t.Errorf("%s became %s", s, a.State)
			}
		}
		if len(sent.all()) != 0 {
			t.Errorf("sent %v", sent.all())
		}
	})
}

// Who ends an action that was ended meanwhile is refused, and what was recorded first stays.
func TestAnActionEndsOnce(t *testing.T) {
	storetest.EachClock(t, storetest.NewClock(morning), func(t *testing.T, w store.Writer) {
		id := reach(t, w)[action.Sending]
		stale := get(t, w, id)
		update(t, w, func(tx *store.Tx) error { return action.End(tx, stale, action.Done, "first") })
		err := w.Update(t.Context(), func(tx *store.Tx) error { return action.End(tx, stale, action.Refused, "second") })
		if houvast.KindOf(err) != houvast.Conflict || houvast.CodeOf(err) != "wrong-state" {
			t.Errorf("ended twice: %v", err)
		}
		if a := get(t, w, id); a.State != action.Done || a.Answer != "first" {
			t.Errorf("%+v", a)
		}
	})
}
