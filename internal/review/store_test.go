package review

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
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

func must(t *testing.T, w store.Writer, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := w.Update(t.Context(), fn); err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

func want(t *testing.T, what, got, code string) {
	t.Helper()
	if got != code {
		t.Errorf("%s: %q, want %q", what, got, code)
	}
}

var likeness = houvast.Match{BankName: "known", Category: houvast.ChildAbuse, Trust: houvast.Verified, Kind: houvast.KindPDQ, Distance: 7}

// put opens a case with sealed facts and returns its id.
func put(t *testing.T, w store.Writer, m houvast.Match) (id houvast.CaseID) {
	t.Helper()
	must(t, w, func(tx *store.Tx) error {
		id = houvast.CaseID(tx.NewID())
		return OpenCase(tx, Case{ID: id, Item: houvast.ItemID("item of " + id.String()), Subject: 5, Incident: "incident", Key: "key of " + id.String(),
			Facts: []byte{0, 1, 2, 255}}, m)
	})
	return id
}

func get(t *testing.T, w store.Writer, id houvast.CaseID) (c Case) {
	t.Helper()
	err := w.DB().View(t.Context(), func(tx *store.Tx) (err error) {
		c, err = Get(tx, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pull claims the next case for by; code is "" when there was one.
func pull(t *testing.T, w store.Writer, by houvast.Actor) (c Case, code string) {
	t.Helper()
	code = write(t, w, func(tx *store.Tx) (err error) {
		c, err = Next(tx, by)
		return err
	})
	return c, code
}

// pulls claims a case that must be the given one.
func pulls(t *testing.T, w store.Writer, by houvast.Actor, id houvast.CaseID) {
	t.Helper()
	if c, code := pull(t, w, by); code != "" || c.ID != id || c.ClaimedBy != by {
		t.Fatalf("%s pulled %s of %q (%q), want %s", by, c.ID, c.ClaimedBy, code, id)
	}
}

func decides(t *testing.T, w store.Writer, id houvast.CaseID, by houvast.Actor, v Verdict) string {
	t.Helper()
	return write(t, w, func(tx *store.Tx) error {
		_, err := Decide(tx, id, by, v, []byte("sealed "+v.Words), false)
		return err
	})
}

func TestOpenCase(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		changed := w.DB().Changed(Topic)
		id := put(t, w, likeness)
		select {
		case <-changed:
		default:
			t.Error("nobody was told that a case has come")
		}
		wantCase := Case{ID: id, Item: houvast.ItemID("item of " + id.String()), Subject: 5, Incident: "incident", Key: "key of " + id.String(),
			Facts: []byte{0, 1, 2, 255}, Bank: "known", Category: houvast.ChildAbuse, Trust: houvast.Verified, Reason: houvast.KindPDQ, Distance: 7,
			Danger: Danger(likeness), State: Open, Opened: noon, Observed: []houvast.Observation{}}
		if c := get(t, w, id); !reflect.DeepEqual(c, wantCase) {
			t.Errorf("\n%+v, want\n%+v", c, wantCase)
		}
		want(t, "a second case of the item", write(t, w, func(tx *store.Tx) error {
			return OpenCase(tx, Case{ID: houvast.CaseID(tx.NewID()), Item: wantCase.Item}, likeness)
		}), "exists")
		err := w.DB().View(t.Context(), func(tx *store.Tx) error {
			if c, err := OfItem(tx, wantCase.Item); err != nil || c.ID != id {
				t.Errorf("of item: %v %v", c.ID, err)
			}
			if _, err := OfItem(tx, "item of nothing"); houvast.KindOf(err) != houvast.NotFound {
				t.Errorf("of no item: %v", err)
			}
			if _, err := Get(tx, id+1); houvast.KindOf(err) != houvast.NotFound {
				t.Errorf("no case: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var ids []houvast.CaseID
		ids = append(ids, id, put(t, w, likeness), put(t, w, likeness))
		var pages []houvast.CaseID
		var after houvast.CaseID
		for range 4 {
			err := w.DB().View(t.Context(), func(tx *store.Tx) error {
				page, err := List(tx, after, 2)
				for _, c := range page {
					pages, after = append(pages, c.ID), c.ID
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(pages, ids) {
			t.Errorf("pages %v, want %v", pages, ids)
		}
	})
}

// Danger comes before age, age before everything else.
func TestPullOrder(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		low := houvast.Match{Category: houvast.NCIIAdult, Trust: houvast.Unverified, Kind: houvast.KindPDQ}
		mid := houvast.Match{Category: houvast.SelfSubmitted, Trust: houvast.Unverified, Kind: houvast.KindPDQ}
		var order []houvast.CaseID
		for _, m := range []houvast.Match{low, likeness, mid, likeness, low} {
			order = append(order, put(t, w, m))
			clock.Advance(time.Minute)
		}
		for i, n := range []int{1, 3, 2, 0, 4} {
			pulls(t, w, houvast.Actor(fmt.Sprintf("user:%d", i)), order[n])
		}
		_, code := pull(t, w, "user:late")
		want(t, "an empty queue", code, "queue-empty")
	})
}

func TestClaim(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		first := put(t, w, likeness)
		clock.Advance(time.Second)
		second := put(t, w, likeness)
		extend := func(id houvast.CaseID, by houvast.Actor) string {
			return write(t, w, func(tx *store.Tx) error { _, err := Extend(tx, id, by); return err })
		}
		giveBack := func(id houvast.CaseID, by houvast.Actor) string {
			return write(t, w, func(tx *store.Tx) error { return GiveBack(tx, id, by) })
		}

		pulls(t, w, anna, first)
		put(t, w, houvast.Match{Category: houvast.ChildAbuse, Trust: houvast.Verified, Kind: houvast.KindSHA256}) // of greater danger
		clock.Advance(ClaimTime - time.Second)
		pulls(t, w, anna, first) // a reload
		clock.Advance(ClaimTime - time.Second)
		want(t, "extending what is yours", extend(first, anna), "")
		want(t, "extending what is another's", extend(first, bram), "claim-lost")
		want(t, "extending what is nobody's", extend(second, anna), "claim-lost")
		if c := get(t, w, first); c.ClaimEnds != w.DB().Clock().Now().Add(ClaimTime) || c.ClaimedBy != anna {
			t.Errorf("the claim of %s ends %s", c.ClaimedBy, c.ClaimEnds)
		}

		clock.Advance(ClaimTime)
		want(t, "extending too late", extend(first, anna), "claim-lost")
		want(t, "deciding too late", decides(t, w, first, anna, Verdict{Decision: "not_abuse"}), "claim-lost")
		want(t, "giving back too late", giveBack(first, anna), "claim-lost")
		dangerous, code := pull(t, w, bram)
		want(t, "the greatest danger now", code, "")
		pulls(t, w, "user:cato", first) // the next, free again
		want(t, "deciding another's", decides(t, w, first, anna, Verdict{Decision: "not_abuse"}), "claim-lost")
		pulls(t, w, anna, second)

		changed := w.DB().Changed(Topic)
		want(t, "giving back another's", giveBack(first, anna), "claim-lost")
		select {
		case <-changed:
			t.Error("a refused giving back told the queue")
		default:
		}
		want(t, "giving back", giveBack(first, "user:cato"), "")
		select {
		case <-changed:
		default:
			t.Error("nobody was told that a case came back")
		}
		want(t, "deciding after giving back", decides(t, w, first, "user:cato", Verdict{Decision: "not_abuse"}), "claim-lost")
		pulls(t, w, "user:dirk", first)
		if c := get(t, w, dangerous.ID); c.ClaimedBy != bram {
			t.Errorf("bram's claim went to %q", c.ClaimedBy)
		}
		want(t, "an unknown case", extend(1, anna), "not_found")
	})
}

// A clock that is set back ends no claim early and keeps none longer: claims count in law time.
func TestClaimWithClockSetBack(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		id := put(t, w, likeness)
		pulls(t, w, anna, id)
		clock.Advance(ClaimTime)
		_, code := pull(t, w, bram)
		want(t, "taking an expired claim", code, "")
		clock.Advance(-30 * time.Minute)
		want(t, "anna, with the clock set back", decides(t, w, id, anna, Verdict{Decision: "not_abuse"}), "claim-lost")
		want(t, "bram, with the clock set back", decides(t, w, id, bram, Verdict{Decision: "not_abuse"}), "")
	})
}

func TestDecideAndConfirm(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		id := put(t, w, likeness)
		v := Verdict{Decision: "own", Role: "both", Pressure: true, Words: "w",
			Observations: observe(houvast.Observation{What: "age", Min: 13, Max: 14, Basis: "stated"}, houvast.Observation{What: "origin", Value: "sextortion", Basis: "stated"})}
		confirms := func(by houvast.Actor, agree, self bool) string {
			return write(t, w, func(tx *store.Tx) error { _, err := Confirm(tx, id, by, 0, agree, self); return err })
		}
		want(t, "deciding what nobody took", decides(t, w, id, anna, v), "claim-lost")
		pulls(t, w, anna, id)
		want(t, "confirming what nobody decided", confirms(bram, true, true), "wrong-state")
		clock.Advance(time.Minute)
		want(t, "deciding", decides(t, w, id, anna, v), "")
		want(t, "deciding twice", decides(t, w, id, anna, v), "wrong-state")
		c := get(t, w, id)
		if c.State != Second || c.Decision != "own" || c.Role != "both" || !c.Pressure || string(c.Words) != "sealed w" || !reflect.DeepEqual(c.Observed, v.Observations) ||
			c.DecidedBy != anna || c.Decided != noon.Add(time.Minute) || c.ClaimedBy != "" || !c.ClaimEnds.IsZero() {
			t.Errorf("%+v", c)
		}
		_, code := pull(t, w, bram)
		want(t, "what waits for a second person is not in the queue", code, "queue-empty")
		want(t, "four eyes", confirms(anna, true, false), "four-eyes")
		want(t, "sending back one's own", confirms(anna, false, false), "four-eyes")

		changed := w.DB().Changed(Topic)
		want(t, "sending back", confirms(bram, false, false), "")
		select {
		case <-changed:
		default:
			t.Error("nobody was told that a case came back")
		}
		c = get(t, w, id)
		if c.State != Open || c.Decision != "" || c.Role != "" || c.Pressure || c.Words != nil || len(c.Observed) != 0 || c.DecidedBy != "" || !c.Decided.IsZero() ||
			c.SecondedBy != "" || c.Returns != 1 || c.Facts == nil {
			t.Errorf("sent back: %+v", c)
		}
		pulls(t, w, anna, id)
		want(t, "deciding again", decides(t, w, id, anna, v), "")
		clock.Advance(time.Minute)
		want(t, "alone, as configured", confirms(anna, true, true), "")
		want(t, "confirming twice", confirms(bram, true, false), "wrong-state")
		c = get(t, w, id)
		if c.State != Decided || c.SecondedBy != anna || c.Seconded != noon.Add(2*time.Minute) || c.Decision != "own" {
			t.Errorf("%+v", c)
		}
		want(t, "an unknown case", write(t, w, func(tx *store.Tx) error { _, err := Confirm(tx, 1, anna, 0, true, true); return err }), "not_found")
	})
}

// What one row of the table asks of a second person is what the state says afterwards.
func TestSecondPersonPerDecision(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		n := map[State]int{}
		for d, row := range table() {
			id := put(t, w, likeness)
			pulls(t, w, anna, id)
			want(t, string(d), decides(t, w, id, anna, Verdict{Decision: d, Role: "uploader", Words: "words"}), "")
			state := map[bool]State{true: Second, false: Decided}[row.Second == "person"]
			if c := get(t, w, id); c.State != state {
				t.Errorf("%s is %s, want %s", d, c.State, state)
			}
			n[state]++
		}
		err := w.DB().View(t.Context(), func(tx *store.Tx) error {
			counts, err := CountByState(tx)
			if !reflect.DeepEqual(counts, n) || n[Second] != 4 || n[Decided] != 4 {
				t.Errorf("counted %v, want %v", counts, n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// The database holds what the transition was told: a look by somebody else, or one that was granted
// and never served or shown, is no look.
func TestSeenNeedsOwnServedReveal(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		v := Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "synthetic", Value: "drawn", Basis: "seen"})}
		id, other := put(t, w, likeness), put(t, w, likeness)
		var last int64
		grant := func(id houvast.CaseID, by houvast.Actor, served bool) (code string) {
			return write(t, w, func(tx *store.Tx) error {
				n, err := Grant(tx, id, by, LevelMosaic, false)
				if err == nil && served {
					err = Served(tx, n)
				}
				last = n
				return err
			})
		}
		shows := func(by houvast.Actor) {
			t.Helper()
			clock.Advance(time.Second)
			must(t, w, func(tx *store.Tx) error { _, _, _, err := Shown(tx, last, by, 1); return err })
		}
		pulls(t, w, bram, id)
		want(t, "bram looks", grant(id, bram, true), "")
		shows(bram)
		must(t, w, func(tx *store.Tx) error { return GiveBack(tx, id, bram) })
		pulls(t, w, anna, id)
		want(t, "bram looked, anna did not", decides(t, w, id, anna, v), "not-seen")
		want(t, "anna is granted a look", grant(id, anna, false), "")
		want(t, "granted is not served", decides(t, w, id, anna, v), "not-seen")
		must(t, w, func(tx *store.Tx) error { return GiveBack(tx, id, anna) })
		pulls(t, w, bram, id)
		pulls(t, w, anna, other)
		want(t, "anna looks at another case", grant(other, anna, true), "")
		shows(anna)
		must(t, w, func(tx *store.Tx) error {
			if err := GiveBack(tx, id, bram); err != nil {
				return err
			}
			return GiveBack(tx, other, anna)
		})
		pulls(t, w, anna, id)
		want(t, "a look at another case", decides(t, w, id, anna, v), "not-seen")
		want(t, "anna looks", grant(id, anna, true), "")
		want(t, "served is not shown", decides(t, w, id, anna, v), "not-seen")
		shows(anna)
		want(t, "an age from a mosaic", decides(t, w, id, anna, Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "age", Min: 8, Max: 10, Basis: "seen"})}), "not-seen")
		want(t, "anna looked", decides(t, w, id, anna, v), "")
		want(t, "looking at what is decided", grant(id, anna, true), "claim-lost")
	})
}

