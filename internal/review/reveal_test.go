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

// Viewed is true exactly when one reveal was granted to who held the claim, at full colour, whole,
// served, and only then shown for a second. The model knows this sentence and not the code.
func TestViewedAgainstModel(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		var yes, no, refused int
		rapid.Check(t, func(r *rapid.T) {
			id := put(t, w, likeness)
			var looks []look
			holder, ends := houvast.Actor(""), time.Time{}
			now := func() time.Time { return w.DB().Clock().Now() }
			who := rapid.SampledFrom([]houvast.Actor{anna, bram})
			which := func() *look {
				if len(looks) == 0 {
					return nil
				}
				return &looks[rapid.IntRange(0, len(looks)-1).Draw(r, "which")]
			}
			if rapid.IntRange(0, 3).Draw(r, "begin") > 0 {
				pulls(t, w, anna, id)
				holder, ends = anna, now().Add(ClaimTime)
			}
			for range rapid.IntRange(6, 30).Draw(r, "steps") {
				switch rapid.SampledFrom([]string{"pull", "grant", "grant", "serve", "serve", "show", "show", "back", "wait"}).Draw(r, "step") {
				case "pull":
					by := who.Draw(r, "by")
					_, code := pull(t, w, by)
					if free := holder == "" || holder == by || !now().Before(ends); (code == "") != free {
						r.Fatalf("%s pulls: %q, and the case is free: %v", by, code, free)
					}
					if code == "" {
						holder, ends = by, now().Add(ClaimTime)
					}
				case "grant":
					by := who.Draw(r, "by")
					l := look{level: rapid.SampledFrom([]Level{"mosaic", "blurred", "grey", "colour", "colour", "colour"}).Draw(r, "level"), whole: rapid.Bool().Draw(r, "whole")}
					code := write(t, w, func(tx *store.Tx) (err error) { l.id, err = Grant(tx, id, by, l.level, l.whole); return err })
					if holds := holder == by && now().Before(ends); (code == "") != holds {
						r.Fatalf("a grant to %s: %q, and they hold the claim: %v", by, code, holds)
					}
					if code == "" {
						looks = append(looks, l)
					} else {
						refused++
					}
				case "serve":
					if l := which(); l != nil {
						must(t, w, func(tx *store.Tx) error { return Served(tx, l.id) })
						l.served = true
					}
				case "show":
					if l := which(); l != nil {
						ms := rapid.SampledFrom([]int64{-1, 0, 1, 999, 1000, 1001, 60_000}).Draw(r, "ms")
						must(t, w, func(tx *store.Tx) error { return Shown(tx, l.id, ms) })
						if l.served {
							l.best = max(l.best, ms)
						}
					}
				case "back":
					if holder != "" && now().Before(ends) {
						must(t, w, func(tx *store.Tx) error { return GiveBack(tx, id, holder) })
						holder = ""
					}
				case "wait":
					clock.Advance(time.Duration(rapid.SampledFrom([]int64{0, int64(time.Minute), int64(ClaimTime - 1), int64(ClaimTime)}).Draw(r, "wait")))
				}
				model := false
				for _, l := range looks {
					model = model || l.level == "colour" && l.whole && l.served && l.best >= 1000
				}
				if got := viewedOf(t, w, id); got != model {
					r.Fatalf("viewed is %v, the model says %v of %+v", got, model, looks)
				}
				if model {
					yes++
				} else {
					no++
				}
			}
			must(t, w, func(tx *store.Tx) error { return Forget(tx, id) })
		})
		if yes == 0 || no == 0 || refused == 0 {
			t.Errorf("viewed %d times, not viewed %d times, %d grants refused: the sequences show nothing", yes, no, refused)
		}
		t.Logf("viewed after %d steps, not after %d, %d grants refused", yes, no, refused)
	})
}
