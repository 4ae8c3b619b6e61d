package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// crashPoints reads the failpoints from the source below root: the name of every call of fault.Point
// outside tests. A name must be a literal and stand in one place only, so that a kill says where it
// was; anything else is an error, and so is a source without any point.
func crashPoints(root string) ([]string, error) {
	where := map[string]string{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		return filePoints(file, fset, where)
	})
	if err != nil {
		return nil, err
	}
	if len(where) == 0 {
		return nil, fmt.Errorf("no failpoint below %s", root)
	}
	var names []string
	for name := range where {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// filePoints adds the failpoints of one file to where.
func filePoints(file *ast.File, fset *token.FileSet, where map[string]string) (err error) {
	as := ""
	for _, im := range file.Imports {
		if path, _ := strconv.Unquote(im.Path.Value); path == "github.com/houvast/houvast/internal/fault" {
			if as = "fault"; im.Name != nil {
				as = im.Name.Name
			}
		}
	}
	if as == "" {
		return nil
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || err != nil {
			return err == nil
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "Point" {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); !ok || x.Name != as {
			return true
		}
		at := fset.Position(call.Pos()).String()
		lit, ok := call.Args[0].(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			err = fmt.Errorf("%s: the name of a failpoint is not a literal", at)
			return false
		}
		name, _ := strconv.Unquote(lit.Value)
		if other := where[name]; other != "" || name == "" || strings.ContainsAny(name, ": \n") {
			err = fmt.Errorf("%s: the failpoint %q is at %q too, or its name cannot be given in the environment", at, name, other)
			return false
		}
		where[name] = at
		return true
	})
	return err
}

// TestCrashPointsAreSeen plants points and mistakes: each must be found.
func TestCrashPointsAreSeen(t *testing.T) {
	const head = "package p\nimport \"github.com/houvast/houvast/internal/fault\"\nfunc f(s string) {\n"
	for _, c := range []struct {
		name string
		file map[string]string
		want string // names, or a part of the error
		bad  bool
	}{
		{"two points", map[string]string{"a/a.go": head + "fault.Point(\"b.two\"); g(func() { fault.Point(`a.one`) }) }"}, "a.one b.two", false},
		{"another name for the package", map[string]string{"a.go": "package p\nimport x \"github.com/houvast/houvast/internal/fault\"\nfunc f() { x.Point(\"a\") }"}, "a", false},
		{"a build tag", map[string]string{"a.go": "//go:build control_x\n\n" + head + "fault.Point(\"a\") }"}, "a", false},
		{"tests do not count", map[string]string{"a.go": head + "fault.Point(\"a\") }", "a_test.go": head + "fault.Point(\"b\") }"}, "a", false},
		{"another package's Point", map[string]string{"a.go": head + "draw.Point(\"b\"); fault.Point(\"a\") }"}, "a", false},
		{"no literal", map[string]string{"a.go": head + "fault.Point(s) }"}, "not a literal", true},
		{"twice the same", map[string]string{"a.go": head + "fault.Point(\"a\") }", "b.go": head + "fault.Point(\"a\") }"}, "is at", true},
		{"a name with a colon", map[string]string{"a.go": head + "fault.Point(\"a:2\") }"}, "cannot be given", true},
		{"none", map[string]string{"a.go": "package p"}, "no failpoint", true},
	} {
		root := t.TempDir()
		for name, text := range c.file {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := crashPoints(root)
		if c.bad && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
		if !c.bad && (err != nil || strings.Join(got, " ") != c.want) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
}
