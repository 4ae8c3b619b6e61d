package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/client"
	"github.com/houvast/houvast/cmd/houvast/browsertest"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/config"
	"github.com/houvast/houvast/internal/draw"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/practice"
)

// People walk through the console in a real browser, once without a pointer and once by it, from the
// first link to the receipt. It holds only if the database and the audit log say exactly what they did,
// and each picture came after the line that allowed it.
func TestBrowserWalk(t *testing.T) {
	engines := storetest.Engines(t)
	for _, w := range []struct {
		engine store.Engine
		with   string
		hands  hands
	}{{store.SQLite, "keyboard", keyboard{}}, {store.SQLite, "pointer", pointer{}}, {store.Postgres, "pointer", pointer{}}} {
		t.Run(string(w.engine)+"/"+w.with, func(t *testing.T) {
			if !slices.Contains(engines, w.engine) {
				t.Skipf("NOT RUN: there is no %s on this machine", w.engine)
			}
			t.Parallel()
			storetest.Count(w.engine)
			began := time.Now()
			newBrowserWalk(t, w.engine, w.hands).through()
			t.Logf("%s by %s: %.1f s", w.engine, w.with, time.Since(began).Seconds())
		})
	}
}

// A turn is one case and what is decided about it.
type turn struct {
	decision houvast.Decision
	role     houvast.Role
	pressure bool
	words    string

	item houvast.ItemID // once it was handed in
	id   string         // of the case, once somebody pulled it
}

// turns are the eight decisions in the order in which their pictures are handed in.
func turns() []*turn {
	return []*turn{
		{decision: houvast.DecideAbuse, role: houvast.RoleUploader},
		{decision: houvast.DecideUrgent, role: houvast.RoleUploader, words: "The account says that it meets the child today."},
		{decision: houvast.DecideOwn, role: houvast.RolePeer, pressure: true},
		{decision: houvast.DecideAgeInDoubt},
		{decision: houvast.DecideDrawn},
		{decision: houvast.DecideFamily},
		{decision: houvast.DecideNotAbuse},
		{decision: houvast.DecideCannotTell},
	}
}

// A browserWalk is one installation with the people who work in it.
type browserWalk struct {
	*rig
	t       *testing.T
	hands   hands
	browser *browsertest.Browser // of its own: walks go on side by side, and a window that comes to the front takes the focus from another
	office  *practice.Clearinghouse
	door    *doorkeeper
	began   time.Time
	turns   []*turn
	people  []*walker // every window, so that its detectors are asked
}

