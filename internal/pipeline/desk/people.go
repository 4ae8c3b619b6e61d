package desk

import (
	"context"
	"strings"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/store"
)

// NobodyYet reports whether no account is enabled, so that the first one may be made by Begin.
func (d Desk) NobodyYet(ctx context.Context) (bool, error) { return read(ctx, d, access.NobodyYet) }

// A First is what begins an installation.
type First struct {
	Profile      houvast.InstallationProfile // both empty when the configuration has chosen
	Jurisdiction string
	Own          evidence.Policy // what the configuration says about retention, may be empty
	User         access.NewUser  // admin whether it says so or not; its password hashed by the gate
}

// Begin makes the first account and the choice of what the installation is, both or neither, with a
// line in the audit log for each. The caller keeps what it returns as the pipeline's Installation.
// Once any account is enabled it is Gone, code setup-done; a jurisdiction without a known period is
// refused as evidence.PolicyFor does.
func (d Desk) Begin(ctx context.Context, by houvast.Actor, first First) (in pipeline.Installation, u access.User, err error) {
	_, err = pipeline.Do(ctx, d.Pipeline, pipeline.Ask{By: by, Op: "users.add"}, func(tx *store.Tx) (_ bool, done pipeline.Done, err error) {
		wanted := access.Choice{Profile: first.Profile, Jurisdiction: first.Jurisdiction}
		var c access.Choice
		var chose bool
		if u, c, chose, err = access.Begin(tx, wanted, first.User); err != nil {
			return false, done, err
		}
		in = pipeline.Installation{Profile: c.Profile, Jurisdiction: c.Jurisdiction}
		if in.Policy, err = evidence.PolicyFor(c.Profile, c.Jurisdiction, first.Own); err != nil {
			return false, done, err
		}
		if chose {
			_, err = audit.Append(tx, audit.Line{Actor: by, Action: "profile.choose",
				Detail: map[string]string{"profile": string(c.Profile), "jurisdiction": c.Jurisdiction, "law": in.Policy.Law}})
		}
		return true, pipeline.Done{Subject: u.Name}, err
	})
	if err != nil {
		return pipeline.Installation{}, access.User{}, err
	}
	return in, u, nil
}

// AddUser makes a staff account.
func (d Desk) AddUser(ctx context.Context, ask pipeline.Ask, n access.NewUser) (access.User, error) {
	return pipeline.Do(ctx, d.Pipeline, pipeline.Ask{By: ask.By, Op: ask.Op}, func(tx *store.Tx) (access.User, pipeline.Done, error) {
		u, err := access.AddUser(tx, n)
		return u, pipeline.Done{Subject: u.Name}, err
	})
}

// Users lists staff accounts.
func (d Desk) Users(ctx context.Context, after houvast.UserID, limit int) ([]access.User, error) {
	return read(ctx, d, func(tx *store.Tx) ([]access.User, error) { return access.Users(tx, after, limit) })
}

// DisableUser ends an account and its sessions.
func (d Desk) DisableUser(ctx context.Context, ask pipeline.Ask, id houvast.UserID) error {
	_, err := pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (bool, pipeline.Done, error) {
		u, err := access.UserByID(tx, id)
		if err == nil {
			err = access.DisableUser(tx, id)
		}
		return true, pipeline.Did(id.String(), map[string]string{"name": u.Name}), err
	})
	return err
}

// CreateKey makes an API key. Its text is in the answer and nowhere else, so the answer is not kept
// for a repeated request.
func (d Desk) CreateKey(ctx context.Context, ask pipeline.Ask, n access.NewKey) (secret access.Secret, k access.Key, err error) {
	_, err = pipeline.Do(ctx, d.Pipeline, pipeline.Ask{By: ask.By, Op: ask.Op}, func(tx *store.Tx) (bool, pipeline.Done, error) {
		secret, k, err = access.CreateKey(tx, n)
		return true, pipeline.Done{Subject: k.Name}, err
	})
	return secret, k, err
}

// APIKeys lists API keys.
func (d Desk) APIKeys(ctx context.Context, after houvast.KeyID, limit int) ([]access.Key, error) {
	return read(ctx, d, func(tx *store.Tx) ([]access.Key, error) { return access.Keys(tx, after, limit) })
}

// RevokeKey ends an API key.
func (d Desk) RevokeKey(ctx context.Context, ask pipeline.Ask, id houvast.KeyID) error {
	_, err := pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (bool, pipeline.Done, error) {
		if err := access.RevokeKey(tx, id); err != nil {
			return false, pipeline.Done{}, err
		}
		keys, err := access.Keys(tx, id-1, 1)
		if err != nil || len(keys) == 0 {
			return false, pipeline.Done{}, err
		}
		return true, pipeline.Did(id.String(), map[string]string{"name": keys[0].Name}), nil
	})
	return err
}

// SignIn checks a password and opens a session.
func (d Desk) SignIn(ctx context.Context, gate *access.Gate, name string, password access.Secret, client access.Client) (token access.Secret, s access.Session, err error) {
	proof, err := gate.Verify(ctx, d.W.DB(), name, password, client.Address)
	if err != nil {
		return "", s, err
	}
	by := houvast.Actor("user:" + strings.ToLower(name)) // the one spelling of a name that is known
	_, err = pipeline.Do(ctx, d.Pipeline, pipeline.Ask{By: by, Op: "sessions.create"}, func(tx *store.Tx) (bool, pipeline.Done, error) {
		token, s, err = access.OpenSession(tx, proof, client.Browser)
		return true, pipeline.Done{}, err
	})
	return token, s, err
}

