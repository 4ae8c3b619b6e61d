package words

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/houvast/houvast"
)

func loaded(t *testing.T) *Words {
	t.Helper()
	w, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestText(t *testing.T) {
	w := loaded(t)
	for _, c := range []struct {
		lang Lang
		key  string
		args []any
		want string
	}{
		{NL, "decision.abuse.name", nil, "Misbruik"},
		{FR, "decision.abuse.name", nil, "Abus"},
		{EN, "decision.abuse.name", nil, "Abuse"},
		{DE, "decision.abuse.name", nil, "Missbrauch"},
		{NL, "doctor.decoder.ok", []any{"name", "heif-convert"}, "De decoder heif-convert is geïnstalleerd."},
		{EN, "doctor.decoder.ok", []any{"name", "{name}"}, "The decoder {name} is installed."},
		{EN, "doctor.decoder.ok", nil, "The decoder {name} is installed."},
		{EN, "doctor.decoder.ok", []any{"name"}, "The decoder {name} is installed."},
		{EN, "no.such.key", nil, "no.such.key"},
		{"", "decision.abuse.name", nil, "Abuse"},
		{"xx", "decision.abuse.name", nil, "Abuse"},
	} {
		if got := w.Text(c.lang, c.key, c.args...); got != c.want {
			t.Errorf("Text(%q, %q, %v) = %q, want %q", c.lang, c.key, c.args, got, c.want)
		}
	}
}

func TestPlural(t *testing.T) {
	w := loaded(t)
	for _, c := range []struct {
		lang Lang
		n    int
		want string
	}{
		{NL, 0, "0 zaken"}, {NL, 1, "1 zaak"}, {NL, 2, "2 zaken"},
		{DE, 0, "0 Fälle"}, {DE, 1, "1 Fall"}, {DE, 21, "21 Fälle"},
		{EN, 0, "0 cases"}, {EN, 1, "1 case"}, {EN, -1, "-1 cases"},
	} {
		if got := w.Plural(c.lang, "count.cases", c.n); got != c.want {
			t.Errorf("%s %d: %q, want %q", c.lang, c.n, got, c.want)
		}
	}
	for n, want := range []string{"0 jour", "1 jour", "2 jours"} { // French counts zero as one
		if got := w.Plural(FR, "count.days", n); got != want {
			t.Errorf("fr %d: %q, want %q", n, got, want)
		}
	}
	if got := w.Plural(EN, "decision.abuse.name", 1); got != "Abuse" {
		t.Errorf("the plural of a plain text is %q", got)
	}
}

func TestMatch(t *testing.T) {
	for header, want := range map[string]Lang{
		"":                         EN,
		"*":                        EN,
		"nl":                       NL,
		"nl-BE,nl;q=0.9,en;q=0.8":  NL,
		"fr-BE":                    FR,
		"de-LU, fr;q=0.5":          DE,
		"de-CH":                    DE,
		"lb":                       DE, // Luxembourgish readers read German
		"af":                       NL, // and Afrikaans readers Dutch
		"pl":                       EN,
		"pl, fr;q=0.3":             FR,
		"en-GB, nl;q=0.1":          EN,
		"nl;q=0.2, de;q=0.9":       DE,
		"nl;q=x":                   EN,
		"\x00\xff":                 EN,
		strings.Repeat("nl,", 171): EN, // 513 bytes, past the bound
		strings.Repeat("nl,", 170): NL,
	} {
		if got := Match(header); got != want {
			t.Errorf("Match(%.40q) = %q, want %q", header, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, l := range Langs() {
		if got, err := Parse(string(l)); got != l || err != nil {
			t.Errorf("Parse(%q) = %q, %v", l, got, err)
		}
	}
	for _, s := range []string{"", "NL", "nl-BE", "../en"} {
		if _, err := Parse(s); houvast.KindOf(err) != houvast.Invalid {
			t.Errorf("Parse(%q) gave %v", s, err)
		}
	}
}

// Every kind of error has words of its own in every language, listed from the code.
func TestProblemOfEveryKind(t *testing.T) {
	w := loaded(t)
	kinds := houvast.Kinds()
	if len(kinds) == 0 {
		t.Fatal("there are no kinds, so this proves nothing")
	}
	for _, lang := range Langs() {
		titles := map[string]houvast.Kind{}
		for _, k := range kinds {
			err := houvast.Errorf("test", k, "", "for operators only")
			title, detail := w.Problem(lang, err)
			if strings.HasPrefix(title, "problem.") || strings.HasPrefix(detail, "problem.") {
				t.Errorf("%s has no words for kind %s: %q, %q", lang, k, title, detail)
			}
			if other, twice := titles[title]; twice {
				t.Errorf("%s says %q for kind %s and for %s", lang, title, k, other)
			}
			titles[title] = k
		}
	}
	t.Logf("words: %d kinds in %d languages", len(kinds), len(Langs()))
}

func TestProblem(t *testing.T) {
	w := loaded(t)
	for _, c := range []struct {
		err  error
		want string
	}{
		{houvast.Errorf("x", houvast.Conflict, "claim-lost", "secret"), "Je hebt deze zaak niet meer in behandeling"},
		{houvast.Errorf("x", houvast.Conflict, "a-code-without-words", "secret"), "In deze toestand niet mogelijk"},
		{fmt.Errorf("secret"), "Er ging iets mis in Houvast"},
		{nil, "Er ging iets mis in Houvast"},
	} {
		title, detail := w.Problem(NL, c.err)
		if title != c.want || strings.Contains(title+detail, "secret") {
			t.Errorf("Problem(%v) = %q, %q", c.err, title, detail)
		}
	}
}

func TestBelow(t *testing.T) {
	w := loaded(t)
	some := w.Below(DE, "count")
	b, err := json.Marshal(some)
	if err != nil {
		t.Fatal(err)
	}
	if want := `"count.days":{"one":"{n} Tag","other":"{n} Tage"}`; !strings.Contains(string(b), want) {
		t.Errorf("%s lacks %s", b, want)
	}
	if b, _ := json.Marshal(w.Below(DE, "basis")); !strings.Contains(string(b), `"basis.list":"aus einer Hashliste"`) {
		t.Errorf("a plain text became %s", b)
	}
	if len(w.Below(DE, "coun")) != 0 {
		t.Error("half a name counted as a prefix")
	}
}

// Each way in which the files can be wrong stops Load with a sentence that names the file and the key.
func TestLoadRefuses(t *testing.T) {
	good := "a = \"x {n}\"\n[b.c]\none = \"{n} y\"\nother = \"{n} ys {m}\"\n"
	for _, c := range []struct{ lang, text, want string }{
		{"nl", "", "nl.toml: a is missing"},
		{"de", good + "z = \"more\"\n", "de.toml: b.c is a plural and needs the texts one and other, and nothing else"},
		{"de", good + "[z]\nq = \"more\"\n", "de.toml: z.q is in no other language"},
		{"nl", strings.Replace(good, "x {n}", "x {m}", 1), "nl.toml: a has the placeholders [{m}], in en.toml [{n}]"},
		{"nl", strings.Replace(good, "x {n}", "x", 1), "nl.toml: a has the placeholders [], in en.toml [{n}]"},
		{"fr", strings.Replace(good, "one = \"{n} y\"\n", "", 1), "fr.toml: b.c is a plural and needs the texts one and other, and nothing else"},
		{"fr", strings.Replace(good, "other = \"{n} ys {m}\"\n", "few = \"x\"\n", 1), "fr.toml: b.c is a plural and needs the texts one and other, and nothing else"},
		{"fr", "a = \"x {n}\"\n[b]\nc = \"{n} {m}\"\n", "fr.toml: b.c is a plural in one language and not in the other"},
		{"fr", strings.Replace(good, "{n} y\"", "{n} y {k}\"", 1), "fr.toml: b.c has [{k}] in the form for one only"},
		{"en", strings.Replace(good, "{n} ys {m}", "ys {m}", 1), "en.toml: b.c is a plural without {n}"},
		{"en", strings.Replace(good, "x {n}", "", 1), "en.toml: a is empty"},
		{"en", strings.Replace(good, "x {n}", " x {n}", 1), "en.toml: a begins or ends with space"},
		{"en", strings.Replace(good, "x {n}", "<b>x</b> {n}", 1), "en.toml: a has HTML in it"},
		{"en", strings.Replace(good, "x {n}", "x {n} {N}", 1), "en.toml: a has a brace that is no placeholder"},
		{"en", strings.Replace(good, "\"x {n}\"", "3", 1), "en.toml: a is neither a text nor a table"},
		{"en", good + "[b.c]\n", "en.toml: toml: line 5"},
	} {
		files := fstest.MapFS{}
		for _, l := range Langs() {
			files[string(l)+".toml"] = &fstest.MapFile{Data: []byte(good)}
		}
		if _, err := load(files); err != nil {
			t.Fatalf("the sound texts were refused: %v", err)
		}
		files[c.lang+".toml"] = &fstest.MapFile{Data: []byte(c.text)}
		if _, err := load(files); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %q: %v, want %q", c.lang, c.text, err, c.want)
		}
	}
	parts := fstest.MapFS{}
	for _, l := range Langs() {
		parts[string(l)+".toml"] = &fstest.MapFile{Data: []byte(good)}
		parts[string(l)+".page.toml"] = &fstest.MapFile{Data: []byte("z = \"more\"\n")}
	}
	if w, err := load(parts); err != nil || w.Text(NL, "z") != "more" {
		t.Errorf("the parts were not read: %v", err)
	}
	parts["fr.page.toml"] = &fstest.MapFile{Data: []byte("z = \"more\"\na = \"x {n}\"\n")}
	if _, err := load(parts); err == nil || !strings.Contains(err.Error(), "fr.page.toml: a is in another file already") {
		t.Errorf("a key in two files: %v", err)
	}
	if _, err := load(fstest.MapFS{}); houvast.KindOf(err) != houvast.Internal || houvast.CodeOf(err) != "words-incomplete" {
		t.Errorf("no files at all: %v", err)
	}
}
