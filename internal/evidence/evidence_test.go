package evidence

import (
	"reflect"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const day = 24 * time.Hour

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return houvast.CodeOf(err)
}

func allStates() []State { return []State{Held, Preserved, Destroying, Destroyed} }

// year is a policy of our own tests.
var year = Policy{Jurisdiction: "XX", Law: "some act", Start: "finish", Days: 365, Source: "gazette"}

// What each transition makes of each state, written out. A state or transition without a line fails.
func TestTransitions(t *testing.T) {
	transitions := map[string]func(Evidence) (Evidence, error){
		"preserve": func(e Evidence) (Evidence, error) { return preserve(e, year, noon) },
		"schedule": func(e Evidence) (Evidence, error) { return schedule(e, noon.Add(day), "own") },
		"wait":     func(e Evidence) (Evidence, error) { return schedule(e, time.Time{}, "report") },
	}
	want := map[string]string{ // state or code after
		"preserve held": "preserved", "preserve preserved": "preserved", "preserve destroying": "wrong-state", "preserve destroyed": "wrong-state",
		"schedule held": "held", "schedule preserved": "wrong-state", "schedule destroying": "wrong-state", "schedule destroyed": "wrong-state",
		"wait held": "held", "wait preserved": "wrong-state", "wait destroying": "wrong-state", "wait destroyed": "wrong-state",
	}
	n := 0
	for name, transition := range transitions {
		for _, s := range allStates() {
			before := Evidence{State: s, Destroy: noon.Add(90 * day), Why: "undecided", Stop: "order 7", Blob: "b", Key: "k"}
			after, err := transition(before)
			got := string(after.State)
			if err != nil {
				got = codeOf(err)
				if !reflect.DeepEqual(after, before) {
					t.Errorf("%s of %s: refused and changed", name, s)
				}
			}
			if got != want[name+" "+string(s)] {
				t.Errorf("%s of %s: %s, want %q", name, s, got, want[name+" "+string(s)])
			}
			if after.Stop != "order 7" || after.Blob != "b" || after.Key != "k" {
				t.Errorf("%s of %s touched the stop or the bytes: %+v", name, s, after)
			}
			n++
		}
	}
	if n != len(want) {
		t.Errorf("%d lines for %d transitions", len(want), n)
	}
}

func TestPreserve(t *testing.T) {
	leap := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	cases := []struct {
		name  string
		was   Evidence
		p     Policy
		event time.Time
		until time.Time
		law   string
		code  string
	}{
		{"a year from filing", Evidence{State: Held, Destroy: noon.Add(day)}, year, noon, time.Date(2027, 11, 23, 12, 0, 0, 0, time.UTC), "some act", ""},
		{"days are counted, not years: a leap day is one of them", Evidence{State: Held}, year, leap, time.Date(2028, 2, 29, 12, 0, 0, 0, time.UTC), "some act", ""},
		{"what waits without an end gets one", Evidence{State: Held}, Policy{Law: "l", Days: 21}, noon, noon.Add(21 * day), "l", ""},
		{"again, longer", Evidence{State: Preserved, Destroy: noon.Add(21 * day), Law: "short"}, year, noon, noon.Add(365 * day), "some act", ""},
		{"again, shorter", Evidence{State: Preserved, Destroy: noon.Add(365 * day), Law: "long"}, Policy{Law: "short", Days: 21}, noon, noon.Add(365 * day), "long", ""},
		{"again, of an earlier event", Evidence{State: Preserved, Destroy: noon.Add(365 * day), Law: "some act"}, year, noon.Add(-day), noon.Add(365 * day), "some act", ""},
		{"no days", Evidence{State: Held}, Policy{Law: "l"}, noon, time.Time{}, "", "no-retention-rule"},
		{"days below zero", Evidence{State: Held}, Policy{Law: "l", Days: -1}, noon, time.Time{}, "", "no-retention-rule"},
		{"no law", Evidence{State: Held}, Policy{Days: 3}, noon, time.Time{}, "", "no-retention-rule"},
		{"no event", Evidence{State: Held}, year, time.Time{}, time.Time{}, "", "no-retention-rule"},
	}
	for _, c := range cases {
		got, err := preserve(c.was, c.p, c.event)
		if codeOf(err) != c.code {
			t.Errorf("%s: %v", c.name, err)
		}
		if !got.Destroy.Equal(c.until) || got.Law != c.law {
			t.Errorf("%s: until %s by %q, want %s by %q", c.name, got.Destroy, got.Law, c.until, c.law)
		}
	}
}

