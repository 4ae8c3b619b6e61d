package entry

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/site"
)

// Everybody sees their own sessions, and nobody else's.
func TestSessionList(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Admin)
		r.hire("bob", access.Reviewer)
		here := r.signedIn("alice")
		if got := here.get("/console/sessions").text(); !strings.Contains(got, "You are signed in nowhere else.") || strings.Contains(got, "Close all others") {
			r.Errorf("one session: %s", got)
		}
		r.clock.Advance(5 * time.Minute)
		phone := r.visitor()
		phone.agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1"
		phone.post("/console/sign-in", "name", "alice", "password", password)
		phone.post("/console/lock")
		bob := r.signedIn("bob")
		page := here.get("/console/sessions")
		text := page.text()
		for _, want := range []string{"Firefox, Linux This one 2027-03-01 09:00 UTC 2027-03-01 09:05 UTC 2027-03-01 09:35 UTC Close",
			"Safari, iOS Locked 2027-03-01 09:05 UTC 2027-03-01 09:05 UTC 2027-03-01 09:35 UTC Close", "after 30 minutes without use", "12 hours after signing in", "Close all others"} {
			if !strings.Contains(text, want) {
				r.Errorf("the list does not say %q: %s", want, text)
			}
		}
		if strings.Contains(page.body, bob.session()) || strings.Contains(page.body, here.cookies[site.SessionCookie]) {
			r.Error("the list holds somebody else's session, or a token")
		}
	})
}

// One's own session ends at once; somebody else's cannot be ended.
func TestCloseSession(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Admin)
		r.hire("bob", access.Reviewer)
		here, there, bob := r.signedIn("alice"), r.signedIn("alice"), r.signedIn("bob")
		id, theirs := there.session(), bob.session()
		r.equal("control: it is open", there.get("/console/sessions").status, 200)
		for _, other := range []string{theirs, "session_none", strings.Repeat("x", 5000)} {
			got := here.post("/console/sessions/"+other+"/close", "once", "o_1"+other[:8])
			r.equal("somebody else's", got.status, 404)
		}
		r.equal("bob works on", bob.get("/console/sessions").status, 200)
		r.equal("viewer", r.viewer.take(), nil)

		got := here.post("/console/sessions/"+id+"/close", "once", "o_2")
		r.equal("closed", got.is(), "See Other /console/sessions?done=closed")
		r.equal("at once", there.get("/console/sessions").is(), "See Other /console/sign-in?next=%2Fconsole%2Fsessions")
		r.equal("at once, for a script", there.script("/console/lock").status, 401)
		r.equal("nothing is shown any more", r.viewer.take(), []string{id})
		r.equal("pressed twice", here.post("/console/sessions/"+id+"/close", "once", "o_2").is(), "See Other /console/sessions?done=closed")
		r.equal("asked again", here.post("/console/sessions/"+id+"/close", "once", "o_3").status, 404)
		r.equal("recorded", r.number("SELECT COUNT(*) FROM audit_line WHERE action = 'sessions.close' AND actor = 'user:alice' AND subject = $1", id), 1)
		if text := here.get("/console/sessions?done=closed").text(); !strings.Contains(text, "The session is closed.") {
			r.Error("nobody is told")
		}
		r.viewer.take()

		var others []string
		for range 3 {
			others = append(others, r.signedIn("alice").session())
		}
		r.equal("all others", here.post("/console/sessions/others/close", "once", "o_4").is(), "See Other /console/sessions?done=others")
		told := r.viewer.take()
		slices.Sort(told)
		slices.Sort(others)
		r.equal("viewer", told, others)
		r.equal("sessions", []int64{r.number("SELECT COUNT(*) FROM access_session WHERE id <> $1", here.session()), r.number("SELECT COUNT(*) FROM access_session WHERE id = $1", theirs)}, []int{1, 1})
		r.equal("this one", here.post("/console/sessions/"+here.session()+"/close", "once", "o_5").is(), "See Other /console/sign-in?out=yes")
		r.equal("cookies", len(here.cookies), 0)
	})
}

// Who knows their password gets another one, and their other sessions end.
func TestChangePassword(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Admin)
		here, there := r.signedIn("alice"), r.signedIn("alice")
		other := there.session()
		const fresh = "  five words with spaces around  "
		for _, c := range []struct {
			old, fresh, again string
			status            int
			field, want       string
		}{
			{"", fresh, fresh, 400, "old", "still empty"},
			{password, "", "", 400, "password", "still empty"},
			{password, fresh, fresh + "x", 400, "again", "not the same"},
			{"not my password", fresh, fresh, 403, "old", "not the password of this account"},
			{password, "short", "short", 400, "password", "at least 12 characters"},
		} {
			got := here.post("/console/password", "old", c.old, "password", c.fresh, "again", c.again, "once", "o_1")
			_, beside, _ := strings.Cut(got.body, fmt.Sprintf(`id="%s-wrong">`, c.field))
			beside, _, _ = strings.Cut(beside, "</p>")
			if got.status != c.status || !strings.Contains(beside, c.want) || strings.Contains(got.body, "five words") {
				r.Errorf("%v: %d, beside %s stands %q", c, got.status, c.field, beside)
			}
		}
		r.equal("nothing happened", there.get("/console/sessions").status, 200)
		r.equal("changed", here.post("/console/password", "old", password, "password", fresh, "again", fresh, "once", "o_2").is(), "See Other /console/sessions?done=password")
		r.equal("here", here.get("/console/sessions").status, 200)
		r.equal("there", there.get("/console/sessions").is(), "See Other /console/sign-in?next=%2Fconsole%2Fsessions")
		r.equal("nothing is shown there any more", r.viewer.take(), []string{other})
		r.equal("the old one", r.visitor().post("/console/sign-in", "name", "alice", "password", password).status, 401)
		r.equal("the new one", r.visitor().post("/console/sign-in", "name", "alice", "password", fresh).is(), "See Other /console/")
		r.equal("without its spaces", r.visitor().post("/console/sign-in", "name", "alice", "password", strings.TrimSpace(fresh)).status, 401)
		r.equal("recorded", []int64{r.number("SELECT COUNT(*) FROM audit_line WHERE action = 'password.change' AND actor = 'user:alice'"), r.number("SELECT COUNT(*) FROM asked")}, []int{1, 0})
	})
}

// Wrong tries at changing a password are counted with those at the door.
func TestChangePasswordCounts(t *testing.T) {
	each(t, func(r *rig) {
		r.practice()
		r.hire("alice", access.Admin)
		v := r.signedIn("alice")
		for range 10 {
			v.post("/console/password", "old", "not my password", "password", password+"2", "again", password+"2")
		}
		got := v.post("/console/password", "old", password, "password", password+"2", "again", password+"2")
		if got.status != 429 || !strings.Contains(got.text(), "Too many tries") || !strings.Contains(got.text(), "My sessions") {
			r.Errorf("the eleventh: %d %s", got.status, got.text())
		}
	})
}
