package bank_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

const hour = time.Hour

var start = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// A listed is one entry as the test knows it, in the order of import. SourceID is its name.
type listed struct {
	in bank.Bank
	bank.Entry
}

// shelves is everything that was imported, to answer by brute force.
type shelves struct {
	w   store.Writer
	all []listed
}

func (s *shelves) add(t testing.TB, b bank.Bank, entries ...bank.Entry) {
	t.Helper()
	if n := add(t, s.w, b.ID, entries...); n != len(entries) {
		t.Fatalf("%d of %d added", n, len(entries))
	}
	for _, e := range entries {
		s.all = append(s.all, listed{b, e})
	}
}

// meet says by brute force whether an entry is met, by which kind of hash and how far away.
func (l listed) meet(p bank.Probes) (kind houvast.HashKind, far int, ok bool) {
	if slices.Equal(l.SHA256, p.Digests.SHA256[:]) {
		return houvast.KindSHA256, 0, true
	}
	if far = l.nearest(p.Perceptual); far <= l.in.Threshold {
		return houvast.KindPDQ, far, true
	}
	if slices.Equal(l.SHA1, p.Digests.SHA1[:]) {
		return houvast.KindSHA1, 0, true
	}
	return houvast.KindMD5, 0, slices.Equal(l.MD5, p.Digests.MD5[:])
}

// nearest is the distance to the nearest of our hashes that may be compared with the entry, 999 when
// there is none.
func (l listed) nearest(p *houvast.Perceptual) (far int) {
	far = 999
	if p == nil || l.PDQ == nil {
		return far
	}
	for i := range 8 {
		if p.PDQFullQuality >= 50 && l.Profile != houvast.Near512 {
			far = min(far, distance(*l.PDQ, p.PDQFull[i]))
		}
		if p.PDQQuality >= 50 && l.Profile != houvast.Full {
			far = min(far, distance(*l.PDQ, p.PDQ[i]))
		}
	}
	return far
}

// A want is a match as brute force finds it.
type want struct {
	name string
	kind houvast.HashKind
	far  int
}

// brute answers a look-up from the definition: not negative before negative, verified before
// unverified, SHA-256 before PDQ before SHA-1 before MD5, near before far, old before new; 50 at most.
func (s *shelves) brute(p bank.Probes) (found []want) {
	type met struct {
		listed
		want
	}
	var all []met
	for _, l := range s.all {
		if kind, far, ok := l.meet(p); ok && !l.in.Disabled {
			all = append(all, met{l, want{l.SourceID, kind, far}})
		}
	}
	for _, negative := range []bool{false, true} {
		for _, trust := range []houvast.Trust{houvast.Verified, houvast.Unverified} {
			for _, kind := range []houvast.HashKind{houvast.KindSHA256, houvast.KindPDQ, houvast.KindSHA1, houvast.KindMD5} {
				for far := range 81 {
					for _, m := range all {
						if (m.in.Category == houvast.Negative) == negative && m.in.Trust == trust && m.kind == kind && m.far == far {
							found = append(found, m.want)
						}
					}
				}
			}
		}
	}
	return found[:min(len(found), 50)]
}

// compare judges a look-up by brute force, and each match by the hash that it claims to have met.
func (s *shelves) compare(t *testing.T, what string, x *bank.Index, p bank.Probes) []houvast.Match {
	t.Helper()
	found := lookup(t, s.w, x, p)
	got := []want{}
	for _, m := range found {
		got = append(got, want{m.SourceID, m.Kind, m.Distance})
		s.check(t, m, p)
	}
	if b := s.brute(p); !slices.Equal(got, b) {
		t.Errorf("%s: the index and brute force differ\n got %v\nwant %v", what, got, b)
	}
	return found
}