func TestDue(t *testing.T) {
	cases := []struct {
		name string
		e    Evidence
		want bool
	}{
		{"held, on the date", Evidence{State: Held, Destroy: noon}, true},
		{"held, after", Evidence{State: Held, Destroy: noon.Add(-day)}, true},
		{"held, a moment before", Evidence{State: Held, Destroy: noon.Add(time.Microsecond)}, false},
		{"held, without a date", Evidence{State: Held}, false},
		{"held, stopped", Evidence{State: Held, Destroy: noon.Add(-day), Stop: "order 7"}, false},
		{"preserved, on the date", Evidence{State: Preserved, Destroy: noon}, true},
		{"preserved, a moment before", Evidence{State: Preserved, Destroy: noon.Add(time.Microsecond)}, false},
		{"preserved, stopped", Evidence{State: Preserved, Destroy: noon.Add(-day), Stop: "order 7"}, false},
		{"preserved, without a date", Evidence{State: Preserved}, false},
		{"begun is finished, whatever the date", Evidence{State: Destroying, Destroy: noon.Add(day)}, true},
		{"destroyed", Evidence{State: Destroyed, Destroy: noon.Add(-day)}, false},
	}
	for _, c := range cases {
		if got := c.e.due(noon); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestPolicyFor(t *testing.T) {
	cases := []struct {
		name         string
		profile      houvast.InstallationProfile
		jurisdiction string
		own          Policy
		days         int
		law          string
		code         string
	}{
		{"US", "platform", "US", Policy{}, 365, "18 U.S.C. 2258A(h)", ""},
		{"CA", "platform", "CA", Policy{}, 21, "S.C. 2011, c. 4, s. 4", ""},
		{"US, longer", "platform", "US", Policy{Days: 400, Law: "own rule"}, 400, "own rule", ""},
		{"US, longer, still by the statute", "platform", "US", Policy{Days: 400}, 400, "18 U.S.C. 2258A(h)", ""},
		{"US, the same", "platform", "US", Policy{Days: 365}, 365, "18 U.S.C. 2258A(h)", ""},
		{"US, shorter", "platform", "US", Policy{Days: 364, Law: "own rule"}, 0, "", "retention-too-short"},
		{"US, below zero", "platform", "US", Policy{Days: -1}, 0, "", "retention-too-short"},
		{"US, shorter, to practise", "practice", "US", Policy{Days: 1}, 0, "", "retention-too-short"},
		{"CA, shorter", "platform", "CA", Policy{Days: 20}, 0, "", "retention-too-short"},
		{"BE, nothing said", "platform", "BE", Policy{}, 0, "", "no-retention-rule"},
		{"BE, days and no law", "platform", "BE", Policy{Days: 30}, 0, "", "no-retention-rule"},
		{"BE, a law and no days", "platform", "BE", Policy{Law: "act"}, 0, "", "no-retention-rule"},
		{"BE, below zero", "platform", "BE", Policy{Days: -1, Law: "act"}, 0, "", "no-retention-rule"},
		{"BE, the operator's", "platform", "BE", Policy{Days: 30, Law: "act", Source: "counsel"}, 30, "act", ""},
		{"no jurisdiction", "hotline", "", Policy{}, 0, "", "no-retention-rule"},
		{"BE, to practise", "practice", "BE", Policy{}, 365, "practice", ""},
		{"BE, to practise with the operator's", "practice", "BE", Policy{Days: 3, Law: "act"}, 3, "act", ""},
		{"CA, to practise", "practice", "CA", Policy{}, 21, "S.C. 2011, c. 4, s. 4", ""},
	}
	for _, c := range cases {
		p, err := PolicyFor(c.profile, c.jurisdiction, c.own)
		if codeOf(err) != c.code {
			t.Errorf("%s: %v, want %q", c.name, err, c.code)
			continue
		}
		if err != nil {
			if houvast.HintOf(err) == "" {
				t.Errorf("%s: refused without a remedy", c.name)
			}
			continue
		}
		if p.Days != c.days || p.Law != c.law || p.Jurisdiction != c.jurisdiction || p.Start != "finish" {
			t.Errorf("%s: %+v", c.name, p)
		}
		if c.own.Law == "" && p.Source == "" {
			t.Errorf("%s: nobody can look up where the period stands", c.name)
		}
	}
	for _, p := range Policies() { // each known statute: as it is, never a day less
		if got, err := PolicyFor("platform", p.Jurisdiction, Policy{}); err != nil || got != p {
			t.Errorf("%s: %+v %v", p.Jurisdiction, got, err)
		}
		if _, err := PolicyFor("platform", p.Jurisdiction, Policy{Days: p.Days - 1, Law: "l"}); codeOf(err) != "retention-too-short" {
			t.Errorf("%s can be shortened: %v", p.Jurisdiction, err)
		}
	}
}