func TestTag(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		id := put(t, w, likeness)
		pulls(t, w, anna, id)
		v := Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "synthetic", Value: "photographic", Basis: "list"})}
		for _, tagged := range []bool{false, true} {
			code := write(t, w, func(tx *store.Tx) error { _, err := Decide(tx, id, anna, v, nil, tagged); return err })
			want(t, fmt.Sprintf("a list's word, tagged %v", tagged), code, map[bool]string{false: "no-list-tag", true: ""}[tagged])
		}
	})
}

// Many reviewers pull, decide and pull again: each of the cases is decided by exactly one.
func TestManyReviewersDecide(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		const cases, people = 50, 10
		for range cases {
			put(t, w, likeness)
		}
		var mu sync.Mutex
		got := map[houvast.CaseID]int{}
		var wg sync.WaitGroup
		for i := range people {
			by := houvast.Actor(fmt.Sprintf("user:%d", i))
			wg.Go(func() {
				for {
					var c Case
					err := w.Update(context.Background(), func(tx *store.Tx) (err error) { c, err = Next(tx, by); return err })
					if houvast.CodeOf(err) == "queue-empty" {
						return
					}
					if err == nil {
						mu.Lock()
						got[c.ID]++
						mu.Unlock()
						err = w.Update(context.Background(), func(tx *store.Tx) error {
							_, err := Decide(tx, c.ID, by, Verdict{Decision: "not_abuse"}, nil, false)
							return err
						})
					}
					if err != nil {
						t.Errorf("%s: %v", by, err)
						return
					}
				}
			})
		}
		wg.Wait()
		for id, n := range got {
			if n != 1 {
				t.Errorf("%s was given out %d times", id, n)
			}
		}
		if len(got) != cases {
			t.Errorf("%d of %d cases were given out", len(got), cases)
		}
	})
}

