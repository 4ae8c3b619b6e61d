package browsertest

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// axeFile is what make deps fetches, below the root of the module.
const axeFile = ".cache/axe-core-4.14.1.tgz"

// axeTags are the rules that a page must keep: WCAG 2.2 at A and AA, and what is good practice beyond.
const axeTags = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`

// A Violation is a rule of axe-core that a page breaks, with the elements that break it.
type Violation struct {
	ID, Impact, Help string
	Nodes            []Node
}

// A Node is one element that breaks a rule.
type Node struct {
	Target  string // selector
	HTML    string // the element, shortened
	Summary string // what would mend it
}

// String is the violation in a few lines.
func (v Violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s", v.ID, v.Impact, v.Help)
	for _, n := range v.Nodes {
		fmt.Fprintf(&b, "\n\t%s\n\t\t%s\n\t\t%s", n.Target, n.HTML, strings.ReplaceAll(n.Summary, "\n", "\n\t\t"))
	}
	return b.String()
}

// axeRun runs the rules. Nothing is loaded: the pages have one style sheet, and it is their own.
const axeRun = `axe.run(document, {runOnly: {type: "tag", values: ` + axeTags + `}, resultTypes: ["violations"], preload: false}).then(found =>
	({Rules: found.passes.length + found.violations.length, Found: found.violations.map(v => ({ID: v.id, Impact: v.impact, Help: v.help,
		Nodes: v.nodes.map(n => ({Target: n.target.join(" "), HTML: n.html.slice(0, 200), Summary: n.failureSummary}))}))}))`

// Axe runs axe-core over the page and returns what it finds. It is skipped where axe-core has not been
// fetched.
func (tab *Tab) Axe() []Violation {
	tab.t.Helper()
	path, err := fromRoot(axeFile)
	if err != nil {
		tab.fatalf("%v", err)
	}
	need(tab.t, path, "axe-core is not here")
	source, err := axeSource()
	if err != nil {
		tab.fatalf("axe-core: %v", err)
	}
	tab.settle()
	w := tab.world("")
	if !in[bool](w, "typeof axe === 'object'") {
		in[bool](w, source+"\n;true")
	}
	said := in[struct {
		Rules int
		Found []Violation
	}](w, axeRun)
	if said.Rules == 0 {
		tab.fatalf("axe-core judged the page by no rule at all")
	}
	return said.Found
}

// axeSource is axe-core, read once per process.
var axeSource = sync.OnceValues(func() (string, error) {
	path, err := fromRoot(axeFile)
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return "", err
	}
	for files := tar.NewReader(unzipped); ; {
		h, err := files.Next()
		if err != nil {
			return "", fmt.Errorf("no axe.min.js in %s: %w", axeFile, err)
		}
		if h.Name == "package/axe.min.js" {
			text, err := io.ReadAll(io.LimitReader(files, 4<<20))
			return string(text), err
		}
	}
})

// fromRoot returns where a file below the root of the module is.
func fromRoot(name string) (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return filepath.Join(dir, filepath.FromSlash(name)), nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			err = errors.New("the test does not run inside the module")
		}
		dir = up
	}
	return "", err
}
