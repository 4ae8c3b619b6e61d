package access

import (
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access/password"
	"github.com/houvast/houvast/internal/store"
)

func (d desk) lock(s Session) {
	d.Helper()
	d.update(func(tx *store.Tx) error { return LockSession(tx, s.ID) })
}

func (d desk) locked(token Secret) (name string, s Session, ok bool) {
	d.Helper()
	d.update(func(tx *store.Tx) (err error) { name, s, ok, err = Locked(tx, token); return err })
	return name, s, ok
}

// proof is what Verify would return now, without its second of computing.
func proof(u User) Proof { return Proof{user: u.ID, hash: goodHash()} }

func unlock(token Secret, p Proof) func(tx *store.Tx) error {
	return func(tx *store.Tx) error { _, err := UnlockSession(tx, token, p); return err }
}

// A locked session opens nothing, and only the proof of its own account opens it again.
func TestLockedSession(t *testing.T) {
	each(t, func(d desk) {
		u, other := d.user("anna", Reviewer), d.user("bo", Admin)
		token, s := d.open(u)
		second, _ := d.open(u)
		theirs, _ := d.open(other)
		if _, _, ok := d.locked(token); ok {
			d.Error("an open session is said to be locked")
		}
		d.lock(s)
		d.wantAuth("locked", token, "session-locked")
		d.wantAuth("the user's other session", second, "")
		d.wantAuth("somebody else's session", theirs, "")
		at := d.clock.Now()
		d.clock.Advance(time.Second)
		d.lock(s) // again, which changes nothing
		name, found, ok := d.locked(token)
		if !ok || name != "anna" || found.ID != s.ID || found.User != u.ID || !found.Locked.Equal(at) {
			d.Errorf("locked: %v %q %+v", ok, name, found)
		}
		for what, v := range variants(token) {
			if _, _, ok := d.locked(v); ok {
				d.Errorf("%s finds the locked session", what)
			}
		}
		d.refused("wrong-login", unlock(token, proof(other)))
		d.refused("wrong-login", unlock(token, Proof{}))
		d.refused("wrong-login", unlock(token, Proof{user: u.ID, hash: "another"}))
		d.refused("bad-credential", unlock(token+"0", proof(u)))
		d.refused("bad-credential", unlock("", proof(u)))
		d.wantAuth("after proofs that are none", token, "session-locked")
		d.update(unlock(token, proof(u)))
		d.wantAuth("unlocked", token, "")
		d.update(unlock(token, proof(u))) // again, which changes nothing
		if _, _, ok := d.locked(token); ok {
			d.Error("it is still said to be locked")
		}
		// Control: what keeps a locked session out is its mark in the database and nothing else.
		d.lock(s)
		d.wantAuth("locked again", token, "session-locked")
		d.update(func(tx *store.Tx) error { _, err := tx.Exec("UPDATE access_session SET locked = 0"); return err })
		d.wantAuth("control: with the mark taken away", token, "")
		// A locked session is signed out like any other.
		d.lock(s)
		d.update(func(tx *store.Tx) error { return CloseSession(tx, s.ID) })
		d.wantAuth("signed out", token, "bad-credential")
		d.refused("bad-credential", unlock(token, proof(u)))
	})
}

// The limits go on while a session is locked, and the password does not move the absolute one.
func TestLockedSessionEnds(t *testing.T) {
	each(t, func(d desk) {
		u := d.user("anna", Reviewer)
		token, s := d.open(u)
		d.clock.Advance(2 * touchEvery)
		p, err := d.auth(token)
		if err != nil || !p.Due {
			d.Fatal(p, err)
		}
		d.lock(s)
		d.touch(p) // of a request that came in before
		d.clock.Advance(IdleLimit - 2*touchEvery - time.Microsecond)
		d.wantAuth("just before the idle limit", token, "session-locked")
		d.clock.Advance(time.Microsecond)
		d.wantAuth("at the idle limit, whatever was touched while locked", token, "session-ended")
		if _, _, ok := d.locked(token); ok {
			d.Error("an ended session is said to be locked")
		}
		d.refused("session-ended", unlock(token, proof(u)))
		// Control: the same touch of a session that is not locked keeps it.
		token, _ = d.open(u)
		d.clock.Advance(2 * touchEvery)
		p, _ = d.auth(token)
		d.touch(p)
		d.clock.Advance(IdleLimit - 2*touchEvery)
		d.wantAuth("control: touched while open", token, "")

		token, s = d.open(u)
		left := AbsoluteLimit
		for step := 20 * time.Minute; left > step; left -= step {
			d.clock.Advance(step)
			d.lock(s)
			d.update(unlock(token, proof(u))) // is use: the idle limit never comes
			d.wantAuth("unlocked again and again", token, "")
		}
		d.clock.Advance(left - time.Microsecond)
		d.lock(s)
		d.update(unlock(token, proof(u)))
		d.clock.Advance(time.Microsecond)
		d.wantAuth("at the absolute limit", token, "session-ended")
		d.refused("session-ended", unlock(token, proof(u)))
	})
}

