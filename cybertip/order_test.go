package cybertip

import (
	"os"
	"strings"
	"testing"
)

// TestOrder compares the tree that the types give with testdata/order.txt, which was written by hand
// from the description of the schema and never from the types. A line is a structure and what it
// holds, in wire order: @ is an attribute, ! must be there, * may repeat, # is text.
func TestOrder(t *testing.T) {
	b, err := os.ReadFile("testdata/order.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if name, rest, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, "//") {
			want[name] = strings.Join(strings.Fields(rest), " ")
		}
	}
	seen := map[string]bool{}
	var check func(e *element)
	check = func(e *element) {
		if e.leaf() {
			return
		}
		name := e.typ.Name()
		if !seen[name] {
			seen[name] = true
			if got := line(e); got != want[name] {
				t.Errorf("%s holds\n%s, the description says\n%s", name, got, want[name])
			}
		}
		for _, c := range e.children {
			check(c)
		}
	}
	check(reportTree)
	check(fileTree)
	if len(seen) != len(want) || len(seen) == 0 {
		t.Errorf("%d structures seen, %d described", len(seen), len(want))
	}
	t.Logf("%d structures in wire order", len(seen))
}

func line(e *element) string {
	var all []string
	for _, c := range e.children {
		s := c.name
		if s == "" {
			s = "#"
		}
		if c.must {
			s += "!"
		}
		if c.repeat {
			s += "*"
		}
		all = append(all, s)
	}
	return strings.Join(all, " ")
}
