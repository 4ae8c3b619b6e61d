package access

import (
	"database/sql"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access/browser"
	"github.com/houvast/houvast/internal/access/secret"
	"github.com/houvast/houvast/internal/store"
)

// Limits of a session, counted in law time. A clock that jumps ahead ends sessions early; one that
// is set back lengthens none.
const (
	IdleLimit     = 30 * time.Minute // without a request; up to touchEvery less, see Touch
	AbsoluteLimit = 12 * time.Hour   // from signing in
	MaxSessions   = 10               // of one user; another one ends the oldest

	touchEvery    = time.Minute
	sessionPrefix = "hvs_"
	tokenLen      = len(sessionPrefix) + secret.RandomLen
)

// A Session is a user who signed in, as it may be shown. Its id is not its token and opens nothing.
type Session struct {
	ID      string
	User    houvast.UserID
	Opened  time.Time
	Touched time.Time // last use, as far as Touch recorded it
	Browser string    // as browser.Describe says it, "" when not known
	Locked  time.Time // zero while it is open
}

// Ends returns when the session ends if nobody uses it.
func (s Session) Ends() time.Time {
	idle, abs := s.Touched.Add(IdleLimit), s.Opened.Add(AbsoluteLimit)
	if abs.Before(idle) {
		return abs
	}
	return idle
}

// OpenSession signs in whom Verify knew, and returns the token, which is nowhere else. from is kept
// when it is one of browser.Describe's texts, and nothing of it otherwise. If the account was disabled or got another password since, it
// fails as a wrong password does.
func OpenSession(tx *store.Tx, p Proof, from string) (Secret, Session, error) {
	const op = "access.OpenSession"
	if err := p.holds(tx); err != nil {
		return "", Session{}, houvast.Wrap(op, err)
	}
	if err := makeRoom(tx, p.user); err != nil {
		return "", Session{}, houvast.Wrap(op, err)
	}
	if !browser.Known(from) {
		from = ""
	}
	token := secret.New(sessionPrefix[:len(sessionPrefix)-1])
	s := Session{ID: houvast.RandomText("session", 26), User: p.user, Opened: tx.Now(), Touched: tx.Now(), Browser: from}
	_, err := tx.Exec("INSERT INTO access_session (hash, id, user_id, opened, touched, client, locked) VALUES ($1, $2, $3, $4, $5, $6, 0)",
		token.Digest(), s.ID, s.User, houvast.Micros(s.Opened), houvast.Micros(s.Touched), s.Browser)
	if err != nil {
		return "", Session{}, houvast.Wrap(op, err)
	}
	return token, s, nil
}

// holds looks again whether what Verify found is still so.
func (p Proof) holds(tx *store.Tx) error {
	var hash string
	var disabled int64
	err := tx.Row("SELECT password, disabled FROM access_user WHERE id = $1", store.Args(p.user), &hash, &disabled)
	if houvast.KindOf(err) == houvast.NotFound || err == nil && (disabled != 0 || Secret(hash) != p.hash) {
		return wrongLogin()
	}
	return err
}

// makeRoom removes the ended sessions of a user, and the oldest when there would be too many.
func makeRoom(tx *store.Tx, user houvast.UserID) error {
	now := tx.Now()
	_, err := tx.Exec("DELETE FROM access_session WHERE user_id = $1 AND (touched <= $2 OR opened <= $3)",
		user, houvast.Micros(now.Add(-IdleLimit)), houvast.Micros(now.Add(-AbsoluteLimit)))
	if err != nil {
		return err
	}
	open, err := Sessions(tx, user)
	for i := 0; err == nil && i <= len(open)-MaxSessions; i++ {
		err = CloseSession(tx, open[i].ID)
	}
	return err
}

// A holder is a session with whose it is.
type holder struct {
	Session
	name, roles string
}

// bySession finds the user of a token.
func bySession(tx *store.Tx, token Secret) (Principal, error) {
	h, err := holderOf(tx, token)
	if err != nil {
		return Principal{}, err
	}
	if !h.Locked.IsZero() {
		return Principal{}, houvast.Errorf("access.Authenticate", houvast.Unauthenticated, "session-locked", "the session is locked").
			WithHint("give the password to go on, or sign out")
	}
	roles, err := readRoles(h.roles)
	if err != nil {
		return Principal{}, err
	}
	return Principal{
		Actor: userActor(h.name), Kind: KindUser, UserID: h.User, Session: h.ID, Roles: roles,
		Due: tx.Now().Sub(h.Touched) >= touchEvery,
	}, nil
}

