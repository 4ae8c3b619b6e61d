package keeping

import (
	"strings"

	"github.com/houvast/houvast/internal/console/site"
)

// because returns in words why package bank refused a row, and whether there are words for it. The
// reason is a short English text made of the program's own words, the name of a column and numbers; the
// words are found by what is left without the last two.
func because(p *site.Page, reason string) (string, bool) {
	column, key := refusalKey(reason)
	text, ok := told(p, key)
	if !ok {
		return reason, false
	}
	return strings.ReplaceAll(text, "{column}", column), true
}

// refusalKey returns the column that a reason speaks of, "" when it is none, and the key of its words.
func refusalKey(reason string) (column, key string) {
	rest := reason
	for _, c := range []string{"md5", "sha1", "sha256", "pdq"} {
		if after, ok := strings.CutPrefix(reason, c+" "); ok {
			column, rest = c, after
		}
	}
	return column, "keeping.refusal." + slug(rest)
}

// slug returns the words of a text, letters only, as the last part of a key.
func slug(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r < 'a' || r > 'z' })
	return strings.Join(words, "_")
}