// SignOut ends a session.
func (d Desk) SignOut(ctx context.Context, ask pipeline.Ask, session string) error {
	_, err := pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (bool, pipeline.Done, error) {
		return true, pipeline.Done{}, access.CloseSession(tx, session)
	})
	return err
}

// Who returns who stands behind a bearer token, and notes its use.
func (d Desk) Who(ctx context.Context, bearer access.Secret) (who access.Principal, err error) {
	who, err = read(ctx, d, func(tx *store.Tx) (access.Principal, error) { return access.Authenticate(tx, bearer) })
	if err == nil && who.Due {
		err = d.W.Update(ctx, func(tx *store.Tx) error { return access.Touch(tx, who) })
	}
	return who, err
}

// Sessions lists the open and the locked sessions of a user, oldest first.
func (d Desk) Sessions(ctx context.Context, user houvast.UserID) ([]access.Session, error) {
	return read(ctx, d, func(tx *store.Tx) ([]access.Session, error) { return access.Sessions(tx, user) })
}

// CloseSession ends one session of whoever asks; NotFound, code no-session, when it is not theirs.
func (d Desk) CloseSession(ctx context.Context, ask pipeline.Ask, who access.Principal, id string) error {
	_, err := pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (bool, pipeline.Done, error) {
		return true, pipeline.Done{Subject: id}, access.CloseOwnSession(tx, who.UserID, id)
	})
	return err
}

// EndSessions ends every session of a user, on an admin's word.
func (d Desk) EndSessions(ctx context.Context, ask pipeline.Ask, user houvast.UserID) error {
	_, err := pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (bool, pipeline.Done, error) {
		u, err := access.UserByID(tx, user)
		if err == nil {
			err = access.CloseSessions(tx, user)
		}
		return true, pipeline.Did(user.String(), map[string]string{"name": u.Name}), err
	})
	return err
}

// Lock locks a session: it opens nothing from the next request on, see access.LockSession.
func (d Desk) Lock(ctx context.Context, ask pipeline.Ask, session string) error {
	_, err := pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (bool, pipeline.Done, error) {
		return true, pipeline.Done{Subject: session}, access.LockSession(tx, session)
	})
	return err
}

// Locked returns whose locked session a token is. ok is false when it is none.
func (d Desk) Locked(ctx context.Context, token access.Secret) (name string, s access.Session, ok bool, err error) {
	s, err = read(ctx, d, func(tx *store.Tx) (s access.Session, err error) {
		name, s, ok, err = access.Locked(tx, token)
		return s, err
	})
	return name, s, ok, err
}

// Unlock opens a locked session again for whoever knows the password of its account. Tries count as
// tries to sign in. When the token is of no locked session it is Unauthenticated, code session-ended.
func (d Desk) Unlock(ctx context.Context, gate *access.Gate, token, password access.Secret, client access.Client) (s access.Session, err error) {
	name, err := d.lockedName(ctx, token)
	if err != nil {
		return s, err
	}
	proof, err := gate.Verify(ctx, d.W.DB(), name, password, client.Address)
	if err != nil {
		return s, err
	}
	return pipeline.Do(ctx, d.Pipeline, pipeline.Ask{By: houvast.Actor("user:" + name), Op: "sessions.unlock"}, func(tx *store.Tx) (access.Session, pipeline.Done, error) {
		s, err := access.UnlockSession(tx, token, proof)
		return s, pipeline.Done{Subject: s.ID}, err
	})
}

// SignOutLocked ends a locked session by its token, without the password.
func (d Desk) SignOutLocked(ctx context.Context, token access.Secret) error {
	name, err := d.lockedName(ctx, token)
	if err != nil {
		return err
	}
	_, err = pipeline.Do(ctx, d.Pipeline, pipeline.Ask{By: houvast.Actor("user:" + name), Op: "sessions.delete"}, func(tx *store.Tx) (bool, pipeline.Done, error) {
		_, s, ok, err := access.Locked(tx, token)
		if err == nil && ok {
			err = access.CloseSession(tx, s.ID)
		}
		return true, pipeline.Done{}, err
	})
	return err
}

func (d Desk) lockedName(ctx context.Context, token access.Secret) (string, error) {
	name, _, ok, err := d.Locked(ctx, token)
	if err == nil && !ok {
		err = houvast.Errorf("desk.Unlock", houvast.Unauthenticated, "session-ended", "the session is not locked, or has ended").
			WithHint("sign in again")
	}
	return name, err
}

// ChangePassword gives whoever asks another password when they know the one they have, and ends
// their other sessions. Tries count as tries to sign in.
func (d Desk) ChangePassword(ctx context.Context, gate *access.Gate, ask pipeline.Ask, who access.Principal, old, fresh access.Secret, client access.Client) error {
	proof, err := gate.Verify(ctx, d.W.DB(), who.Name(), old, client.Address)
	if err != nil {
		return err
	}
	hash, err := gate.Hash(ctx, who.Name(), fresh)
	if err != nil {
		return err
	}
	_, err = pipeline.Do(ctx, d.Pipeline, pipeline.Ask{By: ask.By, Op: ask.Op}, func(tx *store.Tx) (bool, pipeline.Done, error) {
		return true, pipeline.Done{Subject: who.Name()}, access.ChangePassword(tx, proof, hash, who.Session)
	})
	return err
}
