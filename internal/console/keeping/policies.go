package keeping

import (
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/review"
)

// A Policy is the rules in force, as the configuration and the choice of the profile have set them. It
// holds no credential.
type Policy struct {
	Profile      houvast.InstallationProfile // "" until chosen, and Jurisdiction with it
	Jurisdiction string
	Law          string        // by which reported evidence is preserved
	Days         int           // for how long, from filing
	Source       string        // where the period stands
	Withhold     bool          // a match on a verified list hides the item until a person has decided
	WithholdFor  int           // hours, then it ends by itself
	Undo         time.Duration // before evidence of what is not reported is destroyed
	CouldNotLook int           // hours that the bytes of what could not be looked at are kept
	SelfApproval bool          // the team is a single person and has said so
	Threshold    int           // bits; of a new bank
	Drawn        review.DrawnPolicy
	Recipients   []Recipient // the first one receives new reports
}

// A Recipient is a body that receives reports.
type Recipient struct {
	Name        string
	Environment houvast.Environment
}

type policiesView struct {
	Policy
	Rows []decisionRow
	Hold int    // days that an undecided case waits
	Wait string // Undo in words
}

// A decisionRow is what one decision leads to here.
type decisionRow struct {
	review.Consequence
	Days int // of a hold
}

func (k *Pages) policies(p *site.Page) error {
	v := policiesView{Policy: k.Policy(), Hold: undecidedDays}
	v.Wait = p.Span(v.Undo)
	for _, c := range review.Consequences() {
		if c.Decision == houvast.DecideDrawn { // the one row that the operator's own rule answers
			c = c.Resolve(review.Verdict{}, v.Drawn)
		}
		v.Rows = append(v.Rows, decisionRow{c, int(c.Hold.Hours() / 24)})
	}
	return p.Render("policies", v)
}
