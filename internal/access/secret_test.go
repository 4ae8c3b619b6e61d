package access

import (
	"bytes"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

// No verb, handler or encoder shows a secret, not even one inside another value. %p and %w are left to
// go vet, see Secret.
func TestSecretIsNeverShown(t *testing.T) {
	const word = "elderberry"
	s := Secret(word)
	proof := Proof{user: 7, hash: word}
	var shown []string
	for _, verb := range "vsqxXdtbcoOUeEfFgGT" {
		for _, flag := range []string{"", "+", "#", "-20", "020", " ", ".3"} {
			for _, v := range []any{s, &s, []Secret{s}, map[string]Secret{"k": s}, NewUser{Password: s}, struct{ S Secret }{s}, proof, &proof} {
				shown = append(shown, fmt.Sprintf("%"+flag+string(verb), v))
			}
		}
	}
	shown = append(shown, fmt.Sprint(s), fmt.Sprintln(s, proof), s.String(), s.GoString(), fmt.Errorf("x: %v", s).Error(),
		houvast.Errorf("x", houvast.Invalid, "", "%s %q", s, s).Error())
	j, err := json.Marshal(map[string]any{"s": s, "p": &s, "n": NewUser{Password: s}, "proof": proof})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "s", s, "n", NewUser{Password: s}, "proof", proof, slog.Group("g", "s", s))
	}
	shown = append(shown, string(j), log.String())
	n := 0
	for _, text := range shown {
		if leaks(text, word) {
			t.Errorf("shown: %q", text)
		}
		n += len(text)
	}
	if v, err := s.Value(); v != nil || err == nil {
		t.Error("a statement takes a secret")
	}
	if !leaks(fmt.Sprintf("%x", word), word) || !leaks(fmt.Sprint(struct{ string }{word}), word) {
		t.Error("control: the detector sees nothing")
	}
	t.Logf("%d texts, %d bytes", len(shown), n)
}

// leaks reports whether text holds word, or half of it, in clear or in hex.
func leaks(text, word string) bool {
	half := word[:len(word)/2]
	text = strings.ToLower(text)
	return strings.Contains(text, half) || strings.Contains(text, hex.EncodeToString([]byte(half))) ||
		strings.Contains(text, strings.Trim(fmt.Sprint([]byte(half)), "[]"))
}

// No refusal repeats what was sent.
func TestErrorsHoldNoSecret(t *testing.T) {
	each(t, func(d desk) {
		u := d.user("anna", Reviewer)
		token, _ := d.open(u)
		text, k := d.key(NewKey{Name: "one", Scopes: []Scope{ScopeRead}})
		d.update(func(tx *store.Tx) error { return RevokeKey(tx, k.ID) })
		d.clock.Advance(AbsoluteLimit)
		var errs []error
		add := func(err error) {
			if err == nil {
				d.Error("something was taken that should be refused")
			}
			errs = append(errs, err)
		}
		for _, v := range variants(text) {
			_, err := d.auth(v)
			add(err)
		}
		for _, v := range append([]Secret{token, text}, token+"0", "hv_read_"+token, token[4:]) {
			_, err := d.auth(v)
			add(err)
		}
		secret := string(text[len(text)-52:])
		for _, pw := range []Secret{token, text, Secret(secret)} {
			add(d.verify("anna", pw, "here"))
			add(d.verify(string(pw), pw, "here"))
			add(d.w.Update(d.Context(), func(tx *store.Tx) error {
				_, err := AddUser(tx, NewUser{Name: "bo", Roles: []Role{Admin}, Password: pw})
				return err
			}))
			add(d.w.Update(d.Context(), func(tx *store.Tx) error {
				_, err := AddUser(tx, NewUser{Name: string(pw) + " ", Roles: []Role{Admin}, Password: pw})
				return err
			}))
			add(d.w.Update(d.Context(), func(tx *store.Tx) error { return SetPassword(tx, u.ID, pw) }))
			_, err := d.gate.Hash(d.Context(), string(pw), pw)
			add(err)
		}
		for _, err := range errs {
			said := fmt.Sprintf("%v %+v %#v %s %v", err, err, err, houvast.HintOf(err), houvast.Trace(err))
			for _, word := range []string{string(token[4:]), secret, string(goodHash())} {
				if leaks(said, word) {
					d.Errorf("said: %s", said)
				}
			}
		}
		d.Logf("%d refusals", len(errs))
	})
}

