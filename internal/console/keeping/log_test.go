package keeping_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/console/keeping"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/words"
)

// write appends a line and waits until it is signed.
func write(r *consoletest.Rig, l audit.Line) {
	r.T.Helper()
	var id int64
	err := r.W.Update(r.T.Context(), func(tx *store.Tx) (err error) {
		id, err = audit.Append(tx, l)
		return err
	})
	if err == nil {
		err = r.Audit.Wait(r.T.Context(), id)
	}
	if err != nil {
		r.T.Fatal(err)
	}
}

// The log says who did what in words, the newest first, and an operation that nobody has words for by
// its own name.
func TestLog(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, otto *consoletest.Visitor) {
		t := r.T
		newBank(t, ada, "national-list")
		write(r, audit.Line{Actor: houvast.SystemActor("evidence"), Action: "evidence.destroyed", Subject: "evidence_x", Detail: map[string]string{"why": "not_abuse", "law": ""}})
		write(r, audit.Line{Actor: "cli:1000", Action: "tomorrow.invented"})
		write(r, audit.Line{Actor: "key:uploads", Action: "banks.import", Subject: "national-list"})
		page := sees(t, otto, "/console/audit")
		for _, row := range []string{
			"ada made a bank national-list category child_abuse · trust verified",
			"by itself (evidence) destroyed evidence evidence_x law · why not_abuse",
			"command line, user 1000 tomorrow.invented – –",
			"key uploads imported a list into a bank national-list –",
			"2027-03-01 09:00 UTC",
		} {
			says(t, "the log", page, row)
		}
		text := page.Text()
		if strings.Index(text, "key uploads") > strings.Index(text, "made a bank") {
			t.Error("the oldest line comes first")
		}
		if !strings.Contains(page.Body, "<code>tomorrow.invented</code>") {
			t.Error("an operation without words is not marked as its own name")
		}
		status(t, "an administrator", ada.Get("/console/audit"), 403)
	})
}

// What stands in a line is text, whatever it is.
func TestLogEscapes(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, _, otto *consoletest.Visitor) {
		t := r.T
		for _, text := range hostile() {
			text = text[:min(len(text), 190)]
			write(r, audit.Line{Actor: houvast.Actor("user:" + text[:min(len(text), 150)]), Action: "case.open", Subject: text, Detail: map[string]string{text[:min(len(text), 60)]: text}})
			page := sees(t, otto, "/console/audit")
			escaped(t, page, text)
		}
		page := sees(t, otto, "/console/audit")
		for _, alone := range regexp.MustCompile(`[^>]*\x{202e}[^<]*<(/?\w+)`).FindAllStringSubmatch(page.Body, -1) {
			if alone[1] != "/bdi" && alone[1] != "/code" && alone[1] != "code" {
				t.Errorf("a text that turns the direction stands outside of <bdi>: %q", alone[0])
			}
		}
		if !strings.Contains(page.Body, "\u202e") {
			t.Error("the text that turns the direction is not there")
		}
	})
}

// pager returns where a page goes on, "" when it ends here.
func pager(page consoletest.Reply) string {
	m := regexp.MustCompile(`href="(/console/[a-z]+\?(?:after|before)=[^"]+)"`).FindStringSubmatch(page.Body)
	if m == nil {
		return ""
	}
	return strings.ReplaceAll(m[1], "&amp;", "&")
}

// Page by page every line comes once, down to the first.
func TestLogPages(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, _, otto *consoletest.Visitor) {
		t := r.T
		for range 120 {
			write(r, audit.Line{Actor: "cli:0", Action: "case.open"})
		}
		all := r.Number("SELECT COUNT(*) FROM audit_line")
		number := regexp.MustCompile(`<td class="number" data-label="Line">(\d+)</td>`)
		want, path := all-1, "/console/audit"
		for path != "" {
			page := sees(t, otto, path)
			for _, m := range number.FindAllStringSubmatch(page.Body, -1) {
				if m[1] != strconv.FormatInt(want, 10) {
					t.Fatalf("line %s where %d should be", m[1], want)
				}
				want--
			}
			path = pager(page)
		}
		if want != -1 {
			t.Errorf("the pages end before line %d", want)
		}
		for _, bad := range []string{"x", "-1", "1%20OR%201", "99999999999999999999"} {
			status(t, bad, otto.Get("/console/audit?before="+bad), 400)
		}
		says(t, "below the first", sees(t, otto, "/console/audit?before=0"), "There is no line here", "Newest lines")
	})
}

// A sound log is said to be sound; a line that somebody changed behind it is named. Nothing else is
// different between the two.
func TestVerify(t *testing.T) {
	each(t, nil, func(r *consoletest.Rig, ada, otto *consoletest.Visitor) {
		t := r.T
		newBank(t, ada, "national-list")
		before := sees(t, otto, "/console/audit/verify")
		says(t, "a sound log", before, "The log is sound", "Signed root", fmt.Sprintf("Signed lines %d", r.Number("SELECT MAX(size) FROM audit_checkpoint")))
		silent(t, "a sound log", before, "not what was signed")

		seq := r.Number("SELECT seq FROM audit_line WHERE action = 'banks.create'")
		err := r.W.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec("UPDATE audit_line SET actor = 'user:mallory' WHERE seq = $1", seq)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		after := sees(t, otto, "/console/audit/verify")
		says(t, "a changed log", after, "The log is not what was signed", fmt.Sprintf("%d line %d is not as it was written", seq, seq))
		silent(t, "a changed log", after, "The log is sound")
		if !strings.Contains(after.Body, `role="alert"`) {
			t.Error("a changed log is no alert")
		}
		otto.Lang = "fr"
		french := sees(t, otto, "/console/audit/verify")
		says(t, "in French", french, "Le journal n’est pas celui qui a été signé")
		if !strings.Contains(french.Body, `lang="en">line `) {
			t.Error("what the verifier says is not marked as English")
		}
	})
}

