package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/houvast/houvast"
)

// The most bytes of a configuration file, and of one text in it.
const (
	maxFile = 1 << 20
	maxText = 16 << 10
)

// Load returns Default with the file at path laid over it. A file that is not there is an error of
// kind NotFound; everything else that is wrong with it is of kind Invalid, and names the file as path
// does, the line and the key. Of several faults it reports the first. Load judges each value alone;
// call Validate when the environment and the flags have had their say.
func Load(path string) (Config, error) {
	const op = "config.Load"
	text, err := read(path)
	if err != nil {
		return Config{}, err
	}
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil {
		var pe toml.ParseError
		if errors.As(err, &pe) {
			return Config{}, houvast.Errorf(op, houvast.Invalid, "config-syntax", "%s:%d: %s", path, pe.Position.Line, strings.TrimSuffix(pe.Message, ".")).
				WithHint("the file is TOML 1.0: key = value, [table], [[table of a list]]")
		}
		return Config{}, houvast.Errorf(op, houvast.Invalid, "config-syntax", "%s: the file is not TOML", path)
	}
	c := Default()
	f := &filler{path: path, lines: lineIndex(text), origin: c.origin}
	f.table(reflect.ValueOf(&c).Elem(), tree, "")
	if len(f.faults) > 0 {
		first := slices.MinFunc(f.faults, func(a, b fault) int { return cmp.Or(a.line-b.line, strings.Compare(a.msg, b.msg)) })
		return Config{}, houvast.Errorf(op, houvast.Invalid, first.code, "%s:%d: %s", path, first.line, first.msg).WithHint("%s", first.hint)
	}
	return c, nil
}

func read(path string) (string, error) {
	const op = "config.Load"
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", houvast.Errorf(op, houvast.NotFound, "config-missing", "%s: there is no such file", path).
			WithHint("leave --config out to start with the defaults")
	}
	if err != nil {
		return "", houvast.Errorf(op, houvast.Invalid, "config-unreadable", "%s cannot be read: %w", path, errors.Unwrap(err))
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return "", houvast.Errorf(op, houvast.Invalid, "config-unreadable", "%s cannot be read: %w", path, errors.Unwrap(err))
	}
	if len(b) > maxFile {
		return "", houvast.Errorf(op, houvast.TooLarge, "config-too-large", "%s is larger than %d bytes", path, maxFile)
	}
	return string(b), nil
}

// A fault is one thing that is wrong in the file.
type fault struct {
	line            int
	code, msg, hint string
}

// A filler lays a TOML tree over a Config and collects what does not fit.
type filler struct {
	path   string
	lines  map[string]int
	origin map[string]string
	faults []fault
}

func (f *filler) wrong(key, code, hint, format string, args ...any) {
	f.faults = append(f.faults, fault{lineOf(f.lines, key), code, fmt.Sprintf(format, args...), hint})
}

// table fills the struct dst; at is the path of the table with its dot, "" for the whole file.
func (f *filler) table(dst reflect.Value, tree map[string]any, at string) {
	for name, v := range tree {
		key := at + name
		f.origin[key] = fmt.Sprintf("%s:%d", f.path, lineOf(f.lines, key))
		sf, known := byKey(dst.Type(), name)
		if !known {
			f.unknown(key)
			continue
		}
		field := dst.FieldByIndex(sf.Index)
		switch {
		case field.Kind() == reflect.Struct:
			if sub, ok := v.(map[string]any); ok {
				f.table(field, sub, key+".")
			} else {
				f.wrong(key, "config-type", "write it as ["+shown(key)+"] with its keys below", "%s must be a table, not %s", shown(key), kindOf(v))
			}
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
			f.tables(field, v, key)
		default:
			f.value(field, sf, v, key)
		}
	}
}

func (f *filler) tables(dst reflect.Value, v any, key string) {
	list, ok := v.([]map[string]any)
	if !ok {
		f.wrong(key, "config-type", fmt.Sprintf("write each one as [[%s]] with its keys below", key), "%s must be a list of tables, not %s", key, kindOf(v))
		return
	}
	for i, sub := range list {
		at := fmt.Sprintf("%s[%d]", key, i)
		f.origin[at] = fmt.Sprintf("%s:%d", f.path, lineOf(f.lines, at))
		dst.Set(reflect.Append(dst, reflect.Zero(dst.Type().Elem())))
		f.table(dst.Index(i), sub, at+".")
	}
}

