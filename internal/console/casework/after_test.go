package casework_test

import (
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast/internal/console/consoletest"
)

// The page of what became of a case loads itself again while something is about to happen, and then
// stands still. What was asked of the platform twice stands there once.
func TestAfterWaits(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, _, _ *consoletest.Visitor) {
		t := r.T
		again := func(what, at string, want bool) string {
			t.Helper()
			page := anna.Get(at + "/after")
			status(t, what, page, 200)
			if got := strings.Contains(page.Body, "data-again="); got != want {
				t.Errorf("%s: loads itself again: %v", what, got)
			}
			return page.Text()
		}
		decided := func(seed uint64, decision string, fields ...string) (at string) {
			t.Helper()
			r.Matched(seed)
			at = pull(t, anna)
			status(t, decision, anna.Post(at+"/decide", append(fields, "decision", decision, "sure", "yes")...), 303)
			return at
		}
		draft := decided(1, "abuse", "role", "uploader")
		text := again("a fresh draft", draft, true)
		equal(t, "withholds", strings.Count(text, "withhold the item"), 1)
		equal(t, "removals", strings.Count(text, "remove the item"), 1)
		r.Clock.Advance(2 * time.Minute)
		again("a draft that waits", draft, false)

		again("an undo window of a day", decided(2, "not_abuse"), false)
		r.Desk.Settings.Undo = 30 * time.Second
		again("an undo window that is nearly over", decided(3, "family_medical_art"), true)
	})
}
