package keeping_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/console/keeping"
	"github.com/houvast/houvast/internal/words"
)

// newBank makes a bank and returns the path of its page.
func newBank(t *testing.T, v *consoletest.Visitor, name string) string {
	t.Helper()
	got := v.Post("/console/banks", "name", name, "category", "child_abuse", "trust", "verified", "threshold", "20", "once", "o-"+name)
	if got.Status != 303 || got.Location != "/console/bank/"+name {
		t.Fatalf("making a bank gave %d to %q: %s", got.Status, got.Location, got.Text())
	}
	return got.Location
}

// A bank is made, filled, taken out of use after one more question, and put back.
func TestBank(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, _ *consoletest.Visitor) {
		t := r.T
		says(t, "no bank", sees(t, ada, "/console/banks"), "There is no bank yet", "A new bank")
		path := newBank(t, ada, "national-list")
		newBank(t, ada, "national-list") // the same form again is answered as before
		if n := r.Number("SELECT COUNT(*) FROM bank WHERE threshold = 20"); n != 1 || lines(r, "banks.create") != 1 {
			t.Fatalf("a form that came twice made %d banks", n)
		}
		says(t, "the list", sees(t, ada, "/console/banks"), "1 bank", "national-list", "Child sexual abuse", "Verified", "20", "In use")

		disabled := func() bool {
			b, err := r.Bank(t.Context(), "national-list")
			if err != nil {
				t.Fatal(err)
			}
			return b.Disabled
		}
		asked := ada.Post(path+"/disable", "disabled", "yes")
		status(t, "asking first", asked, 200)
		says(t, "asking first", asked, "Take the bank national-list out of use?", "is not found")
		if disabled() || lines(r, "banks.disable") != 0 {
			t.Fatal("being asked has taken the bank out of use")
		}
		if got := ada.Post(path+"/disable", "disabled", "yes", "sure", "yes"); got.Status != 303 || !disabled() {
			t.Fatalf("taking it out of use gave %d", got.Status)
		}
		says(t, "out of use", sees(t, ada, path), "Not in use", "Put it back in use")
		if got := ada.Post(path+"/disable", "disabled", "no"); got.Status != 303 || disabled() {
			t.Fatalf("putting it back gave %d", got.Status)
		}
		if n := lines(r, "banks.disable"); n != 2 {
			t.Errorf("%d lines about two changes", n)
		}
		status(t, "neither", ada.Post(path+"/disable", "disabled", "perhaps"), 400)
		status(t, "no such bank", ada.Post("/console/bank/other/disable", "disabled", "yes", "sure", "yes"), 404)
	})
}

// What cannot be is said at its field with what was typed, and no bank is made of it.
func TestBankRefused(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, _ *consoletest.Visitor) {
		t := r.T
		good := map[string]string{"name": "a-list", "category": "negative", "trust": "verified", "threshold": "31"}
		for _, c := range []struct{ field, value, said string }{
			{"name", "", "This cannot be the name of a bank"},
			{"name", "../keys", "This cannot be the name of a bank"},
			{"category", "other", "The category is missing"},
			{"trust", "perhaps", "This degree of trust is not possible"},
			{"threshold", "81", "The threshold is not valid"},
			{"threshold", "many", "The threshold is not valid"},
		} {
			var form []string
			for f, v := range good {
				if f == c.field {
					v = c.value
				}
				form = append(form, f, v)
			}
			got := ada.Post("/console/banks", form...)
			status(t, c.field+" "+c.value, got, 400)
			says(t, c.field+" "+c.value, got, c.said)
			if !strings.Contains(got.Body, `id="`+c.field+`-fault"`) {
				t.Errorf("%q is not said at the field %s", c.said, c.field)
			}
		}
		for _, text := range hostile() {
			got := ada.Post("/console/banks", "name", text, "category", text, "trust", text, "threshold", text)
			status(t, "a hostile name", got, 400)
			escaped(t, got, text)
		}
		if n := r.Number("SELECT COUNT(*) FROM bank"); n != 0 || lines(r, "banks.create") != 0 {
			t.Errorf("%d banks were made of nothing", n)
		}
		newBank(t, ada, "a-list")
		got := ada.Post("/console/banks", "name", "a-list", "category", "negative", "trust", "verified", "threshold", "31")
		status(t, "a second bank of that name", got, 409)
		says(t, "a second bank of that name", got, "There is already a bank with this name")
	})
}

