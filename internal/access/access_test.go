package access

import (
	"encoding/base64"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access/password"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"golang.org/x/crypto/argon2"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const goodPassword Secret = "four plain garden words"

// goodHash is computed once: it is slow on purpose.
var goodHash = sync.OnceValue(func() Secret { return password.New(goodPassword).Text() })

// A desk is a fresh database with a clock moved by hand and a gate.
type desk struct {
	*testing.T
	w     store.Writer
	clock *storetest.Clock
	gate  *Gate
}

func each(t *testing.T, fn func(d desk)) {
	t.Helper()
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			storetest.Count(e)
			clock := storetest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
			fn(desk{t, storetest.Open(t, e, clock), clock, NewGate(clock)})
		})
	}
}

func (d desk) update(fn func(tx *store.Tx) error) {
	d.Helper()
	if err := d.w.Update(d.Context(), fn); err != nil {
		d.Fatal(err)
	}
}

// refused runs fn in a write transaction and wants its error to have this code.
func (d desk) refused(code string, fn func(tx *store.Tx) error) {
	d.Helper()
	if err := d.w.Update(d.Context(), fn); houvast.CodeOf(err) != code || err == nil {
		d.Errorf("want %s, got %v (%s)", code, err, houvast.CodeOf(err))
	}
}

func (d desk) user(name string, roles ...Role) (u User) {
	d.Helper()
	d.update(func(tx *store.Tx) (err error) {
		u, err = AddUser(tx, NewUser{Name: name, Roles: roles, Password: goodHash()})
		return err
	})
	return u
}

// open signs a user in without asking for the password.
func (d desk) open(u User) (token Secret, s Session) {
	d.Helper()
	d.update(func(tx *store.Tx) (err error) {
		token, s, err = OpenSession(tx, Proof{user: u.ID, hash: goodHash()}, "")
		return err
	})
	return token, s
}

func (d desk) key(n NewKey) (text Secret, k Key) {
	d.Helper()
	d.update(func(tx *store.Tx) (err error) {
		text, k, err = CreateKey(tx, n)
		return err
	})
	return text, k
}

func (d desk) auth(bearer Secret) (p Principal, err error) {
	d.Helper()
	if e := d.w.DB().View(d.Context(), func(tx *store.Tx) error { p, err = Authenticate(tx, bearer); return nil }); e != nil {
		d.Fatal(e)
	}
	return p, err
}

// wantAuth wants bearer to be refused with code; "" wants it to be taken.
func (d desk) wantAuth(what string, bearer Secret, code string) {
	d.Helper()
	p, err := d.auth(bearer)
	switch {
	case code == "" && err != nil:
		d.Errorf("%s: refused: %v", what, err)
	case code != "" && (houvast.CodeOf(err) != code || houvast.KindOf(err) != houvast.Unauthenticated):
		d.Errorf("%s: want %s, got %v (%s)", what, code, err, houvast.CodeOf(err))
	case code != "" && (p.Kind != "" || p.Actor != "" || len(p.Roles)+len(p.Scopes) > 0):
		d.Errorf("%s: refused, and yet a principal %+v", what, p)
	}
}

func (d desk) touch(p Principal) {
	d.Helper()
	d.update(func(tx *store.Tx) error { return Touch(tx, p) })
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"anna", "anna"}, {"Anna.De-Wit_2", "anna.de-wit_2"}, {"7", "7"},
		{"", ""}, {".anna", ""}, {"-", ""}, {"an na", ""}, {"anna\x00", ""}, {"änna", ""}, {"anna\n", ""}, {"a/b", ""}, {"a:b", ""},
		{"\u212Aim", ""}, // the Kelvin sign, which Unicode folds to k
		{"ı", ""}, {string(make([]byte, 65)), ""},
	} {
		got, ok := foldName(c.in)
		if got != c.out || ok != (c.out != "") {
			t.Errorf("foldName(%q) = %q, %v", c.in, got, ok)
		}
	}
	long := "a123456789012345678901234567890123456789012345678901234567890123"
	if _, ok := foldName(long); !ok || len(long) != maxName {
		t.Error("a name of the greatest length was refused")
	}
	if _, ok := foldName(long + "4"); ok {
		t.Error("a longer name was taken")
	}
}

