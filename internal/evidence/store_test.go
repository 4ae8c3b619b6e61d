package evidence

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"pgregory.net/rapid"
)

// each runs fn on every engine, each with a clock of its own that stands at noon.
func each(t *testing.T, fn func(t *testing.T, w store.Writer, clock *storetest.Clock)) {
	t.Helper()
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			t.Parallel()
			storetest.Count(e)
			clock := storetest.NewClock(noon)
			fn(t, storetest.Open(t, e, clock), clock)
		})
	}
}

// write runs one transaction and returns the stable code of what went wrong, "" for nothing.
func write(t *testing.T, w store.Writer, fn func(tx *store.Tx) error) string {
	t.Helper()
	return codeOf(w.Update(t.Context(), fn))
}

func want(t *testing.T, what, got, code string) {
	t.Helper()
	if got != code {
		t.Errorf("%s: %q, want %q", what, got, code)
	}
}

// hold takes the bytes of a new case.
func hold(t *testing.T, w store.Writer, c houvast.CaseID) (id houvast.EvidenceID) {
	t.Helper()
	want(t, "hold", write(t, w, func(tx *store.Tx) (err error) {
		id, err = Hold(tx, Evidence{Case: c, Item: "item", Blob: "blob of " + c.String(), Key: "key of " + c.String(), Bytes: 1234, SHA256: "sum of " + c.String()})
		return err
	}), "")
	return id
}

