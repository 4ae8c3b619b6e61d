package access

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access/secret"
	"github.com/houvast/houvast/internal/store"
)

func TestKeyPrincipal(t *testing.T) {
	each(t, func(d desk) {
		text, k := d.key(NewKey{Name: "Uploads", Source: "forum", Scopes: []Scope{ScopeItems}})
		_, bare, _ := strings.Cut(k.ID.String(), "_")
		if !strings.HasPrefix(string(text), "hv_items_"+bare+"_") || len(text) != len("hv_items_")+13+1+52 {
			d.Fatal("the key has another shape")
		}
		p, err := d.auth(text)
		if err != nil {
			d.Fatal(err)
		}
		if p.Actor != "key:uploads" || p.Kind != KindKey || p.KeyID != k.ID || p.Source != "forum" || !p.Due ||
			!slices.Equal(p.Scopes, []Scope{ScopeItems}) || p.Roles != nil || p.UserID != 0 || p.Session != "" {
			d.Fatalf("%+v", p)
		}
		text, _ = d.key(NewKey{Name: "both", Scopes: []Scope{ScopeRead, ScopeLookup, ScopeRead}})
		if p, err := d.auth(text); err != nil || !slices.Equal(p.Scopes, []Scope{ScopeLookup, ScopeRead}) || p.Source != "" {
			d.Fatal(p, err)
		}
		if !strings.HasPrefix(string(text), "hv_lookup-read_") {
			d.Fatal("scopes stand in another order")
		}
		text, k = d.key(NewKey{Name: "own", Scopes: []Scope{ScopeItems}})
		if p, err := d.auth(text); err != nil || p.Source != "own" || k.Source != "own" {
			d.Fatal("a key that hands in items has no source", p, err)
		}
		for _, c := range []struct {
			code string
			new  NewKey
		}{
			{"name-taken", NewKey{Name: "UPLOADS", Scopes: []Scope{ScopeRead}}},
			{"bad-name", NewKey{Name: "", Scopes: []Scope{ScopeRead}}},
			{"bad-name", NewKey{Name: "x", Source: "a forum", Scopes: []Scope{ScopeRead}}},
			{"bad-scopes", NewKey{Name: "x"}},
			{"bad-scopes", NewKey{Name: "x", Scopes: []Scope{"all"}}},
			{"bad-scopes", NewKey{Name: "x", Scopes: []Scope{ScopeRead, ""}}},
		} {
			d.refused(c.code, func(tx *store.Tx) error { _, _, err := CreateKey(tx, c.new); return err })
		}
	})
}

// Nothing but the exact text is the key, and no edit of it or of the row widens it.
func TestKeyHasOneSpelling(t *testing.T) {
	each(t, func(d desk) {
		text, k := d.key(NewKey{Name: "one", Source: "forum", Scopes: []Scope{ScopeLookup, ScopeRead}})
		other, k2 := d.key(NewKey{Name: "two", Source: "forum", Scopes: []Scope{ScopeItems}})
		_, id, _ := strings.Cut(k.ID.String(), "_")
		_, id2, _ := strings.Cut(k2.ID.String(), "_")
		secret, secret2 := text[len(text)-52:], other[len(other)-52:]
		refuse := variants(text)
		for what, v := range map[string]Secret{
			"another scope":            Secret("hv_banks_"+id+"_") + secret,
			"one scope less":           Secret("hv_read_"+id+"_") + secret,
			"one scope more":           Secret("hv_items-lookup-read_"+id+"_") + secret,
			"scopes the other way":     Secret("hv_read-lookup_"+id+"_") + secret,
			"a scope twice":            Secret("hv_lookup-lookup-read_"+id+"_") + secret,
			"an unknown scope":         Secret("hv_all_"+id+"_") + secret,
			"no scope":                 Secret("hv__"+id+"_") + secret,
			"a comma":                  Secret("hv_lookup,read_"+id+"_") + secret,
			"another's id":             Secret("hv_lookup-read_"+id2+"_") + secret,
			"another's secret":         Secret("hv_lookup-read_"+id+"_") + secret2,
			"the id in upper case":     Secret("hv_lookup-read_"+strings.ToUpper(id)+"_") + secret,
			"the id shown":             Secret("hv_lookup-read_key_"+id+"_") + secret,
			"a leading zero in the id": Secret("hv_lookup-read_0"+id+"_") + secret,
			"no such id":               Secret("hv_lookup-read_0000000000001_") + secret,
			"id zero":                  Secret("hv_lookup-read_0000000000000_") + secret,
			"the prefix of a session":  sessionPrefix + secret,
			"only the secret":          secret,
			"no secret":                Secret("hv_lookup-read_" + id + "_"),
		} {
			refuse[what] = v
		}
		for what, v := range refuse {
			d.wantAuth(what, v, "bad-credential")
		}
		d.wantAuth("the key", text, "")
		d.update(func(tx *store.Tx) error {
			_, err := tx.Exec("UPDATE access_key SET scopes = 'banks,read' WHERE id = $1", k.ID)
			return err
		})
		d.wantAuth("the key, its row widened", text, "bad-credential")
		d.wantAuth("its text widened to fit the row", Secret("hv_banks-read_"+id+"_")+secret, "bad-credential")
		d.Logf("%d spellings refused", len(refuse)+2)
	})
}