func TestAddUser(t *testing.T) {
	each(t, func(d desk) {
		u := d.user("Anna", Approver, Reviewer, Reviewer)
		if u.Name != "anna" || !slices.Equal(u.Roles, []Role{Reviewer, Approver}) || u.Actor() != "user:anna" {
			d.Fatalf("%+v", u)
		}
		d.update(func(tx *store.Tx) error {
			back, err := UserByID(tx, u.ID)
			if err == nil && (back.Name != "anna" || !back.Created.Equal(d.clock.Now()) || !back.Disabled.IsZero()) {
				d.Errorf("read back %+v", back)
			}
			return err
		})
		for _, c := range []struct {
			code string
			new  NewUser
		}{
			{"name-taken", NewUser{"anna", []Role{Admin}, goodHash()}},
			{"name-taken", NewUser{"ANNA", []Role{Admin}, goodHash()}},
			{"bad-name", NewUser{"anna maria", []Role{Admin}, goodHash()}},
			{"bad-roles", NewUser{"bo", nil, goodHash()}},
			{"bad-roles", NewUser{"bo", []Role{"root"}, goodHash()}},
			{"bad-roles", NewUser{"bo", []Role{Admin, "root"}, goodHash()}},
			{"bad-roles", NewUser{"bo", []Role{Auditor, Reviewer}, goodHash()}},
			{"bad-roles", NewUser{"bo", []Role{Auditor, Approver}, goodHash()}},
			{"bad-roles", NewUser{"bo", []Role{Admin, Auditor}, goodHash()}},
			{"internal", NewUser{"bo", []Role{Admin}, goodPassword}}, // a password in the place of its hash
			{"internal", NewUser{"bo", []Role{Admin}, ""}},
			{"internal", NewUser{"bo", []Role{Admin}, weaker()}},
		} {
			d.refused(c.code, func(tx *store.Tx) error { _, err := AddUser(tx, c.new); return err })
		}
		d.user("bo", Admin, Reviewer, Approver)
		d.user("cy", Auditor)
	})
}

// weaker is a well-formed hash that costs less than ours.
func weaker() Secret {
	salt := make([]byte, 16)
	tag := argon2.IDKey([]byte(goodPassword), salt, 1, 8, 1, 32)
	b64 := base64.RawStdEncoding
	return Secret("$argon2id$v=19$m=8,t=1,p=1$" + b64.EncodeToString(salt) + "$" + b64.EncodeToString(tag))
}

func TestUsersPages(t *testing.T) {
	each(t, func(d desk) {
		for _, name := range []string{"a", "b", "c"} {
			d.user(name, Reviewer)
		}
		var names []string
		d.update(func(tx *store.Tx) error {
			names = nil
			for after := houvast.UserID(0); ; {
				page, err := Users(tx, after, 2)
				if err != nil || len(page) == 0 {
					return err
				}
				for _, u := range page {
					names, after = append(names, u.Name), u.ID
				}
			}
		})
		if !slices.Equal(names, []string{"a", "b", "c"}) {
			d.Fatal(names)
		}
	})
}

func TestLastAdminStays(t *testing.T) {
	each(t, func(d desk) {
		a := d.user("a", Admin)
		d.user("r", Reviewer)
		d.refused("last-admin", func(tx *store.Tx) error { return DisableUser(tx, a.ID) })
		d.refused("last-admin", func(tx *store.Tx) error { return SetRoles(tx, "cli:0", a.ID, []Role{Reviewer}) })
		b := d.user("b", Admin)
		d.update(func(tx *store.Tx) error { return DisableUser(tx, b.ID) })
		d.refused("last-admin", func(tx *store.Tx) error { return DisableUser(tx, a.ID) })
		d.update(func(tx *store.Tx) error { return DisableUser(tx, b.ID) })
		d.refused("user-disabled", func(tx *store.Tx) error { return SetPassword(tx, b.ID, goodHash()) })
		d.refused("user-disabled", func(tx *store.Tx) error { return SetRoles(tx, "cli:0", b.ID, []Role{Admin}) })
		d.refused("no-user", func(tx *store.Tx) error { return DisableUser(tx, 1) })
	})
}

// Two admins who disable each other at the same moment must not leave none.
func TestAdminsDisableEachOther(t *testing.T) {
	each(t, func(d desk) {
		a, b := d.user("a", Admin), d.user("b", Admin)
		var wg sync.WaitGroup
		var errs [2]error
		for i, u := range []User{a, b} {
			wg.Go(func() {
				errs[i] = d.w.Update(d.Context(), func(tx *store.Tx) error { return DisableUser(tx, u.ID) })
			})
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			d.Fatalf("want one of two to be refused: %v, %v", errs[0], errs[1])
		}
	})
}

func TestSetRoles(t *testing.T) {
	each(t, func(d desk) {
		a, u := d.user("a", Admin), d.user("u", Reviewer)
		token, _ := d.open(u)
		d.refused("own-roles", func(tx *store.Tx) error { return SetRoles(tx, a.Actor(), a.ID, []Role{Admin, Approver}) })
		d.refused("bad-roles", func(tx *store.Tx) error { return SetRoles(tx, a.Actor(), u.ID, []Role{Reviewer, Auditor}) })
		d.wantAuth("before the roles change", token, "")
		d.update(func(tx *store.Tx) error { return SetRoles(tx, a.Actor(), u.ID, []Role{Auditor}) })
		d.wantAuth("after the roles changed", token, "bad-credential")
		token, _ = d.open(u)
		if p, err := d.auth(token); err != nil || !slices.Equal(p.Roles, []Role{Auditor}) {
			d.Fatal(p, err)
		}
	})
}
