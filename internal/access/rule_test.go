package access

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/houvast/houvast"
)

// A caller is one kind of principal, by its column in testdata/rules.txt.
type caller struct {
	name string
	p    Principal
}

func callers() []caller {
	all := []caller{{"nobody", Principal{}}}
	for _, r := range Roles() {
		all = append(all, caller{string(r), Principal{Actor: "user:anna", Kind: KindUser, Roles: []Role{r}}})
	}
	for _, s := range Scopes() {
		all = append(all, caller{"key-" + string(s), Principal{Actor: "key:one", Kind: KindKey, Scopes: []Scope{s}}})
	}
	return append(all, caller{"cli", CLI(0)})
}

// A row is one line of the table as people agreed on it: a column a caller, and where it exists.
type row struct {
	is       map[string]bool // callers, and writes, setup, page
	profiles string          // "all", or names with commas between them
}

func (r row) in(p houvast.InstallationProfile) bool {
	return p == "" || r.profiles == "all" || slices.Contains(strings.Split(r.profiles, ","), string(p))
}

func readMatrix(t *testing.T) map[string]row {
	t.Helper()
	text, err := os.ReadFile("testdata/rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]row{}
	var columns []string
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || strings.HasPrefix(line, "#"):
		case columns == nil:
			columns = f[1:]
		case len(f) != len(columns)+1 || want[f[0]].is != nil:
			t.Fatalf("testdata/rules.txt: %q", line)
		default:
			last := len(columns) - 1
			r := row{map[string]bool{}, f[last+1]}
			for i, c := range columns[:last] {
				r.is[c] = f[i+1] == "x"
			}
			want[f[0]] = r
		}
	}
	return want
}

// refusal is the code with which a caller is sent away who may not do an operation.
func refusal(p Principal) (houvast.Kind, string) {
	switch p.Kind {
	case "":
		return houvast.Unauthenticated, "no-credential"
	case KindKey:
		return houvast.Forbidden, "wrong-scope"
	}
	return houvast.Forbidden, "role-missing"
}

// Every operation × every caller × every profile, against the table that people read.
func TestRulesMatchTheMatrix(t *testing.T) {
	want := readMatrix(t)
	n := 0
	for _, r := range Rules() {
		row, listed := want[r.Op]
		if !listed {
			t.Errorf("%s is not in testdata/rules.txt", r.Op)
			continue
		}
		delete(want, r.Op)
		if r.Page != row.is["page"] || r.Writes != row.is["writes"] || r.Setup != row.is["setup"] {
			t.Errorf("%s differs from testdata/rules.txt in page, writes or setup", r.Op)
		}
		for _, c := range callers() {
			may, known := row.is[c.name]
			if !known {
				t.Fatalf("testdata/rules.txt has no column %s", c.name)
			}
			for _, profile := range append(houvast.InstallationProfiles(), "") {
				n++
				err := Allow(r.Op, c.p, string(profile))
				kind, code := refusal(c.p)
				switch {
				case !row.in(profile):
					kind, code = houvast.NotFound, "not-in-profile"
				case may && profile == "" && (row.is["writes"] && !row.is["setup"] || row.profiles != "all"):
					kind, code = houvast.Unavailable, "no-profile"
				case may:
					if err != nil {
						t.Errorf("%s by %s in %q: %v", r.Op, c.name, profile, err)
					}
					continue
				}
				if err == nil || houvast.KindOf(err) != kind || houvast.CodeOf(err) != code || houvast.HintOf(err) == "" && code != "not-in-profile" {
					t.Errorf("%s by %s in %q: want %s, got %v (%s)", r.Op, c.name, profile, code, err, houvast.CodeOf(err))
				}
			}
		}
	}
	for op := range want {
		t.Errorf("%s is in testdata/rules.txt and has no rule", op)
	}
	if n == 0 {
		t.Fatal("nothing was tried")
	}
	t.Logf("%d operations, %d callers, %d questions", len(Rules()), len(callers()), n)
}

