package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// simpleType is a type of text: a built-in one of XML Schema and what narrows it.
type simpleType struct {
	base     string // xs:string, xs:boolean ...
	values   []string
	pattern  string
	min, max int64 // both 0: no range
	fixed    string
	fallback string // the value of an empty element
}

// builtins are the lexical rules of the XML Schema types in use. Each gets text without surrounding
// space, except string.
var builtins = map[string]func(string) bool{
	"string":   func(string) bool { return true },
	"token":    func(string) bool { return true },
	"boolean":  func(v string) bool { return v == "true" || v == "false" || v == "1" || v == "0" },
	"int":      func(v string) bool { return integer(v, 32) },
	"long":     func(v string) bool { return integer(v, 64) },
	"double":   doublePattern.MatchString,
	"dateTime": func(v string) bool { _, ok := ParseDateTime(v); return ok },
	"date":     validDate,
}

var (
	doublePattern   = regexp.MustCompile(`^([+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|-?INF|NaN)$`)
	integerPattern  = regexp.MustCompile(`^[+-]?[0-9]+$`)
	datePattern     = regexp.MustCompile(`^(-?(?:[1-9][0-9]{4,8}|[0-9]{4}))-([0-9]{2})-([0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})?$`)
	dateTimePattern = regexp.MustCompile(`^(-?(?:[1-9][0-9]{4,8}|[0-9]{4}))-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?$`)
)

// xmlSpace is white space by XML, which is less than by Unicode.
const xmlSpace = " \t\r\n"

// Collapse is what XML Schema does to the text of every type but string before it is read.
func Collapse(v string) string {
	return strings.Join(strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(xmlSpace, r) }), " ")
}

// check returns why v is not of the type, in the words a Xerces parser uses, or "".
func (t *simpleType) check(name, v string) string {
	kind := strings.TrimPrefix(t.base, "xs:")
	given := v
	if kind != "string" {
		v = Collapse(v)
	}
	if !builtins[kind](v) || !bare(kind, given) {
		return fmt.Sprintf("cvc-datatype-valid.1.2.1: '%s' is not a valid value for '%s'.", clip(v), kind)
	}
	if t.values != nil && !slices.Contains(t.values, v) {
		return fmt.Sprintf("cvc-enumeration-valid: Value '%s' is not facet-valid with respect to enumeration '[%s]'. It must be a value from the enumeration.", clip(v), strings.Join(t.values, ", "))
	}
	if t.pattern != "" && !regexp.MustCompile("^(?:"+t.pattern+")$").MatchString(v) {
		return fmt.Sprintf("cvc-pattern-valid: Value '%s' is not facet-valid with respect to pattern '%s' for type '%s'.", clip(v), t.pattern, name)
	}
	if t.min != 0 || t.max != 0 {
		n, _ := strconv.ParseInt(v, 10, 64) // integer said yes
		if n < t.min {
			return fmt.Sprintf("cvc-minInclusive-valid: Value '%s' is not facet-valid with respect to minInclusive '%d' for type '%s'.", clip(v), t.min, name)
		}
		if n > t.max {
			return fmt.Sprintf("cvc-maxInclusive-valid: Value '%s' is not facet-valid with respect to maxInclusive '%d' for type '%s'.", clip(v), t.max, name)
		}
	}
	return ""
}

// bare reports whether libxml2 takes the space around v. The standard drops space around every type
// but string; libxml2 does so for some only, and Xerces for all. What either refuses is refused.
func bare(kind, v string) bool {
	trimmed := strings.Trim(v, xmlSpace)
	switch kind {
	case "int", "long", "date":
		return v == trimmed
	case "double":
		return !strings.Contains(v, "N") || strings.HasSuffix(v, trimmed) // INF, NaN: only before it
	case "dateTime": // behind one with a zone
		m := dateTimePattern.FindStringSubmatch(trimmed)
		return v == trimmed || m != nil && m[8] != "" && strings.HasPrefix(v, trimmed)
	}
	return true
}

// clip keeps a description readable: the first 80 bytes of a value, whole characters.
func clip(v string) string {
	if len(v) <= 80 {
		return v
	}
	return strings.ToValidUTF8(v[:80], "") + "..."
}

func integer(v string, bits int) bool {
	if !integerPattern.MatchString(v) {
		return false
	}
	_, err := strconv.ParseInt(v, 10, bits)
	return err == nil
}

func validDate(v string) bool {
	m := datePattern.FindStringSubmatch(v)
	return m != nil && validDay(m[1], m[2], m[3]) && validZone(m[4])
}

// ParseDateTime reads an xs:dateTime. One without a zone is taken for UTC; the schema allows it.
func ParseDateTime(v string) (time.Time, bool) {
	m := dateTimePattern.FindStringSubmatch(v)
	if m == nil || !validDay(m[1], m[2], m[3]) || !validZone(m[8]) {
		return time.Time{}, false
	}
	var n [6]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1]) // digits only, at most nine
	}
	midnight := n[3] == 24 && n[4] == 0 && n[5] == 0 && strings.Trim(m[7], ".0") == ""
	if !midnight && n[3] > 23 || n[4] > 59 || n[5] > 59 {
		return time.Time{}, false
	}
	frac, _ := strconv.ParseFloat("0"+m[7], 64)
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], int(frac*1e9), time.UTC)
	return t.Add(-zone(m[8])), true
}

func validDay(year, month, day string) bool {
	y, _ := strconv.Atoi(year)
	m, _ := strconv.Atoi(month)
	d, _ := strconv.Atoi(day)
	if y == 0 || m < 1 || m > 12 || d < 1 {
		return false
	}
	return d <= time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func validZone(z string) bool {
	return z == "" || z == "Z" || z[4:] <= "59" && zone(z).Abs() <= 14*time.Hour
}

// zone returns the offset of "+hh:mm"; 0 for "" and "Z".
func zone(z string) time.Duration {
	if len(z) != 6 {
		return 0
	}
	h, _ := strconv.Atoi(z[1:3])
	m, _ := strconv.Atoi(z[4:])
	d := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	if z[0] == '-' {
		return -d
	}
	return d
}
