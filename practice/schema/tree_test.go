package schema

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// malformed are documents that no XML reader, or not this one, takes.
var malformed = []struct {
	name, doc string
	ours      bool // our bound: xmllint takes it
}{
	{"nothing", "", false},
	{"space only", "  \n", false},
	{"text only", "hello", false},
	{"cut short", strings.TrimSuffix(after(""), "</report>"), false},
	{"wrong end tag", strings.Replace(after(""), "</reporter>", "</reporte>", 1), false},
	{"two roots", after("") + after(""), false},
	{"text behind the root", after("") + "x", false},
	{"text before the root", "x" + after(""), false},
	{"CDATA behind the root", after("") + "<![CDATA[]]>", false},
	{"entity nobody declared", after("<additionalInfo>&nbsp;</additionalInfo>"), false},
	{"entity behind the root", after("") + "&#32;", false},
	{"attribute twice", strings.Replace(after(""), "<report>", `<report a="1" a="2">`, 1), false},
	{"attributes without space", strings.Replace(after(""), "<report>", `<report a="1"b="2">`, 1), false},
	{"attribute without quotes", strings.Replace(after(""), "<report>", `<report a=1>`, 1), false},
	{"attribute without value", strings.Replace(after(""), "<report>", `<report a>`, 1), false},
	{"less-than in attribute", strings.Replace(after(""), "<report>", `<report a="<">`, 1), false},
	{"]]> in text", after("<additionalInfo>]]></additionalInfo>"), false},
	{"-- in comment", after("<!-- a -- b -->"), false},
	{"control character", after("<additionalInfo>\x01</additionalInfo>"), false},
	{"control character by reference", after("<additionalInfo>&#1;</additionalInfo>"), false},
	{"control character in comment", after("<!-- \x02 -->"), false},
	{"U+FFFE", after("<additionalInfo>\uFFFE</additionalInfo>"), false},
	{"broken UTF-8", after("<additionalInfo>\xC3\x28</additionalInfo>"), false},
	{"Latin-1 byte without declaration", after("<additionalInfo>\xE9</additionalInfo>"), false},
	{"declaration behind the root", after("") + `<?xml version="1.0"?>`, false},
	{"declaration after a space", " " + `<?xml version="1.0"?>` + after(""), false},
	{"declaration without version", `<?xml encoding="UTF-8"?>` + after(""), false},
	{"declaration with a third word", `<?xml version="1.0" lang="nl"?>` + after(""), false},
	{"two declarations", `<?xml version="1.0"?><?xml version="1.0"?>` + after(""), false},
	{"document type", "<!DOCTYPE report>" + after(""), true},
	{"document type with entities", `<!DOCTYPE report [<!ENTITY a "b">]>` + after("<additionalInfo>&a;</additionalInfo>"), true},
	{"external entity", `<!DOCTYPE report [<!ENTITY a SYSTEM "file:///etc/hostname">]>` + after("<additionalInfo>&a;</additionalInfo>"), true},
	{"another encoding", `<?xml version="1.0" encoding="ISO-8859-1"?>` + after(""), true},
	{"too deep", strings.Repeat("<report>", maxDepth+1) + strings.Repeat("</report>", maxDepth+1), true},
	{"too many elements", "<report>" + strings.Repeat("<a/>", maxElements) + "</report>", true},
}

// wellFormed are spellings of a valid report that must not matter.
var wellFormed = []struct{ name, doc string }{
	{"declaration", `<?xml version="1.0" encoding="UTF-8"?>` + after("")},
	{"declaration in single quotes", `<?xml version='1.0' encoding='utf-8' standalone='yes'?>` + "\n" + after("")},
	{"byte order mark", "\uFEFF" + `<?xml version="1.0"?>` + after("")},
	{"space and comments around", "<!-- a -->\n<?practice b?>" + after("") + "\n<!-- c -->\n"},
	{"comment and instruction inside", after("<!-- a --><?practice b?>")},
	{"comment inside text", strings.Replace(after(""), "Child Sex", "Child<!-- a --> Sex", 1)},
	{"CDATA", strings.Replace(after(""), "Child Sex Tourism", "<![CDATA[Child Sex]]> Tourism", 1)},
	{"character references", strings.Replace(after(""), "Child Sex", "&#67;hild&#x20;Sex", 1)},
	{"space in tags", strings.ReplaceAll(after(""), "reportingPerson/", "reportingPerson\n /")},
	{"Windows line ends", strings.ReplaceAll(after(""), "><", ">\r\n<")},
	{"space behind a dateTime", strings.Replace(after(""), "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z\n\t", 1)},
	{"default namespace undone", strings.Replace(after(""), "<report>", `<report xmlns="">`, 1)},
	{"unused prefix", strings.Replace(after(""), "<report>", `<report xmlns:a="urn:a">`, 1)},
	{"characters beyond the basic plane", after("<additionalInfo>\U0001F642 é \uFFFD</additionalInfo>")},
}