// Callers with nothing, with the wrong kind of right, or with everything of the wrong kind get
// nothing beyond what the matrix gives to their kind.
func TestRightsOfAnotherKindDoNotCount(t *testing.T) {
	for _, r := range Rules() {
		if r.Public {
			continue
		}
		for name, p := range map[string]Principal{
			"a user without roles":        {Kind: KindUser, Actor: "user:anna"},
			"a user with scopes":          {Kind: KindUser, Scopes: Scopes()},
			"a user with an unknown role": {Kind: KindUser, Roles: []Role{"", "root"}},
			"a key without scopes":        {Kind: KindKey, Actor: "key:one"},
			"a key with roles":            {Kind: KindKey, Roles: Roles()},
			"an unknown kind":             {Kind: "other", Roles: Roles(), Scopes: Scopes()},
			"no kind":                     {Roles: Roles(), Scopes: Scopes(), Actor: "user:anna"},
		} {
			if Allow(r.Op, p, string(houvast.ProfilePractice)) == nil {
				t.Errorf("%s by %s", r.Op, name)
			}
		}
	}
	if err := Allow("audit.export", Principal{Kind: KindCLI, Roles: Roles()}, string(houvast.ProfilePractice)); err != nil {
		t.Error("the control shows nothing:", err)
	}
}

func TestNoRule(t *testing.T) {
	for _, op := range []string{"", "items", "items.delete", "Items.create", "health ", "*"} {
		for _, c := range callers() {
			if err := Allow(op, c.p, string(houvast.ProfilePlatform)); houvast.KindOf(err) != houvast.Internal || houvast.CodeOf(err) != "no-rule" {
				t.Errorf("%q by %s: %v", op, c.name, err)
			}
		}
	}
	if err := Allow("health", Principal{}, "Platform"); houvast.KindOf(err) != houvast.Internal {
		t.Error("an unknown profile:", err)
	}
}

// What somebody may write who decides nothing: own holds their own sessions and password, before
// holds what leads to a first account or changes no state of the installation.
var (
	own    = []string{"sessions.delete", "sessions.close", "sessions.lock", "password.change"}
	before = []string{"sessions.create", "sessions.unlock", "users.add", "setup.begin", "console.report", "console.language"}
)

