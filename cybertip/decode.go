package cybertip

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"slices"

	"github.com/houvast/houvast"
)

// maxDepth bounds the nesting; the deepest place of the tree is half of it.
const maxDepth = 16

// Decode reads what Encode wrote. encoding/xml alone would skip unknown elements, take the last of
// repeated ones, pass over a document type and fill the struct before it sees that the end is
// missing; so the document is first walked against the tree. Refused with code "bad-document": a
// document type, a second root, an unknown, repeated, misplaced or missing element or attribute, a
// namespace, text between elements, a number without digits, and anything that is not complete
// UTF-8. More than MaxDocument is TooLarge.
//
// The root may carry xmlns:xsi and xsi:noNamespaceSchemaLocation, which other writers send; they
// are not kept.
func Decode(b []byte) (r Report, err error) {
	err = decode("cybertip.Decode", reportTree, b, &r)
	return r, err
}

// DecodeFileDetails reads what EncodeFileDetails wrote, as Decode does.
func DecodeFileDetails(b []byte) (d FileDetails, err error) {
	err = decode("cybertip.DecodeFileDetails", fileTree, b, &d)
	return d, err
}

func decode(op string, tree *element, b []byte, into any) error {
	if len(b) > MaxDocument {
		return houvast.Errorf(op, houvast.TooLarge, "document-too-large", "the document has %d bytes, more than %d", len(b), MaxDocument)
	}
	if err := scan(tree, b); err != nil {
		return houvast.Errorf(op, houvast.Invalid, "bad-document", "the document is not one of ours: %w", err)
	}
	if err := xml.Unmarshal(b, into); err != nil {
		reflect.ValueOf(into).Elem().SetZero()
		var ours *houvast.Error
		if errors.As(err, &ours) {
			return houvast.Wrap(op, ours)
		}
		return houvast.Errorf(op, houvast.Invalid, "bad-document", "a value of the document has the wrong form")
	}
	return nil
}

// A refusal never quotes the document, only names of ours.
type refusal string

func (r refusal) Error() string { return string(r) }

// An open element while scanning.
type open struct {
	e    *element
	seen []int // how often each child was met
	last int   // position of the last child
	text bool  // holds something other than white space
}

type scanner struct {
	tree  *element
	stack []*open
	done  bool
}

// scan walks the tokens of b against the tree.
func scan(tree *element, b []byte) error {
	s := scanner{tree: tree}
	dec := xml.NewDecoder(bytes.NewReader(b))
	for first := true; ; first = false {
		tok, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			if !s.done {
				return refusal("it ends too early")
			}
			return nil
		}
		if err != nil {
			return refusal("it is not well-formed")
		}
		switch t := tok.(type) {
		case xml.ProcInst:
			if !first || t.Target != "xml" {
				err = refusal("it holds a processing instruction")
			}
		case xml.Directive:
			err = refusal("it holds a document type")
		case xml.CharData:
			err = s.chars(t)
		case xml.StartElement:
			err = s.start(t)
		case xml.EndElement:
			err = s.end(t)
		}
		if err != nil {
			return err
		}
	}
}

func (s *scanner) top() *open {
	if len(s.stack) == 0 {
		return nil
	}
	return s.stack[len(s.stack)-1]
}

func (s *scanner) chars(b xml.CharData) error {
	if len(bytes.Trim(b, " \t\r\n")) == 0 {
		return nil
	}
	top := s.top()
	if top == nil || top.e.text() == nil {
		return refusal("it holds text where only elements belong")
	}
	top.text = true
	return nil
}

func (s *scanner) start(t xml.StartElement) error {
	top, e := s.top(), s.tree
	switch {
	case s.done:
		return refusal("it goes on after its end")
	case len(s.stack) == maxDepth:
		return refusal("it is nested too deeply")
	case top == nil:
		if t.Name.Local != e.name {
			return refusal("its root is not " + e.name)
		}
	default:
		var i int
		if e, i = top.e.child(t.Name.Local); e == nil {
			return refusal("an element is unknown below " + top.e.name)
		}
		if top.seen[i]++; top.seen[i] > 1 && !e.repeat {
			return refusal(e.name + " comes twice")
		}
		if i < top.last && !top.e.anyOrder {
			return refusal(e.name + " is out of order")
		}
		top.last = i
	}
	s.stack = append(s.stack, &open{e: e, seen: make([]int, len(e.children))})
	return s.attributes(t.Attr, top == nil)
}

func (s *scanner) attributes(attrs []xml.Attr, root bool) error {
	top := s.top()
	for _, a := range attrs {
		if root && (a.Name.Space == "xmlns" && a.Name.Local == "xsi" ||
			a.Name.Space == "xsi" && a.Name.Local == "noNamespaceSchemaLocation") {
			continue
		}
		c, i := top.e.child("@" + a.Name.Local)
		if c == nil || a.Name.Space != "" {
			return refusal("an attribute is unknown at " + top.e.name)
		}
		if top.seen[i]++; top.seen[i] > 1 {
			return refusal(c.name + " comes twice at " + top.e.name)
		}
	}
	return nil
}

func (s *scanner) end(t xml.EndElement) error {
	top := s.top()
	if top == nil || t.Name.Space != "" || t.Name.Local != top.e.name {
		return refusal("its tags do not match, or use a namespace")
	}
	for i, c := range top.e.children {
		if c.must && top.seen[i] == 0 {
			return refusal(c.name + " is missing below " + top.e.name)
		}
	}
	// encoding/xml would read an empty number as 0: an age nobody gave.
	if text := top.e.text(); text != nil && !top.text && numeric(text.typ.Kind()) {
		if !slices.Contains([]reflect.Type{reflect.TypeFor[Flag](), reflect.TypeFor[Answer](), reflect.TypeFor[Time]()}, text.typ) {
			return refusal(top.e.name + " holds no number")
		}
	}
	s.stack = s.stack[:len(s.stack)-1]
	s.done = len(s.stack) == 0
	return nil
}

func numeric(k reflect.Kind) bool {
	return k >= reflect.Int && k <= reflect.Float64
}
