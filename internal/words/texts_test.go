package words

import (
	"fmt"
	"maps"
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
	var file struct{ Same []shared }
	md, err := toml.DecodeFS(locales.FS, "same.toml", &file)
	if err != nil {
		t.Fatal(err)
	}
	if u := md.Undecoded(); len(u) > 0 {
		t.Errorf("same.toml has unknown keys: %v", u)
	}
	listed := map[string][]Lang{}
	for _, s := range file.Same {
		if len(s.Reason) < 10 {
			t.Errorf("same.toml: %s gives no reason", s.Key)
		}
		if _, twice := listed[s.Key]; twice {
			t.Errorf("same.toml: %s is listed twice", s.Key)
		}
		listed[s.Key] = s.Langs
	}
	for _, key := range w.Keys() {
		if got := w.alike(key); !slices.Equal(got, listed[key]) {
			t.Errorf("%s is the same in %v; same.toml lists %v", key, got, listed[key])
		}
		delete(listed, key)
	}
	for key := range listed {
		t.Errorf("same.toml lists %s, which is no key", key)
	}
	t.Logf("words: %d keys, %d of them alike somewhere", len(w.Keys()), len(file.Same))
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
	sentence := slices.ContainsFunc([]string{".detail", ".consequence", "could_not_look.", "doctor."}, func(s string) bool {
		return strings.HasSuffix(key, s) || strings.HasPrefix(key, s)
	})
	switch {
	case strings.ContainsAny(text, "!'\"`"):
		return "has an exclamation mark or a typewriter quote"
	case strings.Contains(text, "  "), strings.Contains(text, "\n"), strings.Contains(text, "..."):
		return "has double space, a line break or three dots"
	case sentence != strings.HasSuffix(text, "."):
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

// The closed lists of the vocabulary have a text for each member and for nothing else.
func TestClosedLists(t *testing.T) {
	w := loaded(t)
	for group, members := range map[string]string{
		"basis":       "seen list stated not_assessed",
		"origin":      "commercial grooming sextortion known_person hacked passed_on unknown",
		"channel":     "social messenger open_group peer_to_peer web forum onion mail offline",
		"purpose":     "sale entry_ticket collection extortion peer_trade unknown",
		"relation":    "household family family_friend school_or_club peer online_only unknown",
		"uploader":    "uploader child both peer unknown",
		"staff":       "admin reviewer approver auditor",
		"profile":     "platform hotline helpline police practice",
		"environment": "practice test production",
		"category":    "child_abuse exploitation self_submitted ncii_adult negative",
		"item":        "received looked_at could_not_look gone",
		"report":      "draft ready approved opening opened uploading described finishing finished retracted expired needs_human",
		"evidence":    "held preserved destroyed",
	} {
		got := slices.Sorted(maps.Keys(w.Below(EN, group)))
		var want []string
		for _, m := range strings.Fields(members) {
			want = append(want, group+"."+m)
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", group, got, want)
		}
	}
	for _, d := range strings.Fields("abuse urgent own age_in_doubt drawn family_medical_art not_abuse cannot_tell") {
		for _, part := range []string{".name", ".consequence"} {
			if _, ok := w.Lookup(EN, "decision."+d+part); !ok {
				t.Errorf("decision.%s%s is missing", d, part)
			}
		}
	}
	if n := len(w.Below(EN, "decision")); n != 16 {
		t.Errorf("there are %d texts of decisions, want 16", n)
	}
	for key := range w.Below(EN, "problem") {
		other := strings.Replace(strings.Replace(key, ".title", ".?", 1), ".detail", ".title", 1)
		other = strings.Replace(other, ".?", ".detail", 1)
		if _, ok := w.Lookup(EN, other); !ok {
			t.Errorf("%s has no %s", key, other)
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
