package review

import (
	"slices"
	"time"

	"github.com/houvast/houvast"
)

// MinShown is how long the whole file must have been on the page to count as viewed, in
// milliseconds.
const MinShown = 1000

// MaxShown is the longest time on the page that one reveal counts.
const MaxShown = 10 * time.Minute

// TellTime is how long after the end of a claim its page may still say for how long it showed
// something: a decision and the word that hid the picture are sent together.
const TellTime = 15 * time.Second

// maxLooks is how many looks one claim may be granted.
const maxLooks = 60

// Level is how much of a picture a rendition shows.
type Level string

// The levels, least first.
const (
	LevelMosaic  Level = "mosaic"
	LevelBlurred Level = "blurred"
	LevelGrey    Level = "grey"
	LevelColour  Level = "colour"
)

// Levels returns all levels, least first.
func Levels() [4]Level { return [4]Level{LevelMosaic, LevelBlurred, LevelGrey, LevelColour} }

// rank is the place of a level in Levels, -1 for what is no level.
func (l Level) rank() int {
	all := Levels()
	return slices.Index(all[:], l)
}

// A Reveal is one look. Granted, served and shown are three facts: a crash between them never turns
// one into the next. Its page says once for how long it was shown, and not after the claim is over for
// TellTime: what was decided and approved is never seen afterwards.
type Reveal struct {
	Level  Level
	Whole  bool  // the whole file, not a part of it
	Served bool  // all bytes were written
	Shown  int64 // milliseconds on the page
}

// viewed reports whether the reveals amount to what a report calls viewed: the whole file, at full
// colour, served and shown long enough.
func viewed(all []Reveal) bool {
	for _, r := range all {
		if r.Level == LevelColour && r.Whole && r.Served && r.Shown >= MinShown {
			return true
		}
	}
	return false
}

// reached returns the highest level that was served, "" for none.
func reached(all []Reveal) (best Level) {
	for _, r := range all {
		if r.Served && r.Level.rank() > best.rank() {
			best = r.Level
		}
	}
	return best
}

// Looked is what a person had on the page of a case: what they can have seen.
type Looked struct {
	Any   bool // some rendition, for some time
	Close bool // one without mosaic or blur: an age or an act cannot be told from less
}

// lookedAt returns what somebody had on their page; all is what they were granted.
func lookedAt(all []Reveal) (l Looked) {
	for _, r := range all {
		on := r.Served && r.Shown > 0
		l.Any = l.Any || on
		l.Close = l.Close || on && r.Level.rank() >= LevelGrey.rank()
	}
	return l
}

// NeedsClose reports whether an aspect can be seen only without mosaic and blur.
func NeedsClose(a houvast.Aspect) bool { return a == houvast.AspectAge || a == houvast.AspectAct }

// At reports whether an aspect can have been seen.
func (l Looked) At(a houvast.Aspect) bool { return l.Close || l.Any && !NeedsClose(a) }

// nextStep refuses a level to whom the one before it was not served. all is what the same person was
// granted on the same case; what was only granted, nobody has seen.
func nextStep(all []Reveal, level Level) error {
	const op = "review.Grant"
	rank := level.rank()
	if rank < 0 {
		return houvast.Errorf(op, houvast.Invalid, "bad-level", "there is no such level").
			WithHint("the levels are mosaic, blurred, grey and colour")
	}
	before := func(r Reveal) bool { return r.Served && r.Level == Levels()[rank-1] }
	if rank > 0 && !slices.ContainsFunc(all, before) {
		return houvast.Errorf(op, houvast.Conflict, "step-skipped", "%s is revealed after %s", level, Levels()[rank-1]).
			WithHint("reveal the steps one after the other; most cases need no more than the first")
	}
	return nil
}

// counted returns how many of the milliseconds that a page says count: none below zero, and never
// more than have passed since the last byte was written.
func counted(said int64, since time.Duration) int64 {
	return max(0, min(said, since.Milliseconds(), MaxShown.Milliseconds()))
}
