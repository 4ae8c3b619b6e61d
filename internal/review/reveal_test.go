package review

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"pgregory.net/rapid"
)

func viewedOf(t *testing.T, w store.Writer, id houvast.CaseID) (yes bool) {
	t.Helper()
	err := w.DB().View(t.Context(), func(tx *store.Tx) (err error) {
		yes, err = Viewed(tx, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return yes
}

// walk grants and serves every level before level to by, as who looks on purpose does.
func walk(t *testing.T, w store.Writer, id houvast.CaseID, by houvast.Actor, level Level) {
	t.Helper()
	for _, before := range Levels() {
		if before == level {
			return
		}
		must(t, w, func(tx *store.Tx) error {
			n, err := Grant(tx, id, by, before, true)
			if err == nil {
				err = Served(tx, n)
			}
			return err
		})
	}
}

func TestRevealFacts(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		id := put(t, w, likeness)
		grant := func(by houvast.Actor) (n int64, code string) {
			code = write(t, w, func(tx *store.Tx) (err error) { n, err = Grant(tx, id, by, LevelColour, true); return err })
			return n, code
		}
		_, code := grant(anna)
		want(t, "looking at what nobody took", code, "claim-lost")
		pulls(t, w, anna, id)
		_, code = grant(bram)
		want(t, "looking at what another took", code, "claim-lost")
		walk(t, w, id, anna, LevelColour)
		n, code := grant(anna)
		want(t, "looking", code, "")
		again, code := grant(anna)
		if code != "" || again == n {
			t.Errorf("a second look is %d (%q), the first %d", again, code, n)
		}
		shown := func(by houvast.Actor, ms int64) string {
			return write(t, w, func(tx *store.Tx) error { _, _, _, err := Shown(tx, n, by, ms); return err })
		}
		want(t, "shown, but never served", shown(anna, 60_000), "not-served")
		must(t, w, func(tx *store.Tx) error { return Served(tx, n) })
		if viewedOf(t, w, id) {
			t.Error("what was shown before it was served counts")
		}
		want(t, "shown to somebody else", shown(bram, 1000), "not_found")
		clock.Advance(999 * time.Millisecond)
		want(t, "shown for longer than it is there", shown(anna, 60_000), "")
		clock.Advance(time.Minute)
		want(t, "a second word", shown(anna, 60_000), "")
		if viewedOf(t, w, id) {
			t.Error("999 ms count, or a second word does")
		}
		look := func(ms int64) (code string) {
			t.Helper()
			if n, code = grant(anna); code == "" {
				must(t, w, func(tx *store.Tx) error { return Served(tx, n) })
				clock.Advance(time.Second)
				code = shown(anna, ms)
			}
			return code
		}
		want(t, "less than nothing", look(-5), "")
		if viewedOf(t, w, id) {
			t.Error("less than nothing counts")
		}
		want(t, "shown", look(1000), "")
		want(t, "a late, smaller figure takes nothing back", shown(anna, 3), "")
		if !viewedOf(t, w, id) {
			t.Error("1000 ms do not count")
		}
		if viewedOf(t, w, put(t, w, likeness)) {
			t.Error("another case counts as viewed")
		}
		n, code = grant(anna)
		want(t, "a last look", code, "")
		must(t, w, func(tx *store.Tx) error { return Served(tx, n) })
		for range 3 { // a claim that is extended keeps its looks open
			clock.Advance(ClaimTime - 2*time.Minute)
			must(t, w, func(tx *store.Tx) error { _, err := Extend(tx, id, anna); return err })
		}
		clock.Advance(ClaimTime)
		_, code = grant(anna)
		want(t, "looking with a claim that ran out", code, "claim-lost")
		clock.Advance(TellTime - time.Microsecond)
		var ms int64
		must(t, w, func(tx *store.Tx) (err error) { _, ms, _, err = Shown(tx, n, anna, 1<<40); return err })
		if ms != MaxShown.Milliseconds() {
			t.Errorf("%d ms count", ms)
		}
	})
}

// However a claim ends, its looks are told of for TellTime after it and never again, also when the same
// person takes the case again; of two words the first counts.
func TestShownAfterTheClaim(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		ends := map[string]func(tx *store.Tx, id houvast.CaseID) error{
			"given back": func(tx *store.Tx, id houvast.CaseID) error { return GiveBack(tx, id, anna) },
			"skipped":    func(tx *store.Tx, id houvast.CaseID) error { return Skip(tx, id, anna) },
			"parked":     func(tx *store.Tx, id houvast.CaseID) error { _, err := Park(tx, id, anna, []byte("x")); return err },
			"forgotten":  Forget,
			"decided": func(tx *store.Tx, id houvast.CaseID) error {
				_, err := Decide(tx, id, anna, Verdict{Decision: "abuse", Role: "unknown"}, nil, false)
				return err
			},
			"held": func(*store.Tx, houvast.CaseID) error { return nil }, // the control
		}
		for how, end := range ends {
			id := put(t, w, likeness)
			pulls(t, w, anna, id)
			walk(t, w, id, anna, LevelColour)
			var n [3]int64
			for i := range n {
				must(t, w, func(tx *store.Tx) (err error) {
					if n[i], err = Grant(tx, id, anna, LevelColour, true); err == nil {
						err = Served(tx, n[i])
					}
					return err
				})
			}
			say := func(i int) (first bool, code string) {
				code = write(t, w, func(tx *store.Tx) (err error) { _, _, first, err = Shown(tx, n[i], anna, 5000); return err })
				return first, code
			}
			clock.Advance(time.Second / 2)
			if first, code := say(0); !first || code != "" {
				t.Errorf("%s: the first word is %v, %q", how, first, code)
			}
			must(t, w, func(tx *store.Tx) error { return end(tx, id) })
			clock.Advance(TellTime - time.Microsecond)
			if first, code := say(0); first || code != "" || viewedOf(t, w, id) {
				t.Errorf("%s: a second word is %v, %q", how, first, code)
			}
			if how == "given back" { // and taken again: what she looked at is hers
				pulls(t, w, anna, id)
				must(t, w, func(tx *store.Tx) error { return GiveBack(tx, id, anna) })
			}
			if first, code := say(1); !first || code != "" || !viewedOf(t, w, id) {
				t.Errorf("%s, and a moment later: %v, %q", how, first, code)
			}
			clock.Advance(TellTime)
			if how == "skipped" {
				must(t, w, func(tx *store.Tx) error { _, err := Unskip(tx, anna); return err })
				pulls(t, w, anna, id)
			}
			first, code := say(2)
			if want := map[bool]string{true: "", false: "claim-lost"}[how == "held"]; code != want || first != (how == "held") {
				t.Errorf("%s, and half a minute later: %v, %q", how, first, code)
			}
			must(t, w, func(tx *store.Tx) error { return Forget(tx, id) })
		}
	})
}

