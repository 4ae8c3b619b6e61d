package houvast_test

import (
	"fmt"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// soundHouse is a small house with every ring in it that breaks no rule. Each planted violation is
// added to it, so that what is reported can only come from what was planted.
var soundHouse = map[string]string{
	"doc.go":                    "// Package houvast is the vocabulary.\npackage houvast\n\n// An ID is one.\ntype ID int\n",
	"hashing/hashing.go":        "// Package hashing thinks.\npackage hashing\nimport _ \"M/hashing/pdq\"\n",
	"hashing/pdq/pdq.go":        "// Package pdq thinks.\npackage pdq\nimport _ \"M\"\nvar table = [...]int{1}\nvar curve = struct{ a int }{1}\nfunc f() { p, q := &table, &curve; _, _ = p, q; table := 1; table++ }\n",
	"hashing/decode/d.go":       "// Package decode decodes.\npackage decode\nimport _ \"image/png\"\n",
	"matching/matching.go":      "// Package matching thinks.\npackage matching\n",
	"cybertip/c.go":             "// Package cybertip is a wire format.\npackage cybertip\n",
	"cybertip/submit/s.go":      "// Package submit sends.\npackage submit\nimport (\n_ \"M/cybertip\"\n_ \"net/http\"\n)\n",
	"cybertip/submit/s_test.go": "package submit\nimport _ \"M/practice\"\n",
	"exchange/exchange.go":      "// Package exchange fetches.\npackage exchange\n",
	"practice/practice.go":      "// Package practice knows nothing.\npackage practice\nimport _ \"net/http\"\n",
	"internal/store/store.go":   "// Package store stores.\npackage store\n// Writer writes.\ntype Writer struct{}\n",
	"internal/draw/draw.go":     "// Package draw draws.\npackage draw\nimport _ \"image/jpeg\"\n",
	"internal/fault/on.go":      "//go:build faults\n\npackage fault\nvar hit map[string]bool\nfunc Hit(s string) { hit[s] = true }\n",
	"internal/fault/off.go":     "//go:build !faults\n\n// Package fault fails on purpose.\npackage fault\n",
	"locales/locales.go":        "// Package locales holds texts.\npackage locales\n",
	"internal/words/words.go":   "// Package words speaks.\npackage words\nimport _ \"M/locales\"\n",
	"internal/task/task.go":     "// Package task works.\npackage task\nimport \"M/internal/store\"\nvar _ store.Writer\n",
	"internal/bank/bank.go":     "// Package bank keeps hashes.\npackage bank\nimport _ \"M/exchange\"\n",
	"internal/bank/store.go":    "package bank\nimport _ \"M/internal/store\"\n",
	"internal/review/review.go": "// Package review decides.\npackage review\n",
	"internal/look/look.go":     "// Package look reads.\npackage look\nimport _ \"M/internal/store\"\n" + strings.Repeat("func _() {}\n", 30),
	"internal/pipeline/p.go":    "// Package pipeline walks.\npackage pipeline\nimport (\n_ \"M/internal/bank\"\n\"M/internal/store\"\n)\nvar _ store.Writer\n",
	"internal/console/c.go":     "// Package console shows.\npackage console\nimport (\n_ \"M/internal/pipeline\"\n_ \"net/http\"\n)\n",
	"cmd/houvast/main.go":       "// Houvast is the command.\npackage main\nimport (\n\"os\"\n_ \"M/hashing/decode\"\n_ \"M/practice\"\n)\nfunc main() { os.Exit(0) }\n",
}

// plant builds a tree from sources by file name; M stands for the module path.
func plant(t *testing.T, reached map[string][]string, sources ...map[string]string) *tree {
	t.Helper()
	all := map[string]string{}
	for _, s := range sources {
		maps.Copy(all, s)
	}
	tr := &tree{fset: token.NewFileSet()}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		src := strings.NewReplacer(`"M"`, `"`+module+`"`, `"M/`, `"`+module+`/`).Replace(all[name])
		if err := tr.add(name, []byte(src)); err != nil {
			t.Fatal(err)
		}
	}
	for key, deps := range reached { // "platform folder"
		platform, dir, _ := strings.Cut(key, " ")
		tr.pkg(dir).reach[platform] = deps
	}
	return tr
}

