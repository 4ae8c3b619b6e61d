package report

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip/submit"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

const (
	anna = houvast.Actor("user:anna")
	bram = houvast.Actor("user:bram")
)

// each runs fn on every engine, each with a clock of its own that stands at noon.
func each(t *testing.T, fn func(t *testing.T, w store.Writer, clock *storetest.Clock)) {
	t.Helper()
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			t.Parallel()
			storetest.Count(e)
			clock := storetest.NewClock(noon)
			fn(t, storetest.Open(t, e, clock), clock)
		})
	}
}

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return houvast.CodeOf(err)
}

// change runs one change of a report and returns it with the stable code of what went wrong.
func change(t *testing.T, w store.Writer, fn func(tx *store.Tx) (Report, error)) (r Report, code string) {
	t.Helper()
	err := w.Update(t.Context(), func(tx *store.Tx) (err error) {
		r, err = fn(tx)
		return err
	})
	return r, codeOf(err)
}

func want(t *testing.T, what, got, code string) {
	t.Helper()
	if got != code {
		t.Errorf("%s: %q, want %q", what, got, code)
	}
}

func get(t *testing.T, w store.Writer, id houvast.ReportID) (r Report) {
	t.Helper()
	err := w.DB().View(t.Context(), func(tx *store.Tx) (err error) {
		r, err = Get(tx, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sketch is what the pipeline gives to NewDraft.
func sketch(incident string) Report {
	return Report{Recipient: "practice", Environment: houvast.Practice, Subject: 5, Incident: houvast.IncidentID(incident), Case: 7, Seal: "key",
		Content: []byte{0, 1, 255}, DraftedBy: anna}
}

func drafts(t *testing.T, w store.Writer, s Report) Report {
	t.Helper()
	r, code := change(t, w, func(tx *store.Tx) (Report, error) { return NewDraft(tx, s) })
	if code != "" {
		t.Fatal(code)
	}
	return r
}

// put writes a report in any state, as it would stand there.
func put(t *testing.T, w store.Writer, incident string, s State) Report {
	t.Helper()
	r, m := drafts(t, w, sketch(incident)), midway(s)
	r.State, r.Resume, r.Trouble, r.Attempt, r.Remote, r.File, r.MD5, r.Viewed = s, m.Resume, m.Trouble, m.Attempt, m.Remote, m.File, m.MD5, m.Viewed
	r, code := change(t, w, func(tx *store.Tx) (Report, error) { return save(tx, r) })
	if code != "" {
		t.Fatal(code)
	}
	return r
}

func TestNewDraft(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		first := drafts(t, w, sketch("incident 1"))
		wantRow := sketch("incident 1")
		wantRow.ID, wantRow.Key, wantRow.State, wantRow.Version, wantRow.Drafted = first.ID, "practice practice "+houvast.SubjectID(5).String()+" incident 1", Draft, 1, noon
		if !reflect.DeepEqual(first, wantRow) || !reflect.DeepEqual(get(t, w, first.ID), wantRow) {
			t.Errorf("drafted\n%+v, kept\n%+v, want\n%+v", first, get(t, w, first.ID), wantRow)
		}

		clock.Advance(time.Hour)
		again := sketch("incident 1")
		again.Content, again.Case, again.DraftedBy = []byte("other"), 8, bram
		if r := drafts(t, w, again); !reflect.DeepEqual(r, wantRow) {
			t.Errorf("the same again:\n%+v, want\n%+v", r, wantRow)
		}
		others := map[string]func(*Report){
			"incident":    func(r *Report) { r.Incident = "incident 2" },
			"subject":     func(r *Report) { r.Subject = 6 },
			"recipient":   func(r *Report) { r.Recipient = "other" },
			"environment": func(r *Report) { r.Environment = houvast.Test },
		}
		ids := map[houvast.ReportID]string{first.ID: "the first"}
		for what, differ := range others {
			s := sketch("incident 1")
			differ(&s)
			r := drafts(t, w, s)
			if ids[r.ID] != "" {
				t.Errorf("another %s is the same report as %s", what, ids[r.ID])
			}
			ids[r.ID] = what
		}

		// A draft that is already on its way, or withdrawn, is still the same report.
		for _, s := range States() {
			r := put(t, w, "incident of "+string(s), s)
			if got := drafts(t, w, sketch("incident of "+string(s))); !reflect.DeepEqual(got, get(t, w, r.ID)) || got.State != s {
				t.Errorf("drafting what is %s: %+v", s, got)
			}
		}
	})
}

// Twenty at once make one report, and all get it.
func TestNewDraftAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		var mu sync.Mutex
		ids := map[houvast.ReportID]int{}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for { // a key that was taken meanwhile is found by asking again
					var r Report
					err := w.Update(t.Context(), func(tx *store.Tx) (err error) { r, err = NewDraft(tx, sketch("one")); return err })
					if codeOf(err) == "exists" {
						continue
					}
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Error(err)
					}
					ids[r.ID]++
					return
				}
			})
		}
		wg.Wait()
		if len(ids) != 1 {
			t.Errorf("reports %v", ids)
		}
	})
}