// holderOf finds the session of a token, locked or not, that has not ended.
func holderOf(tx *store.Tx, token Secret) (h holder, err error) {
	const op = "access.Authenticate"
	if len(token) != tokenLen || !strings.HasPrefix(string(token), sessionPrefix) {
		return holder{}, badCredential()
	}
	err = scanSession(func(dest ...any) error {
		return tx.Row("SELECT "+sessionColumns+`, u.name, u.roles FROM access_session s JOIN access_user u ON u.id = s.user_id
			WHERE s.hash = $1 AND u.disabled = 0`, store.Args(token.Digest()), dest...)
	}, &h.Session, &h.name, &h.roles)
	switch {
	case houvast.KindOf(err) == houvast.NotFound:
		return holder{}, badCredential()
	case err != nil:
		return holder{}, houvast.Wrap(op, err)
	case !tx.Now().Before(h.Ends()):
		return holder{}, houvast.Errorf(op, houvast.Unauthenticated, "session-ended", "the session has ended").
			WithHint("sign in again")
	}
	return h, nil
}

const sessionColumns = "s.id, s.user_id, s.opened, s.touched, s.client, s.locked"

// scanSession reads sessionColumns, and more after them.
func scanSession(scan func(dest ...any) error, s *Session, more ...any) error {
	var user, opened, touched, locked int64
	if err := scan(append([]any{&s.ID, &user, &opened, &touched, &s.Browser, &locked}, more...)...); err != nil {
		return err
	}
	s.User, s.Opened, s.Touched, s.Locked = houvast.UserID(user), houvast.FromMicros(opened), houvast.FromMicros(touched), houvast.FromMicros(locked)
	return nil
}

func touchSession(tx *store.Tx, id string) error {
	now := tx.Now()
	_, err := tx.Exec("UPDATE access_session SET touched = $2 WHERE id = $1 AND locked = 0 AND touched <= $3 AND touched > $4 AND opened > $5",
		id, houvast.Micros(now), houvast.Micros(now.Add(-touchEvery)),
		houvast.Micros(now.Add(-IdleLimit)), houvast.Micros(now.Add(-AbsoluteLimit)))
	return houvast.Wrap("access.Touch", err)
}

// Sessions lists the sessions of a user that have not ended, oldest first, locked ones too.
func Sessions(tx *store.Tx, user houvast.UserID) (list []Session, err error) {
	now := tx.Now()
	err = tx.Rows("SELECT "+sessionColumns+` FROM access_session s
		WHERE s.user_id = $1 AND s.touched > $2 AND s.opened > $3 ORDER BY s.opened, s.id`,
		store.Args(user, houvast.Micros(now.Add(-IdleLimit)), houvast.Micros(now.Add(-AbsoluteLimit))),
		func(row *sql.Rows) error {
			var s Session
			err := scanSession(row.Scan, &s)
			list = append(list, s)
			return err
		})
	return list, houvast.Wrap("access.Sessions", err)
}

// CloseSession ends one session by its id. Ending it again changes nothing.
func CloseSession(tx *store.Tx, id string) error {
	_, err := tx.Exec("DELETE FROM access_session WHERE id = $1", id)
	return houvast.Wrap("access.CloseSession", err)
}

// CloseOwnSession ends one session of a user by its id; NotFound, code no-session, when none of theirs
// has it.
func CloseOwnSession(tx *store.Tx, user houvast.UserID, id string) error {
	const op = "access.CloseOwnSession"
	n, err := tx.Exec("DELETE FROM access_session WHERE id = $1 AND user_id = $2", id, user)
	if err == nil && n == 0 {
		return houvast.Errorf(op, houvast.NotFound, "no-session", "you have no such session").
			WithHint("it may have ended already; load the list again")
	}
	return houvast.Wrap(op, err)
}

// CloseSessions ends every session of a user.
func CloseSessions(tx *store.Tx, user houvast.UserID) error {
	_, err := tx.Exec("DELETE FROM access_session WHERE user_id = $1", user)
	return houvast.Wrap("access.CloseSessions", err)
}