// faults says in words what is wrong with a table, whatever its rows are.
func faults(rules []Rule) (wrong []string) {
	say := func(r Rule, format string, args ...any) { wrong = append(wrong, r.Op+" "+fmt.Sprintf(format, args...)) }
	seen := map[string]bool{}
	for _, r := range rules {
		noun, _, _ := strings.Cut(r.Op, ".")
		may := func(p Principal) bool { return decide(rules, r.Op, p, houvast.ProfilePractice) == nil }
		role := func(x Role) bool { return may(Principal{Kind: KindUser, Roles: []Role{x}}) }
		if r.Op == "" || seen[r.Op] {
			say(r, "stands twice or has no name")
		}
		seen[r.Op] = true
		if r.Public && (len(r.Roles)+len(r.Scopes) > 0 || r.CLI) {
			say(r, "is public and names who may")
		}
		if !r.Public && len(r.Roles)+len(r.Scopes) == 0 && !r.CLI {
			say(r, "is for nobody")
		}
		if r.Setup && !r.Writes {
			say(r, "is marked for setup and writes nothing")
		}
		if _, known := ordered(Roles(), r.Roles); !known {
			say(r, "names an unknown role")
		}
		if _, known := ordered(Scopes(), r.Scopes); !known {
			say(r, "names an unknown scope")
		}
		for _, p := range r.Profiles {
			if !slices.Contains(houvast.InstallationProfiles(), p) {
				say(r, "names an unknown profile")
			}
		}
		if slices.Contains(r.Roles, Auditor) && r.Writes && !slices.Contains(own, r.Op) {
			say(r, "lets an auditor write")
		}
		if r.Public && r.Writes && !r.Setup {
			say(r, "lets nobody write")
		}
		if r.Page && (len(r.Scopes) > 0 || r.CLI) {
			say(r, "is a page and lets a program in")
		}
		if noun == "reveals" && decide(rules, r.Op, Principal{Kind: KindUser, Roles: []Role{Reviewer}}, houvast.ProfileHelpline) == nil {
			say(r, "is there in a helpline")
		}
		if noun == "demo" && !slices.Equal(r.Profiles, []houvast.InstallationProfile{houvast.ProfilePractice}) {
			say(r, "is there outside practice")
		}
		if slices.Contains([]string{"cases", "reports", "review", "reveals", "actions"}, noun) {
			if role(Admin) {
				say(r, "lets an admin at cases")
			}
			for _, s := range Scopes() {
				if may(Principal{Kind: KindKey, Scopes: []Scope{s}}) {
					say(r, "lets a key at cases")
				}
			}
			if may(CLI(0)) && r.Writes && r.Op != "reports.file" && r.Op != "reports.retract" {
				say(r, "lets the command line decide")
			}
		}
		if slices.Contains([]string{"users", "keys"}, noun) && (role(Reviewer) || role(Approver) || role(Auditor)) {
			say(r, "lets others than admins give rights away")
		}
		if (r.Op == "cases.list" || r.Op == "actions.list") && role(Reviewer) {
			say(r, "lets reviewers pick")
		}
		if r.Writes && !r.Setup {
			for _, c := range callers() {
				if decide(rules, r.Op, c.p, "") == nil {
					say(r, "writes before a profile is chosen")
				}
			}
		}
		if r.Setup && !slices.Contains(own, r.Op) && !slices.Contains(before, r.Op) {
			say(r, "is marked for setup and is not needed for it")
		}
	}
	return wrong
}

// What must hold of any table, and a planted fault of each kind that must be found.
func TestRulesHaveNoFault(t *testing.T) {
	for _, w := range faults(Rules()) {
		t.Error(w)
	}
	all := houvast.InstallationProfiles()
	plants := []struct {
		says  string
		plant Rule
	}{
		{"x lets nobody write", Rule{Op: "x", Public: true, Writes: true}},
		{"x is a page and lets a program in", Rule{Op: "x", Page: true, CLI: true}},
		{"x is a page and lets a program in", Rule{Op: "x", Page: true, Scopes: []Scope{ScopeRead}}},
		{"reveals.x is there in a helpline", Rule{Op: "reveals.x", Roles: []Role{Reviewer}}},
		{"reveals.x is there in a helpline", Rule{Op: "reveals.x", Roles: []Role{Reviewer}, Profiles: all}},
		{"reveals.x lets an admin at cases", Rule{Op: "reveals.x", Roles: []Role{Admin}}},
		{"demo.x is there outside practice", Rule{Op: "demo.x", Public: true}},
		{"health stands twice or has no name", Rule{Op: "health", Public: true}},
		{"x is public and names who may", Rule{Op: "x", Public: true, Roles: []Role{Admin}}},
		{"x is for nobody", Rule{Op: "x"}},
		{"x is marked for setup and writes nothing", Rule{Op: "x", CLI: true, Setup: true}},
		{"x is marked for setup and is not needed for it", Rule{Op: "x", CLI: true, Setup: true, Writes: true}},
		{"x names an unknown role", Rule{Op: "x", Roles: []Role{"root"}}},
		{"x names an unknown scope", Rule{Op: "x", Scopes: []Scope{"all"}}},
		{"x names an unknown profile", Rule{Op: "x", CLI: true, Profiles: []houvast.InstallationProfile{"bank"}}},
		{"x lets an auditor write", Rule{Op: "x", Roles: []Role{Auditor}, Writes: true}},
		{"cases.x lets an admin at cases", Rule{Op: "cases.x", Roles: []Role{Admin}}},
		{"reports.x lets a key at cases", Rule{Op: "reports.x", Scopes: []Scope{ScopeRead}}},
		{"actions.x lets the command line decide", Rule{Op: "actions.x", CLI: true, Writes: true}},
		{"keys.x lets others than admins give rights away", Rule{Op: "keys.x", Roles: []Role{Approver}}},
	}
	for _, p := range plants {
		if !slices.Contains(faults(append(Rules(), p.plant)), p.says) {
			t.Errorf("not found: %s", p.says)
		}
	}
	widened := Rules()
	for i := range widened {
		if widened[i].Op == "cases.list" {
			widened[i].Roles = append(widened[i].Roles, Reviewer)
		}
	}
	if !slices.Contains(faults(widened), "cases.list lets reviewers pick") {
		t.Error("not found: reviewers pick")
	}
	t.Logf("%d planted faults found", len(plants)+1)
}

