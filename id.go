package houvast

import (
	"crypto/rand"
	"database/sql/driver"
	"fmt"
	"strings"
	"sync"
	"time"
)

// crockford is the alphabet of shown ids: lower case, without i, l, o and u.
const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// ID identifies one noun. It is 41 bits of milliseconds since 2025-01-01, 10 bits of node and 12
// bits of count, so ids sort by time and need no database to be made. It is shown as the prefix of
// its noun and 13 Crockford characters, and is always a string in JSON.
type ID[N noun] int64

type noun interface{ prefix() string }

// The nouns themselves, for ParseID.
type (
	CaseNoun     struct{}
	BankNoun     struct{}
	EntryNoun    struct{}
	ReportNoun   struct{}
	ActionNoun   struct{}
	EvidenceNoun struct{}
	UserNoun     struct{}
	KeyNoun      struct{}
	SubjectNoun  struct{}
)

func (CaseNoun) prefix() string     { return "case" }
func (BankNoun) prefix() string     { return "bank" }
func (EntryNoun) prefix() string    { return "entry" }
func (ReportNoun) prefix() string   { return "report" }
func (ActionNoun) prefix() string   { return "action" }
func (EvidenceNoun) prefix() string { return "evidence" }
func (UserNoun) prefix() string     { return "user" }
func (KeyNoun) prefix() string      { return "key" }
func (SubjectNoun) prefix() string  { return "subject" }

// The identified nouns.
type (
	CaseID     = ID[CaseNoun]
	BankID     = ID[BankNoun]
	EntryID    = ID[EntryNoun]
	ReportID   = ID[ReportNoun]
	ActionID   = ID[ActionNoun]
	EvidenceID = ID[EvidenceNoun]
	UserID     = ID[UserNoun]
	KeyID      = ID[KeyNoun]
	SubjectID  = ID[SubjectNoun]
)

// String returns the prefix and 13 Crockford characters, "" for the zero id.
func (id ID[N]) String() string {
	if id == 0 {
		return ""
	}
	var n N
	return n.prefix() + "_" + crockford13(int64(id))
}

func crockford13(v int64) string {
	var b [13]byte
	for i := 12; i >= 0; i-- {
		b[i] = crockford[v&31]
		v >>= 5
	}
	return string(b[:])
}

// MarshalText is String, so that JSON never holds a number that JavaScript would round.
func (id ID[N]) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText parses what String returns; the prefix must be that of the noun.
func (id *ID[N]) UnmarshalText(b []byte) error {
	const op = "houvast.ID"
	var n N
	s := string(b)
	if s == "" {
		*id = 0
		return nil
	}
	rest, ok := strings.CutPrefix(s, n.prefix()+"_")
	if !ok || len(rest) != 13 {
		return Errorf(op, Invalid, "bad-id", "%q is not an id of a %s", clip(s), n.prefix()).
			WithHint("such an id looks like %s_0123456789abc", n.prefix())
	}
	var v int64
	for i := range len(rest) {
		d := strings.IndexByte(crockford, rest[i])
		if d < 0 || i == 0 && d > 7 {
			return Errorf(op, Invalid, "bad-id", "%q is not an id of a %s", clip(s), n.prefix())
		}
		v = v<<5 | int64(d)
	}
	*id = ID[N](v)
	return nil
}

// Value stores the id as a 64-bit integer.
func (id ID[N]) Value() (driver.Value, error) { return int64(id), nil }

// ParseID parses an id of the noun that the caller expects.
func ParseID[N noun](s string) (id ID[N], err error) {
	if s == "" {
		var n N
		return 0, Errorf("houvast.ParseID", Invalid, "bad-id", "the id of the %s is empty", n.prefix())
	}
	err = id.UnmarshalText([]byte(s))
	return id, err
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// epoch is the first millisecond of the id space; 41 bits last until 2094.
var epoch = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// IDs makes ids for one node. It is safe for concurrent use and never returns the same value twice,
// not even when the clock is set back while it lives. Over a restart that is for the clock to see to:
// see store.LawClock.
type IDs struct {
	now  func() time.Time
	node int64
	mu   sync.Mutex
	ms   int64
	n    int64
}

// NewIDs returns a maker of ids for node (0 to 1023).
func NewIDs(node int, now func() time.Time) *IDs {
	return &IDs{now: now, node: int64(node & 1023)}
}

// Next returns a new id value. The caller converts it: houvast.CaseID(ids.Next()).
func (g *IDs) Next() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	ms := max(g.now().Sub(epoch).Milliseconds(), g.ms, 1)
	if ms == g.ms {
		g.n++
		if g.n == 1<<12 {
			ms, g.n = ms+1, 0
		}
	} else {
		g.n = 0
	}
	g.ms = ms
	return ms<<22 | g.node<<12 | g.n
}

// RandomText returns a prefix and n random Crockford characters of 5 bits each.
func RandomText(prefix string, n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	for i := range b {
		b[i] = crockford[b[i]&31]
	}
	return fmt.Sprintf("%s_%s", prefix, b)
}
