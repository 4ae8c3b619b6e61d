package entry_test

import (
	"path"
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/console/entry"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/pipeline/reveal"
	"github.com/houvast/houvast/internal/review"
)

// Whoever locks, signs out or has a session closed can show nothing with what was granted before; a locked
// reviewer still holds the case and goes on after the password.
func TestLeavingEndsReveals(t *testing.T) {
	mount := func(r *consoletest.Rig) {
		(&entry.Pages{P: r.Desk, Gate: r.Gate, Once: access.NewOnce(r.Clock), Viewer: r.Viewer, Log: r.Pipeline.Log}).Mount(r.Site)
	}
	consoletest.Each(t, mount, func(r *consoletest.Rig) {
		t, ctx := r.T, r.T.Context()
		v, other := r.Hire("alice", access.Reviewer), r.Hire("bob", access.Reviewer)
		r.Matched(1)
		ask := pipeline.Ask{By: "user:alice", Op: "review.next"}
		c, _, err := r.NextCase(ctx, ask)
		if err != nil {
			t.Fatal(err)
		}
		r.Viewer.Prepare(c.ID, ask.By, c.ClaimEnds)
		grant := func() reveal.Ticket {
			t.Helper()
			who, err := r.Who(ctx, access.Secret(v.Cookies["__Host-houvast"]))
			if err != nil {
				t.Fatal(err)
			}
			ticket, err := r.Viewer.Grant(ctx, ask, who.Session, c.ID, review.LevelMosaic)
			if err != nil {
				t.Fatal(err, houvast.Trace(err))
			}
			return ticket
		}
		redeemed := func(ticket reveal.Ticket) bool {
			_, served, err := r.Viewer.Redeem(ctx, c.ID, review.LevelMosaic, path.Base(ticket.Path), ticket.Proof)
			if err == nil {
				served(nil)
			}
			return err == nil
		}
		if !redeemed(grant()) {
			t.Fatal("control: what was granted can be looked at")
		}
		kept := grant()
		if other.Script("/console/lock"); !redeemed(kept) {
			t.Error("control: somebody else's lock is theirs")
		}

		locked := grant()
		if got := v.Script("/console/lock"); got.Status != 204 || redeemed(locked) {
			t.Errorf("after locking (%d) the address opens", got.Status)
		}
		if n := r.Number("SELECT COUNT(*) FROM audit_line WHERE action = 'reveal.refused' AND detail LIKE '%the session has ended%'"); n != 1 {
			t.Errorf("%d refusals are in the log", n)
		}
		held, _, _, err := r.Case(ctx, c.ID)
		if err != nil || held.ClaimedBy != "user:alice" || !held.ClaimEnds.Equal(c.ClaimEnds) {
			t.Errorf("the case is held by %q (%v)", held.ClaimedBy, err)
		}
		if got := v.Post("/console/unlock", "password", string(consoletest.Password)); got.Location != "/console/" {
			t.Errorf("unlocking: %d %s", got.Status, got.Text())
		}
		if redeemed(locked) {
			t.Error("after unlocking the old address opens")
		}
		out := grant()
		if got := v.Post("/console/sign-out"); !strings.HasPrefix(got.Location, "/console/sign-in") || redeemed(out) {
			t.Errorf("after signing out (%d) the address opens", got.Status)
		}
	})
}
