// Package keeping is the pages for whoever keeps an installation and whoever checks it: banks, API keys,
// staff, the policies in force, the audit log, what could not be looked at, what evidence is kept, and
// whether everything holds.
//
// Nothing here is about a person in a picture or an account of a platform: there are names of lists, of
// programs and of colleagues, and counts. No page shows a picture.
//
// What ends something for good (a key, an account), or weakens what protects (a bank taken out of
// matching), is asked about once more: the first press leads to a page that says what follows, and the
// second one does it. Both are POSTs, so no link can do it.
//
// What must stay true:
//   - The text of a new key is on the answer that made it and nowhere else. No password is shown again.
//   - A list that is imported is read as it arrives and bounded, and no page repeats a value of it: a
//     refused row is named by its number and the reason.
//   - Whoever only reads sees no button that changes anything. The table of package access decides.
//   - The whole audit log is read only when somebody asks for it, by one at a time. No other page, and no
//     other check, waits for that.
//   - Texts that no file of locales holds, such as what a check or the verifier says to whoever runs the
//     machine, are marked as English where they stand.
package keeping

import (
	"context"
	"embed"
	"io"
	"net/url"
	"strings"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/pipeline/desk"
)

//go:embed *.html
var files embed.FS

// Pages is what these pages need. All fields are needed.
type Pages struct {
	P       desk.Desk
	Gate    *access.Gate
	Version string
	Policy  func() Policy

	Doctor      func(context.Context) []Check // what can be checked at once, which the log as a whole is not
	AuditVerify func(context.Context) (audit.Result, error)
	AuditExport func(ctx context.Context, w io.Writer, after int64) error // see audit.Export

	most int64 // bytes of an imported file; 0 = maxImport, tests take less
	seen verifier
}

// A Check is one thing that must hold.
type Check struct {
	Name   string // database, keys, blobs, audit, sandbox, profile, recipient, console, transport
	OK     bool
	Detail string // in English, for whoever runs the machine; may be empty
	Hint   string // the remedy, in English; may be empty
	Warn   bool   // it holds all the same, but a person should know
}

// pageSize is how many lines a list shows at once.
const pageSize = 50

// Mount registers the pages.
func (k *Pages) Mount(s *site.Site) {
	s.Pages(files)
	s.Nav(site.Link{Op: "banks.list", Path: "/console/banks", Key: "keeping.nav.banks"},
		site.Link{Op: "keys.list", Path: "/console/keys", Key: "keeping.nav.keys"},
		site.Link{Op: "users.list", Path: "/console/staff", Key: "keeping.nav.staff"},
		site.Link{Op: "policies.get", Path: "/console/policies", Key: "keeping.nav.policies"},
		site.Link{Op: "events.list", Path: "/console/audit", Key: "keeping.nav.log"},
		site.Link{Op: "technical.list", Path: "/console/technical", Key: "keeping.nav.technical"},
		site.Link{Op: "evidence.list", Path: "/console/evidence", Key: "keeping.nav.evidence"},
		site.Link{Op: "system.doctor", Path: "/console/doctor", Key: "keeping.nav.doctor"})

	s.Get("banks.list", "/console/banks", k.banks)
	s.Post("banks.create", "/console/banks", k.createBank)
	s.Get("banks.list", "/console/bank/{name}", k.bank)
	s.Post("banks.import", "/console/bank/{name}/import", k.importBank)
	s.Post("banks.disable", "/console/bank/{name}/disable", k.disableBank)

	s.Get("keys.list", "/console/keys", k.keys)
	s.Post("keys.create", "/console/keys", k.createKey)
	s.Post("keys.revoke", "/console/key/{id}/revoke", k.revokeKey)

	s.Get("users.list", "/console/staff", k.staff)
	s.Post("users.add", "/console/staff", k.addUser)
	s.Post("users.disable", "/console/staff/{id}/disable", k.disableUser)
	s.Post("users.signout", "/console/staff/{id}/signout", k.signOut)

	s.Get("policies.get", "/console/policies", k.policies)
	s.Get("events.list", "/console/audit", k.log)
	s.Get("audit.verify", "/console/audit/verify", k.verify)
	s.Get("audit.export", "/console/audit/export", k.export)
	s.Get("technical.list", "/console/technical", k.technical)
	s.Get("evidence.list", "/console/evidence", k.evidence)
	s.Get("system.doctor", "/console/doctor", k.doctor)
}

// A wrong is what was wrong with a form that is shown again, and at which of its fields.
type wrong struct {
	*site.Fault
	At string // name of the field; "" = the form as a whole
}

// again returns what to say on the form itself, nil when err is none that its reader can mend there.
func again(p *site.Page, err error, fields map[string]string) *wrong {
	if kind := houvast.KindOf(err); err == nil || kind != houvast.Invalid && kind != houvast.Conflict && kind != houvast.TooLarge {
		return nil
	}
	return &wrong{p.Fault(err), fields[houvast.CodeOf(err)]}
}

// Of returns what to say at a field, nil when nothing is wrong there.
func (w *wrong) Of(field string) *site.Fault {
	if w == nil || w.At != field {
		return nil
	}
	return w.Fault
}

// A sure is the page between a button and what it does.
type sure struct {
	Title, Say, Button string
	Action, Back       string // paths
	Name, Value        string // one more field of the form
}

// ask shows what follows and asks once more. It returns false when the reader has been asked.
func (k *Pages) ask(p *site.Page, s sure) (bool, error) {
	if p.Form("sure") == "yes" {
		return true, nil
	}
	return false, p.Render("sure", s)
}

// unkept is a request whose form holds, or whose answer is, something that is kept nowhere: it is not
// remembered under the key of the form.
func unkept(p *site.Page) pipeline.Ask { return pipeline.Ask{By: p.Who.Actor, Op: p.Op} }

// listed returns the members of a closed list, for a form.
func listed[T ~string](all []T, picked []string, label, hint string) (out []choice) {
	for _, v := range all {
		c := choice{Value: string(v), Label: label + string(v)}
		if hint != "" {
			c.Hint = hint + string(v) + ".say"
		}
		for _, have := range picked {
			c.Picked = c.Picked || have == string(v)
		}
		out = append(out, c)
	}
	return out
}

// A choice is one member of a closed list in a form. Label and Hint are keys of texts.
type choice struct {
	Value, Label, Hint string
	Picked             bool
}

// many returns every value of a field that may come several times.
func many[T ~string](p *site.Page, field string) (out []T) {
	for _, v := range p.R.PostForm[field] {
		out = append(out, T(v))
	}
	return out
}

// after returns the address of the next part of a list.
func after(path, name, value string) string { return path + "?" + url.Values{name: {value}}.Encode() }

// first returns the address of the beginning of a list, "" when the page shows it.
func first(p *site.Page, path string) string {
	if p.R.URL.RawQuery == "" {
		return ""
	}
	return path
}

// told returns the text of a key that is made of a word of the program, and whether there is one.
func told(p *site.Page, key string) (string, bool) {
	m, ok := p.Words().Lookup(p.Lang, strings.ReplaceAll(key, "-", "_"))
	return m.Other, ok
}
