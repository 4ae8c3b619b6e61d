package houvast_test

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

// report is how a rule says that something is wrong, in one sentence that names the file.
type report = func(format string, args ...any)

func checkSeen(tr *tree, say report) {
	if len(tr.pkgs) == 0 {
		say("the house test saw no package at all")
	}
	for _, p := range tr.pkgs {
		if p.broken != "" {
			say("%s does not load: %s", p.path, p.broken)
		}
		if depth, _ := place(p.path); depth < 0 {
			say("%s is in no ring; give it a place in ARCHITECTURE.md and arch_test.go first", p.path)
		}
	}
	for _, dir := range tr.unseen {
		say("%s has Go files that no build sees", dir)
	}
}

// each calls fn for every import of ours, tests included.
func (tr *tree) each(fn func(p *pkg, f *file, to string)) {
	for _, p := range tr.pkgs {
		for _, f := range p.files {
			for _, im := range f.imports() {
				if to, ours := local(im.path); ours {
					fn(p, f, to)
				}
			}
		}
	}
}

func checkRings(tr *tree, say report) {
	tr.each(func(p *pkg, f *file, to string) {
		from, room := place(p.path)
		into, other := place(to)
		if from < 0 || room == other {
			return // checkSeen speaks of a package without a ring
		}
		bothRooms := from == into && rings[from].name == "rooms"
		switch {
		case bothRooms:
			say("%s: %s may not import %s: rooms never import rooms, not even in a test; the pipeline is where they meet", f.name, p.path, to)
		case f.test:
		case into < 0:
			say("%s: %s imports %s, which is in no ring", f.name, p.path, to)
		case into == from && !slices.Contains(beside[other], room):
			say("%s: %s may not import %s: both are %s and stand side by side", f.name, p.path, to, rings[from].name)
		case into > from:
			say("%s: %s (%s) may not import %s (%s): imports point inwards", f.name, p.path, rings[from].name, to, rings[into].name)
		case apart[rings[from].name] == rings[into].name:
			say("%s: %s (%s) may not import %s (%s): they stand side by side", f.name, p.path, rings[from].name, to, rings[into].name)
		}
	})
}

func checkDoors(tr *tree, say report) {
	tr.each(func(p *pkg, f *file, to string) {
		for _, d := range doors {
			if f.test || !below(to, d.to) || below(p.path, d.to) || belowAny(p.path, d.keys) {
				continue
			}
			if depth, _ := place(p.path); depth >= 0 && rings[depth].name == "rooms" && d.to == "internal/store" {
				continue // checkStore
			}
			say("%s: %s may not import %s; only %s may", f.name, p.path, to, strings.Join(d.keys, ", "))
		}
	})
}

// checkStore keeps SQL in one file of a room, so that the rest of the room can think without it.
func checkStore(tr *tree, say report) {
	tr.each(func(p *pkg, f *file, to string) {
		depth, _ := place(p.path)
		if depth < 0 || rings[depth].name != "rooms" || f.test {
			return
		}
		if below(to, "internal/store") && path.Base(f.name) != "store.go" {
			say("%s imports %s; inside a room only store.go may", f.name, to)
		}
	})
}

func checkWriter(tr *tree, say report) {
	for _, p := range tr.pkgs {
		if belowAny(p.path, writers) {
			continue
		}
		for _, f := range p.files {
			as := f.called(module + "/internal/store")
			if as == "" || f.test {
				continue
			}
			selectors(f, func(x, sel string) {
				if x == as && sel == "Writer" {
					say("%s names store.Writer; only %s may hold one", f.name, strings.Join(writers, ", "))
				}
			})
		}
	}
}

func checkCodecs(tr *tree, say report) {
	for _, p := range tr.pkgs {
		for _, f := range p.files {
			if f.test || belowAny(p.path, codecRooms) {
				continue
			}
			for _, im := range f.imports() {
				if belowAny(im.path, codecs) {
					say("%s imports %s; image decoders stand only in %s and in tests", f.name, im.path, strings.Join(codecRooms, " and "))
				}
			}
		}
	}
}

// checkPure holds the promise that a pure room opens nothing, on a server and in a browser.
func checkPure(tr *tree, say report) {
	for _, p := range tr.pkgs {
		depth, _ := place(p.path)
		if depth < 0 || rings[depth].name != "pure" && rings[depth].name != "vocabulary" {
			continue
		}
		for _, f := range p.files {
			for _, im := range f.imports() {
				if !f.test && belowAny(im.path, names) {
					say("%s imports %s; the %s ring does no I/O", f.name, im.path, rings[depth].name)
				}
				if _, ours := local(im.path); !ours && !f.test && p.path == "." && strings.Contains(strings.Split(im.path, "/")[0], ".") {
					say("%s imports %s; the vocabulary uses the standard library only", f.name, im.path)
				}
			}
		}
		for _, platform := range []string{"linux/amd64", "js/wasm"} {
			for _, dep := range p.reach[platform] {
				if slices.Contains(reach, dep) {
					say("%s reaches %s on %s (`go list -deps` says by which way); the %s ring does no I/O", p.path, dep, platform, rings[depth].name)
				}
			}
		}
	}
}

// checkPractice keeps the practice clearinghouse ignorant of the client it judges.
func checkPractice(tr *tree, say report) {
	tr.each(func(p *pkg, f *file, to string) {
		if below(p.path, "practice") && !below(to, "practice") {
			say("%s imports %s; practice imports nothing of ours, or it would forgive our mistakes", f.name, to)
		}
	})
}

func checkInit(tr *tree, say report) {
	tr.funcs(func(f *file, d *ast.FuncDecl, _ int) {
		if !f.test && d.Recv == nil && d.Name.Name == "init" {
			say("%s has func init; wire by hand in cmd", f.name)
		}
	})
}

