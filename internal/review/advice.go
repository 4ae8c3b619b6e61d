package review

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/houvast/houvast"
)

// The bounds of a conversation. What a second person says when sending a case back comes on top, so
// that a full conversation silences nobody who disagrees.
const (
	MaxNotes     = 20
	maxReturns   = 20
	MaxNoteWords = 2000 // characters
)

// NoteKind is why a note was written.
type NoteKind string

// The kinds of notes.
const (
	NoteAsked    NoteKind = "asked"     // by who parked the case
	NoteAdvised  NoteKind = "advised"   // by somebody else
	NoteSentBack NoteKind = "sent_back" // by the second person
	NoteAgreed   NoteKind = "agreed"    // by the second person
)

// A Note is what a person said about a case to the next one. All notes of a case are sealed as one
// JSON text.
type Note struct {
	Kind  NoteKind      `json:"kind"`
	By    houvast.Actor `json:"by"`
	At    time.Time     `json:"at"`
	Words string        `json:"words"`
}

// Conversation is all notes about a case, oldest first.
type Conversation []Note

// ParseConversation reads what Marshal wrote.
func ParseConversation(b []byte) (all Conversation, err error) {
	if err = json.Unmarshal(b, &all); err != nil {
		err = houvast.Errorf("review.ParseConversation", houvast.Corrupt, "", "the conversation about the case cannot be read")
	}
	return all, err
}

// Marshal returns the text that is sealed.
func (all Conversation) Marshal() ([]byte, error) { return json.Marshal(all) }

// Add returns the conversation with one more note, its words trimmed. It is refused without words,
// with more than MaxNoteWords characters, and when the conversation is full.
func (all Conversation) Add(n Note) (Conversation, error) {
	const op = "review.Note"
	most := MaxNotes
	if n.Kind == NoteSentBack || n.Kind == NoteAgreed {
		most += maxReturns
	}
	n.Words = strings.TrimSpace(n.Words)
	switch {
	case n.Words == "":
		return all, houvast.Errorf(op, houvast.Invalid, "words-missing", "a note about a case needs words").
			WithHint("say in your own words what the next person must know")
	case utf8.RuneCountInString(n.Words) > MaxNoteWords:
		return all, houvast.Errorf(op, houvast.TooLarge, "words-too-long", "at most %d characters", MaxNoteWords)
	case len(all) >= most:
		return all, houvast.Errorf(op, houvast.Conflict, "conversation-full", "at most %d notes about one case", most).
			WithHint("decide the case, or give it back to the queue")
	}
	return append(all[:len(all):len(all)], n), nil
}

// advisable refuses an answer of by to a case that does not wait for one, or not for theirs.
func (c Case) advisable(by houvast.Actor, now time.Time) error {
	const op = "review.Advise"
	if !c.parked(now) {
		return notParked(op)
	}
	if c.ParkedBy == by {
		return houvast.Errorf(op, houvast.Forbidden, "own-question", "who asked for advice does not give it").
			WithHint("resume the case, or wait for a colleague")
	}
	return nil
}

// resumable refuses anybody but who parked the case, and everybody once it is back in the queue.
func (c Case) resumable(by houvast.Actor, now time.Time) error {
	const op = "review.Resume"
	if !c.parked(now) {
		return notParked(op)
	}
	if c.ParkedBy != by {
		return houvast.Errorf(op, houvast.Forbidden, "not-yours", "only who parked the case resumes it").
			WithHint("pull the next case; cases are not picked")
	}
	return nil
}

func notParked(op string) error {
	return houvast.Errorf(op, houvast.Conflict, "not-parked", "the case does not wait for advice any more").
		WithHint("it is back in the queue, or was resumed")
}

// Depth is how much waits, as one person sees it.
type Depth struct {
	Waiting        int       // may be handed to somebody now
	Skipped        int       // of those, what this person skipped within SkipTime
	MineParked     int       // waits for advice to this person
	ParkedByOthers int       // waits for advice to somebody else
	Seconds        int       // decided, and waits for a second person who may be this one
	Oldest         time.Time // when the oldest of Waiting was opened; zero when none waits
}

// Tally is how many other cases there are of one kind, and nothing else about them.
type Tally struct {
	Cases     int // all
	Undecided int // open, or waiting for a second person: what only one has said counts for nothing yet
	Ended     int // their bytes went before anybody decided
	Decided   map[houvast.Decision]int
}

func (t *Tally) add(s State, d houvast.Decision, n int) {
	t.Cases += n
	switch s {
	case Decided:
		t.Decided[d] += n
	case Ended:
		t.Ended += n
	default:
		t.Undecided += n
	}
}
