package access

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access/password"
	"github.com/houvast/houvast/internal/store"
)

// A User is a staff account, as it may be shown.
type User struct {
	ID       houvast.UserID
	Name     string
	Roles    []Role
	Created  time.Time
	Disabled time.Time // zero while enabled
}

// Actor returns how the audit log names the user.
func (u User) Actor() houvast.Actor { return userActor(u.Name) }

func userActor(name string) houvast.Actor { return houvast.Actor("user:" + name) }

// NewUser is what AddUser needs.
type NewUser struct {
	Name     string // A-Z is folded to a-z
	Roles    []Role // at least one; auditor alone
	Password Secret // what Gate.Hash returned, never the password itself
}

// MaxPage is the most that one page of a list holds.
const MaxPage = 500

// CheckRoles returns roles in their order, each once. An empty or unknown set is Invalid, code
// bad-roles; so is auditor together with another role.
func CheckRoles(roles []Role) ([]Role, error) {
	const op = "access.CheckRoles"
	set, known := ordered(Roles(), roles)
	switch {
	case !known || len(set) == 0:
		return nil, houvast.Errorf(op, houvast.Invalid, "bad-roles", "a user has at least one role, and only known ones").
			WithHint("name roles among %s", join(Roles(), ", "))
	case len(set) > 1 && slices.Contains(set, Auditor):
		return nil, houvast.Errorf(op, houvast.Invalid, "bad-roles", "an auditor has no other role").
			WithHint("who checks has no hand in what is checked; give the other role to another person")
	}
	return set, nil
}

// AddUser adds an account. A name that was ever given away is Conflict, code name-taken.
func AddUser(tx *store.Tx, n NewUser) (User, error) {
	const op = "access.AddUser"
	name, ok := foldName(n.Name)
	if !ok {
		return User{}, badName(op, "name")
	}
	roles, err := CheckRoles(n.Roles)
	if err != nil {
		return User{}, err
	}
	if err := checkHash(op, n.Password); err != nil {
		return User{}, err
	}
	if err := free(tx, op, "SELECT 1 FROM access_user WHERE name = $1", name); err != nil {
		return User{}, err
	}
	u := User{ID: houvast.UserID(tx.NewID()), Name: name, Roles: roles, Created: tx.Now()}
	_, err = tx.Exec("INSERT INTO access_user (id, name, roles, password, created, disabled) VALUES ($1, $2, $3, $4, $5, 0)",
		u.ID, u.Name, join(roles, ","), string(n.Password), houvast.Micros(u.Created))
	if err != nil {
		return User{}, houvast.Wrap(op, err)
	}
	return u, nil
}

// free fails with name-taken when the query finds a row for name.
func free(tx *store.Tx, op, query, name string) error {
	var one int
	switch err := tx.Row(query, store.Args(name), &one); {
	case err == nil:
		return houvast.Errorf(op, houvast.Conflict, "name-taken", "this name was given away already").
			WithHint("choose another one; names are never used twice, so that the audit log stays true")
	case houvast.KindOf(err) != houvast.NotFound:
		return houvast.Wrap(op, err)
	}
	return nil
}

// checkHash refuses anything that Gate.Hash does not return, a plain password above all.
func checkHash(op string, hash Secret) error {
	if h, ok := password.Parse(string(hash)); !ok || !h.Current() {
		return houvast.Errorf(op, houvast.Internal, "", "the password was not hashed by the gate")
	}
	return nil
}

// Users lists accounts by id, disabled ones too, from after on; limit is cut to MaxPage.
func Users(tx *store.Tx, after houvast.UserID, limit int) (list []User, err error) {
	limit = min(max(limit, 1), MaxPage)
	err = tx.Rows("SELECT id, name, roles, created, disabled FROM access_user WHERE id > $1 ORDER BY id LIMIT $2",
		store.Args(after, limit), func(row *sql.Rows) error {
			u, err := scanUser(row.Scan)
			list = append(list, u)
			return err
		})
	return list, houvast.Wrap("access.Users", err)
}

// UserByID returns one account; NotFound when there is none.
func UserByID(tx *store.Tx, id houvast.UserID) (User, error) {
	u, err := scanUser(func(dest ...any) error {
		return tx.Row("SELECT id, name, roles, created, disabled FROM access_user WHERE id = $1", store.Args(id), dest...)
	})
	if houvast.KindOf(err) == houvast.NotFound {
		return User{}, houvast.Errorf("access.UserByID", houvast.NotFound, "no-user", "there is no such user")
	}
	return u, err
}

