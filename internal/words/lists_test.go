package words

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/houvast/houvast"
)

// constants returns the values of every constant of a named type in a folder, read from its source, so
// that this test needs nothing of the rooms above to compile.
func constants(t *testing.T, dir, typeName string) (values []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("../..", dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok {
				if of, ok := spec.Type.(*ast.Ident); ok && of.Name == typeName {
					values = append(values, literals(spec)...)
				}
			}
			return true
		})
	}
	return values
}

func literals(spec *ast.ValueSpec) (values []string) {
	for _, e := range spec.Values {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				values = append(values, s)
			}
		}
	}
	return values
}

// group returns the untyped text constants declared together with the one of the given name.
func group(t *testing.T, path, name string) (values []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("../..", path), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		var these []string
		has := false
		for _, s := range g.Specs {
			spec := s.(*ast.ValueSpec)
			has = has || spec.Names[0].Name == name
			these = append(these, literals(spec)...)
		}
		if has {
			values = these
		}
	}
	return values
}

func texts[S ~string](list []S) (values []string) {
	for _, v := range list {
		values = append(values, string(v))
	}
	return values
}

// Every closed list of the code has a text for each of its members and for nothing else.
func TestClosedLists(t *testing.T) {
	w := loaded(t)
	decisions := houvast.Decisions()
	lists := map[string][]string{
		"category":    texts(houvast.Categories()),
		"uploader":    texts(houvast.Roles()),
		"basis":       constants(t, ".", "Basis"),
		"aspect":      texts(houvast.Aspects()),
		"context":     texts(houvast.ContextKinds()),
		"environment": texts(houvast.Environments()),
		"profile":     texts(houvast.InstallationProfiles()),
		"item":        constants(t, ".", "ItemState"),
		"staff":       constants(t, "internal/access", "Role"),
		"case":        constants(t, "internal/review", "State"),
		"evidence":    constants(t, "internal/evidence", "State"),
		"report":      constants(t, "internal/report", "State"),
		"language":    texts(Langs()),
	}
	for _, a := range houvast.Aspects() {
		if a.Values() != nil {
			lists[string(a)] = a.Values()
		}
	}
	if len(lists["report"]) == 0 { // the room is not built yet; until then, its states are those of the design
		t.Log("words: internal/report has no states yet; the list of the design stands in")
		lists["report"] = strings.Fields("draft ready approved opening opened uploading described finishing finished retracted expired needs_human")
	}
	n := 0
	for name, members := range lists {
		var want []string
		for _, m := range members {
			want = append(want, name+"."+m)
		}
		slices.Sort(want)
		got := slices.Sorted(maps.Keys(w.Below(EN, name)))
		if !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("locales have %v, the code has %v", got, want)
		}
		n += len(want)
	}
	for _, d := range decisions {
		for _, part := range []string{"name", "consequence"} {
			if key := fmt.Sprintf("decision.%s.%s", d, part); w.Text(EN, key) == key {
				t.Errorf("%s has no text", key)
			}
		}
	}
	if got := len(w.Below(EN, "decision")); got != 2*len(decisions) {
		t.Errorf("there are %d texts for %d decisions", got, len(decisions))
	}
	t.Logf("words: %d lists with %d members, and %d decisions", len(lists), n, len(decisions))
}

// Every reason for which an item could not be looked at has words, and no words lack a reason.
func TestReasons(t *testing.T) {
	w := loaded(t)
	reasons := group(t, "hashing/decode/decode.go", "Empty")
	reasons = append(reasons, group(t, "hashing/hashing.go", "LittleDetail")...)
	reasons = append(reasons, constants(t, "internal/sandbox", "Reason")...)
	reasons = append(reasons, group(t, "internal/pipeline/reveal/reveal.go", "ReasonGone")...)
	if len(reasons) < 3 {
		t.Fatalf("found only the reasons %q", reasons)
	}
	told := map[string]string{}
	for _, r := range reasons {
		s := w.Reason(NL, r)
		if s == r {
			t.Errorf("the reason %q has no words", r)
		}
		if told[s] != "" {
			t.Errorf("the reasons %q and %q are told in the same words", r, told[s])
		}
		told[s] = r
	}
	if all := w.Below(NL, "could_not_look"); len(all) != len(reasons) {
		t.Errorf("there are %d texts for %d reasons", len(all), len(reasons))
	}
	if got := w.Reason(NL, "a new reason"); got != "a new reason" {
		t.Errorf("a reason without words became %q", got)
	}
	t.Logf("words: %d reasons", len(reasons))
}

// Every problem has both of its texts.
func TestProblemsAreWhole(t *testing.T) {
	w := loaded(t)
	codes := map[string]int{}
	for key := range w.Below(EN, "problem") {
		code := strings.TrimPrefix(key, "problem.")
		for _, part := range []string{".title", ".detail"} {
			if c, ok := strings.CutSuffix(code, part); ok {
				codes[c]++
			}
		}
	}
	for c, n := range codes {
		if n != 2 {
			t.Errorf("problem.%s has %d of its 2 texts", c, n)
		}
	}
	if all := len(w.Below(EN, "problem")); all != 2*len(codes) || all == 0 {
		t.Errorf("%d texts for %d problems", all, len(codes))
	}
	t.Logf("words: %d problems", len(codes))
}
