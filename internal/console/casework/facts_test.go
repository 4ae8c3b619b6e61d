package casework_test

import (
	"encoding/hex"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing"
	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/words"
)

// list makes a bank of one entry.
func list(r *consoletest.Rig, name string, c houvast.Category, trust houvast.Trust, header, row string) {
	r.T.Helper()
	ctx := r.T.Context()
	by := pipeline.Ask{By: "user:carol", Op: "banks.create"}
	_, err := r.CreateBank(ctx, by, bank.Bank{Name: name, Category: c, Trust: trust, Threshold: 24})
	if err == nil {
		in, err2 := r.Import(ctx, pipeline.Ask{By: by.By, Op: "banks.import"}, name, strings.NewReader(header+"\n"+row+"\n"))
		if err = err2; in.Added != 1 {
			r.T.Fatalf("the row was not taken: %+v", in)
		}
	}
	if err != nil {
		r.T.Fatal(err)
	}
}

// The page says what a moderator decides from: which lists, how alike, lying how, who agrees, what is
// around it, and what is missing.
func TestFactsFirst(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, _, _ *consoletest.Visitor) {
		t := r.T
		data := consoletest.Picture(7)
		all := decode.Hash(data, decode.DefaultLimits()).PDQ
		turned := all[5] // mirrored left to right
		turned[9] ^= 0x07
		list(r, "partner", houvast.ChildAbuse, houvast.Verified, "pdq,pdq_profile,category,member,note", turned.String()+",near512,exploitation,north,seen before")
		list(r, "hotline", houvast.ChildAbuse, houvast.Unverified, "pdq,pdq_profile,member", turned.String()+",near512,south")
		list(r, "copied", houvast.ChildAbuse, houvast.Verified, "pdq,pdq_profile,member", turned.String()+",near512,north")
		r.Bring(data, houvast.Upload{Account: houvast.AccountRef{Source: "forum"}})
		page := anna.Get(pull(t, anna))
		says(t, "alike", page, "The picture resembles an entry of a verified list. It may still be another picture.",
			"partner verified from member north note of the list: seen before", "hotline not verified from member south",
			"the list’s own: Child sexual exploitation", "alike: 3 of 256 bits differ (PDQ) up to 24 counts as a match mirrored left to right", "hash of the picture at 512 pixels",
			"Lists that agree 2 lists", "The platform named no account", "Not withheld: users may see it now.", "image/png, 640 × 480 pixels",
			"Missing: Account, Uploaded, File name, Where, Address, Text", "Uploaded not told")
		silent(t, "alike", page, "mirrored top to bottom")
	})
}

// What is around a case is told in counts and decisions, and never as another case's facts.
func TestAround(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, _, _ *consoletest.Visitor) {
		t := r.T
		r.Matched(50)
		for range 2 {
			r.Bring(consoletest.Picture(50), consoletest.Facts())
		}
		first := pull(t, anna)
		guard := anna.Post(first+"/decide", "decision", "not_abuse")
		status(t, "decided", anna.Post(first+"/decide", append(answersOf(t, guard), "sure", "yes")...), 303)
		page := anna.Get(pull(t, anna))
		says(t, "around", page, "The same file elsewhere", "2 other items", "Other cases of this entry 2 cases 1 × Not abuse 1 × not decided yet",
			"Other cases of this account 2 cases 1 × Not abuse 1 × not decided yet")
		silent(t, "around", page, strings.TrimPrefix(first, "/console/case/"))
	})
}

// A list of harmless files that has the file too is said, and counts for no agreement.
func TestListsDisagree(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, _, _ *consoletest.Visitor) {
		t := r.T
		d, _, err := hashing.Digest(strings.NewReader(string(consoletest.Picture(8))))
		if err != nil {
			t.Fatal(err)
		}
		list(r, "harmless", houvast.Negative, houvast.Unverified, "md5,member", hex.EncodeToString(d.MD5[:])+",m")
		list(r, "weak", houvast.ChildAbuse, houvast.Verified, "sha1,member", hex.EncodeToString(d.SHA1[:])+",n")
		r.Bring(consoletest.Picture(8), consoletest.Facts())
		page := anna.Get(pull(t, anna))
		says(t, "weak", page, "A weak hash equals an entry of a verified list.", "equal SHA-1, which can be forged", "The list harmless has this file too, as known to be harmless.",
			"Lists that agree 1 list", "Known to be harmless", "equal MD5, which can be forged")
	})
}

var (
	inQuotes = regexp.MustCompile(`="[^"]*"`)
	opened   = regexp.MustCompile(`(?i)<script>|<img|<[a-z][^>]* on[a-z]+\s*=`)
)