func scanUser(scan func(dest ...any) error) (u User, err error) {
	var id, created, disabled int64
	var roles string
	if err := scan(&id, &u.Name, &roles, &created, &disabled); err != nil {
		return User{}, err
	}
	u.ID, u.Created, u.Disabled = houvast.UserID(id), houvast.FromMicros(created), houvast.FromMicros(disabled)
	u.Roles, err = readRoles(roles)
	return u, err
}

// readRoles reads stored roles; a set that AddUser would refuse gives nobody anything.
func readRoles(text string) ([]Role, error) {
	roles, ok := split(Roles(), text, ",")
	if ok {
		_, err := CheckRoles(roles)
		ok = err == nil
	}
	if !ok {
		return nil, houvast.Errorf("access.readRoles", houvast.Corrupt, "", "the stored roles of a user are not a set of roles")
	}
	return roles, nil
}

// DisableUser closes an account for good and ends its sessions. Disabling it again changes nothing.
// The last enabled admin stays: Conflict, code last-admin.
func DisableUser(tx *store.Tx, id houvast.UserID) error {
	const op = "access.DisableUser"
	u, err := UserByID(tx, id)
	if err != nil || !u.Disabled.IsZero() {
		return err
	}
	if err := adminRemains(tx, op, u, nil); err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE access_user SET disabled = $2 WHERE id = $1", id, houvast.Micros(tx.Now())); err != nil {
		return houvast.Wrap(op, err)
	}
	return CloseSessions(tx, id)
}

// SetRoles gives an enabled account other roles, on the word of by. Nobody changes their own:
// Forbidden, code own-roles. The last enabled admin stays one. Open sessions end.
func SetRoles(tx *store.Tx, by houvast.Actor, id houvast.UserID, roles []Role) error {
	const op = "access.SetRoles"
	set, err := CheckRoles(roles)
	if err != nil {
		return err
	}
	u, err := enabledUser(tx, op, id)
	if err != nil {
		return err
	}
	if u.Actor() == by {
		return houvast.Errorf(op, houvast.Forbidden, "own-roles", "nobody changes their own roles").
			WithHint("ask another admin")
	}
	if err := adminRemains(tx, op, u, set); err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE access_user SET roles = $2 WHERE id = $1", id, join(set, ",")); err != nil {
		return houvast.Wrap(op, err)
	}
	return CloseSessions(tx, id)
}

// SetPassword gives an enabled account another password, as Gate.Hash returned it. Open sessions end.
func SetPassword(tx *store.Tx, id houvast.UserID, hash Secret) error {
	const op = "access.SetPassword"
	if err := checkHash(op, hash); err != nil {
		return err
	}
	if _, err := enabledUser(tx, op, id); err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE access_user SET password = $2 WHERE id = $1", id, string(hash)); err != nil {
		return houvast.Wrap(op, err)
	}
	return CloseSessions(tx, id)
}

func enabledUser(tx *store.Tx, op string, id houvast.UserID) (User, error) {
	u, err := UserByID(tx, id)
	if err == nil && !u.Disabled.IsZero() {
		err = houvast.Errorf(op, houvast.Conflict, "user-disabled", "this user is disabled").
			WithHint("add a new account; a disabled one stays closed")
	}
	return u, err
}

// adminRemains fails when u is the only enabled admin and roles would take that away.
func adminRemains(tx *store.Tx, op string, u User, roles []Role) error {
	if !slices.Contains(u.Roles, Admin) || slices.Contains(roles, Admin) {
		return nil
	}
	others := false
	err := tx.Rows("SELECT roles FROM access_user WHERE disabled = 0 AND id <> $1", store.Args(u.ID), func(row *sql.Rows) error {
		var text string
		if err := row.Scan(&text); err != nil {
			return err
		}
		theirs, err := readRoles(text)
		others = others || slices.Contains(theirs, Admin)
		return err
	})
	if err == nil && !others {
		return houvast.Errorf(op, houvast.Conflict, "last-admin", "this is the last admin").
			WithHint("add another admin first")
	}
	return houvast.Wrap(op, err)
}

// A credential is what signing in needs of an account.
type credential struct {
	id       houvast.UserID
	hash     password.Hash
	disabled bool
}

func loadCredential(ctx context.Context, db *store.DB, name string) (c credential, found bool, err error) {
	err = db.View(ctx, func(tx *store.Tx) error {
		var id, disabled int64
		var text string
		err := tx.Row("SELECT id, password, disabled FROM access_user WHERE name = $1", store.Args(name), &id, &text, &disabled)
		if houvast.KindOf(err) == houvast.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		c.id, c.disabled, found = houvast.UserID(id), disabled != 0, true
		if c.hash, found = password.Parse(text); !found {
			return houvast.Errorf("access.Verify", houvast.Corrupt, "", "a stored password hash cannot be read").
				WithHint("give the account another password")
		}
		return nil
	})
	return c, found, err
}
