package pipeline_test

import (
	"fmt"
	"image"
	"slices"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/draw"
	"github.com/houvast/houvast/internal/item"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
)

// opened returns the case of an item with its facts; the zero case when there is none.
func (h *house) opened(id houvast.ItemID) (c review.Case, f houvast.Facts) {
	h.t.Helper()
	found := look(h, func(tx *store.Tx) (bool, error) {
		var err error
		c, err = review.OfItem(tx, id)
		if houvast.KindOf(err) == houvast.NotFound {
			return false, nil
		}
		return true, err
	})
	if !found {
		return review.Case{}, f
	}
	_, f, err := h.CaseFacts(h.t.Context(), c.ID)
	return c, must(h.t, f, err)
}

// about lists the actions about an item, oldest first, as "kind state".
func (h *house) about(id houvast.ItemID) (all []string) {
	h.t.Helper()
	for _, a := range look(h, func(tx *store.Tx) ([]action.Action, error) { return action.About(tx, string(id)) }) {
		all = append(all, string(a.Kind)+" "+string(a.State))
	}
	return all
}

func (h *house) state(id houvast.ItemID) houvast.ItemState {
	h.t.Helper()
	return look(h, func(tx *store.Tx) (item.Item, error) { return item.Get(tx, id) }).State
}

