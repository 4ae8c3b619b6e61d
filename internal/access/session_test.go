package access

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access/password"
	"github.com/houvast/houvast/internal/store"
)

func TestSessionPrincipal(t *testing.T) {
	each(t, func(d desk) {
		u := d.user("anna", Reviewer, Approver)
		token, s := d.open(u)
		if !strings.HasPrefix(string(token), "hvs_") || len(token) != 4+52 || strings.Contains(s.ID, string(token[4:])) {
			d.Fatal("the token has another shape, or its id holds it")
		}
		p, err := d.auth(token)
		if err != nil {
			d.Fatal(err)
		}
		if p.Actor != "user:anna" || p.Kind != KindUser || p.UserID != u.ID || p.Session != s.ID || p.Due ||
			!slices.Equal(p.Roles, []Role{Reviewer, Approver}) || p.Scopes != nil || p.KeyID != 0 {
			d.Fatalf("%+v", p)
		}
		other, _ := d.open(u)
		if other == token {
			d.Fatal("two sessions share a token")
		}
	})
}

func TestSessionIdle(t *testing.T) {
	each(t, func(d desk) {
		token, _ := d.open(d.user("anna", Reviewer))
		d.clock.Advance(IdleLimit - time.Microsecond)
		d.wantAuth("just before the idle limit", token, "")
		p, _ := d.auth(token)
		if !p.Due {
			d.Fatal("after half an hour nothing is due")
		}
		d.touch(p)
		d.clock.Advance(IdleLimit - time.Microsecond)
		d.wantAuth("just before the limit that use moved", token, "")
		d.clock.Advance(time.Microsecond)
		d.wantAuth("at the idle limit", token, "session-ended")
		d.touch(p)
		d.wantAuth("touched after its end", token, "session-ended")
	})
}

func TestSessionAbsolute(t *testing.T) {
	each(t, func(d desk) {
		token, _ := d.open(d.user("anna", Reviewer))
		used := time.Duration(0)
		for step := 20 * time.Minute; used+step < AbsoluteLimit; used += step {
			d.clock.Advance(step)
			p, err := d.auth(token)
			if err != nil {
				d.Fatalf("after %v of use: %v", used+step, err)
			}
			d.touch(p)
		}
		d.clock.Advance(AbsoluteLimit - used - time.Microsecond)
		d.wantAuth("just before the absolute limit", token, "")
		p, _ := d.auth(token)
		d.clock.Advance(time.Microsecond)
		d.wantAuth("at the absolute limit", token, "session-ended")
		d.touch(p)
		d.wantAuth("touched after its end", token, "session-ended")
	})
}

// A touch writes at most once a minute: a page that asks often must not write often.
func TestTouchOnceAMinute(t *testing.T) {
	each(t, func(d desk) {
		u := d.user("anna", Reviewer)
		token, s := d.open(u)
		touched := func() (at time.Time) {
			d.update(func(tx *store.Tx) error {
				list, err := Sessions(tx, u.ID)
				if err == nil {
					at = list[0].Touched
				}
				return err
			})
			return at
		}
		d.clock.Advance(touchEvery - time.Microsecond)
		p, _ := d.auth(token)
		if d.touch(p); p.Due || !touched().Equal(s.Touched) {
			d.Fatal("touched within the minute")
		}
		d.clock.Advance(time.Microsecond)
		p, _ = d.auth(token)
		if d.touch(p); !p.Due || !touched().Equal(d.clock.Now()) {
			d.Fatal("not touched after a minute")
		}
		if p, _ = d.auth(token); p.Due {
			d.Fatal("due again at once")
		}
	})
}

// Whatever ends a session works on the next request.
func TestSessionEnds(t *testing.T) {
	ends := []struct {
		name string
		do   func(tx *store.Tx, u User, s Session) error
		all  bool // the user's other sessions too
	}{
		{"closed", func(tx *store.Tx, _ User, s Session) error { return CloseSession(tx, s.ID) }, false},
		{"all closed", func(tx *store.Tx, u User, _ Session) error { return CloseSessions(tx, u.ID) }, true},
		{"disabled", func(tx *store.Tx, u User, _ Session) error { return DisableUser(tx, u.ID) }, true},
		{"another password", func(tx *store.Tx, u User, _ Session) error { return SetPassword(tx, u.ID, goodHash()) }, true},
		{"marked as disabled, session rows left", func(tx *store.Tx, u User, _ Session) error {
			_, err := tx.Exec("UPDATE access_user SET disabled = 1 WHERE id = $1", u.ID)
			return err
		}, true},
	}
	each(t, func(d desk) {
		keep, _ := d.open(d.user("keeper", Admin))
		for i, end := range ends {
			u := d.user("u"+string(rune('0'+i)), Reviewer)
			token, s := d.open(u)
			second, _ := d.open(u)
			d.wantAuth(end.name+", before", token, "")
			d.update(func(tx *store.Tx) error { return end.do(tx, u, s) })
			d.wantAuth(end.name, token, "bad-credential")
			want := ""
			if end.all {
				want = "bad-credential"
			}
			d.wantAuth(end.name+", second session", second, want)
		}
		d.wantAuth("somebody else's session", keep, "")
	})
}

