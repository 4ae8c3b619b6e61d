package casework

import (
	"slices"
	"strconv"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/review"
)

// An option is one value of a choice. Off cannot be chosen. Seen is for the script, which lets an option
// be chosen once this person has looked: any look will do, or only a close one.
type option struct {
	Value   string
	On, Off bool
	Seen    string // any, close; "" = looking changes nothing
}

// A form is the decision form with what was typed into it.
type form struct {
	Roles          []option
	RoleFault      *site.Fault
	Words          string
	WordsFault     *site.Fault
	Pressure       bool
	PressureFault  *site.Fault
	Rows           []row
	Open           bool // the observations
	Observed       int
	Looked, Tagged bool
}

// A row is one aspect.
type row struct {
	Aspect    houvast.Aspect
	Age, Many bool
	Values    []option
	Bases     []option
	Min, Max  string
	Fault     *site.Fault
}

func formOf(p *site.Page, s desk.Sight, t typed) form {
	tell := func(field string) *site.Fault { return p.Fault(t.faults[field]) }
	f := form{Words: t.values.Get("words"), Pressure: t.verdict.Pressure, Looked: s.Looked.Any, Tagged: review.Tagged(s.Facts),
		RoleFault: tell("role"), WordsFault: tell("words"), PressureFault: tell("pressure"), Observed: len(t.verdict.Observations)}
	for _, r := range houvast.Roles() {
		f.Roles = append(f.Roles, option{Value: string(r), On: t.verdict.Role == r})
	}
	for _, a := range houvast.Aspects() {
		r := row{Aspect: a, Age: a == houvast.AspectAge, Many: slices.Contains(many[:], a), Min: t.values.Get("age_min"), Max: t.values.Get("age_max"),
			Bases: bases(a, t.values.Get(string(a)+"_basis"), s.Looked, f.Tagged), Fault: tell(string(a))}
		for _, v := range a.Values() {
			r.Values = append(r.Values, option{Value: v, On: slices.Contains(t.values[string(a)], v)})
		}
		f.Open = f.Open || r.Fault != nil
		f.Rows = append(f.Rows, r)
	}
	return f
}

// bases says which bases an aspect may have. Not assessed comes first and is what nobody changed.
func bases(a houvast.Aspect, chosen string, looked review.Looked, tagged bool) []option {
	noTag := !tagged || a == houvast.AspectAge || a == houvast.AspectAct
	look := "any"
	if review.NeedsClose(a) {
		look = "close"
	}
	all := []option{{Value: string(houvast.BasisNotAssessed)}, {Value: string(houvast.BasisStated)},
		{Value: string(houvast.BasisList), Off: noTag}, {Value: string(houvast.BasisSeen), Off: !looked.At(a), Seen: look}}
	for i := range all {
		all[i].On = all[i].Value == chosen
	}
	return all
}

// A choice is one of the eight buttons.
type choice struct{ Value, Key, Consequence string }

func (g *Pages) choices() (all []choice) {
	for i, d := range houvast.Decisions() {
		all = append(all, choice{string(d), strconv.Itoa(i + 1), g.consequence(d)})
	}
	return all
}

// consequence is the key of what a decision leads to here: by the operator's own rule for what is drawn, and
// without a second person where the team is one.
func (g *Pages) consequence(d houvast.Decision) string {
	alone, drawn := g.P.Settings.SelfApproval, drawnRule(g.P.Settings.Drawn)
	switch {
	case alone && d == houvast.DecideDrawn:
		return "casework.alone.drawn_" + drawn + ".consequence"
	case d == houvast.DecideDrawn:
		return "casework.drawn." + drawn + ".consequence"
	case alone && review.ConsequenceOf(d).Second != review.SecondNone:
		return "casework.alone." + string(d) + ".consequence"
	}
	return "decision." + string(d) + ".consequence"
}

func drawnRule(d review.DrawnPolicy) string {
	switch {
	case d.Report:
		return "report"
	case d.Keep:
		return "keep"
	}
	return "remove"
}
