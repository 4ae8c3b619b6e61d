package casework

import (
	"testing"

	"github.com/houvast/houvast"
)

// Lists that copy from one another do not agree; those of different members do.
func TestAgreeing(t *testing.T) {
	m := func(bank houvast.BankID, member string, c houvast.Category) houvast.Match {
		return houvast.Match{Bank: bank, Member: member, Category: c}
	}
	const abuse, negative = houvast.ChildAbuse, houvast.Negative
	for _, c := range []struct {
		name string
		all  []houvast.Match
		want int
	}{
		{"none", nil, 0},
		{"one without a member", []houvast.Match{m(1, "", abuse)}, 1},
		{"two without members", []houvast.Match{m(1, "", abuse), m(2, "", abuse)}, 1},
		{"one named, one not", []houvast.Match{m(1, "a", abuse), m(2, "", abuse)}, 1},
		{"the same member twice", []houvast.Match{m(1, "a", abuse), m(2, "a", abuse)}, 1},
		{"two members of one list", []houvast.Match{m(1, "a", abuse), m(1, "b", abuse)}, 1},
		{"two members, two lists", []houvast.Match{m(1, "a", abuse), m(2, "b", abuse)}, 2},
		{"unnamed first", []houvast.Match{m(1, "", abuse), m(2, "a", abuse), m(3, "b", abuse)}, 2},
		{"a harmless one speaks for nothing", []houvast.Match{m(1, "a", abuse), m(2, "b", negative)}, 1},
	} {
		if got := agreeing(c.all); got != c.want {
			t.Errorf("%s: %d lists agree, not %d", c.name, got, c.want)
		}
	}
}
