package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/houvast/houvast"
)

// file writes a configuration file and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	walk(reflect.TypeFor[Config](), "", nil, func(key string, sf reflect.StructField, index []int) {
		if index == nil {
			return // of a repeated table
		}
		if msg, _ := inRange(reflect.ValueOf(Default()).FieldByIndex(index), sf); msg != "" {
			t.Errorf("the default of %s %s", key, msg)
		}
	})
}

// Every key reaches its field: each is set to a value of its own and read back.
func TestLoadEveryKey(t *testing.T) {
	text := map[string]string{}
	want := map[string]string{}
	n := 0
	walk(reflect.TypeFor[Config](), "", nil, func(key string, sf reflect.StructField, _ []int) {
		n++
		table, name, _ := cutLast(key)
		one := strings.Split(sf.Tag.Get("one"), "|")[0]
		var line string
		switch v := fmt.Sprintf("v%d", n); {
		case sf.Type.Kind() == reflect.Slice:
			line, want[key] = fmt.Sprintf("[%q]", one), "["+one+"]"
		case one != "":
			line, want[key] = fmt.Sprintf("%q", one), one
		case sf.Type.Kind() == reflect.Bool:
			line, want[key] = "true", "true"
		case sf.Type.Kind() == reflect.Int:
			line, want[key] = sf.Tag.Get("max"), sf.Tag.Get("max")
		case sf.Tag.Get("file") != "":
			line, want[key] = fmt.Sprintf("%q", "/"+v), "/"+v
		default:
			line, want[key] = fmt.Sprintf("%q", v), v
		}
		text[table] += name + " = " + line + "\n"
	})
	var b strings.Builder
	b.WriteString(text[""])
	for table, lines := range text {
		switch table {
		case "":
		case "recipient":
			fmt.Fprintf(&b, "[[%s]]\n%s", table, lines)
		default:
			fmt.Fprintf(&b, "[%s]\n%s", table, lines)
		}
	}
	c, err := Load(file(t, b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Recipients) != 1 {
		t.Fatalf("%d recipients", len(c.Recipients))
	}
	walk(reflect.TypeFor[Config](), "", nil, func(key string, sf reflect.StructField, index []int) {
		var got reflect.Value
		if index == nil {
			got = reflect.ValueOf(c.Recipients[0]).FieldByIndex(sf.Index)
		} else {
			got = reflect.ValueOf(c).FieldByIndex(index)
		}
		if s := fmt.Sprint(got.Interface()); s != want[key] {
			t.Errorf("%s = %s, want %s", key, s, want[key])
		}
	})
	t.Logf("config: %d keys set and read", n)
}

// What is wrong with a file is said with file, line and key, and with a hint where there is one.
func TestLoadRefuses(t *testing.T) {
	for _, c := range []struct{ text, want, hint string }{
		{"profile = \"platform\"\n\nlistne = \"localhost:1\"\n", `3: unknown key "listne"`, `did you mean "listen"?`},
		{"# a\n[sandbox]\n# b\nsise = 2\n", `4: unknown key "sandbox.sise"`, `did you mean "sandbox.size"?`},
		{"megapixels = 2\n", `1: unknown key "megapixels"`, `"megapixels" belongs below [limits]`},
		{"[sandbocks]\nsize = 2\n", `1: unknown key "sandbocks"`, `did you mean "sandbox"?`},
		{"zzzzzzzzzzzz = 1\n", `1: unknown key "zzzzzzzzzzzz"`, "docs/config.md lists every key"},
		{"[[recipient]]\nname = \"a\"\n[[recipient]]\n\nnaam = \"b\"\n", `5: unknown key "recipient.naam"`, `did you mean "recipient.name"?`},
		{"Listen = \"localhost:1\"\n", `1: unknown key "Listen"`, `did you mean "listen"?`},
		{"team = { self_approval = true,\n other = 1 }\n", `1: unknown key "team.other"`, "docs/config.md lists every key"},

		{"listen = 8080\n", "1: listen must be a text in quotes, not a whole number", ""},
		{"insecure = \"yes\"\n", "1: insecure must be true or false, not a text", ""},
		{"[limits]\nupload_mib = 1.5\n", "2: limits.upload_mib must be a whole number, not a number with a fraction", ""},
		{"[sandbox]\nallow_missing = \"landlock\"\n", "2: sandbox.allow_missing must be a list of texts, not a text", ""},
		{"[sandbox]\nallow_missing = [1]\n", "2: sandbox.allow_missing must be a list of texts, not a list", ""},
		{"data = 2026-01-01\n", "1: data must be a text in quotes, not a date", ""},
		{"sandbox = 3\n", "1: sandbox must be a table, not a whole number", "write it as [sandbox] with its keys below"},
		{"[recipient]\nname = \"a\"\n", "1: recipient must be a list of tables, not a table", "write each one as [[recipient]] with its keys below"},
		{"[listen]\n", "1: listen must be a text in quotes, not a table", ""},

		{"profile = \"platfrom\"\n", "1: profile must be one of platform, hotline, helpline, police, practice", `did you mean "platform"?`},
		{"[sandbox]\nallow_missing = [\n  \"landlock\",\n  \"seccom\",\n]\n", "2: sandbox.allow_missing must be one of landlock, seccomp, rlimits", `did you mean "seccomp"?`},
		{"[sandbox]\ncpu_seconds = 0\n", "2: sandbox.cpu_seconds must be from 1 to 600, not 0", ""},
		{"[limits]\nundo_hours = 999\n", "2: limits.undo_hours must be from 1 to 168, not 999", ""},
		{"data = \"a\\u0000b\"\n", "1: data has a control character in it", ""},
		{"[reporter]\nterms = \"\"\"\n" + strings.Repeat("x", maxText+1) + "\"\"\"\n", "2: reporter.terms is longer than 16384 bytes", ""},
		{"database = \"postgres://u:hunter2@h/d\"\n", "1: database holds a password, which may not stand in this file", "put the address into database_file or the environment variable HOUVAST_DATABASE"},
		{"database = \"postgres://h/d?password=hunter2\"\n", "1: database holds a password, which may not stand in this file", "put the address into database_file or the environment variable HOUVAST_DATABASE"},

		{"a = 1\nb = \n", "2: expected value but found '\\n' instead", "the file is TOML 1.0: key = value, [table], [[table of a list]]"},
		{"data = \"a\"\ndata = \"b\"\n", "2: Key 'data' has already been defined", "the file is TOML 1.0: key = value, [table], [[table of a list]]"},
		{"x = 1\ny = 2\nlisten = 3\n", `1: unknown key "x"`, "docs/config.md lists every key"},
	} {
		path := file(t, c.text)
		_, err := Load(path)
		if err == nil {
			t.Errorf("%q was accepted", c.text)
			continue
		}
		if got := err.Error(); got != path+":"+c.want {
			t.Errorf("%.60q:\n got %s\nwant %s", c.text, got, path+":"+c.want)
		}
		if got := houvast.HintOf(err); got != c.hint {
			t.Errorf("%.60q: hint %q, want %q", c.text, got, c.hint)
		}
		if houvast.KindOf(err) != houvast.Invalid {
			t.Errorf("%.60q: kind %s", c.text, houvast.KindOf(err))
		}
		if strings.Contains(err.Error()+houvast.HintOf(err), "hunter2") {
			t.Errorf("%.60q: the error shows the password", c.text)
		}
	}
}

func TestLoadMissingAndHuge(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(filepath.Join(dir, "none.toml"))
	if houvast.KindOf(err) != houvast.NotFound || houvast.CodeOf(err) != "config-missing" || !strings.HasSuffix(err.Error(), "none.toml: there is no such file") {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Load(dir); houvast.CodeOf(err) != "config-unreadable" {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Load(file(t, strings.Repeat("#", maxFile+1))); houvast.KindOf(err) != houvast.TooLarge {
		t.Errorf("a huge file: %v", err)
	}
	if _, err := Load(file(t, strings.Repeat("#", maxFile))); err != nil {
		t.Errorf("the largest file: %v", err)
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	path := file(t, "data = \"d\"\ndatabase_file = \"/abs\"\n[[recipient]]\npassword_file = \"../p\"\n")
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	if c.Data != filepath.Join(dir, "d") || c.DatabaseFile != "/abs" || c.Recipients[0].PasswordFile != filepath.Join(filepath.Dir(dir), "p") || c.Audit.MirrorFile != "" {
		t.Errorf("data %q, database_file %q, password_file %q", c.Data, c.DatabaseFile, c.Recipients[0].PasswordFile)
	}
}

// Default, file, environment, flag: the later wins, and an error names the one that won.
func TestSteps(t *testing.T) {
	path := file(t, "listen = \"localhost:1\"\npublic_listen = \"localhost:2\"\nmedia_listen = \"localhost:3\"\ndatabase_file = \"/x\"\n")
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	before := c
	env := map[string]string{
		"HOUVAST_PUBLIC_LISTEN": "localhost:22", "HOUVAST_MEDIA_LISTEN": "localhost:33", "HOUVAST_SANDBOX_SIZE": "7",
		"HOUVAST_SANDBOX_ALLOW_MISSING": "landlock, seccomp", "HOUVAST_INSECURE": "true", "HOUVAST_LISTEN": "",
		"HOUVAST_DATABASE": "postgres://u:p@h/d", "HOUVAST_RECIPIENT_NAME": "x",
	}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	if err := c.Environment(lookup); err != nil {
		t.Fatal(err)
	}
	if err := c.Set("media_listen", "nowhere", "--media-listen"); err != nil {
		t.Fatal(err)
	}
	if c.Listen != "localhost:1" || c.PublicListen != "localhost:22" || c.MediaListen != "nowhere" || c.Sandbox.Size != 7 || !c.Insecure ||
		!reflect.DeepEqual(c.Sandbox.AllowMissing, []string{"landlock", "seccomp"}) || c.Limits.UploadMiB != 100 || len(c.Recipients) != 0 {
		t.Errorf("the steps gave %+v", c)
	}
	if c.Database != "postgres://u:p@h/d" || c.DatabaseFile != "" {
		t.Errorf("the database of the environment did not replace that of the file: %q", c.DatabaseFile)
	}
	if err := c.Validate(); err == nil || err.Error() != "--media-listen: media_listen is not host:port" {
		t.Errorf("Validate named another place: %v", err)
	}
	if before.origin["media_listen"] != path+":3" {
		t.Errorf("a copy made before changed with it: %v", before.origin)
	}
	env["HOUVAST_DATABASE_FILE"] = "/y"
	if err := c.Environment(lookup); err != nil {
		t.Fatal(err)
	}
	if err := c.Set("media_listen", "localhost:3", "--media-listen"); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err == nil || err.Error() != "HOUVAST_DATABASE_FILE: database_file and database are both set" {
		t.Errorf("two databases in one step: %v", err)
	}
}

func TestSetRefuses(t *testing.T) {
	for _, c := range []struct{ key, value, source, want string }{
		{"sandbox.size", "many", "HOUVAST_SANDBOX_SIZE", "HOUVAST_SANDBOX_SIZE: sandbox.size must be a whole number"},
		{"sandbox.size", "300", "HOUVAST_SANDBOX_SIZE", "HOUVAST_SANDBOX_SIZE: sandbox.size must be from 0 to 256, not 300"},
		{"insecure", "ja", "--insecure", "--insecure: insecure must be true or false"},
		{"profile", "hotlin", "--profile", "--profile: profile must be one of platform, hotline, helpline, police, practice"},
		{"recipient.name", "x", "--x", `--x: unknown key "recipient.name"`},
		{"database", "postgres://u:hunter2@h/d", "--database", "--database: database holds a password, which everybody on this machine could see"},
	} {
		d := Default()
		err := d.Set(c.key, c.value, c.source)
		if err == nil || err.Error() != c.want || houvast.KindOf(err) != houvast.Invalid {
			t.Errorf("Set(%q, %q): %v, want %s", c.key, c.value, err, c.want)
		}
		if e := Default(); !reflect.DeepEqual(d, e) {
			t.Errorf("a refused Set(%q) changed the configuration", c.key)
		}
	}
}

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	for i, c := range []struct {
		text, want string
		ok         bool
	}{
		{"s3cret\n", "s3cret", true}, {"s3cret\r\n", "s3cret", true}, {" s ", " s ", true}, {strings.Repeat("x", maxSecret), strings.Repeat("x", maxSecret), true},
		{"", "", false}, {"\n", "", false}, {"two\nlines\n", "", false}, {strings.Repeat("x", maxSecret+1), "", false}, {"a\x00b", "", false},
	} {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadSecret(path)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("%.20q: %.20q, %v", c.text, got, err)
		}
		if err != nil && (!strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "two")) {
			t.Errorf("%.20q: the error says %v", c.text, err)
		}
	}
	if _, err := ReadSecret(filepath.Join(dir, "none")); houvast.CodeOf(err) != "config-secret" {
		t.Errorf("no file: %v", err)
	}
	c := Config{DatabaseFile: filepath.Join(dir, "0")}
	if u, err := c.DatabaseURL(); u != "s3cret" || err != nil {
		t.Errorf("DatabaseURL: %q, %v", u, err)
	}
	if u, err := (Config{Database: "postgres://h/d"}).DatabaseURL(); u != "postgres://h/d" || err != nil {
		t.Errorf("DatabaseURL: %q, %v", u, err)
	}
}
