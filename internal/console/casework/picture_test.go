package casework_test

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/pipeline/reveal"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/sandbox"
)

// stuckChildren render only when they are let.
type stuckChildren struct {
	pipeline.Children
	gate chan struct{}
}

func newStuck(r *consoletest.Rig) *stuckChildren {
	return &stuckChildren{r.Children, make(chan struct{})}
}

func (s *stuckChildren) hold(r *consoletest.Rig) { r.Children = s }
func (s *stuckChildren) release()                { close(s.gate) }

func (s *stuckChildren) Do(ctx context.Context, req sandbox.Request, data io.Reader) ([]byte, error) {
	if req.Op == reveal.OpRender {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.Children.Do(ctx, req, data)
}

// look walks one look as the script does: granted, fetched, shown.
func look(r *consoletest.Rig, v *consoletest.Visitor, at string, level review.Level) consoletest.Reply {
	r.T.Helper()
	got := v.Script(at+"/grant", "level", string(level))
	if got.Status != 200 {
		return got
	}
	var ticket struct{ Reveal, URL, Proof string }
	if err := json.Unmarshal([]byte(got.Body), &ticket); err != nil {
		r.T.Fatal(err)
	}
	path, ours := strings.CutPrefix(ticket.URL, media+"/r/")
	part := strings.Split(path, "/")
	if !ours || len(part) != 3 {
		r.T.Fatalf("the address of a rendition is %q", ticket.URL)
	}
	_, done, err := r.Viewer.Redeem(r.T.Context(), caseAt(r, at).ID, level, part[2], ticket.Proof)
	if err != nil {
		r.T.Fatal(err)
	}
	done(nil)
	r.Clock.Pass(2 * time.Second)
	return v.Script(at+"/shown", "reveal", ticket.Reveal, "ms", "1200")
}

// Steps open one after the other, to who holds the case and nobody else; "seen" opens with the first.
func TestPicture(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, bram, cleo *consoletest.Visitor) {
		t := r.T
		r.Matched(1)
		at := pull(t, anna)
		r.Until("ready", func() bool { return strings.Contains(anna.Get(at+"/picture").Body, `"ready"`) })
		page := anna.Get(at)
		says(t, "page", page, "The picture is not shown. You can decide without it.", "Every look is recorded before anything is shown.", "Looking at the picture needs JavaScript.")
		equal(t, "open steps", openSteps(page), "mosaic")
		if strings.Contains(page.Body, "<img") || strings.Contains(page.Body, "/r/case_") {
			t.Error("the page holds a picture or its address")
		}
		equal(t, "seen without a look: not, any, close", seenOptions(page), "[8 6 2 6 2]")
		for who, v := range map[string]*consoletest.Visitor{"bram": bram, "cleo": cleo} {
			if got := v.Script(at+"/grant", "level", "mosaic"); got.Status != map[string]int{"bram": 409, "cleo": 403}[who] {
				t.Errorf("%s is granted: %d %s", who, got.Status, got.Body)
			}
			if got := v.Get(at + "/picture"); got.Status != 403 {
				t.Errorf("%s reads the state: %d", who, got.Status)
			}
		}
		status(t, "a step skipped", anna.Script(at+"/grant", "level", "grey"), 409)
		status(t, "no level", anna.Script(at+"/grant", "level", "all"), 400)
		status(t, "shown without a look", anna.Script(at+"/shown", "reveal", "reveal_0000000000000001", "ms", "5"), 404)
		status(t, "no time", anna.Script(at+"/shown", "reveal", "x", "ms", "many"), 400)
		equal(t, "looks so far", r.Number("SELECT COUNT(*) FROM reveal"), 0)

		status(t, "mosaic", look(r, anna, at, review.LevelMosaic), 200)
		page = anna.Get(at)
		equal(t, "open steps", openSteps(page), "mosaic blurred")
		equal(t, "seen after a mosaic: not, any, close", seenOptions(page), "[2 0 2 6 2]")
		age := []string{"decision", "not_abuse", "age_min", "8", "age_max", "10", "age_basis", "seen"}
		says(t, "an age from a mosaic", anna.Post(at+"/decide", age...), "This was not seen")
		guard := anna.Post(at+"/decide", "decision", "not_abuse", "synthetic", "drawn", "synthetic_basis", "seen")
		status(t, "seen", guard, 200)
		says(t, "seen", guard, "drawn, seen by a person")
		for _, l := range []review.Level{review.LevelBlurred, review.LevelGrey, review.LevelColour} {
			status(t, string(l), look(r, anna, at, l), 200)
		}
		equal(t, "seen after all steps: not, any, close", seenOptions(anna.Get(at)), "[0 0 0 6 2]")
		says(t, "an age from all steps", anna.Post(at+"/decide", age...), "Nothing has been decided yet.")
		equal(t, "granted", lines(r, caseAt(r, at), "reveals.grant"), 4)
		status(t, "decided", anna.Post(at+"/decide", append(answersOf(t, guard), "sure", "yes")...), 303)
		if got := anna.Script(at+"/grant", "level", "mosaic"); got.Status != 409 {
			t.Errorf("a look after the decision: %d", got.Status)
		}
		equal(t, "observed", caseAt(r, at).Observed, "[{synthetic drawn 0 0 seen}]")
	})
}

