// Package action is everything that changes state elsewhere: withholding an item on the platform,
// releasing it, proposing its removal, filing a report. Nothing else in the house sends outward.
//
// An action is proposed under a key and happens at most once for it, however often it is proposed.
// Some kinds need a person's approval, never by who proposed them; what is reversible and expires by
// itself (withhold, release) does not.
//
//	proposed → approved → sending → done
//	    ↓          ↓          ↓
//	 dropped    dropped   refused (a person must look)
//
// Sending is persisted before the first attempt. After a crash the same action is sent again under
// the same id, which receivers must use to do it once: that is what webhook-id is for. An action may
// wait for another one, so that a release never overtakes its withhold.
//
// Table: action.
package action

import (
	"context"
	"encoding/json"
	"time"

	"github.com/houvast/houvast"
)

// Kind is what an action does.
type Kind string

// The kinds.
const (
	Withhold Kind = "withhold" // hide the item, reversibly, until expires_at; without one, until another action
	Release  Kind = "release"  // show it again
	Remove   Kind = "remove"   // take it down for good
	Report   Kind = "report"   // file a report; done is the report's finished
)

// needsApproval says which kinds wait for a second person.
func (k Kind) needsApproval() bool { return k == Remove || k == Report }

// State is where an action stands.
type State string

// The states.
const (
	Proposed State = "proposed"
	Approved State = "approved"
	Sending  State = "sending"
	Done     State = "done"
	Dropped  State = "dropped"
	Refused  State = "refused"
)

// over reports whether nothing more will happen.
func (s State) over() bool { return s == Done || s == Dropped || s == Refused }

// States returns all states, in the order of the walk.
func States() []State { return []State{Proposed, Approved, Sending, Done, Dropped, Refused} }

// A Part is a group of actions as a list shows them: what somebody must do comes first.
type Part string

// The parts, in the order of a list. A state is in exactly one.
const (
	PartProposed Part = "proposed" // waits for an approver
	PartRefused  Part = "refused"  // the platform said no: a person must look
	PartUnderway Part = "underway"
	PartOver     Part = "over" // done or dropped
)

// Parts returns all parts in the order of a list.
func Parts() []Part { return []Part{PartProposed, PartRefused, PartUnderway, PartOver} }

// A Proposal asks for an action. The same key is the same action.
type Proposal struct {
	Kind    Kind
	Key     string
	Subject string // what it is about: an item or a report id
	Payload any    // becomes JSON for the receiver; never content
	After   houvast.ActionID
	By      houvast.Actor
}

// An Action is one row.
type Action struct {
	ID         houvast.ActionID `json:"action"`
	Kind       Kind             `json:"kind"`
	Key        string           `json:"key"`
	Subject    string           `json:"subject"`
	Payload    json.RawMessage  `json:"payload"`
	After      houvast.ActionID `json:"after,omitempty"`
	State      State            `json:"state"`
	ProposedBy houvast.Actor    `json:"proposed_by"`
	ProposedAt time.Time        `json:"proposed_at"`
	DecidedBy  houvast.Actor    `json:"decided_by,omitempty"`
	DecidedAt  time.Time        `json:"decided_at,omitzero"`
	SentAt     time.Time        `json:"sent_at,omitzero"`
	DoneAt     time.Time        `json:"done_at,omitzero"`
	Answer     string           `json:"answer,omitempty"`
}

// A Sender carries out one kind of action. It is called again after a crash or an error that may
// pass (kinds Unavailable, Limited, InDoubt, and Internal: a defect of ours is not the receiver's
// answer), with the same action. Any other error makes the action Refused. The answer is kept, cut
// to 500 bytes.
type Sender func(ctx context.Context, a Action) (answer string, err error)

// The kinds of the tasks that carry actions out; their subject is the action's id. Reports have a lane
// of their own: a recipient that hangs must not keep an item from being withheld.
const (
	TaskKind       = "action"
	TaskKindReport = "action-report"
)

// TaskKind returns the kind of the task that carries out actions of kind k.
func (k Kind) TaskKind() string {
	if k == Report {
		return TaskKindReport
	}
	return TaskKind
}