func TestSoundHouseIsQuiet(t *testing.T) {
	reached := map[string][]string{"linux/amd64 hashing": {"fmt", "os", "syscall"}, "js/wasm cybertip/submit": {"net/http"}}
	if found := plant(t, reached, soundHouse).inspect(); len(found) > 0 {
		t.Errorf("a house without a fault was reported:\n%s", strings.Join(found, "\n"))
	}
}

// A violation is code that breaks one rule, and the only sentence it may cause.
type violation struct {
	file, src string
	reached   map[string][]string
	want      string
}

// inRoom is a file of the review room with the given body.
func inRoom(body string) violation {
	return violation{file: "internal/review/new.go", src: "package review\n" + body + "\n"}
}

func (v violation) says(want string) violation {
	v.want = want
	return v
}

func violations() []violation {
	room := func(imported, want string) violation { return inRoom(`import _ "` + imported + `"`).says(want) }
	at := func(file, src, want string) violation { return violation{file: file, src: src, want: want} }
	blanks := func(n int) string { return strings.Repeat("\n", n) }
	function := func(n int) string { return "func f() {" + blanks(n-1) + "}\n" }
	return []violation{
		at("internal/ghost/g.go", "// Package ghost is new.\npackage ghost\n", "seen: internal/ghost is in no ring; give it a place in ARCHITECTURE.md and arch_test.go first"),

		room("M/internal/evidence", "rings: internal/review/new.go: internal/review may not import internal/evidence: rooms never import rooms, not even in a test; the pipeline is where they meet"),
		at("internal/review/a_test.go", "package review\nimport _ \"M/internal/bank\"\n", "rings: internal/review/a_test.go: internal/review may not import internal/bank: rooms never import rooms, not even in a test; the pipeline is where they meet"),
		room("M/internal/pipeline", "rings: internal/review/new.go: internal/review (rooms) may not import internal/pipeline (flow): imports point inwards"),
		room("M/internal/look", "rings: internal/review/new.go: internal/review (rooms) may not import internal/look (look): imports point inwards"),
		at("internal/look/new.go", "package look\nimport _ \"M/internal/review\"\n", "rings: internal/look/new.go: internal/look (look) may not import internal/review (rooms): they stand side by side"),
		at("internal/store/new.go", "package store\nimport _ \"M/internal/item\"\n", "rings: internal/store/new.go: internal/store (ground) may not import internal/item (rooms): imports point inwards"),
		at("internal/store/new.go", "package store\nimport _ \"M/internal/seal\"\n", "rings: internal/store/new.go: internal/store may not import internal/seal: both are ground and stand side by side"),
		at("internal/task/new.go", "package task\nimport _ \"M/internal/report\"\n", "rings: internal/task/new.go: internal/task (platform) may not import internal/report (rooms): imports point inwards"),
		at("matching/new.go", "package matching\nimport _ \"M/hashing/pdq\"\n", "rings: matching/new.go: matching may not import hashing/pdq: both are pure and stand side by side"),
		at("cybertip/new.go", "package cybertip\nimport _ \"M/cybertip/submit\"\n", ""),
		at("hashing/new.go", "package hashing\nimport _ \"M/internal/words\"\n", "rings: hashing/new.go: hashing (pure) may not import internal/words (ground): imports point inwards"),
		at("new.go", "package houvast\nimport _ \"M/matching\"\n", "rings: new.go: . (vocabulary) may not import matching (pure): imports point inwards"),
		at("cybertip/receive/r.go", "// Package receive receives.\npackage receive\nimport _ \"M/practice\"\n", "rings: cybertip/receive/r.go: cybertip/receive may not import practice: both are edge and stand side by side"),
		at("internal/console/new.go", "package console\nimport _ \"M/internal/config\"\n", "rings: internal/console/new.go: internal/console may not import internal/config: both are surfaces and stand side by side"),
		room("M/internal/ghost", "rings: internal/review/new.go: internal/review imports internal/ghost, which is in no ring"),

		room("M/exchange/peer", "doors: internal/review/new.go: internal/review may not import exchange/peer; only internal/bank may"),
		at("internal/pipeline/new.go", "package pipeline\nimport _ \"M/cybertip/submit\"\n", "doors: internal/pipeline/new.go: internal/pipeline may not import cybertip/submit; only internal/report, cmd may"),
		at("internal/sandbox/s.go", "// Package sandbox confines.\npackage sandbox\nimport _ \"M/hashing/decode\"\n", "doors: internal/sandbox/s.go: internal/sandbox may not import hashing/decode; only cmd/houvast may"),
		at("internal/console/new.go", "package console\nimport _ \"M/internal/store\"\n", "doors: internal/console/new.go: internal/console may not import internal/store; only internal/task, internal/audit, internal/action, internal/access, internal/sandbox, internal/pipeline, internal/look, cmd may"),

		room("M/internal/store", "store: internal/review/new.go imports internal/store; inside a room only store.go may"),
		at("internal/access/a.go", "// Package access admits.\npackage access\nimport db \"M/internal/store\"\nfunc f(w *db.Writer) {}\n", "writer: internal/access/a.go names store.Writer; only internal/store, internal/pipeline, internal/task, internal/audit, internal/action, cmd may hold one"),

		room("image/jpeg", "codecs: internal/review/new.go imports image/jpeg; image decoders stand only in hashing/decode and internal/draw and in tests"),
		at("hashing/new.go", "package hashing\nimport _ \"golang.org/x/image/webp\"\n", "codecs: hashing/new.go imports golang.org/x/image/webp; image decoders stand only in hashing/decode and internal/draw and in tests"),

		{reached: map[string][]string{"linux/amd64 matching": {"fmt", "net/http"}}, want: "pure: matching reaches net/http on linux/amd64 (`go list -deps` says by which way); the pure ring does no I/O"},
		{reached: map[string][]string{"js/wasm cybertip": {"os/exec"}}, want: "pure: cybertip reaches os/exec on js/wasm (`go list -deps` says by which way); the pure ring does no I/O"},
		{reached: map[string][]string{"linux/amd64 .": {"net"}}, want: "pure: . reaches net on linux/amd64 (`go list -deps` says by which way); the vocabulary ring does no I/O"},
		{reached: map[string][]string{"linux/amd64 hashing/decode": {"database/sql"}}, want: "pure: hashing/decode reaches database/sql on linux/amd64 (`go list -deps` says by which way); the pure ring does no I/O"},
		at("matching/new.go", "package matching\nimport _ \"syscall\"\n", "pure: matching/new.go imports syscall; the pure ring does no I/O"),
		at("new.go", "package houvast\nimport _ \"golang.org/x/text/language\"\n", "pure: new.go imports golang.org/x/text/language; the vocabulary uses the standard library only"),

		at("practice/a_test.go", "package practice\nimport _ \"M\"\n", "practice: practice/a_test.go imports .; practice imports nothing of ours, or it would forgive our mistakes"),

		inRoom("func init() {}").says("init: internal/review/new.go has func init; wire by hand in cmd"),

		inRoom("var m = map[int]int{}\nfunc f() { m[1] = 2 }").says("variables: internal/review/new.go: assigns to the package variable m; such a variable never changes"),
		inRoom("var s []int\nfunc f() { s = append(s, 1) }").says("variables: internal/review/new.go: assigns to the package variable s; such a variable never changes"),
		inRoom("var p = &struct{ n int }{}\nfunc f() { (*p).n++ }").says("variables: internal/review/new.go: counts in the package variable p; such a variable never changes"),
		inRoom("var m map[int]int\nfunc f() { delete(m, 1) }").says("variables: internal/review/new.go: changes the package variable m; such a variable never changes"),
		inRoom("var n int\nfunc f() *int { return &n }").says("variables: internal/review/new.go: hands out the address of the package variable n; such a variable never changes"),
		inRoom("var n int\nfunc f() { for n = range 3 {} }").says("variables: internal/review/new.go: assigns to the package variable n; such a variable never changes"),
		inRoom("import \"sync\"\nvar mu sync.Mutex").says("variables: internal/review/new.go: the package variable mu is a sync.Mutex, which is there to change"),
		inRoom("import \"net/http\"\nfunc f() { http.DefaultClient.Timeout = 1 }").says("variables: internal/review/new.go: assigns to http.DefaultClient, a variable of another package"),
		inRoom("var n int\nfunc f() { n := 0; n++; g := func(n int) { n = 1 }; g(n) }").says(""),

		inRoom("import \"os\"\nfunc f() { os.Exit(1) }").says("exits: internal/review/new.go uses os.Exit; only cmd may end the process"),
		inRoom("import l \"log\"\nfunc f() { l.Fatalf(\"x\") }").says("exits: internal/review/new.go uses log.Fatalf; only cmd may end the process"),
		inRoom("import \"log\"\nfunc f() { log.Panicln() }").says("exits: internal/review/new.go uses log.Panicln; only cmd may end the process"),

		at("internal/review/helpers/h.go", "// Package helpers helps.\npackage helpers\n", "folders: internal/review/helpers: \"helpers\" says nothing about what belongs inside"),
		at("hashing/video/v.go", "package video\n", "package comments: hashing/video has no package comment"),

		at("matching/new.go", "package matching\nfunc Find() {}\n", "exported comments: matching/new.go: Find is exported and has no comment"),
		at("matching/new.go", "package matching\n// T is one.\ntype T int\nfunc (t *T) Find() {}\n", "exported comments: matching/new.go: Find is exported and has no comment"),
		at("matching/new.go", "package matching\nconst Most = 1\n", "exported comments: matching/new.go: Most is exported and has no comment"),
		at("matching/new.go", "package matching\ntype t int\nfunc (t) Find() {}\n// The sizes.\nconst (\n\tA = 1\n\tB = 2\n)\n", ""),

		inRoom(blanks(899)).says("file budget: internal/review/new.go has 901 lines; the most is 900"),
		inRoom(function(121)).says("function budget: internal/review/new.go: f has 121 lines; the most is 120"),
		inRoom("import \"C\"").says("cgo: internal/review/new.go uses cgo; the binary is static"),

		at("internal/task/a_test.go", "package task\nimport \"time\"\nfunc f() { time.Sleep(1) }\n", "sleep: internal/task/a_test.go calls time.Sleep; wait for the event itself, or use testing/synctest and its timers"),
		at("internal/store/storetest/s.go", "// Package storetest tests.\npackage storetest\nimport \"time\"\nfunc f() { time.Sleep(1) }\n", "sleep: internal/store/storetest/s.go calls time.Sleep; wait for the event itself, or use testing/synctest and its timers"),

		at("matching/new.go", "//go:build control_nosort\n\npackage matching\n", "tags: matching/new.go depends on the build tag control_nosort, which is not for matching"),
		at("internal/console/new.go", "//go:build linux && !faults\n\npackage console\n", "tags: internal/console/new.go depends on the build tag faults, which is not for internal/console"),
	}
}

