package browsertest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// Options is how the person in front of a tab has set up their machine. A zero field is the default.
type Options struct {
	Lang          string  // Accept-Language, best first and without weights: "nl", "de-CH,de"; default "en"
	Dark          bool    // whether they prefer dark
	Width, Height int     // of the window, in pixels of the screen; default 1280 by 800
	Zoom          float64 // 2 is 200 %: the page has half as many pixels of its own; default 1
}

// A Tab is a window with cookies of its own. One goroutine uses it. Every method fails the test when it
// cannot do what it says.
type Tab struct {
	t   testing.TB
	b   *Browser
	ctx context.Context
	o   Options
	rec *record

	patience time.Duration // bounds everything that is waited for
}

// Tab opens a window on an empty page. It is closed with the test.
func (b *Browser) Tab(t testing.TB, o Options) *Tab {
	t.Helper()
	tab := &Tab{t: t, b: b, rec: newRecord(), patience: patience}
	var cancel context.CancelFunc
	tab.ctx, cancel = chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(tab.heard))
	t.Cleanup(cancel)
	late := time.AfterFunc(patience, cancel)
	defer late.Stop()
	if err := chromedp.Do(tab.ctx); err != nil {
		t.Fatalf("browsertest: no new tab: %v", err)
	}
	call(tab, audits.Enable, cdp.Empty{})
	room := int64(256 << 20)
	call(tab, network.ConfigureDurableMessages, network.ConfigureDurableMessagesParams{MaxTotalBufferSize: &room, MaxResourceBufferSize: &room})
	tab.Emulate(o)
	return tab
}

// With returns the same tab for a subtest, which then is the one that fails.
func (tab *Tab) With(t testing.TB) *Tab {
	other := *tab
	other.t = t
	return &other
}

// call sends a command of the browser's protocol.
func call[P, R any](tab *Tab, cmd cdp.Command[P, R], params P) R {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, tab.patience)
	defer cancel()
	r, err := chromedp.Call(ctx, cmd, params)
	if err != nil {
		tab.fatalf("%s: %v", cmd.Method, err)
	}
	return r
}

// fatalf fails the test and says on which page.
func (tab *Tab) fatalf(format string, args ...any) {
	tab.t.Helper()
	at, status := tab.rec.where()
	tab.t.Fatalf("browsertest: on %s (%d): %s", at, status, fmt.Sprintf(format, args...))
}

// Emulate changes what the person prefers, from the next page on for the language and at once for the
// rest.
func (tab *Tab) Emulate(o Options) {
	tab.t.Helper()
	if o.Lang == "" {
		o.Lang = "en"
	}
	if o.Width == 0 {
		o.Width = 1280
	}
	if o.Height == 0 {
		o.Height = 800
	}
	if o.Zoom == 0 {
		o.Zoom = 1
	}
	tab.o = o
	call(tab, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: tab.b.agent, AcceptLanguage: o.Lang})
	scheme := "light"
	if o.Dark {
		scheme = "dark"
	}
	call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	call(tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: int64(float64(o.Width) / o.Zoom), Height: int64(float64(o.Height) / o.Zoom), DeviceScaleFactor: o.Zoom})
}

// Open goes to an address and waits until the page and what it names are loaded.
func (tab *Tab) Open(address string) {
	tab.t.Helper()
	went := call(tab, page.Navigate, page.NavigateParams{URL: address})
	if went.ErrorText != "" {
		tab.fatalf("%s does not open: %s", address, went.ErrorText)
	}
	if went.LoaderID == "" {
		return // a place in the same page
	}
	tab.loaded(address, func(r *record) bool { return r.came[went.LoaderID] })
}

// Follow does something that leads to another page, such as pressing a button, and waits until that
// page is loaded. The address may stay the same.
func (tab *Tab) Follow(do func()) {
	tab.t.Helper()
	before := tab.rec.document()
	do()
	tab.loaded("another page", func(r *record) bool { return r.loader != before })
}

// loaded waits until a page is the one that is meant and is loaded.
func (tab *Tab) loaded(what string, meant func(*record) bool) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, tab.patience)
	defer cancel()
	if err := tab.rec.until(ctx, func(r *record) bool { return meant(r) && r.loaded == r.loader }); err != nil {
		tab.fatalf("%s is not loaded: %v", what, err)
	}
}

// URL returns the address of the page as the page knows it, with its fragment.
func (tab *Tab) URL() string { return Eval[string](tab, "location.href") }

// Status returns the HTTP status of the page, the last one after redirects.
func (tab *Tab) Status() int {
	_, status := tab.rec.where()
	return status
}

// Cookies returns every cookie of this tab, of all hosts. Its type is that of the protocol, so that
// every attribute can be looked at.
func (tab *Tab) Cookies() []*network.Cookie {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, tab.patience)
	defer cancel()
	r, err := chromedp.CallBrowser(ctx, storage.GetCookies, storage.GetCookiesParams{BrowserContextID: chromedp.FromContext(tab.ctx).BrowserContextID})
	if err != nil {
		tab.fatalf("the cookies: %v", err)
	}
	return r.Cookies
}

// Cookie returns the cookie with a name, nil when there is none.
func (tab *Tab) Cookie(name string) *network.Cookie {
	tab.t.Helper()
	for _, c := range tab.Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// SetCookie gives the tab a cookie for an origin, with the attributes that the console sets.
func (tab *Tab) SetCookie(origin, name, value string) {
	tab.t.Helper()
	yes := true
	call(tab, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: origin, Path: "/", Secure: &yes, HTTPOnly: &yes, SameSite: network.CookieSameSiteStrict})
}

// Screenshot writes a PNG of what is seen, or of the full page.
func (tab *Tab) Screenshot(path string, full bool) {
	tab.t.Helper()
	params := page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng}
	if full {
		size := call(tab, page.GetLayoutMetrics, cdp.Empty{}).CSSContentSize
		params.CaptureBeyondViewport = &full
		params.Clip = &page.Viewport{Width: size.Width, Height: size.Height, Scale: 1}
	}
	picture := call(tab, page.CaptureScreenshot, params)
	if err := os.WriteFile(path, picture.Data, 0o644); err != nil {
		tab.fatalf("%v", err)
	}
}

// Overflow returns by how many pixels of the page its content is wider than the window; 0 is none.
func (tab *Tab) Overflow() int {
	tab.t.Helper()
	return Eval[int](tab, `Math.max(0, Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - document.documentElement.clientWidth)`)
}

// AwaitURL waits until the tab is at an address that begins with prefix, and its page is loaded.
func (tab *Tab) AwaitURL(prefix string) {
	tab.t.Helper()
	tab.loaded("what begins with "+prefix, func(r *record) bool { return strings.HasPrefix(r.at, prefix) })
}