func (s *shelves) check(t *testing.T, m houvast.Match, p bank.Probes) {
	t.Helper()
	at := slices.IndexFunc(s.all, func(l listed) bool { return l.SourceID == m.SourceID })
	if at < 0 {
		t.Errorf("a match that was never imported: %+v", m)
		return
	}
	l := s.all[at]
	if m.Entry == 0 || m.Bank != l.in.ID || m.BankName != l.in.Name || m.Category != l.in.Category || m.Trust != l.in.Trust ||
		m.EntryTag != l.Tag || m.Member != l.Member || m.Note != l.Note {
		t.Errorf("match %+v is not that of %+v", m, l)
	}
	if m.Kind != houvast.KindPDQ {
		if m.Profile != "" || m.Orientation != "" || m.Distance != 0 {
			t.Errorf("a %s match says %+v", m.Kind, m)
		}
		return
	}
	turned := slices.Index([]houvast.Orientation{"original", "rotate90", "rotate180", "rotate270", "flip_x", "flip_y", "flip_plus1", "flip_minus1"}, m.Orientation)
	ours := map[houvast.Profile][8]houvast.PDQ{houvast.Full: p.Perceptual.PDQFull, houvast.Near512: p.Perceptual.PDQ}[m.Profile]
	if turned < 0 || distance(ours[turned], *l.PDQ) != m.Distance || l.Profile != houvast.Unknown && l.Profile != m.Profile {
		t.Errorf("the match is not by the hash it names: %+v", m)
	}
}

// An item of random hashes, all different, of good quality.
func anyItem(n uint64) bank.Probes {
	r := seeded(n)
	return bank.Probes{
		Digests: houvast.Digests{MD5: [16]byte(randomBytes(r, 16)), SHA1: [20]byte(randomBytes(r, 20)), SHA256: [32]byte(randomBytes(r, 32))},
		Perceptual: &houvast.Perceptual{Status: houvast.Hashed, PDQ: octet(r), PDQQuality: 100,
			PDQFull: octet(r), PDQFullQuality: 100},
	}
}

var profiles = []houvast.Profile{houvast.Full, houvast.Near512, houvast.Unknown}

// Over 20,000 random entries and planted ones at every distance from 0 to 40, in each profile around
// each profile of an item, the index says what brute force says: 31 is found, 32 is not, a full entry
// is met by a full hash only, and an entry of unknown profile by both.
func TestLookupEqualsBruteForce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		r := seeded(100)
		s := &shelves{w: w}
		b := create(t, w, bank.Bank{Name: "list"})
		var entries []bank.Entry
		for i := range 20_000 {
			entries = append(entries, pdqEntry(random(r), profiles[i%3], fmt.Sprint("random ", i)))
		}
		// One item for each pair of profiles, as more than 50 matches would be cut.
		type pair struct{ entry, item houvast.Profile }
		items := map[pair]bank.Probes{}
		for i, of := range profiles {
			for j, around := range profiles[:2] {
				it := anyItem(uint64(200 + 10*i + j))
				items[pair{of, around}] = it
				ours := map[houvast.Profile][8]houvast.PDQ{houvast.Full: it.Perceptual.PDQFull, houvast.Near512: it.Perceptual.PDQ}[around]
				for n := range 41 {
					entries = append(entries, pdqEntry(flip(r, ours[n%8], n), of, fmt.Sprint("planted ", of, around, n)))
				}
			}
		}
		r.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		s.add(t, b, entries...)
		var x bank.Index
		for p, it := range items {
			found := s.compare(t, fmt.Sprint(p), &x, it)
			planted := 0
			for _, m := range found {
				var n int
				if _, err := fmt.Sscanf(m.SourceID, "planted "+string(p.entry)+string(p.item)+"%d", &n); err == nil {
					planted++
					if n != m.Distance || m.Profile != p.item || m.Orientation != houvast.Orientations()[n%8] {
						t.Errorf("%v planted at %d, found as %+v", p, n, m)
					}
				}
			}
			if strict := p.entry != houvast.Unknown && p.entry != p.item; planted != map[bool]int{true: 0, false: 32}[strict] {
				t.Errorf("%v: %d of the planted entries were found", p, planted)
			}
		}
		if x.Len() != len(entries) {
			t.Errorf("%d entries in memory, want %d", x.Len(), len(entries))
		}
		s.compare(t, "an item of which nothing is listed", &x, anyItem(999))
	})
}