// A picture meets an entry of either profile in each of the eight orientations, and the match says
// which it was.
func TestMatchesEveryProfileAndOrientation(t *testing.T) {
	// Larger than 512 pixels, so that the profiles differ.
	data := draw.PNG(draw.Picture(draw.Houses, 760, 570, 5))
	p := hashed(data)
	if p.PDQ[0] == p.PDQFull[0] {
		t.Fatal("both profiles hash this picture alike, so it tells nothing about them")
	}
	rows := []string{"pdq,pdq_profile,source_id"}
	for i, o := range houvast.Orientations() {
		rows = append(rows, fmt.Sprintf("%s,full,full %s", p.PDQFull[i], o), fmt.Sprintf("%s,near512,near512 %s", p.PDQ[i], o))
	}
	each(t, func(t *testing.T, h *house) {
		h.bank("list", houvast.ChildAbuse, houvast.Verified, rows...)
		id := h.bring(data, facts())
		other := h.bring(picture(9), facts()) // the control: another picture meets none of them
		h.quiet()
		_, f := h.opened(id)
		var got, want []string
		for _, m := range f.Matches {
			got = append(got, fmt.Sprintf("%s %s = %s at %d by %s", m.Profile, m.Orientation, m.SourceID, m.Distance, m.Kind))
		}
		for _, profile := range []houvast.Profile{houvast.Full, houvast.Near512} {
			for _, o := range houvast.Orientations() {
				want = append(want, fmt.Sprintf("%s %s = %s %s at 0 by pdq", profile, o, profile, o))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		equal(t, "matches", got, want)
		if c, _ := h.opened(other); c.ID != 0 {
			t.Errorf("another picture opened a case: %+v", c)
		}
	})
}

// What a user does to a picture before uploading it again does not hide it.
func TestMatchesTurnedPictures(t *testing.T) {
	// PDQ thins a small picture on a grid that a turn shifts: below some 300 pixels a side the eight
	// hashes of one picture lie further apart than the threshold, by construction of the hash.
	original := draw.Picture(draw.Houses, 480, 360, 5)
	turned := map[houvast.Orientation]*image.RGBA{}
	for quarters := range 4 {
		for _, mirrored := range []bool{false, true} {
			img := draw.Rotate(original, quarters)
			if mirrored {
				img = draw.Mirror(img)
			}
			// Which way back leads to the entry, found with the hashes alone: the child says it all.
			p, best, at := hashed(draw.PNG(img)), 256, houvast.Orientation("")
			for i, o := range houvast.Orientations() {
				if d := p.PDQFull[i].Distance(hashed(draw.PNG(original)).PDQFull[0]); d < best {
					best, at = d, o
				}
			}
			turned[at] = img
		}
	}
	if len(turned) != 8 {
		t.Fatalf("eight turned pictures lead back by %d ways", len(turned))
	}
	each(t, func(t *testing.T, h *house) {
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "pdq,pdq_profile", hashed(draw.PNG(original)).PDQFull[0].String()+",full")
		ids := map[houvast.Orientation]houvast.ItemID{}
		for o, img := range turned {
			ids[o] = h.bring(draw.JPEG(img, 85), facts())
		}
		h.quiet()
		for o, id := range ids {
			c, f := h.opened(id)
			if c.ID == 0 {
				t.Errorf("the picture turned so that %s leads back opened no case", o)
				continue
			}
			if m := f.Matches[0]; m.Orientation != o || m.Distance > bank.DefaultThreshold || c.Reason != houvast.KindPDQ {
				t.Errorf("the picture turned so that %s leads back: %+v", o, m)
			}
			equal(t, "actions after a likeness", h.about(id), []string(nil))
		}
	})
}

// The table of what a match may do by itself: only the same bytes on a verified list withhold, and
// whatever is weaker waits for a person.
func TestOnlyProofActs(t *testing.T) {
	sha256 := func(a []byte) string { return "sha256\n" + rowSHA256(a) }
	pdq := func(a []byte) string { return "pdq\n" + hashed(a).PDQ[0].String() }
	md5 := func(a []byte) string { return "md5\n" + rowMD5(a) }
	sha1 := func(a []byte) string { return "sha1\n" + rowSHA1(a) }
	withheld := []string{"withhold done"}
	each(t, func(t *testing.T, h *house) {
		for i, c := range []struct {
			name     string
			category houvast.Category
			trust    houvast.Trust
			rows     func([]byte) string
			off      bool // the operator does not withhold
			opens    bool
			actions  []string
		}{
			{"sha256, verified", houvast.ChildAbuse, houvast.Verified, sha256, false, true, withheld},
			{"sha256, exploitation", houvast.Exploitation, houvast.Verified, sha256, false, true, withheld},
			{"sha256, withholding switched off", houvast.ChildAbuse, houvast.Verified, sha256, true, true, nil},
			{"sha256, unverified", houvast.ChildAbuse, houvast.Unverified, sha256, false, true, nil},
			{"sha256, self-submitted", houvast.SelfSubmitted, houvast.Unverified, sha256, false, true, nil},
			{"perceptual, verified", houvast.ChildAbuse, houvast.Verified, pdq, false, true, nil},
			{"md5, verified", houvast.ChildAbuse, houvast.Verified, md5, false, true, nil},
			{"sha1, verified", houvast.ChildAbuse, houvast.Verified, sha1, false, true, nil},
			{"sha256, negative", houvast.Negative, houvast.Verified, sha256, false, false, nil},
		} {
			a := picture(uint64(100 + i))
			h.Settings.Withhold = !c.off
			h.bank(fmt.Sprint("list", i), c.category, c.trust, c.rows(a))
			id := h.bring(a, facts())
			h.quiet()
			h.sweep()
			found, _ := h.opened(id)
			if (found.ID != 0) != c.opens {
				t.Errorf("%s: a case was opened: %v", c.name, found.ID != 0)
			}
			equal(t, c.name+", actions", h.about(id), c.actions)
			equal(t, c.name+", webhooks", len(h.forum.orders(id)), len(c.actions))
			equal(t, c.name+", item as the platform is told", h.state(id), houvast.ItemLookedAt)
		}
		equal(t, "reports", h.number("SELECT COUNT(*) FROM report"), 0)
	})
}

// No negative bank outranks a verified list.
func TestNegativeOutranksNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a := picture(3)
		h.bank("fine", houvast.Negative, houvast.Verified, "sha256", rowSHA256(a))
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "pdq", hashed(a).PDQ[0].String())
		id := h.bring(a, facts())
		h.quiet()
		c, f := h.opened(id)
		if c.Bank != "list" || len(f.Matches) != 2 || f.Matches[1].Category != houvast.Negative {
			t.Errorf("the case is %+v with %+v", c, f.Matches)
		}
		equal(t, "actions", h.about(id), []string(nil)) // the proof is the negative list's
	})
}

