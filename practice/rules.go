package practice

import (
	"errors"
	"strings"
	"time"
	"unicode"

	"github.com/houvast/houvast/practice/schema"
)

// checkRules holds what the real service refuses although its schema does not (section 1.7): an
// incident in the future, and a web page address with space or control characters in it. The other
// rules of that section are advice and pass here too.
func checkRules(report *schema.Node, now time.Time) error {
	summary := report.Child("incidentSummary")
	if at, ok := schema.ParseDateTime(schema.Collapse(summary.ChildText("incidentDateTime"))); ok && at.After(now) {
		return errors.New("incidentDateTime is in the future")
	}
	for _, details := range report.Children {
		if details.Name.Local != "internetDetails" {
			continue
		}
		page := details.Child("webPageIncident")
		if page == nil {
			continue
		}
		for _, u := range page.Children {
			if u.Name.Local == "url" && strings.ContainsFunc(u.Text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
				return errors.New("url contains white space or control characters")
			}
		}
	}
	return nil
}
