package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/inspector"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// issues are the remarks of Chromium that count as faults. It makes others too, such as
// hints for the filling of forms.
var issues = []audits.InspectorIssueCode{
	audits.InspectorIssueCodeContentSecurityPolicyIssue, audits.InspectorIssueCodeMixedContentIssue, audits.InspectorIssueCodeBlockedByResponseIssue,
	audits.InspectorIssueCodeCorsIssue, audits.InspectorIssueCodeQuirksModeIssue, audits.InspectorIssueCodeDeprecationIssue,
}

// heard takes every event of the tab, in the order in which they happened. It runs where the browser's
// messages are read, so it may not wait.
func (tab *Tab) heard(ev any) {
	r := tab.rec
	r.mu.Lock()
	defer r.mu.Unlock()
	switch ev := ev.(type) {
	case *page.EventJavascriptDialogOpening:
		r.fault("dialog %s: %s", ev.Type, ev.Message)
		go tab.dismiss(ev.Type)
	case *network.EventRequestWillBeSent, *network.EventRequestWillBeSentExtraInfo, *network.EventResponseReceived,
		*network.EventResponseReceivedExtraInfo, *network.EventLoadingFinished, *network.EventLoadingFailed:
		r.network(ev)
	case *page.EventFrameNavigated, *page.EventNavigatedWithinDocument, *page.EventLifecycleEvent:
		r.moved(ev)
	default:
		r.complaint(ev)
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// dismiss answers a dialog, or the page would stand still for ever.
func (tab *Tab) dismiss(kind page.DialogType) {
	ctx, cancel := context.WithTimeout(tab.ctx, tab.patience)
	defer cancel()
	leave := kind == page.DialogTypeBeforeunload
	_, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: leave}) // a closed tab has none
}

func (r *record) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

func (r *record) network(ev any) {
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		r.request(ev)
	case *network.EventRequestWillBeSentExtraInfo:
		r.wire(ev.RequestID, r.sent, func(h *hop) { h.Header = header(ev.Headers) })
	case *network.EventResponseReceived:
		if ev.Type == network.ResourceTypeDocument {
			r.status[ev.LoaderID] = ev.Response.Status
		}
		if h := r.last(ev.RequestID); h != nil {
			r.answered(h, ev.Response)
			h.came(ev.Timestamp)
		}
	case *network.EventResponseReceivedExtraInfo:
		r.wire(ev.RequestID, r.got, func(h *hop) {
			h.Answer = header(ev.Headers)
			if h.Status == 0 {
				h.Status = int(ev.StatusCode)
			}
		})
	case *network.EventLoadingFinished:
		r.ended(ev.RequestID, "")
	case *network.EventLoadingFailed:
		why := strings.TrimSpace(ev.ErrorText + " " + string(ev.BlockedReason))
		if ev.CorsErrorStatus != nil {
			why += " " + string(ev.CorsErrorStatus.CorsError)
		}
		r.ended(ev.RequestID, why)
		if h := r.last(ev.RequestID); h != nil && !ev.Canceled {
			r.fault("request %s %s: %s", h.Method, h.URL, why)
		}
	}
}

func (r *record) moved(ev any) {
	switch ev := ev.(type) {
	case *page.EventFrameNavigated:
		if ev.Frame.ParentID == "" {
			r.at, r.loader, r.frame = ev.Frame.URL+ev.Frame.URLFragment, ev.Frame.LoaderID, ev.Frame.ID
			r.came[r.loader] = true
		}
	case *page.EventNavigatedWithinDocument:
		if ev.FrameID == r.frame {
			r.at = ev.URL
		}
	case *page.EventLifecycleEvent:
		if ev.Name == "load" && ev.LoaderID == r.loader {
			r.loaded = ev.LoaderID
		}
	}
}

// complaint notes what the page, the console or the browser itself finds wrong.
func (r *record) complaint(ev any) {
	switch ev := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		switch ev.Type {
		case runtime.ConsoleAPICalledTypeError, runtime.ConsoleAPICalledTypeWarning, runtime.ConsoleAPICalledTypeAssert:
			r.fault("console %s: %s", ev.Type, said(ev.Args))
		}
	case *runtime.EventExceptionThrown:
		text := ev.ExceptionDetails.Text
		if e := ev.ExceptionDetails.Exception; e != nil {
			text += " " + said([]*runtime.RemoteObject{e})
		}
		r.fault("exception: %s (%s:%d)", text, ev.ExceptionDetails.URL, ev.ExceptionDetails.LineNumber+1)
	case *log.EventEntryAdded:
		serious := ev.Entry.Level == log.EntryLevelError || ev.Entry.Level == log.EntryLevelWarning
		if serious && ev.Entry.Source != log.EntrySourceNetwork { // requests are judged by what the network says of them
			r.fault("log %s %s: %s", ev.Entry.Source, ev.Entry.Level, ev.Entry.Text)
		}
	case *audits.EventIssueAdded:
		r.issue(ev.Issue)
	case *page.EventWindowOpen:
		r.fault("a window is opened: %s", ev.URL)
	case *inspector.EventTargetCrashed:
		r.fault("the page crashed")
	}
}

// said is what console arguments look like.
func said(args []*runtime.RemoteObject) string {
	var parts []string
	for _, a := range args {
		switch {
		case a.Description != "":
			parts = append(parts, a.Description)
		case len(a.Value) > 0:
			parts = append(parts, string(a.Value))
		default:
			parts = append(parts, string(a.Type))
		}
	}
	return strings.Join(parts, " ")
}

func (r *record) issue(is *audits.InspectorIssue) {
	if !slices.Contains(issues, is.Code) || is.Details == nil {
		return
	}
	if csp := is.Details.ContentSecurityPolicyIssueDetails; csp != nil {
		at := ""
		if l := csp.SourceCodeLocation; l != nil {
			at = fmt.Sprintf(" (%s:%d)", l.URL, l.LineNumber+1)
		}
		r.fault("policy: %s violated by %s %s%s", csp.ViolatedDirective, csp.ContentSecurityPolicyViolationType, csp.BlockedURL, at)
		return
	}
	details, _ := json.Marshal(is.Details)
	r.fault("issue %s: %.500s", is.Code, details)
}

// Faults returns what the detectors found since the last call, in the order in which it happened, each
// beginning with what kind it is: "policy", "report", "console", "log", "exception", "request",
// "dialog", "issue". A page that answers with an error status is none; Status tells.
func (tab *Tab) Faults() []string {
	tab.t.Helper()
	tab.settle()
	tab.rec.mu.Lock()
	defer tab.rec.mu.Unlock()
	found := tab.rec.faults
	tab.rec.faults = nil
	return found
}

// settle lets the page finish what it is doing, so that everything it has set off has been told.
func (tab *Tab) settle() {
	tab.t.Helper()
	tab.poll("the page comes to rest", func(ctx context.Context) (bool, error) {
		return evaluate[bool](ctx, `new Promise(done => {
			const last = () => setTimeout(() => done(true), 0);
			setTimeout(() => document.hidden ? last() : requestAnimationFrame(last), 0);
		})`)
	})
}