// The two hashes of a picture are often alike: an entry of unknown profile is met by both, and is one
// match, by the nearer.
func TestUnknownIsMetByTheNearer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		r := seeded(290)
		s := &shelves{w: w}
		b := create(t, w, bank.Bank{Name: "list"})
		it := anyItem(291)
		it.Perceptual.PDQ[2] = flip(r, it.Perceptual.PDQFull[4], 12)
		s.add(t, b, pdqEntry(it.Perceptual.PDQ[2], houvast.Unknown, "near512"), pdqEntry(it.Perceptual.PDQFull[4], houvast.Unknown, "full"))
		var x bank.Index
		found := s.compare(t, "alike", &x, it)
		for _, m := range found {
			if m.Distance != 0 || string(m.Profile) != m.SourceID {
				t.Errorf("%+v", m)
			}
		}
		if len(found) != 2 {
			t.Errorf("found %v", names(found))
		}
	})
}

// A PDQ hash of poor quality stands for nothing: it does not enter a look-up.
func TestPoorQualityNeverLooks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		s := &shelves{w: w}
		b := create(t, w, bank.Bank{Name: "list"})
		it := anyItem(300)
		full, near := it.Perceptual.PDQFull[3], it.Perceptual.PDQ[5]
		s.add(t, b, pdqEntry(full, houvast.Full, "full"), pdqEntry(near, houvast.Near512, "near512"),
			pdqEntry(flip(seeded(301), full, 1), houvast.Unknown, "unknown, like full"), pdqEntry(flip(seeded(302), near, 2), houvast.Unknown, "unknown, like near512"))
		var x bank.Index
		for _, c := range []struct{ full, near, found int }{{100, 100, 4}, {50, 50, 4}, {49, 50, 2}, {50, 49, 2}, {49, 49, 0}, {0, 0, 0}, {0, 100, 2}} {
			it.Perceptual.PDQFullQuality, it.Perceptual.PDQQuality = c.full, c.near
			if found := s.compare(t, fmt.Sprint(c), &x, it); len(found) != c.found {
				t.Errorf("quality full %d, near512 %d: found %v", c.full, c.near, names(found))
			}
		}
	})
}

func TestThresholdIsThatOfTheBank(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		r := seeded(310)
		s := &shelves{w: w}
		it := anyItem(311)
		var banks []bank.Bank
		for _, limit := range []int{1, 10, 31, 80} {
			banks = append(banks, create(t, w, bank.Bank{Name: fmt.Sprint("at-", limit), Threshold: limit}))
		}
		var exact bank.Bank
		update(t, w, func(tx *store.Tx) (err error) {
			exact, err = bank.Create(tx, bank.Bank{Name: "exact", Category: houvast.ChildAbuse, Trust: houvast.Verified})
			return err
		})
		for _, b := range append(banks, exact) {
			for _, far := range []int{0, 1, 2, 10, 11, 31, 32, 80, 81} {
				s.add(t, b, pdqEntry(flip(r, it.Perceptual.PDQ[0], far), houvast.Near512, fmt.Sprint(b.Name, " ", far)))
			}
		}
		var x bank.Index
		if found := s.compare(t, "five banks", &x, it); len(found) != 1+2+4+6+8 {
			t.Errorf("found %v", names(found))
		}
	})
}

