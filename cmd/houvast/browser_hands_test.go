package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast/cmd/houvast/browsertest"
)

// hands are how a person works a page. What one kind of hands can do, the other must be able to do.
type hands interface {
	// press presses a button or follows a link. key is the letter that the page has for it, "" for none.
	press(p *walker, key, sel string)
	// pick marks a radio button or a box.
	pick(p *walker, sel string)
	// fill writes into a field what is not in it yet.
	fill(p *walker, sel, text string)
	// choose takes the option that begins with text.
	choose(p *walker, sel, text string)
	// hold keeps a button down meanwhile.
	hold(p *walker, sel string, during func())
}

// A walker sits at a window with a session of their own.
type walker struct {
	*browsertest.Tab
	hands
	t    *testing.T
	site string // origin of the console
}

// keyboard never touches the pointer.
type keyboard struct{}

func (keyboard) press(p *walker, key, sel string) {
	p.t.Helper()
	if key == "" {
		p.TabTo(sel)
	} else {
		p.Press(key)
		p.Await(key+" goes to "+sel, fmt.Sprintf("document.activeElement === document.querySelector(%q)", sel))
	}
	p.Press("Enter")
}

func (keyboard) pick(p *walker, sel string) {
	p.t.Helper()
	if p.Attr(sel, "type") == "radio" { // a group is one stop
		p.TabTo(fmt.Sprintf(`input[name="%s"]`, p.Attr(sel, "name")))
		p.Press(" ")
		for range p.Count(fmt.Sprintf(`input[name="%s"]`, p.Attr(sel, "name"))) {
			if p.Count(sel+":checked") == 1 {
				return
			}
			p.Press("ArrowDown")
		}
	} else {
		p.TabTo(sel)
		p.Press(" ")
	}
	p.Await(sel+" is marked", fmt.Sprintf("document.querySelector(%q).checked", sel))
}

func (keyboard) fill(p *walker, sel, text string) {
	p.t.Helper()
	p.TabTo(sel)
	p.Type(text)
}

func (keyboard) choose(p *walker, sel, text string) {
	p.t.Helper()
	p.TabTo(sel)
	p.Type(text)
	p.chosen(sel, text)
}

func (keyboard) hold(p *walker, sel string, during func()) {
	p.t.Helper()
	p.TabTo(sel)
	p.HoldKey(" ", during)
}

// pointer clicks, and types only into fields.
type pointer struct{}

func (pointer) press(p *walker, _, sel string) {
	p.t.Helper()
	p.Click(sel)
}

func (pointer) pick(p *walker, sel string) {
	p.t.Helper()
	p.Click(sel)
	p.Await(sel+" is marked", fmt.Sprintf("document.querySelector(%q).checked", sel))
}

func (pointer) fill(p *walker, sel, text string) {
	p.t.Helper()
	p.Click(sel)
	p.Type(text)
}

func (pointer) choose(p *walker, sel, text string) {
	p.t.Helper()
	p.Click(sel) // opens the list, which is a window of the browser's own
	p.Type(text)
	p.Press("Enter")
	p.chosen(sel, text)
}

func (pointer) hold(p *walker, sel string, during func()) {
	p.t.Helper()
	p.Hold(sel, during)
}

// chosen waits until a list says what was chosen.
func (p *walker) chosen(sel, text string) {
	p.t.Helper()
	p.Await(sel+" says "+text, fmt.Sprintf("document.querySelector(%q).selectedOptions[0].text.toLowerCase().startsWith(%q)", sel, strings.ToLower(text)))
}

// going does what leads to another page, whose path matches a pattern, and waits until it is there.
func (p *walker) going(pattern string, do func()) {
	p.t.Helper()
	browsertest.Eval[bool](p.Tab, "window.left = true")
	do()
	p.Await("a page whose path is "+pattern, fmt.Sprintf("!window.left && new RegExp(%q).test(location.pathname) && document.readyState === 'complete'", "^"+pattern+"$"))
}

// goes presses what leads to another page. A page that waits for something may load itself again in the
// moment of the press; then it is pressed once more, as anybody would.
func (p *walker) goes(pattern, key, sel string) {
	p.t.Helper()
	from := browsertest.Eval[string](p.Tab, "location.pathname")
	there := fmt.Sprintf("new RegExp(%q).test(location.pathname)", "^"+pattern+"$")
	for range 3 {
		browsertest.Eval[bool](p.Tab, "window.left = true")
		p.press(p, key, sel)
		p.Await("a page whose path is "+pattern, fmt.Sprintf("!window.left && document.readyState === 'complete' && (%s || location.pathname === %q)", there, from))
		if browsertest.Eval[bool](p.Tab, there) {
			return
		}
	}
	p.t.Fatalf("%s loads itself again and again", p.URL())
}

// reads fails when a reader does not find a text on the page.
func (p *walker) reads(texts ...string) {
	p.t.Helper()
	all := p.Text("body")
	for _, want := range texts {
		if !strings.Contains(all, want) {
			p.t.Fatalf("%s: the reader does not find %q in:\n%s", p.URL(), want, all)
		}
	}
}

// visit opens a page of the console by its address.
func (p *walker) visit(path string) {
	p.t.Helper()
	p.Open(p.site + path)
}

// What a page says of the picture.
const (
	pictureShown  = `(() => { const c = document.querySelector("[data-reveal] canvas"); return !!c && !c.hidden && c.width > 0 && c.getClientRects().length > 0; })()`
	pictureHidden = `(() => { const c = document.querySelector("[data-reveal] canvas"); return !!c && c.hidden && c.getClientRects().length === 0; })()`
	pictureEmpty  = `document.querySelector("[data-reveal] canvas").width === 0`
)

func step(level, how string) string { return fmt.Sprintf(`[data-level="%s"] [data-%s]`, level, how) }

// ready waits until the renditions are made and the case can be looked at.
func (p *walker) ready() {
	p.t.Helper()
	p.Await("the renditions are ready", `document.querySelector("[data-reveal]").dataset.state === "ready"`)
	if !browsertest.Eval[bool](p.Tab, pictureHidden) {
		p.t.Fatal("a picture is shown that nobody asked for")
	}
}

// shown waits until a step stands on the page.
func (p *walker) shown(level string) {
	p.t.Helper()
	p.Await(level+" is shown", pictureShown+fmt.Sprintf(` && document.querySelector("[data-reveal]").dataset.shown === %q`, level))
}

// hidden waits until nothing is shown any more.
func (p *walker) hidden(why string) {
	p.t.Helper()
	p.Await("the picture is hidden "+why, pictureHidden+" && "+pictureEmpty)
}

// look holds a step down, does something meanwhile, and lets go.
func (p *walker) look(level string, during func()) {
	p.t.Helper()
	p.hold(p, step(level, "hold"), func() {
		p.shown(level)
		during()
	})
	p.hidden("when it is let go")
}

// lasts waits until so much time has passed on the page.
func (p *walker) lasts(d time.Duration) {
	p.t.Helper()
	since := browsertest.Eval[float64](p.Tab, "performance.now()")
	p.Await(d.String()+" pass", fmt.Sprintf("performance.now() > %f", since+float64(d.Milliseconds())))
}
