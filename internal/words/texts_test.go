package words

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/houvast/houvast/locales"
)

// A shared value is a line of same.toml.
type shared struct {
	Key    string
	Langs  []Lang
	Reason string
}

// alike returns the languages in which a key has the same value, but for case, as at least one other.
func (w *Words) alike(key string) (langs []Lang) {
	for _, a := range Langs() {
		for _, b := range Langs() {
			x, y := w.texts[a][key], w.texts[b][key]
			if a != b && strings.EqualFold(x.One, y.One) && strings.EqualFold(x.Other, y.Other) && !slices.Contains(langs, a) {
				langs = append(langs, a)
			}
		}
	}
	return langs
}

func TestSameOnlyWhereListed(t *testing.T) {
	w := loaded(t)
	listed := map[string][]Lang{}
	for _, s := range sharedValues(t) {
		if len(s.Reason) < 10 {
			t.Errorf("same.toml: %s gives no reason", s.Key)
		}
		if _, twice := listed[s.Key]; twice {
			t.Errorf("same.toml: %s is listed twice", s.Key)
		}
		listed[s.Key] = s.Langs
	}
	known := len(listed)
	for _, key := range w.Keys() {
		if got := w.alike(key); !slices.Equal(got, listed[key]) {
			t.Errorf("%s is the same in %v; same.toml lists %v", key, got, listed[key])
		}
		delete(listed, key)
	}
	for key := range listed {
		t.Errorf("same.toml lists %s, which is no key", key)
	}
	t.Logf("words: %d keys, %d of them alike somewhere", len(w.Keys()), known)
}

// sharedValues reads same.toml and its parts.
func sharedValues(t *testing.T) (all []shared) {
	t.Helper()
	parts, err := fs.Glob(locales.FS, "same.*.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append([]string{"same.toml"}, parts...) {
		var file struct{ Same []shared }
		md, err := toml.DecodeFS(locales.FS, name, &file)
		if err != nil {
			t.Fatal(err)
		}
		if u := md.Undecoded(); len(u) > 0 {
			t.Errorf("%s has unknown keys: %v", name, u)
		}
		all = append(all, file.Same...)
	}
	return all
}

// The comparison itself is alive: an untranslated sentence is noticed.
func TestSameNotices(t *testing.T) {
	w := &Words{texts: map[Lang]map[string]Message{
		NL: {"k": {Other: "Not translated"}}, FR: {"k": {Other: "Traduit"}}, EN: {"k": {Other: "not translated"}}, DE: {"k": {Other: "Übersetzt"}},
	}}
	if got := w.alike("k"); !slices.Equal(got, []Lang{NL, EN}) {
		t.Errorf("alike found %v", got)
	}
}

// never is what no text may say, in any language: the field's terms are those of the Luxembourg Guidelines.
var never = regexp.MustCompile(`(?i)porn|kinderpo|p[ée]dophil|p[äe]dophil|sex ?tourism|client`)

// styleOf says what is wrong with the form of a text, "" when nothing is.
func styleOf(lang Lang, key, text string) string {
	sentence := slices.ContainsFunc([]string{".detail", ".consequence", ".say", "could_not_look.", "doctor."}, func(s string) bool {
		return strings.HasSuffix(key, s) || strings.HasPrefix(key, s)
	})
	switch {
	case strings.ContainsAny(text, "!'\"`"):
		return "has an exclamation mark or a typewriter quote"
	case strings.Contains(text, "  "), strings.Contains(text, "\n"), strings.Contains(text, "..."):
		return "has double space, a line break or three dots"
	case sentence != (strings.HasSuffix(text, ".") || strings.HasSuffix(key, ".say") && strings.HasSuffix(text, "?")):
		return "ends wrongly: sentences have a full stop, names have none"
	case lang == FR && regexp.MustCompile(`[^\x{a0}][:;?»]|«[^\x{a0}]`).MatchString(text):
		return "lacks a no-break space before a colon or the like"
	case lang != FR && strings.Contains(text, "\u00a0"):
		return "has a no-break space"
	case lang == DE && strings.Contains(text, "ss") && regexp.MustCompile(`\b(grosse?[rns]?|Massnahme|ausser)\b`).MatchString(text):
		return "has ss for ß"
	case never.MatchString(text):
		return "has a word that Houvast does not use"
	}
	return ""
}

func TestStyle(t *testing.T) {
	w := loaded(t)
	n := 0
	for lang, texts := range w.texts {
		for key, m := range texts {
			for _, text := range []string{m.One, m.Other} {
				if text == "" {
					continue
				}
				n++
				if fault := styleOf(lang, key, text); fault != "" {
					t.Errorf("%s.toml: %s %s: %q", lang, key, fault, text)
				}
			}
		}
	}
	t.Logf("words: %d texts read", n)
	if n == 0 {
		t.Fatal("no text was read")
	}
	for _, c := range []struct {
		lang      Lang
		key, text string
	}{
		{EN, "basis.x", "look out!"}, {EN, "basis.x", "it's"}, {EN, "basis.x", "two  spaces"}, {EN, "basis.x", "a sentence."},
		{EN, "problem.x.detail", "No full stop"}, {FR, "basis.x", "deux: points"}, {DE, "basis.x", "Massnahme"}, {NL, "basis.x", "Kinderporno"},
		{NL, "basis.x", "vaste\u00a0spatie"},
	} {
		if styleOf(c.lang, c.key, c.text) == "" {
			t.Errorf("the check of style did not notice %q", c.text)
		}
	}
}

// docs/glossary.md names each word as the program does, in all four languages, in the order of the words.
func TestGlossary(t *testing.T) {
	w := loaded(t)
	page, err := os.ReadFile("../../docs/glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	for key := range w.Below(EN, "word") {
		row := "|"
		for _, lang := range []Lang{EN, NL, FR, DE} {
			row += fmt.Sprintf(" %s |", w.Text(lang, key))
		}
		if !strings.Contains(string(page), "\n"+row+" ") {
			t.Errorf("docs/glossary.md has no row that begins %s", row)
		}
	}
	rows := strings.Count(string(page), "\n| ") - 1 // less the heading
	if n := len(w.Below(EN, "word")); rows != n || n == 0 {
		t.Errorf("docs/glossary.md has %d rows for %d words", rows, n)
	}
}
