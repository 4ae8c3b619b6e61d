package filing_test

import (
	"html"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
)

// silentRaw fails when a page holds a text as markup, which silent cannot tell.
func silentRaw(t *testing.T, what string, got consoletest.Reply, texts ...string) {
	t.Helper()
	for _, not := range texts {
		if strings.Contains(got.Body, not) {
			t.Errorf("%s: the page holds %q as markup", what, not)
		}
	}
}

var pre = regexp.MustCompile(`(?s)<pre[^>]*>(.*?)</pre>`)

// documents returns what the blocks of a page hold, letter for letter.
func documents(got consoletest.Reply) (all []string) {
	for _, m := range pre.FindAllStringSubmatch(got.Body, -1) {
		all = append(all, html.UnescapeString(regexp.MustCompile(`^<code>|</code>$`).ReplaceAllString(m[1], "")))
	}
	return all
}

// A draft is shown as its reader will see it, with what is missing and with the documents.
func TestDraft(t *testing.T) {
	each(t, func(t *testing.T, r *consoletest.Rig, who team) {
		id := drafted(r, 1, review.Verdict{Decision: houvast.DecideUrgent, Role: houvast.RoleUploader, Words: "A classmate heard that it happens tonight.",
			Observations: []houvast.Observation{{What: houvast.AspectOrigin, Value: "grooming", Basis: houvast.BasisStated}}})
		page := who.cleo.Get(path(id))
		says(t, "the page", page,
			"What happened", "child sexual abuse material (CSAM)", "2027-03-01 08:00:00 UTC", "The upload, as the platform told it.", "https://example.org/p/77", "the same file (SHA-256)",
			"Who is reported, and who is the victim", "The account is named as the reported person, because it uploaded the file.",
			"u-4472", "blue.heron.4472", "192.0.2.44 , port 41234, 2027-03-01 08:00:00 UTC",
			"garden.png", "image/png", "MD5", "SHA256", "PDQ", "Viewed by a person no Nobody asked to see it.", "Anybody could open it.",
			"origin grooming, stated by someone", "Of these the documents carry only grooming, as a mark.",
			"Urgent", "A classmate heard that it happens tonight.", "Example Platform", "trust@example.org",
			"What is missing", "Have a telephone number configured that is answered day and night.")
		_, content, _, err := r.Desk.Report(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		want, err := report.DocumentsOf(stored(r, id), content)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "the documents", documents(page), []string{want.Report, want.FileDetails})
		for _, s := range []string{"<escalateToHighPriority>A classmate", "<csamSolicitation>true", "<port>41234</port>"} {
			if !strings.Contains(want.Report, s) {
				t.Errorf("control: the document has no %s", s)
			}
		}
		says(t, "a draft's receipt", who.cleo.Get(path(id)+"/receipt"), "The report is a draft. Nothing was filed.")
	})
}

// Nobody has said whose account it is: the page says what to add and offers no way to approve until
// somebody did.
func TestRoleUnknown(t *testing.T) {
	each(t, func(t *testing.T, r *consoletest.Rig, who team) {
		id := drafted(r, 1, review.Verdict{Decision: houvast.DecideAbuse, Role: houvast.RoleUnknown})
		page := who.cleo.Get(path(id))
		says(t, "the page", page, "What is missing before it can be approved", "1 thing must be mended", "Say which role the uploader plays.", "It cannot be approved yet: see what is missing.")
		silent(t, "the page", page, "step=approve", "The account of the reported person")
		silent(t, "the guard", who.cleo.Get(path(id)+"?step=approve&version="+at(r, id)), path(id)+"/approve")
		got := who.cleo.Post(path(id)+"/approve", "version", at(r, id))
		if got.Status < 400 || got.Status > 499 {
			t.Errorf("approving what is not complete: %d", got.Status)
		}
		says(t, "approving what is not complete", got, "The report is not complete")
		says(t, "the list", who.cleo.Get("/console/reports"), "not complete yet")
		status(t, "anna adds", who.anna.Post(path(id)+"/amend", "version", at(r, id), "role", "peer"), 303)
		page = who.cleo.Get(path(id))
		says(t, "with a role", page, "the report says that this is between minors", "between minors")
		if !strings.Contains(page.Body, "step=approve") {
			t.Error("with a role it cannot be approved")
		}
	})
}

