package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/client"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
)

// walk goes through everything, as the platform, the people and the calendar would.
func (d *demo) walk(ctx context.Context) error {
	var truth []handedIn
	for _, step := range []func() error{
		func() error { return d.makeBank(ctx) },
		func() error { return d.makePeople(ctx) },
		func() (err error) { truth, err = d.uploadAll(ctx); return err },
		func() error { return d.compare(ctx, truth) },
		func() error { return d.decideAll(ctx) },
		func() error { return d.approveAll(ctx) },
		func() error { return d.readFiled(ctx) },
		func() error { return d.copySealed() },
		func() error { return d.letTimePass(ctx) },
		func() error { return d.readAudit(ctx) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// makeBank draws pictures, hashes them with the command, and imports what it printed.
func (d *demo) makeBank(ctx context.Context) error {
	dir := d.data + ".pictures"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return houvast.Wrap("demo", err)
	}
	paths, err := writeBank(dir)
	if err != nil {
		return houvast.Wrap("demo", err)
	}
	out, err := d.hash(ctx, paths)
	if err != nil {
		return err
	}
	text, err := bankCSV(out)
	if err != nil {
		return houvast.Wrap("demo", err)
	}
	if d.sabotage.emptyBank {
		text = text[:bytes.IndexByte(text, '\n')+1]
	}
	list := filepath.Join(dir, "list.csv")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		return houvast.Wrap("demo", err)
	}
	if _, err := d.command(ctx, "bank", "create", "demo-list", "--category", "child_abuse", "--trust", "verified"); err != nil {
		return err
	}
	in, err := commandJSON[imported](ctx, d, "bank", "import", "demo-list", list)
	if err != nil {
		return err
	}
	d.say("A bank of %d drawn pictures: houvast bank import demo-list list.csv", in[0].Added)
	return nil
}

// hash runs houvast hash, which opens no data.
func (d *demo) hash(ctx context.Context, paths []string) ([]hashedLine, error) {
	var out bytes.Buffer
	e := &env{stdin: bytes.NewReader(nil), stdout: &out, stderr: d.e.stderr, getenv: d.e.getenv}
	if code := run(ctx, e, append([]string{"hash", "--json"}, paths...)); code != 0 {
		return nil, broken("houvast hash failed")
	}
	return unmarshalLines[hashedLine](out.Bytes())
}

// makePeople adds two reviewers and an approver, and a key for the platform.
func (d *demo) makePeople(ctx context.Context) error {
	for name, role := range map[string]string{"ria": "reviewer", "ben": "reviewer", "ada": "approver"} {
		u, err := commandJSON[userLine](ctx, d, "user", "add", name, "--role", role)
		if err != nil {
			return err
		}
		d.people[name] = u[0].Password
	}
	k, err := commandJSON[struct{ Key string }](ctx, d, "key", "create", "example-platform", "--scope", "items")
	if err != nil {
		return err
	}
	d.people["platform"] = k[0].Key
	d.say("Ria and Ben review, Ada approves; the platform has a key that can only hand items in.")
	return nil
}

func (d *demo) api(token string) *client.Client {
	return client.New(&http.Client{Timeout: time.Minute}, d.server.url, token)
}

// signIn returns a client for one of the people.
func (d *demo) signIn(ctx context.Context, name string) (*client.Client, error) {
	var s struct{ Token string }
	err := d.api("").Call(ctx, "POST", "/api/v1/sessions", "", map[string]string{"name": name, "password": d.people[name]}, &s)
	return d.api(s.Token), err
}

// handedIn is an upload with the id it got.
type handedIn struct {
	drawn
	id houvast.ItemID
}

// uploadAll hands in the sixteen uploads and waits until each was looked at, or could not be.
func (d *demo) uploadAll(ctx context.Context) (truth []handedIn, err error) {
	platform := d.api(d.people["platform"])
	d.say("\nSixteen uploads:")
	for i, u := range uploads() {
		up := houvast.Upload{Account: houvast.AccountRef{ID: fmt.Sprintf("account-%d", i)}, ScreenName: fmt.Sprintf("user%d", i), IP: "192.0.2.7", Port: 40000 + i,
			UploadedAt: d.clock.Now().Add(-time.Minute), URL: fmt.Sprintf("https://example.org/post/%d", i), Context: fmt.Sprintf("post-%d", i), ContextKind: houvast.PublicPost}
		id, err := platform.Upload(ctx, fmt.Sprintf("demo-upload-%d", i), up, u.name, bytes.NewReader(u.data))
		if err != nil {
			return nil, err
		}
		again, err := platform.Upload(ctx, fmt.Sprintf("demo-upload-%d", i), up, u.name, bytes.NewReader(u.data))
		if err != nil || again != id {
			return nil, broken("the same upload under the same key was taken twice")
		}
		truth = append(truth, handedIn{u, id})
	}
	for _, u := range truth {
		var it itemLine
		err := until(ctx, u.name+" was looked at", func() (bool, error) {
			err := platform.Call(ctx, "GET", "/api/v1/items/"+string(u.id), "", nil, &it)
			return it.State != string(houvast.ItemReceived), err
		})
		if err != nil {
			return nil, err
		}
		if it.State == string(houvast.ItemCouldNotLook) {
			if d.result.CouldNotLook++; !u.unseen {
				return nil, broken(u.name + " could not be looked at")
			}
		}
	}
	d.result.Items = len(truth)
	return truth, nil
}

// compare holds the cases, as the command lists them, against what the demo drew.
func (d *demo) compare(ctx context.Context, truth []handedIn) error {
	cases, err := commandJSON[caseLine](ctx, d, "case", "list")
	if err != nil {
		return err
	}
	matched := map[houvast.ItemID]caseLine{}
	for _, c := range cases {
		matched[houvast.ItemID(c.Item)] = c
	}
	for _, u := range truth {
		c, hit := matched[u.id]
		outcome := "no match"
		switch {
		case hit && u.matches:
			d.result.Matched++
			outcome = "match by " + c.Reason
			if c.Reason == "pdq" {
				outcome += fmt.Sprintf(", %d of 256 bits away", c.Distance)
			}
		case hit:
			d.result.FalseMatches++
			outcome = "FALSE MATCH"
		case u.matches:
			d.result.Missed++
			outcome = "MISSED"
		case u.unseen:
			outcome = "could not be looked at: for technicians, never called clean"
		}
		d.say("  %-16s %-32s %s", u.name, u.what, outcome)
	}
	if d.result.Missed > 0 {
		return broken(fmt.Sprintf("%d of the drawn matches were missed", d.result.Missed))
	}
	err = until(ctx, "the platform withheld what is proven", func() (bool, error) { return d.platform.count("withhold") >= 2, nil })
	d.say("\nThe platform was asked to withhold the %d that are the same file as a verified entry.", d.platform.count("withhold"))
	return err
}

// script is what the reviewer says about the n-th case she pulls.
var script = [...]map[string]any{
	{"decision": "abuse", "role": "uploader"},
	{"decision": "abuse", "role": "uploader"},
	{"decision": "abuse", "role": "child"},
	{"decision": "abuse", "role": "uploader"},
	{"decision": "urgent", "role": "uploader", "words": "The account says that it will meet the child tomorrow."},
	{"decision": "abuse", "role": "peer"},
	{"decision": "abuse", "role": "uploader", "observations": []map[string]any{{"what": "age", "basis": "not_assessed"}}},
	{"decision": "own"},
	{"decision": "not_abuse"},
	{"decision": "cannot_tell"},
}

// decideAll has Ria pull and decide every case from its facts, without a picture, and Ben be the
// second person where one is needed.
func (d *demo) decideAll(ctx context.Context) error {
	ria, err := d.signIn(ctx, "ria")
	if err != nil {
		return err
	}
	ben, err := d.signIn(ctx, "ben")
	if err != nil {
		return err
	}
	d.say("\nRia decides from the facts; nobody has looked at a picture:")
	for i, verdict := range script {
		var c struct{ Case, Reason string }
		if err := ria.Call(ctx, "POST", "/api/v1/review/next", "", nil, &c); err != nil {
			return err
		}
		var out struct{ State, Report string }
		if err := ria.Call(ctx, "POST", "/api/v1/cases/"+c.Case+"/decision", fmt.Sprintf("demo-decision-%d", i), verdict, &out); err != nil {
			return err
		}
		said := fmt.Sprint(verdict["decision"])
		if out.State == "second" {
			agree := map[string]bool{"agree": true}
			if err := ria.Call(ctx, "POST", "/api/v1/cases/"+c.Case+"/confirm", "", agree, nil); houvast.CodeOf(err) != "four-eyes" {
				return broken("the same person was let be the second person")
			}
			if err := ben.Call(ctx, "POST", "/api/v1/cases/"+c.Case+"/confirm", "", agree, &out); err != nil {
				return err
			}
			said += "; Ben agrees"
		}
		if out.Report != "" {
			said += "; a report is drafted"
		}
		d.say("  %s  %s", c.Case, said)
	}
	return nil
}

// approveAll has Ada check and approve every draft, and waits for the receipts.
func (d *demo) approveAll(ctx context.Context) error {
	ada, err := d.signIn(ctx, "ada")
	if err != nil {
		return err
	}
	var all []reportLine
	if err := each(ctx, ada, "/api/v1/reports", func(r reportLine) error { all = append(all, r); return nil }); err != nil {
		return err
	}
	for _, r := range all {
		var check struct{ Blocked bool }
		if err := ada.Call(ctx, "GET", "/api/v1/reports/"+r.Report+"/check", "", nil, &check); err != nil {
			return err
		}
		if check.Blocked {
			return broken("the check blocks " + r.Report)
		}
		if err := ada.Call(ctx, "POST", "/api/v1/reports/"+r.Report+"/approve", "demo-approve-"+r.Report, nil, nil); err != nil {
			return err
		}
	}
	d.say("\nAda checks and approves %d reports.", len(all))
	return until(ctx, "every report was finished", func() (bool, error) {
		done := 0
		err := each(ctx, ada, "/api/v1/reports", func(r reportLine) error {
			if r.State == "needs_human" {
				return broken("a report needs a person: " + r.Trouble)
			}
			if r.State == "finished" {
				done++
			}
			return nil
		})
		return done == len(all), err
	})
}

// readFiled counts what was filed: once in our database, once in the clearinghouse's own log.
func (d *demo) readFiled(ctx context.Context) error {
	reports, err := commandJSON[reportLine](ctx, d, "report", "list")
	if err != nil {
		return err
	}
	for _, r := range reports {
		if r.State == "finished" {
			d.result.ReportsFinished++
		}
	}
	log, err := os.ReadFile(d.house.Log)
	if err != nil {
		return houvast.Wrap("demo", err)
	}
	events, err := unmarshalLines[struct {
		Event    string
		ReportID int64
	}](log)
	if err != nil {
		return err
	}
	once := map[int64]bool{}
	for _, ev := range events {
		if ev.Event != "finished" {
			continue
		}
		if once[ev.ReportID] {
			return broken("the clearinghouse has a report twice")
		}
		once[ev.ReportID] = true
	}
	d.result.PracticeFinished = len(once)
	if err := d.verifyEvidence(ctx); err != nil {
		return err
	}
	kept, err := commandJSON[evidenceLine](ctx, d, "evidence", "list")
	if err != nil {
		return err
	}
	var until time.Time
	for _, e := range kept {
		if e.State == "preserved" {
			d.result.Preserved++
			until = e.DestroyAt
		}
	}
	d.say("The clearinghouse's own log has %d finished reports; ours says %d. %d pieces of evidence are preserved until %s.",
		d.result.PracticeFinished, d.result.ReportsFinished, d.result.Preserved, until.Format(time.DateOnly))
	return nil
}

// copySealed keeps a copy of every sealed file, as a thief of the disk would, to try it at the end.
func (d *demo) copySealed() error {
	return filepath.WalkDir(filepath.Join(d.data, "blobs"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasPrefix(e.Name(), "e_") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(d.data+".copies", 0o700); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(d.data+".copies", e.Name()), data, 0o600)
	})
}