func TestKeyIsRevoked(t *testing.T) {
	each(t, func(d desk) {
		text, k := d.key(NewKey{Name: "one", Scopes: []Scope{ScopeRead}})
		keep, _ := d.key(NewKey{Name: "two", Scopes: []Scope{ScopeRead}})
		d.wantAuth("before", text, "")
		at := d.clock.Now()
		for range 2 { // the second time changes nothing
			d.update(func(tx *store.Tx) error { return RevokeKey(tx, k.ID) })
			d.wantAuth("revoked", text, "bad-credential")
			d.clock.Advance(time.Hour)
		}
		d.wantAuth("another key", keep, "")
		d.refused("no-key", func(tx *store.Tx) error { return RevokeKey(tx, 1) })
		d.refused("name-taken", func(tx *store.Tx) error {
			_, _, err := CreateKey(tx, NewKey{Name: "one", Scopes: []Scope{ScopeRead}})
			return err
		})
		d.update(func(tx *store.Tx) error {
			list, err := Keys(tx, 0, 500)
			if err == nil && (len(list) != 2 || !list[0].Revoked.Equal(at) || !list[1].Revoked.IsZero()) {
				d.Errorf("%+v", list)
			}
			return err
		})
	})
}

// Of a key's use only the day is kept.
func TestKeyLastDay(t *testing.T) {
	each(t, func(d desk) {
		text, k := d.key(NewKey{Name: "one", Scopes: []Scope{ScopeRead}})
		lastDay := func() (at time.Time) {
			d.update(func(tx *store.Tx) error {
				list, err := Keys(tx, k.ID-1, 1)
				if err == nil {
					at = list[0].LastDay
				}
				return err
			})
			return at
		}
		if !lastDay().IsZero() {
			d.Fatal("used before its first use")
		}
		p, _ := d.auth(text)
		d.touch(p)
		day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		if !lastDay().Equal(day) {
			d.Fatal(lastDay())
		}
		d.clock.Advance(15*time.Hour - time.Microsecond)
		if p, _ = d.auth(text); p.Due {
			d.Fatal("due twice on one day")
		}
		d.clock.Advance(time.Microsecond)
		if p, _ = d.auth(text); !p.Due {
			d.Fatal("not due on the next day")
		}
		d.update(func(tx *store.Tx) error { return RevokeKey(tx, k.ID) })
		d.touch(p)
		if !lastDay().Equal(day) {
			d.Fatal("a revoked key was used")
		}
	})
}

func TestStoredScopesAreChecked(t *testing.T) {
	each(t, func(d desk) {
		d.key(NewKey{Name: "one", Scopes: []Scope{ScopeRead}})
		for _, scopes := range []string{"", "all", "read,read", "read,items"} {
			d.update(func(tx *store.Tx) error {
				_, err := tx.Exec("UPDATE access_key SET scopes = $1", scopes)
				return err
			})
			err := d.w.DB().View(d.Context(), func(tx *store.Tx) error { _, err := Keys(tx, 0, 10); return err })
			if houvast.KindOf(err) != houvast.Corrupt {
				d.Errorf("scopes %q: %v", scopes, err)
			}
		}
	})
}

// A text that is read as a key is exactly the text its scopes and id are written as.
func FuzzParseKey(f *testing.F) {
	good := secret.New("hv_items-read_0fz6k3v9a2b4c")
	f.Add(string(good))
	for _, v := range variants(good) {
		f.Add(string(v[:min(len(v), 300)]))
	}
	f.Fuzz(func(t *testing.T, text string) {
		scopes, id, ok := parseKey(Secret(text))
		if ok && (len(scopes) == 0 || id == 0 || text[:len(text)-secret.RandomLen] != keyHead(scopes, id)) {
			t.Fatalf("%q was read as %v, %v", text, scopes, id)
		}
	})
}