// One claim is granted so many looks and no more; the next claim has its own.
func TestLooksOfAClaimAreBounded(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		id := put(t, w, likeness)
		grant := func(by houvast.Actor) string {
			return write(t, w, func(tx *store.Tx) error { _, err := Grant(tx, id, by, LevelMosaic, true); return err })
		}
		pulls(t, w, anna, id)
		for i := range maxLooks {
			want(t, fmt.Sprint("look ", i), grant(anna), "")
		}
		want(t, "one too many", grant(anna), "too-many-reveals")
		must(t, w, func(tx *store.Tx) error { _, err := Extend(tx, id, anna); return err })
		want(t, "extended", grant(anna), "too-many-reveals")
		must(t, w, func(tx *store.Tx) error { return GiveBack(tx, id, anna) })
		pulls(t, w, bram, id)
		want(t, "bram's own", grant(bram), "")
		must(t, w, func(tx *store.Tx) error { return GiveBack(tx, id, bram) })
		clock.Advance(TellTime)
		pulls(t, w, anna, id)
		want(t, "another claim of hers", grant(anna), "")
	})
}

// Steps are taken one after the other, by each person for themselves and for each case anew; what was
// granted and never served is no step.
func TestRevealSteps(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		id := put(t, w, likeness)
		pulls(t, w, anna, id)
		grant := func(by houvast.Actor, level Level) (n int64, code string) {
			code = write(t, w, func(tx *store.Tx) (err error) { n, err = Grant(tx, id, by, level, true); return err })
			return n, code
		}
		reached := func(by houvast.Actor) (level Level) {
			must(t, w, func(tx *store.Tx) (err error) { level, err = Reached(tx, id, by); return err })
			return level
		}
		_, code := grant(anna, "poster")
		want(t, "no level", code, "bad-level")
		all := Levels()
		for i, level := range all {
			for _, later := range all[i+1:] {
				_, code := grant(anna, later)
				want(t, string(later)+" before "+string(level), code, "step-skipped")
			}
			n, code := grant(anna, level)
			want(t, string(level), code, "")
			if i < 3 {
				_, code = grant(anna, all[i+1])
				want(t, "what follows on "+string(level)+" that was never served", code, "step-skipped")
			}
			must(t, w, func(tx *store.Tx) error { return Served(tx, n) })
			if got := reached(anna); got != level {
				t.Errorf("reached %q after %s", got, level)
			}
			_, code = grant(anna, LevelMosaic)
			want(t, "the first step again", code, "")
		}
		must(t, w, func(tx *store.Tx) error { return GiveBack(tx, id, anna) })
		pulls(t, w, bram, id)
		_, code = grant(bram, LevelBlurred)
		want(t, "a step that another person took", code, "step-skipped")
		if got := reached(bram); got != "" {
			t.Errorf("bram has reached %q", got)
		}
	})
}

