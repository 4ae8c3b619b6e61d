package filing_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/consoletest"
)

var approveAction = regexp.MustCompile(`action="(/console/action/action_[0-9a-z]+)/approve"`)

// removal is the path of the one action that a page offers to approve.
func removal(t *testing.T, page consoletest.Reply) string {
	t.Helper()
	all := approveAction.FindAllStringSubmatch(page.Body, -1)
	if len(all) != 1 {
		t.Fatalf("the page offers %d actions to approve: %s", len(all), page.Text())
	}
	return all[0][1]
}

// What is proposed to the platform is approved or rejected by somebody else than who decided the case.
func TestActions(t *testing.T) {
	each(t, func(t *testing.T, r *consoletest.Rig, who team) {
		says(t, "without any", who.cleo.Get("/console/actions"), "There is no action here", "No platform is connected here.")
		gwen := r.Hire("gwen", access.Reviewer, access.Approver)
		draftOf(r, r.Matched(1), "user:gwen", abuse())

		own := gwen.Get("/console/actions")
		says(t, "who proposed it", own, "You proposed it by your decision, so somebody else approves it.", "Waiting for approval", "remove the item")
		silent(t, "who proposed it", own, "/approve")
		page := who.cleo.Get("/console/actions")
		says(t, "an approver", page, "The platform takes it down for good.", "Abuse", "gwen", "withhold the item", "The platform hides it until 2027-03-04 09:00 UTC, and then shows it again.", "Houvast, by rule")
		at := removal(t, page)
		status(t, "gwen approves her own", gwen.Post(at+"/approve"), 403)
		for _, v := range []*consoletest.Visitor{who.anna, who.elif, r.Visitor()} {
			for _, step := range []string{"/approve", "/reject"} {
				if got := v.Post(at + step); got.Status != 403 && got.Status != 401 {
					t.Errorf("%s may %s: %d", v.Name, step, got.Status)
				}
			}
		}
		status(t, "a reviewer's list", who.anna.Get("/console/actions"), 403)
		silent(t, "the auditor's list", who.elif.Get("/console/actions"), "/approve", "/reject")
		waiting := "SELECT COUNT(*) FROM action WHERE kind = 'remove' AND state = 'proposed'"
		equal(t, "waiting", r.Number(waiting), 1)

		status(t, "another approves", who.cleo.Post(at+"/approve"), 303)
		equal(t, "waiting", r.Number(waiting), 0)
		subject := strings.TrimPrefix(at, "/console/action/")
		equal(t, "audit lines", lines(r, "actions.approve", subject, "user:cleo"), 1)
		silent(t, "afterwards", who.cleo.Get("/console/actions"), at+"/approve")

		draftOf(r, r.Matched(2), "user:gwen", abuse())
		at = removal(t, who.cleo.Get("/console/actions"))
		status(t, "rejecting", who.cleo.Post(at+"/reject"), 303)
		equal(t, "rejected", r.Number("SELECT COUNT(*) FROM action WHERE kind = 'remove' AND state = 'dropped'"), 1)
		equal(t, "audit lines", lines(r, "actions.reject", strings.TrimPrefix(at, "/console/action/"), "user:cleo"), 1)
		only := who.cleo.Get("/console/actions?part=over")
		says(t, "what is over", only, "Over", "remove the item", "dropped")
		silent(t, "what is over", only, "Waiting for approval", "On their way")
	})
}
