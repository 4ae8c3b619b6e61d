package houvast_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// checkExported wants a comment on every exported name that strangers can import. A group of
// constants, variables or types may share the comment above it; a method of an unexported type needs none.
func checkExported(tr *tree, say report) {
	for _, p := range tr.pkgs {
		if below(p.path, "internal") || below(p.path, "cmd") {
			continue
		}
		for _, f := range p.files {
			if strings.HasSuffix(f.name, "_test.go") || f.ast.Name.Name == "main" {
				continue
			}
			for _, d := range f.ast.Decls {
				for _, name := range undocumented(d) {
					say("%s: %s is exported and has no comment", f.name, name)
				}
			}
		}
	}
}

func undocumented(d ast.Decl) (missing []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc.Text() == "" && d.Name.IsExported() && ast.IsExported(receiver(d)) {
			missing = append(missing, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && d.Doc.Text()+s.Doc.Text()+s.Comment.Text() == "" {
					missing = append(missing, s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() && d.Doc.Text()+s.Doc.Text()+s.Comment.Text() == "" {
						missing = append(missing, n.Name)
					}
				}
			}
		}
	}
	return missing
}

// receiver returns the type a method belongs to; for a function a name that counts as exported.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return "Function"
	}
	name := "Function"
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "Function" {
			name = id.Name
		}
		return name == "Function"
	})
	return name
}

// checkVariables finds package variables that change: assigned, incremented, filled, emptied, handed
// out by address (unless a fixed table), or of a type that is only good for changing. It resolves names with go/types and
// without loading imports, so a variable that changes by a method call of another type is not seen.
// Files for faults and controls are test code in all but name and are left out.
func checkVariables(tr *tree, say report) {
	for _, p := range tr.pkgs {
		var files []*ast.File
		var named []*file
		for _, f := range p.files {
			if !f.test && !f.hooked() {
				files, named = append(files, f.ast), append(named, f)
			}
		}
		info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
		conf := types.Config{Error: func(error) {}, Importer: noImports{}}
		// Errors are expected, as nothing is imported; what is declared here is resolved all the same.
		scope, _ := conf.Check(p.path, tr.fset, files, info)
		if scope == nil {
			say("%s: its names cannot be resolved", p.path)
			continue
		}
		for _, f := range named {
			c := changes{info: info, scope: scope.Scope(), say: func(format string, args ...any) {
				say("%s: %s", f.name, fmt.Sprintf(format, args...))
			}}
			ast.Inspect(f.ast, c.node)
		}
	}
}

// noImports gives every import an empty package.
type noImports struct{}

func (noImports) Import(path string) (*types.Package, error) {
	return nil, fmt.Errorf("the house test imports nothing")
}

// changes looks at the nodes of one file for anything that alters a package variable.
type changes struct {
	info  *types.Info
	scope *types.Scope
	say   report
}

func (c changes) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			for _, l := range n.Lhs {
				c.target(l, "assigns to")
			}
		}
	case *ast.IncDecStmt:
		c.target(n.X, "counts in")
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			c.target(n.Key, "assigns to")
			c.target(n.Value, "assigns to")
		}
	case *ast.UnaryExpr:
		if id, plain := n.X.(*ast.Ident); plain && n.Op == token.AND {
			if v, ok := c.info.Uses[id].(*types.Var); !ok || !isTable(v) {
				c.target(n.X, "hands out the address of")
			}
		}
	case *ast.CallExpr:
		if id, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 {
			if _, builtin := c.info.Uses[id].(*types.Builtin); builtin && slices.Contains([]string{"delete", "clear", "copy"}, id.Name) {
				c.target(n.Args[0], "changes")
			}
		}
	case *ast.ValueSpec:
		c.declared(n)
	}
	return true
}

// isTable reports whether a variable is an array or a struct: a pointer to a fixed table saves a copy.
func isTable(v *types.Var) bool {
	switch v.Type().Underlying().(type) {
	case *types.Array, *types.Struct:
		return true
	}
	return false
}

// target says so when the root of an expression is a package variable, ours or another's.
func (c changes) target(e ast.Expr, does string) {
	for {
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok {
				if _, imported := c.info.Uses[id].(*types.PkgName); imported {
					c.say("%s %s.%s, a variable of another package", does, id.Name, x.Sel.Name)
					return
				}
			}
			e = x.X
		case *ast.Ident:
			if v, ok := c.info.Uses[x].(*types.Var); ok && v.Parent() == c.scope {
				c.say("%s the package variable %s; such a variable never changes", does, x.Name)
			}
			return
		default:
			return
		}
	}
}

// declared refuses package variables of types that exist only to change.
func (c changes) declared(s *ast.ValueSpec) {
	sel, ok := s.Type.(*ast.SelectorExpr)
	if !ok {
		return
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return
	}
	changing := x.Name == "atomic" || x.Name == "sync" && slices.Contains([]string{"Mutex", "RWMutex", "Map", "WaitGroup", "Once"}, sel.Sel.Name)
	for _, n := range s.Names {
		if v := c.info.Defs[n]; changing && v != nil && v.Parent() == c.scope {
			c.say("the package variable %s is a %s.%s, which is there to change", n.Name, x.Name, sel.Sel.Name)
		}
	}
}