// TestHouseSeesPlanted shows that the house test would notice: every rule is broken at least once, and
// each violation is reported by exactly the sentence that names it. An empty sentence is a control:
// code that looks like a violation and is none.
func TestHouseSeesPlanted(t *testing.T) {
	seen := map[string]int{}
	for i, v := range violations() {
		planted := map[string]string{}
		if v.file != "" {
			planted[v.file] = v.src
		}
		got := strings.Join(plant(t, v.reached, soundHouse, planted).inspect(), "\n")
		if v.want == "" && v.file == "cybertip/new.go" {
			// Pure importing edge breaks two rules at once, arrow and door.
			if strings.Count(got, "\n") != 1 || !strings.Contains(got, "rings: ") || !strings.Contains(got, "doors: ") {
				t.Errorf("cybertip importing its own sender was reported as %q", got)
			}
			continue
		}
		if got != v.want {
			t.Errorf("violation %d, %s:\n got %q\nwant %q", i, v.file, got, v.want)
		}
		rule, _, _ := strings.Cut(v.want, ": ")
		seen[rule]++
	}
	if got := plant(t, nil).inspect(); len(got) != 1 || got[0] != "seen: the house test saw no package at all" {
		t.Errorf("an empty tree was reported as %q", got)
	}
	plantBudgets(t, seen)
	for _, r := range houseRules {
		if seen[r.name] == 0 {
			t.Errorf("no violation was planted for the rule %q", r.name)
		}
	}
	t.Logf("house: %d violations planted for %d rules", len(violations()), len(houseRules))
}

