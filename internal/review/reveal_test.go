package review

import (
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
		n, code := grant(anna)
		want(t, "looking", code, "")
		again, code := grant(anna)
		if code != "" || again == n {
			t.Errorf("a second look is %d (%q), the first %d", again, code, n)
		}
		shown := func(ms int64) { must(t, w, func(tx *store.Tx) error { return Shown(tx, n, ms) }) }
		shown(60_000)
		if viewedOf(t, w, id) {
			t.Error("shown, but never served")
		}
		must(t, w, func(tx *store.Tx) error { return Served(tx, n) })
		if viewedOf(t, w, id) {
			t.Error("what was shown before it was served counts")
		}
		shown(999)
		shown(-5)
		if viewedOf(t, w, id) {
			t.Error("999 ms count")
		}
		shown(1000)
		shown(3) // a late, smaller figure takes nothing back
		if !viewedOf(t, w, id) {
			t.Error("1000 ms do not count")
		}
		if viewedOf(t, w, put(t, w, likeness)) {
			t.Error("another case counts as viewed")
		}
		clock.Advance(ClaimTime)
		_, code = grant(anna)
		want(t, "looking with a claim that ran out", code, "claim-lost")
	})
}

// look is one reveal as the model below remembers it.
type look struct {
	id     int64
	level  Level
	whole  bool
	served bool
	best   int64 // longest time reported after serving
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
	}
}

// grant asks for a look, mostly by who holds the claim.
func (m *reviewing) grant(r *rapid.T) (granted bool) {
	by := rapid.SampledFrom([]houvast.Actor{m.holder, m.holder, anna, bram}).Draw(r, "by")
	l := look{level: rapid.SampledFrom([]Level{"colour", "grey", "colour", "blurred", "colour", "mosaic"}).Draw(r, "level"), whole: rapid.IntRange(0, 3).Draw(r, "part") > 0}
	code := write(m.t, m.w, func(tx *store.Tx) (err error) { l.id, err = Grant(tx, m.id, by, l.level, l.whole); return err })
	if holds := by != "" && m.holder == by && m.now().Before(m.ends); (code == "") != holds {
		r.Fatalf("a grant to %q: %q, and they hold the claim: %v", by, code, holds)
	}
	if code == "" {
		m.looks = append(m.looks, l)
	}
	return code == ""
}

func (m *reviewing) serve(l *look) {
	must(m.t, m.w, func(tx *store.Tx) error { return Served(tx, l.id) })
	l.served = true
}

func (m *reviewing) show(r *rapid.T, l *look) {
	ms := rapid.SampledFrom([]int64{999, 1000, 0, 1001, -1, 60_000}).Draw(r, "ms")
	must(m.t, m.w, func(tx *store.Tx) error { return Shown(tx, l.id, ms) })
	if l.served {
		l.best = max(l.best, ms)
	}
}

// step does one thing and reports whether it was a grant that was refused.
func (m *reviewing) step(r *rapid.T) (refused bool) {
	var l *look
	if len(m.looks) > 0 {
		l = &m.looks[rapid.IntRange(0, len(m.looks)-1).Draw(r, "which")]
	}
	switch what := rapid.SampledFrom([]string{"look", "pull", "grant", "serve", "show", "look", "back", "wait"}).Draw(r, "step"); {
	case what == "pull":
		m.pull(r)
	case what == "grant":
		return !m.grant(r)
	case what == "look": // in order, as a page does it
		if !m.grant(r) {
			return true
		}
		m.serve(&m.looks[len(m.looks)-1])
		m.show(r, &m.looks[len(m.looks)-1])
	case what == "serve" && l != nil:
		m.serve(l)
	case what == "show" && l != nil:
		m.show(r, l)
	case what == "back" && m.holder != "" && m.now().Before(m.ends):
		must(m.t, m.w, func(tx *store.Tx) error { return GiveBack(tx, m.id, m.holder) })
		m.holder = ""
	case what == "wait":
		m.clock.Advance(time.Duration(rapid.SampledFrom([]int64{0, int64(time.Minute), int64(ClaimTime - time.Microsecond), int64(ClaimTime)}).Draw(r, "wait")))
	}
	return false
}

// Viewed is true exactly when one reveal was granted to who held the claim, at full colour, whole,
// served, and only then shown for a second. The model knows this sentence and not the code.
func TestViewedAgainstModel(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		var yes, no, refused int
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
					want = want || l.level == "colour" && l.whole && l.served && l.best >= 1000
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
		})
		if yes == 0 || no == 0 || refused == 0 {
			t.Errorf("viewed %d times, not viewed %d times, %d grants refused: the sequences show nothing", yes, no, refused)
		}
		t.Logf("viewed after %d steps, not after %d, %d grants refused", yes, no, refused)
	})
}
