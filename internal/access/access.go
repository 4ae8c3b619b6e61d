// Package access says who may do what: staff accounts, their sessions, API keys, and the one table
// of rules that every route asks.
//
// The nouns. A user is a staff account with a name, roles and a password. A session is a user who
// signed in; it is known by a token. A key is a program of a platform service; it is known by its
// text, has scopes and belongs to a source. A principal is whoever stands behind one request: a
// user, a key, or the command line beside the server. A rule says for one operation which roles,
// which scopes and whether the command line may do it. The choice is what the installation is and whose
// law it follows; until it is made, nearly nothing can be written.
//
// The states. A user is enabled, then disabled for good; the name is never given away again,
// because the audit log names people by it. A session is open until 30 minutes without use, until
// 12 hours have passed, until it is closed, or until its user is disabled or gets another password,
// whichever comes first. Meanwhile it can be locked: it opens nothing until the password is given
// again, and ends as if nobody used it. A key is valid until it is revoked.
//
// Roles. Admin keeps the installation, and sees neither cases nor reports by that role. Reviewer
// decides what is handed out. Approver lets reports and actions leave. Auditor reads. A user may hold
// several, since small houses have few people: that no one approves their own decision is held per
// case, between persons, by the rooms. Auditor stands alone: who checks has no hand in what is
// checked. Reviewers have no list of cases, so none can be picked; who is also an approver can see
// the list, but review.next hands out the next case all the same.
//
// Nobody changes their own roles, and the last enabled admin stays one. An admin can still make a
// second account for themselves; that it happened is in the audit log, and the rooms compare
// persons only as far as accounts do.
//
// What must stay true:
//   - An operation without a rule is refused as our own defect; nothing is allowed by silence.
//   - Of a password only argon2id is stored, of tokens and keys only SHA-256 of 256 random bits or
//     more. No error, log line or format verb shows one: they travel as Secret.
//   - Signing in costs one argon2id, whether the name is known or not, and gives one answer for an
//     unknown name, a wrong password and a disabled account. At most two are computed at once.
//   - Whatever ends a session or a key works on the next request: nothing is cached.
//   - There is no default account and no default password. The first account comes from the command
//     line or from Begin, and Begin ends with it.
//   - Of a browser two words of a closed list are kept, of an address nothing.
//
// Slow work stands outside transactions: Gate hashes and verifies, and hands what it found to
// OpenSession, UnlockSession, ChangePassword, Begin, AddUser or SetPassword, which look again. So this package writes nothing by itself
// and holds no store.Writer; the pipeline calls it with a transaction that also holds the audit line.
//
// Hashes and limits are in package password, texts that must not be shown in package secret, both
// below this one.
//
// Where numbers come from: NIST SP 800-63B revision 3 for the 30 minutes and 12 hours of AAL2.
package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

// A Role is what a user may do.
type Role string

// The roles.
const (
	Admin    Role = "admin"    // keeps users, keys, banks and the machine
	Reviewer Role = "reviewer" // is handed cases and decides them
	Approver Role = "approver" // lets reports and actions leave, and confirms decisions
	Auditor  Role = "auditor"  // reads, and stands alone
)

// Roles returns every role, in the order in which they are stored and shown.
func Roles() []Role { return []Role{Admin, Reviewer, Approver, Auditor} }

// A Scope is what an API key may do.
type Scope string

// The scopes.
const (
	ScopeItems  Scope = "items"  // hand in items and ask for their state
	ScopeLookup Scope = "lookup" // look up hashes; for trusted services only
	ScopeBanks  Scope = "banks"  // keep banks
	ScopeRead   Scope = "read"   // read events
)

// Scopes returns every scope, in the order in which they are stored and shown.
func Scopes() []Scope { return []Scope{ScopeItems, ScopeLookup, ScopeBanks, ScopeRead} }

// A PrincipalKind says by what somebody is known. The zero value is nobody.
type PrincipalKind string

// The kinds of principals.
const (
	KindUser PrincipalKind = "user" // a session token
	KindKey  PrincipalKind = "key"  // an API key
	KindCLI  PrincipalKind = "cli"  // the control socket
)

