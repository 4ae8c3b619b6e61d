package keeping_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/console/keeping"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/words"
)

// handIn hands in a file and waits until it was looked at, or could not be.
func handIn(r *consoletest.Rig, data []byte) houvast.ItemID {
	r.T.Helper()
	facts := consoletest.Facts()
	rec, err := r.Receive(r.T.Context(), pipeline.Incoming{Source: facts.Account.Source, Body: bytes.NewReader(data), Upload: func() (houvast.Upload, error) { return facts, nil }})
	if err != nil {
		r.T.Fatal(err)
	}
	r.Tasks.Adopt(*rec.Bell)
	r.Until("the item was looked at", func() bool {
		it, err := r.Item(r.T.Context(), rec.ID)
		return err == nil && it.State != houvast.ItemReceived
	})
	return rec.ID
}

// A drawn picture that was cut in half is in the technical queue with its reason in words, in each
// language. A whole one is not.
func TestTechnicalQueue(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, otto *consoletest.Visitor) {
		t := r.T
		says(t, "nothing", sees(t, ada, "/console/technical"), "Everything could be looked at")
		whole := consoletest.Picture(9)
		good, bad := handIn(r, whole), handIn(r, whole[:len(whole)/2])
		rolf := r.Hire("rolf", access.Reviewer)
		for _, who := range []*consoletest.Visitor{ada, otto, rolf} {
			page := sees(t, who, "/console/technical")
			says(t, who.Name, page, "The file is damaged or cut short.", string(bad), "2027-03-04 09:00 UTC", "kept for 72 hours", "never called clean")
			silent(t, who.Name, page, string(good), "garden.png", "blue.heron", "<img")
		}
		for lang, want := range map[words.Lang]string{words.NL: "beschadigd", words.FR: "endommagé", words.DE: "beschädigt"} {
			ada.Lang = string(lang)
			says(t, string(lang), sees(t, ada, "/console/technical"), want)
		}
		status(t, "a place that is none", ada.Get("/console/technical?after=yesterday"), 400)
	})
}

// Long lists are shown in parts that lead to each other: together they hold every row once.
func TestPartsOfAList(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, otto *consoletest.Visitor) {
		t := r.T
		const n = 120
		handIn(r, []byte("no picture at all"))
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		must(r.W.Update(t.Context(), func(tx *store.Tx) error {
			for i := range n {
				_, err := tx.Exec("INSERT INTO access_key (id, name, source, scopes, hash, created, used_day, revoked) VALUES ($1, $2, 'forum', 'items', $3, 1, 0, 0)",
					1000+i, fmt.Sprintf("key-%03d", i), []byte{1})
				if err != nil {
					return err
				}
			}
			return nil
		}))
		seen := map[string]int{}
		path, parts := "/console/keys", 0
		for path != "" {
			page := sees(t, ada, path)
			parts++
			for i := range n {
				seen[fmt.Sprintf("key-%03d", i)] += strings.Count(page.Text(), fmt.Sprintf(" key-%03d forum", i))
			}
			if first := strings.Contains(page.Text(), "Back to the beginning"); first != (parts > 1) {
				t.Errorf("part %d leads back to the beginning: %v", parts, first)
			}
			path = ""
			if _, rest, ok := strings.Cut(page.Body, `href="/console/keys?after=`); ok {
				next, _, _ := strings.Cut(rest, `"`)
				path = "/console/keys?after=" + next
			}
		}
		for name, times := range seen {
			if times != 1 {
				t.Errorf("%s was shown %d times", name, times)
			}
		}
		if len(seen) != n || parts != 3 {
			t.Errorf("%d keys in %d parts", len(seen), parts)
		}
		for _, bad := range []string{"/console/keys?after=x", "/console/staff?after=case_0000000000001", "/console/evidence?after=%00"} {
			status(t, bad, ada.Get(bad), 400)
		}
		past := sees(t, otto, "/console/evidence?after="+houvast.EvidenceID(1<<60).String())
		says(t, "past the end", past, "No evidence is kept", "Back to the beginning")
	})
}

// Every rule that keeps evidence has words, in every language, with each state beside it.
func TestEvidenceInWords(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, _, otto *consoletest.Visitor) {
		t := r.T
		says(t, "nothing", sees(t, otto, "/console/evidence"), "No evidence is kept", "first match")
		c := r.Matched(5)
		says(t, "undecided", sees(t, otto, "/console/evidence"), "held", "Nobody has decided yet", "2027-05-30 09:00 UTC")
		whys := []string{"undecided", "report", "preserved"}
		for _, d := range houvast.Decisions() {
			whys = append(whys, string(d))
		}
		for _, why := range whys {
			change := func(tx *store.Tx) error {
				_, err := tx.Exec("UPDATE evidence SET why = $1, law = $2, stop = $3 WHERE case_id = $4", why, "18 U.S.C. 2258A(h)", `<b>case 7</b>`, c.ID)
				return err
			}
			if err := r.W.Update(t.Context(), change); err != nil {
				t.Fatal(err)
			}
			for _, lang := range words.Langs() {
				otto.Lang = string(lang)
				page := sees(t, otto, "/console/evidence")
				if strings.Contains(page.Body, `data-label="`+r.Words.Text(lang, "keeping.kept.rule")+`">`+why+"<") {
					t.Errorf("%s has no words for %q", lang, why)
				}
				if strings.Contains(page.Body, "<b>case 7") {
					t.Error("the words of a legal stop are markup")
				}
			}
		}
	})
}

