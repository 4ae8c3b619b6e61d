package access

import (
	"database/sql"
	"time"

	"github.com/houvast/houvast"
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
	tokenLen      = len(sessionPrefix) + randomLen
)

// A Session is a user who signed in, as it may be shown. Its id is not its token and opens nothing.
type Session struct {
	ID      string
	User    houvast.UserID
	Opened  time.Time
	Touched time.Time // last use, as far as Touch recorded it
}

// Ends returns when the session ends if nobody uses it.
func (s Session) Ends() time.Time {
	idle, abs := s.Touched.Add(IdleLimit), s.Opened.Add(AbsoluteLimit)
	if abs.Before(idle) {
		return abs
	}
	return idle
}

// OpenSession signs in whom Verify knew, and returns the token, which is nowhere else. If the
// account was disabled or got another password since, it fails as a wrong password does.
func OpenSession(tx *store.Tx, p Proof) (Secret, Session, error) {
	const op = "access.OpenSession"
	var password string
	var disabled int64
	err := tx.Row("SELECT password, disabled FROM access_user WHERE id = $1", store.Args(p.user), &password, &disabled)
	switch {
	case houvast.KindOf(err) == houvast.NotFound, err == nil && (disabled != 0 || password != p.password):
		return "", Session{}, wrongLogin()
	case err != nil:
		return "", Session{}, houvast.Wrap(op, err)
	}
	if err := makeRoom(tx, p.user); err != nil {
		return "", Session{}, houvast.Wrap(op, err)
	}
	token := newSecret(sessionPrefix[:len(sessionPrefix)-1])
	s := Session{ID: houvast.RandomText("session", 26), User: p.user, Opened: tx.Now(), Touched: tx.Now()}
	_, err = tx.Exec("INSERT INTO access_session (hash, id, user_id, opened, touched) VALUES ($1, $2, $3, $4, $5)",
		token.digest(), s.ID, s.User, houvast.Micros(s.Opened), houvast.Micros(s.Touched))
	if err != nil {
		return "", Session{}, houvast.Wrap(op, err)
	}
	return token, s, nil
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

// bySession finds the user of a token.
func bySession(tx *store.Tx, token Secret) (Principal, error) {
	const op = "access.Authenticate"
	if len(token) != tokenLen {
		return Principal{}, badCredential()
	}
	var s Session
	var user, opened, touched int64
	var name, text string
	err := tx.Row(`SELECT s.id, s.user_id, s.opened, s.touched, u.name, u.roles
		FROM access_session s JOIN access_user u ON u.id = s.user_id
		WHERE s.hash = $1 AND u.disabled = 0`,
		store.Args(token.digest()), &s.ID, &user, &opened, &touched, &name, &text)
	switch {
	case houvast.KindOf(err) == houvast.NotFound:
		return Principal{}, badCredential()
	case err != nil:
		return Principal{}, houvast.Wrap(op, err)
	}
	s.Opened, s.Touched = houvast.FromMicros(opened), houvast.FromMicros(touched)
	now := tx.Now()
	if !now.Before(s.Ends()) {
		return Principal{}, houvast.Errorf(op, houvast.Unauthenticated, "session-ended", "the session has ended").
			WithHint("sign in again")
	}
	roles, err := readRoles(text)
	if err != nil {
		return Principal{}, err
	}
	return Principal{
		Actor: userActor(name), Kind: KindUser, UserID: houvast.UserID(user), Session: s.ID, Roles: roles,
		Due: now.Sub(s.Touched) >= touchEvery,
	}, nil
}

func touchSession(tx *store.Tx, id string) error {
	now := tx.Now()
	_, err := tx.Exec("UPDATE access_session SET touched = $2 WHERE id = $1 AND touched <= $3 AND touched > $4 AND opened > $5",
		id, houvast.Micros(now), houvast.Micros(now.Add(-touchEvery)),
		houvast.Micros(now.Add(-IdleLimit)), houvast.Micros(now.Add(-AbsoluteLimit)))
	return houvast.Wrap("access.Touch", err)
}

// Sessions lists the sessions of a user that have not ended, oldest first.
func Sessions(tx *store.Tx, user houvast.UserID) (list []Session, err error) {
	now := tx.Now()
	err = tx.Rows(`SELECT id, opened, touched FROM access_session
		WHERE user_id = $1 AND touched > $2 AND opened > $3 ORDER BY opened, id`,
		store.Args(user, houvast.Micros(now.Add(-IdleLimit)), houvast.Micros(now.Add(-AbsoluteLimit))),
		func(row *sql.Rows) error {
			s := Session{User: user}
			var opened, touched int64
			if err := row.Scan(&s.ID, &opened, &touched); err != nil {
				return err
			}
			s.Opened, s.Touched = houvast.FromMicros(opened), houvast.FromMicros(touched)
			list = append(list, s)
			return nil
		})
	return list, houvast.Wrap("access.Sessions", err)
}

// CloseSession ends one session by its id. Ending it again changes nothing.
func CloseSession(tx *store.Tx, id string) error {
	_, err := tx.Exec("DELETE FROM access_session WHERE id = $1", id)
	return houvast.Wrap("access.CloseSession", err)
}

// CloseSessions ends every session of a user.
func CloseSessions(tx *store.Tx, user houvast.UserID) error {
	_, err := tx.Exec("DELETE FROM access_session WHERE user_id = $1", user)
	return houvast.Wrap("access.CloseSessions", err)
}
