package casework

import (
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/review"
)

// shownMatches is how many entries stand on the page at once; the others open below them.
const shownMatches = 4

// A factsView is what is known about a case, as it is told.
type factsView struct {
	houvast.Facts
	Gone     bool
	Lead     string // key of the sentence that says what the best match means
	Harmless []string
	Matches  []matchRow
	More     []matchRow
	Count    int
	Agree    int
	Around   aroundView
	Linked   bool // the platform named an account
	Pending  bool // nothing was done about the item by a decision yet
	Withheld time.Time
	Missing  []string // keys of what the platform did not tell
}

type matchRow struct {
	houvast.Match
	Most int // bits up to which the bank counts a likeness; 0 = not known
}

type aroundView struct {
	Copies           int
	Cluster, Account tallyView
}

type tallyView struct {
	Cases int
	Rows  []tallyRow
}

type tallyRow struct {
	N   int
	Key string
}

func facts(s desk.Sight) factsView {
	f := s.Facts
	v := factsView{Facts: f, Gone: s.Gone, Lead: lead(f.Matches), Agree: agreeing(f.Matches), Withheld: s.Case.Withheld, Pending: s.Case.State == review.Open || s.Case.State == review.Second,
		Count: len(f.Matches), Linked: f.Upload.Account.ID != "", Missing: missing(f),
		Around: aroundView{s.Around.Copies, tally(s.Around.Cluster), tally(s.Around.Account)}}
	for i, m := range f.Matches {
		row := matchRow{m, s.Thresholds[m.Bank]}
		if i < shownMatches {
			v.Matches = append(v.Matches, row)
		} else {
			v.More = append(v.More, row)
		}
		if m.Category == houvast.Negative {
			v.Harmless = append(v.Harmless, m.BankName)
		}
	}
	return v
}

// lead says in one sentence what the best match means.
func lead(all []houvast.Match) string {
	if len(all) == 0 {
		return "casework.lead.none.say"
	}
	how := "weak"
	switch all[0].Kind {
	case houvast.KindSHA256:
		how = "same"
	case houvast.KindPDQ:
		how = "alike"
	}
	return "casework.lead." + how + "_" + string(all[0].Trust) + ".say"
}

// agreeing counts lists that speak for themselves: two lists count as two only when their entries
// name different members, since lists copy from each other.
func agreeing(all []houvast.Match) (n int) {
	lists, members := map[houvast.BankID]bool{}, map[string]bool{}
	some := 0
	for _, m := range all {
		if m.Category == houvast.Negative {
			continue
		}
		some = 1
		if m.Member == "" || lists[m.Bank] || members[m.Member] {
			continue
		}
		lists[m.Bank], members[m.Member] = true, true
		n++
	}
	return max(n, some)
}

func tally(t review.Tally) tallyView {
	v := tallyView{Cases: t.Cases}
	add := func(n int, key string) {
		if n > 0 {
			v.Rows = append(v.Rows, tallyRow{n, key})
		}
	}
	for _, d := range houvast.Decisions() {
		add(t.Decided[d], "decision."+string(d)+".name")
	}
	add(t.Undecided, "casework.facts.undecided")
	add(t.Ended, "case.ended")
	return v
}

// missing names what would help and is not there.
func missing(f houvast.Facts) (keys []string) {
	u := f.Upload
	for _, fact := range []struct {
		there bool
		key   string
	}{
		{u.Account.ID != "", "casework.facts.account"}, {!u.UploadedAt.IsZero(), "casework.facts.uploaded"},
		{u.FileName != "", "casework.facts.file_name"}, {u.ContextKind != "", "casework.facts.where"},
		{u.URL != "", "casework.facts.url"}, {u.Context != "", "casework.facts.text"}, {f.PDQ != "", "casework.facts.likeness"},
	} {
		if !fact.there {
			keys = append(keys, fact.key)
		}
	}
	return keys
}
