//go:build linux

package drill

import (
	"os"
	"slices"
	"testing"
)

// TestTrap springs a trap from this very process, and leaves another one alone.
func TestTrap(t *testing.T) {
	quiet, err := Set()
	if err != nil {
		t.Fatal(err)
	}
	loud, err := Set()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range probes() {
		if slices.Contains(names, p.name) {
			t.Errorf("two probes are called %s", p.name)
		}
		names = append(names, p.name)
		if slices.Contains(loud.Watched(), p.name) {
			if err := p.try(loud.aims); err != nil {
				t.Errorf("%s: %v", p.name, err)
			}
		}
	}
	for _, name := range loud.Watched() {
		if !slices.Contains(names, name) {
			t.Errorf("the trap watches for %s, which no probe tries", name)
		}
	}
	if got := loud.Close(); !slices.Equal(got, loud.Watched()) {
		t.Errorf("the trap noticed %v, want %v", got, loud.Watched())
	}
	if got := quiet.Close(); len(got) != 0 {
		t.Errorf("a trap that nobody touched noticed %v", got)
	}
	for _, dir := range []string{loud.dir, quiet.dir} {
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", dir, err)
		}
	}
}
