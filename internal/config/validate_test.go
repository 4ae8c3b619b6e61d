package config

import (
	"strings"
	"testing"

	"github.com/houvast/houvast"
)

const (
	outside = "listen = \":443\"\n"
	urls    = "[url]\nconsole = \"https://c.example\"\nmedia = \"https://m.example\"\npublic = \"https://p.example\"\n"
	certs   = "[tls]\ncert_file = \"c.pem\"\nkey_file = \"k.pem\"\n"
)

func recipient(lines string) string {
	return "[[recipient]]\nname = \"a\"\nenvironment = \"practice\"\nurl = \"http://localhost:1\"\n[[recipient]]\n" + lines
}

func TestValidate(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"data = \"\"\n", "1: data is empty"},
		{"profile = \"hotline\"\n", "1: profile is set and jurisdiction is not"},
		{"jurisdiction = \"NL\"\n", "1: jurisdiction is set and profile is not"},
		{"profile = \"hotline\"\njurisdiction = \"BE\"\n", ""},
		{"profile = \"hotline\"\njurisdiction = \"be\"\n", "2: jurisdiction is not the code of a country"},
		{"profile = \"hotline\"\njurisdiction = \"UK\"\n", "2: jurisdiction is not the code of a country"},
		{"profile = \"hotline\"\njurisdiction = \"EU\"\n", "2: jurisdiction is not the code of a country"},
		{"profile = \"hotline\"\njurisdiction = \"NLD\"\n", "2: jurisdiction is not the code of a country"},

		{"database = \"mysql://h/d\"\n", "1: database must begin with postgres://"},
		{"database = \"postgres://u@h/d\"\n", ""},
		{"database = \"postgres://u@h/d\"\ndatabase_file = \"x\"\n", "2: database_file and database are both set"},

		{"listen = \"8080\"\n", "1: listen is not host:port"},
		{"listen = \"localhost:99999\"\n", "1: listen is not host:port"},
		{"listen = \"localhost:8081\"\n", ":public_listen is the same as listen"},
		{"listen = \"localhost:0\"\npublic_listen = \"localhost:0\"\n", ""},
		{"listen = \"\"\n", ""},
		{"listen = \"[::1]:8080\"\n", ""},
		{"listen = \"127.8.9.1:8080\"\n", ""},

		{outside, "1: listen can be reached from other machines, and there is no certificate"},
		{"media_listen = \"0.0.0.0:1\"\n" + urls, "1: media_listen can be reached from other machines, and there is no certificate"},
		{"listen = \"myhost:1\"\n" + urls, "1: listen can be reached from other machines, and there is no certificate"},
		{outside + certs, ":url.console is missing, and listen can be reached from other machines"},
		{outside + "insecure = true\n", ":url.console is missing, and listen can be reached from other machines"},
		{outside + certs + urls, ""},
		{outside + "insecure = true\n" + urls, ""},
		{outside + certs + strings.Replace(urls, "public", "#", 1), "5: url.public is missing, and listen can be reached from other machines"},
		{"public_listen = \"\"\n" + outside + certs + strings.Replace(urls, "public", "#", 1), ""},
		{"[tls]\ncert_file = \"c.pem\"\n", "1: tls has one of cert_file and key_file"},

		{"[url]\nconsole = \"c.example\"\n", "2: url.console is not a web address"},
		{"[url]\nconsole = \"http://c.example\"\n", "2: url.console is plain http to another machine"},
		{"insecure = true\n[url]\nconsole = \"http://c.example\"\n", ""},
		{"[url]\nconsole = \"http://localhost:8080\"\n", ""},
		{"[url]\nconsole = \"https://u:p@c.example\"\n", "2: url.console holds a user name or a password"},
		{"[url]\nconsole = \"https://c.example/path\"\n", "2: url.console has more than a scheme and a host"},
		{"[url]\nconsole = \"https://192.0.2.1\"\n", "2: url.console is a number, and passkeys need a name"},
		{strings.Replace(urls, "m.example", "c.example:444", 1), "3: url.media has the same host name as url.console, so cookies would reach it"},
		{strings.Replace(urls, "m.example", "p.example", 1), "3: url.media has the same host name as url.public, so cookies would reach it"},

		{recipient("name = \"b\"\nenvironment = \"test\"\nurl = \"https://x.example\"\nuser = \"u\"\npassword_file = \"p\"\n"), ""},
		{recipient("environment = \"test\"\n"), "5: recipient.name is missing or has other characters"},
		{recipient("name = \"B b\"\n"), "6: recipient.name is missing or has other characters"},
		{recipient("name = \"a\"\n"), "6: recipient.name is there twice"},
		{recipient("name = \"b\"\n"), "5: recipient.environment is missing"},
		{recipient("name = \"b\"\nenvironment = \"test\"\n"), "5: recipient.url is not a web address"},
		{recipient("name = \"b\"\nenvironment = \"test\"\nurl = \"http://x.example\"\n"), "8: recipient.url is plain http to another machine"},
		{recipient("name = \"b\"\nenvironment = \"test\"\nurl = \"http://localhost:1\"\n"), "8: recipient.url is plain http, which is for practice only"},
		{recipient("name = \"b\"\nenvironment = \"test\"\nurl = \"https://x.example\"\n"), "5: recipient has no credential"},
		{recipient("name = \"b\"\nenvironment = \"test\"\nurl = \"https://report.cybertip.org/ispws\"\n"), "7: recipient.environment is test, and the address is not"},
		{recipient("name = \"b\"\nenvironment = \"production\"\nurl = \"https://exttest.cybertip.org/ispws\"\n"), "7: recipient.environment is production, and the address is not"},
		{"profile = \"practice\"\njurisdiction = \"NL\"\n" + recipient("name = \"b\"\nenvironment = \"test\"\nurl = \"https://x.example\"\nuser = \"u\"\npassword_file = \"p\"\n"), "9: recipient.environment is test, and the profile is practice"},

		{"[reporter]\nemail = \"a@b.example, c@d.example\"\n", "2: reporter.email is not one mail address"},
		{"[reporter]\nemail = \"a@b.example\"\nphone_24h = \"+31 20 123 4567\"\nlegal_url = \"https://b.example/legal\"\n", ""},
		{"[reporter]\nphone_24h = \"020 1234567\"\n", "2: reporter.phone_24h is not an international telephone number"},
		{"[reporter]\nlegal_url = \"javascript:alert(1)\"\n", "2: reporter.legal_url is not a web address"},

		{"[retention]\nlaw = \"l\"\n", "1: retention names a law and no days"},
		{"[retention]\nlaw = \"l\"\ndays = 400\n", ""},

		{"[withhold]\nenabled = true\n", "2: withhold.enabled is true, but no webhook is set to withhold with"},
		{"[withhold]\nwebhook = \"https://p.example/w\"\n", "2: withhold.webhook is set without a secret"},
		{"[withhold]\nwebhook = \"http://p.example/w\"\nsecret_file = \"s\"\n", "2: withhold.webhook is plain http to another machine"},
		{"[withhold]\nenabled = true\nwebhook = \"https://p.example/w\"\nsecret_file = \"s\"\n", ""},
	} {
		path := file(t, c.text)
		conf, err := Load(path)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		err = conf.Validate()
		want := path + ":" + c.want
		if unset, ok := strings.CutPrefix(c.want, ":"); ok {
			want = unset // a default has no line
		}
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%q: %v", c.text, err)
		case c.want != "" && (err == nil || err.Error() != want):
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, want)
		case err != nil && (houvast.KindOf(err) != houvast.Invalid || houvast.CodeOf(err) != "config-value"):
			t.Errorf("%q: kind %s, code %s", c.text, houvast.KindOf(err), houvast.CodeOf(err))
		}
	}
}

