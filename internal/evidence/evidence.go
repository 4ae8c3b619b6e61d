// Package evidence keeps the sealed bytes of cases exactly as long as the law says, and destroys
// them so that it can be proved.
//
// States:
//
//	held ──→ preserved ──→ destroying ──→ destroyed
//	  └──────────────────────↗
//
// Held is what nobody has decided yet: it ends by itself, so that an undecided case cannot become
// an archive. Preserved is the lawful period, counted from the event that the law names. Destroying
// is persisted before the key is touched, so that a crash finishes the destruction and never
// forgets it. Destroyed is a tombstone: that there was something, which rule ended it, and when; it
// holds no hash and no name.
//
// Destruction is of the key: the bytes, their copies and every backup of them become noise at once.
// Then the ciphertext is deleted too.
//
// Dates only ever move by a named rule. A legal stop keeps everything; a period may be lengthened
// by a policy but a preserved one is never shortened below its law. All dates are law time, which
// does not run backwards; evidence is never destroyed because a clock could not be read.
//
// Table: evidence.
package evidence

import (
	"time"

	"github.com/houvast/houvast"
)

// State is where the bytes of a case stand.
type State string

// The states.
const (
	Held       State = "held"
	Preserved  State = "preserved"
	Destroying State = "destroying"
	Destroyed  State = "destroyed"
)

// Evidence is one row.
type Evidence struct {
	ID        houvast.EvidenceID `json:"evidence"`
	Case      houvast.CaseID     `json:"case"`
	Item      houvast.ItemID     `json:"item"`
	Blob      string             `json:"-"`
	Key       string             `json:"-"`
	Bytes     int64              `json:"bytes"`
	SHA256    string             `json:"-"`
	State     State              `json:"state"`
	Since     time.Time          `json:"since"`
	Destroy   time.Time          `json:"destroy_at,omitzero"`
	Why       string             `json:"why"`
	Law       string             `json:"law,omitempty"`
	Started   time.Time          `json:"counted_from,omitzero"`
	Stop      string             `json:"legal_stop,omitempty"`
	Snapshot  string             `json:"-"`
	Destroyed time.Time          `json:"destroyed_at,omitzero"`
}

// A Policy says how long what was reported is preserved, and by which law. It is data: an operator's
// counsel must be able to change it.
type Policy struct {
	Jurisdiction string // ISO 3166-1 alpha-2
	Law          string
	Start        string // the event from which the period counts
	Days         int
	Source       string // where the period stands
}

// UndecidedHold is how long the bytes of a case wait for a decision.
const UndecidedHold = 90 * 24 * time.Hour

// Policies returns the periods that Houvast knows. Where no statute known to us sets one, the
// operator states its own; nothing is guessed.
func Policies() []Policy {
	return []Policy{
		{"US", "18 U.S.C. 2258A(h)", "finish", 365, "18 U.S.C. 2258A(h)(1) as amended by Pub. L. 118-59 (REPORT Act), 2024-05-07"},
		{"CA", "S.C. 2011, c. 4, s. 4", "finish", 21, "An Act respecting the mandatory reporting of Internet child pornography, SOR/2011-292"},
	}
}

// PolicyFor returns the policy of a jurisdiction; own is the operator's, used when it states days.
// An operator may lengthen a known statute's period and never shorten it.
func PolicyFor(profile houvast.InstallationProfile, jurisdiction string, own Policy) (Policy, error) {
	const op = "evidence.PolicyFor"
	own.Jurisdiction, own.Start = jurisdiction, "finish"
	for _, p := range Policies() {
		if p.Jurisdiction != jurisdiction {
			continue
		}
		if own.Days == 0 {
			return p, nil
		}
		if own.Days < p.Days {
			return p, houvast.Errorf(op, houvast.Invalid, "retention-too-short", "[retention] days = %d is shorter than the %d days of %s", own.Days, p.Days, p.Law).
				WithHint("leave it out, or give at least %d", p.Days)
		}
		if own.Law == "" { // longer than the statute asks, and still by it
			own.Law, own.Source = p.Law, p.Source
		}
		return own, nil
	}
	if own.Days > 0 && own.Law != "" {
		return own, nil
	}
	if profile == houvast.ProfilePractice {
		return Policy{jurisdiction, "practice", "finish", 365, "drawn material only; no law applies"}, nil
	}
	return own, houvast.Errorf(op, houvast.Invalid, "no-retention-rule", "Houvast knows no statutory period for reported material in %s", jurisdiction).
		WithHint("set [retention] law, days and source in the configuration, with your counsel")
}

// preserve returns e kept for the lawful period counted from event. A period that already runs
// longer stays, with its law. A period without days or event is refused: it would end at once.
func preserve(e Evidence, p Policy, event time.Time) (Evidence, error) {
	if e.State != Held && e.State != Preserved {
		return e, wrongState("evidence.Preserve", e)
	}
	if p.Days <= 0 || p.Law == "" || event.IsZero() {
		return e, houvast.Errorf("evidence.Preserve", houvast.Invalid, "no-retention-rule", "there is no period by which to keep the evidence of %s", e.Case)
	}
	until := event.AddDate(0, 0, p.Days)
	if e.State == Preserved && !until.After(e.Destroy) {
		return e, nil
	}
	e.State, e.Destroy, e.Why, e.Law, e.Started = Preserved, until, "preserved", p.Law, event
	return e, nil
}

// schedule returns e to be destroyed at a time, by the rule called why. What is preserved by law is
// not shortened by a decision.
func schedule(e Evidence, at time.Time, why string) (Evidence, error) {
	if e.State != Held {
		return e, wrongState("evidence.Schedule", e)
	}
	e.Destroy, e.Why = at, why
	return e, nil
}

// due reports whether e may be destroyed at now.
func (e Evidence) due(now time.Time) bool {
	if e.State == Destroying {
		return true
	}
	return (e.State == Held || e.State == Preserved) && e.Stop == "" && !e.Destroy.IsZero() && !now.Before(e.Destroy)
}

func wrongState(op string, e Evidence) error {
	return houvast.Errorf(op, houvast.Conflict, "wrong-state", "the evidence of %s is %s", e.Case, e.State)
}