// A list with three bad rows gives what is good in it and says which rows were not, and why, and never
// what was in them. Sending it again does no harm.
func TestImport(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, _ *consoletest.Visitor) {
		t := r.T
		path := newBank(t, ada, "national-list")
		// In its order of columns, rows 3, 4 and 6 are bad.
		list := "sha256,md5,note\n" +
			strings.Repeat("a1", 32) + ",,first\n" +
			"not-a-hash-of-anything,,<script>alert(1)</script>\n" +
			",,only words\n" +
			strings.Repeat("b2", 32) + ",,second\n" +
			strings.Repeat("c3", 32) + ",no-md5-at-all,third\n" +
			strings.Repeat("d4", 32) + ",,fourth\n"
		got := upload(r, ada, path+"/import", `<img src=x>.csv`, []byte(list))
		status(t, "the import", got, 200)
		says(t, "the import", got, "The list was read to its end", "Rows read 6", "Added 3", "Known already 0", "Refused 3",
			"3 sha256 has the wrong number of digits", "4 there is no hash in it", "6 md5 has the wrong number of digits", "Row 1 is the header")
		silent(t, "the import", got, "not-a-hash", "alert(1)", "only words", "no-md5-at-all", strings.Repeat("a1", 8), "<img")
		if n := r.Number("SELECT COUNT(*) FROM bank_entry"); n != 3 {
			t.Fatalf("%d entries", n)
		}
		if n := r.Number(`SELECT COUNT(*) FROM audit_line WHERE action = 'banks.import' AND actor = 'user:ada' AND detail = '{"added":"3","duplicates":"0","refused":"3"}'`); n != 1 {
			t.Errorf("%d lines say what was imported", n)
		}
		says(t, "again", upload(r, ada, path+"/import", "list.csv", []byte(list)), "Added 0", "Known already 3", "Refused 3")
		if n := r.Number("SELECT COUNT(*) FROM bank_entry"); n != 3 {
			t.Errorf("%d entries after the same file", n)
		}
		ada.Lang = "nl"
		says(t, "in Dutch", upload(r, ada, path+"/import", "list.csv", []byte(list)), "Geweigerd 3", "3 sha256 heeft niet het juiste aantal cijfers", "4 er staat geen hashwaarde in")
	})
}

// What is no list is refused as a whole and said at the file, and the columns that the page names are
// all taken.
func TestImportRefused(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, otto *consoletest.Visitor) {
		t := r.T
		path := newBank(t, ada, "national-list")
		for _, c := range []struct{ what, file, text, said string }{
			{"no file", "", "", "No file was chosen"},
			{"an empty file", "list.csv", "", "The first line cannot be used"},
			{"an unknown column", "list.csv", "sha256,face\n", "The first line cannot be used"},
			{"no hash", "list.csv", "note\nwords\n", "The first line cannot be used"},
		} {
			got := upload(r, ada, path+"/import", c.file, []byte(c.text))
			status(t, c.what, got, 400)
			says(t, c.what, got, c.said)
			if !strings.Contains(got.Body, `id="file-fault"`) {
				t.Errorf("%s is not said at the file", c.what)
			}
		}
		status(t, "no multipart form", ada.Post(path+"/import", "file", "sha256\n"), 400)
		status(t, "no such bank", upload(r, ada, "/console/bank/other/import", "list.csv", []byte("sha256\n")), 404)
		status(t, "an auditor", upload(r, otto, path+"/import", "list.csv", []byte("sha256\n"+strings.Repeat("a1", 32)+"\n")), 403)
		if n := r.Number("SELECT COUNT(*) FROM bank_entry"); n != 0 || lines(r, "banks.import") != 0 {
			t.Fatalf("%d entries of nothing", n)
		}
		page := sees(t, ada, path)
		_, rest, _ := strings.Cut(page.Body, `id="file-columns"><code>`)
		columns, _, _ := strings.Cut(rest, "<")
		says(t, "every column", upload(r, ada, path+"/import", "list.csv", []byte(columns+"\n,,,,"+strings.Repeat("a1", 32)+",,,,,\n")), "Added 1", "Refused 0")
	})
}