// A proof is void once the account changed between Verify and OpenSession.
func TestProofIsLookedAtAgain(t *testing.T) {
	each(t, func(d desk) {
		d.user("keeper", Admin)
		u := d.user("anna", Admin)
		proof, err := d.gate.Verify(d.Context(), d.w.DB(), "anna", goodPassword, "here")
		if err != nil {
			d.Fatal(err)
		}
		open := func(p Proof) func(tx *store.Tx) error {
			return func(tx *store.Tx) error { _, _, err := OpenSession(tx, p, ""); return err }
		}
		d.update(open(proof))
		d.refused("wrong-login", open(Proof{}))
		d.refused("wrong-login", open(Proof{user: u.ID}))
		d.update(func(tx *store.Tx) error { return SetPassword(tx, u.ID, password.New(goodPassword).Text()) })
		d.refused("wrong-login", open(proof))
		again, err := d.gate.Verify(d.Context(), d.w.DB(), "anna", goodPassword, "here")
		if err != nil {
			d.Fatal(err)
		}
		d.update(func(tx *store.Tx) error { return DisableUser(tx, u.ID) })
		d.refused("wrong-login", open(again))
	})
}

func TestSessionsAreBounded(t *testing.T) {
	each(t, func(d desk) {
		u := d.user("anna", Reviewer)
		var tokens []Secret
		for range MaxSessions + 2 {
			token, _ := d.open(u)
			tokens = append(tokens, token)
			d.clock.Advance(time.Second)
		}
		for i, token := range tokens {
			want := ""
			if i < 2 {
				want = "bad-credential"
			}
			d.wantAuth("session "+string(rune('a'+i)), token, want)
		}
		d.clock.Advance(IdleLimit)
		d.open(u)
		d.update(func(tx *store.Tx) error {
			var rows int
			err := tx.Row("SELECT COUNT(*) FROM access_session", nil, &rows)
			if rows != 1 {
				d.Errorf("%d rows of ended sessions are left", rows-1)
			}
			return err
		})
	})
}

// Nothing but the exact token opens a session.
func TestTokenHasOneSpelling(t *testing.T) {
	each(t, func(d desk) {
		token, s := d.open(d.user("anna", Reviewer))
		var hash []byte
		d.update(func(tx *store.Tx) error { return tx.Row("SELECT hash FROM access_session", nil, &hash) })
		refuse := variants(token)
		refuse["the id"] = Secret(s.ID)
		refuse["the id with the prefix"] = Secret(sessionPrefix + s.ID)
		refuse["the stored hash"] = Secret(sessionPrefix + string(hash))
		for what, v := range refuse {
			d.wantAuth(what, v, "bad-credential")
		}
		d.wantAuth("no token", "", "no-credential")
		d.wantAuth("the token", token, "")
		d.Logf("%d spellings refused", len(refuse))
	})
}

// variants are texts that a careless reader takes for s.
func variants(s Secret) map[string]Secret {
	v := map[string]Secret{
		"a space before":      " " + s,
		"a space after":       s + " ",
		"a newline after":     s + "\n",
		"a zero byte after":   s + "\x00",
		"one character more":  s + "0",
		"one character less":  s[:len(s)-1],
		"another part":        s + "_0",
		"upper case":          Secret(strings.ToUpper(string(s))),
		"twice":               s + s,
		"with its scheme":     "Bearer " + s,
		"an o for a zero":     Secret(strings.ReplaceAll(string(s), "0", "o")) + "0",
		"very long":           s + Secret(strings.Repeat("0", 1<<20)),
		"only the prefix":     s[:4],
		"full-width hv":       "ｈｖ" + s[2:],
		"percent-encoded":     Secret(strings.ReplaceAll(string(s), "_", "%5F")),
		"double underscore":   Secret(strings.Replace(string(s), "_", "__", 1)),
		"no underscore":       Secret(strings.ReplaceAll(string(s), "_", "")),
		"a soft hyphen in it": s[:10] + "\u00ad" + s[10:],
	}
	for _, i := range []int{0, 3, 4, len(s) / 2, len(s) - 1} {
		b := []byte(s)
		b[i] ^= 1
		v[fmt.Sprint("one bit other at ", i)] = Secret(b)
	}
	return v
}

func TestSessionEndsMethod(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if got := (Session{Opened: at, Touched: at.Add(time.Hour)}).Ends(); !got.Equal(at.Add(90 * time.Minute)) {
		t.Error(got)
	}
	if got := (Session{Opened: at, Touched: at.Add(11*time.Hour + 50*time.Minute)}).Ends(); !got.Equal(at.Add(12 * time.Hour)) {
		t.Error(got)
	}
}

// A stored role set that AddUser would refuse gives nobody anything.
func TestStoredRolesAreChecked(t *testing.T) {
	each(t, func(d desk) {
		u := d.user("anna", Reviewer)
		token, _ := d.open(u)
		for _, roles := range []string{"", "root", "admin,auditor", "approver,reviewer", "admin,", "reviewer,reviewer"} {
			d.update(func(tx *store.Tx) error {
				_, err := tx.Exec("UPDATE access_user SET roles = $1", roles)
				return err
			})
			if p, err := d.auth(token); houvast.KindOf(err) != houvast.Corrupt || len(p.Roles) > 0 {
				d.Errorf("roles %q: %v %v", roles, p.Roles, err)
			}
		}
	})
}
