package keeping

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/item"
	"github.com/houvast/houvast/internal/pipeline/desk"
)

// undecidedDays is how long the bytes of a case wait for a decision.
const undecidedDays = int(evidence.UndecidedHold / (24 * time.Hour))

type technicalView struct {
	Items       []item.Technical
	Next, First string // paths; "" = none
	Hours       int    // that bytes are kept
}

// technical lists what could not be looked at and still has its bytes, oldest first.
func (k *Pages) technical(p *site.Page) error {
	var from time.Time
	s := p.R.URL.Query().Get("after")
	if s != "" {
		var err error
		if from, err = time.Parse(time.RFC3339Nano, s); err != nil {
			return houvast.Errorf("keeping.technical", houvast.Invalid, "bad-id", "after is not a time")
		}
	}
	found, err := k.P.Technical(p.R.Context(), from, pageSize)
	if err != nil {
		return err
	}
	v := technicalView{Items: found, First: first(p, "/console/technical"), Hours: int(k.P.Settings.CouldNotLook.Hours())}
	if n := len(found); n >= pageSize {
		v.Next = after("/console/technical", "after", found[n-1].Received.Format(time.RFC3339Nano))
	}
	return p.Render("technical", v)
}

type evidenceView struct {
	Kept        []keptLine
	Next, First string // paths; "" = none
	MayCase     bool
}

// A keptLine is a piece of evidence with the rule that keeps it in words.
type keptLine struct {
	evidence.Evidence
	Rule string
}

// evidence lists what is kept and what was, oldest first.
func (k *Pages) evidence(p *site.Page) error {
	var from houvast.EvidenceID
	s := p.R.URL.Query().Get("after")
	err := from.UnmarshalText([]byte(s))
	var found []evidence.Evidence
	if err == nil {
		found, err = k.P.Evidence(p.R.Context(), from, pageSize)
	}
	if err != nil {
		return err
	}
	v := evidenceView{First: first(p, "/console/evidence"), MayCase: p.May("cases.get")}
	for _, e := range found {
		v.Kept = append(v.Kept, keptLine{e, ruleOf(p, e.Why, v.MayCase)})
	}
	if n := len(found); n == pageSize {
		v.Next = after("/console/evidence", "after", found[n-1].ID.String())
	}
	return p.Render("kept", v)
}

// ruleOf says by which rule evidence is kept: one of three of the room's own, or a decision. Which one is
// for whoever may see the case.
func ruleOf(p *site.Page, why string, mayCase bool) string {
	if text, ok := told(p, "keeping.kept.why."+why); ok {
		return text
	}
	if decision, ok := told(p, "decision."+why+".name"); ok {
		if !mayCase {
			return p.Text("keeping.kept.some_decision")
		}
		return p.Text("keeping.kept.decided", "decision", decision)
	}
	return why
}

type doctorView struct {
	Checks  []checkLine
	Failing int
	Version string
	Counts  []counted
	Log     logState
}

// A checkLine is a check with its name and its state in words: ok, note or fail.
type checkLine struct {
	Check
	Label, State string
}

// A counted is how much there is of one thing, by state.
type counted struct{ Label, Text string }

// doctor runs every check, each time it is asked, but for that of the whole log: of that it shows what was
// found last, and runs it at most once a minute for who asks for it.
func (k *Pages) doctor(p *site.Page) error {
	ctx := p.R.Context()
	if p.R.URL.Query().Get("verify") == "yes" {
		if clock := k.P.W.DB().Clock(); k.seen.due(clock) {
			if _, err := k.seen.find(ctx, clock, k.AuditVerify); err != nil {
				return err
			}
		}
		return p.See("/console/doctor")
	}
	v := doctorView{Version: k.Version, Log: k.logState(p)}
	if v.Log.Last != nil && !v.Log.Last.Sound() {
		v.Failing++
	}
	for _, c := range k.Doctor(ctx) {
		line := checkLine{c, c.Name, "ok"}
		if label, ok := told(p, "keeping.check."+c.Name); ok {
			line.Label = label
		}
		switch {
		case c.Warn:
			line.State = "note"
		case !c.OK:
			line.State = "fail"
			v.Failing++
		}
		v.Checks = append(v.Checks, line)
	}
	n, err := k.P.Counts(ctx)
	if err != nil {
		return err
	}
	v.Counts = counts(p, n)
	return p.Render("doctor", v)
}

// counts tells how much there is of what.
func counts(p *site.Page, n desk.Counts) []counted {
	return []counted{
		{p.Text("keeping.doctor.items"), byState(p, "item.", n.Items)},
		{p.Text("keeping.doctor.cases"), byState(p, "case.", n.Cases)},
		{p.Text("keeping.doctor.reports"), byState(p, "report.", n.Reports)},
		{p.Text("keeping.doctor.evidence"), byState(p, "evidence.", n.Evidence)},
		{p.Text("keeping.doctor.tasks"), byState(p, "keeping.task.", n.Tasks)},
	}
}

// byState puts counts in one line, in the order of the states' names.
func byState[S ~string](p *site.Page, prefix string, n map[S]int) string {
	var parts []string
	for _, s := range slices.Sorted(maps.Keys(n)) {
		label, ok := told(p, prefix+string(s))
		if !ok {
			label = string(s)
		}
		parts = append(parts, fmt.Sprintf("%d %s", n[s], label))
	}
	if len(parts) == 0 {
		return p.Text("keeping.doctor.none")
	}
	return strings.Join(parts, " · ")
}
