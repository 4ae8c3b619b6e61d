package desk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

// A claim is one person's until they give it back, lose it by time, or decide.
func TestClaims(t *testing.T) {
	each(t, func(t *testing.T, d *counter) {
		first, _ := d.matched(1)
		second, _ := d.matched(2)
		next := func(who string) review.Case {
			c, f, err := d.NextCase(t.Context(), ask(who, "review.next"))
			if must(t, c, err); f.Item != c.Item || f.SHA256 == "" {
				t.Errorf("the case comes with facts of %q", f.Item)
			}
			return c
		}
		equal(t, "the oldest first", next("alice").ID, first.ID)
		equal(t, "her own again", next("alice").ID, first.ID)
		equal(t, "another for him", next("bob").ID, second.ID)
		_, _, err := d.NextCase(t.Context(), ask("carol", "review.next"))
		kind(t, "none is left", err, houvast.NotFound, "queue-empty")
		_, err = d.ExtendClaim(t.Context(), ask("bob", "cases.extend"), first.ID)
		kind(t, "extending hers", err, houvast.Conflict, "claim-lost")
		kind(t, "giving hers back", d.GiveBack(t.Context(), ask("bob", "cases.release"), first.ID), houvast.Conflict, "claim-lost")
		d.clock.Advance(20 * time.Second)
		until, err := d.ExtendClaim(t.Context(), ask("alice", "cases.extend"), first.ID)
		equal(t, "extended just after it was taken", must(t, until, err), monday.Add(10*time.Minute))
		d.clock.Advance(9*time.Minute - 20*time.Second)
		equal(t, "lines of that", len(d.recorded("cases.extend")), 0)
		until, err = d.ExtendClaim(t.Context(), ask("alice", "cases.extend"), first.ID)
		equal(t, "extended", must(t, until, err), monday.Add(19*time.Minute))
		for range 3 { // and again, and again
			until, err = d.ExtendClaim(t.Context(), ask("alice", "cases.extend"), first.ID)
			equal(t, "extended again", must(t, until, err), monday.Add(19*time.Minute))
		}
		equal(t, "lines", d.recorded("cases.extend"), []string{"cases.extend user:alice"})
		d.clock.Advance(time.Minute) // his has run out, hers has not
		equal(t, "his case for another", next("carol").ID, second.ID)
		if err := d.GiveBack(t.Context(), ask("alice", "cases.release"), first.ID); err != nil {
			t.Fatal(err)
		}
		equal(t, "hers for him", next("bob").ID, first.ID)
	})
}

// Whoever signs in or holds a key is known by it until it ends, and no secret is stored or recorded.
func TestStaffAndKeys(t *testing.T) {
	each(t, func(t *testing.T, d *counter) {
		ctx := t.Context()
		gate := access.NewGate(d.W.DB().Clock())
		const password = access.Secret("a long enough phrase")
		hash, err := gate.Hash(ctx, "alice", password)
		must(t, hash, err)
		u, err := d.AddUser(ctx, ask("root", "users.add"), access.NewUser{Name: "Alice", Roles: []access.Role{access.Reviewer}, Password: hash})
		equal(t, "user", must(t, u, err).Name, "alice")
		_, _, err = d.SignIn(ctx, gate, "alice", "another phrase than hers", access.Client{Address: "client"})
		kind(t, "a wrong password", err, houvast.Unauthenticated, "")
		token, s, err := d.SignIn(ctx, gate, "ALICE", password, access.Client{Address: "client"})
		who, err2 := d.Who(ctx, must(t, token, err))
		equal(t, "signed in", must(t, who, err2).Actor, "user:alice")
		equal(t, "recorded under the one spelling of her name", d.number("SELECT COUNT(*) FROM audit_line WHERE action = 'sessions.create' AND actor = 'user:alice'"), 1)

		secret, k, err := d.CreateKey(ctx, ask("root", "keys.create"), access.NewKey{Name: "forum", Scopes: []access.Scope{access.ScopeItems}})
		holder, err2 := d.Who(ctx, must(t, secret, err))
		equal(t, "key", []any{must(t, holder, err2).Actor, holder.Source}, []any{"key:forum", "forum"})
		for _, column := range []string{"actor", "action", "subject", "detail"} {
			n := d.number("SELECT COUNT(*) FROM audit_line WHERE "+column+" LIKE $1 OR "+column+" LIKE $2", "%"+string(secret)+"%", "%"+string(token)+"%")
			equal(t, "secrets in the log, "+column, n, 0)
		}
		equal(t, "answers kept", d.number("SELECT COUNT(*) FROM asked"), 0)

		if err := d.RevokeKey(ctx, ask("root", "keys.revoke"), k.ID); err != nil {
			t.Fatal(err)
		}
		_, err = d.Who(ctx, secret)
		kind(t, "a revoked key", err, houvast.Unauthenticated, "bad-credential")
		if err := d.SignOut(ctx, ask("alice", "sessions.delete"), s.ID); err != nil {
			t.Fatal(err)
		}
		_, err = d.Who(ctx, token)
		kind(t, "after signing out", err, houvast.Unauthenticated, "")
		if err := d.DisableUser(ctx, ask("root", "users.disable"), u.ID); err != nil {
			t.Fatal(err)
		}
		_, _, err = d.SignIn(ctx, gate, "alice", password, access.Client{Address: "client"})
		kind(t, "a disabled account", err, houvast.Unauthenticated, "")
		users, err := d.Users(ctx, 0, 10)
		keys, err2 := d.APIKeys(ctx, 0, 10)
		equal(t, "users and keys", []int{len(must(t, users, err)), len(must(t, keys, err2))}, "[1 1]")
	})
}

