package browsertest

import (
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestAxe wants planted violations named, none on a clean page, and no trace of the look: the policy of
// the page is on, and axe-core breaks none of it.
func TestAxe(t *testing.T) {
	site := serve(t, map[string]content{
		"clean": {body: `<main><h1>A page</h1><p class="pale">dim in the dark</p></main>`, style: `@media (prefers-color-scheme: dark) { body { background: #111; color: #eee } .pale { color: #333 } }`},
		"wrong": {body: `<h1>A page</h1><img src="/icon"><button></button><p class="pale">pale</p>`, style: `.pale { color: #ddd; background: #fff }`},
	}, nil)
	tab := Shared(t).Tab(t, Options{})
	ids := func() (all []string) {
		for _, v := range tab.Axe() {
			all = append(all, v.ID)
			if len(v.Nodes) == 0 || !strings.Contains(v.String(), v.Nodes[0].Target) {
				t.Errorf("%s names no element", v.ID)
			}
		}
		return all
	}
	tab.Open(site.at("clean"))
	if got := ids(); len(got) > 0 {
		t.Errorf("a page without a fault has %v", got)
	}
	tab.Emulate(Options{Dark: true})
	if got := ids(); !slices.Equal(got, []string{"color-contrast"}) {
		t.Errorf("pale only in the dark: %v", got)
	}
	tab.Open(site.at("wrong"))
	got := ids()
	for _, want := range []string{"image-alt", "button-name", "region"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among %v", want, got)
		}
	}
	tab.Emulate(Options{})
	if got := ids(); !slices.Contains(got, "color-contrast") {
		t.Errorf("pale on white is not among %v", got)
	}
	if Eval[bool](tab, "'axe' in window") {
		t.Error("the page can see axe-core")
	}
	if faults := tab.Faults(); len(faults) > 0 {
		t.Errorf("the look left faults: %v", faults)
	}
}

// TestKeyboard walks a page that lets everybody through, and pages that do not.
func TestKeyboard(t *testing.T) {
	const many = `<a class="skip" href="#main">Skip</a><header class="bar"><a href="/page/many">Home</a></header><main id="main" tabindex="-1"><h1>Many</h1>
		<form><label>Name <input name="n"></label><label>Day <input type="date" name="d"></label>
		<label><input type="radio" name="r" value="1"> one</label><label><input type="radio" name="r" value="2"> two</label><label><input type="checkbox"> box</label>
		<select aria-label="s"><option>x</option></select><textarea aria-label="t"></textarea><button disabled>no</button><button>yes</button></form>
		<details><summary>More</summary><a href="/hidden">inside</a></details><p hidden><a href="/hidden">hidden</a></p>
		<div class="tall"></div><button id="last">last</button></main><dialog><button>closed</button></dialog>`
	const look = `.skip { position: absolute; left: -999px } .skip:focus { left: 0 } .tall { height: 2000px } * { transition: all .2s }`
	const three = `<main><h1>Three</h1><button id="one">1</button><button id="two">2</button><button id="three">3</button></main>`
	hold := `document.querySelector("#two").addEventListener("keydown", e => e.key === "Tab" && e.preventDefault())`
	site := serve(t, map[string]content{
		"many":      {body: many, style: look},
		"dialog":    {body: three + `<dialog aria-label="d"><button id="in">in</button><button id="out">out</button></dialog>`, script: `document.querySelector("dialog").showModal()`},
		"trap":      {body: three, script: hold},
		"trap-end":  {body: three, script: strings.ReplaceAll(hold, "two", "three")},
		"pair":      {body: three, script: `document.querySelector("#three").addEventListener("focus", () => document.querySelector("#one").focus())`},
		"couple":    {body: `<main><h1>Two</h1><button id="one">1</button><button id="two">2</button></main>`, script: `document.addEventListener("keydown", e => { if (e.key !== "Tab") return; e.preventDefault(); document.querySelector(document.activeElement.id === "one" ? "#two" : "#one").focus() })`},
		"blind":     {body: three, style: `#two:focus { outline: none }`},
		"quiet":     {body: three, style: `#two:focus { outline: 2px solid transparent }`},
		"other-way": {body: three, style: `#two:focus { outline: none; box-shadow: 0 0 0 3px #06c }`},
		"covered":   {body: three + `<div class="bar"></div>`, style: `.bar { position: fixed; inset: 0 }`},
		"away":      {body: three, style: `#two { position: absolute; left: -999px }`},
	}, nil)
	every := Shared(t).Tab(t, Options{})
	for page, want := range map[string][]string{
		"many": nil, "dialog": nil, "other-way": nil,
		"trap":     {"! Tab does not let go of button#two"},
		"trap-end": {"! Tab does not let go of button#three"},
		"pair":     {"! Tab goes round and does not leave"},
		"couple":   {"! Tab goes round and does not leave"},
		"blind":    {`! button#two "2" does not show that it has the focus`},
		"quiet":    {`! button#two "2" does not show that it has the focus`},
		"covered":  {`! button#one "1" is covered`},
		"away":     {`! button#two "2" is out of view`},
	} {
		t.Run(page, func(t *testing.T) {
			tab := every.With(t)
			tab.Open(site.at(page))
			ok, path := tab.KeyboardTrap()
			all := strings.Join(path, "\n")
			if ok != (want == nil) {
				t.Errorf("ok is %v:\n%s", ok, all)
			}
			for _, w := range want {
				if !strings.Contains(all, w) {
					t.Errorf("%q is not among\n%s", w, all)
				}
			}
			if page == "many" && len(path) < 12 {
				t.Errorf("a short walk:\n%s", all)
			}
			if again, same := tab.KeyboardTrap(); again != ok || !slices.Equal(path, same) {
				t.Errorf("a second walk is another:\n%s\nand\n%s", all, strings.Join(same, "\n"))
			}
			if faults := tab.Faults(); len(faults) > 0 {
				t.Errorf("the walk left faults: %v", faults)
			}
		})
	}
}

// TestOverflow wants the pixels by which a page is too wide, at the size and zoom of the moment.
func TestOverflow(t *testing.T) {
	site := serve(t, map[string]content{"wide": {body: `<div class="wide">x</div>`, style: `body { margin: 0 } .wide { width: 700px }`}}, nil)
	tab := Shared(t).Tab(t, Options{})
	tab.Open(site.at("wide"))
	if px := tab.Overflow(); px != 0 {
		t.Errorf("700 in 1280: %d", px)
	}
	tab.Emulate(Options{Zoom: 2})
	if px := tab.Overflow(); px != 60 {
		t.Errorf("700 in 1280 at 200 %%: %d, want 60", px)
	}
	tab.Emulate(Options{Width: 600})
	if px := tab.Overflow(); px != 100 {
		t.Errorf("700 in 600: %d, want 100", px)
	}
}

// TestScreenshot wants pictures of the window and of the whole page.
func TestScreenshot(t *testing.T) {
	site := serve(t, map[string]content{"tall": {body: `<div class="tall">x</div>`, style: `body { margin: 0 } .tall { height: 2000px }`}}, nil)
	tab := Shared(t).Tab(t, Options{Width: 640, Height: 400})
	tab.Open(site.at("tall"))
	for full, height := range map[bool]int{false: 400, true: 2000} {
		path := filepath.Join(t.TempDir(), "page.png")
		tab.Screenshot(path, full)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		size, err := png.DecodeConfig(f)
		f.Close()
		if err != nil || size.Width != 640 || size.Height != height {
			t.Errorf("full %v: %d by %d (%v), want 640 by %d", full, size.Width, size.Height, err, height)
		}
	}
}
