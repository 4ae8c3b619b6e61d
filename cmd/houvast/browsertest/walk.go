package browsertest

import (
	"fmt"
	"slices"
)

// walking finds the stops of a keyboard and judges whether each shows that it has the focus. A stop is
// an element that Tab must reach; the buttons of one radio group are one stop. While a dialog covers
// the page, only what is in it counts.
const walking = `
const describe = ` + describe + `;
const modal = [...document.querySelectorAll("dialog:modal")].at(-1);
const candidates = "a[href], area[href], button, input, select, textarea, summary, iframe, audio[controls], video[controls], [tabindex], [contenteditable]";
const usable = e => e.tabIndex >= 0 && !e.matches(":disabled") && !e.closest("[inert]") && e.type !== "hidden" &&
	e.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true}) && [...e.getClientRects()].some(r => r.width && r.height);
const group = e => e.type === "radio" && e.name ? "radio " + e.name + " " + [...document.forms].indexOf(e.form) : null;
const stops = [];
for (const e of (modal ?? document).querySelectorAll(candidates)) {
	if (!usable(e)) continue;
	const of = group(e), same = of && stops.find(s => s.group === of);
	if (same) same.members.push(e);
	else stops.push({members: [e], group: of, seen: false});
}
const sides = ["Top", "Right", "Bottom", "Left"];
const faces = ["boxShadow", "backgroundColor", "backgroundImage", "color", "textDecoration", "transform", "opacity", "clipPath", "position", "top", "left",
	...sides.flatMap(s => ["border" + s + "Width", "border" + s + "Color", "border" + s + "Style"])];
const rest = e => e.getAnimations({subtree: true}).forEach(a => { try { a.finish(); } catch {} }); // one without an end goes on
const face = e => {
	rest(e);
	const s = getComputedStyle(e), shows = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0 && !/, 0\)$|^transparent$/.test(s.outlineColor);
	return JSON.stringify([shows && [s.outlineStyle, s.outlineWidth, s.outlineColor], ...faces.map(f => s[f])]);
};
document.activeElement?.blur();
const before = new Map(stops.flatMap(s => s.members).map(e => [e, face(e)]));
// A field of several parts, such as a date, shows the focus at the part.
const parts = e => /^(date|time|datetime-local|month|week)$/.test(e.type) || /^(audio|video|iframe)$/.test(e.localName);
const visible = e => {
	rest(e);
	const r = e.getBoundingClientRect(), xs = [.5, .1, .9], ys = [.5, .1, .9];
	if (r.bottom <= 0 || r.right <= 0 || r.top >= innerHeight || r.left >= innerWidth) return "is out of view when it has the focus";
	const related = at => at && (e.contains(at) || at.contains(e) || [...(e.labels ?? [])].some(l => l.contains(at)));
	if (!xs.some(x => ys.some(y => related(document.elementFromPoint(r.left + x * r.width, r.top + y * r.height))))) return "is covered when it has the focus";
	if (!parts(e) && before.has(e) && face(e) === before.get(e)) return "does not show that it has the focus";
	return "";
};
// The focus leaves the page at its end. Before anybody can look, it may be back at the beginning.
let last = null, left = false;
addEventListener("blur", e => { if (e.target === window) left = true; });
var walk = {
	stops: () => stops.length,
	// Puts the start of the walk before everything else, or behind it.
	from: end => {
		const mark = document.createElement("span"), all = modal ?? document.body;
		mark.tabIndex = -1;
		if (end) all.append(mark); else all.prepend(mark);
		mark.focus({preventScroll: true});
		mark.remove();
		last = null;
		left = false;
		for (const s of stops) s.seen = false;
		return true;
	},
	// Says where the focus is now, and what is wrong there.
	here: () => {
		const e = document.activeElement;
		const out = left || !e || e === document.body || e === document.documentElement;
		left = false;
		if (out) { last = null; return {Out: true}; }
		const stop = stops.find(s => s.members.includes(e)), again = !!stop?.seen;
		const inside = e === last && parts(e), stuck = e === last && !inside;
		last = e;
		if (stop) stop.seen = true;
		return {Name: describe(e), Again: again && !inside, Stuck: stuck, Wrong: inside ? "" : visible(e)};
	},
	missed: () => stops.filter(s => !s.seen).map(s => describe(s.members[0])),
};`

// A step is where the focus is during a walk.
type step struct {
	Name  string
	Out   bool   // it has left the page
	Again bool   // it has been there before
	Stuck bool   // it did not move
	Wrong string // what is wrong there; "" = nothing
}

// KeyboardTrap walks through the page with Tab from the top, and back with Shift+Tab. ok says that
// every element that can have the focus got it both ways, showed it, and let it go, and that the walk
// came out at the end. path is the way forward; when ok is false it ends with what is wrong, each
// beginning with an exclamation mark. Where a page covers itself with a dialog, the walk is in it.
func (tab *Tab) KeyboardTrap() (ok bool, path []string) {
	tab.t.Helper()
	tab.settle()
	w := tab.world("{" + walking + "globalThis.walk = walk;}")
	path, wrong := tab.walk(w, "Tab")
	_, back := tab.walk(w, "Shift+Tab")
	for _, complaint := range back {
		if !slices.Contains(wrong, complaint) {
			wrong = append(wrong, complaint)
		}
	}
	for _, complaint := range wrong {
		path = append(path, "! "+complaint)
	}
	return len(wrong) == 0, path
}

// walk presses one key, from where the page begins for it, until the focus leaves the page.
func (tab *Tab) walk(w *world, key string) (path, wrong []string) {
	tab.t.Helper()
	stops := in[int](w, "walk.stops()")
	at := step{Out: true}
	for try := 0; at.Out && try < 5; try++ { // a focus that has left may come back late, and must not be taken for a walk
		in[bool](w, invoke("walk.from", key != "Tab"))
		tab.Press(key)
		at = in[step](w, "walk.here()")
	}
	for limit := 3*stops + 20; limit > 0; limit-- { // a date is several stops
		switch {
		case at.Out:
			for _, name := range in[[]string](w, "walk.missed()") {
				wrong = append(wrong, fmt.Sprintf("%s does not reach %s", key, name))
			}
			return path, wrong
		case at.Stuck:
			return path, append(wrong, fmt.Sprintf("%s does not let go of %s", key, at.Name))
		case at.Again:
			return path, append(wrong, fmt.Sprintf("%s goes round and does not leave the page: after %s comes %s", key, path[len(path)-1], at.Name))
		}
		path = append(path, at.Name)
		if at.Wrong != "" {
			wrong = append(wrong, at.Name+" "+at.Wrong)
		}
		tab.Press(key)
		at = in[step](w, "walk.here()")
	}
	return path, append(wrong, key+" has not come to an end")
}
