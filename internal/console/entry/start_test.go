package entry

import (
	"fmt"
	"html"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/words"
)

// begun is a filled form of the first start; more replaces or adds fields.
func begun(more ...string) []string {
	fields := map[string]string{"profile": "platform", "jurisdiction": "us", "name": "Anna", "password": password, "again": password}
	var out []string
	for i := 0; i+1 < len(more); i += 2 {
		if _, known := fields[more[i]]; known {
			fields[more[i]] = more[i+1]
		} else {
			out = append(out, more[i], more[i+1])
		}
	}
	for k, v := range fields {
		out = append(out, k, v)
	}
	return out
}

func (r *rig) people() int64 { r.Helper(); return r.number("SELECT COUNT(*) FROM access_user") }

// The link makes one account and one choice, signs in, and does not work again.
func TestFirstStart(t *testing.T) {
	each(t, func(r *rig) {
		link := FirstLink(r.once, time.Hour)
		v := r.visitor()
		page := v.get(link)
		r.equal("the page", page.status, 200)
		for _, p := range houvast.InstallationProfiles() {
			if !strings.Contains(page.text(), r.words.Text(words.EN, "entry.profile."+string(p)+".say")) || !strings.Contains(page.body, fmt.Sprintf(`value="%s"`, p)) {
				r.Errorf("the page does not say what %s is", p)
			}
		}
		if strings.Count(page.body, `autocomplete="new-password"`) != 2 || !strings.Contains(page.text(), "At least 12 characters") || strings.Contains(page.body, "checked") {
			r.Error("the page fills something in, or does not say what a good password is")
		}
		r.equal("looking uses nothing up", v.get(link).status, 200)
		got := v.post(link, begun("role", "reviewer", "role", "auditor")...)
		r.equal("begun", got.is(), "See Other /console/")
		users, err := r.Users(r.Context(), 0, 10)
		r.must(err)
		r.equal("who", []any{len(users), users[0].Name, users[0].Roles}, []any{1, "anna", []string{"admin", "reviewer"}})
		in, ok := r.Install()
		r.equal("what", []any{ok, in.Profile, in.Jurisdiction, in.Policy.Days}, []any{true, "platform", "US", 365})
		r.equal("signed in", v.get("/console/").is(), "See Other /console/queue")
		r.equal("recorded", []int64{r.number("SELECT COUNT(*) FROM audit_line WHERE action = 'users.add' AND actor = 'user:anna'"),
			r.number("SELECT COUNT(*) FROM audit_line WHERE action = 'profile.choose'")}, []int{1, 1})

		for what, again := range map[string]reply{"the link again": r.visitor().get(link), "the form again": r.visitor().post(link, begun("name", "eve")...),
			"another link": r.visitor().get(FirstLink(r.once, time.Hour)), "another form": r.visitor().post(FirstLink(r.once, time.Hour), begun("name", "eve")...),
			"any link": r.visitor().get("/console/start/x")} {
			if again.status != 410 || !strings.Contains(again.text(), "“houvast user add”") || len(again.header.Values("Set-Cookie")) > 0 {
				r.Errorf("%s: %d %s", what, again.status, again.text())
			}
		}
		r.equal("accounts", r.people(), 1)
		if _, ok := r.once.Look(access.Secret(strings.TrimPrefix(link, "/console/start/"))); ok {
			r.Error("the link was not taken")
		}
		if strings.Contains(r.log.String(), strings.TrimPrefix(link, "/console/start/")) {
			r.Error("the log holds the link")
		}
	})
}

// Used at the same time, it makes exactly one account.
func TestFirstStartAtOnce(t *testing.T) {
	each(t, func(r *rig) {
		links := []string{FirstLink(r.once, time.Hour), FirstLink(r.once, time.Hour)}
		var all sync.WaitGroup
		var mu sync.Mutex
		answers := map[int]int{}
		cookies := 0
		for i := range 8 {
			all.Go(func() {
				v := r.visitor()
				got := v.post(links[i%2], begun("name", fmt.Sprint("user", i), "profile", []string{"platform", "practice"}[i%2])...)
				mu.Lock()
				defer mu.Unlock()
				answers[got.status]++
				cookies += len(v.cookies)
			})
		}
		all.Wait()
		r.equal("answers", answers, map[int]int{303: 1, 410: 7})
		r.equal("accounts, choices, signed in", []any{r.people(), r.number("SELECT COUNT(*) FROM installation"), cookies}, []any{1, 1, 1})
	})
}