// dump returns every value of every column of every table, and how many there are.
func dump(t *testing.T, w store.Writer) (text string, values int) {
	t.Helper()
	list := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if w.DB().Engine() == store.Postgres {
		list = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
	}
	var b strings.Builder
	err := w.DB().View(t.Context(), func(tx *store.Tx) error {
		var tables []string
		err := tx.Rows(list, nil, func(row *sql.Rows) error {
			var name string
			defer func() { tables = append(tables, name) }()
			return row.Scan(&name)
		})
		if err != nil {
			return err
		}
		for _, table := range tables {
			err := tx.Rows(`SELECT * FROM "`+table+`"`, nil, func(row *sql.Rows) error {
				columns, err := row.Columns()
				if err != nil {
					return err
				}
				cells := make([]any, len(columns))
				for i := range cells {
					cells[i] = new(any)
				}
				if err := row.Scan(cells...); err != nil {
					return err
				}
				for i, c := range cells {
					v := *c.(*any)
					if raw, ok := v.([]byte); ok {
						fmt.Fprintf(&b, "%s.%s %s %x\n", table, columns[i], raw, raw)
					} else {
						fmt.Fprintf(&b, "%s.%s %v\n", table, columns[i], v)
					}
					values++
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), values
}

// Who steals the database finds no password, token or key in it. On SQLite the files are read too.
func TestDatabaseHoldsNoSecret(t *testing.T) {
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			storetest.Count(e)
			cfg := storetest.Config(t, e)
			w := storetest.Reopen(t, cfg)
			d := desk{T: t, w: w, gate: NewGate(cfg.Clock)}
			u := d.user("anna", Reviewer)
			if err := d.verify("anna", goodPassword, "here"); err != nil {
				t.Fatal(err)
			}
			if err := d.verify("anna", "wrongly typed words", "here"); err == nil {
				t.Fatal("a wrong password was taken")
			}
			token, _ := d.open(u)
			key, _ := d.key(NewKey{Name: "one", Scopes: Scopes()})
			for _, bearer := range []Secret{token, key} {
				p, err := d.auth(bearer)
				if err != nil {
					t.Fatal(err)
				}
				d.touch(p)
			}
			planted := houvast.RandomText("planted", 40)
			secrets := map[string]string{
				"the password": string(goodPassword), "the wrong password": "wrongly typed words",
				"the token": string(token[4:]), "the key": string(key[len(key)-52:]),
			}
			search := func() (found []string, values int) {
				text, values := dump(t, w)
				if e == store.SQLite {
					files, _ := filepath.Glob(cfg.Path + "*")
					for _, f := range files {
						raw, err := os.ReadFile(f)
						if err != nil {
							t.Fatal(err)
						}
						text += string(raw)
					}
				}
				for what, s := range secrets {
					if leaks(text, s) {
						found = append(found, what)
					}
				}
				return found, values
			}
			found, values := search()
			if len(found) > 0 || values < 30 {
				t.Errorf("%d values; found %v", values, found)
			}
			secrets = map[string]string{"the planted one": strings.TrimPrefix(planted, "planted_")}
			d.update(func(tx *store.Tx) error {
				_, err := tx.Exec("INSERT INTO access_key (id, name, source, scopes, hash, created, used_day, revoked) VALUES (1, 'p', '', 'read', $1, 0, 0, 0)",
					[]byte(planted))
				return err
			})
			if found, _ := search(); len(found) != 1 {
				t.Error("control: a planted secret is not found")
			}
			t.Logf("%d values searched", values)
		})
	}
}