// An account that is the child's stands as the victim, on the page and in the document, and nobody is
// reported. With another role the same upload reports the account.
func TestAccountOfTheChild(t *testing.T) {
	each(t, func(t *testing.T, r *consoletest.Rig, who team) {
		for i, c := range []struct {
			role             houvast.Role
			says, head, not  string
			victim, reported int
		}{
			{houvast.RoleChild, "The account is the child’s: it is named as the victim, and nobody is reported.", "The account of the victim", "The account of the reported person", 1, 0},
			{houvast.RoleBoth, "it is named as the victim, and nobody is reported.", "The account of the victim", "The account of the reported person", 1, 0},
			{houvast.RoleUploader, "The account is named as the reported person", "The account of the reported person", "The account of the victim", 0, 1},
		} {
			id := drafted(r, uint64(i), review.Verdict{Decision: houvast.DecideAbuse, Role: c.role})
			page := who.cleo.Get(path(id))
			says(t, string(c.role), page, c.says, c.head, "blue.heron.4472")
			silent(t, string(c.role), page, c.not, "Say which account is reported, if you know.")
			says(t, string(c.role)+", the guard", who.cleo.Get(path(id)+"?step=approve&version="+at(r, id)), c.says)
			docs := documents(page)
			if len(docs) != 2 {
				t.Fatalf("%s: %d documents", c.role, len(docs))
			}
			equal(t, string(c.role)+", in the document", []int{strings.Count(docs[0], "<victim>"), strings.Count(docs[0], "<personOrUserReported>")}, []int{c.victim, c.reported})
		}
	})
}

// After the clearinghouse has taken it, page and receipt tell its number, what it answered, until when
// what is preserved, and that nobody viewed the file.
func TestFiled(t *testing.T) {
	each(t, func(t *testing.T, r *consoletest.Rig, who team) {
		id := drafted(r, 1, abuse())
		faults(r, `{"endpoint": "finish", "kind": "status", "status": 503, "times": 1}`)
		got := who.cleo.Post(path(id)+"/approve", "version", at(r, id))
		status(t, "approving", got, 303)
		r.Until("it waits for an answer", func() bool { return stored(r, id).State == report.Finishing && len(callsOf(r, id)) == 4 })
		waits := who.cleo.Get(got.Location)
		says(t, "on its way", waits, "The report is on its way.", "Our copy is held until the report is filed.", "failed, tried again later")
		if !strings.Contains(waits.Body, `data-again="3"`) {
			t.Error("the page of a report on its way does not renew itself")
		}
		r.Clock.Advance(2 * time.Minute)
		r.Until("it is filed", func() bool { return stored(r, id).State == report.Finished })
		rep := stored(r, id)
		number, day := strconv.FormatInt(rep.Remote, 10), rep.Finished.AddDate(0, 0, 365).Format(time.DateOnly)
		if rep.Remote == 0 {
			t.Fatal("it has no number")
		}
		page, receipt := who.cleo.Get(path(id)), who.cleo.Get(path(id)+"/receipt")
		says(t, "the page", page, number, "finished", "Viewed by a person no", "cleo")
		says(t, "the receipt", receipt, number, "preserved until "+day, "18 U.S.C. 2258A(h)", "365 days", "REPORT Act", "Viewed by a person no Nobody asked to see it.",
			"open the report", "send the file", "describe the file", "finish the report", "cleo, 2027-03-01")
		silent(t, "the receipt", receipt, `data-again`)
		silent(t, "the page", page, "step=approve", "/return", "/amend")
		blocks := documents(receipt)
		if len(blocks) != 3 || !strings.Contains(blocks[0], "<reportId>"+number+"</reportId>") || !strings.Contains(blocks[1], "<report>") || !strings.Contains(blocks[2], "<fileViewedByEsp>false<") {
			t.Errorf("the answer and the documents are not all there: %q", blocks)
		}
		equal(t, "the documents on the page", documents(page), blocks[min(1, len(blocks)):])
		says(t, "the list", who.cleo.Get("/console/reports"), "Over", "finished", number)
		says(t, "anna's receipt", who.anna.Get(path(id)+"/receipt"), number)
	})
}

