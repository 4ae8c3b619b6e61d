package cybertip

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func (fs *findings) people(d Draft) {
	r := d.Report
	fs.addIf(len(r.PersonOrUserReported) == 0, "reported-nobody", "/report/personOrUserReported")
	fs.addIf(len(r.PersonOrUserReported) > 1, "reported-many", "/report/personOrUserReported")

	var victims []string
	for _, v := range r.Victim {
		victims = append(victims, identifiers(v.Account, &v.Person)...)
	}
	for i, p := range r.PersonOrUserReported {
		at := fmt.Sprintf("/report/personOrUserReported[%d]", i+1)
		fs.addIf(overlap(victims, identifiers(p.Account, p.Person)), "reported-is-child", at)
		fs.addIf(minor(p.Person, r.IncidentSummary.IncidentDateTime.Time()), "reported-minor", at)
		fs.reported(p, at)
	}
	for i, p := range r.IntendedRecipient {
		at := fmt.Sprintf("/report/intendedRecipient[%d]", i+1)
		fs.addIf(overlap(victims, identifiers(p.Account, p.Person)), "victim-is-recipient", at)
	}
}

// reported is the part of the check list about one reported account.
func (fs *findings) reported(p PersonOrUserReported, at string) {
	var emails []Email
	var phones []Phone
	if p.Person != nil {
		emails, phones = p.Person.Email, p.Person.Phone
	}
	reachable := len(emails)+len(phones) > 0
	// Of an account elsewhere, nothing but what it shows is known.
	elsewhere := p.ThirdPartyUserReported == Yes && (p.ScreenName != "" || len(p.ProfileURL) > 0 || reachable)
	fs.addIf(blankText(p.ESPIdentifier) && !elsewhere, "reported-identifier", at+"/espIdentifier")

	person := at + "/personOrUserReportedPerson"
	fs.addIf(p.ScreenName == "", "reported-screen-name", at+"/screenName")
	fs.addIf(len(p.ProfileURL) == 0, "reported-profile", at+"/profileUrl")
	fs.addIf(!reachable, "reported-reachable", person)
	for i, e := range emails {
		fs.addIf(e.Verified == Unanswered || e.Verified == Yes && e.VerificationDate == 0, "reported-verified", fmt.Sprintf("%s/email[%d]", person, i+1))
	}
	for i, e := range phones {
		fs.addIf(e.Verified == Unanswered || e.Verified == Yes && e.VerificationDate == 0, "reported-verified", fmt.Sprintf("%s/phone[%d]", person, i+1))
	}
	fs.addIf(p.AllEmailsReported == Unanswered, "reported-all-emails", at+"/allEmailsReported")
	fs.addIf(p.CompromisedAccount == Unanswered, "reported-compromised", at+"/compromisedAccount")
	fs.addIf(!p.Standing.answered(), "reported-disabled", at+"/accountPermanentlyDisabled")
	if l := p.EstimatedLocation; l != nil {
		fs.addIf(l.Verified == Unanswered || l.Timestamp == 0, "location-unverified", at+"/estimatedLocation")
	}
	seen := func(event EventName) bool {
		return slices.ContainsFunc(p.IPCaptureEvent, func(e IPCaptureEvent) bool { return e.EventName == event })
	}
	fs.addIf(!seen(EventRegistration), "reported-registration", at+"/ipCaptureEvent")
	fs.addIf(!seen(EventLogin), "reported-login", at+"/ipCaptureEvent")
	for i, e := range p.IPCaptureEvent {
		fs.capture(e, fmt.Sprintf("%s/ipCaptureEvent[%d]", at, i+1))
	}
}

// answered reports whether it is told if the account was disabled and, if it was, when and whether
// its user was told.
func (s Standing) answered() bool {
	t, p := s.AccountTemporarilyDisabled, s.AccountPermanentlyDisabled
	if t == nil && p == nil {
		return false
	}
	return (t == nil || t.Disabled != Yes || t.DisabledDate != 0 && t.UserNotified != Unanswered) &&
		(p == nil || p.Disabled != Yes || p.DisabledDate != 0 && p.UserNotified != Unanswered)
}

func (fs *findings) capture(e IPCaptureEvent, at string) {
	fs.addIf(e.DateTime == 0, "capture-time", at+"/dateTime")
	fs.addIf(e.Port == 0, "capture-port", at+"/port")
}

// identifiers returns what tells an account apart. Names and network addresses do not: a child and an
// offender can share both. The product is left out on purpose: the same id in two products of one
// service is far more often one account than two.
func identifiers(a Account, p *Person) (ids []string) {
	if id := strings.TrimSpace(a.ESPIdentifier); id != "" {
		ids = append(ids, "esp:"+id)
	}
	for _, u := range a.ProfileURL {
		ids = append(ids, "url:"+u)
	}
	if p != nil {
		for _, e := range p.Email {
			ids = append(ids, "mail:"+strings.ToLower(e.Address))
		}
	}
	return ids
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}

// minor reports whether p is stated to have been under 18 at the time.
func minor(p *Person, at time.Time) bool {
	if p == nil {
		return false
	}
	if p.Age != nil && *p.Age < 18 {
		return true
	}
	born, ok := p.DateOfBirth.Time()
	return ok && at.Before(born.AddDate(18, 0, 0))
}
