package filing_test

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/report"
)

var (
	inputs    = regexp.MustCompile(`<input id="amend-[a-z_]*" name="([a-z_]+)" type="[a-z-]+"[^>]*? value="([^"]*)"`)
	areas     = regexp.MustCompile(`(?s)<textarea id="amend-[a-z_]*" name="([a-z_]+)"[^>]*>(.*?)</textarea>`)
	selection = regexp.MustCompile(`<option value="([a-z]+)" selected>`)
)

// form is the form of a page as a browser would send it, with some fields typed over.
func form(t *testing.T, page consoletest.Reply, version string, typed ...string) (fields []string) {
	t.Helper()
	values := map[string]string{}
	for _, m := range append(inputs.FindAllStringSubmatch(page.Body, -1), areas.FindAllStringSubmatch(page.Body, -1)...) {
		values[m[1]] = html.UnescapeString(m[2])
	}
	if m := selection.FindStringSubmatch(page.Body); m != nil {
		values["role"] = m[1]
	}
	if len(values) != 7 {
		t.Fatalf("the form has the fields %v", values)
	}
	for i := 0; i+1 < len(typed); i += 2 {
		values[typed[i]] = typed[i+1]
	}
	for name, v := range values {
		fields = append(fields, name, v)
	}
	return append(fields, "version", version)
}

// What somebody adds lands in the report, with who did it; what they left alone changes nothing.
func TestAmend(t *testing.T) {
	each(t, func(t *testing.T, r *consoletest.Rig, who team) {
		id := drafted(r, 1, abuse())
		page := who.anna.Get(path(id))
		for what, fields := range map[string][]string{
			"as it was":                       form(t, page, "1"),
			"the same moment without seconds": form(t, page, "1", "incident_at", "2027-03-01T08:00"),
		} {
			got := who.anna.Post(path(id)+"/amend", fields...)
			status(t, what, got, 400)
			says(t, what, got, "Nothing was added: what you sent is what the report says already.")
		}
		equal(t, "version", at(r, id), "1")

		got := who.anna.Post(path(id)+"/amend", form(t, page, "1", "screen_name", "grey.heron", "email", "heron@example.org", "profile_url", "https://example.org/u/heron",
			"incident_at", "2027-02-28T23:59:30", "incident_is", "Time of the post,\r\nas its author gave it.")...)
		status(t, "adding", got, 303)
		_, c, _, err := r.Desk.Report(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		u := c.Facts.Upload
		equal(t, "what stands", []any{c.Role, u.Account.ID, u.ScreenName, u.Email, u.ProfileURL, c.IncidentAt.Format("2006-01-02T15:04:05Z"), c.IncidentIs},
			[]any{"uploader", "u-4472", "grey.heron", "heron@example.org", "https://example.org/u/heron", "2027-02-28T23:59:30Z", "Time of the post,\nas its author gave it."})
		equal(t, "who", stored(r, id).AmendedBy, "user:anna")
		equal(t, "audit lines", lines(r, "reports.amend", id.String(), "user:anna"), 1)
		says(t, "the page", who.cleo.Get(path(id)), "Last added to by anna", "grey.heron", "2027-02-28 23:59:30 UTC", "Time of the post,")

		approved(r, id, report.Finished)
		page = who.anna.Get(path(id))
		silent(t, "once it is filed", page, "/amend")
		status(t, "adding once it is filed", who.anna.Post(path(id)+"/amend", "version", at(r, id), "email", "late@example.org"), 409)
	})
}

// A field that does not fit is marked, says what is wrong, and keeps what was typed; so do the others.
func TestAmendFaults(t *testing.T) {
	each(t, func(t *testing.T, r *consoletest.Rig, who team) {
		id := drafted(r, 1, abuse())
		page := who.anna.Get(path(id))
		for _, c := range []struct{ field, value, told string }{
			{"role", "nobody", "Choose one of the roles."},
			{"role", "", "can be replaced, but not taken away"},
			{"incident_at", "yesterday", "Give a date and a time."},
			{"screen_name", "", "can be replaced, but not taken away"},
			{"screen_name", strings.Repeat("é", 257), "This is too long."},
			{"screen_name", "a\x00b", "There is a character in it that no document can carry."},
			{"email", "heron at example", "This is no e-mail address."},
			{"email", "heron@", "This is no e-mail address."},
			{"email", "a@b@c", "This is no e-mail address."},
			{"profile_url", "javascript:alert(1)", "This is no whole address."},
			{"profile_url", "example.org/u", "This is no whole address."},
		} {
			got := who.anna.Post(path(id)+"/amend", form(t, page, "1", c.field, c.value, "account_id", "typed-too")...)
			what := c.field + " " + c.value
			status(t, what, got, 400)
			says(t, what, got, c.told, "Nothing was added, because a field does not fit.")
			if strings.Count(got.Body, `aria-invalid="true"`) != 1 || !strings.Contains(got.Body, `fault-`+c.field) || !strings.Contains(got.Body, `value="typed-too"`) {
				t.Errorf("%s: the field is not marked, or what was typed elsewhere is lost", what)
			}
		}
		equal(t, "version", at(r, id), "1")
		equal(t, "audit lines", lines(r, "reports.amend", id.String(), "user:anna"), 0)
	})
}
