package filing_test

import (
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/report"
)

// Who decided a case or added to its report gets no button to approve it, and is refused without one.
// Another approver has the button, and approves.
func TestNobodyApprovesTheirOwn(t *testing.T) {
	each(t, func(t *testing.T, r *consoletest.Rig, who team) {
		gwen := r.Hire("gwen", access.Reviewer, access.Approver)
		decided := draftOf(r, r.Matched(1), "user:gwen", abuse())
		added := drafted(r, 2, abuse())
		got := who.dirk.Post(path(added)+"/amend", "version", at(r, added), "screen_name", "grey.heron")
		status(t, "adding", got, 303)

		for _, own := range []struct {
			what string
			id   houvast.ReportID
			v    *consoletest.Visitor
		}{{"who decided", decided, gwen}, {"who added", added, who.dirk}} {
			page := own.v.Get(path(own.id))
			says(t, own.what, page, "You decided this case or added to its report, so somebody else approves it.")
			silent(t, own.what, page, "step=approve", "/return")
			guard := own.v.Get(path(own.id) + "?step=approve&version=" + at(r, own.id))
			silent(t, own.what+", the guard", guard, path(own.id)+"/approve")
			status(t, own.what+" approves", own.v.Post(path(own.id)+"/approve", "version", at(r, own.id)), 403)
			equal(t, own.what+", state", stored(r, own.id).State, report.Draft)

			control := who.cleo.Get(path(own.id))
			says(t, "another approver", control, "Send it back")
			if !strings.Contains(control.Body, "step=approve&amp;version="+at(r, own.id)) {
				t.Errorf("%s: another approver finds no way to approve", own.what)
			}
			guard = who.cleo.Get(path(own.id) + "?step=approve&version=" + at(r, own.id))
			says(t, "the guard", guard, "Before you approve", "Practice. It goes to a clearinghouse that only pretends to be one.", "Approve for practice",
				"The report says that the file was not viewed.", "They are kept for 365 days after filing.")
			if strings.Index(guard.Body, "autofocus") > strings.Index(guard.Body, path(own.id)+"/approve") {
				t.Error("the guard does not begin with the way back")
			}
			got := who.cleo.Post(path(own.id)+"/approve", "version", at(r, own.id))
			if status(t, "another approves", got, 303); got.Location != path(own.id)+"/receipt" {
				t.Errorf("after approving one goes to %s", got.Location)
			}
			equal(t, "approved by", stored(r, own.id).ApprovedBy, "user:cleo")
			equal(t, "audit lines", lines(r, "reports.approve", own.id.String(), "user:cleo"), 1)
			equal(t, "audit lines of the other", lines(r, "reports.approve", own.id.String(), houvast.Actor("user:"+own.v.Name)), 0)
		}
	})
}

// What was changed since it was read is not approved, and not sent back: whoever asked is told and reads
// it again. A form always says which version was read.
func TestChangedMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, r *consoletest.Rig, who team) {
		id := drafted(r, 1, abuse())
		read := at(r, id)
		status(t, "the guard", who.cleo.Get(path(id)+"?step=approve&version="+read), 200)
		status(t, "anna adds", who.anna.Post(path(id)+"/amend", "version", read, "screen_name", "grey.heron"), 303)

		const told = "The report was changed meanwhile, so nothing was done."
		for what, got := range map[string]consoletest.Reply{
			"approving":    who.cleo.Post(path(id)+"/approve", "version", read),
			"sending back": who.cleo.Post(path(id)+"/return", "version", read, "words", "look again"),
			"adding":       who.anna.Post(path(id)+"/amend", "version", read, "email", "heron@example.org"),
		} {
			status(t, what, got, 409)
			says(t, what, got, told, "grey.heron")
			silent(t, what, got, `name="version" value="`+read+`"`)
		}
		typed := who.cleo.Post(path(id)+"/return", "version", read, "words", "look at the port again")
		says(t, "sending back again", typed, "look at the port again")
		guard := who.cleo.Get(path(id) + "?step=approve&version=" + read)
		says(t, "the guard of an old version", guard, told)
		silent(t, "the guard of an old version", guard, path(id)+"/approve\"")
		for _, v := range []string{"", "x", "0", "-1"} {
			got := who.cleo.Post(path(id)+"/approve", "version", v)
			status(t, "version "+v, got, 400)
			says(t, "version "+v, got, "The form does not say what you read")
		}
		equal(t, "state", stored(r, id).State, report.Draft)
		equal(t, "calls", len(r.Office.Events()), 0)
		equal(t, "audit lines", lines(r, "reports.approve", id.String(), "user:cleo")+lines(r, "reports.return", id.String(), "user:cleo"), 0)

		status(t, "what stands is approved", who.cleo.Post(path(id)+"/approve", "version", at(r, id)), 303)
	})
}

