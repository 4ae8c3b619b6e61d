package look

import (
	"database/sql"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fill writes n numbered lines, and one that still waits for its number.
func fill(t *testing.T, w store.Writer, n int) {
	t.Helper()
	must(t, w.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO audit_line (id, at, actor, action, subject, detail, seq, mac)
			WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ` + strconv.Itoa(n-1) + `)
			SELECT i + 1, 1000000 * CAST(i AS BIGINT), 'user:ada', 'banks.create', 'list', '{"b":"2","a":"1"}', i, '' FROM n`)
		if err == nil {
			_, err = tx.Exec(`INSERT INTO audit_line (id, at, actor, action, subject, detail) VALUES ($1, 0, 'user:ada', 'waits', '', '{}')`, n+1)
		}
		return err
	}))
	must(t, w.Update(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec("ANALYZE audit_line"); return err }))
}

func read(t *testing.T, w store.Writer, before int64, limit int) (all []Line) {
	t.Helper()
	must(t, w.DB().View(t.Context(), func(tx *store.Tx) (err error) {
		all, err = Lines(tx, before, limit)
		return err
	}))
	return all
}

// The newest lines come first, the next call goes on below, and a line without a number is not shown.
func TestLines(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		if got := read(t, w, -1, 10); len(got) != 0 {
			t.Fatalf("an empty log shows %v", got)
		}
		fill(t, w, 1200)
		var seen int64 = 1200
		for before := int64(-1); ; {
			page := read(t, w, before, 50)
			if len(page) == 0 {
				break
			}
			for _, l := range page {
				if seen--; l.Seq != seen {
					t.Fatalf("line %d where %d should be", l.Seq, seen)
				}
			}
			before = page[len(page)-1].Seq
		}
		if seen != 0 {
			t.Errorf("%d lines were not shown", seen)
		}
		l := read(t, w, 8, 1)[0]
		if got := fmt.Sprint(l.Seq, " ", l.At.Unix(), " ", l.Actor, " ", l.Action, " ", l.Subject, " ", l.Facts); got != "7 7 user:ada banks.create list [{a 1} {b 2}]" {
			t.Errorf("a line is shown as %s", got)
		}
		for limit, want := range map[int]int{-5: 0, 0: 0, 1: 1, 10_000: maxLines} {
			if got := len(read(t, w, -1, limit)); got != want {
				t.Errorf("a limit of %d gives %d lines, not %d", limit, got, want)
			}
		}
	})
}

// A detail that somebody changed is shown as it stands.
func TestChangedDetail(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		fill(t, w, 3)
		for _, text := range []string{"not json", `{"a":1}`, `["a"]`, ""} {
			must(t, w.Update(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec("UPDATE audit_line SET detail = $1 WHERE seq = 1", text)
				return err
			}))
			if got := read(t, w, 2, 1)[0].Facts; len(got) != 1 || got[0] != (Fact{Value: text}) {
				t.Errorf("the detail %q is shown as %+v", text, got)
			}
		}
	})
}

// plan returns how the engine carries out a query.
func plan(t *testing.T, w store.Writer, query string, args ...any) string {
	t.Helper()
	how := "EXPLAIN QUERY PLAN "
	if w.DB().Engine() == store.Postgres {
		how = "EXPLAIN (COSTS OFF) "
	}
	var b strings.Builder
	must(t, w.DB().View(t.Context(), func(tx *store.Tx) error {
		return tx.Rows(how+query, args, func(row *sql.Rows) error {
			cols, err := row.Columns()
			if err != nil {
				return err
			}
			line := make([]any, len(cols))
			for i := range line {
				line[i] = new(sql.NullString)
			}
			err = row.Scan(line...)
			fmt.Fprintln(&b, line[len(line)-1].(*sql.NullString).String)
			return err
		})
	}))
	return b.String()
}

// whole reports whether a plan reads a table from end to end, or puts rows in order itself.
func whole(plan string) bool {
	for line := range strings.Lines(plan) {
		line = strings.TrimLeft(line, " ->")
		if strings.HasPrefix(line, "Seq Scan") || strings.HasPrefix(line, "Sort") || strings.Contains(line, "TEMP B-TREE") ||
			strings.HasPrefix(line, "SCAN") && !strings.Contains(line, "INDEX") {
			return true
		}
	}
	return false
}

// With ten thousand lines, each query finds its rows by an index. A query that cannot is the control.
func TestNoTableIsReadWhole(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		fill(t, w, 10_000)
		for name, c := range map[string]struct {
			query string
			args  []any
		}{"lines": {selectLines, []any{int64(5000), 50}}} {
			if how := plan(t, w, c.query, c.args...); whole(how) {
				t.Errorf("%s reads a whole table:\n%s", name, how)
			}
		}
		if how := plan(t, w, "SELECT seq FROM audit_line WHERE actor = 'user:bea' ORDER BY at DESC LIMIT 50"); !whole(how) {
			t.Errorf("the control is not seen to read the whole table:\n%s", how)
		}
	})
}

// writes finds a word of SQL that changes something.
var writes = regexp.MustCompile(`(?i)\b(insert|update|delete|replace|alter|drop|create|truncate|merge|copy|lock|pragma|attach|for\s+share)\b`)

// The package holds texts that select and none that change anything, and calls nothing that could.
func TestSelectsOnly(t *testing.T) {
	names, err := os.ReadDir(".")
	must(t, err)
	queries := 0
	for _, n := range names {
		if !strings.HasSuffix(n.Name(), ".go") || strings.HasSuffix(n.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), n.Name(), nil, parser.SkipObjectResolution)
		must(t, err)
		ast.Inspect(file, func(at ast.Node) bool {
			switch at := at.(type) {
			case *ast.BasicLit:
				text, _ := strconv.Unquote(at.Value)
				if strings.Contains(text, "SELECT ") {
					queries++
				}
				if at.Kind == token.STRING && writes.MatchString(text) {
					t.Errorf("%s holds %q", n.Name(), text)
				}
			case *ast.SelectorExpr:
				if at.Sel.Name == "Exec" || at.Sel.Name == "Update" {
					t.Errorf("%s calls %s", n.Name(), at.Sel.Name)
				}
			}
			return true
		})
	}
	if queries == 0 {
		t.Error("no query was found to judge")
	}
	for _, planted := range []string{"DELETE FROM audit_line", "SELECT 1; update audit_line SET seq = 0"} {
		if !writes.MatchString(planted) {
			t.Errorf("%q would pass", planted)
		}
	}
}
