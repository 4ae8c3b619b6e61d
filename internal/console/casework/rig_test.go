package casework_test

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/casework"
	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const media = "http://media.localhost:8082"

// mount registers the pages, with a link of another package that they point to.
func mount(r *consoletest.Rig) {
	(&casework.Pages{P: r.Desk, Viewer: r.Viewer, Media: func() string { return media }}).Mount(r.Site)
}

// each runs fn on every engine with a reviewer, a second one, and an approver.
func each(t *testing.T, fn func(r *consoletest.Rig, anna, bram, cleo *consoletest.Visitor)) {
	t.Helper()
	consoletest.Each(t, mount, func(r *consoletest.Rig) {
		fn(r, r.Hire("anna", access.Reviewer), r.Hire("bram", access.Reviewer), r.Hire("cleo", access.Approver))
	})
}

// pull takes the next case and returns the path of its page.
func pull(t *testing.T, v *consoletest.Visitor) string {
	t.Helper()
	got := v.Post("/console/next")
	if got.Status != 303 || !strings.HasPrefix(got.Location, "/console/case/case_") {
		t.Fatalf("pulling gave %d to %q: %s", got.Status, got.Location, got.Text())
	}
	return got.Location
}

// status fails when an answer has another status.
func status(t *testing.T, what string, got consoletest.Reply, want int) {
	t.Helper()
	if got.Status != want {
		t.Fatalf("%s: status %d, not %d: %s", what, got.Status, want, got.Text())
	}
}

// says fails when a reader does not read a text.
func says(t *testing.T, what string, got consoletest.Reply, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if !strings.Contains(got.Text(), want) {
			t.Errorf("%s: the reader does not read %q in: %s", what, want, got.Text())
		}
	}
}

// silent fails when a reader reads a text that they should not.
func silent(t *testing.T, what string, got consoletest.Reply, texts ...string) {
	t.Helper()
	for _, not := range texts {
		if strings.Contains(html.UnescapeString(got.Body), not) {
			t.Errorf("%s: the page holds %q: %s", what, not, got.Text())
		}
	}
}

// equal compares as text.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// answersOf returns the hidden fields of the guard's form as it would be posted.
func answersOf(t *testing.T, guard consoletest.Reply) (fields []string) {
	t.Helper()
	_, form, ok := strings.Cut(guard.Body, `/decide"`)
	if !ok {
		t.Fatalf("there is no form to decide: %s", guard.Text())
	}
	for _, m := range hiddenField.FindAllStringSubmatch(form, -1) {
		fields = append(fields, html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return fields
}

// caseAt loads the case of a page.
func caseAt(r *consoletest.Rig, path string) review.Case {
	r.T.Helper()
	id, err := houvast.ParseID[houvast.CaseNoun](strings.Split(strings.TrimPrefix(path, "/console/case/"), "/")[0])
	if err != nil {
		r.T.Fatal(err)
	}
	c, _, err := r.Glance(r.T.Context(), id)
	if err != nil {
		r.T.Fatal(err)
	}
	return c
}

// lines counts audit lines about a case.
func lines(r *consoletest.Rig, c review.Case, action string) int64 {
	return r.Number("SELECT COUNT(*) FROM audit_line WHERE action = $1 AND subject = $2", action, c.ID.String())
}