// Whoever is disabled or gets another password does not come back by unlocking.
func TestUnlockLooksAgain(t *testing.T) {
	each(t, func(d desk) {
		d.user("keeper", Admin)
		u := d.user("anna", Reviewer)
		token, s := d.open(u)
		d.lock(s)
		d.update(func(tx *store.Tx) error { // as if between Verify and UnlockSession, with the session left
			_, err := tx.Exec("UPDATE access_user SET password = $1 WHERE id = $2", string(password.New(goodPassword).Text()), u.ID)
			return err
		})
		d.refused("wrong-login", unlock(token, proof(u)))
		d.update(func(tx *store.Tx) error {
			_, err := tx.Exec("UPDATE access_user SET disabled = 1 WHERE id = $1", u.ID)
			return err
		})
		d.refused("bad-credential", unlock(token, proof(u)))
		if _, _, ok := d.locked(token); ok {
			d.Error("the session of a disabled account is said to be locked")
		}
		d.update(func(tx *store.Tx) error {
			_, err := tx.Exec("UPDATE access_user SET disabled = 0, password = $1 WHERE id = $2", string(goodHash()), u.ID)
			return err
		})
		d.update(unlock(token, proof(u))) // control: with the account as it was
	})
}

// A new password ends every session but the one it was changed in, and voids what was proved before.
func TestChangePassword(t *testing.T) {
	each(t, func(d desk) {
		u, other := d.user("anna", Reviewer), d.user("bo", Admin)
		here, s := d.open(u)
		there, _ := d.open(u)
		theirs, _ := d.open(other)
		change := func(p Proof, hash Secret, keep string) func(tx *store.Tx) error {
			return func(tx *store.Tx) error { return ChangePassword(tx, p, hash, keep) }
		}
		fresh, err := d.gate.Hash(d.Context(), "anna", "four other garden words")
		if err != nil {
			d.Fatal(err)
		}
		d.refused("internal", change(proof(u), "four other garden words", s.ID))
		d.refused("wrong-login", change(Proof{}, fresh, s.ID))
		d.refused("wrong-login", change(Proof{user: u.ID}, fresh, s.ID))
		d.wantAuth("after refusals", there, "")
		d.update(change(proof(u), fresh, s.ID))
		d.wantAuth("where it was changed", here, "")
		d.wantAuth("the user's other session", there, "bad-credential")
		d.wantAuth("somebody else's", theirs, "")
		d.refused("wrong-login", change(proof(u), fresh, s.ID))
		if err := d.verify("anna", goodPassword, "here"); houvast.CodeOf(err) != "wrong-login" {
			d.Error("the old password:", err)
		}
		if err := d.verify("anna", "four other garden words", "here"); err != nil {
			d.Error("the new password:", err)
		}
		if err := d.verify("bo", goodPassword, "here"); err != nil {
			d.Error("somebody else's password:", err)
		}
	})
}

// Nobody closes a session that is not theirs.
func TestCloseOwnSession(t *testing.T) {
	each(t, func(d desk) {
		u, other := d.user("anna", Reviewer), d.user("bo", Admin)
		token, s := d.open(u)
		closeAs := func(u User, id string) func(tx *store.Tx) error {
			return func(tx *store.Tx) error { return CloseOwnSession(tx, u.ID, id) }
		}
		d.refused("no-session", closeAs(other, s.ID))
		d.refused("no-session", closeAs(u, ""))
		d.refused("no-session", closeAs(u, s.ID+"0"))
		d.wantAuth("after refusals", token, "")
		d.update(closeAs(u, s.ID))
		d.wantAuth("closed by its owner", token, "bad-credential")
		d.refused("no-session", closeAs(u, s.ID))
	})
}

// Of a browser only words of the list are kept, whoever calls.
func TestSessionKnowsItsBrowser(t *testing.T) {
	each(t, func(d desk) {
		u := d.user("anna", Reviewer)
		header := "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
		for from, want := range map[string]string{
			"": "", ClientOf("192.0.2.7:1", header).Browser: "Firefox, Linux", header: "", "Firefox, Linux, 192.0.2.7": "",
		} {
			d.update(func(tx *store.Tx) error {
				_, s, err := OpenSession(tx, proof(u), from)
				if err != nil || s.Browser != want {
					d.Errorf("from %q: %q, %v", from, s.Browser, err)
				}
				list, err := Sessions(tx, u.ID)
				if len(list) != 1 || list[0] != s {
					d.Errorf("listed as %+v, opened as %+v", list, s)
				}
				if err == nil {
					err = CloseSessions(tx, u.ID)
				}
				return err
			})
		}
	})
}

func TestPrincipalName(t *testing.T) {
	for want, p := range map[string]Principal{
		"anna": {Actor: "user:anna", Kind: KindUser},
		"":     {Actor: "key:one", Kind: KindKey},
	} {
		if got := p.Name(); got != want {
			t.Errorf("%v is called %q", p.Actor, got)
		}
	}
	if (Principal{Actor: "user:anna", Kind: KindKey}).Name() != "" || CLI(0).Name() != "" || (Principal{}).Name() != "" {
		t.Error("somebody who is no user has a user's name")
	}
}

// A session is open by its id until it is locked, ended, or its user disabled.
func TestSessionOpen(t *testing.T) {
	each(t, func(d desk) {
		u := d.user("anna", Reviewer)
		open := func(what, id string, want bool) {
			d.Helper()
			var got bool
			d.update(func(tx *store.Tx) (err error) { got, err = SessionOpen(tx, id); return err })
			if got != want {
				d.Errorf("%s: open %v, want %v", what, got, want)
			}
		}
		token, s := d.open(u)
		open("fresh", s.ID, true)
		open("unknown", s.ID+"x", false)
		d.lock(s)
		open("locked", s.ID, false)
		d.update(unlock(token, proof(u)))
		open("unlocked", s.ID, true)
		d.clock.Advance(IdleLimit)
		open("idle too long", s.ID, false)
		_, s = d.open(u)
		open("another", s.ID, true)
		d.update(func(tx *store.Tx) error { _, err := tx.Exec("UPDATE access_user SET disabled = 1"); return err })
		open("of a disabled user", s.ID, false)
	})
}