// Of every combination of facts exactly one kind makes a case viewed. A crash leaves the ones where a
// fact is missing.
func TestViewedTable(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		combinations, yes := 0, 0
		for _, level := range Levels() {
			for _, whole := range []bool{false, true} {
				for _, served := range []bool{false, true} {
					for _, passed := range []time.Duration{0, 999 * time.Millisecond, time.Second, ClaimTime + TellTime - time.Microsecond, ClaimTime + TellTime} {
						for _, says := range []int64{-1, 0, 999, 1000, 1 << 50, none} {
							id := put(t, w, likeness)
							pulls(t, w, anna, id)
							walk(t, w, id, anna, level)
							var n int64
							must(t, w, func(tx *store.Tx) (err error) { n, err = Grant(tx, id, anna, level, whole); return err })
							if served {
								must(t, w, func(tx *store.Tx) error { return Served(tx, n) })
							}
							clock.Advance(passed)
							if says != none {
								code := write(t, w, func(tx *store.Tx) error { _, _, _, err := Shown(tx, n, anna, says); return err })
								over := map[bool]string{true: "claim-lost"}[passed == ClaimTime+TellTime]
								want(t, "shown", code, map[bool]string{true: over, false: "not-served"}[served])
							}
							should := level == "colour" && whole && served && passed >= time.Second && passed < ClaimTime+TellTime && says >= 1000
							if got := viewedOf(t, w, id); got != should {
								t.Errorf("%s, whole %v, served %v, %s passed, shown %d: viewed is %v", level, whole, served, passed, says, got)
							}
							combinations++
							if should {
								yes++
							}
							must(t, w, func(tx *store.Tx) error { return Forget(tx, id) })
						}
					}
				}
			}
		}
		if combinations != 4*2*2*5*6 || yes != 4 {
			t.Errorf("%d combinations, %d viewed", combinations, yes)
		}
	})
}

// none stands for a page that never said anything.
const none = -1 << 62

// look is one reveal as the model below remembers it.
type look struct {
	id     int64
	by     houvast.Actor
	level  Level
	whole  bool
	served time.Time
	told   bool      // the page has said for how long
	closes time.Time // until when it may
	best   int64     // the time that counts
}