// What was fetched and never on the page was not seen; it opens the next step and no more.
func TestServedIsNotSeen(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, _, _ *consoletest.Visitor) {
		t := r.T
		r.Matched(1)
		at := pull(t, anna)
		r.Until("ready", func() bool { return strings.Contains(anna.Get(at+"/picture").Body, `"ready"`) })
		var ticket struct{ Reveal, URL, Proof string }
		got := anna.Script(at+"/grant", "level", "mosaic")
		if err := json.Unmarshal([]byte(got.Body), &ticket); err != nil {
			t.Fatal(err, got.Body)
		}
		part := strings.Split(ticket.URL, "/")
		_, done, err := r.Viewer.Redeem(t.Context(), caseAt(r, at).ID, review.LevelMosaic, part[len(part)-1], ticket.Proof)
		if err != nil {
			t.Fatal(err)
		}
		done(nil)
		page := anna.Get(at)
		equal(t, "open steps", openSteps(page), "mosaic blurred")
		equal(t, "seen: not, any, close", seenOptions(page), "[8 6 2 6 2]")
		form := []string{"decision", "not_abuse", "synthetic", "drawn", "synthetic_basis", "seen", "sure", "yes"}
		says(t, "seen for no time", anna.Post(at+"/decide", form...), "This was not seen")
		equal(t, "undecided", caseAt(r, at).State, "open")
		r.Clock.Pass(2 * time.Second)
		for range 3 { // one word, one line
			status(t, "shown", anna.Script(at+"/shown", "reveal", ticket.Reveal, "ms", "900"), 200)
		}
		equal(t, "lines", lines(r, caseAt(r, at), "reveals.shown"), 1)
		status(t, "the control", anna.Post(at+"/decide", form...), 303)
	})
}

// A skip that is sent again takes nothing from the colleague who has the case by now.
func TestReplayLeavesAColleague(t *testing.T) {
	each(t, func(r *consoletest.Rig, anna, bram, _ *consoletest.Visitor) {
		t := r.T
		r.Matched(1)
		at := pull(t, anna)
		status(t, "skip", anna.Post(at+"/skip", "once", "s1"), 303)
		equal(t, "bram", pull(t, bram), at)
		r.Until("ready", func() bool { return strings.Contains(bram.Get(at+"/picture").Body, `"ready"`) })
		var ticket struct{ Reveal, URL, Proof string }
		got := bram.Script(at+"/grant", "level", "mosaic")
		if err := json.Unmarshal([]byte(got.Body), &ticket); err != nil {
			t.Fatal(err, got.Body)
		}
		status(t, "again", anna.Post(at+"/skip", "once", "s1"), 303)
		says(t, "bram's", consoletest.Reply{Body: bram.Get(at + "/picture").Body}, `"ready"`)
		part := strings.Split(ticket.URL, "/")
		_, done, err := r.Viewer.Redeem(t.Context(), caseAt(r, at).ID, review.LevelMosaic, part[len(part)-1], ticket.Proof)
		if err != nil {
			t.Fatal("bram's look was taken away: ", err)
		}
		done(nil)
	})
}

// seenOptions counts the options that say seen: those that cannot be chosen, with any look and with a
// close one, then those there are of each.
func seenOptions(page consoletest.Reply) [5]int {
	n := func(text string) int { return strings.Count(page.Body, text) }
	any, close := n(`<option value="seen" disabled data-seen="any">`), n(`<option value="seen" disabled data-seen="close">`)
	return [5]int{any + close, any, close, n(`data-seen="any">`), n(`data-seen="close">`)}
}

// openSteps lists the steps that may be asked for.
func openSteps(page consoletest.Reply) string {
	var open []string
	for _, part := range strings.Split(page.Body, `<div data-level="`)[1:] {
		level, rest, _ := strings.Cut(part, `"`)
		rest, _, _ = strings.Cut(rest, "</div>")
		if !strings.Contains(rest, "disabled") {
			open = append(open, level)
		}
	}
	return strings.Join(open, " ")
}