// funcs calls fn for every function of every file with its length in lines.
func (tr *tree) funcs(fn func(f *file, d *ast.FuncDecl, lines int)) {
	for _, p := range tr.pkgs {
		for _, f := range p.files {
			for _, d := range f.ast.Decls {
				if fd, ok := d.(*ast.FuncDecl); ok {
					fn(f, fd, tr.fset.Position(fd.End()).Line-tr.fset.Position(fd.Pos()).Line+1)
				}
			}
		}
	}
}

// selectors calls fn for every a.b in a file where a is a plain name.
func selectors(f *file, fn func(x, sel string)) {
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				fn(x.Name, s.Sel.Name)
			}
		}
		return true
	})
}

func checkExits(tr *tree, say report) {
	ends := map[string]func(string) bool{
		"os":      func(s string) bool { return s == "Exit" },
		"syscall": func(s string) bool { return s == "Exit" },
		"log":     func(s string) bool { return strings.HasPrefix(s, "Fatal") || strings.HasPrefix(s, "Panic") },
	}
	for _, p := range tr.pkgs {
		if below(p.path, "cmd") {
			continue
		}
		for _, f := range p.files {
			if f.test {
				continue
			}
			selectors(f, func(x, sel string) {
				for from, ending := range ends {
					if ending(sel) && x == f.called(from) {
						say("%s uses %s.%s; only cmd may end the process", f.name, from, sel)
					}
				}
			})
		}
	}
}

func checkFolders(tr *tree, say report) {
	for _, p := range tr.pkgs {
		for _, part := range strings.Split(p.path, "/") {
			if slices.Contains(drawers, part) {
				say("%s: %q says nothing about what belongs inside", p.path, part)
			}
		}
	}
}

func checkPackageComments(tr *tree, say report) {
	for _, p := range tr.pkgs {
		has := slices.ContainsFunc(p.files, func(f *file) bool { return strings.TrimSpace(f.ast.Doc.Text()) != "" })
		if !has {
			say("%s has no package comment", p.path)
		}
	}
}

func checkSleep(tr *tree, say report) {
	for _, p := range tr.pkgs {
		for _, f := range p.files {
			as := f.called("time")
			if !f.test || as == "" {
				continue
			}
			selectors(f, func(x, sel string) {
				if x == as && sel == "Sleep" {
					say("%s calls time.Sleep; wait for the event itself, or use testing/synctest and its timers", f.name)
				}
			})
		}
	}
}

func checkCgo(tr *tree, say report) {
	for _, p := range tr.pkgs {
		for _, f := range p.files {
			if f.called("C") != "" {
				say("%s uses cgo; the binary is static", f.name)
			}
		}
	}
}

// checkTags keeps what weakens Houvast for a test out of the folders that strangers build with.
func checkTags(tr *tree, say report) {
	for _, p := range tr.pkgs {
		for _, f := range p.files {
			for _, tag := range f.tags {
				for _, d := range tags {
					begin, open := strings.CutSuffix(d.to, "*")
					if (tag == d.to || open && strings.HasPrefix(tag, begin)) && !belowAny(p.path, d.keys) {
						say("%s depends on the build tag %s, which is not for %s", f.name, tag, p.path)
					}
				}
			}
		}
	}
}

// hooked reports whether a file is only built for a test of faults or of a missing protection.
func (f *file) hooked() bool {
	return slices.ContainsFunc(f.tags, func(tag string) bool { return tag == "faults" || strings.HasPrefix(tag, "control_") })
}

func checkFileBudget(tr *tree, say report) {
	var sizes []sized
	for _, p := range tr.pkgs {
		for _, f := range p.files {
			if f.generated {
				continue
			}
			if f.lines > fileMax {
				say("%s has %d lines; the most is %d", f.name, f.lines, fileMax)
			}
			if !f.test {
				sizes = append(sizes, sized{f.name, f.lines})
			}
		}
	}
	checkP90(sizes, "files", fileP90, say)
}

func checkFuncBudget(tr *tree, say report) {
	var sizes []sized
	tr.funcs(func(f *file, d *ast.FuncDecl, lines int) {
		if f.generated || f.test {
			return
		}
		sizes = append(sizes, sized{f.name + " " + d.Name.Name, lines})
		if lines > funcMax {
			say("%s: %s has %d lines; the most is %d", f.name, d.Name.Name, lines, funcMax)
		}
	})
	checkP90(sizes, "functions", funcP90, say)
}

// A sized thing has a name and a length in lines.
type sized struct {
	name  string
	lines int
}

// checkP90 allows one in ten to be longer than the budget, and names those.
func checkP90(all []sized, what string, budget int, say report) {
	slices.SortStableFunc(all, func(a, b sized) int { return b.lines - a.lines })
	over := 0
	for over < len(all) && all[over].lines > budget {
		over++
	}
	if over*10 <= len(all) {
		return
	}
	var longest []string
	for _, s := range all[:min(over, 5)] {
		longest = append(longest, fmt.Sprintf("%s (%d)", s.name, s.lines))
	}
	say("%d of %d %s have more than %d lines and only one in ten may: %s", over, len(all), what, budget, strings.Join(longest, ", "))
}

func checkPackageBudget(tr *tree, say report) {
	for _, p := range tr.pkgs {
		lines := 0
		for _, f := range p.files {
			if !f.test && !f.generated {
				lines += f.lines
			}
		}
		if lines > packageMax && large[p.path] == "" {
			say("%s has %d lines outside tests; the most is %d", p.path, lines, packageMax)
		}
	}
}