const phrase = access.Secret("a long enough phrase")

// staff adds an account whose password is phrase.
func (d *counter) staff(gate *access.Gate, name string, roles ...access.Role) access.User {
	d.t.Helper()
	hash, err := gate.Hash(d.t.Context(), name, phrase)
	must(d.t, hash, err)
	u, err := d.AddUser(d.t.Context(), ask("root", "users.add"), access.NewUser{Name: name, Roles: roles, Password: hash})
	return must(d.t, u, err)
}

// linesBy counts the lines of an action by an actor in the audit log.
func (d *counter) linesBy(actor, action string) int64 {
	return d.number("SELECT COUNT(*) FROM audit_line WHERE actor = $1 AND action = $2", actor, action)
}

// What is done with sessions is recorded under its actor, and each is opened, locked and ended by
// whoever may.
func TestSessions(t *testing.T) {
	each(t, func(t *testing.T, d *counter) {
		ctx := t.Context()
		gate := access.NewGate(d.clock)
		here := access.ClientOf("192.0.2.7:5123", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
		alice, bob := d.staff(gate, "alice", access.Reviewer), d.staff(gate, "bob", access.Admin)
		enter := func(name string) (access.Secret, access.Principal) {
			t.Helper()
			token, _, err := d.SignIn(ctx, gate, name, phrase, here)
			who, err2 := d.Who(ctx, must(t, token, err))
			return token, must(t, who, err2)
		}
		token, who := enter("alice")
		second, also := enter("alice")
		_, his := enter("bob")
		list, err := d.Sessions(ctx, alice.ID)
		must(t, list, err)
		equal(t, "sessions", []any{len(list), list[0].Browser}, "[2 Firefox, Linux]")
		equal(t, "addresses kept", d.number("SELECT COUNT(*) FROM access_session WHERE client LIKE '%192%'"), 0)

		equal(t, "locked before", lockedName(t, d, token), "")
		equal(t, "lock", d.Lock(ctx, ask("alice", "sessions.lock"), who.Session), nil)
		_, err = d.Who(ctx, token)
		kind(t, "locked", err, houvast.Unauthenticated, "session-locked")
		equal(t, "whose", lockedName(t, d, token), "alice")
		_, err = d.Unlock(ctx, gate, token, "another phrase than hers", here)
		kind(t, "unlocking with a wrong password", err, houvast.Unauthenticated, "wrong-login")
		_, err = d.Unlock(ctx, gate, second, phrase, here)
		kind(t, "unlocking an open one", err, houvast.Unauthenticated, "session-ended")
		s, err := d.Unlock(ctx, gate, token, phrase, here)
		equal(t, "unlocked", []any{must(t, s, err).ID, s.Locked.IsZero()}, []any{who.Session, true})
		_, err = d.Who(ctx, token)
		equal(t, "open again", err, nil)
		equal(t, "recorded", []int64{d.linesBy("user:alice", "sessions.lock"), d.linesBy("user:alice", "sessions.unlock")}, "[1 1]")

		kind(t, "closing hers", d.CloseSession(ctx, ask("bob", "sessions.close"), his, who.Session), houvast.NotFound, "no-session")
		equal(t, "lines of refusals", d.linesBy("user:bob", "sessions.close"), 0)
		equal(t, "closing her own", d.CloseSession(ctx, ask("alice", "sessions.close"), who, also.Session), nil)
		_, err = d.Who(ctx, second)
		kind(t, "closed", err, houvast.Unauthenticated, "bad-credential")

		equal(t, "lock", d.Lock(ctx, ask("alice", "sessions.lock"), who.Session), nil)
		equal(t, "signing out while locked", d.SignOutLocked(ctx, token), nil)
		kind(t, "signing out again", d.SignOutLocked(ctx, token), houvast.Unauthenticated, "session-ended")
		_, err = d.Who(ctx, token)
		kind(t, "signed out", err, houvast.Unauthenticated, "bad-credential")
		equal(t, "recorded", d.linesBy("user:alice", "sessions.delete"), 1)

		token, _ = enter("alice")
		equal(t, "ending hers", d.EndSessions(ctx, ask("bob", "users.signout"), alice.ID), nil)
		_, err = d.Who(ctx, token)
		kind(t, "ended", err, houvast.Unauthenticated, "bad-credential")
		left, err := d.Sessions(ctx, bob.ID)
		equal(t, "his", len(must(t, left, err)), 1)
		kind(t, "of nobody", d.EndSessions(ctx, ask("bob", "users.signout"), 7), houvast.NotFound, "no-user")
		for _, column := range []string{"actor", "action", "subject", "detail"} {
			equal(t, "tokens in the log, "+column, d.number("SELECT COUNT(*) FROM audit_line WHERE "+column+" LIKE $1", "%"+string(token)+"%"), 0)
		}
	})
}

func lockedName(t *testing.T, d *counter, token access.Secret) string {
	t.Helper()
	name, _, _, err := d.Locked(t.Context(), token)
	return must(t, name, err)
}

// Unlocking and changing a password are guarded as signing in is, and count with it.
func TestPasswordsAreGuarded(t *testing.T) {
	each(t, func(t *testing.T, d *counter) {
		ctx := t.Context()
		clock := storetest.NewClock(monday) // the gate's own: a minute that passes for the store ends its lease
		gate := access.NewGate(clock)
		here := access.Client{Address: "192.0.2.7"}
		d.staff(gate, "alice", access.Reviewer)
		token, _, err := d.SignIn(ctx, gate, "alice", phrase, here)
		who, err2 := d.Who(ctx, must(t, token, err))
		must(t, who, err2)
		other, _, err := d.SignIn(ctx, gate, "alice", phrase, here)
		must(t, other, err)
		const fresh = access.Secret("another long phrase")
		change := func(old, fresh access.Secret) error {
			return d.ChangePassword(ctx, gate, ask("alice", "password.change"), who, old, fresh, here)
		}
		kind(t, "with a wrong password", change(fresh, fresh), houvast.Unauthenticated, "wrong-login")
		kind(t, "to a short one", change(phrase, "short"), houvast.Invalid, "bad-password")
		equal(t, "changed", change(phrase, fresh), nil)
		_, err = d.Who(ctx, token)
		equal(t, "where it was changed", err, nil)
		_, err = d.Who(ctx, other)
		kind(t, "the other session", err, houvast.Unauthenticated, "bad-credential")
		equal(t, "recorded", d.linesBy("user:alice", "password.change"), 1)

		equal(t, "lock", d.Lock(ctx, ask("alice", "sessions.lock"), who.Session), nil)
		var codes []string
		for range 12 { // one try was used above
			_, err := d.Unlock(ctx, gate, token, phrase, here)
			if code := houvast.CodeOf(err); len(codes) == 0 || codes[len(codes)-1] != code {
				codes = append(codes, code)
			}
		}
		equal(t, "wrong tries to unlock", codes, "[wrong-login too-many-tries]")
		_, err = d.Unlock(ctx, gate, token, fresh, here)
		kind(t, "the right password then", err, houvast.Limited, "too-many-tries")
		kind(t, "and to change it", change(fresh, phrase), houvast.Limited, "too-many-tries")
		clock.Pass(time.Minute)
		_, err = d.Unlock(ctx, gate, token, fresh, here)
		equal(t, "a minute later", err, nil)
	})
}

// An installation begins once, and both of what that decides are recorded.
func TestBegin(t *testing.T) {
	each(t, func(t *testing.T, d *counter) {
		ctx := t.Context()
		gate := access.NewGate(d.clock)
		hash, err := gate.Hash(ctx, "alice", phrase)
		must(t, hash, err)
		nobody := func() bool {
			n, err := d.NobodyYet(ctx)
			return must(t, n, err)
		}
		by := houvast.SystemActor("setup")
		first := desk.First{Profile: houvast.ProfileHotline, Jurisdiction: "AQ", User: access.NewUser{Name: "Alice", Roles: []access.Role{access.Approver}, Password: hash}}
		_, _, err = d.Begin(ctx, by, first)
		kind(t, "where no period is known", err, houvast.Invalid, "no-retention-rule")
		equal(t, "nothing of it stands", []any{nobody(), d.number("SELECT COUNT(*) FROM installation"), d.number("SELECT COUNT(*) FROM audit_line")}, "[true 0 0]")
		first.Own = evidence.Policy{Law: "the operator's rule", Days: 30}
		in, u, err := d.Begin(ctx, by, first)
		must(t, in, err)
		equal(t, "begun", []any{in.Profile, in.Jurisdiction, in.Policy.Law, in.Policy.Days, u.Name, u.Roles}, "[hotline AQ the operator's rule 30 alice [admin approver]]")
		equal(t, "recorded", []int64{d.linesBy(string(by), "profile.choose"), d.linesBy(string(by), "users.add")}, "[1 1]")
		equal(t, "somebody", nobody(), false)
		in, u, err = d.Begin(ctx, by, first)
		kind(t, "again", err, houvast.Gone, "setup-done")
		equal(t, "of it", []any{in.Profile, u.Name}, "[ ]")
		token, _, err := d.SignIn(ctx, gate, "alice", phrase, access.Client{})
		who, err2 := d.Who(ctx, must(t, token, err))
		equal(t, "signed in", must(t, who, err2).Name(), "alice")
	})
}

// What a desk shows agrees with the rooms, and the feed tells what happened without facts.
func TestReads(t *testing.T) {
	each(t, func(t *testing.T, d *counter) {
		ctx := t.Context()
		c, e := d.matched(1)
		d.bring(picture(2))
		d.bring([]byte("no picture"))
		n, err := d.Counts(ctx)
		must(t, n, err)
		equal(t, "counts", []any{n.Items[houvast.ItemLookedAt], n.Items[houvast.ItemCouldNotLook], n.Technical, n.Cases[review.Open], n.Evidence[evidence.Held], len(n.Reports)},
			"[2 1 1 1 1 0]")
		cases, err := d.Cases(ctx, 0, 10)
		equal(t, "cases", must(t, cases, err)[0].ID, c.ID)
		kept, err := d.Evidence(ctx, 0, 10)
		equal(t, "evidence", must(t, kept, err)[0].ID, e.ID)
		none, err := d.Reports(ctx, 0, 10)
		equal(t, "reports", must(t, none, err), "[]")
		open, err := d.Open(ctx)
		equal(t, "reports on their way", must(t, open, err), 0)
		_, f, words, err := d.Case(ctx, c.ID)
		equal(t, "a case with its facts", []any{must(t, f, err).Item, words}, []any{c.Item, ""})
		_, _, _, err = d.Case(ctx, c.ID+1)
		kind(t, "a case that is not there", err, houvast.NotFound, "")
		_, err = d.CheckReport(ctx, 7)
		kind(t, "a report that is not there", err, houvast.NotFound, "")
		_, err = d.Amend(ctx, ask("alice", "reports.amend"), 7, report.Amendment{})
		kind(t, "amending it", err, houvast.NotFound, "")
		_, err = d.Item(ctx, "item_0")
		kind(t, "an item that is not there", err, houvast.NotFound, "")

		d.until("every line has its number", func() bool { return d.number("SELECT COUNT(*) FROM audit_line WHERE seq IS NULL") == 0 })
		feed, err := d.Events(ctx, -1, 100)
		var told []string
		for _, ev := range must(t, feed, err) {
			told = append(told, ev.Action)
		}
		equal(t, "feed", strings.Join(told, " "), "banks.create banks.import case.open item.could-not-look")
	})
}

// Facts that are gone are shown as gone and are no error.
func TestCaseWithoutFacts(t *testing.T) {
	each(t, func(t *testing.T, d *counter) {
		c, _ := d.matched(1)
		d.update(func(tx *store.Tx) error { return review.Forget(tx, c.ID) })
		got, f, words, err := d.Case(t.Context(), c.ID)
		equal(t, "case", []any{must(t, got, err).State, f.Item, words}, []any{review.Ended, "", ""})
	})
}
