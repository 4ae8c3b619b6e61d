package review

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const day = 24 * time.Hour

// table is "What a decision does" of the product description, copied by hand, row by row. The code
// is judged by it; neither is made from the other.
func table() map[houvast.Decision]Consequence {
	return map[houvast.Decision]Consequence{
		// drafted | preserve from filing | withhold stays, remove proposed | by exact copies | approver | appeal upheld
		"abuse": {Decision: "abuse", Report: "draft", Evidence: "wait", Platform: "remove", Inherited: true,
			Second: "approver", Reopens: []Reopener{"appeal_upheld"}},
		// drafted with escalation, alarm | preserve | as abuse | no | approver, at once | -
		"urgent": {Decision: "urgent", Report: "escalated", Evidence: "wait", Platform: "remove", Second: "approver", Alarm: true},
		// only if pressure, help card | destroyed after the undo window | remove, protective, no ban | no | yes | context, notice, fingerprint
		"own": {Decision: "own", Report: "pressure", Evidence: "destroy", Platform: "protect", Second: "person",
			Reopens: []Reopener{"context", "notice", "fingerprint"}, HelpCard: true},
		// none | hold, 14 days | withhold stays | no | yes | new facts
		"age_in_doubt": {Decision: "age_in_doubt", Report: "none", Evidence: "hold", Hold: 14 * day, Platform: "withheld", Second: "person",
			Reopens: []Reopener{"new_facts"}},
		// by the policy row of the jurisdiction, three times | no | yes | policy change
		"drawn": {Decision: "drawn", Report: "policy", Evidence: "policy", Platform: "policy", Second: "person",
			Reopens: []Reopener{"policy_change"}},
		// none | destroyed after the undo window | release | no | no | any new context
		"family_medical_art": {Decision: "family_medical_art", Report: "none", Evidence: "destroy", Platform: "release", Second: "none",
			Reopens: []Reopener{"context"}},
		// none | destroyed after the undo window | release, entry flagged | no | no | list entry, fingerprint, notice, context
		"not_abuse": {Decision: "not_abuse", Report: "none", Evidence: "destroy", Platform: "release", Second: "none",
			Reopens: []Reopener{"list_entry", "fingerprint", "notice", "context"}, FlagEntry: true},
		// none | hold, 7 days, then release and destroy, alarmed | withhold until then | no | yes | new facts
		"cannot_tell": {Decision: "cannot_tell", Report: "none", Evidence: "hold", Hold: 7 * day, Platform: "releaseend", Second: "person",
			Reopens: []Reopener{"new_facts"}, Alarm: true},
	}
}

func TestConsequences(t *testing.T) {
	want := table()
	for _, d := range houvast.Decisions() {
		t.Run(string(d), func(t *testing.T) {
			row, ok := want[d]
			if !ok {
				t.Fatal("the product's table has no such row")
			}
			if got := ConsequenceOf(d); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", row) {
				t.Errorf("the code does\n%+v\nthe table says\n%+v", got, row)
			}
			delete(want, d)
		})
	}
	if len(want) > 0 {
		t.Errorf("rows that are no decision: %v", want)
	}
	if got := ConsequenceOf("release_all"); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", Consequence{}) {
		t.Errorf("an unknown decision has consequences: %+v", got)
	}
}

// effects is what a row does to the world. Its name is not part of it, and what reopens it only
// later is left out when later is false.
func effects(c Consequence, later bool) string {
	c.Decision = ""
	if !later {
		c.Reopens = nil
	}
	return fmt.Sprintf("%+v", c)
}

// alike returns the first two decisions with the same effects.
func alike(rows []Consequence, later bool) string {
	seen := map[string]houvast.Decision{}
	for _, c := range rows {
		if other, ok := seen[effects(c, later)]; ok {
			return fmt.Sprintf("%s and %s", other, c.Decision)
		}
		seen[effects(c, later)] = c.Decision
	}
	return ""
}

func policies() []DrawnPolicy {
	return []DrawnPolicy{{}, {Report: true}, {Keep: true}, {Report: true, Keep: true}}
}

// A decision that does what another does would be a mere label; so no two rows are alike, as they
// stand and under whatever policy and answer.
func TestNoTwoRowsAlike(t *testing.T) {
	all := Consequences()
	for _, later := range []bool{false, true} {
		if a := alike(all[:], later); a != "" {
			t.Errorf("as they stand: %s", a)
		}
	}
	n := 0
	for _, p := range policies() {
		for _, pressure := range []bool{false, true} {
			var rows []Consequence
			for _, c := range all {
				rows = append(rows, c.Resolve(Verdict{Decision: c.Decision, Pressure: pressure && c.Decision == houvast.DecideOwn}, p))
			}
			if a := alike(rows, false); a != "" {
				t.Errorf("policy %+v, pressure %v: %s", p, pressure, a)
			}
			n++
		}
	}
	if n != 8 {
		t.Errorf("%d combinations", n)
	}
	planted := slices.Clone(all[:])
	planted[6] = planted[5]
	planted[6].Decision = houvast.DecideNotAbuse
	if alike(planted, true) != "family_medical_art and not_abuse" {
		t.Error("a planted pair of equal rows is not seen")
	}
}

