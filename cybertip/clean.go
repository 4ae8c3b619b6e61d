package cybertip

import (
	"reflect"
	"strings"
	"unicode/utf8"
)

// Clean replaces in r what XML cannot hold (control characters, surrogates, U+FFFE, U+FFFF, bytes
// that are no UTF-8) by U+FFFD, one for one, and returns the paths of the texts it changed, in wire
// order. Nothing disappears without a mark; keep the paths with the report. Changes go through
// the slices and pointers of r.
func Clean(r *Report) []string { return clean(reportTree, reflect.ValueOf(r).Elem(), "/report") }

// CleanFileDetails is Clean for the details of a file.
func CleanFileDetails(d *FileDetails) []string {
	return clean(fileTree, reflect.ValueOf(d).Elem(), "/fileDetails")
}

func clean(tree *element, v reflect.Value, root string) (changed []string) {
	visit(tree, v, root, func(path string, _ *element, v reflect.Value) {
		if v.Kind() != reflect.String || holdable(v.String()) {
			return
		}
		v.SetString(strings.Map(func(r rune) rune {
			if xmlRune(r) {
				return r
			}
			return utf8.RuneError
		}, v.String())) // Map turns each byte that is no UTF-8 into U+FFFD
		changed = append(changed, path)
	})
	return changed
}

// holdable reports whether XML 1.0 can hold s unchanged.
func holdable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !xmlRune(r) {
			return false
		}
	}
	return true
}

// xmlRune is the Char production of XML 1.0, section 2.2.
func xmlRune(r rune) bool {
	switch {
	case r < 0x20:
		return r == '\t' || r == '\n' || r == '\r'
	case r <= 0xD7FF, r >= 0xE000 && r <= 0xFFFD, r >= 0x10000 && r <= 0x10FFFF:
		return true
	}
	return false
}