func (f *filler) value(dst reflect.Value, sf reflect.StructField, v any, key string) {
	if want := typed(dst, v); want != "" {
		f.wrong(key, "config-type", "", "%s must be %s, not %s", shown(key), want, kindOf(v))
		return
	}
	if msg, hint := inRange(dst, sf); msg != "" {
		f.wrong(key, "config-value", hint, "%s %s", shown(key), msg)
		return
	}
	if sf.Tag.Get("env") == "secret" && hasPassword(dst.String()) {
		f.wrong(key, "config-secret", "put the address into "+key+"_file or the environment variable "+variable(key), "%s holds a password, which may not stand in this file", key)
		return
	}
	if sf.Tag.Get("file") != "" && dst.String() != "" && !filepath.IsAbs(dst.String()) {
		dst.SetString(filepath.Join(filepath.Dir(f.path), dst.String()))
	}
}

func (f *filler) unknown(key string) {
	hint := "docs/config.md lists every key"
	if close := near(shown(key), keys()); close != "" {
		hint = fmt.Sprintf("did you mean %q?", close)
		if table, name, nested := cutLast(close); nested && name == key {
			hint = fmt.Sprintf("%q belongs below [%s]", name, table)
		}
	}
	name := shown(key)
	if len(name) > maxKey {
		name = name[:maxKey] + "…"
	}
	f.wrong(key, "config-unknown-key", hint, "unknown key %q", name)
}

// typed stores v in dst when the types agree; otherwise it says what was wanted.
func typed(dst reflect.Value, v any) (want string) {
	switch dst.Kind() {
	case reflect.String:
		if s, ok := v.(string); ok {
			dst.SetString(s)
			return ""
		}
		return "a text in quotes"
	case reflect.Bool:
		if b, ok := v.(bool); ok {
			dst.SetBool(b)
			return ""
		}
		return "true or false"
	case reflect.Int:
		if n, ok := v.(int64); ok {
			dst.SetInt(n)
			return ""
		}
		return "a whole number"
	}
	const list = "a list of texts"
	items, ok := v.([]any)
	if !ok {
		return list
	}
	var texts []string
	for _, item := range items {
		s, ok := item.(string)
		if !ok {
			return list
		}
		texts = append(texts, s)
	}
	dst.Set(reflect.ValueOf(texts))
	return ""
}

// inRange checks a value against the tags of its field.
func inRange(v reflect.Value, sf reflect.StructField) (msg, hint string) {
	if low := sf.Tag.Get("min"); low != "" {
		least, _ := strconv.ParseInt(low, 10, 64)
		most, _ := strconv.ParseInt(sf.Tag.Get("max"), 10, 64)
		if v.Int() < least || v.Int() > most {
			return fmt.Sprintf("must be from %d to %d, not %d", least, most, v.Int()), ""
		}
	}
	var texts []string
	switch v.Kind() {
	case reflect.String:
		texts = []string{v.String()}
	case reflect.Slice:
		texts = v.Interface().([]string)
	}
	allowed := strings.Split(sf.Tag.Get("one"), "|")
	for _, s := range texts {
		switch {
		case len(s) > maxText:
			return fmt.Sprintf("is longer than %d bytes", maxText), ""
		case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' }):
			return "has a control character in it", ""
		case sf.Tag.Get("one") != "" && s != "" && !slices.Contains(allowed, s):
			if close := near(s, allowed); close != "" {
				hint = fmt.Sprintf("did you mean %q?", close)
			}
			return fmt.Sprintf("must be one of %s", strings.Join(allowed, ", ")), hint
		}
	}
	return "", ""
}

// hasPassword reports whether an address carries a password, in either place where one may stand.
func hasPassword(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return true // it cannot be told, and a secret may not slip through
	}
	_, set := u.User.Password()
	return set || u.Query().Has("password") || strings.Contains(address, "password=")
}

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a fraction"
	case time.Time:
		return "a date"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "a list of tables"
	}
	return "a list"
}
