package main

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast/cmd/houvast/browsertest"
)

// soon is how long a demo may take to begin, and to end.
const soon = 90 * time.Second

var demoLink = regexp.MustCompile(`(?m)^  (\w+) +(http://\S+/console/enter/\S+)$`)

// startDemo runs houvast demo as a newcomer does, and returns its links by whom they are for when it
// has printed everything. The function ends it and looks at what it leaves.
func startDemo(t *testing.T) (links map[string]string, end func()) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	out := &notes{}
	e := &env{stdin: strings.NewReader(""), stdout: out, stderr: out, getenv: func(string) string { return "" }}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	ended := make(chan error, 1)
	go func() { ended <- (&demoCmd{}).Run(ctx, e) }()
	late := time.After(soon)
	for !strings.Contains(out.String(), "Ctrl-C") {
		select {
		case err := <-ended:
			t.Fatalf("the demo ended: %v\n%s", err, out)
		case <-late:
			t.Fatalf("the demo did not begin in %v:\n%s", soon, out)
		case <-time.After(5 * time.Millisecond):
		}
	}
	links = map[string]string{}
	for _, m := range demoLink.FindAllStringSubmatch(out.String(), -1) {
		links[m[1]] = m[2]
	}
	return links, func() {
		t.Helper()
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the demo ended with %v", err)
			}
		case <-time.After(soon):
			t.Fatalf("the demo does not end:\n%s", out)
		}
		if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
			t.Errorf("the demo left behind %v %v", left, err)
		}
	}
}

// A newcomer opens the links that the demo prints and does what it says.
func TestDemoVisit(t *testing.T) {
	browser := browsertest.Start(t)
	began := time.Now()
	links, end := startDemo(t)
	printed := time.Now()
	var guests []*walker
	opens := func(who, path string) *walker {
		t.Helper()
		p := &walker{Tab: browser.Tab(t, browsertest.Options{}), hands: pointer{}, t: t}
		p.Open(links[who])
		if at := p.URL(); !strings.HasSuffix(at, path) || p.Status() != 200 {
			t.Fatalf("the link of the %s leads to %s (%d)", who, at, p.Status())
		}
		p.reads("Practice. Drawings only.")
		guests = append(guests, p)
		return p
	}
	mo := opens("moderator", "/console/queue")
	read := mo.Text("main")
	decided := visitTwoLists(mo, &read)
	t.Logf("the links after %.1f s, the first decision %.1f s after them", printed.Sub(began).Seconds(), decided.Sub(printed).Seconds())
	if took := decided.Sub(printed); took > time.Minute {
		t.Errorf("the first decision took %v", took)
	}
	visitChild(mo)
	visitAlike(mo, &read)
	for _, m := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(visitGuide, -1) {
		if !strings.Contains(read, m[1]) {
			t.Errorf("the guide speaks of %q, and no page does", m[1])
		}
	}
	t.Logf("all three scenes %.1f s after the links", time.Since(printed).Seconds())

	opens("approver", "/console/reports").reads("ria")
	opens("administrator", "/console/doctor")
	opens("auditor", "/console/audit").reads("decided a case", "asked to see a picture, and was granted it")
	opens("moderator", "/console/queue") // a link holds as long as the demo
	for _, p := range guests {
		if found := p.Faults(); len(found) > 0 {
			t.Errorf("the detectors of a window found:\n%s", strings.Join(found, "\n"))
		}
	}
	end()
}

// visitTwoLists decides from facts: two lists name the file. The report is filed without anybody
// having viewed it.
func visitTwoLists(mo *walker, read *string) (decided time.Time) {
	mo.t.Helper()
	mo.goes(casePage, "", `main form[action="/console/next"] button`)
	mo.reads("national-list", "partner-list", "byte for byte", "holiday.png")
	*read += mo.Text("main")
	mo.pick(mo, `input[name="role"][value="uploader"]`)
	mo.goes(casePage+"/decide", "", `button[value="abuse"]`)
	mo.goes(casePage+"/after", "", `button[name="sure"]`)
	decided = time.Now()
	mo.finished()
	*read += mo.Text("main")
	mo.filed()
	*read += mo.Text("main")
	mo.reads("fileViewedByEsp>false<", "as the reported person")
	return decided
}

// finished waits until a colleague has approved the report of the case and it is filed. The page says so
// by itself.
func (p *walker) finished() {
	p.t.Helper()
	p.Await("the report is filed, on the page of the case", `document.querySelector('main a[href^="/console/report/"]')?.textContent.includes("(finished)")`)
}

// filed goes to the report of the case once it is filed. The documents as they were sent stand beside it.
func (p *walker) filed() {
	p.t.Helper()
	p.finished()
	p.goes("/console/report/report_[0-9a-z]+", "", `main a[href^="/console/report/"]`)
	if p.Count("details[open] pre") == 0 {
		p.press(p, "", `details summary[data-key="x"]`)
	}
}

// visitChild decides about an account that says it is the child: it becomes the victim.
func visitChild(mo *walker) {
	mo.t.Helper()
	mo.pulls()
	mo.reads("This is a picture of me.", "me.png")
	mo.pick(mo, `input[name="role"][value="child"]`)
	mo.goes(casePage+"/decide", "", `button[value="abuse"]`)
	mo.reads("as the victim, never as the reported person")
	mo.goes(casePage+"/after", "", `button[name="sure"]`)
	mo.filed()
	mo.reads("<victim>")
	if strings.Contains(mo.Text("body"), "<personOrUserReported>") {
		mo.t.Error("the child is the reported person")
	}
}

// visitAlike looks one step at what is only alike, and sees our copy destroyed.
func visitAlike(mo *walker, read *string) {
	mo.t.Helper()
	mo.pulls()
	mo.reads("our-street.jpg", "alike:", "It may still be another picture.")
	mo.ready()
	*read += mo.Text("main")
	mo.look("mosaic", func() {})
	mo.goes(casePage+"/decide", "", `button[value="not_abuse"]`)
	mo.goes(casePage+"/after", "", `button[name="sure"]`)
	mo.reads("Our copy is held until")
	mo.Await("our copy is destroyed, and the page says so by itself", `document.querySelector("main")?.innerText.includes("Our copy is destroyed")`)
}

// pulls takes the next case by way of the queue.
func (p *walker) pulls() {
	p.t.Helper()
	p.goes("/console/queue", "", `header nav a[href="/console/queue"]`)
	p.goes(casePage, "", `main form[action="/console/next"] button`)
}
