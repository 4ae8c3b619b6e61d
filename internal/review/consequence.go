package review

import (
	"time"

	"github.com/houvast/houvast"
)

// ReportEffect is what a decision does about a report.
type ReportEffect string

// The effects on a report.
const (
	ReportNone      ReportEffect = "none"
	ReportDraft     ReportEffect = "draft"
	ReportEscalated ReportEffect = "escalated" // a draft that carries a person's words about the danger
	ReportPressure  ReportEffect = "pressure"  // a draft only if pressure turned up; a help card instead
	ReportPolicy    ReportEffect = "policy"    // as the operator's rule for the jurisdiction says
)

// EvidenceEffect is what a decision does with the bytes.
type EvidenceEffect string

// The effects on evidence.
const (
	EvidenceWait    EvidenceEffect = "wait"    // until filed; then preserved for the lawful period
	EvidenceDestroy EvidenceEffect = "destroy" // after the undo window
	EvidenceHold    EvidenceEffect = "hold"    // for Consequence.Hold, then destroyed
	EvidencePolicy  EvidenceEffect = "policy"
)

// PlatformEffect is what a decision proposes to the platform.
type PlatformEffect string

// The effects on the platform.
const (
	PlatformRemove     PlatformEffect = "remove"     // the withhold stays, removal is proposed
	PlatformProtect    PlatformEffect = "protect"    // removal to protect the young person; no ban
	PlatformWithheld   PlatformEffect = "withheld"   // the withhold stays
	PlatformRelease    PlatformEffect = "release"    // shown again
	PlatformReleaseEnd PlatformEffect = "releaseend" // withheld until the hold ends, then shown again
	PlatformPolicy     PlatformEffect = "policy"
)

// SecondEffect is who else must agree, and to what.
type SecondEffect string

// The second persons.
const (
	SecondNone     SecondEffect = "none"
	SecondApprover SecondEffect = "approver" // of the report; the decision stands at once
	SecondPerson   SecondEffect = "person"   // of the decision; nothing happens before
)

// Reopener is what makes a decided case open again.
type Reopener string

// What reopens cases.
const (
	OnAppeal      Reopener = "appeal_upheld"
	OnContext     Reopener = "context"
	OnNotice      Reopener = "notice"
	OnFingerprint Reopener = "fingerprint"
	OnEntry       Reopener = "list_entry"
	OnFacts       Reopener = "new_facts"
	OnPolicy      Reopener = "policy_change"
)

// A Consequence is everything that follows from a decision: one row of the table in the product
// description. No two rows are the same; if two were, one decision would be a mere label.
type Consequence struct {
	Decision  houvast.Decision
	Report    ReportEffect
	Evidence  EvidenceEffect
	Hold      time.Duration // of EvidenceHold
	Platform  PlatformEffect
	Inherited bool // by exact copies
	Second    SecondEffect
	Reopens   []Reopener
	FlagEntry bool // the bank entry is flagged to its source
	HelpCard  bool // the young person is shown where help is
	Alarm     bool // somebody is called now, or when the hold ends
}

// The holds of what is decided to wait. They end by themselves.
const (
	ageInDoubtHold = 14 * 24 * time.Hour
	cannotTellHold = 7 * 24 * time.Hour
)

// Consequences returns the table, one row a decision.
func Consequences() [8]Consequence {
	return [8]Consequence{
		{Decision: houvast.DecideAbuse, Report: ReportDraft, Evidence: EvidenceWait, Platform: PlatformRemove,
			Inherited: true, Second: SecondApprover, Reopens: []Reopener{OnAppeal}},
		{Decision: houvast.DecideUrgent, Report: ReportEscalated, Evidence: EvidenceWait, Platform: PlatformRemove,
			Second: SecondApprover, Alarm: true},
		{Decision: houvast.DecideOwn, Report: ReportPressure, Evidence: EvidenceDestroy, Platform: PlatformProtect,
			Second: SecondPerson, Reopens: []Reopener{OnContext, OnNotice, OnFingerprint}, HelpCard: true},
		{Decision: houvast.DecideAgeInDoubt, Report: ReportNone, Evidence: EvidenceHold, Hold: ageInDoubtHold, Platform: PlatformWithheld,
			Second: SecondPerson, Reopens: []Reopener{OnFacts}},
		{Decision: houvast.DecideDrawn, Report: ReportPolicy, Evidence: EvidencePolicy, Platform: PlatformPolicy,
			Second: SecondPerson, Reopens: []Reopener{OnPolicy}},
		{Decision: houvast.DecideFamily, Report: ReportNone, Evidence: EvidenceDestroy, Platform: PlatformRelease,
			Second: SecondNone, Reopens: []Reopener{OnContext}},
		{Decision: houvast.DecideNotAbuse, Report: ReportNone, Evidence: EvidenceDestroy, Platform: PlatformRelease,
			Second: SecondNone, Reopens: []Reopener{OnEntry, OnFingerprint, OnNotice, OnContext}, FlagEntry: true},
		{Decision: houvast.DecideCannotTell, Report: ReportNone, Evidence: EvidenceHold, Hold: cannotTellHold, Platform: PlatformReleaseEnd,
			Second: SecondPerson, Reopens: []Reopener{OnFacts}, Alarm: true},
	}
}

// ConsequenceOf returns the row of a decision.
func ConsequenceOf(d houvast.Decision) Consequence {
	for _, c := range Consequences() {
		if c.Decision == d {
			return c
		}
	}
	return Consequence{}
}

// A DrawnPolicy is the operator's rule for what is drawn or synthetic in its jurisdiction. The zero
// value reports nothing, proposes removal and destroys the bytes after the undo window.
type DrawnPolicy struct {
	Report bool // draft a report; the evidence then waits for it
	Keep   bool // leave it on the platform: release it
}

// Resolve returns the consequence with its conditions answered: no effect is "policy" or "pressure"
// any more.
func (c Consequence) Resolve(v Verdict, drawn DrawnPolicy) Consequence {
	if c.Report == ReportPressure {
		c.Report = ReportNone
		if v.Pressure {
			c.Report, c.Evidence = ReportDraft, EvidenceWait
		}
	}
	if c.Report == ReportPolicy {
		c.Report, c.Evidence, c.Platform = ReportNone, EvidenceDestroy, PlatformRemove
		if drawn.Report {
			c.Report, c.Evidence = ReportDraft, EvidenceWait
		} else if drawn.Keep {
			c.Platform = PlatformRelease
		}
	}
	return c
}