// A withhold is delivered once, signed, says when it ends, and ends then when nobody decided.
func TestWithholdEnds(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a, b := picture(3), picture(4)
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(a), rowSHA256(b))
		undecided := h.bring(a, facts())
		h.quiet()
		h.sweep()
		until := monday.Add(withholdFor)
		first := fmt.Sprintf(`withhold {"expires_at":"%s"}`, until.Format(time.RFC3339))
		equal(t, "webhooks", h.forum.orders(undecided), []string{first})
		c, _ := h.opened(undecided)
		equal(t, "withheld until", c.Withheld, until)

		decided := h.bring(b, facts())
		h.quiet()
		h.decide("alice", decided, review.Verdict{Decision: houvast.DecideAbuse, Role: houvast.RoleUploader})
		h.advance(withholdFor - time.Microsecond)
		equal(t, "a moment before its end", h.forum.orders(undecided), []string{first})
		h.advance(time.Microsecond)
		h.sweep()
		equal(t, "nobody decided", h.forum.orders(undecided), []string{first, `release {"reason":"the withhold ran out before a decision"}`})
		equal(t, "somebody decided", h.forum.orders(decided), []string{first, `withhold {"decision":"kept withheld"}`})
		c, _ = h.opened(undecided)
		if c.State != review.Open || !c.Withheld.IsZero() {
			t.Errorf("after the end of the withhold the case is %+v", c)
		}
		equal(t, "forged webhooks", h.forum.fake, 0)
	})
}

// While the platform cannot be reached, orders about one item wait in their order: a release that
// overtook the withhold of a decision would show what was decided to be abuse.
func TestOrdersKeepTheirOrder(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a := picture(3)
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(a))
		id := h.bring(a, facts())
		h.quiet()
		h.forum.status.Store(503)
		h.advance(withholdFor) // proposes the release, which does not arrive
		h.decide("alice", id, review.Verdict{Decision: houvast.DecideAbuse, Role: houvast.RoleUploader})
		h.quiet()
		equal(t, "actions", h.about(id), []string{"withhold done", "release sending", "withhold approved", "remove proposed"})
		h.forum.status.Store(0)
		h.advance(time.Hour)
		h.sweep()
		var kinds []string
		for _, o := range h.forum.orders(id) {
			kinds = append(kinds, o[:7])
		}
		equal(t, "orders", kinds, []string{"withhol", "release", "withhol"})
	})
}

// An entry that comes later meets the next item, at once and by whatever way it came.
func TestNewEntriesMatchTheNextItem(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a := picture(3)
		h.bank("list", houvast.ChildAbuse, houvast.Verified)
		before := h.bring(a, facts())
		h.quiet()
		h.add("list", "sha256", rowSHA256(a))
		after := h.bring(a, facts())
		h.quiet()
		if _, err := h.DisableBank(t.Context(), ask("carol", "banks.disable"), "list", true); err != nil {
			t.Fatal(err)
		}
		disabled := h.bring(a, facts())
		h.quiet()
		var got []bool
		for _, id := range []houvast.ItemID{before, after, disabled} {
			c, _ := h.opened(id)
			got = append(got, c.ID != 0)
		}
		equal(t, "cases before, after, and while the bank is disabled", got, []bool{false, true, false})
	})
}

// decide claims cases until it has that of the item, and decides it.
func (h *house) decide(who string, id houvast.ItemID, v review.Verdict) pipeline.Outcome {
	h.t.Helper()
	h.claim(who, id)
	c, _ := h.opened(id)
	out, err := h.Decide(h.t.Context(), ask(who, "cases.decide"), c.ID, v)
	return must(h.t, out, err)
}

// claim has who claim the case of an item. Cases are pulled and never picked, so decoys pull those
// before it and give them back.
func (h *house) claim(who string, id houvast.ItemID) {
	h.t.Helper()
	pull := func(by string) review.Case {
		c, _, err := h.NextCase(h.t.Context(), ask(by, "review.next"))
		return must(h.t, c, err)
	}
	giveBack := func(by string, c review.Case) {
		if err := h.GiveBack(h.t.Context(), ask(by, "cases.release"), c.ID); err != nil {
			h.t.Fatal(err)
		}
	}
	for n := 0; ; n++ {
		c := pull(who)
		if c.Item == id {
			return
		}
		giveBack(who, c)
		decoy := fmt.Sprintf("decoy%d", n)
		defer giveBack(decoy, pull(decoy))
	}
}
