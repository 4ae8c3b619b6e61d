package report

import (
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip"
)

// A Finding is one thing that the check has to say about a draft.
type Finding struct {
	Rule  string `json:"rule"`
	Level string `json:"level"` // block or warn
	Path  string `json:"path,omitempty"`
	Text  string `json:"text"`
}

// The rules of this house, beside those of the wire format.
const (
	ruleNoRecipient = "recipient-none"
	ruleNoRole      = "role-unknown"
)

// Rules returns the id of every rule that a Finding may name, ours first: what translations hang on.
func Rules() []string {
	ids := []string{ruleNoRecipient, ruleNoRole}
	for _, r := range cybertip.Rules() {
		ids = append(ids, r.ID)
	}
	return ids
}

// Check returns everything that is missing or wrong, structure first. A report with a finding of
// level block is not approved.
func Check(r Report, c Content, viewed bool, now time.Time) (all []Finding) {
	block := func(rule, text string) { all = append(all, Finding{rule, string(cybertip.Block), "", text}) }
	if r.Recipient == "" {
		block(ruleNoRecipient, "no recipient is configured")
	}
	if c.Role == houvast.RoleUnknown || c.Role == "" {
		block(ruleNoRole, "nobody has said which role the uploader plays; a child must never be the reported person")
	}
	d := cybertip.Draft{
		Stage:  cybertip.BeforeOpen,
		Report: c.Report(),
		Files:  []cybertip.File{{Details: c.FileDetails(0, "", viewed)}},
		Now:    now,
	}
	for _, f := range cybertip.Validate(d) {
		if f.Rule == "reported-nobody" && c.childOwn() {
			continue // the uploader is the child: to name them here is what must not happen
		}
		all = append(all, Finding{f.Rule, string(f.Level), f.Path, f.Text()})
	}
	return all
}

// Blocked reports whether any finding blocks.
func Blocked(all []Finding) bool {
	for _, f := range all {
		if f.Level == string(cybertip.Block) {
			return true
		}
	}
	return false
}