// More reviewers than cases pull at once, and reload: nobody shares a case, and nobody is left
// without one while one is free.
func TestManyReviewersAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		const cases, people = 50, 60
		for range cases {
			put(t, w, likeness)
		}
		var mu sync.Mutex
		owner := map[houvast.CaseID]houvast.Actor{}
		empty := 0
		var wg sync.WaitGroup
		for i := range people {
			by := houvast.Actor(fmt.Sprintf("user:%d", i))
			wg.Go(func() {
				for range 2 {
					var c Case
					err := w.Update(context.Background(), func(tx *store.Tx) (err error) { c, err = Next(tx, by); return err })
					mu.Lock()
					switch {
					case houvast.CodeOf(err) == "queue-empty":
						empty++
					case err != nil:
						t.Errorf("%s: %v", by, err)
					case owner[c.ID] != "" && owner[c.ID] != by:
						t.Errorf("%s has %s and %s", c.ID, owner[c.ID], by)
					default:
						owner[c.ID] = by
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		holders := map[houvast.Actor]bool{}
		for _, by := range owner {
			if holders[by] {
				t.Errorf("%s has two cases", by)
			}
			holders[by] = true
		}
		if len(owner) != cases {
			t.Errorf("%d of %d cases were given out, %d empty answers", len(owner), cases, empty)
		}
	})
}

func TestForget(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		open, claimed, second, decided := put(t, w, likeness), houvast.CaseID(0), houvast.CaseID(0), houvast.CaseID(0)
		must(t, w, func(tx *store.Tx) error { // keep open the last in the queue
			_, err := tx.Exec("UPDATE review_case SET danger = 0 WHERE id = $1", open)
			return err
		})
		seen := observe(houvast.Observation{What: "age", Min: 13, Max: 14, Basis: "stated"})
		second = put(t, w, likeness)
		pulls(t, w, anna, second)
		want(t, "own", decides(t, w, second, anna, Verdict{Decision: "own", Words: "w", Observations: seen}), "")
		decided = put(t, w, likeness)
		pulls(t, w, anna, decided)
		want(t, "abuse", decides(t, w, decided, anna, Verdict{Decision: "abuse", Role: "uploader", Words: "w", Observations: seen}), "")
		claimed = put(t, w, likeness)
		pulls(t, w, anna, claimed)
		untouched := put(t, w, houvast.Match{Category: houvast.Negative})

		for id, state := range map[houvast.CaseID]State{open: Ended, claimed: Ended, second: Ended, decided: Decided} {
			if c := get(t, w, id); c.Facts == nil || c.Key == "" {
				t.Fatalf("%s has nothing to forget", c.State)
			}
			for range 2 { // again after a crash
				must(t, w, func(tx *store.Tx) error { return Forget(tx, id) })
				c := get(t, w, id)
				if c.State != state || c.Facts != nil || c.Words != nil || len(c.Observed) != 0 || c.Key != "" || c.ClaimedBy != "" || !c.ClaimEnds.IsZero() {
					t.Errorf("forgotten: %+v, want %s", c, state)
				}
			}
			want(t, "deciding what is forgotten", decides(t, w, id, anna, Verdict{Decision: "not_abuse"}), "wrong-state")
			want(t, "confirming what is forgotten", write(t, w, func(tx *store.Tx) error { _, err := Confirm(tx, id, bram, 0, true, false); return err }), "wrong-state")
			want(t, "looking at what is forgotten", write(t, w, func(tx *store.Tx) error { _, err := Grant(tx, id, anna, LevelGrey, false); return err }), "claim-lost")
		}
		pulls(t, w, bram, untouched)
		if c := get(t, w, untouched); !bytes.Equal(c.Facts, []byte{0, 1, 2, 255}) {
			t.Errorf("facts of another case: %v", c.Facts)
		}
		_, code := pull(t, w, anna)
		want(t, "ended cases are not in the queue", code, "queue-empty")
	})
}

