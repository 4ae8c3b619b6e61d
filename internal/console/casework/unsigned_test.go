package casework_test

import (
	"strings"
	"testing"

	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
)

// stopSigning gives the signing of the log to a process that does not exist.
func stopSigning(r *consoletest.Rig) {
	r.T.Helper()
	if err := r.W.Update(r.T.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("UPDATE lease SET holder = 'nobody', fence = fence + 1, expires = 4000000000000000000 WHERE name = 'audit'")
		return err
	}); err != nil {
		r.T.Fatal(err)
	}
}

// A decision that was taken and whose line could not be signed is told as taken: the picture is closed, the
// page leads to what became of it, and pressing again never says that nothing was recorded.
func TestDecidedAndUnsigned(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, _, _ *consoletest.Visitor) {
		t := r.T
		r.Matched(1)
		at := pull(t, anna)
		sure := append(answersOf(t, anna.Post(at+"/decide", "decision", "not_abuse")), "sure", "yes")
		stopSigning(r)
		got := anna.Post(at+"/decide", sure...)
		status(t, "unsigned", got, 502)
		says(t, "unsigned", got, "It is recorded, and not yet signed", "Do not repeat it.")
		silent(t, "unsigned", got, "no clear answer came back")
		if !strings.Contains(got.Body, `href="`+at+`/after"`) {
			t.Errorf("nothing leads to what became of it: %s", got.Body)
		}
		c := caseAt(r, at)
		equal(t, "decided", []any{c.State, r.Viewer.State(t.Context(), c.ID).State}, []any{review.Decided, "unclaimed"})
		says(t, "after", anna.Get(at+"/after"), "Decided: Not abuse")

		again := anna.Post(at+"/decide", sure...)
		status(t, "again", again, 303)
		equal(t, "again", again.Location, at+"/after")
		other := anna.Post(at+"/decide", "decision", "abuse", "role", "uploader", "sure", "yes", "words", "typed")
		says(t, "another decision", other, "You do not hold this case", "typed")
		equal(t, "lines", lines(r, c, "cases.decide"), 1)
	})
}