// An account made at the command line ends every link.
func TestFirstStartAfterAnAccount(t *testing.T) {
	each(t, func(r *rig) {
		link := FirstLink(r.once, time.Hour)
		r.equal("control: before", r.visitor().get(link).status, 200)
		r.hire("alice", access.Admin)
		r.equal("the page", r.visitor().get(link).status, 410)
		r.equal("the form", r.visitor().post(link, begun()...).status, 410)
		r.equal("accounts, choices", []int64{r.people(), r.number("SELECT COUNT(*) FROM installation")}, []int{1, 0})
	})
}

// A link that was never issued, has ended, or is for something else opens nothing.
func TestFirstStartUnknownLink(t *testing.T) {
	each(t, func(r *rig) {
		late := FirstLink(r.once, time.Hour)
		r.hand.Pass(time.Hour)
		other := strings.ReplaceAll(EnterLink(r.once, Visit{"mo", password, "/console/queue"}, time.Hour), "/enter/", "/start/")
		for what, link := range map[string]string{"late": late, "other": other, "none": "/console/start/x", "changed": FirstLink(r.once, time.Hour) + "x"} {
			for _, got := range []reply{r.visitor().get(link), r.visitor().post(link, begun()...)} {
				if got.status != 404 || !strings.Contains(got.text(), "“houvast serve” prints a new link") {
					r.Errorf("%s: %d %s", what, got.status, got.text())
				}
			}
		}
		r.equal("accounts", r.people(), 0)
	})
}

// A form that is not right is shown again with what was typed and what is wrong beside each field; the
// link is not used up, and nothing was made.
func TestFirstStartFaults(t *testing.T) {
	each(t, func(r *rig) {
		link := FirstLink(r.once, time.Hour)
		for _, c := range []struct {
			fields []string
			field  string
			want   string
		}{
			{[]string{"profile", ""}, "profile", "Choose what this installation is."},
			{[]string{"profile", "bank"}, "profile", "Choose what this installation is."},
			{[]string{"jurisdiction", ""}, "jurisdiction", "two letters"},
			{[]string{"jurisdiction", "USA"}, "jurisdiction", "two letters"},
			{[]string{"jurisdiction", "1$"}, "jurisdiction", "Houvast knows no lawful period"},
			{[]string{"profile", "practice", "jurisdiction", "é"}, "jurisdiction", "two letters"},
			{[]string{"jurisdiction", "NL"}, "jurisdiction", "Houvast knows no lawful period for this jurisdiction"},
			{[]string{"name", ""}, "name", "Use 1 to 64 letters"},
			{[]string{"name", `a"><script>alert(1)</script>`}, "name", "Use 1 to 64 letters"},
			{[]string{"password", "short", "again", "short"}, "password", "at least 12 characters"},
			{[]string{"name", "administrator1", "password", "administrator1", "again", "administrator1"}, "password", "not the name"},
			{[]string{"again", "four words that do not"}, "again", "not the same"},
		} {
			v := r.visitor()
			got := v.post(link, begun(append(c.fields, "role", "approver")...)...)
			r.equal(fmt.Sprint(c.fields), []any{got.status, len(v.cookies)}, []any{400, 0})
			_, beside, _ := strings.Cut(got.body, fmt.Sprintf(`<p class="fail-text" id="%s-wrong">`, c.field))
			beside, _, _ = strings.Cut(beside, "</p>")
			if !strings.Contains(html.UnescapeString(beside), c.want) || !strings.Contains(got.body, `aria-invalid="true"`) {
				r.Errorf("%v: beside %s stands %q", c.fields, c.field, beside)
			}
			if strings.Contains(got.body, password) || strings.Contains(got.body, "<script>alert") || !strings.Contains(got.body, `value="approver" checked`) {
				r.Errorf("%v: what was typed is not as it should be", c.fields)
			}
		}
		all := r.visitor().post(link, "name", "")
		if n := strings.Count(all.body, `class="fail-text"`); n != 4 || strings.Count(all.body, "autofocus") != 1 {
			r.Errorf("an empty form has %d faults", n)
		}
		r.equal("accounts, choices", []int64{r.people(), r.number("SELECT COUNT(*) FROM installation"), r.number("SELECT COUNT(*) FROM audit_line")}, []int{0, 0, 0})
		r.equal("control: as it should be", r.visitor().post(link, begun()...).is(), "See Other /console/")
	})
}