// markup returns what in a page would run or load, "" when nothing would. What stands between the
// quotes of an attribute is text, as long as it cannot end them.
func markup(body string) string { return opened.FindString(inQuotes.ReplaceAllString(body, `=""`)) }

// hostile are texts that a user may send.
var hostile = []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `{{.}}{{t "x"}}`, "abc\u202edcba\u2066", strings.Repeat("ä", 1000), `' onmouseover='x`}

// Whatever users, lists and colleagues write stands on every page as text.
func TestHostileTexts(t *testing.T) {
	for _, planted := range []string{`<p><script>alert(1)</script></p>`, `<input value=""><img src=x onerror=alert(1)>">`, `<input value='' onmouseover='x'>`} {
		if markup(planted) == "" {
			t.Fatalf("markup does not notice %q", planted)
		}
	}
	each(t, func(r *consoletest.Rig, anna, bram, cleo *consoletest.Visitor) {
		t := r.T
		for i, text := range hostile {
			f := consoletest.Facts()
			f.FileName, f.Context, f.ScreenName, f.Account.ID = text, text, text, text
			if len(text) > 250 {
				f.ScreenName, f.Account.ID = "x", "y"
			}
			d, _, err := hashing.Digest(strings.NewReader(string(consoletest.Picture(uint64(300 + i)))))
			if err != nil {
				t.Fatal(err)
			}
			list(r, "h"+string(rune('a'+i)), houvast.ChildAbuse, houvast.Verified, "sha256,member,note", hex.EncodeToString(d.SHA256[:])+`,"`+quoted(text)+`","`+quoted(text)+`"`)
			r.Bring(consoletest.Picture(uint64(300+i)), f)
			at := pull(t, anna)
			asked := strings.Replace(at, "/case/", "/parked/", 1)
			form := []string{"decision", "age_in_doubt", "words", text, "age_min", text, "age_max", text, "age_basis", "stated"}
			pages := []consoletest.Reply{anna.Get(at), anna.Post(at+"/decide", form...), anna.Post(at+"/decide", form[:4]...)}
			status(t, "park", anna.Post(at+"/park", "question", text), 303)
			pages = append(pages, bram.Get(asked))
			status(t, "advise", bram.Post(at+"/advise", "words", text), 303)
			pages = append(pages, anna.Get("/console/parked"))
			status(t, "resume", anna.Post(at+"/resume"), 303)
			status(t, "decide", anna.Post(at+"/decide", append(form[:4:4], "sure", "yes")...), 303)
			pages = append(pages, bram.Get(at), cleo.Get(at), anna.Post(at+"/decide", form...), bram.Post(at+"/confirm", "answer", "back"))
			for n, page := range pages {
				if bad := markup(page.Body); bad != "" {
					t.Errorf("text %d, page %d: %q became markup", i, n, bad)
				}
				if !strings.Contains(html.UnescapeString(page.Body), text) {
					t.Errorf("text %d is not on page %d, so it proves nothing: %d", i, n, page.Status)
				}
			}
		}
	})
}

// quoted is a text as it stands between the quotes of a CSV field; lists hold at most 500 bytes.
func quoted(s string) string {
	for len(s) > 400 {
		s = s[:len(s)/2]
	}
	return strings.ReplaceAll(s, `"`, `""`)
}

