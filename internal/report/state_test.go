package report

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip/submit"
	"github.com/houvast/houvast/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// calls are those that move a report.
func calls() []submit.Call {
	return []submit.Call{submit.CallSubmit, submit.CallUpload, submit.CallFileInfo, submit.CallFinish, submit.CallRetract}
}

// midway is a report in a state, with everything that a report may carry by then.
func midway(s State) Report {
	r := Report{ID: 1, State: s, Attempt: 3, Version: 9, Remote: 77, File: "f1", MD5: "aa", Viewed: true, Content: []byte("sealed")}
	switch s {
	case Draft, Approved, Opening:
		r.Remote, r.File, r.MD5 = 0, "", ""
	case NeedsHuman:
		r.Resume, r.Trouble = Uploading, "trouble"
	}
	return r
}

// What comes next from each state, written out: the state that is persisted first, and the call.
func TestNext(t *testing.T) {
	table := map[State]string{
		Draft: "draft", Approved: "opening submit", Opening: "opening submit", Opened: "uploading upload", Uploading: "retracting retract",
		Uploaded: "describing fileinfo", Describing: "retracting retract", Described: "finishing finish", Finishing: "finishing finish",
		Finished: "finished", Retracting: "retracting retract", Retracted: "retracted", NeedsHuman: "needs_human",
	}
	n := 0
	for _, s := range States() {
		before := midway(s)
		before.Remote, before.File, before.MD5 = 77, "f1", "aa" // of an earlier attempt, where there is none yet
		after, call := next(before)
		if got := strings.TrimSpace(string(after.State) + " " + string(call)); got != table[s] {
			t.Errorf("%s: %s, want %q", s, got, table[s])
		}
		want := before
		want.State = after.State
		if call == submit.CallSubmit { // a new attempt knows nothing of the one before
			want.Attempt, want.Remote, want.File, want.MD5 = before.Attempt+1, 0, "", ""
		}
		if !reflect.DeepEqual(after, want) {
			t.Errorf("%s: more than the state changed:\n%+v\n%+v", s, after, want)
		}
		if again, second := next(after); call != "" && call != submit.CallUpload && call != submit.CallFileInfo && (again.State != after.State || second != call) {
			t.Errorf("%s after a crash before the call %s: %s and %s", s, call, again.State, second)
		}
		n++
	}
	if n != len(table) {
		t.Errorf("%d states, %d lines", n, len(table))
	}
}

// outcomes are the replies that a call can bring, by the name that the table below uses.
func outcomes(call submit.Call) map[string]Reply {
	fail := func(o submit.Outcome, code int, kind houvast.Kind, name string) Reply {
		return Reply{Call: call, Answer: submit.Answer{Call: call, Outcome: o, Code: code}, Err: houvast.Errorf("test", kind, name, "no")}
	}
	all := map[string]Reply{
		"ok":      {Call: call, Answer: submit.Answer{Call: call, Outcome: submit.OK}, Remote: 88, File: "f2", MD5: "bb", Files: []string{"f1"}, Viewed: false},
		"already": {Call: call, Answer: submit.Answer{Call: call, Outcome: submit.OK, Already: true}, Remote: 88, File: "f2", MD5: "bb"},
		"retry":   fail(submit.Retry, submit.NoCode, houvast.Unavailable, "not-sent"),
		"1000":    fail(submit.Retry, 1000, houvast.Unavailable, "cybertip-1000"),
		"doubt":   fail(submit.InDoubt, submit.NoCode, houvast.InDoubt, "no-reply"),
		"md5":     fail(submit.InDoubt, 0, houvast.Corrupt, "md5-mismatch"),
		"unmade":  fail(submit.Refused, 0, houvast.Corrupt, "not-encoded"),
	}
	for _, code := range []int{2000, 4100, 5001, 5101, 5102} {
		all[fmt.Sprint(code)] = fail(submit.Refused, code, houvast.Conflict, fmt.Sprint("cybertip-", code))
	}
	return all
}

