package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/client"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/entry"
	"github.com/houvast/houvast/internal/draw"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/report"
)

// visitUndo is the undo window of a visit: short enough to see a copy destroyed.
const visitUndo = 10 * time.Second

// visit is the demo for a person: work that waits, colleagues who are played, and a link for each kind
// of user.
func (d *demo) visit(ctx context.Context) error {
	d.server.app.desk.Settings.Undo = visitUndo
	for _, step := range []func(context.Context) error{d.visitBanks, d.visitPeople, d.visitHistory, d.visitCases} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := d.invite(); err != nil {
		return err
	}
	return d.colleague(ctx)
}

// street is a drawn street; recoloured is the same street with every house painted another colour, so
// that it is alike and not the same.
func street() *image.RGBA { return draw.Picture(draw.Houses, 900, 640, 2004) }

func recoloured() *image.RGBA {
	img := street()
	for i := 0; i < len(img.Pix); i += 4 {
		img.Pix[i], img.Pix[i+1], img.Pix[i+2] = img.Pix[i+2], img.Pix[i], img.Pix[i+1]
	}
	return img
}

// visitBanks makes three lists: two that name the same picture, and an older one that nobody verified.
func (d *demo) visitBanks(ctx context.Context) error {
	dir := d.data + ".pictures"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return houvast.Wrap("demo", err)
	}
	pictures := []image.Image{original(1), street(), original(0), original(2), original(3), original(4), original(5), original(6)}
	var paths []string
	for n, img := range pictures {
		path := filepath.Join(dir, fmt.Sprintf("visit-%d.png", n))
		if err := os.WriteFile(path, draw.PNG(img), 0o600); err != nil {
			return houvast.Wrap("demo", err)
		}
		paths = append(paths, path)
	}
	hashes, err := d.hash(ctx, paths)
	if err != nil {
		return err
	}
	for _, l := range []struct {
		name, category, trust, member string
		entries                       []int
	}{
		{"national-list", "child_abuse", "verified", "Example Hotline", []int{0, 1, 2}},
		{"partner-list", "child_abuse", "verified", "Example Police Unit", []int{0}},
		{"older-list", "exploitation", "unverified", "Example Platform", []int{3, 4, 5, 6, 7}},
	} {
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.Write([]string{"pdq", "pdq_profile", "sha256", "category", "member", "source_id", "note"})
		for _, n := range l.entries {
			w.Write([]string{hashes[n].PDQ, "near512", hashes[n].SHA256, l.category, l.member, fmt.Sprintf("%s-%d", l.name, n), "drawn by code"})
		}
		w.Flush()
		file := filepath.Join(dir, l.name+".csv")
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			return houvast.Wrap("demo", err)
		}
		if _, err := d.command(ctx, "bank", "create", l.name, "--category", l.category, "--trust", l.trust); err != nil {
			return err
		}
		if _, err := d.command(ctx, "bank", "import", l.name, file); err != nil {
			return err
		}
	}
	return nil
}

// A guest is one kind of user with a link of their own.
type guest struct{ name, role, is, opens string }

func guests() []guest {
	return []guest{{"mo", "reviewer", "moderator", "/console/queue"}, {"ada", "approver", "approver", "/console/reports"},
		{"cas", "admin", "administrator", "/console/doctor"}, {"olga", "auditor", "auditor", "/console/audit"}}
}

// visitGuide is what a newcomer does first. It quotes the pages as they are in English; TestDemoVisit
// does what it says.
const visitGuide = `
Two minutes as the moderator. "Pull the next case" is on the first page, and again after each decision.

  1  Two verified lists name this file, byte for byte. That is enough, so nobody has to look: choose
     "only uploaded it", press "Abuse", read what will happen, and decide. Wait a moment: Ben, whom the
     demo plays, approves the report. Follow "To the report (finished)": "Viewed by a person" is no.
     Beside it, open "The documents as they were sent".
  2  This account says that it is the child. Choose "is the child in the picture", press "Abuse" and
     decide: in the report the account is the victim, and nobody is reported.
  3  This picture is only alike. Under "Mosaic", hold "Hold to look": a street of houses, and one step
     was enough to see it. Press "Not abuse" and decide; %d seconds later our copy is destroyed.

Then decide the two that are left, or answer Ria, who asked for advice. As the approver, approve one of
Ria's reports and send the other back in your words. As the administrator, see banks, staff and keys.
As the auditor, verify the log: each look at a picture stands in it before the picture was sent.`

// visitPeople adds the guests, and two colleagues whom the demo plays.
func (d *demo) visitPeople(ctx context.Context) error {
	all := append(guests(), guest{name: "ria", role: "reviewer"}, guest{name: "ben", role: "approver"})
	for _, g := range all {
		u, err := commandJSON[userLine](ctx, d, "user", "add", g.name, "--role", g.role)
		if err != nil {
			return err
		}
		d.people[g.name] = u[0].Password
	}
	k, err := commandJSON[struct{ Key string }](ctx, d, "key", "create", "example-platform", "--scope", "items")
	if err != nil {
		return err
	}
	d.people["platform"] = k[0].Key
	return nil
}

