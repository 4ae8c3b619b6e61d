package password

import (
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access/secret"
)

const goodPassword secret.Secret = "four plain garden words"

// The reference implementation's own answer for argon2id, version 0x13 (phc-winner-argon2, src/test.c).
func TestArgonKnownAnswer(t *testing.T) {
	h, ok := Parse("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	if !ok || !h.Matches("password") {
		t.Error("the reference's hash is not recognised")
	}
	if h.Matches("Password") {
		t.Error("another password matches it")
	}
}

func TestPasswordHash(t *testing.T) {
	a, b := New(goodPassword), New(goodPassword)
	if a.Text() == b.Text() {
		t.Error("two hashes of one password are the same: there is no salt")
	}
	if !strings.HasPrefix(string(a.Text()), "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Error("the parameters are others")
	}
	back, ok := Parse(string(a.Text()))
	if !ok || back.cost != today || !back.Matches(goodPassword) || back.Matches(goodPassword+" ") || back.Matches("") {
		t.Error("the hash does not tell its password from others")
	}
	if n := Nobody(); n.cost != today || len(n.salt) != saltLen || len(n.tag) != tagLen || n.Matches("") || n.Matches(goodPassword) {
		t.Error("the hash of nobody differs in cost, or somebody's password matches it")
	}
}

func TestParse(t *testing.T) {
	const good = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	if _, ok := Parse(good); !ok {
		t.Fatal("the good one was refused, so this test shows nothing")
	}
	for _, c := range [][2]string{
		{"argon2id", "argon2i"}, {"argon2id", "argon2d"}, {"v=19", "v=16"}, {"$argon2id", "argon2id"},
		{"m=19456", "m=0"}, {"m=19456", "m=262145"}, {"m=19456", "m=4294967296"}, {"m=19456", "m=+19456"}, {"m=19456", "m=019456"}, {"m=19456", "m=-1"},
		{"t=2", "t=0"}, {"t=2", "t=11"}, {"p=1", "p=0"}, {"p=1", "p=5"}, {"p=1", "p=257"}, {"p=1", "p=1,x=1"},
		{"m=19456,t=2", "t=2,m=19456"}, {",p=1", ""},
		{"AAA$", "AAB$"}, // bits that decode to nothing
		{"$AAAAAAAAAAAAAAAAAAAAAA$", "$AAAA$"}, {"$AAAAAAAAAAAAAAAAAAAAAA$", "$$"}, {"AAAAAAAAAAAAAAAAAAAAAAA", ""},
		{good, good + "$"}, {good, good + "="}, {good, good + "\n"}, {good, " " + good}, {good, ""}, {good, strings.Repeat("$", 5)},
		{good, good + strings.Repeat("A", 300)},
	} {
		s := strings.Replace(good, c[0], c[1], 1)
		if _, ok := Parse(s); ok || s == good {
			t.Errorf("%q was taken", s)
		}
	}
}

func TestCheckPassword(t *testing.T) {
	for _, c := range []struct {
		pw secret.Secret
		ok bool
	}{
		{goodPassword, true},
		{"twelve chars", true},
		{"eleven char", false},
		{"", false},
		{"éééééé", false}, // twelve bytes, six characters
		{"éééééééééééé", true},
		{"alexandra.dewit", false},
		{"Alexandra.deWit", false},
		{"alexandra.dewit1", true},
		{secret.Secret(strings.Repeat("a", Max)), true},
		{secret.Secret(strings.Repeat("a", Max+1)), false},
		{"not \xff utf-8 text", false},
	} {
		err := Check("alexandra.dewit", c.pw)
		if (err == nil) != c.ok || err != nil && (houvast.CodeOf(err) != "bad-password" || houvast.HintOf(err) == "") {
			t.Errorf("%d bytes %.4q…: %v", len(c.pw), string(c.pw), err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(string(New(goodPassword).Text()))
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, s string) {
		h, ok := Parse(s)
		if ok && (string(h.Text()) != s || h.memory > most.memory || h.passes > most.passes || h.lanes > most.lanes) {
			t.Fatalf("%q was read as %q", s, string(h.Text()))
		}
	})
}

// One guess must cost an attacker tens of milliseconds; the figure is what a sign-in costs us.
func BenchmarkPassword(b *testing.B) {
	h := New(goodPassword)
	for b.Loop() {
		h.Matches(goodPassword)
	}
}