func TestWithheldTooLong(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		late := func(at time.Time, limit int) (ids []houvast.CaseID) {
			err := w.DB().View(t.Context(), func(tx *store.Tx) error {
				found, err := WithheldTooLong(tx, at, limit)
				for _, c := range found {
					ids = append(ids, c.ID)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return ids
		}
		until := func(id houvast.CaseID, at time.Time) {
			must(t, w, func(tx *store.Tx) error { return SetWithheld(tx, id, at) })
		}
		decided := put(t, w, likeness)
		pulls(t, w, anna, decided)
		want(t, "deciding", decides(t, w, decided, anna, Verdict{Decision: "not_abuse"}), "")
		second := put(t, w, likeness)
		pulls(t, w, anna, second)
		want(t, "deciding", decides(t, w, second, anna, Verdict{Decision: "own"}), "")
		open, never, ended, cleared := put(t, w, likeness), put(t, w, likeness), put(t, w, likeness), put(t, w, likeness)
		until(decided, noon.Add(time.Hour))
		until(second, noon.Add(2*time.Hour))
		until(open, noon.Add(time.Hour))
		until(ended, noon.Add(time.Hour))
		until(cleared, noon.Add(time.Hour))
		until(cleared, time.Time{})
		must(t, w, func(tx *store.Tx) error { return Forget(tx, ended) })
		if c := get(t, w, open); c.Withheld != noon.Add(time.Hour) || !get(t, w, never).Withheld.IsZero() {
			t.Errorf("withheld until %s", c.Withheld)
		}
		for _, c := range []struct {
			at    time.Time
			limit int
			want  []houvast.CaseID
		}{
			{noon.Add(time.Hour - time.Microsecond), 9, nil},
			{noon.Add(time.Hour), 9, []houvast.CaseID{open}},
			{noon.Add(3 * time.Hour), 9, []houvast.CaseID{open, second}},
			{noon.Add(3 * time.Hour), 1, []houvast.CaseID{open}},
		} {
			if got := late(c.at, c.limit); !reflect.DeepEqual(got, c.want) {
				t.Errorf("at %s: %v, want %v", c.at, got, c.want)
			}
		}
	})
}