func get(t *testing.T, w store.Writer, id houvast.EvidenceID) (e Evidence) {
	t.Helper()
	err := w.DB().View(t.Context(), func(tx *store.Tx) (err error) {
		e, err = Get(tx, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// dueAt lists what would be destroyed at a time.
func dueAt(t *testing.T, w store.Writer, at time.Time, limit int) (ids []houvast.EvidenceID) {
	t.Helper()
	err := w.DB().View(t.Context(), func(tx *store.Tx) error {
		found, err := Due(tx, at, limit)
		for _, e := range found {
			ids = append(ids, e.ID)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func begins(t *testing.T, w store.Writer, id houvast.EvidenceID) string {
	t.Helper()
	return write(t, w, func(tx *store.Tx) error { _, err := Begin(tx, id); return err })
}

func ends(t *testing.T, w store.Writer, id houvast.EvidenceID) string {
	t.Helper()
	return write(t, w, func(tx *store.Tx) error { return End(tx, id) })
}

func holds(t *testing.T, w store.Writer, blob, key string) (b, k bool) {
	t.Helper()
	err := w.DB().View(t.Context(), func(tx *store.Tx) (err error) {
		if b, err = HoldsBlob(tx, blob); err == nil {
			k, err = HoldsKey(tx, key)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b, k
}

func TestWalk(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		id := hold(t, w, 7)
		c := houvast.CaseID(7)
		wantRow := Evidence{ID: id, Case: 7, Item: "item", Blob: "blob of " + c.String(), Key: "key of " + c.String(), Bytes: 1234, SHA256: "sum of " + c.String(),
			State: Held, Since: noon, Destroy: noon.Add(90 * day), Why: "undecided"}
		if e := get(t, w, id); !reflect.DeepEqual(e, wantRow) {
			t.Errorf("held:\n%+v, want\n%+v", e, wantRow)
		}
		want(t, "a second time", write(t, w, func(tx *store.Tx) error { _, err := Hold(tx, Evidence{Case: 7}); return err }), "exists")

		want(t, "waiting for the report", write(t, w, func(tx *store.Tx) error { _, err := Wait(tx, 7); return err }), "")
		clock.Advance(1000 * day)
		if due := dueAt(t, w, clock.Now().Add(1000*day), 9); due != nil {
			t.Errorf("what waits for a report is due: %v", due)
		}
		want(t, "beginning while a report is made", begins(t, w, id), "not-due")
		want(t, "the snapshot", write(t, w, func(tx *store.Tx) error { return SetSnapshot(tx, 7, "snapshot") }), "")

		filed := clock.Now()
		want(t, "preserving", write(t, w, func(tx *store.Tx) error { _, err := Preserve(tx, 7, year, filed); return err }), "")
		wantRow.State, wantRow.Destroy, wantRow.Why, wantRow.Law, wantRow.Started, wantRow.Snapshot = Preserved, filed.Add(365*day), "preserved", "some act", filed, "snapshot"
		if e := get(t, w, id); !reflect.DeepEqual(e, wantRow) {
			t.Errorf("preserved:\n%+v, want\n%+v", e, wantRow)
		}
		want(t, "scheduling what the law keeps", write(t, w, func(tx *store.Tx) error { _, err := Schedule(tx, 7, clock.Now(), "own"); return err }), "wrong-state")
		want(t, "waiting with what the law keeps", write(t, w, func(tx *store.Tx) error { _, err := Wait(tx, 7); return err }), "wrong-state")
		want(t, "another snapshot", write(t, w, func(tx *store.Tx) error { return SetSnapshot(tx, 7, "other") }), "wrong-state")
		want(t, "preserving for less", write(t, w, func(tx *store.Tx) error { _, err := Preserve(tx, 7, Policy{Law: "short", Days: 1}, filed); return err }), "")
		if e := get(t, w, id); !reflect.DeepEqual(e, wantRow) {
			t.Errorf("preserved for less:\n%+v, want\n%+v", e, wantRow)
		}

		clock.Advance(365*day - time.Microsecond)
		want(t, "a moment early", begins(t, w, id), "not-due")
		want(t, "ending what was not begun", ends(t, w, id), "wrong-state")
		clock.Advance(time.Microsecond)
		clock.Advance(-100 * day) // law time does not go back, and nothing was begun at the right moment
		want(t, "the clock was set back before anybody saw the date", begins(t, w, id), "not-due")
		clock.Advance(100 * day)
		want(t, "on the date", begins(t, w, id), "")
		clock.Advance(-500 * day)
		want(t, "again, after a crash, with the clock set back", begins(t, w, id), "")
		if b, k := holds(t, w, wantRow.Blob, wantRow.Key); !b || !k {
			t.Error("bytes and key are nobody's before they are gone")
		}
		want(t, "stopping what is being destroyed", write(t, w, func(tx *store.Tx) error { _, err := SetStop(tx, 7, "order 7"); return err }), "wrong-state")
		want(t, "preserving what is being destroyed", write(t, w, func(tx *store.Tx) error { _, err := Preserve(tx, 7, year, filed); return err }), "wrong-state")
		want(t, "ending", ends(t, w, id), "")
		tomb := Evidence{ID: id, Case: 7, Item: "item", Bytes: 1234, State: Destroyed, Since: noon, Why: "preserved", Law: "some act", Started: filed,
			Destroyed: w.DB().Clock().Now()}
		if e := get(t, w, id); !reflect.DeepEqual(e, tomb) {
			t.Errorf("tombstone:\n%+v, want\n%+v", e, tomb)
		}
		for _, blob := range []string{wantRow.Blob, "snapshot"} {
			if b, k := holds(t, w, blob, wantRow.Key); b || k {
				t.Errorf("a tombstone holds %s or its key", blob)
			}
		}
		want(t, "ending twice", ends(t, w, id), "wrong-state")
		want(t, "beginning what is gone", begins(t, w, id), "not-due")
		want(t, "no such evidence", begins(t, w, id+1), "not_found")
	})
}

// A tombstone says that there was something, by which rule it ended and when. No text of the bytes,
// the key or the snapshot is left in any column.
func TestTombstoneHoldsNothing(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		id := hold(t, w, 7)
		row := func() string {
			var all [16]any
			var dest []any
			for i := range all {
				dest = append(dest, &all[i])
			}
			err := w.DB().View(t.Context(), func(tx *store.Tx) error {
				return tx.Row("SELECT "+columns+" FROM evidence WHERE id = $1", store.Args(id), dest...)
			})
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("%s", all)
		}
		left := func() (found []string) {
			for _, secret := range []string{"blob of", "key of", "sum of", "snapshot"} {
				if strings.Contains(row(), secret) {
					found = append(found, secret)
				}
			}
			return found
		}
		want(t, "snapshot", write(t, w, func(tx *store.Tx) error { return SetSnapshot(tx, 7, "snapshot") }), "")
		if got := left(); len(got) != 4 {
			t.Fatalf("of the four only %v are seen while they are there", got)
		}
		clock.Advance(UndecidedHold)
		want(t, "begin", begins(t, w, id), "")
		want(t, "end", ends(t, w, id), "")
		if got := left(); got != nil {
			t.Errorf("the tombstone holds %v", got)
		}
	})
}

func TestUndecidedEndsByItself(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		id := hold(t, w, 7)
		clock.Advance(UndecidedHold - time.Microsecond)
		want(t, "a moment early", begins(t, w, id), "not-due")
		clock.Advance(time.Microsecond)
		want(t, "after the hold", begins(t, w, id), "")
	})
}

func TestLegalStop(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		id := hold(t, w, 7)
		stop := func(order string) string {
			return write(t, w, func(tx *store.Tx) error { _, err := SetStop(tx, 7, order); return err })
		}
		want(t, "stop", stop("order 7"), "")
		want(t, "a decision under a stop", write(t, w, func(tx *store.Tx) error { _, err := Schedule(tx, 7, noon.Add(day), "own"); return err }), "")
		clock.Advance(1000 * day)
		want(t, "stopped and long due", begins(t, w, id), "not-due")
		if due := dueAt(t, w, clock.Now(), 9); due != nil {
			t.Errorf("stopped and due: %v", due)
		}
		if e := get(t, w, id); e.Stop != "order 7" || e.Destroy != noon.Add(day) || e.Why != "own" {
			t.Errorf("%+v", e)
		}
		want(t, "preserving under a stop", write(t, w, func(tx *store.Tx) error { _, err := Preserve(tx, 7, year, noon); return err }), "")
		if e := get(t, w, id); e.Stop != "order 7" {
			t.Error("preserving lifted the stop")
		}
		want(t, "still stopped", begins(t, w, id), "not-due")
		want(t, "lifting", stop(""), "")
		want(t, "lifted", begins(t, w, id), "")
	})
}

func TestDueOrder(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		var ids []houvast.EvidenceID
		for i, days := range []int{5, 3, 9, 3, 1, 0, 2} {
			c := houvast.CaseID(i + 1)
			ids = append(ids, hold(t, w, c))
			at := noon.Add(time.Duration(days) * day)
			if days == 0 {
				at = time.Time{}
			}
			want(t, "schedule", write(t, w, func(tx *store.Tx) error { _, err := Schedule(tx, c, at, "own"); return err }), "")
		}
		want(t, "stop", write(t, w, func(tx *store.Tx) error { _, err := SetStop(tx, 7, "order"); return err }), "")
		of := func(n ...int) (all []houvast.EvidenceID) {
			for _, i := range n {
				all = append(all, ids[i])
			}
			return all
		}
		for _, c := range []struct {
			days  time.Duration
			limit int
			want  []houvast.EvidenceID
		}{{0, 99, nil}, {1, 99, of(4)}, {3, 99, of(4, 1, 3)}, {3, 2, of(4, 1)}, {1000, 99, of(4, 1, 3, 0, 2)}} {
			if got := dueAt(t, w, noon.Add(c.days*day), c.limit); !slices.Equal(got, c.want) {
				t.Errorf("in %d days, at most %d: %v, want %v", c.days, c.limit, got, c.want)
			}
		}
		clock.Advance(3 * day)
		want(t, "begin", begins(t, w, ids[3]), "")
		if got := dueAt(t, w, noon, 99); !slices.Equal(got, of(3)) {
			t.Errorf("at noon %v; what was begun is always due", got)
		}
		err := w.DB().View(t.Context(), func(tx *store.Tx) error {
			counts, err := CountByState(tx)
			if counts[Held] != 6 || counts[Destroying] != 1 || len(counts) != 2 {
				t.Errorf("counts %v", counts)
			}
			if err != nil {
				return err
			}
			page, err := List(tx, ids[1], 2)
			if len(page) != 2 || page[0].ID != ids[2] || page[1].ID != ids[3] {
				t.Errorf("a page after the second: %v", page)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// What was begun is finished by the next process, also when its clock is years behind.
func TestDestroyingSurvivesRestart(t *testing.T) {
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			storetest.Count(e)
			cfg := storetest.Config(t, e)
			clock := storetest.NewClock(noon)
			cfg.Clock = clock
			w := storetest.Reopen(t, cfg)
			begun, waiting := hold(t, w, 7), hold(t, w, 8)
			want(t, "wait", write(t, w, func(tx *store.Tx) error { _, err := Wait(tx, 8); return err }), "")
			clock.Advance(UndecidedHold)
			want(t, "begin", begins(t, w, begun), "")
			if err := w.DB().Close(); err != nil {
				t.Fatal(err)
			}
			cfg.Clock = storetest.NewClock(noon.Add(-1000 * day))
			w = storetest.Reopen(t, cfg)
			if got := dueAt(t, w, w.DB().Clock().Now(), 9); !slices.Equal(got, []houvast.EvidenceID{begun}) {
				t.Fatalf("due after a restart: %v", got)
			}
			if e := get(t, w, begun); e.State != Destroying || e.Key == "" || e.Blob == "" {
				t.Errorf("what must still be destroyed is not known: %+v", e)
			}
			want(t, "begin again", begins(t, w, begun), "")
			want(t, "end", ends(t, w, begun), "")
			if e := get(t, w, begun); e.State != Destroyed || e.Destroyed.Before(noon.Add(UndecidedHold)) {
				t.Errorf("%s at %s, before it was due", e.State, e.Destroyed)
			}
			want(t, "the other", begins(t, w, waiting), "not-due")
		})
	}
}

// piece is what the model below knows of one piece of evidence: the rules as sentences, in days and
// dates, and none of the code.
type piece struct {
	state   State
	destroy time.Time // zero: no end
	stop    bool
}

// mayGo is the promise: never before its date, never while stopped, never without a date.
func (p piece) mayGo(now time.Time) bool {
	return p.state == Destroying || p.state != Destroyed && !p.stop && !p.destroy.IsZero() && !p.destroy.After(now)
}

// A step is one thing that happens to a piece of evidence, or to the clock.
type step struct {
	what string
	n    int // days, where that means something
}

func steps() *rapid.Generator[[]step] {
	one := rapid.Custom(func(r *rapid.T) step {
		what := rapid.SampledFrom([]string{"clock", "begin", "end", "preserve", "begin", "end", "schedule", "stop", "begin", "wait"}).Draw(r, "what")
		days := map[string][]int{"clock": {366, 100, 20, 1, -1, -400}, "schedule": {0, 1, 7, 14}, "preserve": {1, 21, 365}, "stop": {0, 0, 0, 7}}[what]
		if days == nil {
			days = []int{0}
		}
		return step{what, rapid.SampledFrom(days).Draw(r, "days")}
	})
	return rapid.SliceOfN(one, 10, 60)
}

// do carries out one step and moves the model. It returns what the model did not expect.
func (m *piece) do(tx *store.Tx, s step, id houvast.EvidenceID, c houvast.CaseID, law time.Time) (wrong string) {
	var err error
	var allowed bool
	before := *m
	switch keepable := m.state == Held || m.state == Preserved; s.what {
	case "begin":
		_, err = Begin(tx, id)
		if allowed = m.mayGo(law); allowed {
			m.state = Destroying
		}
	case "end":
		err = End(tx, id)
		if allowed = m.state == Destroying; allowed {
			m.state = Destroyed
		}
	case "wait":
		_, err = Wait(tx, c)
		if allowed = m.state == Held; allowed {
			m.destroy = time.Time{}
		}
	case "schedule":
		at := law.Add(time.Duration(s.n) * day)
		_, err = Schedule(tx, c, at, "rule")
		if allowed = m.state == Held; allowed {
			m.destroy = at
		}
	case "preserve":
		_, err = Preserve(tx, c, Policy{Law: "l", Days: s.n}, law)
		if allowed = keepable; allowed {
			if until := law.Add(time.Duration(s.n) * day); m.state == Held || until.After(m.destroy) {
				m.destroy = until
			}
			m.state = Preserved
		}
	case "stop":
		_, err = SetStop(tx, c, map[bool]string{true: "order"}[s.n > 0])
		if allowed = keepable; allowed {
			m.stop = s.n > 0
		}
	}
	if (err == nil) != allowed {
		return fmt.Sprintf("%+v: %v, the model says %v of %+v at %s", s, err, allowed, before, law)
	}
	e, err := Get(tx, id)
	if err != nil || e.State != m.state || m.state != Destroyed && !e.Destroy.Equal(m.destroy) || (e.Key == "") != (m.state == Destroyed) {
		return fmt.Sprintf("after %+v it is %s until %s (%v), the model says %+v", s, e.State, e.Destroy, err, m)
	}
	due, err := Due(tx, law, 1000)
	listed := slices.ContainsFunc(due, func(e Evidence) bool { return e.ID == id })
	if err != nil || listed != m.mayGo(law) {
		return fmt.Sprintf("after %+v due is %v (%v), the model says %+v at %s", s, listed, err, m, law)
	}
	return ""
}

// Whatever is done in whatever order, with a clock that jumps both ways: nothing is destroyed before
// its date or while stopped, a lawful period is never shortened, and what is due can go. What lies
// between two moves of the clock is one transaction.
func TestNeverEarly(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		next, law := houvast.CaseID(0), noon // the model's own law time: the highest that the clock ever showed
		count := map[string]int{}
		rapid.Check(t, func(r *rapid.T) {
			next++
			c, id, m := next, houvast.EvidenceID(0), piece{}
			for rest := steps().Draw(r, "steps"); len(rest) > 0; {
				done, wrong := 0, ""
				was := m
				err := w.Update(t.Context(), func(tx *store.Tx) (err error) {
					m, done, wrong = was, 0, ""
					if m.state == "" {
						m = piece{state: Held, destroy: law.Add(90 * day)}
						if id, err = Hold(tx, Evidence{Case: c, Item: "item", Blob: "b", Key: "k", SHA256: "s"}); err != nil {
							return err
						}
					}
					for done < len(rest) && rest[done].what != "clock" && wrong == "" {
						state := m.state
						wrong = m.do(tx, rest[done], id, c, law)
						if m.state != state {
							count[string(m.state)]++
						} else if rest[done].what == "begin" {
							count["kept"]++
						}
						done++
					}
					return nil
				})
				if err != nil || wrong != "" {
					r.Fatalf("%v %s", err, wrong)
				}
				if rest = rest[done:]; len(rest) > 0 {
					clock.Advance(time.Duration(rest[0].n) * day)
					w.DB().Clock().Now() // law time hears of it
					if clock.Now().After(law) {
						law = clock.Now()
					}
					rest = rest[1:]
				}
			}
		})
		for _, k := range []string{"preserved", "destroying", "destroyed", "kept"} {
			if count[k] == 0 {
				t.Errorf("%s: never", k)
			}
		}
		t.Log(count)
	})
}