// bring hands in a picture and waits until its case is there.
func (d *demo) bring(ctx context.Context, n int, name, context string, data []byte) error {
	platform := d.api(d.people["platform"])
	up := houvast.Upload{Account: houvast.AccountRef{ID: fmt.Sprintf("account-%d", n)}, ScreenName: fmt.Sprintf("example.user.%d", n), IP: "192.0.2.7", Port: 40000 + n,
		UploadedAt: d.clock.Now().Add(-time.Duration(n) * time.Minute), URL: fmt.Sprintf("https://example.org/post/%d", n), Context: context, ContextKind: houvast.PublicPost}
	id, err := platform.Upload(ctx, fmt.Sprintf("visit-%d", n), up, name, bytes.NewReader(data))
	if err != nil {
		return err
	}
	return until(ctx, name+" was looked at", func() (bool, error) {
		it, err := d.server.app.desk.Item(ctx, id)
		return err == nil && it.State != houvast.ItemReceived, err
	})
}

// visitHistory is what Ria did this morning: two reports wait for an approver, one decision for a
// second person, and one question for a colleague.
func (d *demo) visitHistory(ctx context.Context) error {
	ria, err := d.signIn(ctx, "ria")
	if err != nil {
		return err
	}
	for n, v := range []map[string]any{
		{"decision": "abuse", "role": "uploader"},
		{"decision": "urgent", "role": "uploader", "words": "The account says that it will meet the child tomorrow."},
		{"decision": "drawn"},
		nil,
	} {
		if err := d.bring(ctx, 20+n, fmt.Sprintf("picture-%d.jpg", n), "from my collection", draw.JPEG(original(2+n), 60)); err != nil {
			return err
		}
		var c struct{ Case string }
		if err := ria.Call(ctx, "POST", "/api/v1/review/next", "", nil, &c); err != nil {
			return err
		}
		if err := d.morning(ctx, ria, c.Case, v); err != nil {
			return err
		}
	}
	return nil
}

// morning is what Ria does with one case: decide it, or ask.
func (d *demo) morning(ctx context.Context, ria *client.Client, id string, verdict map[string]any) error {
	if verdict != nil {
		return ria.Call(ctx, "POST", "/api/v1/cases/"+id+"/decision", "visit-"+id, verdict, nil)
	}
	c, err := houvast.ParseID[houvast.CaseNoun](id)
	if err != nil {
		return err
	}
	_, err = d.server.app.desk.Park(ctx, pipeline.Ask{By: "user:ria", Op: "review.park"}, c, "The same account as yesterday. Has somebody seen it before?")
	return err
}

// visitCases is what waits for the moderator: a file that two lists name, an account that is the child,
// a near match that is another street, and a few more.
func (d *demo) visitCases(ctx context.Context) error {
	badge := original(6)
	for y := range 24 { // a small change, so that it is alike and not the same file
		for x := range 24 {
			badge.SetRGBA(x, y, color.RGBA{240, 240, 240, 255})
		}
	}
	for n, u := range []struct {
		name, context string
		data          []byte
	}{
		{"holiday.png", "look what I found", draw.PNG(original(1))},
		{"me.png", "This is a picture of me. I am 13 and somebody put it here.", draw.PNG(original(0))},
		{"our-street.jpg", "our street has been painted", draw.JPEG(recoloured(), 92)},
		{"garden.png", "how old are you", draw.PNG(draw.Resize(original(5), 500, 360))},
		{"badge.png", "our secret", draw.PNG(badge)},
		{"broken.png", "", draw.Cut(draw.PNG(original(1)))},
	} {
		if err := d.bring(ctx, n, u.name, u.context, u.data); err != nil {
			return err
		}
	}
	return nil
}

// invite prints a link for each guest.
func (d *demo) invite() error {
	links := map[string]string{}
	a := d.server.app
	for _, g := range guests() {
		links[g.is] = a.origins().Console + entry.EnterLink(a.once, entry.Visit{Name: g.name, Password: access.Secret(d.people[g.name]), Next: g.opens}, firstRun)
	}
	if d.JSON {
		return d.e.printJSON(map[string]any{"links": links, "url": d.server.url, "media": a.origins().Media})
	}
	d.say("\nOpen a link in a browser on this machine. Each signs you in, as often as you open it:\n")
	for _, g := range guests() {
		d.say("  %-14s %s", g.is, links[g.is])
	}
	d.say(visitGuide, int(visitUndo.Seconds()))
	d.say("\nEsc hides everything and locks. The passwords to go on:\n")
	for _, g := range guests() {
		d.say("  %-14s %-5s %s", g.is, g.name, d.people[g.name])
	}
	d.say("\nNothing filed here reaches anybody. It stays up until you press Ctrl-C.")
	return nil
}

// colleague plays Ben until the visit ends: he approves what the moderator drafted.
func (d *demo) colleague(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		all, err := d.server.app.desk.Reports(ctx, 0, 500)
		if err != nil {
			continue // the next second tries again
		}
		for _, r := range all {
			if r.State == report.Draft && r.DraftedBy == "user:mo" {
				// A draft that the check blocks stays one, for the moderator to complete.
				d.server.app.desk.Approve(ctx, pipeline.Ask{By: "user:ben", Op: "reports.approve"}, r.ID, r.Version)
			}
		}
	}
}
