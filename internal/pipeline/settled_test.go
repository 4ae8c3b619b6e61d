package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/practice"
)

// Whatever pages say, and whatever stands in the reveals after the approval: what is filed about viewing
// is what the approver approved. Looks, words and waits come in any order; the last half of the runs
// writes into the reveals themselves what no page could say.
func TestFiledAsApproved(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		away := func(practice.Call) practice.Fault { return practice.Fault{Kind: practice.Status, Status: 503} }
		filed, turned := map[bool]int{}, 0
		for run := range 10 {
			r := rand.New(rand.NewPCG(uint64(run), 7))
			data := picture(uint64(400 + run))
			h.bank(fmt.Sprint("settled-", run), houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(data))
			item := h.bring(data, facts())
			h.quiet()
			h.claim("alice", item)
			c, _ := h.opened(item)
			for range 3 {
				h.reveal(c.ID, review.LevelColour, r.IntN(3) > 0, r.IntN(4) > 0)
			}
			say := func() { // what is refused is refused
				h.clock.Advance(time.Duration(r.IntN(4)) * 500 * time.Millisecond)
				n := h.number("SELECT id FROM reveal WHERE case_id = $1 AND level = 'colour' ORDER BY id LIMIT 1 OFFSET $2", c.ID, r.IntN(3))
				h.update(func(tx *store.Tx) error {
					if _, _, _, err := review.Shown(tx, n, "user:alice", 900+r.Int64N(400)); err != nil && houvast.KindOf(err) != houvast.Conflict {
						return err
					}
					return nil
				})
			}
			for range r.IntN(4) {
				say()
			}
			out, err := h.Decide(t.Context(), ask("alice", "cases.decide"), c.ID, abuse())
			must(t, out, err)
			for range r.IntN(3) {
				say()
			}
			h.fault.Store(&away)
			h.approve(out.Report)
			approved := h.report(out.Report)
			line := h.number("SELECT COUNT(*) FROM audit_line WHERE action = 'reports.approve' AND subject = $1 AND detail LIKE $2",
				out.Report.String(), `%"viewed":"`+map[bool]string{true: "yes", false: "no"}[approved.Viewed]+`"%`)
			equal(t, "the line of the approval says the same", line, 1)

			for range 4 {
				say()
			}
			if run >= 5 {
				h.update(func(tx *store.Tx) error {
					_, err := tx.Exec("UPDATE reveal SET shown = $2, served = 1, whole = $3 WHERE case_id = $1", c.ID, map[bool]int{true: 0, false: 60_000}[approved.Viewed], true)
					return err
				})
			}
			if now := look(h, func(tx *store.Tx) (bool, error) { return review.Viewed(tx, c.ID) }); now != approved.Viewed {
				turned++
			}
			_, _, reads, err := h.ReportContent(t.Context(), out.Report)
			equal(t, "read after the approval", must(t, reads, err), approved.Viewed)
			h.fault.Store(nil)
			h.until("it is filed", func() bool { h.advance(time.Hour); return h.report(out.Report).State == report.Finished })
			after := h.report(out.Report)
			done := h.events(practice.Finished)
			equal(t, fmt.Sprint("run ", run), []any{after.State, after.Viewed, done[len(done)-1].Files[0].Viewed}, []any{report.Finished, approved.Viewed, approved.Viewed})
			filed[approved.Viewed]++
		}
		if filed[true] == 0 || filed[false] == 0 || turned < 5 {
			t.Errorf("filed %v, and after %d approvals the reveals say something else: this shows nothing", filed, turned)
		}
	})
}
