package words

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/houvast/houvast"
)

// placeholder is the only thing in a text that is not a word.
var placeholder = regexp.MustCompile(`\{[a-z][a-z_]*\}`)

// maxTold bounds how many faults one error names.
const maxTold = 20

// load reads LANG.toml and its parts LANG.PART.toml for each language from fsys and checks the languages
// against each other.
func load(fsys fs.FS) (*Words, error) {
	w := &Words{texts: map[Lang]map[string]Message{}}
	var wrong []string
	for _, lang := range Langs() {
		parts, err := fs.Glob(fsys, string(lang)+".*.toml")
		if err != nil {
			return nil, err
		}
		texts := map[string]Message{}
		for _, file := range append([]string{string(lang) + ".toml"}, parts...) {
			wrong = append(wrong, readFile(fsys, file, texts)...)
		}
		w.texts[lang] = texts
	}
	if len(wrong) == 0 {
		wrong = w.compare()
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		if more := len(wrong) - maxTold; more > 0 {
			wrong = append(wrong[:maxTold], fmt.Sprintf("and %d more", more))
		}
		return nil, houvast.Errorf("words.Load", houvast.Internal, "words-incomplete", "the texts are incomplete: %s", strings.Join(wrong, "; "))
	}
	return w, nil
}

// readFile adds the texts of one file. A key that another file has already is wrong: one of the two
// would never be read.
func readFile(fsys fs.FS, file string, into map[string]Message) (wrong []string) {
	var tree map[string]any
	if _, err := toml.DecodeFS(fsys, file, &tree); err != nil {
		return []string{fmt.Sprintf("%s: %v", file, err)}
	}
	texts := map[string]Message{}
	wrong = flatten(file, "", tree, texts)
	for key, m := range texts {
		if _, dup := into[key]; dup {
			wrong = append(wrong, fmt.Sprintf("%s: %s is in another file already", file, key))
		}
		into[key] = m
	}
	return wrong
}

// flatten turns nested tables into dotted keys. A table with one and other is a plural.
func flatten(file, prefix string, tree map[string]any, into map[string]Message) (wrong []string) {
	for name, v := range tree {
		key := prefix + name
		say := func(format string, args ...any) {
			wrong = append(wrong, fmt.Sprintf("%s: %s %s", file, key, fmt.Sprintf(format, args...)))
		}
		switch v := v.(type) {
		case string:
			into[key] = Message{Other: v}
			if fault := faultOf(v); fault != "" {
				say("%s", fault)
			}
		case map[string]any:
			if !isPlural(v) {
				wrong = append(wrong, flatten(file, key+".", v, into)...)
				continue
			}
			m, ok := plural(v)
			if !ok {
				say("is a plural and needs the texts one and other, and nothing else")
				continue
			}
			into[key] = m
			for _, fault := range []string{faultOf(m.One), faultOf(m.Other)} {
				if fault != "" {
					say("%s", fault)
				}
			}
		default:
			say("is neither a text nor a table")
		}
	}
	return wrong
}

// isPlural reports whether a table is meant as one; a key never ends in .one or .other otherwise.
func isPlural(t map[string]any) bool {
	_, one := t["one"]
	_, other := t["other"]
	return one || other
}

func plural(t map[string]any) (m Message, ok bool) {
	one, first := t["one"].(string)
	other, second := t["other"].(string)
	return Message{One: one, Other: other}, first && second && len(t) == 2
}

// faultOf says what is wrong with a text by itself, "" when nothing is.
func faultOf(text string) string {
	rest := placeholder.ReplaceAllString(text, "")
	switch {
	case text == "":
		return "is empty"
	case strings.TrimSpace(text) != text:
		return "begins or ends with space"
	case strings.ContainsAny(text, "<>&"):
		return "has HTML in it"
	case strings.ContainsAny(rest, "{}"):
		return "has a brace that is no placeholder"
	}
	return ""
}

// compare checks the languages against English: same keys, same kind, same placeholders.
func (w *Words) compare() (wrong []string) {
	for _, lang := range Langs() {
		file := string(lang) + ".toml"
		for key := range w.texts[EN] {
			if _, ok := w.texts[lang][key]; !ok {
				wrong = append(wrong, fmt.Sprintf("%s: %s is missing", file, key))
			}
		}
		for key, m := range w.texts[lang] {
			en, ok := w.texts[EN][key]
			switch {
			case !ok:
				wrong = append(wrong, fmt.Sprintf("%s: %s is in no other language", file, key))
			case m.Plural() != en.Plural():
				wrong = append(wrong, fmt.Sprintf("%s: %s is a plural in one language and not in the other", file, key))
			case !slices.Equal(holes(m.Other), holes(en.Other)):
				wrong = append(wrong, fmt.Sprintf("%s: %s has the placeholders %v, in en.toml %v", file, key, holes(m.Other), holes(en.Other)))
			}
			if m.Plural() && !slices.Contains(holes(m.Other), "{n}") {
				wrong = append(wrong, fmt.Sprintf("%s: %s is a plural without {n}", file, key))
			}
			if extra := beyond(holes(m.One), holes(m.Other)); len(extra) > 0 {
				wrong = append(wrong, fmt.Sprintf("%s: %s has %v in the form for one only", file, key, extra))
			}
		}
	}
	return wrong
}

// holes returns the placeholders of a text, sorted and once each.
func holes(text string) []string {
	set := map[string]bool{}
	for _, p := range placeholder.FindAllString(text, -1) {
		set[p] = true
	}
	return slices.Sorted(maps.Keys(set))
}

func beyond(some, all []string) []string {
	return slices.DeleteFunc(some, func(p string) bool { return slices.Contains(all, p) })
}