// plantBudgets plants what takes more than one file: one in ten too long, and a package too large.
func plantBudgets(t *testing.T, seen map[string]int) {
	t.Helper()
	files, funcs, big := map[string]string{}, map[string]string{}, map[string]string{}
	for i := range 4 {
		files[fmt.Sprintf("internal/item/f%d.go", i)] = "// Package item keeps.\npackage item\n" + strings.Repeat("\n", 449)
		files[fmt.Sprintf("internal/rule/f%d.go", i)] = "// Package rule rules.\npackage rule\n" + strings.Repeat("\n", 449)
		funcs[fmt.Sprintf("internal/item/f%d.go", i)] = "// Package item keeps.\npackage item\nfunc f() {" + strings.Repeat("\n", 45) + "}\n"
		big[fmt.Sprintf("internal/item/f%d.go", i)] = "// Package item keeps.\npackage item\n" + strings.Repeat("\n", 430)
	}
	for _, c := range []struct {
		planted map[string]string
		want    []string
	}{
		{files, []string{"file budget: 8 of ", "package budget: internal/item has 1804 lines outside tests; the most is 1500", "package budget: internal/rule has 1804 lines"}},
		{funcs, []string{"function budget: 4 of 37 functions have more than 45 lines and only one in ten may: internal/item/f0.go f (46), "}},
		{big, []string{"package budget: internal/item has 1728 lines outside tests; the most is 1500"}},
	} {
		found := plant(t, nil, soundHouse, c.planted).inspect()
		if len(found) != len(c.want) {
			t.Errorf("found %q, want %d sentences", found, len(c.want))
			continue
		}
		for i, w := range c.want {
			if !strings.HasPrefix(found[i], w) {
				t.Errorf("got %q, want it to begin with %q", found[i], w)
			}
			rule, _, _ := strings.Cut(w, ": ")
			seen[rule]++
		}
	}
}