// A file that is cut short leaves what came in and says so; one beyond the bound is not read further.
func TestImportBounds(t *testing.T) {
	const bound = 4 << 20
	if keeping.MaxImport != 512<<20 {
		t.Errorf("a list may have %d bytes", keeping.MaxImport)
	}
	each(t, func(_ *consoletest.Rig, k *keeping.Pages) { k.Bound(bound) }, func(r *consoletest.Rig, ada, _ *consoletest.Visitor) {
		t := r.T
		path := newBank(t, ada, "national-list")
		head := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"list.csv\"\r\n\r\nsha256\n" + strings.Repeat("a1", 32) + "\n"
		const kind = "multipart/form-data; boundary=b"

		cut := send(r, ada, path+"/import", kind, io.MultiReader(strings.NewReader(head+strings.Repeat("b2", 20)), broken{}))
		status(t, "cut short", cut, 400)
		says(t, "cut short", cut, "The import broke off", "The list did not arrive whole", "What was added stays")

		whole := send(r, ada, path+"/import", kind, strings.NewReader(head+"\r\n--b--\r\n"))
		status(t, "the whole of it", whole, 200)
		if n := r.Number("SELECT COUNT(*) FROM bank_entry"); n != 1 {
			t.Fatalf("%d entries", n)
		}

		var sent counter
		endless := io.MultiReader(strings.NewReader(head), io.TeeReader(io.LimitReader(zeros{}, 16<<20), &sent))
		large := send(r, ada, path+"/import", kind, endless)
		status(t, "too large", large, 413)
		says(t, "too large", large, "The import broke off", "too large for a page", "Rows read 1")
		if sent > bound+1<<20 || sent < bound-1<<20 {
			t.Errorf("%d bytes were read", sent)
		}
	})
}

// A broken reader is a connection that ends.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// zeros are a line that never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// reasons returns every reason for which package bank refuses a row, read from its source: what its
// three judging functions return, and what is written into a Refusal.
func reasons(t *testing.T) (all []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../bank/csv.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	judges := map[string]bool{"entry": true, "digest": true, "perceptual": true}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			var said ast.Expr
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.ReturnStmt:
				if judges[f.Name.Name] && len(n.Results) > 0 {
					said = n.Results[len(n.Results)-1]
				}
			case *ast.CompositeLit:
				if of, ok := n.Type.(*ast.Ident); ok && of.Name == "Refusal" && len(n.Elts) == 2 {
					said = n.Elts[1]
				}
			}
			if s := spoken(said); s != "" && s != "why" { // why was said by another of them
				all = append(all, s)
			}
			return true
		})
	}
	return all
}

// spoken returns the text of an expression with a column for a name and a number for a call.
func spoken(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.BinaryExpr:
		return spoken(e.X) + spoken(e.Y)
	case *ast.Ident:
		if e.Name == "name" {
			return "sha256"
		}
		return e.Name
	case *ast.CallExpr:
		return "7"
	}
	return ""
}

// Every reason that package bank knows has words in every language, and none is left in English.
func TestRefusalsHaveWords(t *testing.T) {
	all := reasons(t)
	if len(all) < 15 {
		t.Fatalf("only %d reasons were found: %q", len(all), all)
	}
	w, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	told, keys := map[string]string{}, map[string]bool{}
	for _, lang := range words.Langs() {
		for _, reason := range all {
			text, key, ok := keeping.Because(w, lang, reason)
			if !ok || strings.ContainsAny(text, "{}") {
				t.Errorf("%s has no words for %q: %q", lang, reason, text)
			}
			if was := told[string(lang)+text]; was != "" && was != reason {
				t.Errorf("%q and %q are told in the same words", was, reason)
			}
			told[string(lang)+text], keys[key] = reason, true
		}
	}
	if _, _, ok := keeping.Because(w, words.NL, "a reason of tomorrow"); ok {
		t.Error("there are words for what nobody has said yet")
	}
	if n := len(w.Below(words.EN, "keeping.refusal")); n != len(keys) {
		t.Errorf("%d texts for %d reasons", n, len(keys))
	}
	t.Logf("keeping: %d reasons in %d languages", len(all), len(words.Langs()))
}

// Entries that were imported on a page are matched: the first item with such a file becomes a case.
func TestImportedIsMatched(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, _ *consoletest.Visitor) {
		t := r.T
		path := newBank(t, ada, "national-list")
		upload(r, ada, path+"/import", "list.csv", []byte("sha256,category\n"+digest(consoletest.Picture(7))+",child_abuse\n"))
		c := r.Bring(consoletest.Picture(7), consoletest.Facts())
		if c.ID == 0 {
			t.Fatal("no case was opened")
		}
	})
}