// letTimePass moves the calendar: the undo window, the holds, then the lawful period.
func (d *demo) letTimePass(ctx context.Context) error {
	d.say("\nThe calendar moves:")
	gone := 0
	for _, leap := range []struct {
		by   time.Duration
		what string
		want int
	}{{26 * time.Hour, "a day: the undo window is over", 2}, {8 * 24 * time.Hour, "a week: what nobody could tell ends", 3},
		{350 * 24 * time.Hour, "a year less some days: everything reported is still kept", 3}, {10 * 24 * time.Hour, "the lawful period is over", len(script)}} {
		d.clock.advance(leap.by)
		if _, err := d.command(ctx, "evidence", "expire"); err != nil {
			return err
		}
		err := until(ctx, leap.what, func() (bool, error) {
			kept, err := commandJSON[evidenceLine](ctx, d, "evidence", "list")
			gone = 0
			for _, e := range kept {
				if e.State == "destroyed" {
					gone++
				}
			}
			return gone >= leap.want, err
		})
		if err != nil {
			return err
		}
		if gone != leap.want {
			return broken(fmt.Sprintf("%d pieces of evidence are destroyed, and %d should be", gone, leap.want))
		}
		d.say("  %-58s %d destroyed", leap.what, gone)
	}
	return d.verifyEvidence(ctx)
}