// An entry is one match, by the hash that proves most; best matches come first.
func TestKindAndOrder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		r := seeded(320)
		s := &shelves{w: w}
		it := anyItem(321)
		d, h := it.Digests, it.Perceptual.PDQFull[6]
		kinds := []struct {
			kind houvast.HashKind
			bank.Entry
		}{
			{houvast.KindSHA256, bank.Entry{SHA256: d.SHA256[:], SHA1: d.SHA1[:], MD5: d.MD5[:], PDQ: &h}},
			{houvast.KindSHA256, bank.Entry{SHA256: d.SHA256[:], MD5: d.MD5[:]}},
			{houvast.KindPDQ, bank.Entry{SHA1: d.SHA1[:], MD5: d.MD5[:], PDQ: &h}},
			{houvast.KindPDQ, bank.Entry{SHA256: randomBytes(r, 32), PDQ: &h}},
			{houvast.KindSHA1, bank.Entry{SHA1: d.SHA1[:], MD5: d.MD5[:], SHA256: randomBytes(r, 32)}},
			{houvast.KindMD5, bank.Entry{MD5: d.MD5[:], SHA1: randomBytes(r, 20)}},
		}
		r.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		banks := []bank.Bank{
			create(t, w, bank.Bank{Name: "negative-unverified", Category: houvast.Negative, Trust: houvast.Unverified}),
			create(t, w, bank.Bank{Name: "unverified", Category: houvast.SelfSubmitted, Trust: houvast.Unverified}),
			create(t, w, bank.Bank{Name: "negative", Category: houvast.Negative}),
			create(t, w, bank.Bank{Name: "verified"}),
			create(t, w, bank.Bank{Name: "verified-too", Category: houvast.NCIIAdult}),
		}
		kindOf := map[string]houvast.HashKind{}
		for _, b := range banks {
			for i, k := range kinds {
				e := k.Entry
				e.Profile, e.SourceID = houvast.Full, fmt.Sprint(b.Name, " ", i)
				e.Tag, e.Member, e.Note = houvast.Exploitation, "member "+e.SourceID, "note "+e.SourceID
				kindOf[e.SourceID] = k.kind
				s.add(t, b, e)
			}
		}
		var x bank.Index
		found := s.compare(t, "with a picture", &x, it)
		if len(found) != 30 {
			t.Errorf("%d matches", len(found))
		}
		for i, m := range found {
			if m.Kind != kindOf[m.SourceID] {
				t.Errorf("%s was met by %s, want %s", m.SourceID, m.Kind, kindOf[m.SourceID])
			}
			side := []string{"verified", "unverified", "negative", "negative-unverified"}[[]int{0, 0, 1, 2, 3}[i/6]]
			if m.BankName != side && m.BankName != side+"-too" {
				t.Errorf("match %d is of %s, want %s", i, m.BankName, side)
			}
		}
		it.Perceptual = nil // could not be decoded: digests alone, and 5 entries are met by SHA-1 instead
		for _, m := range s.compare(t, "without a picture", &x, it) {
			if m.Kind == houvast.KindPDQ {
				t.Errorf("a PDQ match of what has none: %+v", m)
			}
		}
	})
}

// A case holds the best fifty; what is left out is what weighs least.
func TestMatchesAreBounded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		r := seeded(330)
		s := &shelves{w: w}
		it := anyItem(331)
		loose := create(t, w, bank.Bank{Name: "loose", Trust: houvast.Unverified})
		strict := create(t, w, bank.Bank{Name: "strict"})
		var entries []bank.Entry
		for i := range 60 {
			entries = append(entries, pdqEntry(flip(r, it.Perceptual.PDQ[i%8], 1+i/2), houvast.Near512, fmt.Sprint("loose ", i)))
		}
		s.add(t, loose, entries...)
		s.add(t, strict, pdqEntry(flip(r, it.Perceptual.PDQ[0], 31), houvast.Near512, "strict"))
		var x bank.Index
		if found := s.compare(t, "61 matches", &x, it); len(found) != 50 || found[0].SourceID != "strict" {
			t.Errorf("%d matches: %v", len(found), names(found))
		}
	})
}

func TestDisabledBanksDoNotMatch(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		s := &shelves{w: w}
		it := anyItem(340)
		a, b := create(t, w, bank.Bank{Name: "a"}), create(t, w, bank.Bank{Name: "b"})
		s.add(t, a, bank.Entry{SHA256: it.Digests.SHA256[:], SourceID: "a"})
		s.add(t, b, pdqEntry(it.Perceptual.PDQ[0], houvast.Unknown, "b"))
		var x bank.Index
		for _, c := range []struct {
			name string
			off  bool
			left int
		}{{"a", false, 2}, {"a", true, 1}, {"b", true, 0}, {"a", false, 1}, {"b", false, 2}} {
			var got bank.Bank
			update(t, w, func(tx *store.Tx) (err error) {
				got, err = bank.SetDisabled(tx, c.name, c.off)
				return err
			})
			if got.Disabled != c.off || got.Entries != 1 {
				t.Errorf("%+v", got)
			}
			for i := range s.all {
				if s.all[i].in.Name == c.name {
					s.all[i].in.Disabled = c.off
				}
			}
			if found := s.compare(t, fmt.Sprint(c), &x, it); len(found) != c.left {
				t.Errorf("%+v: %v", c, names(found))
			}
			var fresh bank.Index
			s.compare(t, fmt.Sprint("a fresh index, ", c), &fresh, it)
		}
	})
}
