package config

import (
	"strconv"
	"strings"
)

// lineIndex returns the line of every key in a TOML text that the TOML reader has accepted: the full
// dotted key, with [0], [1] … for the tables of an array ("recipient[0].url"). The TOML reader knows
// the lines too, but hands them out for errors of syntax only. Keys inside an inline table are not
// listed; lineOf answers with the line of what holds them.
func lineIndex(text string) map[string]int {
	s := scanner{text: text, line: 1, lines: map[string]int{}, tables: map[string]int{}}
	for !s.end() {
		switch c := s.text[s.at]; {
		case c == '\n' || c == ' ' || c == '\t' || c == '\r':
			s.next()
		case c == '#':
			s.skipLine()
		case c == '[':
			s.header()
		default:
			s.pair()
		}
	}
	return s.lines
}

// lineOf returns the line of a key, or of the nearest thing that holds it; 1 when nothing does.
func lineOf(lines map[string]int, key string) int {
	for key != "" {
		if n := lines[key]; n > 0 {
			return n
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return 1
}

// A scanner walks over a TOML text. It is lenient: what is malformed has been refused before.
type scanner struct {
	text   string
	at     int
	line   int
	prefix string // of the table it is in, with its dot
	lines  map[string]int
	tables map[string]int // how many tables of an array were seen
}

func (s *scanner) end() bool { return s.at >= len(s.text) }

func (s *scanner) next() {
	if s.text[s.at] == '\n' {
		s.line++
	}
	s.at++
}

func (s *scanner) skipLine() {
	for !s.end() && s.text[s.at] != '\n' {
		s.next()
	}
}

func (s *scanner) follows(mark string) bool { return strings.HasPrefix(s.text[s.at:], mark) }

// header reads [a.b] or [[a]].
func (s *scanner) header() {
	array := s.follows("[[")
	for !s.end() && s.text[s.at] == '[' {
		s.next()
	}
	key := s.key(']')
	s.note(key)
	if array {
		n := s.tables[key]
		s.tables[key] = n + 1
		key += "[" + strconv.Itoa(n) + "]"
		s.note(key)
	}
	s.prefix = key + "."
	s.skipLine()
}

// pair reads key = value.
func (s *scanner) pair() {
	key := s.prefix + s.key('=')
	s.note(key)
	if !s.end() {
		s.next() // the equals sign
	}
	s.value()
}

func (s *scanner) note(key string) {
	if _, twice := s.lines[key]; !twice {
		s.lines[key] = s.line
	}
}

// key reads a dotted key up to a mark and leaves the scanner on it.
func (s *scanner) key(mark byte) string {
	var b strings.Builder
	for !s.end() && s.text[s.at] != mark && s.text[s.at] != '\n' {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r':
			s.next()
		case '"', '\'':
			from := s.at + 1
			s.quoted()
			b.WriteString(s.text[min(from, s.at):max(s.at-1, min(from, s.at))])
		default:
			b.WriteByte(c)
			s.next()
		}
	}
	return b.String()
}

// value passes over a value: to the end of the line, or of the array, table or text that spans lines.
func (s *scanner) value() {
	for depth := 0; !s.end(); {
		switch c := s.text[s.at]; c {
		case '\n':
			s.next()
			if depth <= 0 {
				return
			}
		case '#':
			s.skipLine()
		case '"', '\'':
			s.quoted()
		case '[', '{':
			depth++
			s.next()
		case ']', '}':
			depth--
			s.next()
		default:
			s.next()
		}
	}
}

// quoted passes over one text in any of the four quotes of TOML.
func (s *scanner) quoted() {
	quote := s.text[s.at : s.at+1]
	if s.follows(strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	s.at += len(quote)
	for !s.end() && !s.follows(quote) {
		if quote[0] == '"' && s.text[s.at] == '\\' {
			s.next()
			if s.end() {
				return
			}
		}
		s.next()
	}
	s.at = min(s.at+len(quote), len(s.text))
	for len(quote) == 3 && !s.end() && s.text[s.at] == quote[0] { // a text may end in its own quotes
		s.next()
	}
}
