package access

import (
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

// LockSession locks one session by its id: from the next request on its token opens nothing, until
// UnlockSession. Both limits of the session go on, and no use moves the idle one. Locking it again,
// or one that has ended, changes nothing.
func LockSession(tx *store.Tx, id string) error {
	_, err := tx.Exec("UPDATE access_session SET locked = $2 WHERE id = $1 AND locked = 0", id, houvast.Micros(tx.Now()))
	return houvast.Wrap("access.LockSession", err)
}

// Locked returns whose locked session a token is, for the page that asks for the password or signs
// out. ok is false when the token opens no session, the session has ended, or it is not locked.
func Locked(tx *store.Tx, token Secret) (name string, s Session, ok bool, err error) {
	h, err := holderOf(tx, token)
	switch {
	case houvast.KindOf(err) == houvast.Unauthenticated:
		return "", Session{}, false, nil
	case err != nil || h.Locked.IsZero():
		return "", Session{}, false, err
	}
	return h.name, h.Session, true, nil
}

// UnlockSession opens the locked session of a token again for whom Verify knew, and counts as use.
// Somebody else's proof, or one that has become void, fails as a wrong password does; a session that
// has ended stays ended. Unlocking one that is open changes nothing.
func UnlockSession(tx *store.Tx, token Secret, p Proof) (Session, error) {
	const op = "access.UnlockSession"
	h, err := holderOf(tx, token)
	if err != nil {
		return Session{}, err
	}
	if h.User != p.user {
		return Session{}, wrongLogin()
	}
	if err := p.holds(tx); err != nil || h.Locked.IsZero() {
		return h.Session, houvast.Wrap(op, err)
	}
	h.Locked, h.Touched = time.Time{}, tx.Now()
	_, err = tx.Exec("UPDATE access_session SET locked = 0, touched = $2 WHERE id = $1", h.ID, houvast.Micros(h.Touched))
	return h.Session, houvast.Wrap(op, err)
}

// ChangePassword gives who knew the old password a new one, as Gate.Hash returned it, and ends every
// session of theirs but keep, the id of the one they do it in. A void proof fails as a wrong password
// does.
func ChangePassword(tx *store.Tx, p Proof, hash Secret, keep string) error {
	const op = "access.ChangePassword"
	if err := checkHash(op, hash); err != nil {
		return err
	}
	if err := p.holds(tx); err != nil {
		return houvast.Wrap(op, err)
	}
	if _, err := tx.Exec("UPDATE access_user SET password = $2 WHERE id = $1", p.user, string(hash)); err != nil {
		return houvast.Wrap(op, err)
	}
	_, err := tx.Exec("DELETE FROM access_session WHERE user_id = $1 AND id <> $2", p.user, keep)
	return houvast.Wrap(op, err)
}

// Name returns the name of a user, "" of anybody else.
func (p Principal) Name() string {
	name, ok := strings.CutPrefix(string(p.Actor), "user:")
	if !ok || p.Kind != KindUser {
		return ""
	}
	return name
}

// SessionOpen reports whether the session of an id opens anything now: it has not ended, is not locked,
// and its user is enabled. For what is asked for without the token, as a rendition is.
func SessionOpen(tx *store.Tx, id string) (bool, error) {
	var s Session
	err := scanSession(func(dest ...any) error {
		return tx.Row("SELECT "+sessionColumns+` FROM access_session s JOIN access_user u ON u.id = s.user_id
			WHERE s.id = $1 AND u.disabled = 0`, store.Args(id), dest...)
	}, &s)
	if houvast.KindOf(err) == houvast.NotFound {
		return false, nil
	}
	return err == nil && s.Locked.IsZero() && tx.Now().Before(s.Ends()), houvast.Wrap("access.SessionOpen", err)
}
