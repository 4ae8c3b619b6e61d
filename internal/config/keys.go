package config

import (
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"strings"

	"github.com/houvast/houvast"
)

// walk calls visit for every field that holds a value, in the order of the structs. The key of a
// field in a repeated table is that of the table and its own: "recipient.url".
func walk(t reflect.Type, prefix string, index []int, visit func(key string, sf reflect.StructField, index []int)) {
	for i := range t.NumField() {
		sf := t.Field(i)
		name := sf.Tag.Get("toml")
		if name == "" {
			continue
		}
		at := append(append([]int{}, index...), i)
		switch {
		case sf.Type.Kind() == reflect.Struct:
			walk(sf.Type, prefix+name+".", at, visit)
		case repeated(sf.Type):
			walk(sf.Type.Elem(), prefix+name+".", nil, visit) // no index: there may be none or many
		default:
			if index == nil && prefix != "" {
				at = nil
			}
			visit(prefix+name, sf, at)
		}
	}
}

func repeated(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct
}

// keys returns every known key, tables before what is in them.
func keys() (all []string) {
	seen := map[string]bool{}
	walk(reflect.TypeFor[Config](), "", nil, func(key string, _ reflect.StructField, _ []int) {
		if table, _, nested := cutLast(key); nested && !seen[table] {
			seen[table] = true
			all = append(all, table)
		}
		all = append(all, key)
	})
	return all
}

func byKey(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if sf := t.Field(i); sf.Tag.Get("toml") == name {
			return sf, true
		}
	}
	return reflect.StructField{}, false
}

// shown is a key as a person writes it, without the numbers of repeated tables.
func shown(key string) string {
	for {
		open := strings.IndexByte(key, '[')
		if open < 0 {
			return key
		}
		shut := strings.IndexByte(key[open:], ']')
		if shut < 0 {
			return key
		}
		key = key[:open] + key[open+shut+1:]
	}
}

func cutLast(key string) (table, name string, nested bool) {
	i := strings.LastIndexByte(key, '.')
	if i < 0 {
		return "", key, false
	}
	return key[:i], key[i+1:], true
}

// variable is the environment variable of a key.
func variable(key string) string {
	return "HOUVAST_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// Environment lays the environment over c: the key sandbox.size is HOUVAST_SANDBOX_SIZE. A variable
// that is empty counts as not set; recipients come from the file only. lookup is os.LookupEnv.
func (c *Config) Environment(lookup func(name string) (string, bool)) error {
	var first error
	walk(reflect.TypeFor[Config](), "", nil, func(key string, _ reflect.StructField, index []int) {
		if v, ok := lookup(variable(key)); ok && v != "" && index != nil && first == nil {
			first = c.Set(key, v, variable(key))
		}
	})
	return first
}

// Set lays one value over c, as text: a list is separated by commas. Source is what an error names as
// the place, such as "--listen" or "HOUVAST_LISTEN". The error is of kind Invalid and never quotes the
// value. A relative path stays relative to the folder in which the program was started.
func (c *Config) Set(key, value, source string) error {
	const op = "config.Set"
	refuse := func(code, hint, format string, args ...any) error {
		return houvast.Errorf(op, houvast.Invalid, code, "%s: %s", source, fmt.Sprintf(format, args...)).WithHint("%s", hint)
	}
	var at []int
	var sf reflect.StructField
	walk(reflect.TypeFor[Config](), "", nil, func(k string, f reflect.StructField, index []int) {
		if k == key {
			at, sf = index, f
		}
	})
	if at == nil {
		return refuse("config-unknown-key", "docs/config.md lists every key", "unknown key %q", key)
	}
	v := reflect.New(sf.Type).Elem()
	if want := typed(v, parsed(v.Kind(), value)); want != "" {
		return refuse("config-type", "", "%s must be %s", key, strings.TrimSuffix(want, " in quotes"))
	}
	if msg, hint := inRange(v, sf); msg != "" {
		return refuse("config-value", hint, "%s %s", key, msg)
	}
	if sf.Tag.Get("env") == "secret" && strings.HasPrefix(source, "-") && hasPassword(value) {
		return refuse("config-secret", "put the address into "+key+"_file or the environment variable "+variable(key), "%s holds a password, which everybody on this machine could see", key)
	}
	reflect.ValueOf(c).Elem().FieldByIndex(at).Set(v)
	c.origin = maps.Clone(c.origin)
	if c.origin == nil {
		c.origin = map[string]string{}
	}
	c.origin[key] = source
	c.oneDatabase(key)
	return nil
}

// oneDatabase lets the place of the database come from one step: an address in the environment
// replaces a file named in the configuration. Two in the same step stay, and Validate refuses them.
func (c *Config) oneDatabase(key string) {
	switch {
	case key == "database" && step(c.origin["database_file"]) != step(c.origin[key]):
		c.DatabaseFile = ""
	case key == "database_file" && step(c.origin["database"]) != step(c.origin[key]):
		c.Database = ""
	}
}

// step names the step that a source belongs to.
func step(source string) string {
	for _, s := range []string{"-", "HOUVAST_"} {
		if strings.HasPrefix(source, s) {
			return s
		}
	}
	return "file"
}

// parsed turns a text into what TOML would have made of it; what does not fit stays a text.
func parsed(kind reflect.Kind, value string) any {
	switch kind {
	case reflect.Bool:
		if b, err := strconv.ParseBool(value); err == nil {
			return b
		}
	case reflect.Int:
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return n
		}
	case reflect.Slice:
		var list []any
		for _, s := range strings.Split(value, ",") {
			if s = strings.TrimSpace(s); s != "" {
				list = append(list, s)
			}
		}
		return list
	}
	if kind == reflect.String {
		return value
	}
	return nil
}