// verifyEvidence has the command open everything that is kept.
func (d *demo) verifyEvidence(ctx context.Context) error {
	proofs, err := commandJSON[proofLine](ctx, d, "evidence", "verify")
	if err != nil {
		return err
	}
	for _, p := range proofs {
		if !p.OK {
			return broken("evidence verify: " + p.Problem)
		}
	}
	return nil
}

// readAudit has the command verify the log.
func (d *demo) readAudit(ctx context.Context) error {
	if d.sabotage.beforeVerify != nil {
		if err := d.sabotage.beforeVerify(d.data); err != nil {
			return err
		}
	}
	res, err := commandJSON[struct {
		Sound bool
		Lines int
	}](ctx, d, "audit", "verify")
	if err != nil {
		return err
	}
	d.result.Audit = map[bool]string{true: "ok", false: "changed"}[res[0].Sound]
	d.say("\nThe audit log has %d lines and is %s.", res[0].Lines, map[bool]string{true: "sound", false: "NOT sound"}[res[0].Sound])
	return nil
}

// tryDestroyed stops the server and tries to open the copies that were made before, with the keys as
// they are now. What cannot be opened is destroyed.
func (d *demo) tryDestroyed(ctx context.Context, stop func()) error {
	stop()
	keys, err := seal.Open(ctx, keysDir(d.data), store.NewSystemClock())
	if err != nil {
		return err
	}
	defer keys.Close()
	copies, err := os.ReadDir(d.data + ".copies")
	if err != nil {
		return houvast.Wrap("demo", err)
	}
	for _, c := range copies {
		data, err := os.ReadFile(filepath.Join(d.data+".copies", c.Name()))
		if err != nil {
			return houvast.Wrap("demo", err)
		}
		id, err := seal.KeyOf(bytes.NewReader(data))
		if err != nil {
			return err
		}
		if _, err := keys.Open(ctx, bytes.NewReader(data), id); houvast.KindOf(err) == houvast.Gone {
			d.result.Destroyed++
		}
		if _, err := os.Stat(filepath.Join(d.data, "blobs", c.Name())); err == nil {
			return broken("a destroyed file is still there")
		}
	}
	d.say("Of %d copies of sealed files, made before, %d cannot be opened by anybody any more.", len(copies), d.result.Destroyed)
	return nil
}