// Who holds an older version than the database writes nothing, whatever they do.
func TestStaleVersionsAreRefused(t *testing.T) {
	type act func(tx *store.Tx, r Report) (Report, error)
	acts := map[string]struct {
		from State
		do   act
	}{
		"change":  {Draft, func(tx *store.Tx, r Report) (Report, error) { return Change(tx, r, []byte("new"), bram) }},
		"approve": {Draft, func(tx *store.Tx, r Report) (Report, error) { return Approve(tx, r, nil, false, bram, false) }},
		"next":    {Approved, func(tx *store.Tx, r Report) (Report, error) { r, _, err := Next(tx, r); return r, err }},
		"answered": {Finishing, func(tx *store.Tx, r Report) (Report, error) {
			r, _, err := Answered(tx, r, Reply{Call: submit.CallFinish, Files: []string{"f1"}}, []byte("receipt"))
			return r, err
		}},
		"answered, nothing learned": {Finishing, func(tx *store.Tx, r Report) (Report, error) {
			r, _, err := Answered(tx, r, outcomes(submit.CallFinish)["doubt"], nil)
			return r, err
		}},
		"resume":   {NeedsHuman, Resume},
		"withdraw": {Opened, func(tx *store.Tx, r Report) (Report, error) { r, _, err := Withdraw(tx, r); return r, err }},
	}
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		for name, a := range acts {
			fresh := put(t, w, name, a.from)
			stale := fresh
			after, code := change(t, w, func(tx *store.Tx) (Report, error) { return a.do(tx, fresh) })
			want(t, name, code, "")
			if kept := get(t, w, fresh.ID); !reflect.DeepEqual(kept, after) || kept.Version != fresh.Version+1 {
				t.Errorf("%s: kept\n%+v, returned\n%+v", name, kept, after)
			}
			_, code = change(t, w, func(tx *store.Tx) (Report, error) { return a.do(tx, stale) })
			want(t, name+", stale", code, "wrong-state")
			if kept := get(t, w, fresh.ID); !reflect.DeepEqual(kept, after) {
				t.Errorf("%s: a stale writer changed it to\n%+v", name, kept)
			}
			var calls int
			err := w.DB().View(t.Context(), func(tx *store.Tx) error {
				return tx.Row("SELECT COUNT(*) FROM report_call WHERE report = $1", store.Args(fresh.ID), &calls)
			})
			if logged := map[bool]int{true: 1}[len(name) >= 8 && name[:8] == "answered"]; err != nil || calls != logged {
				t.Errorf("%s: %d calls logged, want %d (%v)", name, calls, logged, err)
			}
		}
	})
}

