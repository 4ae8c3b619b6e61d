package schema

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
)

// XSD writes the table as XML Schema: exactly what Validate enforces, in our own words. It is not
// the schema of the real service, and says so.
func (s *Schema) XSD() []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<!-- Practice clearinghouse. Generated from the table that it enforces; not the schema of a real service. -->
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified">
`)
	for _, name := range roots {
		fmt.Fprintf(&b, "<xs:element name=%q type=%q/>\n", name, name)
	}
	for _, t := range s.types {
		t.print(&b)
	}
	for _, name := range slices.Sorted(maps.Keys(simpleTypes)) {
		simpleTypes[name].print(&b, name)
	}
	b.WriteString("</xs:schema>\n")
	return b.Bytes()
}

// qualified returns how a type is referred to: ours by name, a built-in one by its prefix.
func qualified(kind string) string {
	if t := simpleTypes[kind]; t != nil && t.plain() {
		return t.base
	}
	return kind
}

// plain reports whether the type is a built-in one with nothing added but a value for the element.
func (t *simpleType) plain() bool {
	return t.values == nil && t.pattern == "" && t.min == 0 && t.max == 0
}

func (t *complexType) print(b *bytes.Buffer) {
	fmt.Fprintf(b, "<xs:complexType name=%q>\n", t.name)
	tag := map[model]string{inOrder: "sequence", oneOf: "sequence", anyOrder: "all"}[t.model]
	if tag != "" {
		fmt.Fprintf(b, "<xs:%s>\n", tag)
		for _, p := range t.parts {
			p.print(b)
		}
		fmt.Fprintf(b, "</xs:%s>\n", tag)
	}
	if t.model == textOnly {
		fmt.Fprintf(b, "<xs:simpleContent><xs:extension base=%q>\n", qualified(t.base))
	}
	for _, a := range t.attrs {
		use := "optional"
		if a.required {
			use = "required"
		}
		fmt.Fprintf(b, "<xs:attribute name=%q type=%q use=%q/>\n", a.name, qualified(a.kind), use)
	}
	if t.model == textOnly {
		b.WriteString("</xs:extension></xs:simpleContent>\n")
	}
	b.WriteString("</xs:complexType>\n")
}

func (p particle) print(b *bytes.Buffer) {
	occurs := fmt.Sprintf(` minOccurs="%d" maxOccurs="%d"`, p.min, p.max)
	if p.max < 0 {
		occurs = fmt.Sprintf(` minOccurs="%d" maxOccurs="unbounded"`, p.min)
	}
	if len(p.options) > 1 {
		fmt.Fprintf(b, "<xs:choice%s>\n", occurs)
		occurs = ""
	}
	for _, d := range p.options {
		fmt.Fprintf(b, "<xs:element name=%q type=%q%s", d.name, qualified(d.kind), occurs)
		if t := simpleTypes[d.kind]; d.complex == nil && t.fixed != "" {
			fmt.Fprintf(b, " fixed=%q", t.fixed)
		} else if d.complex == nil && t.fallback != "" {
			fmt.Fprintf(b, " default=%q", t.fallback)
		}
		b.WriteString("/>\n")
	}
	if len(p.options) > 1 {
		b.WriteString("</xs:choice>\n")
	}
}

func (t *simpleType) print(b *bytes.Buffer, name string) {
	if t.plain() {
		return
	}
	fmt.Fprintf(b, "<xs:simpleType name=%q><xs:restriction base=%q>\n", name, t.base)
	for _, v := range t.values {
		b.WriteString(`<xs:enumeration value="`)
		xml.EscapeText(b, []byte(v))
		b.WriteString("\"/>\n")
	}
	if t.pattern != "" {
		fmt.Fprintf(b, "<xs:pattern value=\"%s\"/>\n", t.pattern)
	}
	if t.min != 0 || t.max != 0 {
		fmt.Fprintf(b, "<xs:minInclusive value=\"%d\"/><xs:maxInclusive value=\"%d\"/>\n", t.min, t.max)
	}
	b.WriteString("</xs:restriction></xs:simpleType>\n")
}
