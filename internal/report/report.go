// Package report owns what we file: drafted from a case, checked, approved by a second person, filed
// once, acknowledged.
//
//	draft → approved → opening → opened → uploading → uploaded → describing → described → finishing → finished
//	  ↑________|          ↑_______________________retracting_________________________|
//
// Every state before a call is persisted before the call is made, and "finishing" is the only commit
// point: once it is persisted, the only call that may follow is finish again. What may have been done
// half, upload or description, is withdrawn and begun anew under the next attempt; a report that was
// opened and never finished lapses at the recipient by itself. So after a crash at any line there is
// at most one finished report, and none is forgotten.
//
// One report is made for a recipient, environment, subject and incident; its key is unique. The
// environment is bound to the credential: a report drafted for practice is never sent elsewhere.
//
// What a report says about viewing is derived from the recorded reveals, never a constant, and stands
// from its approval on: nothing is filed that the approver did not read. The role of the uploader rules who is reported: a child in the picture is a victim
// and never the reported person.
//
// What cannot go on by itself becomes needs_human, with the trouble in words; a person resumes or
// withdraws it.
//
// Tables: report, report_call.
package report

import (
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip/submit"
	"github.com/houvast/houvast/internal/fault"
)

// State is where a report stands.
type State string

// The states.
const (
	Draft      State = "draft"
	Approved   State = "approved"
	Opening    State = "opening"
	Opened     State = "opened"
	Uploading  State = "uploading"
	Uploaded   State = "uploaded"
	Describing State = "describing"
	Described  State = "described"
	Finishing  State = "finishing"
	Finished   State = "finished"
	Retracting State = "retracting"
	Retracted  State = "retracted"
	NeedsHuman State = "needs_human"
)

// A Client speaks to one environment of a recipient; a Step is the call that comes next. They are
// named here so that whoever orders the steps needs not know the wire.
type (
	Client = submit.Client
	Step   = submit.Call
)

// States returns all states, in the order of the walk.
func States() []State {
	return []State{Draft, Approved, Opening, Opened, Uploading, Uploaded, Describing, Described, Finishing, Finished, Retracting, Retracted, NeedsHuman}
}

// maxAttempts bounds how often a report is opened anew before a person must look.
const maxAttempts = 20

// A Report is one row. Content and Receipt are sealed.
type Report struct {
	ID          houvast.ReportID
	Key         string
	Recipient   string
	Environment houvast.Environment
	Subject     houvast.SubjectID
	Incident    houvast.IncidentID
	Case        houvast.CaseID
	Seal        string
	Content     []byte
	State       State
	Resume      State
	Version     int64
	Attempt     int
	Remote      int64
	File        string
	MD5         string
	Viewed      bool
	Trouble     string
	Drafted     time.Time
	DraftedBy   houvast.Actor
	AmendedBy   houvast.Actor // who last added to the draft
	Approved    time.Time
	ApprovedBy  houvast.Actor
	Finished    time.Time
	Receipt     []byte
	Withdrawn   bool // a person wants it withdrawn: retracting ends in retracted, not in a new attempt
}

// next returns the report as it must be persisted before the call that comes next, and that call.
// It is also what recovers after a crash: a state that says a call may have been made, and whose
// outcome is not known, leads to the call that makes the outcome known without doing it twice.
// An empty call means that there is nothing to do.
func next(r Report) (Report, submit.Call) {
	switch r.State {
	case Approved, Opening: // opening in doubt: the orphan lapses at the recipient
		r.State, r.Attempt, r.Remote, r.File, r.MD5 = Opening, r.Attempt+1, 0, "", ""
		return r, submit.CallSubmit
	case Opened:
		r.State = Uploading
		return r, submit.CallUpload
	case Uploaded:
		r.State = Describing
		return r, submit.CallFileInfo
	case Described, Finishing:
		r.State = Finishing
		return r, submit.CallFinish
	case Uploading, Describing, Retracting: // may be there twice: withdraw and begin anew
		r.State = Retracting
		return r, submit.CallRetract
	}
	return r, ""
}

// A Reply is what a call brought back.
type Reply struct {
	Call    submit.Call
	Answer  submit.Answer
	Remote  int64    // submit
	File    string   // upload
	MD5     string   // upload
	Files   []string // finish
	Viewed  bool     // fileinfo: what the description said, which is Report.Viewed
	Err     error
	Refused string // our own words for a reply that is not success
}