// The log is saved as a file that holds all of it, and one that cannot be written to its end is cut off
// and no page.
func TestExport(t *testing.T) {
	var fail func(io.Writer) error
	each(t, func(_ *consoletest.Rig, k *keeping.Pages) {
		export := k.AuditExport
		k.AuditExport = func(ctx context.Context, w io.Writer, after int64) error {
			if fail != nil {
				return fail(w)
			}
			return export(ctx, w, after)
		}
	}, func(r *consoletest.Rig, _, otto *consoletest.Visitor) {
		t := r.T
		got := otto.Get("/console/audit/export")
		status(t, "the export", got, 200)
		if d := got.Header.Get("Content-Disposition"); d != `attachment; filename="houvast-audit-2027-03-01.jsonl"` || got.Header.Get("Content-Type") != "application/jsonl" {
			t.Errorf("the export is sent as %q, %q", d, got.Header.Get("Content-Type"))
		}
		rows := strings.Split(strings.TrimSpace(got.Body), "\n")
		if n := r.Number("SELECT COUNT(*) FROM audit_line"); int64(len(rows)) != n+1 || !strings.HasPrefix(rows[len(rows)-1], `{"checkpoint":`) {
			t.Errorf("%d rows for %d lines and a checkpoint", len(rows), n)
		}
		part := otto.Get("/console/audit/export?after=0")
		if len(strings.Split(strings.TrimSpace(part.Body), "\n")) != len(rows)-1 {
			t.Error("the export after line 0 is not one line shorter")
		}
		status(t, "no number", otto.Get("/console/audit/export?after=x"), 400)
	})
	t.Run("that fails", func(t *testing.T) {
		consoletest.Each(t, func(r *consoletest.Rig) {
			k := pages(r)
			k.AuditExport = func(_ context.Context, w io.Writer, after int64) error {
				if after > 0 {
					io.WriteString(w, `{"seq":1}`+"\n")
				}
				return houvast.Errorf("test", houvast.Unavailable, "", "the disk is gone")
			}
			k.Mount(r.Site)
		}, func(r *consoletest.Rig) {
			t := r.T
			otto := r.Hire("otto", access.Auditor)
			early := otto.Get("/console/audit/export")
			status(t, "before the first byte", early, 503)
			says(t, "before the first byte", early, "Not available at the moment")
			defer func() {
				if v := recover(); v != http.ErrAbortHandler {
					t.Errorf("half an export ends with %v and is taken for a whole one", v)
				}
			}()
			otto.Get("/console/audit/export?after=1")
		})
	})
}

// actions returns every action that the program itself writes into the log, read from its source: the
// third argument of a note, and the Action of a line.
func actions(t *testing.T) (all []string) {
	t.Helper()
	ops := map[string]string{} // constants of package reveal
	for _, pass := range []func(n ast.Node){
		func(n ast.Node) {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 && strings.HasPrefix(spec.Names[0].Name, "Op") {
				ops[spec.Names[0].Name] = literal(spec.Values[0])
			}
		},
		func(n ast.Node) {
			switch n := n.(type) {
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "note" && len(n.Args) == 5 {
					all = append(all, literal(n.Args[2]))
				}
			case *ast.KeyValueExpr:
				if k, ok := n.Key.(*ast.Ident); ok && (k.Name == "Action" || k.Name == "Op") {
					said := literal(n.Value)
					if v, ok := n.Value.(*ast.Ident); ok {
						said = ops[v.Name]
					}
					all = append(all, said)
				}
			}
		},
	} {
		for _, dir := range []string{"internal/pipeline", "internal/audit", "internal/console", "cmd/houvast"} {
			walk(t, "../../../"+dir, pass)
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return !strings.Contains(s, ".") })
}

func literal(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok {
		s, _ := strconv.Unquote(l.Value)
		return s
	}
	return ""
}

func walk(t *testing.T, dir string, fn func(ast.Node)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "test/") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), dir+"/"+name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool { fn(n); return true })
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

// Every operation that writes, and every line that the program writes by itself, has words; and no words
// are left without one.
func TestOperationsHaveWords(t *testing.T) {
	w, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, rule := range access.Rules() {
		if rule.Writes {
			known[rule.Op] = true
		}
	}
	rules := len(known)
	for _, a := range actions(t) {
		if rule, ok := access.RuleFor(a); !ok || rule.Writes {
			known[a] = true
		}
	}
	if len(known) < rules+8 {
		t.Fatalf("only %d actions beside %d operations were found", len(known)-rules, rules)
	}
	keys := map[string]bool{}
	for op := range known {
		key := "keeping.op." + strings.ReplaceAll(op, "-", "_")
		if _, ok := w.Lookup(words.EN, key); !ok {
			t.Errorf("%s has no words", op)
		}
		keys[key] = true
	}
	for key := range w.Below(words.EN, "keeping.op") {
		if !keys[key] {
			t.Errorf("%s are words for nothing", key)
		}
	}
	t.Logf("keeping: %d operations and actions", len(known))
}
