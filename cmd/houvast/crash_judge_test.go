package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/practice"
)

// crashFacts is what can be seen of an installation from outside, once nothing is on its way: by its
// API and commands, in the log of a clearinghouse and of a receiver that were never killed.
type crashFacts struct {
	part     int // of the walk
	pictures []*crashPicture
	items    map[houvast.ItemID]itemLine // those that are there
	counted  int                         // items the installation says it has
	evidence []evidenceLine
	events   map[string]int // audit lines by action
	actions  []crashAction
	calls    []crashCall
	bad      []string
	log      []practice.Event
	audit    string // what audit verify said when it was not content
	verify   string // the same of evidence verify
}

// facts collects what the judge needs.
func (w *crashWalk) facts(part int, logFile string) (f crashFacts, err error) {
	f = crashFacts{part: part, pictures: w.pictures}
	err = w.do("look at everything", func(srv *crashServer) error { return f.ask(srv) })
	if err != nil {
		return f, err
	}
	// From here on the folder is what a killed server left behind.
	if err := w.kill(); err != nil {
		return f, err
	}
	f.calls, f.bad = w.hook.heard()
	if f.log, err = crashLog(logFile); err != nil {
		return f, err
	}
	for _, c := range []struct {
		said *string
		args []string
	}{{&f.audit, []string{"audit", "verify"}}, {&f.verify, []string{"evidence", "verify"}}} {
		code, out, err := w.run(c.args...)
		if err != nil {
			return f, err
		}
		if code != 0 {
			*c.said = fmt.Sprintf("exit %d: %s", code, out)
		}
	}
	return f, nil
}

// ask reads what the API shows.
func (f *crashFacts) ask(srv *crashServer) error {
	ctx := context.Background()
	f.items, f.evidence, f.events, f.counted = map[houvast.ItemID]itemLine{}, nil, map[string]int{}, 0
	for _, p := range f.pictures {
		it, err := crashItem(srv, p.id)
		if err == nil {
			f.items[p.id] = it
		} else if houvast.KindOf(err) != houvast.NotFound {
			return err
		}
	}
	counts, err := crashCounts(srv)
	if err != nil {
		return err
	}
	for _, n := range counts {
		f.counted += n
	}
	err = each(ctx, srv.control, "/api/v1/evidence", func(l evidenceLine) error { f.evidence = append(f.evidence, l); return nil })
	if err != nil {
		return err
	}
	after := "-1"
	for after != "" {
		var page struct {
			Items []struct{ Action string }
			Next  string
		}
		if err := srv.control.Call(ctx, "GET", "/api/v1/events?limit=500&after="+after, "", nil, &page); err != nil {
			return err
		}
		for _, l := range page.Items {
			f.events[l.Action]++
		}
		after = page.Next
	}
	f.actions, err = crashActions(srv)
	return err
}

// crashLog reads the log of the clearinghouse.
func crashLog(path string) (log []practice.Event, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	for dec := json.NewDecoder(bufio.NewReader(file)); ; {
		var ev practice.Event
		if err := dec.Decode(&ev); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return log, nil // the last line may be being written, about another site
		} else if err != nil {
			return nil, err
		}
		log = append(log, ev)
	}
}

// crashWant is what a picture leads to: its item's state, its evidence, and what the platform is told.
type crashWant struct {
	state, evidence string
	told            []string // type and why
}

const crashKept, crashRanOut, crashHoldEnded = "kept withheld", "the withhold ran out before a decision", "the hold ended"

// wants is the whole of what must have happened to a picture at the end of each part of a walk.
func wants(role string, part int) crashWant {
	w := crashWant{state: "looked_at", evidence: "held", told: []string{"withhold "}}
	switch role {
	case crashOther:
		return crashWant{state: "looked_at"}
	case crashBroken:
		w = crashWant{state: "could_not_look"}
	case crashAbuse:
		w.evidence, w.told = "preserved", append(w.told, "withhold "+crashKept, "remove ")
	case crashNotAbuse:
		w.told = append(w.told, "release ")
	case crashUnclear:
		w.told = append(w.told, "withhold "+crashKept)
	case crashOpen:
		if part > 0 {
			w.told = append(w.told, "release "+crashRanOut)
		}
	}
	if part > 1 && (role == crashUnclear || role == crashOpen) {
		w.told = append(w.told, "release "+crashHoldEnded)
	}
	if part > 1 || part > 0 && (role == crashNotAbuse || role == crashBroken) {
		if w.evidence != "" { // the item stays as one that met nothing: a platform learns nothing from it
			w.evidence = "destroyed"
		} else if role == crashBroken {
			w.state = "gone"
		}
	}
	return w
}

