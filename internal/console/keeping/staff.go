package keeping

import (
	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/site"
)

type staffView struct {
	Users                          []access.User
	Next, First                    string      // paths; "" = none
	Refused                        *site.Fault // a change to an account that was not made
	Name                           string      // as it was typed
	Roles                          []choice
	Wrong                          *wrong
	MinPassword                    int
	MayAdd, MayDisable, MaySignOut bool
}

func (k *Pages) staff(p *site.Page) error { return k.showStaff(p, staffView{}, nil) }

func (k *Pages) showStaff(p *site.Page, v staffView, failed error) error {
	v.First, v.MinPassword, v.MayAdd, v.MayDisable, v.MaySignOut = first(p, "/console/staff"), access.MinPassword, p.May("users.add"), p.May("users.disable"), p.May("users.signout")
	if v.Wrong = again(p, failed, map[string]string{"bad-name": "name", "name-taken": "name", "bad-password": "password",
		"passwords-differ": "repeat", "bad-roles": "roles"}); failed != nil && v.Wrong == nil {
		return failed
	}
	var from houvast.UserID
	err := from.UnmarshalText([]byte(p.R.URL.Query().Get("after")))
	if err == nil {
		v.Users, err = k.P.Users(p.R.Context(), from, pageSize)
	}
	if err != nil {
		return err
	}
	if n := len(v.Users); n == pageSize {
		v.Next = after("/console/staff", "after", v.Users[n-1].ID.String())
	}
	v.Roles = listed(access.Roles(), p.R.PostForm["roles"], "staff.", "keeping.role_hint.")
	return p.Render("staff", v)
}

// addUser looks at what is cheap to look at before the password is hashed.
func (k *Pages) addUser(p *site.Page) error {
	name, roles := p.Form("name"), many[access.Role](p, "roles")
	password := p.R.PostForm.Get("password") // as it was typed: a space is a sign like any other
	_, err := access.CheckRoles(roles)
	if err == nil && password != p.R.PostForm.Get("repeat") {
		err = houvast.Errorf("keeping.addUser", houvast.Invalid, "passwords-differ", "the two passwords are not the same")
	}
	var hash access.Secret
	if err == nil {
		hash, err = k.Gate.Hash(p.R.Context(), name, access.Secret(password))
	}
	if err == nil {
		_, err = k.P.AddUser(p.R.Context(), unkept(p), access.NewUser{Name: name, Roles: roles, Password: hash})
	}
	if err != nil {
		return k.showStaff(p, staffView{Name: name}, err)
	}
	return p.See("/console/staff")
}

func (k *Pages) disableUser(p *site.Page) error {
	u, err := k.user(p)
	if err != nil {
		return err
	}
	say := "keeping.user.disable_how.say"
	if u.Actor() == p.Who.Actor {
		say = "keeping.user.disable_own.say"
	}
	ok, err := k.ask(p, sure{Title: p.Text("keeping.user.sure", "name", u.Name), Say: p.Text(say),
		Button: p.Text("keeping.user.disable_yes"), Action: p.R.URL.Path, Back: "/console/staff"})
	if !ok {
		return err
	}
	if err := k.P.DisableUser(p.R.Context(), p.Ask(), u.ID); houvast.KindOf(err) == houvast.Conflict {
		return k.showStaff(p, staffView{Refused: p.Fault(err)}, nil)
	} else if err != nil {
		return err
	}
	return p.See("/console/staff")
}

func (k *Pages) signOut(p *site.Page) error {
	u, err := k.user(p)
	if err != nil {
		return err
	}
	if err := k.P.EndSessions(p.R.Context(), p.Ask(), u.ID); err != nil {
		return err
	}
	return p.See("/console/staff")
}

// user is whom the path names.
func (k *Pages) user(p *site.Page) (access.User, error) {
	id, err := houvast.ParseID[houvast.UserNoun](p.R.PathValue("id"))
	if err != nil {
		return access.User{}, err
	}
	return k.P.User(p.R.Context(), id)
}
