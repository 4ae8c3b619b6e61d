package report

import "github.com/houvast/houvast"

// A Part is a group of reports as a list shows them: what somebody must do comes before what goes on
// by itself, and what is over comes last.
type Part string

// The parts, in the order of a list. A state is in exactly one.
const (
	PartDraft    Part = "draft"    // waits for an approver, or for whoever must add to it
	PartUnderway Part = "underway" // approved, and not at its end
	PartTrouble  Part = "trouble"  // waits for a person
	PartOver     Part = "over"     // finished or retracted
)

// Parts returns all parts in the order of a list.
func Parts() []Part { return []Part{PartDraft, PartUnderway, PartTrouble, PartOver} }

// Part returns the part that a report in state s stands in.
func (s State) Part() Part {
	switch s {
	case Draft:
		return PartDraft
	case NeedsHuman:
		return PartTrouble
	case Finished, Retracted:
		return PartOver
	}
	return PartUnderway
}

// Wrote reports whether by decided the case of r or was the last who added to it: who may not approve
// it, unless the team is a single person.
func (r Report) Wrote(by houvast.Actor) bool { return r.DraftedBy == by || r.AmendedBy == by }

// Withdrawable reports whether r can still be withdrawn.
func (r Report) Withdrawable() bool {
	_, ok := withdrawn(r)
	return ok && r.State != Retracted && r.State != Retracting
}

// Settled reports whether Viewed is what the report says about viewing: from its approval on. Before, the
// recorded reveals say it.
func (r Report) Settled() bool { return !r.Approved.IsZero() }

// Unknown reports whether a report waits for a person because the recipient does not know what we were
// finishing; last is the latest call.
func (r Report) Unknown(last Called) bool { return r.Resume == Finishing && last.Code == expired }

// Exhausted reports whether a report waits for a person because it was begun too often.
func (r Report) Exhausted() bool { return r.Attempt >= maxAttempts }

// IncidentWhen says which event the time of an incident is that of.
type IncidentWhen string

// The events.
const (
	WhenUploaded IncidentWhen = "uploaded" // the platform told it
	WhenReceived IncidentWhen = "received" // the platform did not
	WhenStated   IncidentWhen = "stated"   // somebody said so in their own words
)

// When says which event the time of the incident is that of, for pages in other languages than that of
// the document.
func (c Content) When() IncidentWhen {
	switch c.IncidentIs {
	case isUploaded:
		return WhenUploaded
	case isReceived:
		return WhenReceived
	}
	return WhenStated
}

// ChildOwn reports whether the account is the child's: then it stands as the victim and nobody is
// reported.
func (c Content) ChildOwn() bool { return c.childOwn() }