// judge returns everything that is lost, doubled, changed or early. Each finding begins with its name.
func (f crashFacts) judge() (found []string) {
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if f.counted > len(f.pictures) {
		say("doubled item: %d uploads are %d items", len(f.pictures), f.counted)
	}
	if f.counted < len(f.pictures) {
		say("lost item: %d uploads are %d items", len(f.pictures), f.counted)
	}
	for _, p := range f.pictures {
		f.judgePicture(p, wants(p.role, f.part), say)
	}
	f.judgeCalls(say)
	for action, roles := range map[string][]string{"cases.decide": {crashAbuse, crashNotAbuse, crashUnclear}, "cases.confirm": {crashUnclear},
		"case.open": {crashAbuse, crashNotAbuse, crashUnclear, crashOpen}, "reports.approve": {crashAbuse}, "report.finished": {crashAbuse}} {
		want := 0
		for _, p := range f.pictures {
			if slices.Contains(roles, p.role) {
				want++
			}
		}
		if f.events[action] < want {
			say("lost audit line: %d of %s, want %d", f.events[action], action, want)
		} else if f.events[action] > want {
			say("doubled audit line: %d of %s, want %d", f.events[action], action, want)
		}
	}
	if f.audit != "" {
		say("audit: %s", f.audit)
	}
	if f.verify != "" {
		say("evidence: %s", f.verify)
	}
	return found
}

func (f crashFacts) judgePicture(p *crashPicture, want crashWant, say func(string, ...any)) {
	it, ok := f.items[p.id]
	switch {
	case !ok:
		say("lost item: %s was acknowledged and is not there", p.role)
	case it.SHA256 != p.sha || it.Bytes != int64(len(p.data)):
		say("changed item: %s is not what was uploaded", p.role)
	case it.State != want.state:
		say("wrong state: the item %s is %s, want %s", p.role, it.State, want.state)
	}
	var kept []string
	for _, e := range f.evidence {
		if e.Item == string(p.id) {
			kept = append(kept, e.State)
		}
	}
	switch {
	case len(kept) > 1:
		say("doubled case: %s has %d pieces of evidence", p.role, len(kept))
	case len(kept) == 0 && want.evidence != "":
		say("lost case: %s has no evidence", p.role)
	case len(kept) == 1 && kept[0] == "destroyed" && want.evidence != "destroyed":
		say("early: the evidence of %s is destroyed", p.role)
	case len(kept) == 1 && kept[0] != want.evidence:
		say("wrong state: the evidence of %s is %s, want %q", p.role, kept[0], want.evidence)
	}
	filed := 0
	for _, ev := range f.log {
		if ev.Event == practice.Finished && slices.ContainsFunc(ev.Files, func(file practice.File) bool { return file.SHA256 == p.sha }) {
			filed++
			if len(ev.Files) != 1 || ev.Files[0].Size != int64(len(p.data)) || ev.Files[0].Descriptions != 1 {
				say("wrong report: %d was finished with %d files, described %d times", ev.ReportID, len(ev.Files), ev.Files[0].Descriptions)
			}
		}
	}
	due := map[bool]int{true: 1}[p.role == crashAbuse]
	if filed > due {
		say("doubled report: %s was finished %d times, want %d", p.role, filed, due)
	} else if filed < due {
		say("lost report: %s was never finished", p.role)
	}
}

// judgeCalls compares what the platform was told with what it had to be told: each thing under one
// id, at least once, and nothing else; nothing is shown again before it was hidden.
func (f crashFacts) judgeCalls(say func(string, ...any)) {
	for _, b := range f.bad {
		say("bad webhook: %s", b)
	}
	ids := map[[3]string][]string{} // item, type, why -> ids
	for _, c := range f.calls {
		k := [3]string{c.Item, c.Type, c.Why}
		if !slices.Contains(ids[k], c.ID) {
			ids[k] = append(ids[k], c.ID)
		}
		if !slices.ContainsFunc(f.actions, func(a crashAction) bool { return a.Action == c.ID && a.Kind == c.Type && a.Subject == c.Item }) {
			say("unknown action: %s %s was sent and is not there", c.Type, c.ID)
		}
		first := slices.IndexFunc(f.calls, func(o crashCall) bool { return o.Item == c.Item })
		if f.calls[first].Type != "withhold" {
			say("overtaken withhold: %s came first", f.calls[first].Type)
		}
	}
	for _, p := range f.pictures {
		for _, told := range wants(p.role, f.part).told {
			for k := range ids {
				if k[0] == string(p.id) && k[1]+" "+k[2] == told {
					told = ""
					if len(ids[k]) != 1 {
						say("doubled action: %s of %s came under %d ids", k[1], p.role, len(ids[k]))
					}
					delete(ids, k)
				}
			}
			if told != "" {
				kind, why, _ := strings.Cut(told, " ")
				say("lost %s: the platform was not told about %s %s", kind, p.role, why)
			}
		}
	}
	for k := range ids {
		say("unasked action: %s %s", k[1], k[2])
	}
}

