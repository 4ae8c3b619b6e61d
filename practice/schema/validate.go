package schema

import (
	"encoding/xml"
	"slices"
	"strings"
)

const xsi = "http://www.w3.org/2001/XMLSchema-instance"

// Validate returns the first way in which the document differs from the schema, as a Xerces parser
// would put it, or nil. want is the name of the root.
func (s *Schema) Validate(root *Node, want string) error {
	if root.Name != (xml.Name{Local: want}) {
		return flawf("cvc-elt.1.a: Cannot find the declaration of element '%s'.", clip(root.Name.Local))
	}
	return s.checkElement(root, elementDecl{name: want, kind: want, complex: s.named[want]})
}

// checkElement checks one element against its declaration: attributes, content, then children in turn.
func (s *Schema) checkElement(n *Node, d elementDecl) error {
	if d.complex == nil {
		return simpleElement(n, simpleTypes[d.kind], d.kind, nil)
	}
	t := d.complex
	if err := attributes(n, t.attrs, false); err != nil {
		return err
	}
	switch t.model {
	case textOnly:
		return simpleElement(n, simpleTypes[t.base], t.base, t)
	case noContent:
		if len(n.Children) > 0 || n.Text != "" || n.CDATA {
			return flawf("cvc-complex-type.2.1: Element '%s' must have no character or element information item [children], because the type's content type is empty.", n.Name.Local)
		}
		return nil
	}
	if strings.Trim(n.Text, xmlSpace) != "" || n.CDATA {
		return flawf("cvc-complex-type.2.3: Element '%s' cannot have character [children], because the type's content type is element-only.", n.Name.Local)
	}
	if t.model == anyOrder {
		return s.unordered(n, t)
	}
	return s.ordered(n, t)
}

// ordered walks the particles once. The schema is deterministic: the first particle from the current
// place on that takes a name is the only one that can.
func (s *Schema) ordered(n *Node, t *complexType) error {
	at, count := 0, 0
	for _, child := range n.Children {
		i, have, found := at, count, elementDecl{}
		for ; i < len(t.parts); i, have = i+1, 0 {
			p := t.parts[i]
			if k := p.index(child.Name); k >= 0 && (p.max < 0 || have < p.max) {
				found = p.options[k]
				break
			}
			if have < p.min {
				i = len(t.parts)
				break
			}
		}
		if i >= len(t.parts) {
			return unexpected(child, t.parts[at:], count)
		}
		at, count = i, have+1
		if err := s.checkElement(child, found); err != nil {
			return err
		}
	}
	if next, complete := expected(t.parts[at:], count); !complete {
		return flawf("cvc-complex-type.2.4.b: The content of element '%s' is not complete. One of '{%s}' is expected.", n.Name.Local, strings.Join(next, ", "))
	}
	return nil
}

// unordered is xs:all: every element at most once, in any order. All of ours are optional.
func (s *Schema) unordered(n *Node, t *complexType) error {
	left := slices.Clone(t.parts)
	for _, child := range n.Children {
		i := slices.IndexFunc(left, func(p particle) bool { return p.index(child.Name) >= 0 })
		if i < 0 {
			var names []string
			for _, p := range left {
				names = append(names, p.options[0].name)
			}
			return misplaced(child, names)
		}
		if err := s.checkElement(child, left[i].options[0]); err != nil {
			return err
		}
		left = slices.Delete(left, i, i+1)
	}
	return nil
}

func (p particle) index(name xml.Name) int {
	return slices.IndexFunc(p.options, func(d elementDecl) bool { return name == xml.Name{Local: d.name} })
}

// expected lists the names that may come next when the first of parts was met count times, and says
// whether the content may also end here.
func expected(parts []particle, count int) (names []string, complete bool) {
	for _, p := range parts {
		if p.max < 0 || count < p.max {
			for _, d := range p.options {
				names = append(names, d.name)
			}
		}
		if count < p.min {
			return names, false
		}
		count = 0
	}
	return names, true
}

func unexpected(child *Node, parts []particle, count int) error {
	names, _ := expected(parts, count)
	return misplaced(child, names)
}

func misplaced(child *Node, names []string) error {
	if len(names) == 0 {
		return flawf("cvc-complex-type.2.4.d: Invalid content was found starting with element '%s'. No child element is expected at this point.", clip(child.Name.Local))
	}
	return flawf("cvc-complex-type.2.4.a: Invalid content was found starting with element '%s'. One of '{%s}' is expected.", clip(child.Name.Local), strings.Join(names, ", "))
}

// simpleElement checks an element that holds text only. t is its complex type when it has one; its
// attributes are checked by then.
func simpleElement(n *Node, kind *simpleType, name string, t *complexType) error {
	if t == nil {
		if err := attributes(n, nil, true); err != nil {
			return err
		}
	}
	if len(n.Children) > 0 {
		if t != nil {
			return flawf("cvc-complex-type.2.2: Element '%s' must have no element [children], and the value must be valid.", n.Name.Local)
		}
		return flawf("cvc-type.3.1.2: Element '%s' is a simple type, so it must have no element information item [children].", n.Name.Local)
	}
	if n.Text == "" && !n.CDATA && (kind.fixed != "" || kind.fallback != "") {
		return nil
	}
	if why := kind.check(name, n.Text); why != "" {
		return flaw(why)
	}
	if kind.fixed != "" && n.Text != kind.fixed {
		return flawf("cvc-elt.5.2.2.2.2: The value '%s' of element '%s' does not match the {value constraint} value '%s'.", clip(n.Text), n.Name.Local, kind.fixed)
	}
	return nil
}

// attributes checks the attributes of n against decls. Namespace declarations and the two schema
// location hints of XML Schema are allowed everywhere, as the schema language has it; xsi:type and
// xsi:nil are not, because nothing here can be substituted or nil.
func attributes(n *Node, decls []attribute, simple bool) error {
	seen := map[string]bool{}
	for _, a := range n.Attrs {
		if a.Name.Space == "xmlns" || a.Name == (xml.Name{Local: "xmlns"}) {
			continue
		}
		if a.Name.Space == xsi && (a.Name.Local == "noNamespaceSchemaLocation" || a.Name.Local == "schemaLocation") {
			continue
		}
		i := slices.IndexFunc(decls, func(d attribute) bool { return a.Name == xml.Name{Local: d.name} })
		switch {
		case simple:
			return flawf("cvc-type.3.1.1: Element '%s' is a simple type, so it cannot have attributes. However, the attribute '%s' was found.", n.Name.Local, clip(a.Name.Local))
		case i < 0:
			return flawf("cvc-complex-type.3.2.2: Attribute '%s' is not allowed to appear in element '%s'.", clip(a.Name.Local), n.Name.Local)
		}
		if why := simpleTypes[decls[i].kind].check(decls[i].kind, a.Value); why != "" {
			return flaw(why)
		}
		seen[a.Name.Local] = true
	}
	for _, d := range decls {
		if d.required && !seen[d.name] {
			return flawf("cvc-complex-type.4: Attribute '%s' must appear on element '%s'.", d.name, n.Name.Local)
		}
	}
	return nil
}