func TestResolve(t *testing.T) {
	own, drawn := table()["own"], table()["drawn"]
	cases := []struct {
		name     string
		row      Consequence
		pressure bool
		policy   DrawnPolicy
		want     string // report, evidence, platform
	}{
		{"own, no pressure", own, false, DrawnPolicy{}, "none destroy protect"},
		{"own, pressure", own, true, DrawnPolicy{}, "draft wait protect"},
		{"own knows no drawn policy", own, false, DrawnPolicy{Report: true, Keep: true}, "none destroy protect"},
		{"drawn, no rule", drawn, false, DrawnPolicy{}, "none destroy remove"},
		{"drawn, reported", drawn, false, DrawnPolicy{Report: true}, "draft wait remove"},
		{"drawn, kept", drawn, false, DrawnPolicy{Keep: true}, "none destroy release"},
		{"what is reported is not kept", drawn, false, DrawnPolicy{Report: true, Keep: true}, "draft wait remove"},
	}
	for _, c := range cases {
		got := c.row.Resolve(Verdict{Decision: c.row.Decision, Pressure: c.pressure}, c.policy)
		if s := fmt.Sprintf("%s %s %s", got.Report, got.Evidence, got.Platform); s != c.want {
			t.Errorf("%s: %s, want %s", c.name, s, c.want)
		}
		if got.Second != c.row.Second || got.HelpCard != c.row.HelpCard || got.Inherited || !slices.Equal(got.Reopens, c.row.Reopens) {
			t.Errorf("%s: more than the condition was answered: %+v", c.name, got)
		}
	}
	for d, row := range table() {
		for _, p := range policies() {
			for _, pressure := range []bool{false, true} {
				got := row.Resolve(Verdict{Decision: d, Pressure: pressure}, p)
				if s := fmt.Sprint(got.Report, " ", got.Evidence, " ", got.Platform); strings.Contains(s, "policy") || strings.Contains(s, "pressure") {
					t.Errorf("%s: a condition is still open: %s", d, s)
				}
				if row.Report != "policy" && row.Report != "pressure" && effects(got, true) != effects(row, true) {
					t.Errorf("%s has no condition and was changed", d)
				}
				if (got.Report == ReportDraft || got.Report == ReportEscalated) != (got.Evidence == EvidenceWait) {
					t.Errorf("%s: the evidence waits for a report exactly when there is one: %+v", d, got)
				}
			}
		}
	}
}

func TestDanger(t *testing.T) {
	// From the greatest danger to the least; on one line, equal.
	order := [][]houvast.Match{
		{{Category: "child_abuse", Trust: "verified", Kind: "sha256"}},
		{{Category: "child_abuse", Trust: "verified", Kind: "pdq", Distance: 3}, {Category: "child_abuse", Trust: "verified", Kind: "md5"}},
		{{Category: "child_abuse", Trust: "unverified", Kind: "sha256"}},
		{{Category: "child_abuse", Trust: "unverified", Kind: "pdq"}},
		{{Category: "exploitation", Trust: "verified", Kind: "sha256"}, {Category: "self_submitted", Trust: "verified", Kind: "sha256"}},
		{{Category: "exploitation", Trust: "verified", Kind: "pdq"}},
		{{Category: "self_submitted", Trust: "unverified", Kind: "sha256"}},
		{{Category: "self_submitted", Trust: "unverified", Kind: "pdq"}},
		{{Category: "ncii_adult", Trust: "verified", Kind: "sha256"}},
		{{Category: "ncii_adult", Trust: "unverified", Kind: "pdq"}},
		{{Category: "negative", Trust: "verified", Kind: "sha256"}},
		{{Category: "negative", Trust: "unverified", Kind: "pdq"}, {Trust: "unverified", Kind: "pdq"}},
	}
	last := 1 << 30
	met := map[houvast.Category]bool{}
	for _, line := range order {
		d := Danger(line[0])
		for _, m := range line {
			met[m.Category] = true
			if Danger(m) != d {
				t.Errorf("%+v is %d, its neighbour %d", m, Danger(m), d)
			}
		}
		if d >= last {
			t.Errorf("%+v is %d and comes after %d", line[0], d, last)
		}
		last = d
	}
	for _, c := range houvast.Categories() {
		if !met[c] {
			t.Errorf("%s has no place in the order", c)
		}
	}
}
