package review

import (
	"reflect"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

// putFor opens a case of an account whose best match is an entry.
func putFor(t *testing.T, w store.Writer, subject houvast.SubjectID, entry houvast.EntryID) (id houvast.CaseID) {
	t.Helper()
	m := likeness
	m.Entry = entry
	must(t, w, func(tx *store.Tx) error {
		id = houvast.CaseID(tx.NewID())
		return OpenCase(tx, Case{ID: id, Item: houvast.ItemID("item of " + id.String()), Subject: subject, Key: "k", Facts: []byte{1}}, m)
	})
	return id
}

func tallies(t *testing.T, w store.Writer, id houvast.CaseID) (cluster, account Tally) {
	t.Helper()
	c := get(t, w, id)
	err := w.DB().View(t.Context(), func(tx *store.Tx) (err error) {
		if cluster, err = Cluster(tx, c); err == nil {
			account, err = OfSubject(tx, c)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return cluster, account
}

// A case is counted with others of its entry and of its account; what only one person has said counts
// as undecided, and the case itself is not counted.
func TestTallies(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		const mine, other, met, unmet = houvast.SubjectID(5), houvast.SubjectID(6), houvast.EntryID(70), houvast.EntryID(71)
		decided := func(s houvast.SubjectID, e houvast.EntryID, d houvast.Decision) houvast.CaseID {
			id := putFor(t, w, s, e)
			pulls(t, w, anna, id)
			want(t, string(d), decides(t, w, id, anna, Verdict{Decision: d, Role: "uploader", Words: "w"}), "")
			return id
		}
		decided(mine, met, "abuse")
		decided(mine, met, "abuse")
		decided(other, met, "not_abuse")
		decided(other, met, "drawn") // waits for a second person
		decided(mine, unmet, "family_medical_art")
		ended := putFor(t, w, other, met)
		must(t, w, func(tx *store.Tx) error { return Forget(tx, ended) })
		endedSecond := decided(mine, met, "own") // forgotten before anybody agreed
		must(t, w, func(tx *store.Tx) error { return Forget(tx, endedSecond) })
		this := putFor(t, w, mine, met)
		putFor(t, w, mine, unmet)
		old := putFor(t, w, other, 0)
		putFor(t, w, 7, 0)

		cluster, account := tallies(t, w, this)
		if want := (Tally{Cases: 6, Undecided: 1, Ended: 2, Decided: map[houvast.Decision]int{"abuse": 2, "not_abuse": 1}}); !reflect.DeepEqual(cluster, want) {
			t.Errorf("of the entry %+v, want %+v", cluster, want)
		}
		if want := (Tally{Cases: 5, Undecided: 1, Ended: 1, Decided: map[houvast.Decision]int{"abuse": 2, "family_medical_art": 1}}); !reflect.DeepEqual(account, want) {
			t.Errorf("of the account %+v, want %+v", account, want)
		}
		if cluster, _ := tallies(t, w, old); cluster.Cases != 0 {
			t.Errorf("cases that met no known entry are a cluster: %+v", cluster)
		}
	})
}

// The second person sees what they may confirm, in the order of the queue, page by page.
func TestSeconds(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		low := houvast.Match{Category: houvast.NCIIAdult, Trust: houvast.Unverified, Kind: houvast.KindPDQ}
		decided := func(m houvast.Match, by houvast.Actor, d houvast.Decision) houvast.CaseID {
			id := put(t, w, m)
			pulls(t, w, by, id)
			want(t, string(d), decides(t, w, id, by, Verdict{Decision: d}), "")
			return id
		}
		a := decided(low, anna, "own")
		clock.Advance(time.Second)
		b := decided(likeness, anna, "drawn")
		c := decided(likeness, bram, "age_in_doubt") // of the same moment
		clock.Advance(time.Second)
		d := decided(likeness, anna, "cannot_tell")
		decided(likeness, anna, "not_abuse") // needs nobody
		put(t, w, likeness)
		pages := func(by houvast.Actor, self bool, limit int) (ids []houvast.CaseID) {
			for range 9 {
				var page []Case
				err := w.DB().View(t.Context(), func(tx *store.Tx) (err error) {
					var after houvast.CaseID
					if len(ids) > 0 {
						after = ids[len(ids)-1]
					}
					page, err = Seconds(tx, by, self, after, limit)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range page {
					ids = append(ids, c.ID)
				}
				if len(page) < limit {
					return ids
				}
			}
			t.Fatal("the pages have no end")
			return nil
		}
		for _, x := range []struct {
			by   houvast.Actor
			self bool
			want []houvast.CaseID
		}{
			{cato, false, []houvast.CaseID{b, c, d, a}},
			{anna, false, []houvast.CaseID{c}},
			{bram, false, []houvast.CaseID{b, d, a}},
			{anna, true, []houvast.CaseID{b, c, d, a}},
		} {
			for limit := 1; limit < 5; limit++ {
				if got := pages(x.by, x.self, limit); !reflect.DeepEqual(got, x.want) {
					t.Errorf("%s, alone %v, by %d: %v, want %v", x.by, x.self, limit, got, x.want)
				}
			}
		}
		err := w.DB().View(t.Context(), func(tx *store.Tx) error {
			if _, err := Seconds(tx, anna, false, 1, 9); houvast.KindOf(err) != houvast.NotFound {
				t.Errorf("after an unknown case: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// The two rules about matches that others carry out.
func TestProvenAndTagged(t *testing.T) {
	full := houvast.Match{Kind: houvast.KindSHA256, Trust: houvast.Verified, Category: houvast.ChildAbuse}
	for name, change := range map[string]func(*houvast.Match){
		"a likeness":         func(m *houvast.Match) { m.Kind = houvast.KindPDQ },
		"an MD5":             func(m *houvast.Match) { m.Kind = houvast.KindMD5 },
		"an unverified list": func(m *houvast.Match) { m.Trust = houvast.Unverified },
		"a negative bank":    func(m *houvast.Match) { m.Category = houvast.Negative },
	} {
		weak := full
		change(&weak)
		if Proven([]houvast.Match{weak}) || !Proven([]houvast.Match{weak, full}) {
			t.Errorf("%s proves by itself, or hides what does", name)
		}
	}
	if Proven(nil) {
		t.Error("nothing proves")
	}
	if Tagged(houvast.Facts{Matches: []houvast.Match{full}}) || !Tagged(houvast.Facts{Matches: []houvast.Match{full, {EntryTag: houvast.ChildAbuse}}}) {
		t.Error("tagged")
	}
}
