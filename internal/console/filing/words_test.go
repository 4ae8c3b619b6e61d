package filing

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/words"
)

func loaded(t *testing.T) *words.Words {
	t.Helper()
	w, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func texts[S ~string](all []S) (out []string) {
	for _, v := range all {
		out = append(out, string(v))
	}
	return out
}

// Every rule of the check and every member of the other closed lists has its text, and no text lacks its
// member.
func TestEveryRuleHasWords(t *testing.T) {
	w := loaded(t)
	roles := texts(houvast.Roles())
	for prefix, members := range map[string][]string{
		"finding": report.Rules(), "viewed": whys(), "does": does(), "people": roles,
		"when":        {string(report.WhenUploaded), string(report.WhenReceived), string(report.WhenStated)},
		"amend.fault": faults(), "notice": {"changed", "form", "unchanged"}, "words": {"none", "long"},
	} {
		if prefix == "when" {
			members = members[:2] // the third is in somebody's own words
		}
		var want []string
		for _, m := range members {
			want = append(want, "filing."+prefix+"."+m+".say")
		}
		var got []string
		for key := range w.Below(words.EN, "filing."+prefix) {
			if strings.HasSuffix(key, ".say") {
				got = append(got, key)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("the texts are %v, the members %v", got, want)
		}
	}
	for key, members := range map[string][]string{
		"filing.keep.%s.say": keeps(), "filing.trouble.%s.say": troubles(), "filing.trouble.%s.do.say": troubles(),
		"filing.reports.%s.title": texts(report.Parts()), "filing.reports.%s.say": texts(report.Parts()), "filing.actions.%s": texts(action.Parts()),
		"filing.environment.%s.say": texts(houvast.Environments()), "filing.sure.file.%s": texts(houvast.Environments()),
		"filing.next.%s": {"returned", "blocked", "yours", "waiting"}, "casework.action_state.%s": texts(action.States()),
		"filing.call.%s": {"submit", "upload", "fileinfo", "finish", "retract"}, "filing.outcome.%s": {"ok", "refused", "retry", "in_doubt"},
	} {
		for _, m := range members {
			if _, ok := w.Lookup(words.EN, fmt.Sprintf(key, m)); !ok {
				t.Errorf("there is no text %s", fmt.Sprintf(key, m))
			}
		}
	}
	t.Logf("filing: %d rules with a text each", len(report.Rules()))
}

var (
	mentioned = regexp.MustCompile(`"((?:filing|casework|word|count)\.[a-z0-9_.]*[a-z0-9_])"`)
	spelled   = regexp.MustCompile(`print "(filing\.[a-z_.]+\.)"`)
)

// Every text that a template or the code names is there, and every text of ours is named.
func TestTextsAreUsed(t *testing.T) {
	w := loaded(t)
	paths, err := filepath.Glob("*.html")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	used, begun := map[string]bool{}, []string{}
	for _, path := range append(paths, "filing.go") {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mentioned.FindAllStringSubmatch(string(b), -1) {
			used[m[1]] = true
			if _, ok := w.Lookup(words.EN, m[1]); !ok {
				t.Errorf("%s names %s, which is no text", path, m[1])
			}
		}
		for _, m := range spelled.FindAllStringSubmatch(string(b), -1) {
			begun = append(begun, m[1])
		}
	}
	for key := range w.Below(words.EN, "filing") {
		if !used[key] && !slices.ContainsFunc(begun, func(p string) bool { return strings.HasPrefix(key, p) }) {
			t.Errorf("nothing names %s", key)
		}
	}
}

// An answer about viewing says what it rests on.
func TestViewingOf(t *testing.T) {
	look := func(level review.Level, whole, served bool, shown int64) review.Reveal {
		return review.Reveal{Level: level, Whole: whole, Served: served, Shown: shown}
	}
	full := look(review.LevelColour, true, true, 1500)
	for _, c := range []struct {
		name      string
		yes, told bool
		looks     []review.Reveal
		want      viewing
	}{
		{"nobody looked", false, false, nil, viewing{Why: "none", Seconds: "0.0"}},
		{"granted", false, false, []review.Reveal{look(review.LevelMosaic, true, false, 0)}, viewing{Why: "granted", Seconds: "0.0"}},
		{"up to grey", false, false, []review.Reveal{look(review.LevelMosaic, true, true, 4000), look(review.LevelGrey, true, true, 9000)}, viewing{Why: "part", Level: review.LevelGrey, Seconds: "0.0"}},
		{"too short", false, false, []review.Reveal{look(review.LevelColour, true, true, 999)}, viewing{Why: "part", Level: review.LevelColour, Seconds: "1.0"}},
		{"a part of it", false, false, []review.Reveal{look(review.LevelColour, false, true, 9000)}, viewing{Why: "part", Level: review.LevelColour, Seconds: "0.0"}},
		{"in full", true, false, []review.Reveal{full}, viewing{Yes: true, Why: "full", Level: review.LevelColour, Seconds: "1.5"}},
		{"after the recipient was told no", false, true, []review.Reveal{full}, viewing{Why: "later", Level: review.LevelColour, Seconds: "1.5"}},
	} {
		if got := viewingOf(c.yes, c.told, c.looks); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		if !slices.Contains(whys(), c.want.Why) {
			t.Errorf("%s is none of the reasons", c.want.Why)
		}
	}
}

// Each way to wait for a person is told as what it is.
func TestTroubleOf(t *testing.T) {
	stuck := report.Report{State: report.NeedsHuman, Resume: report.Opening}
	lost, often := stuck, stuck
	lost.Resume, often.Attempt = report.Finishing, 20
	for _, c := range []struct {
		r    report.Report
		last report.Called
		want string
	}{
		{report.Report{State: report.Draft}, report.Called{}, ""},
		{report.Report{State: report.Finished}, report.Called{Outcome: "refused", Call: "finish"}, ""},
		{report.Report{State: report.Finished, Trouble: "x"}, report.Called{}, "files"},
		{lost, report.Called{Call: "finish", Outcome: "refused", Code: 5001}, "unknown"},
		{stuck, report.Called{Call: "submit", Outcome: "refused", Code: 4100}, "refused"},
		{often, report.Called{Call: "submit", Outcome: "in_doubt", Code: -1}, "often"},
		{stuck, report.Called{}, "stuck"},
	} {
		if got := troubleOf(c.r, c.last); got.Kind != c.want || got.Call != c.last.Call || got.Code != c.last.Code {
			t.Errorf("%+v after %+v: %+v, want %s", c.r.State, c.last, got, c.want)
		}
	}
}

func TestKeepingAndActionsInWords(t *testing.T) {
	for want, k := range map[string]desk.Keep{
		"destroyed": {State: evidence.Destroyed}, "destroying": {State: evidence.Destroying}, "preserved": {State: evidence.Preserved, Destroy: time.Now()},
		"waiting": {State: evidence.Held}, "held": {State: evidence.Held, Destroy: time.Now()},
	} {
		if got := keepingOf(k); got != want || !slices.Contains(keeps(), got) {
			t.Errorf("%s: %s", want, got)
		}
	}
	for _, c := range []struct {
		kind          action.Kind
		payload       string
		does, untilAt string
	}{
		{action.Withhold, `{}`, "withhold", ""},
		{action.Withhold, `{"expires_at": "2027-03-04T10:00:00+01:00"}`, "withhold_until", "2027-03-04 09:00 UTC"},
		{action.Release, ``, "release", ""},
		{action.Remove, `{"protective": false}`, "remove", ""},
		{action.Remove, `{"protective": true}`, "remove_protective", ""},
	} {
		if got, until := inWords(action.Action{Kind: c.kind, Payload: []byte(c.payload)}); got != c.does || until != c.untilAt || !slices.Contains(does(), got) {
			t.Errorf("%s %s: %s %s", c.kind, c.payload, got, until)
		}
	}
}

func TestFindingsAreGrouped(t *testing.T) {
	blocks, warns := findings([]report.Finding{{Rule: "a", Level: "warn", Path: "/x[1]"}, {Rule: "b", Level: "block"}, {Rule: "a", Level: "warn", Path: "/x[2]"}, {Rule: "a", Level: "warn", Path: "/x[2]"}})
	if got := fmt.Sprint(blocks, warns); got != "[{b []}] [{a [/x[1] /x[2]]}]" {
		t.Error(got)
	}
}

// A list shows the beginning of each part and leads on; a part by itself goes on behind its last line.
func TestListed(t *testing.T) {
	load := func(name, after string, limit int) (lines []string, err error) {
		from, _ := strconv.Atoi(after)
		for i := from + 1; i <= 60 && len(lines) < limit && name == "long"; i++ {
			lines = append(lines, strconv.Itoa(i))
		}
		return lines, nil
	}
	list := func(query string) listView[string] {
		t.Helper()
		v, err := listed(&site.Page{R: httptest.NewRequest("GET", "/list"+query, nil)}, "/list", []string{"short", "long"}, load, func(s string) string { return s })
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	all := list("")
	if len(all.Parts) != 2 || len(all.Parts[1].Lines) != few || all.Parts[1].More != "/list?part=long" || all.Parts[0].More != "" || all.Empty {
		t.Errorf("all: %+v", all)
	}
	first := list("?part=long")
	if len(first.Parts) != 1 || len(first.Parts[0].Lines) != many || first.Parts[0].More != "/list?part=long&after=50" || first.Only != "long" {
		t.Errorf("first: %+v", first)
	}
	if second := list("?part=long&after=50"); len(second.Parts[0].Lines) != 10 || second.Parts[0].Lines[0] != "51" || second.Parts[0].More != "" {
		t.Errorf("second: %+v", second)
	}
	if none := list("?part=short"); !none.Empty {
		t.Errorf("none: %+v", none)
	}
	if other := list("?part=no-such&after=50"); len(other.Parts) != 2 || other.Parts[1].Lines[0] != "1" {
		t.Errorf("another part: %+v", other)
	}
}