// crashNamed reports whether a violation was found by its name.
func crashNamed(found []string, name string) bool {
	return slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, name+":") })
}

// TestCrashJudge plants each violation in what a flawless walk looks like: it must be named.
func TestCrashJudge(t *testing.T) {
	drawn := newCrashWalk(nil, 1).pictures
	flawless := func() crashFacts {
		f := crashFacts{part: 1, items: map[houvast.ItemID]itemLine{}, events: map[string]int{"cases.decide": 3, "cases.confirm": 1,
			"case.open": 4, "reports.approve": 1, "report.finished": 1}}
		for i, p := range drawn {
			p.id = houvast.ItemID(fmt.Sprint("item ", i))
			f.pictures = append(f.pictures, p)
			want := wants(p.role, 1)
			f.items[p.id] = itemLine{ID: string(p.id), SHA256: p.sha, Bytes: int64(len(p.data)), State: want.state}
			f.counted++
			if want.evidence != "" {
				f.evidence = append(f.evidence, evidenceLine{Item: string(p.id), State: want.evidence})
			}
			for j, told := range want.told {
				c := crashCall{ID: fmt.Sprint("act ", i, j), Item: string(p.id)}
				fmt.Sscan(told, &c.Type)
				c.Why = told[len(c.Type)+1:]
				f.calls = append(f.calls, c, c) // a delivery twice under one id is in order
				f.actions = append(f.actions, crashAction{Action: c.ID, Kind: c.Type, Subject: c.Item, State: "done"})
			}
			if p.role == crashAbuse {
				f.log = append(f.log, practice.Event{Event: practice.Opened}, practice.Event{Event: practice.Finished,
					Files: []practice.File{{SHA256: p.sha, Size: int64(len(p.data)), Descriptions: 1}}})
			}
		}
		return f
	}
	if found := flawless().judge(); len(found) != 0 {
		t.Fatalf("a flawless walk: %q", found)
	}
	for want, spoil := range map[string]func(f *crashFacts){
		"doubled item":       func(f *crashFacts) { f.counted++ },
		"lost item":          func(f *crashFacts) { delete(f.items, f.pictures[2].id) },
		"changed item":       func(f *crashFacts) { f.items[f.pictures[1].id] = itemLine{SHA256: f.pictures[2].sha} },
		"wrong state":        func(f *crashFacts) { f.evidence[0].State = "held" },
		"doubled case":       func(f *crashFacts) { f.evidence = append(f.evidence, f.evidence[0]) },
		"lost case":          func(f *crashFacts) { f.evidence = f.evidence[1:] },
		"early":              func(f *crashFacts) { f.evidence[0].State = "destroyed" },
		"doubled report":     func(f *crashFacts) { f.log = append(f.log, f.log[1]) },
		"lost report":        func(f *crashFacts) { f.log = f.log[:1] },
		"wrong report":       func(f *crashFacts) { f.log[1].Files[0].Size++ },
		"doubled audit line": func(f *crashFacts) { f.events["cases.decide"]++ },
		"lost audit line":    func(f *crashFacts) { f.events["report.finished"] = 0 },
		"lost withhold":      func(f *crashFacts) { f.calls = f.calls[2:] },
		"overtaken withhold": func(f *crashFacts) { slices.Reverse(f.calls) },
		"doubled action": func(f *crashFacts) {
			c := f.calls[0]
			c.ID = "another"
			f.calls = append(f.calls, c)
		},
		"unknown action": func(f *crashFacts) { f.actions = f.actions[1:] },
		"unasked action": func(f *crashFacts) { f.calls = append(f.calls, crashCall{"act 50", "release", "item 5", "early"}) },
		"bad webhook":    func(f *crashFacts) { f.bad = append(f.bad, "no signature") },
		"audit":          func(f *crashFacts) { f.audit = "exit 1" },
		"evidence":       func(f *crashFacts) { f.verify = "exit 1" },
	} {
		f := flawless()
		spoil(&f)
		if found := f.judge(); !crashNamed(found, want) {
			t.Errorf("%s was not found: %q", want, found)
		}
	}
}