// TestHouseLoadsFromDisk plants violations in a module on disk: what the go command and the walk
// report must reach the rules too, and a folder that only the browser builds is no stranger.
func TestHouseLoadsFromDisk(t *testing.T) {
	root := t.TempDir()
	for name, src := range map[string]string{
		"go.mod":                   "module " + module + "\n\ngo 1.26\n",
		"doc.go":                   "// Package houvast is the vocabulary.\npackage houvast\n",
		"matching/matching.go":     "// Package matching thinks.\npackage matching\n\nimport _ \"" + module + "/matching/far\"\n",
		"matching/far/far.go":      "// Package far goes out.\npackage far\n\nimport _ \"net/http\"\n",
		"internal/words/w.go":      "// Package words speaks.\npackage words\n\nfunc f( {\n",
		"internal/item/item.go":    "// Package item keeps.\npackage item\n\nimport _ \"" + module + "/internal/none\"\n",
		"internal/task/t.go":       "//go:build plan9\n\n// Package task works.\npackage task\n",
		"cmd/check-wasm/main.go":   "//go:build js\n\n// Check runs in a browser.\npackage main\n\nfunc main() {}\n",
		"cmd/houvast/gen.go":       "//go:build ignore\n\npackage main\n\nfunc init() {}\n",
		"testdata/util/skipped.go": "package util\n",
	} {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tr, err := loadTree(root)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(tr.inspect(), "\n")
	for _, want := range []string{
		"seen: internal/words does not load: ",
		"seen: internal/task has Go files that no build sees",
		"rings: internal/item/item.go: internal/item imports internal/none, which is in no ring",
		"pure: matching reaches net/http on linux/amd64",
		"pure: matching reaches net/http on js/wasm",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the house test did not say %q; it said:\n%s", want, got)
		}
	}
	for _, quiet := range []string{"check-wasm", "util", "init:"} {
		if strings.Contains(got, quiet) {
			t.Errorf("the house test spoke of %q:\n%s", quiet, got)
		}
	}
}
