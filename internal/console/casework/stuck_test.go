package casework_test

import (
	"strings"
	"testing"

	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/store"
)

// damage makes the facts of a case unreadable, as a broken disk does.
func damage(r *consoletest.Rig, path string) {
	r.T.Helper()
	id := caseAt(r, path).ID
	if err := r.W.Update(r.T.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("UPDATE review_case SET facts = $1 WHERE id = $2", []byte("no sealed facts"), id)
		return err
	}); err != nil {
		r.T.Fatal(err)
	}
}

// A case that cannot be opened stops nobody: every page that meets it offers to skip it, what was typed is
// given back, and the next case comes after it.
func TestStuck(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, _, _ *consoletest.Visitor) {
		t := r.T
		r.Matched(1)
		r.Matched(2)
		at := pull(t, anna)
		skip := `action="` + at + `/skip"`
		if page := anna.Get("/console/queue"); !strings.Contains(page.Body, skip) {
			t.Errorf("what is held cannot be skipped from the queue: %s", page.Text())
		}
		damage(r, at)
		const words = `typed for long <script>alert(1)</script>`
		for what, got := range map[string]consoletest.Reply{
			"pulled": anna.Post("/console/next"),
			"opened": anna.Get(at),
			"asked":  anna.Post(at+"/park", "question", "  "),
			"judged": anna.Post(at+"/decide", "decision", "abuse", "role", "uploader", "words", words),
		} {
			status(t, what, got, 500)
			says(t, what, got, "This case cannot be opened", "Stored data is damaged", "Skip this case")
			if !strings.Contains(got.Body, skip) {
				t.Errorf("%s: there is no way to skip it", what)
			}
			if what == "judged" {
				says(t, what, got, words)
			}
		}
		equal(t, "skipped", anna.Post(at+"/skip").Location, "/console/queue?said=skipped")
		next := pull(t, anna)
		if next == at {
			t.Error("the same case came again")
		}
		status(t, "the next case", anna.Get(next), 200)
	})
}

// A case of somebody else that cannot be opened is no more theirs to skip than any other.
func TestStuckOfAnother(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, bram, _ *consoletest.Visitor) {
		r.Matched(1)
		at := pull(r.T, anna)
		damage(r, at)
		got := bram.Get(at)
		says(r.T, "another's", got, "You do not hold this case")
		silent(r.T, "another's", got, at+"/skip")
	})
}
