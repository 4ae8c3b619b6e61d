package browsertest

import (
	"slices"
	"strings"
	"testing"
)

// TestHands wants the events that a person's hands make, at whatever is under them.
func TestHands(t *testing.T) {
	const body = `<main><h1>Hands</h1><p class="tall"></p><label>Name <input id="name"></label>
		<button id="b" type="button">press</button><a id="go" href="/page/next">go</a><div class="over"><button id="under">under</button><div class="lid"></div></div>
		<select id="pick"><option>1</option><option>2</option></select><input type="checkbox" id="box">
		<input type="radio" name="r" id="r1"><input type="radio" name="r" id="r2"><button id="off" disabled>off</button></main>`
	const script = `window.told = [];
		for (const kind of ["pointerdown", "pointerup", "click", "keydown", "keyup", "keypress"])
			document.addEventListener(kind, e => told.push([kind, e.key ?? "", e.target.id, e.repeat ? "repeat" : "", e.isTrusted ? "" : "false"].join(" ").trim().replace(/ +/g, " ")));
		window.take = () => { const all = told; told = []; return all };`
	site := serve(t, map[string]content{
		"hands": {body: body, script: script, style: `.tall { height: 3000px } .over { position: relative } .lid { position: absolute; inset: 0 }`},
		"next":  {body: `<main><h1>Next</h1></main>`},
	}, nil)
	tab := Shared(t).Tab(t, Options{})
	tab.Open(site.at("hands"))
	told := func(what string, want ...string) {
		t.Helper()
		if got := Eval[[]string](tab, "take()"); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	tab.Click("#b")
	told("a click", "pointerdown b", "pointerup b", "click b")
	tab.Hold("#b", func() { told("while held", "pointerdown b") })
	told("let go", "pointerup b", "click b")
	tab.Press("Shift+Tab")
	if got := tab.Focused(); got != "input#name" {
		t.Errorf("before the button is %q", got)
	}
	Eval[[]string](tab, "take()")
	tab.Press("?", "n")
	told("keys", "keydown ? name", "keypress ? name", "keyup ? name", "keydown n name", "keypress n name", "keyup n name")
	tab.Press("Backspace", "Control+a")
	tab.Type("Anna é")
	if got := tab.Value("#name"); got != "Anna é" {
		t.Errorf("typed over everything: %q", got)
	}
	tab.TabTo("#b")
	Eval[[]string](tab, "take()")
	tab.HoldKey(" ", func() { told("a key held", "keydown b", "keypress b", "keydown b repeat", "keypress b repeat") })
	told("let go", "keyup b", "click b")
	tab.Press("Escape")
	told("escape", "keydown Escape b", "keyup Escape b")
	tab.TabTo("#pick")
	tab.Press("ArrowDown")
	tab.TabTo("#box")
	tab.Press(" ")
	tab.TabTo("#r1")
	tab.Press("ArrowDown")
	if Eval[bool](tab, `pick.value !== "2" || !box.checked || !document.querySelector("#r2").checked`) {
		t.Error("a list, a box or a choice does not follow the keyboard")
	}
	tab.TabTo("#go")
	tab.Follow(func() { tab.Press("Enter") })
	if tab.URL() != site.at("next") || tab.Text("h1") != "Next" || tab.Count("h1") != 1 || !strings.Contains(tab.HTML(), "<h1>Next</h1>") {
		t.Errorf("the link leads to %s", tab.URL())
	}

	tab.Open(site.at("hands"))
	for what, try := range map[string]func(*Tab){
		"#under is covered by div": func(tab *Tab) { hurry(tab, 300).Click("#under") },
		"#off is disabled":         func(tab *Tab) { hurry(tab, 300).Click("#off") },
		"#nowhere is there":        func(tab *Tab) { hurry(tab, 100).Text("#nowhere") },
		"Tab does not reach #off":  func(tab *Tab) { tab.TabTo("#off") },
		"the moon":                 func(tab *Tab) { hurry(tab, 100).Await("the moon", "false") },
		"what begins with http://localhost/x is not loaded": func(tab *Tab) { hurry(tab, 100).AwaitURL("http://localhost/x") },
		"another page is not loaded":                        func(tab *Tab) { hurry(tab, 100).Follow(func() {}) },
		`there is no key "Nothing"`:                         func(tab *Tab) { tab.Press("Nothing") },
		"nothing has the focus":                             func(tab *Tab) { tab.Type("x") },
		"is not a valid selector":                           func(tab *Tab) { tab.Text("..") },
		"ERR_NAME_NOT_RESOLVED":                             func(tab *Tab) { tab.Open("http://www.example.com/") },
		"ERR_UNSAFE_PORT":                                   func(tab *Tab) { tab.Open("http://localhost:1/") },
		"on " + site.at("hands") + " ":                      func(tab *Tab) { Eval[int](tab, "nothing.there") },
	} {
		if d := doom(t, func(d testing.TB) { try(tab.With(d)) }); !strings.Contains(d.failed, what) {
			t.Errorf("%q is not what ends the test: %q", what, d.failed)
		}
		tab.Open(site.at("hands"))
	}
}

// TestBlur wants what a window says when somebody turns away from it and back, and another tab at the
// same time to keep its focus.
func TestBlur(t *testing.T) {
	site := serve(t, map[string]content{"blur": {body: clean + `<button id="hold">hold</button>`, script: `window.told = []; addEventListener("blur", e => told.push("blur " + e.isTrusted));
		addEventListener("focus", e => told.push("focus " + e.isTrusted)); document.addEventListener("visibilitychange", () => told.push("hidden " + document.hidden))`}}, nil)
	tab, other := Shared(t).Tab(t, Options{}), Shared(t).Tab(t, Options{})
	tab.Open(site.at("blur"))
	other.Open(site.at("blur"))
	tab.Blur()
	if faults := tab.Faults(); len(faults) > 0 {
		t.Errorf("turning away is no fault: %v", faults)
	}
	tab.Focus()
	got := Eval[[]string](tab, "told")
	slices.Sort(got)
	if want := []string{"blur true", "focus true", "hidden false", "hidden true"}; !slices.Equal(got, want) {
		t.Errorf("the window says %q, want %q", got, want)
	}
	for what, hold := range map[string]func(func()){
		"a button":     func(during func()) { tab.Hold("#hold", during) },
		"a key":        func(during func()) { tab.TabTo("#hold"); tab.HoldKey(" ", during) },
		"another key ": func(during func()) { tab.TabTo("#hold"); tab.HoldKey("n", func() { tab.Press("Escape"); during() }) },
	} {
		Eval[int](tab, "told.length = 0")
		hold(func() { tab.Blur() })
		tab.Focus()
		if got := Eval[[]string](tab, "told"); !slices.Contains(got, "blur true") {
			t.Errorf("turning away while %s is held: %q", what, got)
		}
	}
	if still := Eval[[]string](other, "told"); len(still) > 0 || !Eval[bool](other, "document.hasFocus()") {
		t.Errorf("the other window was told %q", still)
	}
}
