package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
)

// A logged is one line of the audit log.
type logged struct {
	seq     int64
	at      time.Time
	actor   string
	action  string
	subject string
	detail  map[string]string
}

// lines returns the whole log.
func (r *rig) lines() (all []logged) {
	r.t.Helper()
	err := r.app.db.View(r.t.Context(), func(tx *store.Tx) error {
		return tx.Rows("SELECT seq, at, actor, action, subject, detail FROM audit_line WHERE seq IS NOT NULL ORDER BY seq", nil, func(row *sql.Rows) error {
			var l logged
			var at int64
			var detail string
			if err := row.Scan(&l.seq, &at, &l.actor, &l.action, &l.subject, &detail); err != nil {
				return err
			}
			l.at = time.UnixMicro(at).UTC()
			all = append(all, l)
			return json.Unmarshal([]byte(detail), &all[len(all)-1].detail)
		})
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// A knock is a request for a rendition, before anybody has looked at it.
type knock struct {
	path string
	size int64     // lines under the newest checkpoint at that moment
	at   time.Time // when that checkpoint was signed
}

// A doorkeeper stands before the origin of the renditions and notes what is signed when somebody
// knocks, before a single byte can leave.
type doorkeeper struct {
	rig  *rig
	next http.Handler

	mu     sync.Mutex
	knocks []knock
}

// watchDoor puts a doorkeeper before every listener of the network. Nobody has knocked yet.
func watchDoor(r *rig) *doorkeeper {
	d := &doorkeeper{rig: r}
	for _, hs := range r.servers {
		if f, ok := hs.Handler.(*front); ok {
			d.next, hs.Handler = f, d
		}
	}
	return d
}

// ServeHTTP notes a knock and lets it in.
func (d *doorkeeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/r/") && r.Method == http.MethodGet {
		k := knock{path: r.URL.Path}
		var at int64
		err := d.rig.app.db.View(r.Context(), func(tx *store.Tx) error {
			return tx.Row("SELECT size, at FROM audit_checkpoint ORDER BY size DESC LIMIT 1", nil, &k.size, &at)
		})
		if err == nil { // without an answer the knock has no checkpoint, and is judged so
			k.at = time.UnixMicro(at).UTC()
		}
		d.mu.Lock()
		d.knocks = append(d.knocks, k)
		d.mu.Unlock()
	}
	d.next.ServeHTTP(w, r)
}

// A sight is a look as the browser has it: what was granted, when the picture came, what it told.
type sight struct {
	reveal, path, id, level string
	asked, came             time.Time
	shown                   int64     // milliseconds, -1 = it never told
	told                    time.Time // when it began to tell
	cut                     bool      // the session was locked under it; locking is not delayed until it has told
}

// sights puts together what a window asked for. Only what brought a picture counts.
func sights(t *testing.T, p *walker, media string) (all []sight) {
	t.Helper()
	granted := map[string]string{} // path -> reveal
	for _, r := range p.Requests() {
		switch {
		case strings.HasSuffix(r.URL, "/grant") && r.Status == http.StatusOK:
			var g struct{ Reveal, URL string }
			if err := json.Unmarshal(r.Body, &g); err != nil {
				t.Fatalf("what was granted cannot be read: %v %q %s", err, r.Body, r.Lost)
			}
			granted[strings.TrimPrefix(g.URL, media)] = g.Reveal
		case strings.HasPrefix(r.URL, media+"/r/") && r.Method == http.MethodGet && r.Status == http.StatusOK:
			s := sight{path: strings.TrimPrefix(r.URL, media), asked: r.Asked, came: r.Came, shown: -1}
			s.reveal = granted[s.path]
			if parts := strings.Split(s.path, "/"); len(parts) == 5 {
				s.id, s.level = parts[2], parts[3]
			}
			all = append(all, s)
		case strings.HasSuffix(r.URL, "/console/lock") && len(all) > 0:
			all[len(all)-1].cut = true
		case strings.HasSuffix(r.URL, "/shown"):
			form, err := url.ParseQuery(string(r.Sent))
			if err != nil {
				t.Fatal(err)
			}
			for i := range all {
				if all[i].reveal == form.Get("reveal") {
					all[i].shown, err = strconv.ParseInt(form.Get("ms"), 10, 64)
					all[i].told = r.Asked
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

// unfounded says what is wrong with the order of looks: each has one grant in the log, which was under
// a signed checkpoint when the browser knocked, and so before the first byte; each is served and told
// once, for a time that fits into what passed. Only Mo looks.
func unfounded(log []logged, knocks []knock, seen []sight) (wrong []string) {
	const by = "user:mo"
	say := func(s sight, format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("%s (%s, %s): %s", s.reveal, s.level, s.id, fmt.Sprintf(format, args...)))
	}
	of := func(action string, s sight) (found []logged) {
		for _, l := range log {
			if l.action == action && l.subject == s.id && l.detail["reveal"] == s.reveal && s.reveal != "" {
				found = append(found, l)
			}
		}
		return found
	}
	for _, s := range seen {
		grants, served, shown := of("reveals.grant", s), of("reveal.served", s), of("reveals.shown", s)
		i := slices.IndexFunc(knocks, func(k knock) bool { return k.path == s.path })
		switch {
		case len(grants) != 1 || grants[0].actor != by || grants[0].detail["level"] != s.level:
			say(s, "%d lines grant it to %s", len(grants), by)
		case i < 0:
			say(s, "nobody knocked for it")
		case grants[0].seq >= knocks[i].size:
			say(s, "line %d was not signed when the browser knocked; %d lines were", grants[0].seq, knocks[i].size)
		case knocks[i].at.After(s.came) || grants[0].at.After(s.came):
			say(s, "the picture came at %v, the line is of %v and its checkpoint of %v", s.came, grants[0].at, knocks[i].at)
		}
		switch {
		case len(served) != 1:
			say(s, "%d lines say that it was served", len(served))
		case len(grants) == 1 && served[0].seq <= grants[0].seq:
			say(s, "it was served before it was granted")
		}
		if s.cut && len(shown) == 0 && s.shown >= 0 {
			continue // a locked session tells nothing any more; what is not recorded counts as not shown
		}
		if len(shown) != 1 || shown[0].actor != by || s.shown < 0 {
			say(s, "%d lines say for how long it was shown; the page said %d ms", len(shown), s.shown)
			continue
		}
		ms, err := strconv.ParseInt(shown[0].detail["ms"], 10, 64)
		if most := s.told.Sub(s.came).Milliseconds() + 1; err != nil || ms > s.shown || s.shown > most || ms < 0 {
			say(s, "shown for %q ms in the log, for %d on the page, and %d passed", shown[0].detail["ms"], s.shown, most)
		}
	}
	return wrong
}

// judge holds the database and the log against what people did.
func (w *browserWalk) judge() {
	w.t.Helper()
	mo := w.people[2]
	seen := sights(w.t, mo, w.app.origins().Media)
	log := w.lines()
	for _, wrong := range unfounded(log, w.door.knocks, seen) {
		w.t.Error(wrong)
	}
	w.judgeLooks(seen)
	w.judgeHidden(mo, seen)
	w.judgeCases()
	w.judgeReports()
	w.judgeLog(log)
	for _, p := range w.people {
		if got := sights(w.t, p, w.app.origins().Media); p != mo && len(got) > 0 {
			w.t.Errorf("somebody who reviews nothing has seen %v", got)
		}
	}
	code, out, errs := runHouvast(w.t, nil, "audit", "verify", "--data", w.cfg.Data)
	if code != 0 || !strings.Contains(out, "sound") {
		w.t.Errorf("houvast audit verify: %d %s%s", code, out, errs)
	}
}

// judgeLooks counts the looks, case by case and step by step, in the rows and in the browser.
func (w *browserWalk) judgeLooks(seen []sight) {
	w.t.Helper()
	want := map[string]int{}
	for n, levels := range map[int]string{0: "mosaic blurred grey colour grey", 1: "mosaic", 2: "mosaic blurred grey colour", 4: "mosaic"} {
		for _, l := range strings.Fields(levels) {
			want[w.turns[n].id+" "+l]++
		}
	}
	browser, rows := map[string]int{}, map[string]int{}
	for _, s := range seen {
		browser[s.id+" "+s.level]++
		if s.shown > w.took().Milliseconds() {
			w.t.Errorf("%s was on the page for %d ms of a walk of %v", s.level, s.shown, w.took())
		}
	}
	self := false
	err := w.app.db.View(w.t.Context(), func(tx *store.Tx) error {
		return tx.Rows("SELECT case_id, level, actor, whole, served, shown FROM reveal", nil, func(row *sql.Rows) error {
			var id, served, shown int64
			var level, actor string
			var whole bool
			err := row.Scan(&id, &level, &actor, &whole, &served, &shown)
			rows[houvast.CaseID(id).String()+" "+level]++
			self = self || level == "grey" && shown >= 3000
			if actor != "user:mo" || !whole || served == 0 {
				w.t.Errorf("a look at %s: by %s, whole %v, served %d", level, actor, whole, served)
			}
			return err
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if !maps.Equal(browser, want) || !maps.Equal(rows, want) {
		w.t.Errorf("looked at:\nthe browser %v\nthe rows    %v\nmeant       %v", browser, rows, want)
	}
	if !self {
		w.t.Error("no grey was on the page until it hid by itself")
	}
}

// judgeHidden sees that what was shown when somebody pressed a decision was hidden, and told, before
// the form was sent.
func (w *browserWalk) judgeHidden(mo *walker, seen []sight) {
	w.t.Helper()
	u := w.turns[4]
	for _, r := range mo.Requests() {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL, "/console/case/"+u.id+"/decide") {
			continue
		}
		i := slices.IndexFunc(seen, func(s sight) bool { return s.id == u.id })
		if i < 0 || seen[i].told.IsZero() || seen[i].told.After(r.Asked) {
			w.t.Errorf("the picture of %s was not hidden before the decision was sent", u.decision)
		}
		return
	}
	w.t.Errorf("no browser has sent the decision %s", u.decision)
}

// judgeCases reads each case.
func (w *browserWalk) judgeCases() {
	w.t.Helper()
	if n := w.count("SELECT COUNT(*) FROM review_case"); n != len(w.turns) {
		w.t.Errorf("there are %d cases", n)
	}
	for _, u := range w.turns {
		c := w.caseOf(u)
		second, returns := houvast.Actor(""), 0
		if review.ConsequenceOf(u.decision).Second == review.SecondPerson {
			second = "user:ria"
		}
		if u.decision == houvast.DecideDrawn {
			returns = 1
		}
		if c.Item != u.item || c.State != review.Decided || c.Decision != u.decision || c.Role != u.role || c.Pressure != u.pressure ||
			c.DecidedBy != "user:mo" || c.SecondedBy != second || c.Returns != returns {
			w.t.Errorf("%s: the row says %s %s role %q pressure %v by %s, second %q, sent back %d times", u.decision, c.State, c.Decision, c.Role, c.Pressure, c.DecidedBy, c.SecondedBy, c.Returns)
		}
		observed := ""
		if u.decision == houvast.DecideAgeInDoubt {
			observed = "[{age  12 14 stated}]"
		}
		if got := fmt.Sprint(c.Observed); got != observed && !(observed == "" && got == "[]") {
			w.t.Errorf("%s: observed %s", u.decision, got)
		}
	}
}

// judgeLog counts what was decided, by whom, about what.
func (w *browserWalk) judgeLog(log []logged) {
	w.t.Helper()
	want := map[string]int{}
	for _, u := range w.turns {
		want["user:mo cases.decide "+u.id+" "+string(u.decision)]++
		if review.ConsequenceOf(u.decision).Second == review.SecondPerson {
			want["user:ria cases.confirm "+u.id+" agreed"]++
		}
		if u.decision == houvast.DecideDrawn {
			want["user:mo cases.decide "+u.id+" "+string(u.decision)]++
			want["user:ria cases.confirm "+u.id+" sent back"]++
		}
	}
	got := map[string]int{}
	for _, l := range log {
		switch l.action {
		case "cases.decide":
			got[l.actor+" "+l.action+" "+l.subject+" "+l.detail["decision"]]++
		case "cases.confirm":
			got[l.actor+" "+l.action+" "+l.subject+" "+l.detail["answer"]]++
		}
	}
	if !maps.Equal(got, want) {
		w.t.Errorf("the log says\n%s\nand this was done\n%s", strings.Join(slices.Sorted(maps.Keys(got)), "\n"), strings.Join(slices.Sorted(maps.Keys(want)), "\n"))
	}
}

// A walk that went wrong in one way each is noticed.
func TestBrowserWalkNotices(t *testing.T) {
	const by, id, reveal, path = "user:mo", "case_1", "reveal_1", "/r/case_1/mosaic/x"
	noon := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }
	right := func() ([]logged, []knock, []sight) {
		return []logged{
				{seq: 7, at: at(1), actor: by, action: "reveals.grant", subject: id, detail: map[string]string{"reveal": reveal, "level": "mosaic"}},
				{seq: 8, at: at(6), actor: "system:reveal", action: "reveal.served", subject: id, detail: map[string]string{"reveal": reveal}},
				{seq: 9, at: at(90), actor: by, action: "reveals.shown", subject: id, detail: map[string]string{"reveal": reveal, "ms": "70"}},
			}, []knock{{path: path, size: 8, at: at(2)}},
			[]sight{{reveal: reveal, path: path, id: id, level: "mosaic", asked: at(3), came: at(5), shown: 80, told: at(88)}}
	}
	if wrong := unfounded(right()); len(wrong) > 0 {
		t.Errorf("what is right is wrong: %v", wrong)
	}
	for what, spoil := range map[string]func(log []logged, knocks []knock, seen []sight){
		"no grant":                     func(log []logged, _ []knock, _ []sight) { log[0].action = "reveals.granted" },
		"a grant to somebody else":     func(log []logged, _ []knock, _ []sight) { log[0].actor = "user:ria" },
		"a grant of another step":      func(log []logged, _ []knock, _ []sight) { log[0].detail["level"] = "grey" },
		"a grant of another look":      func(log []logged, _ []knock, _ []sight) { log[0].detail["reveal"] = "reveal_2" },
		"an address nobody gave out":   func(_ []logged, _ []knock, seen []sight) { seen[0].reveal = "" },
		"a line that was not signed":   func(_ []logged, knocks []knock, _ []sight) { knocks[0].size = 7 },
		"nothing signed at all":        func(_ []logged, knocks []knock, _ []sight) { knocks[0].size = 0 },
		"a picture before the signing": func(_ []logged, knocks []knock, _ []sight) { knocks[0].at = at(6) },
		"a picture before the line":    func(log []logged, _ []knock, _ []sight) { log[0].at = at(6) },
		"a picture at the back door":   func(_ []logged, knocks []knock, _ []sight) { knocks[0].path = "/r/case_1/mosaic/y" },
		"served and not recorded":      func(log []logged, _ []knock, _ []sight) { log[1].action = "reveal.refused" },
		"served before it was granted": func(log []logged, _ []knock, _ []sight) { log[1].seq = 6 },
		"shown and not told":           func(_ []logged, _ []knock, seen []sight) { seen[0].shown = -1 },
		"shown and not recorded":       func(log []logged, _ []knock, _ []sight) { log[2].detail["reveal"] = "reveal_2" },
		"longer in the log than shown": func(log []logged, _ []knock, _ []sight) { log[2].detail["ms"] = "81" },
		"told by a locked session, wrongly": func(log []logged, _ []knock, seen []sight) {
			log[2].detail["ms"], seen[0].cut = "81", true
		},
		"shown longer than time passed": func(_ []logged, _ []knock, seen []sight) { seen[0].shown = 85 },
	} {
		log, knocks, seen := right()
		spoil(log, knocks, seen)
		if len(unfounded(log, knocks, seen)) == 0 {
			t.Errorf("%s: not noticed", what)
		}
	}
}