// Every check that the program makes has a name in every language, and the page says when all is well
// and how much there is.
func TestDoctor(t *testing.T) {
	names := []string{"database", "keys", "blobs", "audit", "sandbox", "profile", "recipient", "console", "transport", "log"}
	var all []keeping.Check
	for _, n := range names {
		all = append(all, keeping.Check{Name: n, OK: true})
	}
	w, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		for _, lang := range words.Langs() {
			if _, ok := w.Lookup(lang, "keeping.check."+n); !ok {
				t.Errorf("%s has no words for the check %s", lang, n)
			}
		}
	}
	each(t, func(_ *consoletest.Rig, k *keeping.Pages) {
		k.Doctor = func(context.Context) []keeping.Check { return all }
	}, func(r *consoletest.Rig, ada, otto *consoletest.Visitor) {
		t := r.T
		page := sees(t, ada, "/console/doctor")
		says(t, "well", page, "Everything that must hold holds", "Pages of the console", "Version 0.1-test")
		silent(t, "well", page, "fail-text")
		handIn(r, consoletest.Picture(2))
		says(t, "counts", sees(t, otto, "/console/doctor"), "Items 1 looked at", "Reports none")
	})
}

// What fails is told first, in words; what only warns is no failure, and what a check says is no markup.
func TestDoctorFails(t *testing.T) {
	each(t, func(_ *consoletest.Rig, k *keeping.Pages) {
		k.Doctor = func(context.Context) []keeping.Check {
			return []keeping.Check{{Name: "database", OK: true}, {Name: "sandbox", Detail: "<script>alert(1)</script> is off", Hint: "switch it on"},
				{Name: "console", OK: true, Warn: true, Detail: "pages without encryption"}, {Name: "tomorrow"}}
		}
	}, func(r *consoletest.Rig, ada, _ *consoletest.Visitor) {
		t := r.T
		page := sees(t, ada, "/console/doctor")
		says(t, "sick", page, "2 checks fail", "fails Sandbox <script>alert(1)</script> is off Remedy: switch it on", "note Pages of the console pages without encryption", "fails tomorrow")
		if strings.Contains(page.Body, "<script>alert") {
			t.Error("what a check says is markup")
		}
	})
}

// The policies name every decision with what follows from it here, and change with the configuration.
func TestPolicies(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, otto *consoletest.Visitor) {
		t := r.T
		rolf := r.Hire("rolf", access.Reviewer)
		for _, who := range []*consoletest.Visitor{ada, otto, rolf} {
			for _, lang := range words.Langs() {
				who.Lang = string(lang)
				page := sees(t, who, "/console/policies")
				for _, d := range houvast.Decisions() {
					says(t, string(lang), page, strings.Join(strings.Fields(r.Words.Text(lang, "decision."+string(d)+".name")), " "))
				}
			}
		}
		ada.Lang = "en"
		says(t, "the rules", sees(t, ada, "/console/policies"), "365 days from filing", "18 U.S.C. 2258A", "A second person does", "destroyed after 24 hours", "practice", "New reports go here")
	})
}

// Rules that are set otherwise are told otherwise.
func TestOtherPolicies(t *testing.T) {
	other := keeping.Policy{SelfApproval: true, Undo: time.Hour, CouldNotLook: 5, Threshold: 1, Drawn: review.DrawnPolicy{Report: true}}
	each(t, func(_ *consoletest.Rig, k *keeping.Pages) { k.Policy = func() keeping.Policy { return other } }, func(r *consoletest.Rig, ada, _ *consoletest.Visitor) {
		t := r.T
		says(t, "other rules", sees(t, ada, "/console/policies"), "No profile has been chosen yet", "one person, who may approve", "Nothing is withheld", "no period is set",
			"No recipient is configured", "destroyed after 1 hour", "up to 1 bit of difference")
	})
}

// An admin reads on no page which case it is, what was decided, or what a report says. An auditor does,
// and is led to the case.
func TestAdminSeesNoCase(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, otto *consoletest.Visitor) {
		t := r.T
		c := r.Matched(3)
		if err := r.W.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec("UPDATE evidence SET why = $1 WHERE case_id = $2", string(houvast.DecideNotAbuse), c.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		decided := r.Words.Text(words.EN, "decision."+string(houvast.DecideNotAbuse)+".name")
		for _, path := range []string{"/console/evidence", "/console/technical", "/console/doctor", "/console/banks", "/console/staff", "/console/keys"} {
			silent(t, path, sees(t, ada, path), c.ID.String(), string(c.Item), "/console/case", "/console/report", decided, "blue.heron", "secret garden", "192.0.2.44")
		}
		says(t, "an admin", sees(t, ada, "/console/evidence"), "Follows from a decision")
		page := sees(t, otto, "/console/evidence")
		says(t, "an auditor", page, c.ID.String(), "Decision: "+decided)
		if !strings.Contains(page.Body, `<a href="/console/case/`+c.ID.String()+`">`) {
			t.Error("an auditor is not led to the case")
		}
		silent(t, "an auditor", page, "blue.heron", "secret garden", "192.0.2.44", "<img")
	})
}
