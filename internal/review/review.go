// Package review owns cases: what matched, who has taken it, what they decided.
//
//	open ──decide──→ decided
//	  ↑ └──decide──→ second ──agree──→ decided
//	  └───send back────┘
//
// A case whose bytes reach the end of their hold before anybody decided is ended.
//
// A case is pulled, never picked: the one with the oldest danger comes first, and a claim keeps it
// for one person until it is decided, given back or runs out. A reviewer who reloads gets their own
// claim again. What a person skips is not handed to them again for SkipTime, and to everybody else at
// once.
//
// Who needs advice parks the case with a question: the claim ends, and for ParkTime the case is
// handed to nobody. Anybody but who asked may answer; who asked takes it up again, or after that time
// whoever pulls it next, with all that was said. Question and answers are sealed like the facts.
//
// A second person answers the decision that they read: one that was sent back and taken again
// meanwhile is another.
//
// Facts come first: everything a decision needs without a picture is copied into the case when it
// opens and sealed under the key of its evidence, so that both end together. Who has not looked
// cannot have assessed: an observation with the basis "seen" needs a recorded reveal that was on their
// page, and that of an age or an act one without mosaic or blur.
//
// A decision has consequences, one row of a table each (consequence.go). This room says what they
// are and carries out none of them. Some decisions need a second person before anything happens;
// that is never who decided, unless the team has said that it is a single person.
//
// Tables: review_case, review_skip, reveal.
package review

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/houvast/houvast"
)

// State is where a case stands.
type State string

// The states.
const (
	Open    State = "open"
	Second  State = "second" // decided, and waiting for a second person
	Decided State = "decided"
	Ended   State = "ended" // its bytes went before anybody decided
)

// ClaimTime is how long a claim lasts without being extended.
const ClaimTime = 10 * time.Minute

// SkipTime is how long a skipped case is not handed again to who skipped it; ParkTime is how long a
// parked one is handed to nobody.
const (
	SkipTime = 8 * time.Hour
	ParkTime = 24 * time.Hour
)

// extendTime is how long after a claim was taken or extended it is not extended again.
const extendTime = 30 * time.Second

// maxWords is how many characters the words of a verdict may have: what escalateToHighPriority of a
// CyberTipline report holds.
const maxWords = 3000

// A Case is one row. Facts, Words and Advice are sealed.
type Case struct {
	ID         houvast.CaseID
	Item       houvast.ItemID
	Subject    houvast.SubjectID
	Incident   houvast.IncidentID
	Key        string
	Facts      []byte
	Bank       string
	Category   houvast.Category
	Trust      houvast.Trust
	Reason     houvast.HashKind
	Distance   int
	Danger     int
	State      State
	Opened     time.Time
	ClaimedBy  houvast.Actor
	ClaimEnds  time.Time
	Withheld   time.Time
	Decision   houvast.Decision
	Role       houvast.Role
	Pressure   bool
	Words      []byte
	Observed   []houvast.Observation
	DecidedBy  houvast.Actor
	Decided    time.Time
	SecondedBy houvast.Actor
	Seconded   time.Time
	Returns    int
	Entry      houvast.EntryID // of the best match; 0 in cases opened before it was kept
	Parked     time.Time       // until when nobody is handed it; may have passed
	ParkedBy   houvast.Actor
	Advice     []byte // the conversation, see Note
}

// A Verdict is what a person says about a case.
type Verdict struct {
	Decision     houvast.Decision
	Role         houvast.Role // nothing is preselected; needed where a report follows
	Pressure     bool         // only with own: the young person was pressed
	Words        string       // needed for urgent: the present danger in a person's own words
	Observations []houvast.Observation
}

// Danger orders the queue from facts: abuse on a verified list first, then likeness, then the rest.
func Danger(m houvast.Match) int {
	d := 0
	switch m.Category {
	case houvast.ChildAbuse:
		d = 40
	case houvast.Exploitation:
		d = 30
	case houvast.SelfSubmitted:
		d = 30 // a young person is waiting
	case houvast.NCIIAdult:
		d = 10
	}
	if m.Trust == houvast.Verified {
		d += 5
	}
	if m.Kind == houvast.KindSHA256 {
		d += 2
	}
	return d
}

// Proven reports whether the item is the same file as an entry of a verified list: what may be
// withheld before a person has decided.
func Proven(matches []houvast.Match) bool {
	return slices.ContainsFunc(matches, func(m houvast.Match) bool {
		return m.Kind == houvast.KindSHA256 && m.Trust == houvast.Verified && m.Category != houvast.Negative
	})
}

// Tagged reports whether a list gave any matching entry a category of its own.
func Tagged(f houvast.Facts) bool {
	return slices.ContainsFunc(f.Matches, func(m houvast.Match) bool { return m.EntryTag != "" })
}

