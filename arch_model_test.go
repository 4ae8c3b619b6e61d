package houvast_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A tree is what the rules look at: packages, their parsed files, and what the pure ones reach.
type tree struct {
	fset   *token.FileSet
	pkgs   []*pkg   // by path
	unseen []string // folders with Go files that the go command does not list
}

// A pkg is one folder with Go files.
type pkg struct {
	path   string // below the module root; "." is the root package
	files  []*file
	reach  map[string][]string // platform -> everything imported by any way
	broken string              // what the go command said about it; "" is well
}

// A file is one Go file of any platform and tag, tests included.
type file struct {
	name      string // below the module root
	test      bool   // of a test, or of a package made for tests (storetest)
	generated bool
	tags      []string // every name in its build line, negated ones too
	lines     int
	ast       *ast.File
}

// An importLine is one import of a file.
type importLine struct {
	path string
	as   string // the name it has in the file; "" when the go command decides
}

func (f *file) imports() (all []importLine) {
	for _, s := range f.ast.Imports {
		p, err := strconv.Unquote(s.Path.Value)
		if err != nil {
			continue // the parser has refused it already
		}
		line := importLine{path: p}
		if s.Name != nil {
			line.as = s.Name.Name
		}
		all = append(all, line)
	}
	return all
}

// called returns the name under which f knows the package at path, "" when it does not import it.
func (f *file) called(importPath string) string {
	for _, im := range f.imports() {
		if im.path == importPath {
			if im.as != "" {
				return im.as
			}
			return path.Base(importPath)
		}
	}
	return ""
}

// local returns the folder of an import of ours.
func local(importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// add parses one file into its package. A file for `go run` alone (build tag ignore) is no part of
// the house. A file that does not parse is an error of the package.
func (tr *tree) add(name string, src []byte) error {
	f := &file{name: name, lines: bytes.Count(src, []byte("\n"))}
	var err error
	f.ast, err = parser.ParseFile(tr.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, group := range f.ast.Comments {
		for _, c := range group.List {
			if !constraint.IsGoBuild(c.Text) || c.Pos() > f.ast.Package {
				continue
			}
			expr, err := constraint.Parse(c.Text)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			f.tags = tagNames(expr)
		}
	}
	if slices.Contains(f.tags, "ignore") {
		return nil
	}
	dir := path.Dir(name)
	f.test = strings.HasSuffix(name, "_test.go") || strings.HasSuffix(path.Base(dir), "test")
	f.generated = ast.IsGenerated(f.ast)
	p := tr.pkg(dir)
	p.files = append(p.files, f)
	return nil
}

func (tr *tree) pkg(dir string) *pkg {
	for _, p := range tr.pkgs {
		if p.path == dir {
			return p
		}
	}
	p := &pkg{path: dir, reach: map[string][]string{}}
	tr.pkgs = append(tr.pkgs, p)
	slices.SortFunc(tr.pkgs, func(a, b *pkg) int { return strings.Compare(a.path, b.path) })
	return p
}

func tagNames(e constraint.Expr) []string {
	switch e := e.(type) {
	case *constraint.TagExpr:
		return []string{e.Tag}
	case *constraint.NotExpr:
		return tagNames(e.X)
	case *constraint.AndExpr:
		return append(tagNames(e.X), tagNames(e.Y)...)
	case *constraint.OrExpr:
		return append(tagNames(e.X), tagNames(e.Y)...)
	}
	return nil
}

// loadTree reads the module at root: every Go file on disk, and what `go list` says of it for this
// machine and for the browser. The two lists must name the same folders.
func loadTree(root string) (*tree, error) {
	tr := &tree{fset: token.NewFileSet()}
	if err := tr.walk(root); err != nil {
		return nil, err
	}
	listed := map[string]bool{}
	for _, platform := range []string{"linux/amd64", "js/wasm"} {
		if err := tr.list(root, platform, listed); err != nil {
			return nil, err
		}
	}
	for _, p := range tr.pkgs {
		if !listed[p.path] {
			tr.unseen = append(tr.unseen, p.path)
		}
	}
	return tr, nil
}

func (tr *tree) walk(root string) error {
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() && p != root {
			if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || !strings.HasSuffix(base, ".go") || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
			return nil
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if err := tr.add(name, src); err != nil {
			tr.pkg(path.Dir(name)).broken = err.Error()
		}
		return nil
	})
}

// list asks the go command for the packages of one platform and what each reaches.
func (tr *tree) list(root, platform string, listed map[string]bool) error {
	goos, goarch, _ := strings.Cut(platform, "/")
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Deps,Error", "./...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list for %s: %w: %s", platform, err, stderr.String())
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var l struct {
			ImportPath string
			Deps       []string
			Error      *struct{ Err string }
		}
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("go list for %s: %w", platform, err)
		}
		dir, ours := local(l.ImportPath)
		if !ours {
			continue
		}
		listed[dir] = true
		p := tr.pkg(dir)
		p.reach[platform] = l.Deps
		// The browser builds the pure rooms only, so its complaints about others mean nothing.
		if l.Error != nil && goos != "js" {
			p.broken = l.Error.Err
		}
	}
}
