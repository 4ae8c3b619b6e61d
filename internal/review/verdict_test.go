package review

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	anna = houvast.Actor("user:anna")
	bram = houvast.Actor("user:bram")
)

// claimed is a case that anna has taken until ten past.
func claimedCase() Case {
	return Case{ID: 1, State: Open, ClaimedBy: anna, ClaimEnds: noon.Add(ClaimTime)}
}

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return houvast.CodeOf(err)
}

// eyes is what somebody had on their page who looked closely, or not at all.
func eyes(looked bool) Looked { return Looked{looked, looked} }

func observe(o ...houvast.Observation) []houvast.Observation { return o }

func TestVerdict(t *testing.T) {
	seen := func(what houvast.Aspect, value string) houvast.Observation {
		return houvast.Observation{What: what, Value: value, Basis: "seen"}
	}
	age := func(from, to int) houvast.Observation {
		return houvast.Observation{What: "age", Min: from, Max: to, Basis: "stated"}
	}
	stated := func(what houvast.Aspect, value string) houvast.Observation {
		return houvast.Observation{What: what, Value: value, Basis: "stated"}
	}
	cases := []struct {
		name           string
		v              Verdict
		looked, tagged bool
		code           string
	}{
		{"no decision", Verdict{}, true, true, "bad-decision"},
		{"outside the list", Verdict{Decision: "ban", Role: "uploader"}, true, true, "bad-decision"},

		{"abuse needs a role", Verdict{Decision: "abuse"}, false, false, "role-missing-for-report"},
		{"urgent needs a role", Verdict{Decision: "urgent", Words: "a plan for today"}, false, false, "role-missing-for-report"},
		{"own with pressure needs a role", Verdict{Decision: "own", Pressure: true}, false, false, "role-missing-for-report"},
		{"own alone needs none", Verdict{Decision: "own"}, false, false, ""},
		{"not abuse needs none", Verdict{Decision: "not_abuse"}, false, false, ""},
		{"family needs none", Verdict{Decision: "family_medical_art"}, false, false, ""},
		{"age in doubt needs none", Verdict{Decision: "age_in_doubt"}, false, false, ""},
		{"drawn needs none", Verdict{Decision: "drawn"}, false, false, ""},
		{"cannot tell needs none", Verdict{Decision: "cannot_tell"}, false, false, ""},
		{"unknown is a role that was said", Verdict{Decision: "abuse", Role: "unknown"}, false, false, ""},
		{"a role outside the list", Verdict{Decision: "abuse", Role: "suspect"}, false, false, "bad-role"},
		{"a role outside the list, no report", Verdict{Decision: "not_abuse", Role: "suspect"}, false, false, "bad-role"},

		{"urgent without words", Verdict{Decision: "urgent", Role: "uploader"}, false, false, "words-missing"},
		{"urgent with blank words", Verdict{Decision: "urgent", Role: "uploader", Words: " \t\n\u00a0"}, false, false, "words-missing"},
		{"urgent", Verdict{Decision: "urgent", Role: "uploader", Words: "a plan for today"}, false, false, ""},
		{"the most words", Verdict{Decision: "urgent", Role: "uploader", Words: strings.Repeat("é", 3000)}, false, false, ""},
		{"too many words", Verdict{Decision: "urgent", Role: "uploader", Words: strings.Repeat("e", 3001)}, false, false, "words-too-long"},

		{"own with pressure", Verdict{Decision: "own", Role: "both", Pressure: true}, false, false, ""},
		{"pressure with abuse", Verdict{Decision: "abuse", Role: "both", Pressure: true}, false, false, "bad-pressure"},
		{"pressure with urgent", Verdict{Decision: "urgent", Role: "both", Pressure: true, Words: "today"}, false, false, "bad-pressure"},
		{"pressure with cannot tell", Verdict{Decision: "cannot_tell", Role: "both", Pressure: true}, false, false, "bad-pressure"},

		{"seen, having looked", Verdict{Decision: "not_abuse", Observations: observe(seen("synthetic", "drawn"))}, true, false, ""},
		{"seen, not having looked", Verdict{Decision: "not_abuse", Observations: observe(seen("synthetic", "drawn"))}, false, true, "not-seen"},
		{"age seen, not having looked", Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "age", Min: 30, Max: 40, Basis: "seen"})}, false, true, "not-seen"},
		{"list, with a tag", Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "synthetic", Value: "drawn", Basis: "list"})}, false, true, ""},
		{"act class from a list that says none", Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "act_class", Value: "class_1", Basis: "list"})}, false, true, "no-list-tag"},
		{"age from a list that says none", Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "age", Min: 3, Max: 5, Basis: "list"})}, true, true, "no-list-tag"},
		{"list, without a tag", Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "act_class", Value: "class_1", Basis: "list"})}, true, false, "no-list-tag"},
		{"no basis", Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "purpose", Value: "sale"})}, true, true, "no-basis"},
		{"a basis outside the list", Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "purpose", Value: "sale", Basis: "guessed"})}, true, true, "no-basis"},

		{"not assessed", Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "age", Basis: "not_assessed"})}, false, false, ""},
		{"not assessed with a value", Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "act_class", Value: "class_1", Basis: "not_assessed"})}, true, true, "bad-observation"},
		{"not assessed with a youngest age", Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "age", Min: 8, Basis: "not_assessed"})}, true, true, "bad-observation"},
		{"not assessed with an oldest age", Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "age", Max: 8, Basis: "not_assessed"})}, true, true, "bad-observation"},

		{"an aspect outside the list", Verdict{Decision: "not_abuse", Observations: observe(stated("nationality", "x"))}, true, true, "bad-observation"},
		{"an aspect outside the list, not assessed", Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "nationality", Basis: "not_assessed"})}, true, true, "bad-observation"},
		{"a value outside its list", Verdict{Decision: "not_abuse", Observations: observe(stated("origin", "sale"))}, true, true, "bad-observation"},
		{"a value that is missing", Verdict{Decision: "not_abuse", Observations: observe(stated("origin", ""))}, true, true, "bad-observation"},
		{"an age on something else", Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "origin", Value: "commercial", Max: 9, Basis: "stated"})}, true, true, "bad-observation"},

		{"an age", Verdict{Decision: "not_abuse", Observations: observe(age(0, 120))}, false, false, ""},
		{"one year", Verdict{Decision: "not_abuse", Observations: observe(age(13, 13))}, false, false, ""},
		{"an age the wrong way round", Verdict{Decision: "not_abuse", Observations: observe(age(14, 13))}, false, false, "bad-observation"},
		{"an age below zero", Verdict{Decision: "not_abuse", Observations: observe(age(-1, 13))}, false, false, "bad-observation"},
		{"an age beyond life", Verdict{Decision: "not_abuse", Observations: observe(age(13, 121))}, false, false, "bad-observation"},
		{"an age in words", Verdict{Decision: "not_abuse", Observations: observe(houvast.Observation{What: "age", Value: "young", Basis: "stated"})}, false, false, "bad-observation"},

		{"several origins", Verdict{Decision: "not_abuse", Observations: observe(stated("origin", "grooming"), stated("origin", "passed_on"))}, false, false, ""},
		{"several channels and purposes", Verdict{Decision: "not_abuse", Observations: observe(stated("channel", "web"), stated("channel", "mail"),
			stated("purpose", "sale"), stated("purpose", "collection"))}, false, false, ""},
		{"two ages", Verdict{Decision: "not_abuse", Observations: observe(age(13, 14), age(15, 16))}, false, false, "bad-observation"},
		{"two act classes", Verdict{Decision: "not_abuse", Observations: observe(stated("act_class", "class_1"), stated("act_class", "class_2"))}, false, false, "bad-observation"},
		{"assessed and not assessed", Verdict{Decision: "not_abuse", Observations: observe(age(13, 14), houvast.Observation{What: "age", Basis: "not_assessed"})}, false, false, "bad-observation"},
		{"forty", Verdict{Decision: "not_abuse", Observations: slices.Repeat(observe(stated("origin", "unknown")), 40)}, false, false, ""},
		{"forty-one", Verdict{Decision: "not_abuse", Observations: slices.Repeat(observe(stated("origin", "unknown")), 41)}, false, false, "too-many-observations"},
	}
	for _, c := range cases {
		before := claimedCase()
		after, err := decide(before, c.v, anna, noon, eyes(c.looked), c.tagged)
		if codeOf(err) != c.code {
			t.Errorf("%s: %q (%v), want %q", c.name, codeOf(err), err, c.code)
			continue
		}
		if err != nil {
			if !reflect.DeepEqual(after, before) {
				t.Errorf("%s: refused, and changed all the same: %+v", c.name, after)
			}
			continue
		}
		state := Decided
		if table()[c.v.Decision].Second == "person" {
			state = Second
		}
		want := Case{ID: 1, State: state, Decision: c.v.Decision, Role: c.v.Role, Pressure: c.v.Pressure, Observed: c.v.Observations, DecidedBy: anna, Decided: noon}
		if !reflect.DeepEqual(after, want) {
			t.Errorf("%s:\n%+v, want\n%+v", c.name, after, want)
		}
	}
}

