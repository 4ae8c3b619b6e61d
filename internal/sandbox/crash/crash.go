// Package crash reads what a dying Go program leaves on its standard error and keeps only what cannot
// be content: the fatal line of the runtime, and the source file and line of the first calls outside
// it. What a panic said is dropped, because it may quote what the program was reading. What must stay
// true: a report is short and made of plain characters, whatever was written.
package crash

import (
	"io"
	"regexp"
	"slices"
	"strings"
)

// A Report is what is kept.
type Report struct {
	Memory bool     // the runtime could not get memory
	Kept   []string // at most 12 lines of at most 120 plain characters
}

const (
	lineMax  = 256     // bytes of a line that are looked at
	linesMax = 12      // lines that are kept
	bytesMax = 1 << 20 // bytes that are read
)

// String is one line for the log.
func (r Report) String() string { return strings.Join(r.Kept, " < ") }

// Read consumes r to its end, or its first MiB.
func Read(r io.Reader) (rep Report) {
	frame := regexp.MustCompile(`^\t/?(?:[^/\s]*/)*([\w.@-]+/[\w.-]+\.go:\d+)(?: \+0x[0-9a-f]+)?$`)
	r = io.LimitReader(r, bytesMax)
	line := make([]byte, 0, lineMax)
	buf := make([]byte, 4<<10)
	for {
		n, err := r.Read(buf)
		for _, b := range buf[:n] {
			switch {
			case b == '\n':
				rep.line(string(line), frame)
				line = line[:0]
			case len(line) < lineMax:
				line = append(line, b)
			}
		}
		if err != nil {
			return rep
		}
	}
}

func (r *Report) line(s string, frame *regexp.Regexp) {
	keep := ""
	switch {
	case noMemory(s):
		r.Memory = true
		keep = "out of memory"
	case strings.HasPrefix(s, "fatal error: "), strings.HasPrefix(s, "panic: runtime error: "):
		keep = plain(s)
	case strings.HasPrefix(s, "panic: "):
		keep = "panic"
	default:
		if m := frame.FindStringSubmatch(s); m != nil && len(r.Kept) > 0 && !strings.HasPrefix(m[1], "runtime/") {
			keep = plain(m[1])
		}
	}
	if keep != "" && len(r.Kept) < linesMax && !slices.Contains(r.Kept, keep) {
		r.Kept = append(r.Kept, keep)
	}
}

// noMemory knows how the runtime of Go says that the kernel refused it memory.
func noMemory(s string) bool {
	if strings.HasPrefix(s, "runtime: out of memory") || strings.HasPrefix(s, "runtime: cannot allocate") {
		return true
	}
	rest, fatal := strings.CutPrefix(s, "fatal error: ")
	return fatal && (strings.Contains(rest, "out of memory") || strings.Contains(rest, "cannot allocate memory"))
}

// plain keeps letters, digits and a few signs, and no more than 120 of them.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', strings.ContainsRune(" -_.,:()[]@/", r):
			return r
		}
		return '?'
	}, s[:min(len(s), 120)])
}
