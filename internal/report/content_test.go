package report

import (
	"encoding/xml"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const account = "account-77"

// full is content in which nothing is missing that a platform can tell.
func full() Content {
	return NewContent(Content{
		Reporter: Reporter{Organisation: "Example Photos", Platform: "Example Photos for phones", FirstName: "Robin", LastName: "Example",
			Email: "safety@photos.example", Phone24h: "25550100", LegalURL: "https://photos.example/legal", Terms: "https://photos.example/terms",
			Template: "Service of process: legal@photos.example."},
		Facts: houvast.Facts{
			Item: "item_1", Bytes: 11, Received: noon.Add(-time.Hour), MediaType: "image/png", Width: 640, Height: 480,
			MD5: "5eb63bbbe01eeed093cb22bb8f5acdc3", SHA1: "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed",
			SHA256: "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9", PDQ: strings.Repeat("a5", 32), Quality: 90,
			Upload: houvast.Upload{Account: houvast.AccountRef{Source: "photos", ID: account}, ScreenName: "sample77", Email: "account-77@mail.example",
				ProfileURL: "https://photos.example/u/sample77", FileName: "drawn & <circle>.png", UploadedAt: noon.Add(-2 * time.Hour), IP: "192.0.2.10",
				Port: 40001, URL: "https://photos.example/p/1001", ContextKind: houvast.PublicPost},
			Matches: []houvast.Match{{BankName: "known drawings", Trust: houvast.Verified, Kind: houvast.KindPDQ, Distance: 7, Profile: "full",
				Orientation: "rotate90", EntryTag: houvast.ChildAbuse}},
		},
		Decision: houvast.DecideAbuse, Role: houvast.RoleUploader, DecidedAt: noon.Add(-time.Minute), RetainDays: 365,
	})
}

// as is full with a decision and a role.
func as(d houvast.Decision, role houvast.Role) Content {
	c := full()
	c.Decision, c.Role = d, role
	switch d {
	case houvast.DecideUrgent:
		c.Words = "A message speaks of a meeting today."
	case houvast.DecideOwn:
		c.Pressure = true
		c.Observations = []houvast.Observation{{What: houvast.AspectOrigin, Value: "grooming", Basis: houvast.BasisStated}}
	}
	return c
}

// parts reads a document without our own types: the text, attributes included, below each child of
// the root, by the name of that child, and how often it occurs.
func parts(t *testing.T, doc []byte) (text map[string]string, n map[string]int) {
	t.Helper()
	text, n = map[string]string{}, map[string]int{}
	d := xml.NewDecoder(strings.NewReader(string(doc)))
	var path []string
	for {
		tok, err := d.Token()
		if tok == nil {
			if len(path) != 0 {
				t.Fatalf("the document ends in %v: %v", path, err)
			}
			return text, n
		}
		switch x := tok.(type) {
		case xml.StartElement:
			path = append(path, x.Name.Local)
			if len(path) == 2 {
				n[x.Name.Local]++
			}
			for _, a := range x.Attr {
				if len(path) > 1 {
					text[path[1]] += a.Value + "\n"
				}
			}
			if len(path) > 2 {
				text[path[1]] += "<" + x.Name.Local + ">"
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if len(path) > 1 {
				text[path[1]] += string(x) + "\n"
			}
		}
	}
}

// reportingDecisions are those from which a report follows.
func reportingDecisions() []houvast.Decision {
	return []houvast.Decision{houvast.DecideAbuse, houvast.DecideUrgent, houvast.DecideOwn}
}

// blocking rules of a check, each once.
func blocks(all []Finding) (rules []string) {
	for _, f := range all {
		if f.Level == "block" && !slices.Contains(rules, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

// Whatever was decided, a child in the picture is a victim and never the reported person; and while
// nobody has said who is who, nothing can be approved.
func TestChildIsNeverReported(t *testing.T) {
	n := 0
	for _, role := range append(houvast.Roles(), "") {
		for _, d := range reportingDecisions() {
			for _, viewed := range []bool{false, true} {
				name := fmt.Sprintf("%s by %q, viewed %v", d, role, viewed)
				c := as(d, role)
				r := Report{Recipient: "practice", Environment: houvast.Practice, Remote: 4711, File: "f1", Viewed: viewed}
				found := blocks(Check(r, c, viewed, noon))
				if role == houvast.RoleUnknown || role == "" {
					if !slices.Equal(found, []string{"role-unknown"}) {
						t.Errorf("%s: blocked by %v", name, found)
					}
					n++
					continue
				}
				if found != nil {
					t.Errorf("%s: blocked by %v", name, found)
				}
				docs, err := DocumentsOf(r, c)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				text, count := parts(t, []byte(docs.Report))
				child := role == houvast.RoleChild || role == houvast.RoleBoth
				if child && (count["personOrUserReported"] != 0 || count["victim"] != 1 || !strings.Contains(text["victim"], account)) {
					t.Errorf("%s: the child is not the victim alone: %v", name, count)
				}
				if !child && (count["personOrUserReported"] != 1 || count["victim"] != 0 || !strings.Contains(text["personOrUserReported"], account)) {
					t.Errorf("%s: the account is not reported: %v", name, count)
				}
				for part, s := range text {
					if strings.Contains(s, account) != (part == map[bool]string{true: "victim", false: "personOrUserReported"}[child]) {
						t.Errorf("%s: the account stands in %s", name, part)
					}
				}
				if has := strings.Contains(text["incidentSummary"], "<minorToMinorInteraction>"); has != (role == houvast.RolePeer) {
					t.Errorf("%s: marked as between minors: %v", name, has)
				}
				if has := strings.Contains(text["incidentSummary"], "<escalateToHighPriority>"); has != (d == houvast.DecideUrgent) {
					t.Errorf("%s: escalated: %v", name, has)
				}
				if has := strings.Contains(text["incidentSummary"], "<csamSolicitation>"); has != (d == houvast.DecideOwn) {
					t.Errorf("%s: marked as solicited: %v", name, has)
				}
				details, _ := parts(t, []byte(docs.FileDetails))
				if got := strings.TrimSpace(details["fileViewedByEsp"]); got != fmt.Sprint(viewed) {
					t.Errorf("%s: the description says %q", name, got)
				}
				if got := strings.TrimSpace(details["exifViewedByEsp"]); got != "false" {
					t.Errorf("%s: EXIF viewed %q", name, got)
				}
				if has := strings.Contains(details["fileAnnotations"], "<possibleSelfProduction>"); has != (role == houvast.RoleBoth && viewed) {
					t.Errorf("%s: the file is described: %v", name, has)
				}
				if details["industryClassification"] != "" {
					t.Errorf("%s: classified", name)
				}
				n++
			}
		}
	}
	if n != 6*3*2 {
		t.Errorf("%d documents", n)
	}
	// The reader sees a child in the wrong place when there is one.
	r := full().Report()
	r.Victim = []cybertip.Victim{{Person: cybertip.Person{}, Account: r.PersonOrUserReported[0].Account}}
	doc, err := cybertip.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := parts(t, doc); !strings.Contains(text["victim"], account) || !strings.Contains(text["personOrUserReported"], account) {
		t.Error("a planted child among the reported is not seen")
	}
}

// What is sent has the right form, at both points where it is checked, whoever uploaded and however
// little is known.
func TestDocumentsAreWellFormed(t *testing.T) {
	bare := func(c Content) Content {
		c.Facts.Upload = houvast.Upload{Account: c.Facts.Upload.Account}
		c.Facts.PDQ, c.Facts.Matches = "", nil
		c.Reporter = Reporter{Email: c.Reporter.Email}
		return NewContent(c)
	}
	odd := func(c Content) Content { // characters that XML cannot hold
		c.Facts.Upload.FileName, c.Facts.Upload.ScreenName = "a\x00b\xff\ufffe", "]]>\x1b"
		c.Words += "\x07"
		return c
	}
	n := 0
	for _, role := range []houvast.Role{houvast.RoleUploader, houvast.RoleChild, houvast.RoleBoth, houvast.RolePeer} {
		for _, d := range reportingDecisions() {
			for kind, change := range map[string]func(Content) Content{"full": func(c Content) Content { return c }, "bare": bare, "odd": odd} {
				for _, viewed := range []bool{false, true} {
					c := change(as(d, role))
					name := fmt.Sprintf("%s, %s by %s, viewed %v", kind, d, role, viewed)
					draft := cybertip.Draft{Stage: cybertip.BeforeFinish, Report: c.Report(), ReportID: 4711, Now: noon, Files: []cybertip.File{{
						Details: c.FileDetails(4711, "f1", viewed), SentMD5: c.Facts.MD5, ReceivedMD5: c.Facts.MD5}}}
					for _, f := range cybertip.Validate(draft) {
						if f.Level == cybertip.Block {
							t.Errorf("%s: %s at %s", name, f.Rule, f.Path)
						}
					}
					doc, err := cybertip.Encode(draft.Report)
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					if back, err := cybertip.Decode(doc); err != nil || !reflect.DeepEqual(back, draft.Report) {
						t.Errorf("%s: it reads back as something else (%v)", name, err)
					}
					n++
				}
			}
		}
	}
	if n != 4*3*3*2 {
		t.Errorf("%d documents", n)
	}
}

// Each line takes one thing away or makes it wrong, and names the rule that must say so. The content
// before it breaks none of these rules.
func TestCheck(t *testing.T) {
	upload := func(change func(*houvast.Upload)) func(*Report, *Content) {
		return func(_ *Report, c *Content) { change(&c.Facts.Upload) }
	}
	cases := []struct {
		name   string
		change func(*Report, *Content)
		rule   string
		level  string
	}{
		{"recipient", func(r *Report, _ *Content) { r.Recipient = "" }, "recipient-none", "block"},
		{"role", func(_ *Report, c *Content) { c.Role = "" }, "role-unknown", "block"},
		{"role said to be unknown", func(_ *Report, c *Content) { c.Role = houvast.RoleUnknown }, "role-unknown", "block"},
		{"time of the incident", func(_ *Report, c *Content) { c.IncidentAt = time.Time{} }, "structure-missing", "block"},
		{"an incident to come", func(_ *Report, c *Content) { c.IncidentAt = noon.Add(time.Second) }, "incident-future", "block"},
		{"which event it is", func(_ *Report, c *Content) { c.IncidentIs = "" }, "incident-time-undescribed", "warn"},
		{"a reason in words", func(_ *Report, c *Content) { c.Words = " \n" }, "escalation-reason", "block"},
		{"a reason of bearable length", func(_ *Report, c *Content) { c.Words = strings.Repeat("a", 3001) }, "structure-too-long", "block"},
		{"platform", func(_ *Report, c *Content) { c.Reporter.Platform = "" }, "incident-platform", "warn"},
		{"reporter's e-mail", func(_ *Report, c *Content) { c.Reporter.Email = "" }, "reporter-email", "block"},
		{"reporter's e-mail that is none", func(_ *Report, c *Content) { c.Reporter.Email = "safety" }, "structure-format", "block"},
		{"telephone", func(_ *Report, c *Content) { c.Reporter.Phone24h = "" }, "reporter-contact", "warn"},
		{"legal page", func(_ *Report, c *Content) { c.Reporter.LegalURL = "" }, "reporter-legal", "warn"},
		{"company text", func(_ *Report, c *Content) { c.Reporter.Template = "" }, "reporter-template", "warn"},
		{"account", upload(func(u *houvast.Upload) { u.Account.ID = "" }), "reported-identifier", "block"},
		{"screen name", upload(func(u *houvast.Upload) { u.ScreenName = "" }), "reported-screen-name", "warn"},
		{"profile", upload(func(u *houvast.Upload) { u.ProfileURL = "" }), "reported-profile", "warn"},
		{"uploader's e-mail", upload(func(u *houvast.Upload) { u.Email = "" }), "reported-reachable", "warn"},
		{"uploader's e-mail that is none", upload(func(u *houvast.Upload) { u.Email = "x y@z" }), "structure-format", "block"},
		{"where it stood", upload(func(u *houvast.Upload) { u.URL = "" }), "incident-details", "warn"},
		{"where the file stood", upload(func(u *houvast.Upload) { u.URL = "" }), "file-location", "warn"},
		{"where it stood, with a blank", upload(func(u *houvast.Upload) { u.URL = "https://photos.example/a b" }), "structure-format", "block"},
		{"file name", upload(func(u *houvast.Upload) { u.FileName = "" }), "file-original-name", "warn"},
		{"time of upload", upload(func(u *houvast.Upload) { u.UploadedAt = time.Time{} }), "file-upload-time", "warn"},
		{"time of the address", upload(func(u *houvast.Upload) { u.UploadedAt = time.Time{} }), "capture-time", "warn"},
		{"address", upload(func(u *houvast.Upload) { u.IP = "" }), "file-upload-address", "warn"},
		{"an address that is none", upload(func(u *houvast.Upload) { u.IP = "192.0.2.999" }), "structure-format", "block"},
		{"port", upload(func(u *houvast.Upload) { u.Port = 0 }), "capture-port", "warn"},
		{"a port that is none", upload(func(u *houvast.Upload) { u.Port = 65536 }), "structure-range", "block"},
		{"a public place", upload(func(u *houvast.Upload) { u.ContextKind = houvast.Reported }), "file-public", "warn"},
		{"md5", func(_ *Report, c *Content) { c.Facts.MD5 = "" }, "structure-missing", "block"},
		{"sha1", func(_ *Report, c *Content) { c.Facts.SHA1 = "" }, "structure-missing", "block"},
		{"sha256", func(_ *Report, c *Content) { c.Facts.SHA256 = "" }, "structure-missing", "block"},
	}
	has := func(all []Finding, rule, level string) bool {
		return slices.ContainsFunc(all, func(f Finding) bool { return f.Rule == rule && f.Level == level && f.Text != "" })
	}
	listed := func(all []Finding) {
		for _, f := range all {
			if !slices.Contains(Rules(), f.Rule) {
				t.Errorf("rule %s is in no list, so no page can say it in another language", f.Rule)
			}
		}
	}
	base := Check(Report{Recipient: "practice"}, full(), true, noon)
	listed(base)
	listed(Check(Report{}, Content{}, false, noon))
	if Blocked(base) {
		t.Fatalf("full content is blocked by %v", blocks(base))
	}
	for _, c := range cases {
		r, content := Report{Recipient: "practice"}, full()
		c.change(&r, &content)
		all := Check(r, content, true, noon)
		listed(all)
		if !has(all, c.rule, c.level) {
			t.Errorf("without the %s: %+v says nothing of %s (%s)", c.name, all, c.rule, c.level)
		}
		if has(base, c.rule, c.level) {
			t.Errorf("%s is said of full content already", c.rule)
		}
		if Blocked(all) != (c.level == "block") {
			t.Errorf("without the %s: blocked %v by %v", c.name, Blocked(all), blocks(all))
		}
	}
	if Blocked(nil) || Blocked([]Finding{{Level: "warn"}}) || !Blocked([]Finding{{Level: "warn"}, {Level: "block"}}) {
		t.Error("Blocked")
	}
}

// Rules names each rule once, and every rule of the wire format; TestCheck holds findings against it.
func TestRules(t *testing.T) {
	all := Rules()
	for _, r := range cybertip.Rules() {
		if !slices.Contains(all, r.ID) {
			t.Errorf("%s is missing", r.ID)
		}
	}
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != len(cybertip.Rules())+2 || len(all) != n {
		t.Errorf("%d rules, %d different", len(all), n)
	}
}

func TestNewContentAndAmend(t *testing.T) {
	c := Content{Facts: houvast.Facts{Received: noon}}
	if got := NewContent(c); got.IncidentAt != noon || !strings.Contains(got.IncidentIs, "received") {
		t.Errorf("without a time of upload: %s, %s", got.IncidentAt, got.IncidentIs)
	}
	c.Facts.Upload.UploadedAt = noon.Add(-time.Hour)
	if got := NewContent(c); got.IncidentAt != noon.Add(-time.Hour) || !strings.Contains(got.IncidentIs, "uploaded") {
		t.Errorf("with a time of upload: %s, %s", got.IncidentAt, got.IncidentIs)
	}
	before := full()
	before.Returned = "say who"
	same := before.Amend(Amendment{})
	if same.Returned = "say who"; !reflect.DeepEqual(same, before) {
		t.Error("an empty amendment changes more than what the approver said")
	}
	a := Amendment{Role: houvast.RoleChild, IncidentAt: noon, IncidentIs: "is", AccountID: "id", ScreenName: "s", Email: "e@x", ProfileURL: "p"}
	got := before.Amend(a)
	u := got.Facts.Upload
	if (Amendment{got.Role, got.IncidentAt, got.IncidentIs, u.Account.ID, u.ScreenName, u.Email, u.ProfileURL}) != a || got.Returned != "" {
		t.Errorf("amended: %+v", got)
	}
	if got.Facts.Upload.IP != before.Facts.Upload.IP || got.Decision != before.Decision {
		t.Error("an amendment changed what it does not name")
	}
	b, err := before.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ParseContent(b); err != nil || !reflect.DeepEqual(back, before) {
		t.Errorf("read back: %+v (%v)", back, err)
	}
	if _, err := ParseContent(b[:len(b)-1]); houvast.KindOf(err) != houvast.Corrupt {
		t.Errorf("cut content: %v", err)
	}
}

// A reader of the report need not guess how the file was found.
func TestWhy(t *testing.T) {
	c := full()
	c.Facts.Matches = append(c.Facts.Matches, houvast.Match{Kind: houvast.KindSHA256, Trust: houvast.Unverified, BankName: "second"},
		houvast.Match{Kind: houvast.KindMD5, Trust: houvast.Verified, BankName: "third"}, houvast.Match{BankName: "fourth"}, houvast.Match{BankName: "fifth"})
	want := "Why this file was flagged: PDQ hash at distance 7 of 256 bits (profile full, orientation rotate90) in the verified list known drawings, there in category child_abuse" +
		"; equal SHA256 in the unverified list second; equal MD5 in the verified list third; and 2 more entries. " +
		"A person decided the case on 2026-11-23 11:59 UTC. The file and this report are preserved for 365 days after filing."
	if got := c.why(); got != want {
		t.Errorf("\n%s\n%s", got, want)
	}
	c.Facts.Matches, c.RetainDays = nil, 0
	if got := c.why(); got != "Why this file was flagged: by a person. A person decided the case on 2026-11-23 11:59 UTC." {
		t.Error(got)
	}
	if c.Report().AdditionalInfo != c.why() || c.FileDetails(1, "f", false).AdditionalInfo[0] != c.why() {
		t.Error("the report does not say why")
	}
}

func TestFileName(t *testing.T) {
	for media, want := range map[string]string{"image/jpeg": "file-1.jpg", "image/png": "file-1.png", "image/gif": "file-1.gif", "image/webp": "file-1.webp",
		"image/bmp": "file-1.bmp", "image/tiff": "file-1.tiff", "image/avif": "file-1.bin", "video/mp4": "file-1.bin", "": "file-1.bin", "image/../x": "file-1.bin"} {
		if got := FileName(media); got != want {
			t.Errorf("%q: %s", media, got)
		}
	}
}
