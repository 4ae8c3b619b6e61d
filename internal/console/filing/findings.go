package filing

import (
	"slices"

	"github.com/houvast/houvast/cybertip"
	"github.com/houvast/houvast/internal/report"
)

// A finding is one rule that has something to say, with every place that it speaks of.
type finding struct {
	Rule  string
	Paths []string
}

// findings groups what the check found by rule: what blocks, and what is recommended.
func findings(all []report.Finding) (blocks, warns []finding) {
	for _, f := range all {
		into := &warns
		if f.Level == string(cybertip.Block) {
			into = &blocks
		}
		i := slices.IndexFunc(*into, func(have finding) bool { return have.Rule == f.Rule })
		if i < 0 {
			*into = append(*into, finding{Rule: f.Rule})
			i = len(*into) - 1
		}
		if f.Path != "" && !slices.Contains((*into)[i].Paths, f.Path) {
			(*into)[i].Paths = append((*into)[i].Paths, f.Path)
		}
	}
	return blocks, warns
}