func TestApprove(t *testing.T) {
	blocked := []Finding{{Rule: "incident-platform", Level: "warn"}, {Rule: "role-unknown", Level: "block"}, {Rule: "reporter-email", Level: "block"}}
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		for _, s := range States() {
			if s == Draft {
				continue
			}
			r := put(t, w, "in "+string(s), s)
			_, code := change(t, w, func(tx *store.Tx) (Report, error) { return Approve(tx, r, nil, false, bram, true) })
			want(t, "approving what is "+string(s), code, "wrong-state")
			_, code = change(t, w, func(tx *store.Tx) (Report, error) { return Change(tx, r, []byte("x"), bram) })
			want(t, "changing what is "+string(s), code, "wrong-state")
			_, code = change(t, w, func(tx *store.Tx) (Report, error) { return Address(tx, r, "other", houvast.Test) })
			want(t, "addressing what is "+string(s), code, "wrong-state")
			if kept := get(t, w, r.ID); !reflect.DeepEqual(kept, r) {
				t.Errorf("%s: refused and changed", s)
			}
		}
		for i, c := range []struct {
			by       houvast.Actor
			self     bool
			findings []Finding
			code     string
		}{
			{anna, false, nil, "self-approval"}, {anna, false, blocked, "self-approval"}, {bram, false, blocked, "report-incomplete"},
			{anna, true, blocked, "report-incomplete"}, {bram, false, blocked[:1], ""}, {anna, true, nil, ""},
		} {
			r := drafts(t, w, sketch(fmt.Sprint("incident ", i)))
			after, code := change(t, w, func(tx *store.Tx) (Report, error) { return Approve(tx, r, c.findings, true, c.by, c.self) })
			want(t, fmt.Sprintf("%+v", c), code, c.code)
			if code == "" && (after.State != Approved || after.ApprovedBy != c.by || after.Approved != noon || !after.Viewed || !after.Settled()) {
				t.Errorf("approved: %+v", after)
			}
			if kept := get(t, w, r.ID); (kept.State == Approved) != (c.code == "") || kept.Viewed != (c.code == "") || kept.Settled() != (c.code == "") {
				t.Errorf("%+v: %s", c, kept.State)
			}
		}
		r := drafts(t, w, sketch("last"))
		err := w.Update(t.Context(), func(tx *store.Tx) error { _, err := Approve(tx, r, blocked, false, bram, false); return err })
		if err == nil || err.Error() != "the check blocks this report: role-unknown, reporter-email" || houvast.HintOf(err) == "" {
			t.Errorf("%v", err)
		}
	})
}

func TestAddress(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		s := sketch("one")
		s.Recipient, s.Environment = "", ""
		r := drafts(t, w, s)
		r, code := change(t, w, func(tx *store.Tx) (Report, error) { return Address(tx, r, "practice", houvast.Practice) })
		want(t, "address", code, "")
		if same := drafts(t, w, sketch("one")); same.ID != r.ID {
			t.Error("the addressed draft is not found by its key")
		}
		_, code = change(t, w, func(tx *store.Tx) (Report, error) { return Address(tx, r, "other", houvast.Practice) })
		want(t, "addressing twice", code, "wrong-state")
		late := drafts(t, w, s)
		if late.ID == r.ID {
			t.Fatal("the draft without recipient is still there")
		}
		_, code = change(t, w, func(tx *store.Tx) (Report, error) { return Address(tx, late, "practice", houvast.Practice) })
		want(t, "two for one incident", code, "exists")
	})
}

// Each state is persisted before its call, and what is persisted already is not written again.
func TestNextIsPersisted(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		for _, s := range States() {
			before := put(t, w, string(s), s)
			var call submit.Call
			after, code := change(t, w, func(tx *store.Tx) (r Report, err error) { r, call, err = Next(tx, before); return r, err })
			want(t, string(s), code, "")
			kept := get(t, w, before.ID)
			if !reflect.DeepEqual(kept, after) {
				t.Errorf("%s: returned\n%+v, persisted\n%+v", s, after, kept)
			}
			if call != "" && kept.State.awaits() != call {
				t.Errorf("%s: before the call %s %s is persisted", s, call, kept.State)
			}
			if call == "" && kept.Version != before.Version {
				t.Errorf("%s: nothing to do, and written", s)
			}
		}
	})
}

func TestReceipt(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		for name, reply := range outcomes(submit.CallFinish) {
			r := put(t, w, name, Finishing)
			clock.Advance(time.Minute)
			after, code := change(t, w, func(tx *store.Tx) (a Report, err error) {
				a, _, err = Answered(tx, r, reply, []byte("receipt"))
				return a, err
			})
			want(t, name, code, "")
			done := name == "ok" || name == "already"
			if (string(after.Receipt) == "receipt") != done || (after.Finished == clock.Now()) != done || after.Finished.IsZero() == done {
				t.Errorf("%s: receipt %q, finished %s", name, after.Receipt, after.Finished)
			}
		}
		type row struct{ attempt, code int64 }
		var rows []row
		r := put(t, w, "log", Uploading)
		reply := outcomes(submit.CallUpload)["4100"]
		reply.Answer.RequestID = "request-1"
		_, code := change(t, w, func(tx *store.Tx) (a Report, err error) { a, _, err = Answered(tx, r, reply, nil); return a, err })
		want(t, "answered", code, "")
		var call, outcome, request string
		var x row
		var at int64
		err := w.DB().View(t.Context(), func(tx *store.Tx) error {
			return tx.Row("SELECT attempt, call, at, outcome, code, request FROM report_call WHERE report = $1", store.Args(r.ID), &x.attempt, &call, &at, &outcome, &x.code, &request)
		})
		if rows = append(rows, x); err != nil || rows[0] != (row{3, 4100}) || call != "upload" || outcome != "refused" || request != "request-1" || at != houvast.Micros(clock.Now()) {
			t.Errorf("the call is logged as %v %s %s %s (%v)", rows, call, outcome, request, err)
		}
	})
}