// No page has a link to what a user sent, an image, an inline script or style, or a key without a text.
func TestPagesInFourLanguages(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, bram, cleo *consoletest.Visitor) {
		t := r.T
		r.Matched(1)
		empty := []consoletest.Reply{}
		for _, l := range words.Langs() {
			bram.Lang = string(l)
			empty = append(empty, bram.Get("/console/seconds"), bram.Get("/console/parked"))
		}
		at := pull(t, anna)
		var n int
		check := func(name, lang string, page consoletest.Reply) {
			n++
			if page.Status != 200 && page.Status != 400 && page.Status != 403 {
				t.Errorf("%s %s: %d %s", lang, name, page.Status, page.Text())
			}
			for _, bad := range []string{"casework.", "problem.", `href="http`, "<img", "style=", "{n}", "{decision}", "%!"} {
				body := page.Body
				if strings.Contains(regexp.MustCompile(`data-texts="[^"]*"`).ReplaceAllString(body, ""), bad) {
					t.Errorf("%s %s holds %q", lang, name, bad)
				}
			}
			if bad := markup(page.Body); bad != "" {
				t.Errorf("%s %s holds %q", lang, name, bad)
			}
			if c := strings.Count(page.Body, "<h1"); c != 1 {
				t.Errorf("%s %s has %d first headings", lang, name, c)
			}
			labels(t, lang+" "+name, page.Body)
		}
		for i, page := range empty {
			check("empty", string(words.Langs()[i/2]), page)
		}
		for _, l := range words.Langs() {
			lang := string(l)
			anna.Lang, bram.Lang, cleo.Lang = lang, lang, lang
			check("queue held", lang, anna.Get("/console/queue"))
			check("queue", lang, bram.Get("/console/queue"))
			check("case", lang, anna.Get(at))
			check("faults", lang, anna.Post(at+"/decide", "decision", "urgent", "age_basis", "seen"))
			check("lost", lang, bram.Get(at))
			for _, d := range houvast.Decisions() {
				check("guard "+string(d), lang, anna.Post(at+"/decide", "decision", string(d), "role", "peer", "words", "words", "production", "unknown", "production_basis", "stated"))
			}
			check("record", lang, cleo.Get(at))
		}
		anna.Post(at+"/park", "question", "a question")
		for _, l := range words.Langs() {
			anna.Lang, bram.Lang = string(l), string(l)
			check("queue parked", string(l), anna.Get("/console/queue"))
			check("parked", string(l), anna.Get("/console/parked"))
			check("parked of others", string(l), bram.Get("/console/parked"))
			check("advice", string(l), bram.Get(strings.Replace(at, "/case/", "/parked/", 1)))
		}
		anna.Post(at + "/resume")
		anna.Post(at+"/decide", "decision", "cannot_tell", "sure", "yes")
		for _, l := range words.Langs() {
			anna.Lang, bram.Lang = string(l), string(l)
			check("after", string(l), anna.Get(at+"/after"))
			check("seconds", string(l), bram.Get("/console/seconds"))
			check("second", string(l), bram.Get(at))
		}
		t.Logf("casework: %d pages read", n)
	})
}

var (
	control = regexp.MustCompile(`<(?:input|select|textarea)\b[^>]*>`)
	byID    = regexp.MustCompile(` id="([^"]*)"`)
	refers  = regexp.MustCompile(`(?:aria-describedby|aria-labelledby|for)="([^"]*)"`)
)

// labels fails when a field has no label, an id is used twice, or a reference leads nowhere.
func labels(t *testing.T, name, body string) {
	t.Helper()
	ids := map[string]int{}
	for _, m := range byID.FindAllStringSubmatch(body, -1) {
		if ids[m[1]]++; ids[m[1]] > 1 {
			t.Errorf("%s: the id %q stands twice", name, m[1])
		}
	}
	for _, m := range refers.FindAllStringSubmatch(body, -1) {
		for id := range strings.FieldsSeq(m[1]) {
			if ids[id] == 0 {
				t.Errorf("%s: %q refers to nothing", name, id)
			}
		}
	}
	for _, c := range control.FindAllString(body, -1) {
		m := byID.FindStringSubmatch(c)
		inside := strings.Contains(c, `type="radio"`) || strings.Contains(c, `type="checkbox"`) // in their label
		if strings.Contains(c, `type="hidden"`) || inside || m != nil && strings.Contains(body, `for="`+m[1]+`"`) {
			continue
		}
		t.Errorf("%s: %s has no label", name, c)
	}
}

// Where pictures do not exist the page has no box for one; a case is decided there all the same.
func TestNoPictureInAHelpline(t *testing.T) {
	consoletest.Each(t, func(r *consoletest.Rig) {
		mount(r)
		r.Site.Profile = func() string { return "helpline" }
	}, func(r *consoletest.Rig) {
		anna := r.Hire("anna", access.Reviewer)
		r.Matched(1)
		at := pull(r.T, anna)
		silent(r.T, "helpline", anna.Get(at), "data-reveal", "canvas")
		status(r.T, "state", anna.Get(at+"/picture"), 404)
		status(r.T, "grant", anna.Script(at+"/grant", "level", "mosaic"), 404)
		status(r.T, "decide", anna.Post(at+"/decide", "decision", "not_abuse", "sure", "yes"), 303)
	})
}

// A case page waits for no rendition.
func TestPageDoesNotWaitForThePicture(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, _, _ *consoletest.Visitor) {
		stuck := newStuck(r)
		r.Matched(1)
		stuck.hold(r)
		at := pull(r.T, anna)
		began := time.Now()
		page := anna.Get(at)
		took := time.Since(began)
		status(r.T, "page", page, 200)
		says(r.T, "page", page, "The renditions are being made")
		equal(r.T, "state", anna.Get(at+"/picture").Body, `{"reason":"","state":"preparing"}`)
		stuck.release()
		r.Until("the renditions are ready", func() bool { return strings.Contains(anna.Get(at+"/picture").Body, "ready") })
		r.T.Logf("casework: a case page in %v while nothing was rendered", took)
	})
}
