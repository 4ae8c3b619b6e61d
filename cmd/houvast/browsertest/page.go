package browsertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

// Eval runs JavaScript in the page, waits for its promise if it is one, and returns what it says. A
// method could not have a type of its own.
func Eval[T any](tab *Tab, js string) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, tab.patience)
	defer cancel()
	v, err := evaluate[T](ctx, js)
	if err != nil {
		tab.fatalf("%.200s: %v", js, err)
	}
	return v
}

func evaluate[T any](ctx context.Context, js string) (T, error) {
	return chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
}

// invoke writes the call of a JavaScript function.
func invoke(fn string, args ...any) string {
	texts := make([]string, len(args))
	for i, a := range args {
		text, _ := json.Marshal(a) // texts and numbers only
		texts[i] = string(text)
	}
	return "(" + fn + ")(" + strings.Join(texts, ", ") + ")"
}

// poll asks until the answer is yes. A page that goes away meanwhile is no error: the next one is asked.
func (tab *Tab) poll(what string, ask func(context.Context) (bool, error)) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, tab.patience)
	defer cancel()
	var why error // of the last look that came to its end
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		yes, err := ask(ctx)
		var threw *chromedp.ExceptionError
		if errors.As(err, &threw) {
			tab.fatalf("%s: %v", what, err)
		}
		if yes && err == nil {
			return
		}
		if ctx.Err() == nil {
			why = err
		}
		if late := wait(ctx, pause); late != nil {
			tab.fatalf("not within %v: %s (%v)", tab.patience, what, errors.Join(why, late))
		}
	}
}

// Await waits until a JavaScript condition holds in the page that the tab then shows. what is for the
// message when it does not.
func (tab *Tab) Await(what, condition string) {
	tab.t.Helper()
	tab.poll(what, func(ctx context.Context) (bool, error) { return evaluate[bool](ctx, "!!("+condition+")") })
}

// read asks an element for something, and waits until the element is there.
func read[T any](tab *Tab, sel, what string) (value T) {
	tab.t.Helper()
	type answer struct {
		Is    bool
		Value T
	}
	tab.poll(sel+" is there", func(ctx context.Context) (bool, error) {
		a, err := evaluate[answer](ctx, invoke(`sel => { const e = document.querySelector(sel); return e ? {Is: true, Value: `+what+`} : {Is: false}; }`, sel))
		value = a.Value
		return a.Is, err
	})
	return value
}

// Text returns the text of the first element that matches, as a reader sees it, without white space
// around it.
func (tab *Tab) Text(sel string) string {
	tab.t.Helper()
	return strings.TrimSpace(read[string](tab, sel, "e.innerText ?? e.textContent"))
}

// Value returns the value of a field.
func (tab *Tab) Value(sel string) string {
	tab.t.Helper()
	return read[string](tab, sel, `String(e.value ?? "")`)
}

// Attr returns an attribute, "" when the element does not have it.
func (tab *Tab) Attr(sel, name string) string {
	tab.t.Helper()
	return read[string](tab, sel, fmt.Sprintf(`e.getAttribute(%q) ?? ""`, name))
}

// Count returns how many elements match now. It does not wait.
func (tab *Tab) Count(sel string) int {
	tab.t.Helper()
	return Eval[int](tab, invoke(`sel => document.querySelectorAll(sel).length`, sel))
}

// HTML returns the page as it stands now.
func (tab *Tab) HTML() string {
	tab.t.Helper()
	return Eval[string](tab, "document.documentElement.outerHTML")
}
