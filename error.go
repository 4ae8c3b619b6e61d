package houvast

import (
	"errors"
	"fmt"
)

// Kind says what an error means to whoever has to act on it. HTTP status, exit code and whether to
// try again follow from the kind, in one table, and nowhere else.
type Kind uint8

// The kinds. Internal is the zero value: an error that nobody classified is our fault.
const (
	Internal        Kind = iota // a defect in Houvast
	Invalid                     // the request is malformed or breaks a rule
	TooLarge                    // a stated bound was passed
	Unsupported                 // well-formed, but of a type we do not handle
	Unauthenticated             // no credential, or one we do not know
	Forbidden                   // known, but not allowed
	Withheld                    // exists, but is kept from this reader on purpose
	NotFound                    // no such thing
	Conflict                    // the state does not allow it, or the key was used for something else
	Gone                        // was there, was destroyed or withdrawn
	Limited                     // too many, too fast; try again later
	Unavailable                 // cannot be done now; try again later
	InDoubt                     // sent, but the outcome is unknown
	Corrupt                     // stored data does not verify
)

// kinds is the one table that borders use. Exit codes follow sysexits.h where it has one.
var kinds = [...]struct {
	name   string
	status int
	exit   int
	retry  bool
}{
	Internal:        {"internal", 500, 70, false},
	Invalid:         {"invalid", 400, 64, false},
	TooLarge:        {"too_large", 413, 64, false},
	Unsupported:     {"unsupported", 415, 64, false},
	Unauthenticated: {"unauthenticated", 401, 77, false},
	Forbidden:       {"forbidden", 403, 77, false},
	Withheld:        {"withheld", 403, 77, false},
	NotFound:        {"not_found", 404, 64, false},
	Conflict:        {"conflict", 409, 64, false},
	Gone:            {"gone", 410, 64, false},
	Limited:         {"limited", 429, 75, true},
	Unavailable:     {"unavailable", 503, 69, true},
	InDoubt:         {"in_doubt", 502, 75, true},
	Corrupt:         {"corrupt", 500, 1, false},
}

// String returns the stable name of the kind.
func (k Kind) String() string { return kinds[k].name }

// Status returns the HTTP status code of the kind.
func (k Kind) Status() int { return kinds[k].status }

// Exit returns the process exit code of the kind.
func (k Kind) Exit() int { return kinds[k].exit }

// Retry reports whether the same request may succeed later.
func (k Kind) Retry() bool { return kinds[k].retry }

// Kinds returns every kind, for tests that must cover all of them.
func Kinds() []Kind {
	all := make([]Kind, len(kinds))
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// Error is the one error type of Houvast. Its text is for operators and never carries content:
// no bytes, no conversation text, no hash of an unverified entry, no credential.
type Error struct {
	Op   string // where, as package.Function
	Kind Kind
	Code string // stable, becomes urn:houvast:problem:<code>; empty means the name of the kind
	Msg  string // what, in lower case without a full stop
	Hint string // the remedy, one sentence; may be empty
	Err  error  // the cause; may be nil
}

// Errorf returns an error with a formatted message; %w sets the cause.
func Errorf(op string, kind Kind, code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Op: op, Kind: kind, Code: code, Msg: err.Error(), Err: errors.Unwrap(err)}
}

// Wrap adds an operation to err and keeps its kind, code and hint. Wrap(op, nil) is nil.
func Wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	var in *Error
	if errors.As(err, &in) {
		return &Error{Op: op, Kind: in.Kind, Code: in.Code, Msg: err.Error(), Hint: in.Hint, Err: err}
	}
	return &Error{Op: op, Kind: Internal, Msg: err.Error(), Err: err}
}

// WithHint returns e with a remedy.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// Error returns the message. The operation is for logs, see Trace.
func (e *Error) Error() string { return e.Msg }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of err, Internal when nobody gave it one.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// CodeOf returns the stable code of err; the name of its kind when it has none.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Code != "" {
		return e.Code
	}
	return KindOf(err).String()
}

// HintOf returns the remedy that err carries, or "".
func HintOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// Trace returns the operations of err from the outside in, for logs.
func Trace(err error) (ops []string) {
	for e := (*Error)(nil); errors.As(err, &e); err = e.Err {
		ops = append(ops, e.Op)
	}
	return ops
}
