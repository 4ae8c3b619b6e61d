package keeping_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"html"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/console/keeping"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/store"
)

// A book is a log that many may write and a test reads.
type book struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *book) holds(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Contains(b.text.String(), text)
}

// tables returns the name of every table that a migration makes.
func tables(t *testing.T) (names []string) {
	t.Helper()
	dir := os.DirFS("../../store/migrations")
	files, err := fs.Glob(dir, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := fs.ReadFile(dir, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^CREATE TABLE (\w+)`).FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
		}
	}
	return names
}

// where returns the tables that hold a text in any column.
func where(r *consoletest.Rig, text string) (found []string) {
	r.T.Helper()
	all := tables(r.T)
	if len(all) < 10 {
		r.T.Fatalf("only the tables %v are known", all)
	}
	view(r, func(tx *store.Tx) error {
		for _, name := range all {
			err := tx.Rows("SELECT * FROM "+name, nil, func(row *sql.Rows) error {
				columns, err := row.Columns()
				if err != nil {
					return err
				}
				values, dest := make([]any, len(columns)), make([]any, len(columns))
				for i := range values {
					dest[i] = &values[i]
				}
				if err := row.Scan(dest...); err != nil {
					return err
				}
				for _, v := range values {
					if b, ok := v.([]byte); ok {
						v = string(b)
					}
					if strings.Contains(fmt.Sprint(v), text) && !slices.Contains(found, name) {
						found = append(found, name)
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return found
}

var keyText = regexp.MustCompile(`hv_[a-z-]+_[0-9a-z]{13}_[0-9A-Za-z]+`)

// A key is on the page that made it, works, and is nowhere else: on no later page, in no table and in no
// log. Revoking it is asked about once more.
func TestKeyIsShownOnce(t *testing.T) {
	var log book
	each(t, func(r *consoletest.Rig, _ *keeping.Pages) {
		all := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		r.Site.Log, r.Pipeline.Log = all, all
		all.Info("planted-in-the-log")
	}, func(r *consoletest.Rig, ada, _ *consoletest.Visitor) {
		t := r.T
		says(t, "no key", sees(t, ada, "/console/keys"), "There is no key yet", "A new key")
		made := ada.Post("/console/keys", "name", "uploads", "source", "forum", "scopes", "items", "scopes", "read", "once", "o-one")
		status(t, "making a key", made, 200)
		found := keyText.FindAllString(made.Body, -1)
		if len(found) != 1 {
			t.Fatalf("the page shows %d keys: %s", len(found), made.Text())
		}
		says(t, "making a key", made, "The key uploads", "shown this once", "Hand in items, Read events")
		if cache := made.Header.Get("Cache-Control"); cache != "no-store" {
			t.Errorf("the page with a key is kept as %q", cache)
		}
		if strings.Contains(made.Body, " checked") || strings.Contains(made.Body, `value="uploads"`) {
			t.Error("the form for the next key is filled already")
		}
		text := found[0]
		secret := text[strings.LastIndex(text, "_")+1:]
		who, err := r.Who(t.Context(), access.Secret(text))
		if err != nil || who.Source != "forum" || !slices.Equal(who.Scopes, []access.Scope{access.ScopeItems, access.ScopeRead}) {
			t.Fatalf("the key gives %+v, %v", who, err)
		}
		again := ada.Post("/console/keys", "name", "uploads", "source", "forum", "scopes", "items", "scopes", "read", "once", "o-one")
		for what, page := range map[string]consoletest.Reply{"sent again": again, "the list": sees(t, ada, "/console/keys"),
			"the next form": ada.Post("/console/keys", "name", "", "scopes", "items")} {
			silent(t, what, page, secret, text)
		}
		says(t, "sent again", again, "This name is taken")
		if in := where(r, secret); len(in) != 0 {
			t.Errorf("the key is in %v", in)
		}
		if in := where(r, "uploads"); !slices.Contains(in, "access_key") || !slices.Contains(in, "audit_line") {
			t.Errorf("the search does not find the name of the key where it must be: %v", in)
		}
		if log.holds(secret) || !log.holds("planted-in-the-log") {
			t.Error("the log holds the key, or is not the log")
		}
		revoke(t, r, ada, text)
	})
}

func revoke(t *testing.T, r *consoletest.Rig, ada *consoletest.Visitor, text string) {
	t.Helper()
	path := "/console/key/" + id(t, sees(t, ada, "/console/keys"), "key", "uploads") + "/revoke"
	asked := ada.Post(path, "once", "o-two")
	status(t, "asking first", asked, 200)
	says(t, "asking first", asked, "Revoke the key uploads?", "cannot be undone", "Leave it as it is")
	if _, err := r.Who(t.Context(), access.Secret(text)); err != nil || lines(r, "keys.revoke") != 0 {
		t.Fatalf("being asked has revoked the key: %v", err)
	}
	if got := ada.Post(path, "sure", "yes", "once", "o-three"); got.Status != 303 || got.Location != "/console/keys" {
		t.Fatalf("revoking gave %d to %q", got.Status, got.Location)
	}
	if _, err := r.Who(t.Context(), access.Secret(text)); err == nil || lines(r, "keys.revoke") != 1 {
		t.Errorf("the key still works, or nobody wrote down that it should not")
	}
	list := sees(t, ada, "/console/keys")
	says(t, "the list", list, "revoked on 2027-03-01")
	if strings.Contains(list.Body, path) {
		t.Error("a revoked key can be revoked again")
	}
}

// What cannot be is said at its field, with what was typed; nothing is made.
func TestKeyRefused(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, _ *consoletest.Visitor) {
		t := r.T
		for _, c := range []struct {
			what, said, field string
			form              []string
		}{
			{"no scope", "The key may do nothing yet", "scopes", []string{"name", "uploads"}},
			{"an unknown scope", "The key may do nothing yet", "scopes", []string{"name", "uploads", "scopes", "everything"}},
			{"no name", "This name cannot be used", "name", []string{"scopes", "items"}},
		} {
			got := ada.Post("/console/keys", c.form...)
			status(t, c.what, got, 400)
			says(t, c.what, got, c.said)
			if !strings.Contains(got.Body, `id="`+c.field+`-fault"`) {
				t.Errorf("%s is not said at the field %s", c.what, c.field)
			}
		}
		for _, text := range hostile() {
			got := ada.Post("/console/keys", "name", text, "source", text, "scopes", "items")
			status(t, "a hostile name", got, 400)
			escaped(t, got, text)
		}
		status(t, "no key of that id", ada.Post("/console/key/key_0000000000001/revoke", "sure", "yes"), 404)
		status(t, "no id", ada.Post("/console/key/uploads/revoke", "sure", "yes"), 400)
		if n := r.Number("SELECT COUNT(*) FROM access_key"); n != 0 || lines(r, "keys.create") != 0 {
			t.Errorf("%d keys were made of nothing", n)
		}
	})
}

// The text of an API key in the place of a session opens no page, whatever the key may do elsewhere.
func TestKeyIsNoSession(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, otto *consoletest.Visitor) {
		t := r.T
		made := ada.Post("/console/keys", "name", "everything", "source", "forum", "scopes", "items", "scopes", "lookup", "scopes", "banks", "scopes", "read")
		program := r.Visitor()
		program.Cookies[site.SessionCookie] = keyText.FindString(made.Body)
		for _, path := range []string{"/console/banks", "/console/audit"} {
			got := program.Get(path)
			if got.Status != 303 || !strings.HasPrefix(got.Location, "/console/sign-in") {
				t.Errorf("a key opens %s: %d %s", path, got.Status, got.Text())
			}
		}
		status(t, "a key makes a bank", program.Post("/console/banks", "name", "x", "category", "negative", "trust", "unverified", "threshold", "1"), 401)
		sees(t, otto, "/console/audit")
	})
}

// hostile is what people type who want to know what a page does with it.
func hostile() []string {
	return []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `{{.}}`, "name\u202egnp.exe", strings.Repeat("long ", 400), `' OR 1=1 --`, "javascript:alert(1)"}
}

// escaped fails when a text stands in a page as more than text.
func escaped(t *testing.T, page consoletest.Reply, text string) {
	t.Helper()
	for _, bad := range []string{"<script>", "<img", "onerror=alert(1)>", `href="javascript`} {
		if strings.Contains(page.Body, bad) {
			t.Errorf("the page holds %q as markup after %.40q", bad, text)
		}
	}
	if strings.ContainsAny(text, `<>"`) && !strings.Contains(html.UnescapeString(page.Body), text) {
		t.Errorf("the page does not show what was typed: %.40q", text)
	}
}