// A Principal is whoever stands behind one request. The zero value is nobody. It holds no secret.
type Principal struct {
	Actor   houvast.Actor // as the audit log names them
	Kind    PrincipalKind
	UserID  houvast.UserID // of a user
	Session string         // of a user: the id of the session, which is not its token
	Roles   []Role         // of a user
	KeyID   houvast.KeyID  // of a key
	Source  string         // of a key: the platform service it belongs to, may be empty
	Scopes  []Scope        // of a key
	Due     bool           // Touch would write; false for most requests
}

// CLI returns the principal of a process at the control socket. The caller has checked with the
// kernel that uid is the peer's, and that this uid may use the socket.
func CLI(uid uint32) Principal {
	return Principal{Actor: houvast.Actor(fmt.Sprintf("cli:%d", uid)), Kind: KindCLI}
}

// Authenticate returns whom a session token or an API key belongs to. Every refusal is of kind
// Unauthenticated, with code no-credential, session-ended, session-locked or bad-credential. It reads only: when the
// principal is Due, the caller runs Touch in a write transaction.
func Authenticate(tx *store.Tx, bearer Secret) (Principal, error) {
	switch {
	case bearer == "":
		return Principal{}, houvast.Errorf("access.Authenticate", houvast.Unauthenticated, "no-credential", "nobody is signed in").
			WithHint("sign in, or send an API key as a bearer token")
	case strings.HasPrefix(string(bearer), sessionPrefix):
		return bySession(tx, bearer)
	default:
		return byKey(tx, bearer)
	}
}

func badCredential() error {
	return houvast.Errorf("access.Authenticate", houvast.Unauthenticated, "bad-credential", "this credential is not valid").
		WithHint("sign in again, or use a key that has not been revoked")
}

// Touch records that a session or key was used: a session's idle time begins anew, at most once a
// minute; of a key only the day is kept. It changes nothing when there is nothing to record, and
// does not bring back what has ended meanwhile.
func Touch(tx *store.Tx, p Principal) error {
	switch p.Kind {
	case KindUser:
		return touchSession(tx, p.Session)
	case KindKey:
		return touchKey(tx, p.KeyID)
	}
	return nil
}

// set is a role or a scope: closed lists that are stored as text, in the order of their list.
type set interface{ Role | Scope }

// ordered returns the members of want in the order of all, each once; false when one is unknown.
func ordered[T set](all, want []T) ([]T, bool) {
	var out []T
	for _, v := range all {
		if slices.Contains(want, v) {
			out = append(out, v)
		}
	}
	known := !slices.ContainsFunc(want, func(v T) bool { return !slices.Contains(all, v) })
	return out, known
}

func join[T set](set []T, sep string) string {
	var b strings.Builder
	for i, v := range set {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(string(v))
	}
	return b.String()
}

// split reads what join wrote of an ordered, non-empty set, and nothing else.
func split[T set](all []T, text, sep string) ([]T, bool) {
	var want []T
	for part := range strings.SplitSeq(text, sep) {
		want = append(want, T(part))
	}
	out, known := ordered(all, want)
	return out, known && join(out, sep) == text
}

// maxName bounds the names of users, keys and sources, in bytes.
const maxName = 64

// foldName returns the one spelling of a name: 1 to 64 of a-z, 0-9, dot, underscore and hyphen,
// beginning with a letter or digit. Only A-Z is folded: other letters would fold into these too.
func foldName(name string) (string, bool) {
	if name == "" || len(name) > maxName {
		return "", false
	}
	b := []byte(name)
	for i, c := range b {
		switch {
		case 'A' <= c && c <= 'Z':
			b[i] = c + 'a' - 'A'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case i > 0 && (c == '.' || c == '_' || c == '-'):
		default:
			return "", false
		}
	}
	return string(b), true
}

func badName(op, what string) error {
	return houvast.Errorf(op, houvast.Invalid, "bad-name", "the %s cannot be used", what).
		WithHint("use 1 to %d letters a-z, digits, dots, underscores and hyphens, beginning with a letter or digit", maxName)
}