func TestMalformed(t *testing.T) {
	for _, tc := range malformed {
		if _, err := Parse([]byte(tc.doc)); err == nil {
			t.Errorf("%s was read", tc.name)
		}
	}
	deepest := strings.Repeat("<report>", maxDepth) + strings.Repeat("</report>", maxDepth)
	if _, err := Parse([]byte(deepest)); err != nil {
		t.Errorf("depth %d: %v", maxDepth, err)
	}
	most := "<report>" + strings.Repeat("<a/>", maxElements-1) + "</report>"
	if _, err := Parse([]byte(most)); err != nil {
		t.Errorf("%d elements: %v", maxElements, err)
	}
}

func TestWellFormed(t *testing.T) {
	s := New()
	for _, tc := range wellFormed {
		if err := judge(s, tc.doc); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, tc := range malformed {
		if len(tc.doc) < 4096 {
			f.Add(tc.doc)
		}
	}
	for _, tc := range wellFormed {
		f.Add(tc.doc)
	}
	s := New()
	f.Fuzz(func(t *testing.T, doc string) {
		if judge(s, doc) == nil && judge(s, doc+"\n<!-- behind -->") != nil {
			t.Errorf("a comment behind it changes the verdict on %q", doc)
		}
	})
}

// broken returns documents with a few bytes of markup inserted, dropped or exchanged, by a fixed seed.
func broken(n int) (docs []string) {
	rng := rand.New(rand.NewPCG(2, 8))
	bits := []string{"<", ">", "/", "&", ";", "\"", "'", "=", " ", "\n", "!", "?", "-", "--", "]]>", "<![CDATA[", "<!--", "-->", "<?", "?>", "<a", "</", "/>", "&#", "&#x", "&amp;", "&#65;", ":", "xml", "xmlns", "a=\"b\"", "é", "\u200b", "0", ".", "\x00", "\xff", "report"}
	for len(docs) < n {
		b := wellFormed[rng.IntN(len(wellFormed))].doc
		for range 1 + rng.IntN(2) {
			i := rng.IntN(len(b) + 1)
			j := min(len(b), i+rng.IntN(3))
			bit := bits[rng.IntN(len(bits))]
			if rng.IntN(4) == 0 {
				bit = ""
			}
			b = b[:i] + bit + b[j:]
		}
		docs = append(docs, b)
	}
	return docs
}

// stricter are the reasons for which we refuse what xmllint takes: encodings it guesses, a NUL at the
// end that it does not see, a declaration without space between its words.
var stricter = []string{"encoding", "Unicode: 0x0", "XML declaration"}

func TestParseAgainstXMLLint(t *testing.T) {
	docs := broken(6000)
	theirs := xmllint(t, docs)
	s, yes, bad := New(), 0, 0
	for i, doc := range docs {
		if theirs[i] {
			yes++
		}
		err := judge(s, doc)
		if theirs[i] && err != nil && slices.ContainsFunc(stricter, func(why string) bool { return strings.Contains(err.Error(), why) }) {
			continue
		}
		if (err == nil) != theirs[i] {
			if bad++; bad <= 10 {
				t.Errorf("xmllint accepts: %v, we say: %v\n%.700q", theirs[i], err, doc)
			}
		}
	}
	t.Logf("%d broken documents, xmllint accepts %d, disagreements %d", len(docs), yes, bad)
	if yes < 100 || len(docs)-yes < 1000 {
		t.Errorf("too few of one kind: %d accepted of %d", yes, len(docs))
	}
}
