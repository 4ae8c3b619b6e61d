package filing

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/report"
)

// A field is one that somebody may add to a draft. What it says now stands in it.
type field struct {
	Name  string // of filing.amend
	Kind  string // of the input: text, email, url, datetime-local, textarea, select
	Value string
	Fault string // of filing.amend.fault; "" = none
	Max   int    // characters; 0 = the kind bounds it
}

// Hint reports whether the field has a text below its label.
func (f field) Hint() bool {
	return f.Kind == "select" || f.Kind == "textarea" || f.Kind == "datetime-local"
}

// Roles are what a field about a role offers.
func (f field) Roles() []houvast.Role { return houvast.Roles() }

// same reports whether what was typed says what the draft says. Browsers write one moment in two ways.
func (f field) same(now string) bool {
	if f.Kind == "datetime-local" {
		a, ok := moment(f.Value)
		b, there := moment(now)
		return ok && there && a.Equal(b) || f.Value == now
	}
	return f.Value == now
}

// local is a time as a browser's field for it has it. The field says that it is UTC.
const local = "2006-01-02T15:04:05"

// fields is the form as the draft stands.
func fields(c report.Content) []field {
	u := c.Facts.Upload
	at := ""
	if !c.IncidentAt.IsZero() {
		at = c.IncidentAt.UTC().Format(local)
	}
	return []field{
		{Name: "role", Kind: "select", Value: string(roleOf(c.Role))},
		{Name: "incident_at", Kind: "datetime-local", Value: at},
		{Name: "incident_is", Kind: "textarea", Value: c.IncidentIs, Max: 3000},
		{Name: "account_id", Kind: "text", Value: u.Account.ID, Max: 255},
		{Name: "screen_name", Kind: "text", Value: u.ScreenName, Max: 256},
		{Name: "email", Kind: "email", Value: u.Email, Max: 255},
		{Name: "profile_url", Kind: "url", Value: u.ProfileURL, Max: 2083},
	}
}

// faults are what can be wrong with a field.
func faults() []string { return []string{"empty", "long", "plain", "role", "time", "email", "address"} }

// amended reads the form: what was typed, and what of it differs from the draft. A field that was not
// sent stays as it is.
func amended(pg *site.Page, c report.Content) (form []field, a report.Amendment, ok bool) {
	form, ok = fields(c), true
	for i := range form {
		f := &form[i]
		now := strings.TrimSpace(f.Value)
		if !pg.R.PostForm.Has(f.Name) {
			continue
		}
		f.Value = strings.ReplaceAll(pg.Form(f.Name), "\r\n", "\n")
		if f.same(now) {
			continue
		}
		if f.Fault = f.put(&a); f.Fault != "" {
			ok = false
		}
	}
	return form, a, ok
}

// put writes what was typed into a, or returns what is wrong with it.
func (f *field) put(a *report.Amendment) (fault string) {
	v := f.Value
	switch {
	case v == "":
		return "empty" // what is there is replaced, and never taken away without a trace
	case f.Max > 0 && utf8.RuneCountInString(v) > f.Max:
		return "long"
	case !utf8.ValidString(v) || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }):
		return "plain"
	}
	switch f.Name {
	case "role":
		if !slices.Contains(houvast.Roles(), houvast.Role(v)) {
			return "role"
		}
		a.Role = houvast.Role(v)
	case "incident_at":
		at, ok := moment(v)
		if !ok {
			return "time"
		}
		a.IncidentAt = at
	case "incident_is":
		a.IncidentIs = v
	case "account_id":
		a.AccountID = v
	case "screen_name":
		a.ScreenName = v
	case "email":
		name, domain, found := strings.Cut(v, "@")
		if !found || name == "" || domain == "" || strings.ContainsAny(v, " \t\n<>,;") || strings.Contains(domain, "@") {
			return "email"
		}
		a.Email = v
	case "profile_url":
		u, err := url.Parse(v)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.ContainsAny(v, " \t\n") {
			return "address"
		}
		a.ProfileURL = v
	}
	return ""
}

// moment reads a time of a browser's field, which leaves out seconds that are zero.
func moment(s string) (time.Time, bool) {
	for _, layout := range []string{local, "2006-01-02T15:04"} {
		if at, err := time.Parse(layout, s); err == nil && at.Year() > 1 {
			return at, true
		}
	}
	return time.Time{}, false
}
