package browsertest

import (
	"context"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A spot is where to put the pointer.
type spot struct {
	X, Y float64
	Why  string // what is in the way; "" = nothing
}

// find is where a person would click on an element: the middle of its first box, once it is in view.
// What cannot be clicked by a person is not clicked here.
const find = `sel => {
	const e = document.querySelector(sel);
	if (!e) return {Why: "is not there"};
	if (e.matches(":disabled")) return {Why: "is disabled"};
	e.scrollIntoView({block: "center", inline: "nearest", behavior: "instant"});
	const r = e.getClientRects()[0];
	if (!r || !r.width || !r.height) return {Why: "has no size"};
	const X = r.left + r.width / 2, Y = r.top + r.height / 2, at = document.elementFromPoint(X, Y);
	if (!at) return {Why: "is out of view"};
	if (!e.contains(at)) return {Why: "is covered by " + at.tagName.toLowerCase() + (at.id && "#" + at.id)};
	return {X, Y, Why: ""};
}`

// spot waits until an element can be clicked.
func (tab *Tab) spot(sel string) spot {
	tab.t.Helper()
	var s spot
	tab.poll(sel+" can be clicked", func(ctx context.Context) (bool, error) {
		var err error
		if s, err = evaluate[spot](ctx, invoke(find, sel)); err == nil && s.Why != "" {
			err = blocked(sel + " " + s.Why)
		}
		return err == nil, err
	})
	return s
}

// blocked is why something cannot be done yet.
type blocked string

func (b blocked) Error() string { return string(b) }

// mouse sends one event of the left button.
func (tab *Tab) mouse(kind input.DispatchMouseEventType, s spot, buttons int64) {
	tab.t.Helper()
	p := input.DispatchMouseEventParams{Type: kind, X: s.X, Y: s.Y, Buttons: buttons}
	if kind != input.DispatchMouseEventTypeMouseMoved {
		p.Button, p.ClickCount = input.MouseButtonLeft, 1
	}
	call(tab, input.DispatchMouseEvent, p)
}

// Click presses and releases the left button on the first element that matches.
func (tab *Tab) Click(sel string) {
	tab.t.Helper()
	tab.Hold(sel, func() {})
}

// Hold keeps the left button down on an element while during runs. The button comes up whatever
// happens, where the element then was.
func (tab *Tab) Hold(sel string, during func()) {
	tab.t.Helper()
	s := tab.spot(sel)
	tab.mouse(input.DispatchMouseEventTypeMouseMoved, s, 0)
	tab.mouse(input.DispatchMouseEventTypeMousePressed, s, 1)
	defer tab.mouse(input.DispatchMouseEventTypeMouseReleased, s, 0)
	during()
}

// named are the keys that are no letter.
var named = map[string]string{
	"Tab": kb.Tab, "Enter": kb.Enter, "Escape": kb.Escape, "Backspace": kb.Backspace, "Delete": kb.Delete, "Home": kb.Home, "End": kb.End,
	"ArrowUp": kb.ArrowUp, "ArrowDown": kb.ArrowDown, "ArrowLeft": kb.ArrowLeft, "ArrowRight": kb.ArrowRight,
	"PageUp": kb.PageUp, "PageDown": kb.PageDown,
}

// modifiers may stand before a key with a plus sign.
var modifiers = map[string]kb.Modifier{
	"Shift": kb.ModifierShift, "Control": kb.ModifierCtrl, "Alt": kb.ModifierAlt, "Meta": kb.ModifierMeta,
}

// stroke is the events of one key: down first, up last, and between them the character if it makes one.
func (tab *Tab) stroke(key string) []*input.DispatchKeyEventParams {
	tab.t.Helper()
	var with kb.Modifier
	for {
		name, rest, ok := strings.Cut(key, "+")
		m, known := modifiers[name]
		if !ok || !known {
			break
		}
		with, key = with|m, rest
	}
	if code, ok := named[key]; ok {
		key = code
	}
	runes := []rune(key)
	if len(runes) != 1 {
		tab.fatalf("there is no key %q", key)
	}
	events := kb.Encode(runes[0])
	events[0].Type = input.DispatchKeyEventTypeRawKeyDown // as keyboards do: who refuses it refuses its character too
	for _, e := range events {
		e.Modifiers |= int64(with)
	}
	if with&^kb.ModifierShift != 0 {
		events = []*input.DispatchKeyEventParams{events[0], events[len(events)-1]} // a shortcut writes nothing
	}
	return events
}

// Press presses keys one after the other: "Tab", "Enter", " ", "Escape", "ArrowDown", "?", "n",
// "Shift+Tab", "Control+a".
func (tab *Tab) Press(keys ...string) {
	tab.t.Helper()
	for _, key := range keys {
		for _, e := range tab.stroke(key) {
			call(tab, input.DispatchKeyEvent, *e)
		}
	}
}

// HoldKey keeps a key down while during runs. As on a real keyboard, it repeats. The key comes up
// whatever happens.
func (tab *Tab) HoldKey(key string, during func()) {
	tab.t.Helper()
	events := tab.stroke(key)
	down, up := events[:len(events)-1], events[len(events)-1]
	defer call(tab, input.DispatchKeyEvent, *up)
	again := true
	for range 2 {
		for _, e := range down {
			call(tab, input.DispatchKeyEvent, *e)
			e.AutoRepeat = &again
		}
	}
	during()
}

// Type writes text with the keyboard into whatever has the focus.
func (tab *Tab) Type(text string) {
	tab.t.Helper()
	if tab.Focused() == "" {
		tab.fatalf("nothing has the focus to type %d characters into", len([]rune(text)))
	}
	for _, r := range text {
		for _, e := range kb.Encode(r) {
			call(tab, input.DispatchKeyEvent, *e)
		}
	}
}

// describe is a short name of an element, for people who read a failure.
const describe = `e => {
	if (!e || e === document.body || e === document.documentElement) return "";
	let s = e.tagName.toLowerCase();
	if (e.id) s += "#" + e.id;
	const tells = e.id ? [] : e.type === "radio" || e.localName === "button" ? ["name", "value", "data-key"] : ["name", "href"];
	for (const a of tells) if (e.hasAttribute(a)) s += "[" + a + "=" + JSON.stringify(e.getAttribute(a)) + "]";
	const text = (e.getAttribute("aria-label") || e.innerText || "").trim().replace(/\s+/g, " ");
	return text ? s + " " + JSON.stringify(text.slice(0, 40)) : s;
}`

// Focused describes what has the focus, such as button#pull "Pull the next"; "" is nothing.
func (tab *Tab) Focused() string {
	tab.t.Helper()
	return Eval[string](tab, "("+describe+")(document.activeElement)")
}

// maxTabs is how often TabTo presses Tab before it gives up.
const maxTabs = 300

// TabTo presses Tab until the first element that matches has the focus. It gives up when it has been
// round the whole page, or the focus no longer moves.
func (tab *Tab) TabTo(sel string) {
	tab.t.Helper()
	read[bool](tab, sel, "true")
	type focus struct {
		There bool
		Name  string
	}
	look := invoke(`sel => ({There: document.activeElement === document.querySelector(sel), Name: (`+describe+`)(document.activeElement)})`, sel)
	at := Eval[focus](tab, look)
	var path []string
	for out, stuck := 0, 0; !at.There; {
		if out == 2 || stuck == 10 || len(path) == maxTabs { // a date has several parts
			tab.fatalf("Tab does not reach %s; it went %s", sel, strings.Join(path[max(0, len(path)-40):], " | "))
		}
		tab.Press("Tab")
		was := at.Name
		at = Eval[focus](tab, look)
		path = append(path, at.Name)
		if at.Name == "" {
			out++
		}
		if stuck++; at.Name != was {
			stuck = 0
		}
	}
}

// Blur turns to another tab of the same window, so that the page loses the focus and is hidden, until
// Focus turns back.
func (tab *Tab) Blur() {
	tab.t.Helper()
	call(tab, page.BringToFront, cdp.Empty{}) // keys reach a window that another has come before
	window := chromedp.FromContext(tab.ctx).BrowserContextID
	ctx, cancel := context.WithTimeout(tab.ctx, tab.patience)
	defer cancel()
	made, err := chromedp.CallBrowser(ctx, target.CreateTarget, target.CreateTargetParams{URL: "about:blank", BrowserContextID: window})
	if err != nil {
		tab.fatalf("there is no other tab to turn to: %v", err)
	}
	tab.rec.over(made.TargetID)
	tab.Await("the page loses the focus", "!document.hasFocus() && document.hidden")
}

// Focus turns back to the page after Blur.
func (tab *Tab) Focus() {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, tab.patience)
	defer cancel()
	for _, id := range tab.rec.over() {
		if _, err := chromedp.CallBrowser(ctx, target.CloseTarget, target.CloseTargetParams{TargetID: id}); err != nil {
			tab.fatalf("the other tab does not close: %v", err)
		}
	}
	tab.Await("the page has the focus", "document.hasFocus() && !document.hidden")
}