// claimed reports whether the claim of by holds at now.
func (c Case) claimed(by houvast.Actor, now time.Time) bool {
	return c.State == Open && c.ClaimedBy == by && now.Before(c.ClaimEnds)
}

// parked reports whether the case waits for advice at now.
func (c Case) parked(now time.Time) bool { return c.State == Open && now.Before(c.Parked) }

// decide returns c as decided by a person who holds its claim. looked says what this
// person had on their page of this case; tagged whether a list gave the entry a category.
func decide(c Case, v Verdict, by houvast.Actor, now time.Time, looked Looked, tagged bool) (Case, error) {
	const op = "review.Decide"
	if c.State != Open {
		return c, houvast.Errorf(op, houvast.Conflict, "wrong-state", "the case is %s already", c.State)
	}
	if !c.claimed(by, now) {
		return c, houvast.Errorf(op, houvast.Conflict, "claim-lost", "the claim on this case is not yours or has run out").
			WithHint("pull the next case again")
	}
	if err := v.check(looked, tagged); err != nil {
		return c, err
	}
	c.Decision, c.Role, c.Pressure, c.Observed = v.Decision, v.Role, v.Pressure, v.Observations
	c.DecidedBy, c.Decided, c.ClaimedBy, c.ClaimEnds = by, now, "", time.Time{}
	c.State = Decided
	if ConsequenceOf(v.Decision).Second == SecondPerson {
		c.State = Second
	}
	return c, nil
}

// confirm returns c after a second person has agreed to the decision that they read (see Version; 0 = as
// it stands), or sent it back to the queue.
func confirm(c Case, read int64, agree bool, by houvast.Actor, now time.Time, selfAllowed bool) (Case, error) {
	const op = "review.Confirm"
	if c.State != Second {
		return c, houvast.Errorf(op, houvast.Conflict, "wrong-state", "the case does not wait for a second person; it is %s", c.State)
	}
	if c.DecidedBy == by && !selfAllowed {
		return c, houvast.Errorf(op, houvast.Forbidden, "four-eyes", "who decided a case cannot be its second person").
			WithHint("ask a colleague")
	}
	if read != 0 && read != c.Version() {
		return c, houvast.Errorf(op, houvast.Conflict, "wrong-state", "the case was decided anew since you read it").
			WithHint("read the decision again, then answer it")
	}
	if agree {
		c.State, c.SecondedBy, c.Seconded = Decided, by, now
		return c, nil
	}
	c.State, c.Returns = Open, c.Returns+1
	c.Decision, c.Role, c.Pressure, c.Observed, c.Words = "", "", false, nil, nil
	c.DecidedBy, c.Decided = "", time.Time{}
	return c, nil
}

// check refuses a verdict that is not one.
func (v Verdict) check(looked Looked, tagged bool) error {
	const op = "review.Decide"
	if !oneOf(v.Decision, houvast.Decisions()) {
		return houvast.Errorf(op, houvast.Invalid, "bad-decision", "there is no such decision").
			WithHint("the decisions are abuse, urgent, own, age_in_doubt, drawn, family_medical_art, not_abuse, cannot_tell")
	}
	cons := ConsequenceOf(v.Decision)
	if v.Role == "" && (cons.Report == ReportDraft || cons.Report == ReportEscalated || v.Pressure) {
		return RoleMissing()
	}
	if v.Role != "" && !oneOf(v.Role, [5]houvast.Role(houvast.Roles())) {
		return houvast.Errorf(op, houvast.Invalid, "bad-role", "there is no such role of an uploader")
	}
	if v.Pressure && v.Decision != houvast.DecideOwn {
		return houvast.Errorf(op, houvast.Invalid, "bad-pressure", "pressure is only said together with the decision own")
	}
	if v.Decision == houvast.DecideUrgent && strings.TrimSpace(v.Words) == "" {
		return houvast.Errorf(op, houvast.Invalid, "words-missing", "urgent needs the present danger in your own words").
			WithHint("say what makes you believe that a child is in danger now")
	}
	if utf8.RuneCountInString(v.Words) > maxWords {
		return houvast.Errorf(op, houvast.TooLarge, "words-too-long", "at most %d characters", maxWords)
	}
	return checkObservations(v.Observations, looked, tagged)
}

// RoleMissing is what a verdict is told that drafts a report and says no role.
func RoleMissing() error {
	return houvast.Errorf("review.Decide", houvast.Invalid, "role-missing-for-report", "say which role the uploader plays before a report is drafted").
		WithHint("uploader, child, both, peer or unknown; a child is never the reported person")
}

func oneOf[T comparable, A [5]T | [8]T](v T, all A) bool {
	for i := range len(all) {
		if all[i] == v {
			return true
		}
	}
	return false
}