// Nothing is sent back without words; with them the draft waits for whoever decided, who reads them until
// something was added.
func TestSentBack(t *testing.T) {
	each(t, func(t *testing.T, r *consoletest.Rig, who team) {
		id := drafted(r, 1, abuse())
		for _, c := range []struct{ words, told string }{{"", "Without words nobody knows what to do."}, {" \n ", "Without words nobody knows what to do."},
			{strings.Repeat("é", 3001), "This is longer than 3,000 characters."}} {
			got := who.cleo.Post(path(id)+"/return", "version", at(r, id), "words", c.words)
			if got.Status != 400 && got.Status != 413 {
				t.Errorf("%d characters: status %d", len(c.words), got.Status)
			}
			says(t, "sending back", got, c.told)
			if !strings.Contains(got.Body, `aria-invalid="true"`) || !strings.Contains(got.Body, strings.TrimSpace(c.words)) {
				t.Error("the field is not marked, or lost what was typed")
			}
		}
		equal(t, "version", at(r, id), "1")
		equal(t, "audit lines", lines(r, "reports.return", id.String(), "user:cleo"), 0)

		const words = `who is "blue.heron"? <script>alert(1)</script>`
		status(t, "with words", who.cleo.Post(path(id)+"/return", "version", at(r, id), "words", words), 303)
		equal(t, "audit lines", lines(r, "reports.return", id.String(), "user:cleo"), 1)
		page := who.anna.Get(path(id))
		says(t, "anna", page, "Sent back", words, "These are the words of whoever was to approve it.")
		silentRaw(t, "anna", page, "<script>alert")
		says(t, "the list", who.anna.Get("/console/reports"), "sent back, something is to be added")
		status(t, "anna adds", who.anna.Post(path(id)+"/amend", "version", at(r, id), "email", "heron@example.org"), 303)
		silent(t, "after it was added to", who.anna.Get(path(id)), words)
		says(t, "the list of cleo", who.cleo.Get("/console/reports"), "waits for your approval")
	})
}

// A reviewer reads the reports of the cases that they decided and no others. An auditor reads all and
// changes nothing.
func TestWhoReadsWhat(t *testing.T) {
	each(t, func(t *testing.T, r *consoletest.Rig, who team) {
		id := drafted(r, 1, abuse())
		says(t, "anna's list", who.anna.Get("/console/reports"), "Drafts", "Abuse")
		says(t, "bram's list", who.bram.Get("/console/reports"), "There is no report here")
		for _, p := range []string{path(id), path(id) + "/receipt"} {
			got := who.bram.Get(p)
			status(t, "bram at "+p, got, 403)
			says(t, "bram at "+p, got, "This report is not of a case of yours")
			silent(t, "bram at "+p, got, "blue.heron")
			for _, v := range []*consoletest.Visitor{who.anna, who.cleo, who.elif} {
				status(t, v.Name+" at "+p, v.Get(p), 200)
			}
		}
		got := who.bram.Post(path(id)+"/amend", "version", at(r, id), "screen_name", "grey")
		status(t, "bram adds", got, 403)
		page := who.elif.Get(path(id))
		silent(t, "the auditor's page", page, "step=approve", path(id)+"/return", path(id)+"/amend", path(id)+"/file", "step=retract")
		for _, v := range []*consoletest.Visitor{who.elif, who.anna, who.bram, r.Visitor()} {
			for _, step := range []string{"approve", "return", "file", "retract"} {
				got := v.Post(path(id)+"/"+step, "version", at(r, id), "words", "words")
				if got.Status != 403 && got.Status != 401 {
					t.Errorf("%s may %s: %d", v.Name, step, got.Status)
				}
			}
		}
		equal(t, "state", stored(r, id).State, report.Draft)
		equal(t, "version", at(r, id), "1")
		if got := who.cleo.Get("/console/report/report_nonsense"); got.Status != 400 && got.Status != 404 {
			t.Errorf("a report that is none: %d", got.Status)
		}
	})
}

