package entry

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/words"
)

// Every page, in each of its states and each language, has one heading, a label for every field, no key
// without a text, no markup that the content policy would refuse, and none of another language's words.
func TestPagesInEveryLanguage(t *testing.T) {
	each(t, func(r *rig) {
		shown := map[string]int{}
		see := func(what string, v *visitor, get func() reply) {
			r.Helper()
			texts := map[string]bool{}
			for _, lang := range words.Langs() {
				v.lang = string(lang)
				got := get()
				r.whole(what+" "+v.lang, got)
				texts[got.text()] = true
				shown[what]++
			}
			r.equal(what+": languages", len(texts), len(words.Langs()))
		}
		v := r.visitor()
		see("nobody yet", v, func() reply { return v.get("/console/sign-in") })
		see("no link", v, func() reply { return v.get("/console/start/x") })
		link := FirstLink(r.once, time.Hour)
		see("start", v, func() reply { return v.get(link) })
		see("start in error", v, func() reply { return v.post(link, "name", "", "password", "x") })
		r.practice()
		see("start chosen", v, func() reply { return v.get(link) })
		r.hire("alice", access.Admin)
		see("link over", v, func() reply { return v.get(link) })
		see("sign in", v, func() reply { return v.get("/console/sign-in") })
		see("signed out", v, func() reply { return v.get("/console/sign-in?out=yes") })
		see("empty", v, func() reply { return v.post("/console/sign-in") })
		see("wrong", v, func() reply { return v.post("/console/sign-in", "name", "alice", "password", "wrong") })
		see("ended", v, func() reply {
			v.cookies[site.SessionCookie] = "hvs_" + strings.Repeat("0", 52)
			return v.get("/console/sign-in")
		})
		see("enter used", v, func() reply { return v.get("/console/enter/x") })
		in := r.signedIn("alice")
		see("sessions", in, func() reply { return in.get("/console/sessions?done=closed") })
		r.signedIn("alice")
		see("more sessions", in, func() reply { return in.get("/console/sessions?done=others") })
		see("password in error", in, func() reply { return in.post("/console/password", "old", "x", "password", "y", "again", "z") })
		in.post("/console/lock")
		see("locked", in, func() reply { return in.get("/console/locked") })
		see("locked in error", in, func() reply { return in.post("/console/unlock", "password", "x") })
		r.Logf("%d states of pages, 4 languages each", len(shown))
	})
}

var (
	keyLike  = regexp.MustCompile(`\b(entry|site|problem|profile|staff|count)\.[a-z_]+`)
	fieldID  = regexp.MustCompile(`<(?:input|select|textarea)[^>]*>`)
	hidden   = regexp.MustCompile(`<div hidden>.*?</div>`)
	idOf     = regexp.MustCompile(` id="([^"]+)"`)
	refusals = regexp.MustCompile(`(?i) style="|<style|<script>| on[a-z]+="|javascript:`)
)

// whole checks one page as it came.
func (r *rig) whole(what string, got reply) {
	r.Helper()
	main := got.body[strings.Index(got.body, "<main"):]
	text := got.text()
	switch {
	case got.status >= 500:
		r.Errorf("%s: %d", what, got.status)
	case strings.Count(got.body, "<h1") != 1:
		r.Errorf("%s: %d first headings", what, strings.Count(got.body, "<h1"))
	case keyLike.MatchString(text):
		r.Errorf("%s: the key %s has no text", what, keyLike.FindString(text))
	case strings.Contains(text, "{"):
		r.Errorf("%s: a placeholder is left: %s", what, text)
	case refusals.MatchString(got.body):
		r.Errorf("%s: the content policy refuses %s", what, refusals.FindString(got.body))
	}
	ids := map[string]bool{}
	for _, m := range idOf.FindAllStringSubmatch(got.body, -1) {
		if ids[m[1]] {
			r.Errorf("%s: the id %s is there twice", what, m[1])
		}
		ids[m[1]] = true
	}
	for _, field := range fieldID.FindAllString(hidden.ReplaceAllString(main[:strings.Index(main, "</main>")], ""), -1) {
		if strings.Contains(field, `type="hidden"`) || strings.Contains(field, `type="radio"`) || strings.Contains(field, `type="checkbox"`) {
			continue // the last two stand in their labels
		}
		if id := idOf.FindStringSubmatch(field); id == nil || !strings.Contains(got.body, `<label for="`+id[1]+`"`) {
			r.Errorf("%s: no label for %s", what, field)
		}
	}
	for _, m := range regexp.MustCompile(`aria-(?:describedby|labelledby)="([^"]*)"`).FindAllStringSubmatch(got.body, -1) {
		for _, id := range strings.Fields(m[1]) {
			if !ids[id] {
				r.Errorf("%s: nothing is called %s", what, id)
			}
		}
	}
}
