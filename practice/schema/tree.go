package schema

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Bounds on the shape of a document, the caller bounds its size.
const (
	maxDepth    = 64
	maxElements = 200_000
)

// flaw is what is wrong with a document, in the words that go on the wire.
type flaw string

func (f flaw) Error() string { return string(f) }

func flawf(format string, args ...any) error { return flaw(fmt.Sprintf(format, args...)) }

// Node is one element as it was sent. Comments and processing instructions are dropped.
type Node struct {
	Name     xml.Name
	Attrs    []xml.Attr
	Children []*Node
	Text     string // all character data directly inside
	CDATA    bool   // some of it, even if empty, came in a CDATA section
}

// Child returns the first child of that name, or nil.
func (n *Node) Child(name string) *Node {
	for _, c := range n.Children {
		if c.Name.Local == name {
			return c
		}
	}
	return nil
}

// ChildText returns the text of the first child of that name, or "".
func (n *Node) ChildText(name string) string {
	if c := n.Child(name); c != nil {
		return c.Text
	}
	return ""
}

var declaration = regexp.MustCompile(`^version\s*=\s*("1\.0"|'1\.0')(\s+encoding\s*=\s*("[A-Za-z0-9._-]+"|'[A-Za-z0-9._-]+'))?(\s+standalone\s*=\s*("(yes|no)"|'(yes|no)'))?\s*$`)

// Parse reads one document. Its errors are what 4110 says: not well-formed, or beyond what this
// reader takes (a document type declaration, an encoding other than UTF-8, depth, count).
//
// encoding/xml is lenient in places where XML is not; what it lets pass is checked here: characters,
// the place of the declaration, repeated and unseparated attributes, one root and nothing beside it.
func Parse(doc []byte) (*Node, error) {
	doc = bytes.TrimPrefix(doc, []byte("\uFEFF"))
	if err := checkCharacters(doc); err != nil {
		return nil, err
	}
	d := xml.NewDecoder(bytes.NewReader(doc))
	var root *Node
	var stack []*Node
	count := 0
	for {
		from := d.InputOffset()
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			if root == nil {
				return nil, flaw("Premature end of file.")
			}
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.Directive:
			return nil, flaw("DOCTYPE is disallowed.")
		case xml.ProcInst:
			if strings.EqualFold(tok.Target, "xml") && (from != 0 || tok.Target != "xml" || !declaration.Match(tok.Inst)) {
				return nil, flaw("The XML declaration is misplaced or malformed.")
			}
			if behind := doc[from:][len("<?")+len(tok.Target):]; !bytes.HasPrefix(behind, []byte("?>")) && !strings.ContainsRune(xmlSpace, rune(behind[0])) {
				return nil, flaw("The target of a processing instruction must be followed by space.")
			}
		case xml.StartElement:
			if count++; count > maxElements || len(stack) == maxDepth {
				return nil, flawf("More than %d elements or %d levels.", maxElements, maxDepth)
			}
			if err := checkTag(tok, doc[from:d.InputOffset()]); err != nil {
				return nil, err
			}
			n := &Node{Name: tok.Name, Attrs: tok.Copy().Attr}
			switch {
			case len(stack) > 0:
				top := stack[len(stack)-1]
				top.Children = append(top.Children, n)
			case root == nil:
				root = n
			default:
				return nil, flaw("The markup in the document following the root element must be well-formed.")
			}
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				top := stack[len(stack)-1]
				top.Text += string(tok)
				top.CDATA = top.CDATA || bytes.HasPrefix(doc[from:], []byte("<![CDATA["))
			} else if len(bytes.Trim(doc[from:d.InputOffset()], xmlSpace)) > 0 {
				return nil, flaw("Content is not allowed outside the root element.")
			}
		}
	}
}

// checkCharacters refuses what is not UTF-8 and what XML 1.0 does not allow anywhere.
func checkCharacters(doc []byte) error {
	for i := 0; i < len(doc); {
		r, n := utf8.DecodeRune(doc[i:])
		if r == utf8.RuneError && n <= 1 {
			return flaw("Invalid byte of a UTF-8 sequence.")
		}
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return flawf("An invalid XML character (Unicode: 0x%x) was found.", r)
		}
		i += n
	}
	return nil
}

// checkTag refuses a start tag with the same attribute twice or without space between attributes.
func checkTag(tok xml.StartElement, raw []byte) error {
	seen := map[xml.Name]bool{}
	for _, a := range tok.Attr {
		if seen[a.Name] {
			return flawf("Attribute \"%s\" was already specified for element \"%s\".", a.Name.Local, tok.Name.Local)
		}
		seen[a.Name] = true
	}
	quote := byte(0)
	for i, b := range raw {
		switch {
		case quote == 0 && (b == '"' || b == '\''):
			quote = b
		case quote != 0 && b == quote:
			quote = 0
			if i+1 < len(raw) && !strings.ContainsRune(xmlSpace+"/>", rune(raw[i+1])) {
				return flawf("Element type \"%s\" must be followed by attributes separated by space.", tok.Name.Local)
			}
		}
	}
	return nil
}