func newBrowserWalk(t *testing.T, engine store.Engine, h hands) *browserWalk {
	t.Helper()
	w := &browserWalk{t: t, hands: h, browser: browsertest.Start(t), began: time.Now(), turns: turns(), office: practice.New(practice.Config{User: "us", Password: "practice"})}
	office := httptest.NewServer(w.office)
	t.Cleanup(office.Close)
	cfg := freshConfig(t, engine)
	cfg.Profile, cfg.Jurisdiction, cfg.Listen = "", "", "localhost:0"
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("practice\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Recipients = []config.Recipient{{Name: "practice", Environment: "practice", URL: office.URL + "/ispws", User: "us", PasswordFile: secret}}
	cfg.Reporter = config.Reporter{Organisation: "Example Platform", FirstName: "Robin", LastName: "Example", Email: "trust@example.org"}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	w.rig = startConsole(t, cfg)
	w.door = watchDoor(w.rig)
	return w
}

// sits gives somebody a window of their own.
func (w *browserWalk) sits() *walker {
	w.t.Helper()
	p := &walker{Tab: w.browser.Tab(w.t, browsertest.Options{}), hands: w.hands, t: w.t, site: w.app.origins().Console}
	w.people = append(w.people, p)
	return p
}

// signsIn opens a window and signs somebody in by name.
func (w *browserWalk) signsIn(name string) *walker {
	w.t.Helper()
	p := w.sits()
	p.visit("/console/sign-in")
	p.signIn(name)
	return p
}

func (p *walker) signIn(name string) {
	p.t.Helper()
	p.fill(p, "#name", name)
	p.fill(p, "#password", goodPassword)
	p.goes("/console/(queue|reports|staff|technical|doctor|audit|log|banks)?", "", "main button.main")
}

// through is the whole walk.
func (w *browserWalk) through() {
	link, err := w.app.startLink(w.t.Context())
	if err != nil || link == "" {
		w.t.Fatalf("no first link: %q %v", link, err)
	}
	admin := w.begins(link)
	w.hires(admin)
	w.handsIn()
	mo, ria := w.signsIn("mo"), w.signsIn("ria")
	w.reviews(mo, ria)
	w.seconds(mo, ria)
	w.files(mo, w.signsIn("ada"))
	for _, p := range w.people {
		// Where telling takes longer than the lock waits for it, the locked session refuses to be told.
		late := fmt.Sprintf("request POST %s/console/case/%s/shown: status 401", p.site, w.turns[0].id)
		if found := slices.DeleteFunc(p.Faults(), func(f string) bool { return f == late }); len(found) > 0 {
			w.t.Errorf("the detectors of a window found:\n%s", strings.Join(found, "\n"))
		}
	}
	w.judge()
}

// begins opens the first link: profile, jurisdiction, first account; then out and in again. The link
// opens nothing any more.
func (w *browserWalk) begins(link string) *walker {
	w.t.Helper()
	p := w.sits()
	p.Open(link)
	p.pick(p, `input[name="profile"][value="practice"]`)
	p.fill(p, "#jurisdiction", "nl")
	p.fill(p, "#name", "cas")
	p.fill(p, "#password", goodPassword)
	p.fill(p, "#again", goodPassword)
	p.goes("/console/[a-z]*", "", "main button.main")
	p.reads("Practice. Drawings only.")
	if c, ok := w.app.installation(); !ok || c.Profile != houvast.ProfilePractice || c.Jurisdiction != "NL" {
		w.t.Errorf("this process takes the installation for %v %v", c, ok)
	}
	p.goes("/console/sign-in", "", `form[action="/console/sign-out"] button`)
	p.reads("You are signed out.")
	other := w.sits()
	if other.Open(link); other.Status() != 410 {
		w.t.Errorf("the first link opens a page with status %d again", other.Status())
	}
	p.signIn("cas")
	return p
}

// hires adds a reviewer, a second one, and an approver.
func (w *browserWalk) hires(admin *walker) {
	w.t.Helper()
	for name, role := range map[string]access.Role{"mo": access.Reviewer, "ria": access.Reviewer, "ada": access.Approver} {
		admin.goes("/console/staff", "", `header nav a[href="/console/staff"]`)
		admin.fill(admin, "main #name", name)
		admin.pick(admin, fmt.Sprintf(`input[name="roles"][value="%s"]`, role))
		admin.fill(admin, "main #password", goodPassword)
		admin.fill(admin, "main #repeat", goodPassword)
		admin.Follow(func() { admin.press(admin, "", `form[action="/console/staff"] button.main`) })
		admin.Await(name+" is on the list", fmt.Sprintf(`[...document.querySelectorAll("table.list b")].some(b => b.textContent === %q)`, name))
	}
}

// handsIn has the platform hand in eight pictures that a verified list names.
func (w *browserWalk) handsIn() {
	w.t.Helper()
	var drawn [][]byte
	var known []string
	for n := range w.turns {
		data := draw.PNG(draw.Picture(draw.Houses, 480+n, 360, uint64(4000+n)))
		drawn, known = append(drawn, data), append(known, string(data))
	}
	w.list("national-list", known...)
	_, key := w.grant("forum", access.ScopeItems)
	platform := client.New(http.DefaultClient, w.url, key)
	for n, u := range w.turns {
		up := houvast.Upload{Account: houvast.AccountRef{ID: fmt.Sprintf("account-%d", n)}, ScreenName: fmt.Sprintf("example.user.%d", n), IP: "192.0.2.7", Port: 40000 + n,
			UploadedAt: w.clock.Now().Add(-time.Hour), URL: fmt.Sprintf("https://example.org/post/%d", n), Context: "a drawn street", ContextKind: houvast.PublicPost}
		id, err := platform.Upload(w.t.Context(), fmt.Sprintf("walk-%d", n), up, fmt.Sprintf("street-%d.png", n), bytes.NewReader(drawn[n]))
		if err != nil {
			w.t.Fatal(err)
		}
		u.item = id
		await(w.t, "the item was looked at", func() bool {
			it, err := w.app.desk.Item(context.Background(), id)
			return err == nil && it.State == houvast.ItemLookedAt
		})
	}
}

// took is how long the walk has lasted.
func (w *browserWalk) took() time.Duration { return time.Since(w.began) }
