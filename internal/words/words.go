// Package words speaks the four languages of Houvast. Every sentence that a person reads has a key;
// Go, templates and TypeScript ask for the key and get the sentence in the reader's language.
//
// A message is a plain text, or a plural: two texts, `one` and `other`. Texts hold `{name}`
// placeholders and nothing else that is special: no HTML, no nested message. Whoever puts a text into
// a page escapes it there.
//
// What must stay true, and Load refuses to start without: all four languages have the same keys; a
// message is of the same kind in all of them and uses the same placeholders; a plural has both forms;
// no text is empty. So a page never mixes languages and never shows a hole.
//
// Language is not country: it decides words, never help lines or law.
package words

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/locales"
)

// A Lang is one of the four languages, as its two-letter ISO 639-1 code.
type Lang string

// The languages.
const (
	NL Lang = "nl"
	FR Lang = "fr"
	EN Lang = "en"
	DE Lang = "de"
)

// Langs returns the four languages in the order in which a page offers them.
func Langs() []Lang { return []Lang{NL, FR, EN, DE} }

// matchable is the languages as the matcher knows them; the first is what everybody else gets.
var (
	matchable = []Lang{EN, NL, FR, DE}
	matcher   = language.NewMatcher([]language.Tag{language.English, language.Dutch, language.French, language.German})
)

// maxAccept bounds an Accept-Language header before it is parsed; browsers send less than 100 bytes.
const maxAccept = 512

// Match returns the best language for an Accept-Language header (RFC 9110, section 12.5.4): English
// when the header is empty, malformed, longer than 512 bytes or asks for none of the four.
func Match(acceptLanguage string) Lang {
	if len(acceptLanguage) > maxAccept {
		return EN
	}
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return EN
	}
	_, i, _ := matcher.Match(tags...)
	return matchable[i]
}

// Parse returns the language with the code s, as it stands in a link or a cookie. Any other text is an
// error of kind Invalid.
func Parse(s string) (Lang, error) {
	if l := Lang(s); slices.Contains(Langs(), l) {
		return l, nil
	}
	return "", houvast.Errorf("words.Parse", houvast.Invalid, "unknown-language", "there is no such language").
		WithHint("the languages are nl, fr, en and de")
}

// A Message is what a key stands for in one language. One is empty unless the message is a plural.
type Message struct {
	One   string `json:"one,omitempty"`
	Other string `json:"other"`
}

// Plural reports whether the message has two forms.
func (m Message) Plural() bool { return m.One != "" }

// MarshalJSON gives a plain text as a string and a plural as an object with one and other, which is
// what the TypeScript side reads.
func (m Message) MarshalJSON() ([]byte, error) {
	if !m.Plural() {
		return json.Marshal(m.Other)
	}
	type forms Message
	return json.Marshal(forms(m))
}

// Words is the checked texts of all four languages. It never changes and is safe for concurrent use.
type Words struct {
	texts map[Lang]map[string]Message
}

// Load reads and checks the built-in texts. An error names every file and key that is wrong; it is a
// defect of the build, so a program that gets one does not start.
func Load() (*Words, error) { return load(locales.FS) }

// Keys returns every key, sorted. They are the same in all languages.
func (w *Words) Keys() []string { return slices.Sorted(maps.Keys(w.texts[EN])) }

// Lookup returns the message of a key, and whether there is one.
func (w *Words) Lookup(lang Lang, key string) (Message, bool) {
	m, ok := w.texts[known(lang)][key]
	return m, ok
}

// Text returns the text of a key with its placeholders filled. Args are names and values in turn:
// Text(lang, "doctor.size", "n", 3). A key that does not exist comes back as the key itself, and a
// placeholder without a value stays visible: both are defects that a reader can report and a test can
// find, and neither may take a page down. Of a plural it returns the form for many.
func (w *Words) Text(lang Lang, key string, args ...any) string {
	m, ok := w.Lookup(lang, key)
	if !ok {
		return key
	}
	return fill(m.Other, args)
}

// Plural returns the form of a key for n things, with {n} and the other placeholders filled. French
// counts zero as one thing; the other three languages as many.
func (w *Words) Plural(lang Lang, key string, n int, args ...any) string {
	m, ok := w.Lookup(lang, key)
	if !ok {
		return key
	}
	text := m.Other
	if m.Plural() && (n == 1 || n == 0 && known(lang) == FR) {
		text = m.One
	}
	return fill(text, append([]any{"n", n}, args...))
}

// Problem returns what a person is told of an error: the text of its code, or of its kind when the
// code has none. It never shows the message of the error, which is for operators.
func (w *Words) Problem(lang Lang, err error) (title, detail string) {
	code := houvast.CodeOf(err)
	if _, ok := w.Lookup(lang, "problem."+code+".title"); !ok {
		code = houvast.KindOf(err).String()
	}
	return w.Text(lang, "problem."+code+".title"), w.Text(lang, "problem."+code+".detail")
}

// Reason returns what a person is told of the reason why an item could not be looked at, which the
// decoder and the sandbox give as a short text of their own ("too many pixels", "child-cpu"). A reason
// without words comes back as it is: it is made of our own words only.
func (w *Words) Reason(lang Lang, reason string) string {
	key := "could_not_look." + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(reason))
	if _, ok := w.Lookup(lang, key); !ok {
		return reason
	}
	return w.Text(lang, key)
}

// Below returns the messages of one language whose keys begin with prefix and a dot, for a page's
// TypeScript. The keys are whole.
func (w *Words) Below(lang Lang, prefix string) map[string]Message {
	some := map[string]Message{}
	for key, m := range w.texts[known(lang)] {
		if strings.HasPrefix(key, prefix+".") {
			some[key] = m
		}
	}
	return some
}

// known turns a language that is none of the four, such as the zero value, into English.
func known(lang Lang) Lang {
	if slices.Contains(Langs(), lang) {
		return lang
	}
	return EN
}

// fill replaces each {name} by its value, once: a value that looks like a placeholder stays as it is.
func fill(text string, args []any) string {
	if len(args) < 2 || !strings.Contains(text, "{") {
		return text
	}
	pairs := make([]string, 0, len(args))
	for i := 0; i+1 < len(args); i += 2 {
		pairs = append(pairs, fmt.Sprintf("{%v}", args[i]), fmt.Sprint(args[i+1]))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
