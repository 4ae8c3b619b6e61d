package cybertip

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// An element is one place of the wire tree, derived from a field of the types: an element, an
// attribute ("@type") or the text of an element that also has attributes ("").
type element struct {
	name     string
	index    []int // of the field in its parent
	repeat   bool
	must     bool // must be present on the wire, even if empty
	anyOrder bool // the children may come in any order
	typ      reflect.Type
	children []*element // attributes, then text, then elements in wire order
	rule     rule
}

// A rule is what the rule tag of a field says about its value.
type rule struct {
	req      bool
	max      int    // characters; 0 is no limit
	format   string // see formats
	min, top *float64
}

// attr reports whether e is an attribute.
func (e *element) attr() bool { return strings.HasPrefix(e.name, "@") }

// leaf reports whether e holds a value itself.
func (e *element) leaf() bool { return len(e.children) == 0 && e.typ.Kind() != reflect.Struct }

// text returns the place that holds the text of e, nil if e holds only elements.
func (e *element) text() *element {
	if e.leaf() {
		return e
	}
	for _, c := range e.children {
		if c.name == "" {
			return c
		}
	}
	return nil
}

// child returns the child of that name and its position.
func (e *element) child(name string) (*element, int) {
	for i, c := range e.children {
		if c.name == name {
			return c, i
		}
	}
	return nil, -1
}

// schemaOf derives the tree below t. A field that has neither omitempty nor a slice, attribute or
// text place is always written, so it must also be there when read. Lists of plain values have no
// omitempty either: with it, encoding/xml would drop an empty item without a word.
func schemaOf(name string, t reflect.Type) *element {
	e := &element{name: name, typ: t}
	if t.Kind() != reflect.Struct {
		return e
	}
	_, e.anyOrder = reflect.Zero(t).Interface().(interface{ anyOrder() })
	addFields(e, t, nil)
	slices.SortStableFunc(e.children, func(a, b *element) int { return rank(a) - rank(b) })
	return e
}

// rank puts attributes before text before elements; the sort is stable, so field order stays.
func rank(e *element) int {
	switch {
	case e.attr():
		return 0
	case e.name == "":
		return 1
	}
	return 2
}

func addFields(e *element, t reflect.Type, index []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(slices.Clone(index), i)
		if f.Anonymous {
			addFields(e, f.Type, at)
			continue
		}
		name, opts, _ := strings.Cut(f.Tag.Get("xml"), ",")
		ft, repeat := f.Type, false
		switch ft.Kind() {
		case reflect.Pointer:
			ft = ft.Elem()
		case reflect.Slice:
			ft, repeat = ft.Elem(), true
		}
		r := parseRule(f.Tag.Get("rule"))
		if strings.Contains(opts, "attr") {
			name = "@" + name
		}
		c := schemaOf(name, ft)
		c.index, c.repeat, c.rule = at, repeat, r
		c.must = name != "" && (r.req || !repeat && !strings.Contains(opts, "omitempty"))
		e.children = append(e.children, c)
	}
}

func parseRule(tag string) (r rule) {
	for part := range strings.SplitSeq(tag, ",") {
		switch key, value, _ := strings.Cut(part, "="); key {
		case "req":
			r.req = true
		case "max":
			r.max, _ = strconv.Atoi(value)
		case "fmt":
			r.format = value
		case "range":
			low, high, _ := strings.Cut(value, "..")
			r.min, r.top = number(low), number(high)
		}
	}
	return r
}

func number(s string) *float64 {
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return &f
	}
	return nil
}

// The two trees. They are made once and never changed.
var (
	reportTree = schemaOf("report", reflect.TypeFor[Report]())
	fileTree   = schemaOf("fileDetails", reflect.TypeFor[FileDetails]())
)

// Elements returns the path of every element and attribute that this package can write, in wire
// order, such as "report/incidentSummary/platform" or "report/victim/deviceId/@type". Compare it
// with the schema that the service gives out to see when the two drift apart.
func Elements() (paths []string) {
	var add func(prefix string, e *element)
	add = func(prefix string, e *element) {
		if e.name == "" {
			return
		}
		paths = append(paths, prefix+e.name)
		for _, c := range e.children {
			add(prefix+e.name+"/", c)
		}
	}
	add("", reportTree)
	add("", fileTree)
	return paths
}

// visit calls do for every leaf place below v, present or not, with its path such as
// "/report/victim[2]/email[1]/@type", and for every list and structure that must not be empty.
// Below an absent structure there is nothing to visit.
func visit(e *element, v reflect.Value, path string, do func(path string, e *element, v reflect.Value)) {
	if e.leaf() {
		do(path, e, v)
		return
	}
	for _, c := range e.children {
		at := path
		if c.name != "" {
			at += "/" + c.name
		}
		f := v.FieldByIndex(c.index)
		switch f.Kind() {
		case reflect.Pointer:
			if !f.IsNil() {
				visit(c, f.Elem(), at, do)
			}
		case reflect.Slice:
			if f.Len() == 0 && c.rule.req {
				do(at, c, reflect.Value{})
			}
			for i := range f.Len() {
				visit(c, f.Index(i), at+"["+strconv.Itoa(i+1)+"]", do)
			}
		default:
			visit(c, f, at, do)
		}
	}
}
