// Package browsertest is what the browser tests of the console stand on: one real Chromium, tabs that a
// test drives as a person would, and detectors that see what a person would not.
//
// A Browser is one Chromium process with a fresh profile below a folder of its own. A Tab is a window
// with cookies of its own, so that two people can be signed in at once. Hands are real: a click is
// mouse events at the middle of what is clicked, a key is key events, and both go to whatever is under
// the pointer or has the focus, not to what the test hoped for. A test that walks by keyboard moves with
// TabTo and presses keys; one that walks by pointer clicks.
//
// What must stay true:
//   - The browser is as people have it: no policy is bypassed, no certificate forgiven. Only the network
//     is cut down: no name but localhost and what ends in .localhost is found.
//   - The detectors of a tab listen from before its first page on: violated policies and the reports
//     about them, errors and warnings in the console, exceptions, requests that fail, dialogs. A dialog
//     is how a planted script shows that it ran. Faults hands over what was found since it was last asked.
//   - Nothing waits longer than 20 seconds and nothing sleeps: what cannot happen fails the test and
//     says on which page.
//   - axe-core and the keyboard walk run in a world of their own inside the page, where the policy of
//     the page still holds for the page. They leave no fault behind.
//   - When a browser is closed, every process it started is gone and so is its folder. If the test
//     process dies, the browser dies with it.
//
// Where Chromium or axe-core is not installed (make deps installs both), a test that needs it is
// skipped and says so; with CI=true it fails.
package browsertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// chromium is where Debian puts it.
const chromium = "/usr/bin/chromium"

// patience bounds everything that is waited for.
const patience = 20 * time.Second

// A Browser is a running Chromium. It may be used by several tests at once.
type Browser struct {
	ctx    context.Context
	cancel context.CancelFunc
	dir    string // profile, home and temporary files
	pid    int    // of the first process, and of the group of all of them
	agent  string // its User-Agent, without the word that gives away that there is no window
}

// Start starts a browser that ends with the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	need(t, chromium, "Chromium is not installed")
	b, err := launch()
	if err != nil {
		t.Fatalf("browsertest: Chromium is installed but does not start: %v", err)
	}
	t.Cleanup(func() {
		if err := b.close(); err != nil {
			t.Errorf("browsertest: %v", err)
		}
	})
	return b
}

// shared is the browser of this process.
var shared struct {
	sync.Mutex
	b   *Browser
	err error
}

// Shared returns the browser of this test process and starts it for the first one who asks. TestMain
// ends it with Close.
func Shared(t testing.TB) *Browser {
	t.Helper()
	need(t, chromium, "Chromium is not installed")
	shared.Lock()
	defer shared.Unlock()
	if shared.b == nil && shared.err == nil {
		shared.b, shared.err = launch()
	}
	if shared.err != nil {
		t.Fatalf("browsertest: Chromium is installed but does not start: %v", shared.err)
	}
	return shared.b
}

// Close ends the browser of this test process, if Shared started one. It is called from TestMain.
func Close() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.b == nil {
		return nil
	}
	err := shared.b.close()
	shared.b = nil
	return err
}

// need skips a test that lacks a file, or fails it where everything must run.
func need(t testing.TB, path, why string) {
	t.Helper()
	if _, err := os.Stat(path); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("browsertest: %s (%s), and with CI=true it must be; make deps installs it", why, path)
	}
	t.Skipf("NOT RUN: %s (%s); make deps installs it", why, path)
}

// flags are what Chromium is started with, beside its profile.
func flags() map[string]any {
	f := map[string]any{
		"host-resolver-rules": "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
		"disable-features":    "Translate,MediaRouter,OptimizationHints,AutofillServerCommunication",
		"password-store":      "basic",
		"force-color-profile": "srgb",
		"window-size":         "1280,800",
	}
	for _, on := range []string{"headless", "disable-gpu", "disable-quic", "no-first-run", "no-default-browser-check", "no-proxy-server",
		"disable-background-networking", "disable-component-update", "disable-sync", "disable-breakpad", "disable-extensions",
		"disable-default-apps", "disable-background-timer-throttling", "disable-backgrounding-occluded-windows",
		"disable-renderer-backgrounding", "disable-ipc-flooding-protection", "hide-scrollbars", "mute-audio", "use-mock-keychain"} {
		f[on] = true
	}
	if os.Geteuid() == 0 {
		f["no-sandbox"] = true // as root it does not start with one
	}
	return f
}

// launch starts Chromium in a process group of its own.
func launch() (*Browser, error) {
	dir, err := os.MkdirTemp("", "houvast-browser-")
	if err != nil {
		return nil, err
	}
	b := &Browser{dir: dir}
	opts := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(chromium),
		chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.CombinedOutput(io.Discard),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
		}),
	}
	for name, value := range flags() {
		opts = append(opts, chromedp.Flag(name, value))
	}
	for name, folder := range map[string]string{"HOME": "home", "TMPDIR": "tmp", "XDG_CONFIG_HOME": "home/config", "XDG_CACHE_HOME": "home/cache", "XDG_RUNTIME_DIR": "run"} {
		path := filepath.Join(dir, folder)
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
		opts = append(opts, chromedp.Env(name+"="+path))
	}
	quiet := func(string, ...any) {} // chromedp tells of events that it does not know
	alloc, end := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithLogf(quiet), chromedp.WithErrorf(quiet))
	b.ctx, b.cancel = ctx, func() { cancel(); end() }
	return b, b.connect()
}

// connect waits for the browser's first answer and asks who it is.
func (b *Browser) connect() error {
	late := time.AfterFunc(patience, b.cancel)
	defer late.Stop()
	var version browser.GetVersionResult
	err := chromedp.Do(b.ctx)
	if err == nil {
		b.pid = chromedp.FromContext(b.ctx).Browser.Process().Pid
		version, err = chromedp.CallBrowser(b.ctx, browser.GetVersion, cdp.Empty{})
	}
	if err != nil {
		return errors.Join(err, b.close())
	}
	b.agent = strings.ReplaceAll(version.UserAgent, "HeadlessChrome/", "Chrome/")
	return nil
}

// close ends every process of the browser and removes its folder.
func (b *Browser) close() error {
	if b.pid != 0 {
		// Before anything is waited for: as long as the first process is not, its number names no other.
		syscall.Kill(-b.pid, syscall.SIGKILL)
	}
	b.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	for { // a process that is dying may still write
		if err = os.RemoveAll(b.dir); err == nil && len(b.processes()) == 0 {
			return nil
		}
		if wait(ctx, 10*time.Millisecond) != nil {
			return fmt.Errorf("the browser left processes %v or files behind: %w", b.processes(), errors.Join(err, ctx.Err()))
		}
	}
}

// processes returns what still runs with this browser's profile, by number.
func (b *Browser) processes() (pids []string) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(line), b.dir) {
			pids = append(pids, filepath.Base(filepath.Dir(path)))
		}
	}
	return pids
}

// wait waits between two looks at a condition.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
