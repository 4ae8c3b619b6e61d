package browsertest

import (
	"context"
	"encoding/json"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A world is a place beside the page's own scripts: it sees the same elements and shares no variable.
// It lives as long as the document.
type world struct {
	tab *Tab
	id  runtime.ExecutionContextID
}

// world makes one in the page that the tab shows. setup is run in it first.
func (tab *Tab) world(setup string) *world {
	tab.t.Helper()
	tab.rec.mu.Lock()
	frame := tab.rec.frame
	tab.rec.mu.Unlock()
	if frame == "" {
		frame = cdp.FrameID(chromedp.FromContext(tab.ctx).Target.TargetID)
	}
	made := call(tab, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: frame, WorldName: "browsertest"})
	w := &world{tab, made.ExecutionContextID}
	in[bool](w, setup+"\n;true")
	return w
}

// in runs JavaScript in a world, waits for its promise if it is one, and returns what it says.
func in[T any](w *world, js string) (value T) {
	w.tab.t.Helper()
	yes := true
	ctx, cancel := context.WithTimeout(w.tab.ctx, w.tab.patience)
	defer cancel()
	r, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: js, ContextID: w.id, ReturnByValue: &yes, AwaitPromise: &yes})
	switch {
	case err != nil:
		w.tab.fatalf("%.100s: %v", js, err)
	case r.ExceptionDetails != nil:
		w.tab.fatalf("%.100s: %v", js, &chromedp.ExceptionError{ExceptionDetails: r.ExceptionDetails})
	case json.Unmarshal(r.Result.Value, &value) != nil:
		w.tab.fatalf("%.100s: it says %.200s", js, r.Result.Value)
	}
	return value
}
