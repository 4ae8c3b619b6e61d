package cybertip

import (
	"strings"
	"time"

	"github.com/houvast/houvast"
)

// An Answer is an xs:boolean that may be absent. The zero value was never asked and is not written.
type Answer uint8

// The answers.
const (
	Unanswered Answer = iota
	Yes
	No
)

// AnswerOf returns Yes or No.
func AnswerOf(b bool) Answer {
	if b {
		return Yes
	}
	return No
}

// String returns "true", "false" or "".
func (a Answer) String() string {
	switch a {
	case Yes:
		return "true"
	case No:
		return "false"
	}
	return ""
}

// MarshalText writes "true" or "false". An unanswered question in a place that must hold an answer
// is an error: guessing one would be a false statement.
func (a Answer) MarshalText() ([]byte, error) {
	if s := a.String(); s != "" {
		return []byte(s), nil
	}
	return nil, houvast.Errorf("cybertip.Answer", houvast.Invalid, "unanswered", "a question that the format asks was not answered")
}

// UnmarshalText reads the four forms of xs:boolean.
func (a *Answer) UnmarshalText(b []byte) error {
	switch strings.TrimSpace(string(b)) {
	case "true", "1":
		*a = Yes
	case "false", "0":
		*a = No
	default:
		return houvast.Errorf("cybertip.Answer", houvast.Invalid, "bad-boolean", "a truth value is true or false")
	}
	return nil
}

// A Flag is an element that is either absent or true; the schema allows no other value, not even 1.
type Flag bool

// MarshalText writes "true".
func (f Flag) MarshalText() ([]byte, error) { return []byte("true"), nil }

// UnmarshalText accepts "true" and the empty element.
func (f *Flag) UnmarshalText(b []byte) error {
	if s := strings.TrimSpace(string(b)); s != "" && s != "true" {
		return houvast.Errorf("cybertip.Flag", houvast.Invalid, "bad-flag", "a flag is empty or true")
	}
	*f = true
	return nil
}

// A Time is an instant in milliseconds since 1970, UTC. Zero is absent; the one millisecond that is
// lost by this cannot be an incident. It always has a zone on the wire: the schema would accept a
// time without one, the people who read the report could not use it.
type Time int64

const wireTime = "2006-01-02T15:04:05.999Z07:00"

// At returns t, cut to milliseconds. The zero time is absent.
func At(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.UnixMilli())
}

// Time returns the instant in UTC, the zero time when absent.
func (t Time) Time() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(t)).UTC()
}

// String returns the wire form, RFC 3339 in UTC, or "".
func (t Time) String() string {
	if t == 0 {
		return ""
	}
	return t.Time().Format(wireTime)
}

// MarshalText is String; a year that RFC 3339 cannot write is an error.
func (t Time) MarshalText() ([]byte, error) {
	if y := t.Time().Year(); y < 1 || y > 9999 {
		return nil, houvast.Errorf("cybertip.Time", houvast.Invalid, "bad-time", "a time lies outside the years 1 to 9999")
	}
	return []byte(t.String()), nil
}

// UnmarshalText reads RFC 3339; a time without a zone is refused.
func (t *Time) UnmarshalText(b []byte) error {
	at, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(b)))
	if err != nil || at.UTC().Year() < 1 || at.UTC().Year() > 9999 {
		return houvast.Errorf("cybertip.Time", houvast.Invalid, "bad-time", "a time is not written as 2006-01-02T15:04:05Z with a zone")
	}
	*t = At(at)
	return nil
}

// A Date is a calendar day as YYYY-MM-DD. "" is absent.
type Date string

// Time returns midnight UTC of the day, and whether it is one.
func (d Date) Time() (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, string(d))
	return t, err == nil
}