// Called is one call that was made, without what was sent or came back.
type Called struct {
	Attempt int       `json:"attempt"`
	Call    Step      `json:"call"`
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome"`
	Code    int       `json:"code"`              // of the recipient; 0 = success or none
	Request string    `json:"request,omitempty"` // the recipient's name for the call, to ask them about it
}

// expired is the code for a report that the recipient no longer knows.
const expired = 5001

// answered returns the report after a call. wait says that the same state is tried again later. An
// answer to another call than the one that r waits for says nothing about r.
func answered(r Report, a Reply) (after Report, wait bool) {
	if r.State.awaits() != a.Call {
		return r, true
	}
	if a.Err == nil {
		return succeeded(r, a), false
	}
	switch {
	case a.Call == submit.CallUpload && houvast.CodeOf(a.Err) == "md5-mismatch":
		r.State = Retracting
		return r, false
	case a.Answer.Outcome == submit.Refused:
		return refused(r, a), false
	case a.Call == submit.CallUpload || a.Call == submit.CallFileInfo:
		r.State = Retracting // whether it happened or not, beginning anew is right
		return r, true
	case a.Call == submit.CallSubmit && a.Answer.Outcome == submit.Retry:
		r.Attempt-- // nothing was opened that we know of: an outage does not use up the attempts
	case a.Call == submit.CallSubmit && r.Attempt >= maxAttempts:
		return human(r, "it may have been opened too often without an answer"), false
	}
	return r, true
}

// awaits returns the call whose answer a report in state s waits for, "" when for none.
func (s State) awaits() submit.Call {
	switch s {
	case Opening:
		return submit.CallSubmit
	case Uploading:
		return submit.CallUpload
	case Describing:
		return submit.CallFileInfo
	case Finishing:
		return submit.CallFinish
	case Retracting:
		return submit.CallRetract
	}
	return ""
}

// anew returns r before its next attempt. After too many a person must look first.
func anew(r Report) Report {
	r.State, r.Remote, r.File, r.MD5 = Approved, 0, "", ""
	if r.Attempt >= maxAttempts {
		return human(r, "it was begun anew too often")
	}
	return r
}

func succeeded(r Report, a Reply) Report {
	switch a.Call {
	case submit.CallSubmit:
		r.State, r.Remote = Opened, a.Remote
	case submit.CallUpload:
		r.State, r.File, r.MD5 = Uploaded, a.File, a.MD5
	case submit.CallFileInfo:
		r.State, r.Viewed = Described, a.Viewed
	case submit.CallFinish:
		r.State = Finished
		if missing, extra := submit.CompareFiles([]string{r.File}, a.Files); !a.Answer.Already && len(missing)+len(extra) > 0 {
			r.Trouble = "the recipient's list of files is not ours; call them with the report number"
		}
	case submit.CallRetract:
		if r.Withdrawn {
			r.State = Retracted
			return r
		}
		return anew(r)
	}
	return r
}

func refused(r Report, a Reply) Report {
	lapsed := a.Answer.Code == expired
	switch {
	case lapsed && a.Call == submit.CallRetract && r.Withdrawn:
		r.State = Retracted
		return r
	case lapsed && a.Call != submit.CallFinish:
		return anew(r)
	case lapsed:
		// It may have been finished and forgotten, or never finished. Only a person can ask.
		return human(r, "the recipient does not know the report that we were finishing; ask them before filing again")
	}
	return human(r, "the recipient refused the call "+string(a.Call)+": "+a.Err.Error())
}

// human returns r waiting for a person, who can let it go on where it was.
func human(r Report, trouble string) Report {
	r.Resume, r.State, r.Trouble = r.State, NeedsHuman, trouble
	return r
}

// withdrawn returns r as a person has withdrawn it: retracted, or on its way there when it is open at
// the recipient. ok is false for what is being finished: it cannot be taken back.
func withdrawn(r Report) (after Report, ok bool) {
	state := r.State
	if state == NeedsHuman {
		state = r.Resume
	}
	if state == Finishing || state == Finished {
		return r, false
	}
	r.State, r.Withdrawn, r.Resume, r.Trouble = Retracted, true, "", ""
	if r.Remote != 0 {
		r.State = Retracting
	}
	return r, true
}

// point ends the process here in the crash test, right after the state before a call was persisted.
func point(s State) {
	switch s {
	case Opening:
		fault.Point("report.opening")
	case Uploading:
		fault.Point("report.uploading")
	case Describing:
		fault.Point("report.describing")
	case Finishing:
		fault.Point("report.finishing")
	case Retracting:
		fault.Point("report.retracting")
	}
}

// persists reports whether state is written before calls. It is a constant but in a control build.
func persists() bool { return fault.StateBeforeCall }
