package desk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
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
		d.clock.Advance(9 * time.Minute)
		until, err := d.ExtendClaim(t.Context(), ask("alice", "cases.extend"), first.ID)
		equal(t, "extended", must(t, until, err), monday.Add(19*time.Minute))
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