// reviewing is a case as the model sees it.
type reviewing struct {
	t      *testing.T
	w      store.Writer
	clock  *storetest.Clock
	id     houvast.CaseID
	holder houvast.Actor
	ends   time.Time
	looks  []look
	late   int // words that came too late
}

func (m *reviewing) now() time.Time { return m.w.DB().Clock().Now() }

func (m *reviewing) pull(r *rapid.T) {
	by := rapid.SampledFrom([]houvast.Actor{anna, bram}).Draw(r, "by")
	_, code := pull(m.t, m.w, by)
	if free := m.holder == "" || m.holder == by || !m.now().Before(m.ends); (code == "") != free {
		r.Fatalf("%s pulls: %q, and the case is free: %v", by, code, free)
	}
	if code == "" {
		m.holder, m.ends = by, m.now().Add(ClaimTime)
		for i, l := range m.looks {
			if l.by == by && m.now().Before(l.closes) {
				m.looks[i].closes = m.ends.Add(TellTime)
			}
		}
	}
}

// grant asks for a look, mostly by who holds the claim.
func (m *reviewing) grant(r *rapid.T) (granted bool) {
	by := rapid.SampledFrom([]houvast.Actor{m.holder, m.holder, anna, bram}).Draw(r, "by")
	l := look{by: by, closes: m.ends.Add(TellTime), level: rapid.SampledFrom([]Level{"colour", "grey", "colour", "blurred", "colour", "mosaic"}).Draw(r, "level"), whole: rapid.IntRange(0, 3).Draw(r, "part") > 0}
	before := map[Level]Level{"mosaic": "", "blurred": "mosaic", "grey": "blurred", "colour": "grey"}[l.level]
	stepped := before == "" || slices.ContainsFunc(m.looks, func(o look) bool { return o.by == by && o.level == before && !o.served.IsZero() })
	code := write(m.t, m.w, func(tx *store.Tx) (err error) { l.id, err = Grant(tx, m.id, by, l.level, l.whole); return err })
	if holds := by != "" && m.holder == by && m.now().Before(m.ends); (code == "") != (holds && stepped) {
		r.Fatalf("a grant of %s to %q: %q, and they hold the claim: %v, and took the step before: %v", l.level, by, code, holds, stepped)
	}
	if code == "" {
		m.looks = append(m.looks, l)
	}
	return code == ""
}

func (m *reviewing) serve(l *look) {
	must(m.t, m.w, func(tx *store.Tx) error { return Served(tx, l.id) })
	if l.served.IsZero() {
		l.served = m.now()
	}
}

func (m *reviewing) show(r *rapid.T, l *look) {
	ms := rapid.SampledFrom([]int64{999, 1000, 0, 1001, -1, 60_000}).Draw(r, "ms")
	var first bool
	code := write(m.t, m.w, func(tx *store.Tx) (err error) { _, _, first, err = Shown(tx, l.id, l.by, ms); return err })
	want := ""
	switch {
	case l.told:
	case l.served.IsZero():
		want = "not-served"
	case !m.now().Before(l.closes):
		want = "claim-lost"
		m.late++
	}
	if code != want || first != (want == "" && !l.told) {
		r.Fatalf("shown: %q, first %v, and the model wants %q of %+v", code, first, want, l)
	}
	if first {
		l.told, l.best = true, min(ms, m.now().Sub(l.served).Milliseconds())
	}
}

// finish serves the last look, and shows it for a while.
func (m *reviewing) finish(r *rapid.T) {
	l := &m.looks[len(m.looks)-1]
	m.serve(l)
	m.clock.Advance(time.Duration(rapid.SampledFrom([]int64{5000, 999, 0}).Draw(r, "looked")) * time.Millisecond)
	m.show(r, l)
}