// answers says for each state that waits for an answer what each outcome makes of it; "wait" is
// added when the caller pauses before the next call. "human STATE" waits for a person and goes on
// from STATE.
func answers() map[State]map[string]string {
	stuck := func(s State) map[string]string { // what refusals of every kind do
		human := "human " + string(s)
		return map[string]string{"unmade": human, "2000": human, "4100": human, "5101": human, "5102": human}
	}
	with := func(s State, more map[string]string) map[string]string {
		all := stuck(s)
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	return map[State]map[string]string{
		Opening: with(Opening, map[string]string{"ok": "opened", "already": "opened", "retry": "opening wait", "1000": "opening wait",
			"doubt": "opening wait", "md5": "opening wait", "5001": "approved"}),
		Uploading: with(Uploading, map[string]string{"ok": "uploaded", "already": "uploaded", "retry": "retracting wait", "1000": "retracting wait",
			"doubt": "retracting wait", "md5": "retracting", "5001": "approved"}),
		Describing: with(Describing, map[string]string{"ok": "described", "already": "described", "retry": "retracting wait", "1000": "retracting wait",
			"doubt": "retracting wait", "md5": "retracting wait", "5001": "approved"}),
		Finishing: with(Finishing, map[string]string{"ok": "finished", "already": "finished", "retry": "finishing wait", "1000": "finishing wait",
			"doubt": "finishing wait", "md5": "finishing wait", "5001": "human finishing"}),
		Retracting: with(Retracting, map[string]string{"ok": "approved", "already": "approved", "retry": "retracting wait", "1000": "retracting wait",
			"doubt": "retracting wait", "md5": "retracting wait", "5001": "approved"}),
	}
}

func describe(r Report, wait bool) string {
	s := string(r.State)
	if r.State == NeedsHuman {
		s = "human " + string(r.Resume)
	}
	if wait {
		s += " wait"
	}
	return s
}

// Every state, every call and every outcome. An answer that the state does not wait for changes
// nothing.
func TestAnswered(t *testing.T) {
	table := answers()
	met := map[State]int{}
	n := 0
	for _, s := range States() {
		for _, call := range calls() {
			for name, reply := range outcomes(call) {
				before := midway(s)
				after, wait := answered(before, reply)
				n++
				if row, waits := table[s]; !waits || s.awaits() != call {
					if !reflect.DeepEqual(after, before) || !wait {
						t.Errorf("%s, %s %s: %s; the answer is to another question", s, call, name, describe(after, wait))
					}
					continue
				} else if got := describe(after, wait); got != row[name] {
					t.Errorf("%s, %s %s: %s, want %q", s, call, name, got, row[name])
				}
				met[s]++
				if (after.State == NeedsHuman) != (after.Trouble != "") {
					t.Errorf("%s, %s %s: trouble %q", s, call, name, after.Trouble)
				}
				if after.State == Approved && (after.Remote != 0 || after.File != "" || after.MD5 != "") {
					t.Errorf("%s, %s %s: a new attempt remembers the one before: %+v", s, call, name, after)
				}
				if !reflect.DeepEqual(after.Content, before.Content) || after.Version != before.Version || after.Viewed != before.Viewed && call != submit.CallFileInfo {
					t.Errorf("%s, %s %s: %+v", s, call, name, after)
				}
			}
		}
	}
	for s, row := range table {
		if met[s] != len(row) || len(row) != len(outcomes("")) {
			t.Errorf("%s: %d outcomes met, %d in the table, %d there are", s, met[s], len(row), len(outcomes("")))
		}
	}
	if n != 13*5*12 {
		t.Errorf("%d combinations", n)
	}
	for _, call := range calls() {
		if !slices.ContainsFunc(States(), func(s State) bool { return s.awaits() == call }) {
			t.Errorf("no state waits for %s", call)
		}
	}
}

func TestAnsweredDetails(t *testing.T) {
	ok := func(s State, change func(*Report, *Reply)) Report {
		r, a := midway(s), outcomes(s.awaits())["ok"]
		if change != nil {
			change(&r, &a)
		}
		after, _ := answered(r, a)
		return after
	}
	if r := ok(Opening, nil); r.Remote != 88 {
		t.Errorf("opened: %+v", r)
	}
	if r := ok(Uploading, nil); r.File != "f2" || r.MD5 != "bb" || r.Remote != 77 {
		t.Errorf("uploaded: %+v", r)
	}
	for _, viewed := range []bool{false, true} {
		if r := ok(Describing, func(_ *Report, a *Reply) { a.Viewed = viewed }); r.Viewed != viewed {
			t.Errorf("described as viewed %v: %+v", viewed, r)
		}
	}
	for name, c := range map[string]struct {
		files   []string
		already bool
		trouble bool
	}{
		"ours": {[]string{"f1"}, false, false}, "none": {nil, false, true}, "another": {[]string{"f2"}, false, true},
		"ours and another": {[]string{"f1", "f2"}, false, true}, "ours twice": {[]string{"f1", "f1"}, false, true}, "it does not say": {nil, true, false},
	} {
		r := ok(Finishing, func(_ *Report, a *Reply) { a.Files, a.Answer.Already = c.files, c.already })
		if r.State != Finished || (r.Trouble != "") != c.trouble {
			t.Errorf("the recipient's list is %s: %s, trouble %q", name, r.State, r.Trouble)
		}
	}
	for name, reply := range outcomes(submit.CallRetract) {
		r := midway(Retracting)
		r.Withdrawn = true
		after, wait := answered(r, reply)
		want := map[string]string{"ok": "retracted", "already": "retracted", "5001": "retracted", "retry": "retracting wait", "1000": "retracting wait",
			"doubt": "retracting wait", "md5": "retracting wait"}[name]
		if want == "" {
			want = "human retracting"
		}
		if got := describe(after, wait); got != want {
			t.Errorf("withdrawn, retract %s: %s, want %s", name, got, want)
		}
	}
}

// What would go round for ever ends with a person, whom each further try costs one decision.
func TestAttemptsBounded(t *testing.T) {
	last := func(s State, name string) (Report, bool) {
		r := midway(s)
		r.Attempt = maxAttempts
		return answered(r, outcomes(s.awaits())[name])
	}
	for _, c := range []struct {
		s    State
		name string
		want string
	}{
		{Opening, "ok", "opened"}, {Opening, "doubt", "human opening"}, {Opening, "5001", "human approved"}, {Opening, "retry", "opening wait"},
		{Uploading, "5001", "human approved"}, {Describing, "5001", "human approved"}, {Uploading, "doubt", "retracting wait"},
		{Retracting, "ok", "human approved"}, {Retracting, "already", "human approved"}, {Retracting, "5001", "human approved"},
		{Finishing, "doubt", "finishing wait"}, {Finishing, "5001", "human finishing"},
	} {
		after, wait := last(c.s, c.name)
		if got := describe(after, wait); got != c.want {
			t.Errorf("the last attempt, %s %s: %s, want %s", c.s, c.name, got, c.want)
		}
	}
	// Whatever the recipient answers, for ever, unless it is an outage: so many submits and no more.
	for _, call := range calls() {
		for name := range outcomes(call) {
			r := Report{State: Approved}
			submits, steps := 0, 0
			for ; steps < 500; steps++ {
				now, c := next(r)
				if c == "" {
					break
				}
				if c == submit.CallSubmit {
					submits++
				}
				answer := outcomes(c)["ok"]
				if c == call {
					answer = outcomes(c)[name]
				}
				if c == submit.CallFinish && answer.Err == nil {
					answer.Files = []string{now.File}
				}
				r, _ = answered(now, answer)
			}
			outage := name == "retry" || name == "1000"
			forever := call == submit.CallSubmit && outage || call == submit.CallFinish && (outage || name == "doubt" || name == "md5")
			if (steps == 500) != forever {
				t.Errorf("%s always %s: %d steps, then %s", call, name, steps, describe(r, false))
			}
			if limit := map[bool]int{true: 500, false: maxAttempts}[call == submit.CallSubmit && outage]; submits > limit {
				t.Errorf("%s always %s: %d submits", call, name, submits)
			}
		}
	}
	r := Report{State: Approved} // an outage of days uses nothing up
	for range 10 * maxAttempts {
		r, _ = next(r)
		r, _ = answered(r, outcomes(submit.CallSubmit)["retry"])
	}
	if r.Attempt != 0 || r.State != Opening {
		t.Errorf("after an outage: attempt %d, %s", r.Attempt, r.State)
	}
}

// An actor of the search below: the report as it is persisted, and what truly happened outside.
type world struct {
	r        Report
	finish   bool // a finish was begun
	finished int  // reports that are finished at the recipient, at most 2 are counted
	open     bool // r.Remote is open there
	people   int  // how often a person resumed or withdrew
}

// Everything that can happen to a report from its approval on: each call, processed or not, each
// outcome that is honest about it, a crash after each, a person who resumes or withdraws, in every
// order. After a finish was begun only finish follows, and never are two finished.
func TestEveryWay(t *testing.T) {
	start := world{r: Report{State: Approved, Attempt: maxAttempts - 2}}
	seen := map[string]bool{}
	states := map[State]bool{}
	found := map[string]bool{}
	queue := []world{start}
	push := func(w world) {
		if w.r.Resume != "" && w.r.State != NeedsHuman {
			found["a report that waits for nobody has a state to resume"] = true
		}
		if w.finished > 1 {
			found["two are finished"] = true
		}
		w.r.Trouble, w.r.Attempt = "", min(w.r.Attempt, maxAttempts+1) // beyond it, one is as the other
		if k := fmt.Sprintf("%+v", w); !seen[k] {
			seen[k] = true
			states[w.r.State] = true
			queue = append(queue, w)
		}
	}
	push(start)
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		if w.open {
			lapsed := w
			lapsed.open = false
			push(lapsed)
		}
		if w.people < 2 {
			if w.r.State == NeedsHuman {
				on := w
				on.r.State, on.r.Resume, on.people = w.r.Resume, "", w.people+1
				push(on)
			}
			if gone, ok := withdrawn(w.r); ok {
				out := w
				out.r, out.people = gone, w.people+1
				push(out)
			}
		}
		now, call := next(w.r)
		if call == "" {
			continue
		}
		if w.finish && call != submit.CallFinish {
			found["after a finish was begun comes "+string(call)] = true
		}
		begun := w
		begun.r, begun.finish = now, w.finish || call == submit.CallFinish
		push(begun) // a crash before the call
		for _, processed := range []bool{false, true} {
			after := begun
			after.process(call, processed)
			crashed := after
			push(crashed) // a crash before the answer is persisted
			for name, reply := range outcomes(call) {
				if honest := after.honest(begun, call, name, processed); !honest {
					continue
				}
				if call == submit.CallSubmit {
					reply.Remote = 88
				}
				if call == submit.CallFinish {
					reply.Files = []string{now.File}
				}
				done := after
				done.r, _ = answered(now, reply)
				if done.r.State == Finished && done.finished != 1 {
					found[fmt.Sprintf("finished here, %d times there", done.finished)] = true
				}
				push(done)
			}
		}
		if len(seen) > 200_000 {
			t.Fatal("the search does not end")
		}
	}
	for f := range found {
		t.Error(f)
	}
	for _, s := range States() {
		if s != Draft && !states[s] {
			t.Errorf("%s was never reached", s)
		}
	}
	t.Logf("%d situations", len(seen))
}

// process is what the recipient does.
func (w *world) process(call submit.Call, processed bool) {
	if call == submit.CallSubmit { // the new report is the one we speak of from now on
		w.open = processed
	}
	if !processed {
		return
	}
	switch call {
	case submit.CallFinish:
		if w.open {
			w.open, w.finished = false, w.finished+1
		}
	case submit.CallRetract:
		w.open = false
	}
}

// honest reports whether a recipient that does not lie may give that answer: success only for what
// happened, "already finished" only for a report that is, and "does not exist" only when it is
// neither open nor finished.
func (w world) honest(before world, call submit.Call, name string, processed bool) bool {
	switch name {
	case "ok":
		return processed && (call == submit.CallSubmit || before.open)
	case "already":
		return call == submit.CallFinish && !before.open && before.finished > 0 || call == submit.CallRetract && !before.open && before.finished == 0
	case "5001":
		return call != submit.CallSubmit && !before.open && before.finished == 0
	case "5102":
		return before.finished > 0 && call != submit.CallFinish
	case "5101":
		return call != submit.CallRetract && call != submit.CallSubmit && !before.open
	case "md5":
		return call == submit.CallUpload
	}
	return true
}
