package entry

import (
	"net/http"
	"slices"
	"strings"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline/desk"
)

type startView struct {
	Path         string
	Profiles     []houvast.InstallationProfile
	Chosen       bool // by the configuration; then Profile and Jurisdiction are what was chosen
	Profile      houvast.InstallationProfile
	Jurisdiction string
	Name         string
	Also         []access.Role // that can be ticked
	Ticked       map[access.Role]bool
	MinPassword  int
	Fault        *site.Fault
	Wrong        wrong
	Focus        string
}

// startFields is the order of the fields on the page.
var startFields = []string{"profile", "jurisdiction", "name", "password", "again"}

// over is the page of a first-run link that does not work any more, or never did.
type over struct{ Done bool }

// showStart asks what begins an installation.
func (e *Pages) showStart(p *site.Page) error {
	if said, err := e.closed(p); said || err != nil {
		return err
	}
	return p.Render("start", e.startOf(p))
}

// closed answers when the link of a request opens nothing, and reports whether it did.
func (e *Pages) closed(p *site.Page) (said bool, err error) {
	nobody, err := e.P.NobodyYet(p.R.Context())
	if err != nil {
		return false, err
	}
	switch {
	case !nobody:
		return true, e.tellDone(p)
	case e.look(access.Secret(p.R.PathValue("token"))) != forFirst:
		p.Status = http.StatusNotFound
		return true, p.Render("start-over", over{})
	}
	return false, nil
}

func (e *Pages) tellDone(p *site.Page) error {
	p.Status = http.StatusGone
	return p.Render("start-over", over{Done: true})
}

// startOf is the page with what the form of a request says, if it has one.
func (e *Pages) startOf(p *site.Page) startView {
	v := startView{Path: p.R.URL.Path, Profiles: houvast.InstallationProfiles(), MinPassword: access.MinPassword, Wrong: wrong{},
		Name: again(p.Form("name")), Also: []access.Role{access.Reviewer, access.Approver}, Ticked: map[access.Role]bool{}}
	for _, r := range v.Also {
		v.Ticked[r] = slices.Contains(p.R.PostForm["role"], string(r))
	}
	if v.Profile, v.Jurisdiction, v.Chosen = e.chosen(); !v.Chosen {
		v.Profile, v.Jurisdiction = houvast.InstallationProfile(again(p.Form("profile"))), strings.ToUpper(again(p.Form("jurisdiction")))
	}
	return v
}

func (e *Pages) chosen() (houvast.InstallationProfile, string, bool) {
	if e.Chosen != nil {
		return e.Chosen()
	}
	in, ok := e.P.Install()
	return in.Profile, in.Jurisdiction, ok
}

// begin makes the first account and the choice, signs the account in, and ends the link.
func (e *Pages) begin(p *site.Page) error {
	if said, err := e.closed(p); said || err != nil {
		return err
	}
	v := e.startOf(p)
	hash := e.check(p, &v)
	if len(v.Wrong) > 0 || v.Fault != nil {
		return v.again(p)
	}
	first := desk.First{Own: e.Own, User: access.NewUser{Name: v.Name, Roles: v.roles(), Password: hash}}
	if !v.Chosen {
		first.Profile, first.Jurisdiction = v.Profile, v.Jurisdiction
	}
	ctx, stop := whole(p.R)
	defer stop()
	in, u, err := e.P.Begin(ctx, houvast.Actor("user:"+strings.ToLower(v.Name)), first)
	if err != nil {
		if houvast.CodeOf(err) == "setup-done" {
			return e.tellDone(p)
		}
		if e.begunAllTheSame(p) {
			return p.See(signInPath)
		}
		e.blame(p, &v, err)
		return v.again(p)
	}
	e.Once.Take(access.Secret(p.R.PathValue("token")))
	if e.Install != nil {
		if err := e.Install(ctx, in.Profile, in.Jurisdiction); err != nil {
			return err
		}
	}
	return e.welcome(p, u.Name)
}

// begunAllTheSame reports whether the first account stands although making it ended in an error, as when
// its line was written and could not be signed. Then the choice that stands with it is made known to this
// process, which would receive nothing until its next start, and the link is over.
func (e *Pages) begunAllTheSame(p *site.Page) bool {
	ctx, stop := whole(p.R)
	defer stop()
	nobody, err := e.P.NobodyYet(ctx)
	if err != nil || nobody {
		return false
	}
	e.Once.Take(access.Secret(p.R.PathValue("token")))
	c, ok, err := e.P.Chosen(ctx)
	if err == nil && ok && e.Install != nil {
		err = e.Install(ctx, c.Profile, c.Jurisdiction)
	}
	if err != nil {
		e.Log.Error("the first account stands, and what was chosen with it is not known to this process until its next start", "error", err)
	}
	return true
}

// welcome signs in who has just chosen a password.
func (e *Pages) welcome(p *site.Page, name string) error {
	token, _, err := e.P.SignIn(p.R.Context(), e.Gate, name, secret(p, "password"), client(p))
	if err != nil {
		e.Log.Warn("the first account stands and could not be signed in", "error", err)
		return p.See(signInPath)
	}
	p.SetSession(token)
	return p.See(firstPage)
}

// check says of every field at once what is wrong with it, as the rooms say it, and hashes the password.
func (e *Pages) check(p *site.Page, v *startView) (hash access.Secret) {
	if !v.Chosen {
		if !slices.Contains(v.Profiles, v.Profile) {
			v.Wrong["profile"] = p.Text("entry.wrong.profile.say")
		}
		if len(v.Jurisdiction) != 2 {
			v.Wrong["jurisdiction"] = p.Text("entry.wrong.jurisdiction.say")
		} else if _, err := evidence.PolicyFor(v.Profile, v.Jurisdiction, e.Own); err != nil && v.Wrong["profile"] == "" {
			e.blame(p, v, err)
		}
	}
	if v.Name == "" {
		v.Wrong["name"] = p.Text("entry.wrong.name.say")
	}
	password := secret(p, "password")
	if password != secret(p, "again") {
		v.Wrong["again"] = p.Text("entry.wrong.again.say")
	}
	hash, err := e.Gate.Hash(p.R.Context(), v.Name, password)
	if err != nil {
		e.blame(p, v, err)
	}
	return hash
}

// blame puts an error beside the field that it is about, or above the form.
func (e *Pages) blame(p *site.Page, v *startView, err error) {
	field, said := "", ""
	switch houvast.CodeOf(err) {
	case "bad-name":
		field, said = "name", p.Text("entry.wrong.name.say")
	case "name-taken":
		field, said = "name", p.Text("problem.name-taken.title")
	case "bad-profile":
		field, said = "profile", p.Text("entry.wrong.profile.say")
	case "bad-jurisdiction":
		field, said = "jurisdiction", p.Text("entry.wrong.jurisdiction.say")
	case "no-retention-rule":
		field, said = "jurisdiction", p.Text("problem.no-retention-rule.detail")
	case "bad-password":
		field, said = "password", p.Text("entry.wrong.fresh.say", "n", access.MinPassword)
	}
	fault := p.Fault(err)
	if field == "" {
		v.Fault = fault
		return
	}
	v.Wrong[field] = said
}

// again shows the form again; passwords are typed anew.
func (v startView) again(p *site.Page) error {
	if p.Status == 0 {
		p.Status = http.StatusBadRequest
	}
	v.Focus = v.Wrong.first(startFields...)
	return p.Render("start", v)
}

func (v startView) roles() (roles []access.Role) {
	for _, r := range v.Also {
		if v.Ticked[r] {
			roles = append(roles, r)
		}
	}
	return roles
}