// callsOf are the calls that were made for a report.
func callsOf(r *consoletest.Rig, id houvast.ReportID) []report.Called {
	r.T.Helper()
	receipt, err := r.Receipt(r.T.Context(), id)
	if err != nil {
		r.T.Fatal(err)
	}
	return receipt.Calls
}

// When the content was destroyed the pages say so, and hold nothing of it.
func TestDestroyed(t *testing.T) {
	each(t, func(t *testing.T, r *consoletest.Rig, who team) {
		id := drafted(r, 1, abuse())
		approved(r, id, report.Finished)
		for _, p := range []string{path(id), path(id) + "/receipt"} {
			says(t, "control: "+p, who.cleo.Get(p), "blue.heron.4472")
		}
		r.Clock.Advance(366 * 24 * time.Hour)
		if _, err := r.ExpireNow(t.Context(), pipeline.Ask{By: "user:carol", Op: "evidence.expire"}); err != nil {
			t.Fatal(err)
		}
		r.Until("the evidence is gone", func() bool {
			return r.Number("SELECT COUNT(*) FROM evidence WHERE state = 'destroyed'") == 1
		})
		dirk := r.Hire("ines", access.Approver)
		page, receipt, list := dirk.Get(path(id)), dirk.Get(path(id)+"/receipt"), dirk.Get("/console/reports")
		for what, got := range map[string]consoletest.Reply{"the page": page, "the receipt": receipt, "the list": list} {
			status(t, what, got, 200)
			silent(t, what, got, "blue.heron", "u-4472", "garden.png", "<report>", "192.0.2.44")
		}
		says(t, "the page", page, "The content was destroyed", "Number at the recipient", "anna", "cleo")
		says(t, "the receipt", receipt, "were destroyed on 2028-", "The documents and the answer were destroyed together with the evidence.")
		says(t, "the list", list, "content destroyed")
		got := dirk.Post(path(id) + "/retract")
		status(t, "retracting it", got, 409)
	})
}

// What a user wrote is shown everywhere as text, on the page and in the documents.
func TestHostileTexts(t *testing.T) {
	const script, image, template = `<script>alert(1)</script>`, `"><img src=x onerror=alert(2)>`, `{{.Report}} {{t "x"}}`
	long := strings.Repeat("w", 2000)
	each(t, func(t *testing.T, r *consoletest.Rig, who team) {
		facts := consoletest.Facts()
		facts.ScreenName, facts.Account.ID, facts.FileName = script, image, "\u202eexe.gnp"+template
		facts.Context, facts.URL = script+image+long, "https://example.org/?a=&b=%22%3E"
		id := draftWith(r, 1, facts, abuse())
		hostile := []string{"<script>alert", "<img src=x", "<b>x", "{{.Report}}<"}
		for _, p := range []string{path(id), path(id) + "?step=approve&version=" + at(r, id), path(id) + "?step=retract", "/console/reports", "/console/actions"} {
			got := who.cleo.Get(p)
			status(t, p, got, 200)
			silentRaw(t, p, got, hostile...)
		}
		page := who.cleo.Get(path(id))
		says(t, "the page", page, script, image, template, long, "\u202eexe.gnp")
		if !strings.Contains(page.Body, "&amp;lt;script&amp;gt;alert(1)") {
			t.Error("the document on the page does not hold the name as the document has it")
		}
		if docs := documents(page); len(docs) != 2 || !strings.Contains(docs[0], "<screenName>&lt;script&gt;alert(1)&lt;/script&gt;</screenName>") {
			t.Errorf("the document is not as it will be sent: %q", docs)
		}
		approved(r, id, report.Finished, report.NeedsHuman)
		for _, p := range []string{path(id), path(id) + "/receipt"} {
			got := who.elif.Get(p)
			status(t, p, got, 200)
			silentRaw(t, p, got, hostile...)
		}
	})
}