// The calls of a report are told in their order, the latest when there are too many.
func TestCalls(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		r, other := put(t, w, "calls", Opening), put(t, w, "other", Opening)
		write := func(fn func(tx *store.Tx) error) {
			t.Helper()
			if err := w.Update(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []submit.Call{submit.CallSubmit, submit.CallUpload, submit.CallFileInfo} {
			clock.Advance(time.Second)
			write(func(tx *store.Tx) error {
				return logCall(tx, r, Reply{Call: c, Answer: submit.Answer{Outcome: submit.Refused, Code: 4100, RequestID: "request of " + string(c)}})
			})
		}
		write(func(tx *store.Tx) error { return logCall(tx, other, Reply{Call: submit.CallFinish}) })
		err := w.DB().View(t.Context(), func(tx *store.Tx) error {
			all, err := Calls(tx, r.ID, 9)
			if len(all) != 3 || all[0] != (Called{Attempt: r.Attempt, Call: submit.CallSubmit, At: clock.Now().Add(-2 * time.Second), Outcome: "refused", Code: 4100, Request: "request of submit"}) ||
				all[2].Call != submit.CallFileInfo {
				t.Errorf("%+v (%v)", all, err)
			}
			all, err = Calls(tx, r.ID, 2)
			if len(all) != 2 || all[0].Call != submit.CallUpload {
				t.Errorf("the last two are %+v (%v)", all, err)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestResumeGoesOnWhereItWas(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		n := 0
		for _, s := range States() {
			if s != NeedsHuman {
				r := put(t, w, "not waiting "+string(s), s)
				_, code := change(t, w, func(tx *store.Tx) (Report, error) { return Resume(tx, r) })
				want(t, "resuming what is "+string(s), code, "wrong-state")
			}
			if s.awaits() == "" {
				continue
			}
			r := put(t, w, "stuck in "+string(s), s)
			stuck, code := change(t, w, func(tx *store.Tx) (a Report, err error) {
				a, _, err = Answered(tx, r, outcomes(s.awaits())["2000"], nil)
				return a, err
			})
			want(t, "refused", code, "")
			if stuck.State != NeedsHuman || stuck.Resume != s || stuck.Trouble == "" {
				t.Errorf("refused in %s: %+v", s, stuck)
			}
			if after, call, _ := nextOf(t, w, stuck); call != "" || after.State != NeedsHuman {
				t.Errorf("a report that waits for a person goes on with %s", call)
			}
			on, code := change(t, w, func(tx *store.Tx) (Report, error) { return Resume(tx, stuck) })
			want(t, "resume", code, "")
			expect := r
			expect.Version = on.Version
			if !reflect.DeepEqual(on, expect) || !reflect.DeepEqual(get(t, w, r.ID), expect) {
				t.Errorf("resumed\n%+v, it was\n%+v", on, expect)
			}
			n++
		}
		if n != 5 {
			t.Errorf("%d states", n)
		}
	})
}

func nextOf(t *testing.T, w store.Writer, r Report) (after Report, call submit.Call, code string) {
	t.Helper()
	after, code = change(t, w, func(tx *store.Tx) (a Report, err error) { a, call, err = Next(tx, r); return a, err })
	return after, call, code
}

// What a withdrawal makes of each state, written out.
func TestWithdraw(t *testing.T) {
	table := map[State]string{
		Draft: "retracted", Approved: "retracted", Opening: "retracted", Opened: "retracting wait", Uploading: "retracting wait", Uploaded: "retracting wait",
		Describing: "retracting wait", Described: "retracting wait", Finishing: "wrong-state", Finished: "wrong-state", Retracting: "retracting wait",
		Retracted: "retracted", NeedsHuman: "retracting wait",
	}
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		withdraws := func(r Report) string {
			var wait bool
			after, code := change(t, w, func(tx *store.Tx) (a Report, err error) { a, wait, err = Withdraw(tx, r); return a, err })
			if code != "" {
				after.State = State(code)
			}
			return describe(after, wait)
		}
		for _, s := range States() {
			r := put(t, w, string(s), s)
			if got := withdraws(r); got != table[s] {
				t.Errorf("%s: %s, want %q", s, got, table[s])
			}
			kept := get(t, w, r.ID)
			if changed := table[s] != "wrong-state" && s != Retracted; kept.Withdrawn != changed || changed && (kept.Trouble != "" || kept.Resume != "") || !changed && !reflect.DeepEqual(kept, r) {
				t.Errorf("%s: %+v", s, kept)
			}
		}
		for resume, expect := range map[State]string{Opening: "retracted", Approved: "retracted", Uploading: "retracting wait", Retracting: "retracting wait", Finishing: "wrong-state"} {
			r := put(t, w, "stuck in "+string(resume), NeedsHuman)
			r.Resume = resume
			if resume == Opening || resume == Approved {
				r.Remote = 0
			}
			r, _ = change(t, w, func(tx *store.Tx) (Report, error) { return save(tx, r) })
			if got := withdraws(r); got != expect {
				t.Errorf("stuck in %s: %s, want %s", resume, got, expect)
			}
		}
	})
}

func TestForgetAndLists(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		onTheirWay := map[State]bool{Approved: true, Opening: true, Opened: true, Uploading: true, Uploaded: true, Describing: true, Described: true,
			Finishing: true, Retracting: true}
		var all, open []houvast.ReportID
		for _, s := range States() {
			r := put(t, w, string(s), s)
			all = append(all, r.ID)
			if onTheirWay[s] {
				open = append(open, r.ID)
			}
		}
		s := sketch("another case")
		s.Case = 8
		other := drafts(t, w, s)
		all = append(all, other.ID)
		finished := get(t, w, all[9])
		finished.Receipt = []byte("receipt")
		finished, _ = change(t, w, func(tx *store.Tx) (Report, error) { return save(tx, finished) })

		view := func(fn func(tx *store.Tx) ([]Report, error)) (ids []houvast.ReportID) {
			err := w.DB().View(t.Context(), func(tx *store.Tx) error {
				found, err := fn(tx)
				for _, r := range found {
					ids = append(ids, r.ID)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return ids
		}
		if got := view(func(tx *store.Tx) ([]Report, error) { return Unfinished(tx, 99) }); !reflect.DeepEqual(got, open) {
			t.Errorf("on their way %v, want %v", got, open)
		}
		if got := view(func(tx *store.Tx) ([]Report, error) { return Unfinished(tx, 2) }); !reflect.DeepEqual(got, open[:2]) {
			t.Errorf("two on their way %v", got)
		}
		if got := view(func(tx *store.Tx) ([]Report, error) { return List(tx, all[3], 3) }); !reflect.DeepEqual(got, all[4:7]) {
			t.Errorf("a page %v", got)
		}
		err := w.DB().View(t.Context(), func(tx *store.Tx) error {
			if r, err := OfCase(tx, 8); err != nil || r.ID != other.ID {
				t.Errorf("of case: %v %v", r.ID, err)
			}
			if _, err := OfCase(tx, 9); houvast.KindOf(err) != houvast.NotFound {
				t.Errorf("of no case: %v", err)
			}
			counts, err := CountByState(tx)
			if len(counts) != len(States()) || counts[Draft] != 2 || counts[Finished] != 1 {
				t.Errorf("counts %v", counts)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}

		before := get(t, w, all[0])
		_, code := change(t, w, func(tx *store.Tx) (Report, error) { return Report{}, Forget(tx, 7) })
		want(t, "forget", code, "")
		for _, id := range all[:len(all)-1] {
			if r := get(t, w, id); r.Content != nil || r.Receipt != nil || r.Seal != "" {
				t.Errorf("%s keeps content", r.State)
			}
		}
		if r := get(t, w, other.ID); !reflect.DeepEqual(r, other) {
			t.Errorf("another case's report: %+v", r)
		}
		if r := get(t, w, finished.ID); r.State != Finished || r.Remote != 77 {
			t.Errorf("that it was filed is forgotten too: %+v", r)
		}
		_, code = change(t, w, func(tx *store.Tx) (Report, error) { return Change(tx, before, []byte("back again"), bram) })
		want(t, "who still held the content writes it back", code, "wrong-state")
	})
}
