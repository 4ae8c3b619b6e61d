package casework

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/review"
)

// answers are what somebody said about a case.
type answers struct {
	Decision     houvast.Decision
	Role         houvast.Role
	Pressure     bool
	Words        string
	Observations []houvast.Observation
}

// typed is the form as it came: what it says, and what in it cannot be understood.
type typed struct {
	values  url.Values // of the known fields only
	verdict review.Verdict
	faults  map[string]error // by field: role, words, pressure, or an aspect
}

// many are the aspects of which a case may have several values.
var many = [...]houvast.Aspect{houvast.AspectOrigin, houvast.AspectChannel, houvast.AspectPurpose}

// fields names every field of the form but the buttons.
func fields() []string {
	all := []string{"role", "pressure", "words", "age_min", "age_max", "age_basis"}
	for _, a := range houvast.Aspects()[1:] {
		all = append(all, string(a), string(a)+"_basis")
	}
	return all
}

// readForm reads the decision form.
func readForm(p *site.Page) typed {
	t := typed{values: url.Values{}, faults: map[string]error{}}
	for _, name := range fields() {
		for _, v := range p.R.PostForm[name] {
			if v != "" {
				t.values.Add(name, v)
			}
		}
	}
	t.verdict = review.Verdict{Decision: houvast.Decision(p.Form("decision")), Role: houvast.Role(t.values.Get("role")),
		Pressure: t.values.Get("pressure") == "yes", Words: strings.TrimSpace(t.values.Get("words"))}
	for _, a := range houvast.Aspects() {
		found, err := t.observe(a)
		if err != nil {
			t.faults[string(a)] = err
		}
		t.verdict.Observations = append(t.verdict.Observations, found...)
	}
	return t
}

// observe reads what the form says about one aspect. What is not assessed and has no value is left
// out: silence says the same.
func (t typed) observe(a houvast.Aspect) (found []houvast.Observation, err error) {
	basis := houvast.Basis(t.values.Get(string(a) + "_basis"))
	none := basis == "" || basis == houvast.BasisNotAssessed
	values := t.values[string(a)]
	if a == houvast.AspectAge {
		values = append(t.values["age_min"], t.values["age_max"]...)
	}
	switch {
	case len(values) == 0 && none:
		return nil, nil
	case len(values) == 0, a == houvast.AspectAge && len(values) != 2:
		return nil, houvast.Errorf("casework.observe", houvast.Invalid, "observation-incomplete", "%s has a basis and no value", a)
	case none:
		return nil, houvast.Errorf("casework.observe", houvast.Invalid, "no-basis", "%s has no basis", a)
	case a == houvast.AspectAge:
		from, err := strconv.Atoi(values[0])
		to, err2 := strconv.Atoi(values[1])
		if err != nil || err2 != nil {
			return nil, houvast.Errorf("casework.observe", houvast.Invalid, "bad-observation", "an age is a whole number of years")
		}
		return []houvast.Observation{{What: a, Min: from, Max: to, Basis: basis}}, nil
	}
	for _, v := range values {
		found = append(found, houvast.Observation{What: a, Value: v, Basis: basis})
	}
	return found, nil
}

// judge fills in what the room would say against the verdict, all of it at once.
func (g *Pages) judge(p *site.Page, s desk.Sight, t typed) error {
	v := t.verdict
	for _, a := range houvast.Aspects() {
		own := slices.DeleteFunc(slices.Clone(v.Observations), func(o houvast.Observation) bool { return o.What != a })
		if err := review.Observable(own, s.Looked, review.Tagged(s.Facts)); err != nil {
			t.faults[string(a)] = err
			v.Observations = slices.DeleteFunc(slices.Clone(v.Observations), func(o houvast.Observation) bool { return o.What == a })
		}
	}
	for range 5 { // each turn mends one field, as if it had been right, to find the next
		err := g.P.Weigh(s, p.Who.Actor, v)
		if err == nil && g.wantsRole(v) {
			err = houvast.Errorf("casework.judge", houvast.Invalid, "role-missing-for-report", "a report is drafted and nobody has said which role the uploader plays")
		}
		switch {
		case err == nil:
			return nil
		case oneOf(err, "role-missing-for-report", "bad-role"):
			t.faults["role"], v.Role = err, houvast.RoleUnknown
		case oneOf(err, "words-missing", "words-too-long"):
			t.faults["words"], v.Words = err, "as if"
		case oneOf(err, "bad-pressure"):
			t.faults["pressure"], v.Pressure = err, false
		default:
			return err
		}
	}
	return nil
}

// answers is the verdict as it is shown back.
func (t typed) answers() answers {
	v := t.verdict
	return answers{v.Decision, v.Role, v.Pressure, v.Words, v.Observations}
}

// A hidden field carries an answer over the guard.
type hidden struct{ Name, Value string }

func (t typed) hidden() (all []hidden) {
	all = append(all, hidden{"decision", string(t.verdict.Decision)})
	for _, name := range fields() {
		for _, v := range t.values[name] {
			all = append(all, hidden{name, v})
		}
	}
	return all
}