// Over the wire a form that is sent twice is answered as the first time.
func TestApprovedOnce(t *testing.T) {
	each(t, func(t *testing.T, r *consoletest.Rig, who team) {
		id := drafted(r, 1, abuse())
		v := at(r, id)
		for range 2 {
			got := who.cleo.Post(path(id)+"/approve", "version", v, "once", "the same form")
			status(t, "approving", got, 303)
		}
		r.Until("it is filed", func() bool { return stored(r, id).State == report.Finished })
		equal(t, "audit lines", lines(r, "reports.approve", id.String(), "user:cleo"), 1)
	})
}

// Withdrawing has a page that says what it means, and a report that was finished has none.
func TestRetract(t *testing.T) {
	each(t, func(t *testing.T, r *consoletest.Rig, who team) {
		id := drafted(r, 1, abuse())
		guard := who.cleo.Get(path(id) + "?step=retract")
		says(t, "the guard", guard, "Before you retract", "This report is then not filed, now or later.", "it is held for 90 days and then destroyed")
		equal(t, "state after reading", stored(r, id).State, report.Draft)
		silent(t, "anna's page", who.anna.Get(path(id)+"?step=retract"), path(id)+"/retract")
		status(t, "retracting", who.cleo.Post(path(id)+"/retract"), 303)
		equal(t, "state", stored(r, id).State, report.Retracted)
		says(t, "the list", who.cleo.Get("/console/reports"), "Over", "retracted")
		receipt := who.cleo.Get(path(id) + "/receipt")
		says(t, "the receipt", receipt, "Our copy is held until "+consoletest.Monday.Add(90*24*time.Hour).Format(time.DateOnly))

		filed := drafted(r, 2, abuse())
		approved(r, filed, report.Finished)
		silent(t, "a finished report", who.cleo.Get(path(filed)+"?step=retract"), path(filed)+"/retract")
		status(t, "retracting what is finished", who.cleo.Post(path(filed)+"/retract"), 409)
	})
}

// A report that waits for a person says why and what to do, and goes on when an approver lets it.
func TestTrouble(t *testing.T) {
	each(t, func(t *testing.T, r *consoletest.Rig, who team) {
		faults(r, `{"endpoint": "submit", "kind": "code", "code": 4100}`)
		id := drafted(r, 1, abuse())
		approved(r, id, report.NeedsHuman)
		const why = "The recipient refused a call (open the report, code 4100)."
		for _, p := range []string{path(id), path(id) + "/receipt", "/console/reports"} {
			says(t, p, who.cleo.Get(p), why, "Mend the cause and let it go on, or retract the report.")
		}
		says(t, "the calls", who.cleo.Get(path(id)+"/receipt"), "refused 4100")
		silent(t, "anna's page", who.anna.Get(path(id)), path(id)+"/file")
		faults(r, "")
		status(t, "letting it go on", who.cleo.Post(path(id)+"/file"), 303)
		r.Until("it is filed", func() bool { return stored(r, id).State == report.Finished })
		silent(t, "afterwards", who.cleo.Get(path(id)), why)
	})
}

// Whoever is a team of one approves what they decided, as the configuration says.
func TestTeamOfOne(t *testing.T) {
	each(t, func(t *testing.T, r *consoletest.Rig, _ team) {
		gwen := r.Hire("gwen", access.Reviewer, access.Approver)
		id := draftOf(r, r.Matched(1), "user:gwen", abuse())
		status(t, "control", gwen.Post(path(id)+"/approve", "version", at(r, id)), 403)
		r.Settings.SelfApproval = true
		if page := gwen.Get(path(id)); !strings.Contains(page.Body, "step=approve") {
			t.Error("a team of one finds no way to approve")
		}
		if _, err := r.Approve(t.Context(), pipeline.Ask{By: "user:gwen", Op: "reports.approve"}, id, stored(r, id).Version); err != nil {
			t.Error(err)
		}
	})
}