// A rule bound to profiles does not exist in the others.
func TestRuleOfSomeProfiles(t *testing.T) {
	rules := append(Rules(), Rule{Op: "x.look", Roles: []Role{Reviewer}, Profiles: []houvast.InstallationProfile{houvast.ProfilePolice, houvast.ProfileHotline}},
		Rule{Op: "x.open", Public: true, Profiles: []houvast.InstallationProfile{houvast.ProfilePolice}})
	anna := Principal{Kind: KindUser, Roles: []Role{Reviewer}}
	for _, c := range []struct {
		op      string
		profile houvast.InstallationProfile
		code    string
		p       Principal
	}{
		{"x.look", houvast.ProfilePolice, "", anna},
		{"x.look", houvast.ProfileHotline, "", anna},
		{"x.look", houvast.ProfileHelpline, "not-in-profile", anna},
		{"x.look", houvast.ProfileHelpline, "not-in-profile", Principal{}},
		{"x.look", houvast.ProfilePolice, "no-credential", Principal{}},
		{"x.look", "", "no-profile", anna},
		{"x.open", houvast.ProfilePolice, "", Principal{}},
		{"x.open", houvast.ProfilePlatform, "not-in-profile", Principal{}},
		{"x.open", "", "no-profile", Principal{}},
	} {
		err := decide(rules, c.op, c.p, c.profile)
		if (err == nil) != (c.code == "") || err != nil && houvast.CodeOf(err) != c.code {
			t.Errorf("%s in %q by %q: %v", c.op, c.profile, c.p.Kind, err)
		}
	}
}

// The answers that hold a credential are marked, so that none is kept for a repeated request.
func TestSecretAnswersAreMarked(t *testing.T) {
	var marked []string
	for _, r := range Rules() {
		if r.Secret {
			marked = append(marked, r.Op)
		}
	}
	slices.Sort(marked)
	if !slices.Equal(marked, []string{"demo.enter", "keys.create", "password.change", "reveals.grant", "sessions.create", "sessions.unlock", "setup.begin"}) {
		t.Error(marked)
	}
}

// Who changes what Rules returned changes nothing for anybody else.
func TestRulesAreACopy(t *testing.T) {
	before := fmt.Sprint(Rules())
	for _, r := range Rules() {
		for i := range r.Roles {
			r.Roles[i] = Auditor
		}
		for i := range r.Scopes {
			r.Scopes[i] = ScopeRead
		}
		for i := range r.Profiles {
			r.Profiles[i] = houvast.ProfileHelpline
		}
	}
	if r, ok := RuleFor("cases.decide"); !ok || !slices.Equal(r.Roles, []Role{Reviewer}) || fmt.Sprint(Rules()) != before {
		t.Error("the table was changed from outside")
	}
	if _, ok := RuleFor("cases"); ok {
		t.Error("a rule that is not there was found")
	}
}

func BenchmarkAllow(b *testing.B) {
	p := CLI(0)
	for b.Loop() {
		if Allow("system.profile", p, string(houvast.ProfilePractice)) != nil {
			b.Fatal()
		}
	}
}