// What the configuration chose is shown and cannot be chosen again; its own retention is asked for too.
func TestFirstStartConfigured(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		link := FirstLink(r.once, time.Hour)
		v := r.visitor()
		page := v.get(link)
		if !strings.Contains(page.text(), "Profile Practice Jurisdiction NL") || strings.Contains(page.body, `name="profile"`) || strings.Contains(page.body, `name="jurisdiction"`) {
			r.Errorf("the page: %s", page.text())
		}
		r.equal("begun", v.post(link, begun("profile", "police", "jurisdiction", "US")...).is(), "See Other /console/")
		in, _ := r.Install()
		r.equal("what", []any{in.Profile, in.Jurisdiction, r.number("SELECT COUNT(*) FROM audit_line WHERE action = 'profile.choose'")}, []any{"practice", "NL", 0})
	})
}

// A period that the operator states is as good as one that Houvast knows.
func TestFirstStartOwnRetention(t *testing.T) {
	each(t, func(r *rig) {
		link := FirstLink(r.once, time.Hour)
		r.equal("without a period", r.visitor().post(link, begun("jurisdiction", "NL")...).status, 400)
		r.pages.Own = evidence.Policy{Law: "an act", Days: 30, Source: "counsel"}
		r.pages.Install = nil
		r.equal("with our own", r.visitor().post(link, begun("jurisdiction", "NL")...).is(), "See Other /console/")
	})
}

// A link of the demo signs in until it ends, where it was issued for, and in practice alone.
func TestEnter(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("mo", access.Reviewer)
		visit := Visit{"mo", password, "/console/queue"}
		link := EnterLink(r.once, visit, time.Hour)
		v := r.visitor()
		req := v.form(link)
		req.Method = "HEAD"
		r.equal("HEAD signs nobody in", []any{v.do(req).status, len(v.cookies)}, []any{200, 0})
		got := v.get(link)
		r.equal("in", got.is(), "See Other /console/queue")
		r.equal("cookie", got.header.Values("Set-Cookie"), []string{"__Host-houvast=" + v.cookies[site.SessionCookie] + "; Path=/; HttpOnly; Secure; SameSite=Strict"})
		who, err := r.Who(r.Context(), access.Secret(v.cookies[site.SessionCookie]))
		r.must(err)
		r.equal("who", who.Actor, "user:mo")
		r.equal("recorded", r.number("SELECT COUNT(*) FROM audit_line WHERE action = 'sessions.create' AND actor = 'user:mo'"), 1)
		used := func(what, link string) {
			r.Helper()
			other := r.visitor()
			if got := other.get(link); got.status != 410 || len(other.cookies) > 0 || !strings.Contains(got.text(), "Start the demo again") {
				r.Errorf("%s: %d %s", what, got.status, got.text())
			}
		}
		r.equal("again, from another browser", r.visitor().get(link).is(), "See Other /console/queue")
		late := EnterLink(r.once, visit, time.Hour)
		r.hand.Pass(time.Hour)
		used("late", late)
		first := FirstLink(r.once, time.Hour)
		used("another kind", strings.ReplaceAll(first, "/start/", "/enter/"))
		if _, ok := r.once.Look(access.Secret(strings.TrimPrefix(first, "/console/start/"))); !ok {
			r.Error("a link of another kind was used up")
		}
		r.equal("elsewhere", r.visitor().get(EnterLink(r.once, Visit{"mo", password, "//evil.example"}, time.Hour)).is(), "See Other /console/")

		far := v.form(EnterLink(r.once, visit, time.Hour)) // from a page of another site, such as a terminal in a browser
		far.Method = "GET"
		far.Header.Del("Origin")
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"} {
			far.Header.Set(name, value)
		}
		if got := r.visitor().do(far); got.status != 200 || !strings.Contains(got.body, `href="/console/queue"`) || !strings.Contains(got.text(), "You are mo here.") {
			r.Errorf("from elsewhere: %d %s", got.status, got.text())
		}
		if text := r.log.String(); strings.Contains(text, password) || strings.Contains(text, link) {
			r.Error("the log holds what opens a session")
		}

		link = EnterLink(r.once, visit, time.Hour)
		r.install(houvast.ProfilePlatform, "US")
		r.equal("in production", []any{r.visitor().get(link).status}, []any{404})
		r.installed.Store(nil)
		r.equal("before a profile", []any{r.visitor().get(link).status}, []any{503})
	})
}