// Every value of every closed list is taken from whoever looked, and from nobody under the name of
// another aspect that does not have it.
func TestClosedLists(t *testing.T) {
	n := 0
	for _, aspect := range houvast.Aspects() {
		for _, from := range houvast.Aspects() {
			for _, value := range from.Values() {
				err := checkObservations(observe(houvast.Observation{What: aspect, Value: value, Basis: "seen"}), eyes(true), false)
				if allowed := slices.Contains(aspect.Values(), value); (err == nil) != allowed {
					t.Errorf("%s = %s: %v", aspect, value, err)
				}
				n++
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d pairs", n)
	}
	for _, role := range houvast.Roles() {
		if err := (Verdict{Decision: "abuse", Role: role}).check(Looked{}, false); err != nil {
			t.Errorf("%s: %v", role, err)
		}
	}
}

func TestDecideTransition(t *testing.T) {
	v := Verdict{Decision: "not_abuse"}
	states := []State{Open, Second, Decided, Ended}
	for _, s := range states {
		for _, by := range []houvast.Actor{anna, bram, ""} {
			for _, late := range []time.Duration{0, ClaimTime - time.Microsecond, ClaimTime, ClaimTime + time.Hour} {
				c := claimedCase()
				c.State = s
				want := ""
				switch {
				case s != Open:
					want = "wrong-state"
				case by != anna || late >= ClaimTime:
					want = "claim-lost"
				}
				after, err := decide(c, v, by, noon.Add(late), Looked{}, false)
				if codeOf(err) != want {
					t.Errorf("%s, by %q, after %s: %q, want %q", s, by, late, codeOf(err), want)
				}
				if err != nil && !reflect.DeepEqual(after, c) {
					t.Errorf("%s, by %q, after %s: refused and changed", s, by, late)
				}
			}
		}
	}
	unclaimed := Case{ID: 1, State: Open}
	for _, by := range []houvast.Actor{anna, ""} {
		if _, err := decide(unclaimed, v, by, noon, Looked{}, false); codeOf(err) != "claim-lost" {
			t.Errorf("a case that nobody took is decided by %q: %v", by, err)
		}
	}
}

func TestConfirmTransition(t *testing.T) {
	decided := Case{ID: 1, State: Second, Decision: "own", Role: "both", Pressure: true, Words: []byte("sealed"),
		Observed: observe(houvast.Observation{What: "age", Basis: "not_assessed"}), DecidedBy: anna, Decided: noon, Returns: 2, Key: "k", Facts: []byte("f")}
	later := noon.Add(time.Hour)
	for _, s := range []State{Open, Second, Decided, Ended} {
		for _, by := range []houvast.Actor{anna, bram} {
			for _, self := range []bool{false, true} {
				for _, agree := range []bool{false, true} {
					c := decided
					c.State = s
					want, code := c, ""
					switch {
					case s != Second:
						code = "wrong-state"
					case by == anna && !self:
						code = "four-eyes"
					case agree:
						want.State, want.SecondedBy, want.Seconded = Decided, by, later
					default:
						want = Case{ID: 1, State: Open, Returns: 3, Key: "k", Facts: []byte("f")}
					}
					after, err := confirm(c, 0, agree, by, later, self)
					if codeOf(err) != code || !reflect.DeepEqual(after, want) {
						t.Errorf("%s, by %s, self %v, agree %v: %q and\n%+v, want %q and\n%+v", s, by, self, agree, codeOf(err), after, code, want)
					}
				}
			}
		}
	}
}

// Who answers another decision than the one that stands is told so; who read it, or says nothing about
// what they read, is not.
func TestConfirmWhatWasRead(t *testing.T) {
	c := Case{ID: 1, State: Second, Decision: "own", DecidedBy: anna, Decided: noon, Returns: 1, ClaimedBy: ""}
	older, sameInstant := c, c
	older.Decided = noon.Add(-time.Microsecond)
	sameInstant.Returns = 0
	versions := map[int64]bool{0: true, c.Version(): true, older.Version(): false, sameInstant.Version(): false, -1: false, c.Version() + 1: false}
	if len(versions) != 5 { // a microsecond and a return less is one and the same number
		t.Errorf("%d versions", len(versions))
	}
	for read, right := range versions {
		for _, agree := range []bool{false, true} {
			after, err := confirm(c, read, agree, bram, noon, false)
			if code := codeOf(err); code != map[bool]string{true: "", false: "wrong-state"}[right] || !right && !reflect.DeepEqual(after, c) {
				t.Errorf("read %d of %d, agree %v: %q", read, c.Version(), agree, code)
			}
		}
	}
	if v := (Case{Returns: 3}).Version(); v != 0 {
		t.Errorf("a case without a decision has the version %d", v)
	}
}

// What is on the page for no time was not looked at, and an age and an act need more than a mosaic.
func TestLookedAt(t *testing.T) {
	for _, c := range []struct {
		name       string
		all        []Reveal
		any, close bool
	}{
		{"nothing", nil, false, false},
		{"granted", []Reveal{{LevelColour, true, false, 0}}, false, false},
		{"served, and never on the page", []Reveal{{LevelMosaic, true, true, 0}, {LevelColour, true, true, 0}}, false, false},
		{"on the page, and never served", []Reveal{{LevelColour, true, false, 5}}, false, false},
		{"a mosaic", []Reveal{{LevelMosaic, true, true, 1}}, true, false},
		{"a mosaic, and colour for no time", []Reveal{{LevelMosaic, true, true, 900}, {LevelColour, true, true, 0}}, true, false},
		{"blurred", []Reveal{{LevelBlurred, true, true, 9000}}, true, false},
		{"grey", []Reveal{{LevelGrey, false, true, 1}}, true, true},
		{"colour", []Reveal{{LevelColour, true, true, 1}}, true, true},
	} {
		l := lookedAt(c.all)
		if l != (Looked{c.any, c.close}) {
			t.Errorf("%s: %+v", c.name, l)
		}
		for _, a := range houvast.Aspects() {
			o := houvast.Observation{What: a, Basis: "seen", Min: 3, Max: 9}
			if a != houvast.AspectAge {
				o = houvast.Observation{What: a, Basis: "seen", Value: a.Values()[0]}
			}
			may := c.close || c.any && a != houvast.AspectAge && a != houvast.AspectAct
			if err := Observable(observe(o), l, false); (err == nil) != may || l.At(a) != may || err != nil && codeOf(err) != "not-seen" {
				t.Errorf("%s: %s is seen: %v", c.name, a, err)
			}
		}
	}
}

func TestViewedFromReveals(t *testing.T) {
	cases := []struct {
		name string
		all  []Reveal
		want bool
	}{
		{"none", nil, false},
		{"in full", []Reveal{{LevelColour, true, true, 1000}}, true},
		{"too short", []Reveal{{LevelColour, true, true, 999}}, false},
		{"a part", []Reveal{{LevelColour, false, true, 5000}}, false},
		{"grey", []Reveal{{LevelGrey, true, true, 5000}}, false},
		{"blurred", []Reveal{{LevelBlurred, true, true, 5000}}, false},
		{"mosaic", []Reveal{{LevelMosaic, true, true, 5000}}, false},
		{"never served", []Reveal{{LevelColour, true, false, 5000}}, false},
		{"never on the page", []Reveal{{LevelColour, true, true, 0}}, false},
		{"two halves are not one", []Reveal{{LevelColour, true, true, 600}, {LevelColour, true, true, 600}}, false},
		{"each has what the other lacks", []Reveal{{LevelColour, true, false, 5000}, {LevelGrey, true, true, 5000}, {LevelColour, false, true, 5000}}, false},
		{"one of many", []Reveal{{LevelMosaic, true, true, 5000}, {LevelColour, true, true, 1500}, {LevelGrey, true, true, 10}}, true},
	}
	for _, c := range cases {
		if got := viewed(c.all); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