// step does one thing and reports whether it was a grant that was refused.
func (m *reviewing) step(r *rapid.T) (refused bool) {
	var l *look
	if len(m.looks) > 0 {
		last := len(m.looks) - 1
		l = &m.looks[rapid.SampledFrom([]int{last, last, rapid.IntRange(0, last).Draw(r, "which")}).Draw(r, "last")]
	}
	switch what := rapid.SampledFrom([]string{"view", "look", "pull", "late", "grant", "serve", "show", "look", "back", "wait"}).Draw(r, "step"); {
	case what == "pull":
		m.pull(r)
	case what == "grant":
		return !m.grant(r)
	case what == "look": // in order, as a page does it
		if !m.grant(r) {
			return true
		}
		m.finish(r)
	case what == "view": // every step, the last one in any way
		for _, level := range Levels() {
			if m.holder == "" || !m.now().Before(m.ends) {
				return false
			}
			whole := level != LevelColour || rapid.IntRange(0, 3).Draw(r, "part") > 0
			var n int64
			must(m.t, m.w, func(tx *store.Tx) (err error) { n, err = Grant(tx, m.id, m.holder, level, whole); return err })
			m.looks = append(m.looks, look{id: n, by: m.holder, level: level, whole: whole, closes: m.ends.Add(TellTime)})
			if level != LevelColour {
				m.serve(&m.looks[len(m.looks)-1])
			}
		}
		if rapid.IntRange(0, 3).Draw(r, "served") > 0 {
			m.finish(r)
		}
	case what == "serve" && l != nil:
		m.serve(l)
	case what == "show" && l != nil:
		m.show(r, l)
	case what == "late" && m.holder != "" && m.now().Before(m.ends): // the word comes when the claim is over
		l := look{by: m.holder, level: LevelMosaic, closes: m.ends.Add(TellTime)}
		must(m.t, m.w, func(tx *store.Tx) (err error) { l.id, err = Grant(tx, m.id, l.by, l.level, false); return err })
		m.serve(&l)
		m.looks = append(m.looks, l)
		m.back()
		m.clock.Advance(time.Duration(rapid.SampledFrom([]int64{int64(TellTime), int64(TellTime - time.Microsecond), 0}).Draw(r, "late")))
		m.show(r, &m.looks[len(m.looks)-1])
	case what == "back" && m.holder != "" && m.now().Before(m.ends):
		m.back()
	case what == "wait":
		m.clock.Advance(time.Duration(rapid.SampledFrom([]int64{0, int64(time.Second), int64(TellTime), int64(time.Minute), int64(ClaimTime - time.Microsecond), int64(ClaimTime)}).Draw(r, "wait")))
	}
	return false
}

// back gives the claim back.
func (m *reviewing) back() {
	must(m.t, m.w, func(tx *store.Tx) error { return GiveBack(tx, m.id, m.holder) })
	m.holder = ""
	for i, l := range m.looks {
		if soon := m.now().Add(TellTime); soon.Before(l.closes) {
			m.looks[i].closes = soon
		}
	}
}

// Viewed is true exactly when one reveal was granted to who held the claim, at full colour, whole,
// served, and only then and under that claim shown for a second, by the first word of its page. The model knows this sentence and not the code.
func TestViewedAgainstModel(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		var yes, no, refused, late int
		rapid.Check(t, func(r *rapid.T) {
			m := reviewing{t: t, w: w, clock: clock, id: put(t, w, likeness)}
			defer func() { must(t, w, func(tx *store.Tx) error { return Forget(tx, m.id) }) }() // leaves the queue empty
			m.pull(r)
			for range rapid.IntRange(1, 12).Draw(r, "steps") {
				if m.step(r) {
					refused++
				}
				want := false
				for _, l := range m.looks {
					want = want || l.level == "colour" && l.whole && !l.served.IsZero() && l.best >= 1000
				}
				if got := viewedOf(t, w, m.id); got != want {
					r.Fatalf("viewed is %v, the model says %v of %+v", got, want, m.looks)
				}
				if want {
					yes++
				} else {
					no++
				}
			}
			late += m.late
		})
		if yes == 0 || no == 0 || refused == 0 || late == 0 {
			t.Errorf("viewed %d times, not viewed %d times, %d grants refused, %d words too late: the sequences show nothing", yes, no, refused, late)
		}
		t.Logf("viewed after %d steps, not after %d, %d grants refused", yes, no, refused)
	})
}
