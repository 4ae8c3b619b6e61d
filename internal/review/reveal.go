package review

// MinShown is how long the whole file must have been on the page to count as viewed, in
// milliseconds.
const MinShown = 1000

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

// A Reveal is one look. Granted, served and shown are three facts: a crash between them never turns
// one into the next.
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
