package cybertip

import (
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Structure checks the form of r alone: presence, lengths, enumerations, ranges, formats. Every
// finding blocks; the service would refuse the document or, worse, take it in.
func Structure(r Report) []Finding {
	fs := &findings{}
	fs.structure(reportTree, reflect.ValueOf(r), "/report")
	for i, d := range r.InternetDetails {
		n, v := 0, reflect.ValueOf(d)
		for j := range v.NumField() {
			if !v.Field(j).IsNil() {
				n++
			}
		}
		fs.addIf(n != 1, "structure-incident", fmt.Sprintf("/report/internetDetails[%d]", i+1))
	}
	return fs.all
}

// StructureFile checks the form of d alone.
func StructureFile(d FileDetails) []Finding {
	fs := &findings{}
	fs.structureFile(d, "/fileDetails")
	return fs.all
}

func (fs *findings) structureFile(d FileDetails, path string) {
	fs.structure(fileTree, reflect.ValueOf(d), path)
	fs.addIf(d.PotentialMeme != Unanswered && d.FileAnnotations != nil, "structure-meme", path)
}

func (fs *findings) structure(tree *element, v reflect.Value, root string) {
	visit(tree, v, root, func(path string, e *element, v reflect.Value) {
		if !v.IsValid() || v.IsZero() && e.rule.req {
			fs.add("structure-missing", path)
			return
		}
		if enum, ok := v.Interface().(enumeration); ok {
			fs.addIf(v.String() != "" && !enum.Valid(), "structure-value", path)
			return
		}
		fs.value(e, v, path)
	})
}

func (fs *findings) value(e *element, v reflect.Value, path string) {
	switch x := v.Interface().(type) {
	case Answer:
		fs.addIf(x > No, "structure-value", path)
		return
	case Time:
		year := x.Time().Year()
		fs.addIf(year < 1 || year > 9999, "structure-format", path, "format", "date and time")
		return
	case Flag:
		return
	}
	switch v.Kind() {
	case reflect.String:
		fs.text(e, v.String(), path)
	case reflect.Int, reflect.Int64:
		// A zero that may be absent is absent, unless it was pointed at: then 0 is what was meant.
		fs.span(e, float64(v.Int()), path, v.Int() == 0 && e.rule.min != nil && *e.rule.min > 0 && !e.repeat)
	case reflect.Float64:
		fs.span(e, v.Float(), path, false)
	}
}

func (fs *findings) span(e *element, x float64, path string, absent bool) {
	r := e.rule
	if absent {
		return
	}
	bad := math.IsNaN(x) || r.min != nil && x < *r.min || r.top != nil && x > *r.top
	text := ""
	if r.min != nil {
		text = fmt.Sprint(*r.min)
	}
	text += ".."
	if r.top != nil {
		text += fmt.Sprint(*r.top)
	}
	fs.addIf(bad, "structure-range", path, "range", text)
}

func (fs *findings) text(e *element, s, path string) {
	fs.addIf(!holdable(s), "structure-text", path)
	if s == "" {
		fs.addIf(e.repeat, "structure-missing", path)
		return
	}
	fs.addIf(e.rule.max > 0 && utf8.RuneCountInString(s) > e.rule.max, "structure-too-long", path, "max", fmt.Sprint(e.rule.max))
	if e.rule.format != "" {
		name, ok := formed(e.rule.format, s)
		fs.addIf(!ok, "structure-format", path, "format", name)
	}
}

// formed reports whether s has the format, and what the format is called.
func formed(format, s string) (name string, ok bool) {
	switch format {
	case "url":
		// The service refuses white space; what scheme a place has is not ours to judge.
		return "address without white space", !strings.ContainsFunc(s, blank)
	case "email":
		local, domain, found := strings.Cut(s, "@")
		return "e-mail address", found && local != "" && domain != "" && !strings.ContainsAny(domain, "@") &&
			!strings.ContainsFunc(s, blank) && !strings.ContainsAny(s, "<>,;")
	case "ip":
		a, err := netip.ParseAddr(s)
		return "IP address", err == nil && a.Zone() == ""
	case "date":
		_, err := time.Parse(time.DateOnly, s)
		return "date", err == nil
	case "calling":
		rest, found := strings.CutPrefix(s, "+")
		return "country calling code", found && len(rest) >= 1 && len(rest) <= 3 && digits(rest)
	case "digits":
		return "digits", digits(s)
	case "token":
		return "identifier without white space", !strings.ContainsFunc(s, blank)
	}
	return format, false
}

func blank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

func digits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}