func TestLineIndex(t *testing.T) {
	text := strings.Join([]string{
		`a = """`,           // 1
		`b = 1`,             // 2, inside a text
		`"""`,               // 3
		`"c" = [ # x = 1 [`, // 4
		`  'd = 1', "]",`,   // 5
		`]`,                 // 6
		`[ t . "u" ] # c`,   // 7
		`e.f = '''`,         // 8
		`g = 1'''`,          // 9
		`h = "\" = # ["`,    // 10
		`[[r]]`,             // 11
		`i = 1`,             // 12
		`  [[r]]`,           // 13
		"\ti = { j = 1 }\r", // 14
	}, "\n")
	got := lineIndex(text)
	for key, want := range map[string]int{
		"a": 1, "b": 0, "c": 4, "d": 0, "t.u": 7, "t.u.e.f": 8, "t.u.g": 0, "t.u.h": 10, "r": 11, "r[0]": 11, "r[0].i": 12, "r[1]": 13, "r[1].i": 14,
	} {
		if got[key] != want {
			t.Errorf("%s is on line %d, want %d", key, got[key], want)
		}
	}
	for key, want := range map[string]int{"r[1].i.j": 14, "t.u.x": 7, "none": 1, "none.x": 1, "r[1].none": 13} {
		if n := lineOf(got, key); n != want {
			t.Errorf("%s is looked for on line %d, want %d", key, n, want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("a = \"\"\"\n\\\"\"\"\"\"\n[x]\n'' = [\n{ b = 1 }]\n")
	f.Add(outside + certs + urls)
	f.Add("\"")
	f.Add("[[recipient]]\nname = \"a\"\n[[")
	f.Fuzz(func(t *testing.T, text string) {
		for key, n := range lineIndex(text) {
			if most := strings.Count(text, "\n") + 1; n < 1 || n > most {
				t.Errorf("%q is said to be on line %d of %d", key, n, most)
			}
		}
		if c, err := Load(file(t, text)); err == nil {
			_ = c.Validate()
		} else if k := houvast.KindOf(err); k != houvast.Invalid && k != houvast.TooLarge {
			t.Errorf("kind %s: %v", k, err)
		}
	})
}
