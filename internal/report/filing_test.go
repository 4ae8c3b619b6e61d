package report

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip/submit"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/practice"
)

// A desk files reports with the practice clearinghouse, over real connections. What was filed is
// judged by the clearinghouse's own events and never by our database.
type desk struct {
	t     *testing.T
	w     store.Writer
	clock *storetest.Clock
	house *practice.Clearinghouse
	base  *url.URL
	http  *http.Client
	n     int

	mu     sync.Mutex
	faults func(practice.Call) practice.Fault // nil: none
}

func newDesk(t *testing.T, w store.Writer, clock *storetest.Clock) *desk {
	t.Helper()
	d := &desk{t: t, w: w, clock: clock}
	d.house = practice.New(practice.Config{User: "esp", Password: "secret", Now: clock.Now, Faults: func(c practice.Call) practice.Fault {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.faults == nil {
			return practice.Fault{}
		}
		return d.faults(c)
	}})
	server := httptest.NewUnstartedServer(d.house)
	ctx, cancel := context.WithCancel(context.Background()) // lets go of calls that are held
	server.Config.BaseContext = nil
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		held, end := context.WithCancel(r.Context())
		defer end()
		defer context.AfterFunc(ctx, end)()
		d.house.ServeHTTP(w, r.WithContext(held))
	})
	server.Start()
	t.Cleanup(func() { cancel(); server.Close() })
	d.http = server.Client()
	var err error
	if d.base, err = url.Parse(server.URL + "/ispws"); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) client(opts ...submit.Option) *submit.Client {
	d.t.Helper()
	c, err := submit.New(submit.Practice, d.base, "esp", "secret", d.http, opts...)
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

func (d *desk) fault(f func(practice.Call) practice.Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = f
}

// A job is one report with its bytes, as the pipeline holds them.
type job struct {
	id      houvast.ReportID
	content Content
	viewed  bool
	bytes   []byte
	md5     string
}

// job makes an approved report with bytes of its own.
func (d *desk) job(c Content, viewed bool) job {
	d.t.Helper()
	d.n++
	j := job{content: c, viewed: viewed, bytes: fmt.Appendf(nil, "drawn picture %d", d.n)}
	sum := md5.Sum(j.bytes)
	j.md5 = hex.EncodeToString(sum[:])
	j.content.Facts.MD5 = j.md5
	r := drafts(d.t, d.w, sketch(fmt.Sprint("incident ", d.n)))
	r, code := change(d.t, d.w, func(tx *store.Tx) (Report, error) {
		return Approve(tx, r, Check(r, j.content, viewed, tx.Now()), viewed, bram, false)
	})
	if code != "" {
		d.t.Fatal(code)
	}
	j.id = r.ID
	return j
}

func (j job) open(context.Context) (io.ReadCloser, int64, error) {
	return io.NopCloser(bytes.NewReader(j.bytes)), int64(len(j.bytes)), nil
}

// errPause is how a walk ends that the caller would try again later.
var errPause = errors.New("later")

// step makes one call of a report: state, call, answer. lose says to drop the answer, as a crash
// between the call and its record would.
func (d *desk) step(client *submit.Client, j job, lose func(submit.Call) bool) (Report, error) {
	ctx := context.Background()
	var r Report
	var call submit.Call
	err := d.w.Update(ctx, func(tx *store.Tx) (err error) {
		if r, err = Get(tx, j.id); err == nil {
			r, call, err = Next(tx, r)
		}
		return err
	})
	if err != nil || call == "" {
		return r, err
	}
	reply := Call(ctx, client, call, r, j.content, j.viewed, j.open)
	if lose != nil && lose(call) {
		return r, errPause
	}
	var after Report
	var wait bool
	err = d.w.Update(ctx, func(tx *store.Tx) (err error) { // may run twice, so r stays what the call was made with
		after, wait, err = Answered(tx, r, reply, []byte("sealed receipt"))
		return err
	})
	if err == nil && wait {
		err = errPause
	}
	return after, err
}

// walk takes a report as far as it goes by itself, pausing when it must.
func (d *desk) walk(client *submit.Client, j job, lose func(submit.Call) bool) Report {
	d.t.Helper()
	for range 200 {
		r, err := d.step(client, j, lose)
		switch {
		case err != nil && !errors.Is(err, errPause):
			d.t.Fatal(err)
		case r.State == Finished || r.State == Retracted || r.State == NeedsHuman:
			return r
		}
	}
	d.t.Fatalf("%s does not end", j.id)
	return Report{}
}

// resumed lets a report that waits for a person go on until it ends; once is enough when nothing is
// wrong any more.
func (d *desk) resumed(j job, r Report) Report {
	d.t.Helper()
	for range 3 {
		if r.State != NeedsHuman {
			return r
		}
		if _, code := change(d.t, d.w, func(tx *store.Tx) (Report, error) { return Resume(tx, r) }); code != "" {
			d.t.Fatal(code)
		}
		r = d.walk(d.client(), j, nil)
	}
	d.t.Fatalf("%s waits for a person again and again: %s", j.id, r.Trouble)
	return r
}

// finished returns the finished reports of a job in the clearinghouse's own log: those that hold its
// bytes.
func (d *desk) finished(j job) (all []practice.Event) {
	for _, ev := range d.house.Events() {
		if ev.Event == practice.Finished && slices.Contains(ev.MD5s, j.md5) {
			all = append(all, ev)
		}
	}
	return all
}

// opened counts the reports that the clearinghouse opened.
func (d *desk) opened() (n int) {
	for _, ev := range d.house.Events() {
		if ev.Event == practice.Opened {
			n++
		}
	}
	return n
}

// filed checks that a report was filed, once, and as it should be.
func (d *desk) filed(name string, j job, r Report) {
	d.t.Helper()
	all := d.finished(j)
	if len(all) != 1 || r.State != Finished {
		d.t.Errorf("%s: %s here (%s), %d finished there", name, r.State, r.Trouble, len(all))
		return
	}
	ev := all[0]
	if ev.ReportID != r.Remote || !slices.Equal(ev.FileIDs, []string{r.File}) || !slices.Equal(ev.MD5s, []string{j.md5}) || r.MD5 != j.md5 {
		d.t.Errorf("%s: there %d %v %v, here %d %s %s", name, ev.ReportID, ev.FileIDs, ev.MD5s, r.Remote, r.File, r.MD5)
	}
	f := ev.Files[0]
	if f.Viewed != fmt.Sprint(j.viewed) || r.Viewed != j.viewed || f.ExifViewed != "false" || f.Descriptions != 1 || f.Size != int64(len(j.bytes)) {
		d.t.Errorf("%s: the file is there %+v; it was viewed: %v, %v", name, f, j.viewed, r.Viewed)
	}
	if string(r.Receipt) != "sealed receipt" || r.Finished.IsZero() {
		d.t.Errorf("%s: no receipt", name)
	}
}

func TestFiling(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		d := newDesk(t, w, clock)
		n := 0
		for _, role := range []houvast.Role{houvast.RoleUploader, houvast.RoleChild, houvast.RoleBoth, houvast.RolePeer} {
			for _, decision := range reportingDecisions() {
				for _, viewed := range []bool{false, true} {
					name := fmt.Sprintf("%s by %s, viewed %v", decision, role, viewed)
					j := d.job(as(decision, role), viewed)
					before := d.opened()
					r := d.walk(d.client(), j, nil)
					d.filed(name, j, r)
					if d.opened() != before+1 || r.Attempt != 1 || r.Trouble != "" {
						t.Errorf("%s: %d opened, attempt %d, trouble %q", name, d.opened()-before, r.Attempt, r.Trouble)
					}
					for _, ev := range d.finished(j) {
						child := role == houvast.RoleChild || role == houvast.RoleBoth
						if child != (ev.Victims == 1) || child != (len(ev.Identifiers) == 0) || !child && !slices.Equal(ev.Identifiers, []string{account}) {
							t.Errorf("%s: there %d victims, reported %v", name, ev.Victims, ev.Identifiers)
						}
					}
					n++
				}
			}
		}
		if n != 24 {
			t.Errorf("%d reports", n)
		}

		// The judge sees a report that is filed twice.
		j := d.job(full(), false)
		d.walk(d.client(), j, nil)
		second := drafts(t, w, sketch("incident filed by mistake"))
		second, _ = change(t, w, func(tx *store.Tx) (Report, error) { return Approve(tx, second, nil, false, bram, false) })
		twin := j
		twin.id = second.ID
		if d.walk(d.client(), twin, nil); len(d.finished(j)) != 2 {
			t.Error("a planted second report is not seen")
		}
	})
}

// A client for one environment never sends what was drafted for another.
func TestEnvironmentsDoNotMix(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		d := newDesk(t, w, clock)
		for _, env := range []houvast.Environment{houvast.Test, houvast.Production, ""} {
			s := sketch("one for " + string(env))
			s.Environment = env
			r := drafts(t, w, s)
			r, _ = change(t, w, func(tx *store.Tx) (Report, error) { return Approve(tx, r, nil, false, bram, false) })
			if got := d.walk(d.client(), job{id: r.ID, content: full()}, nil); got.State != NeedsHuman || got.Resume != Opening {
				t.Errorf("%q: %s", env, got.State)
			}
		}
		if n := len(d.house.Events()); n != 0 {
			t.Errorf("%d events", n)
		}
	})
}

// Bytes that cannot be opened, or that end early, are never filed.
func TestBadSource(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		d := newDesk(t, w, clock)
		gone := houvast.Errorf("test", houvast.Corrupt, "", "the blob does not open")
		busy := houvast.Errorf("test", houvast.Unavailable, "", "the disk is busy")
		for name, c := range map[string]struct {
			open File
			want string
		}{
			"corrupt": {func(context.Context) (io.ReadCloser, int64, error) { return nil, 0, gone }, "human uploading"},
			"busy":    {func(context.Context) (io.ReadCloser, int64, error) { return nil, 0, busy }, "human approved"},
			"short": {func(context.Context) (io.ReadCloser, int64, error) {
				return io.NopCloser(bytes.NewReader([]byte("x"))), 2, nil
			}, "human approved"},
		} {
			j := d.job(full(), false)
			var r Report
			for range 200 {
				var call submit.Call
				r, call, _ = nextOf(t, w, get(t, w, j.id))
				if call == "" {
					break
				}
				reply := Call(t.Context(), d.client(), call, r, j.content, j.viewed, c.open)
				r, _ = change(t, w, func(tx *store.Tx) (a Report, err error) { a, _, err = Answered(tx, r, reply, nil); return a, err })
			}
			if got := describe(r, false); got != c.want || len(d.finished(j)) != 0 {
				t.Errorf("%s: %s, want %s; %d finished", name, got, c.want, len(d.finished(j)))
			}
		}
	})
}

// wire is every fault of the practice clearinghouse that a caller can meet.
func wire(t *testing.T) (all []practice.Fault) {
	t.Helper()
	kinds := map[practice.FaultKind]bool{}
	add := func(f practice.Fault) {
		kinds[f.Kind] = true
		all = append(all, f)
	}
	for _, processed := range []bool{false, true} {
		for _, k := range []practice.FaultKind{practice.Cut, practice.Slow, practice.Unauthorized, practice.HTML} {
			add(practice.Fault{Kind: k, Processed: processed})
		}
		for _, status := range []int{500, 503} {
			add(practice.Fault{Kind: practice.Status, Status: status, Processed: processed})
		}
		for _, code := range []int{1000, 4100, 5001} {
			add(practice.Fault{Kind: practice.Code, Code: code, Processed: processed})
		}
	}
	for _, k := range []practice.FaultKind{practice.Refuse, practice.CutMidway, practice.Truncated, practice.WrongMD5, practice.DuplicateFileID} {
		add(practice.Fault{Kind: k})
	}
	for _, k := range practice.FaultKinds() {
		if !kinds[k] {
			t.Errorf("the fault %s is not tried", k)
		}
	}
	return all
}

// person reports whether a fault at a call ends with a person: a refusal that another try would not
// change, or a report that the recipient forgot while it was being finished.
func person(call submit.Call, f practice.Fault) bool {
	switch {
	case f.Kind == practice.Unauthorized, f.Code == 4100:
		return true
	}
	return f.Code == 5001 && call == submit.CallFinish
}

// Each fault at each call, once and three times over: when the faults stop there is one finished
// report, or a person is asked and there are none or one; and when that person lets it go on, one.
func TestFaults(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		d := newDesk(t, w, clock)
		count := map[State]int{}
		for _, f := range wire(t) {
			for _, call := range []submit.Call{submit.CallSubmit, submit.CallUpload, submit.CallFileInfo, submit.CallFinish} {
				for _, times := range []int{1, 3} {
					if times == 3 && (f.Kind == practice.Slow || person(call, f)) {
						continue // each costs its time-out; a person is asked after the first
					}
					name := fmt.Sprintf("%d x %+v at %s", times, f, call)
					j := d.job(full(), d.n%2 == 0)
					left := times
					d.fault(func(c practice.Call) practice.Fault {
						if c.Endpoint != string(call) || left == 0 {
							return practice.Fault{}
						}
						left--
						return f
					})
					opts := []submit.Option{}
					if f.Kind == practice.Slow {
						opts = append(opts, submit.WithTimeout(40*time.Millisecond))
					}
					r := d.walk(d.client(opts...), j, nil)
					if left == times {
						t.Errorf("%s: never met", name)
					}
					count[r.State]++
					if human := person(call, f); human != (r.State == NeedsHuman) {
						t.Errorf("%s: %s (%s)", name, r.State, r.Trouble)
					}
					if n := len(d.finished(j)); n > 1 || r.State == Finished && n != 1 {
						t.Errorf("%s: %s, %d finished there", name, r.State, n)
					}
					d.fault(nil)
					r = d.resumed(j, r)
					d.filed(name, j, r)
					if alarm := f.Kind == practice.DuplicateFileID && call == submit.CallFinish; alarm != (r.Trouble != "") {
						t.Errorf("%s: trouble %q", name, r.Trouble)
					}
				}
			}
		}
		if count[Finished] == 0 || count[NeedsHuman] == 0 {
			t.Error("not both ends were met")
		}
		t.Logf("%d walks: %v", count[Finished]+count[NeedsHuman], count)
	})
}

// Withdrawing what is open retracts it there, whatever happens to the call, and files nothing.
func TestRetractUnderFaults(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		d := newDesk(t, w, clock)
		for _, f := range append(wire(t), practice.Fault{}) {
			if f.Kind == practice.Slow {
				continue
			}
			j := d.job(full(), false)
			d.fault(nil)
			for range 2 { // submit, upload
				if _, err := d.step(d.client(), j, nil); err != nil {
					t.Fatal(err)
				}
			}
			if r := get(t, w, j.id); r.State != Uploaded {
				t.Fatalf("%s: %s", r.State, r.Trouble)
			}
			r, code := change(t, w, func(tx *store.Tx) (Report, error) { r, _, err := Withdraw(tx, get(t, w, j.id)); return r, err })
			want(t, "withdraw", code, "")
			left := 1
			d.fault(func(c practice.Call) practice.Fault {
				if left--; left < 0 {
					return practice.Fault{}
				}
				return f
			})
			after := d.walk(d.client(), j, nil)
			d.fault(nil)
			after = d.resumed(j, after)
			gone := slices.ContainsFunc(d.house.Events(), func(ev practice.Event) bool { return ev.Event == practice.Retracted && ev.ReportID == r.Remote })
			// A recipient that says it knows no such report is believed: what it holds lapses.
			if believed := f.Code == 5001 && !f.Processed; after.State != Retracted || !gone && !believed || len(d.finished(j)) != 0 {
				t.Errorf("%+v: %s here, retracted there: %v", f, after.State, gone)
			}
		}
	})
}

// Random faults, lost answers, lapses and impatient people, from seeds that are printed: never are
// two finished, and once all that stops one is.
func TestRandomTrouble(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		d := newDesk(t, w, clock)
		faults := slices.DeleteFunc(wire(t), func(f practice.Fault) bool { return f.Kind == practice.Slow })
		begin := rand.Uint64()
		attempts, people := 0, 0
		for i := range uint64(25) {
			seed := begin + i
			rnd := rand.New(rand.NewPCG(seed, 1))
			var mu sync.Mutex
			d.fault(func(practice.Call) practice.Fault {
				mu.Lock()
				defer mu.Unlock()
				if rnd.IntN(3) > 0 {
					return practice.Fault{}
				}
				return faults[rnd.IntN(len(faults))]
			})
			lose := func(submit.Call) bool {
				mu.Lock()
				defer mu.Unlock()
				return rnd.IntN(6) == 0
			}
			j := d.job(full(), seed%2 == 0)
			trouble := rnd.IntN(25)
			for n := 0; ; n++ {
				if n == trouble {
					d.fault(nil)
					lose = nil
				}
				r, err := d.step(d.client(), j, lose)
				if err != nil && !errors.Is(err, errPause) {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if got := len(d.finished(j)); got > 1 {
					t.Errorf("seed %d: %d are finished", seed, got)
				}
				if lose != nil && rnd.IntN(10) == 0 && !slices.Contains([]State{Described, Finishing, NeedsHuman}, r.State) {
					clock.Advance(25 * time.Hour) // what is open lapses
				}
				if r.State == NeedsHuman {
					people++
					if _, code := change(t, w, func(tx *store.Tx) (Report, error) { return Resume(tx, r) }); code != "" {
						t.Fatalf("seed %d: %s", seed, code)
					}
				}
				if r.State == Finished {
					attempts += r.Attempt
					d.filed(fmt.Sprint("seed ", seed), j, r)
					break
				}
				if n > 300 {
					t.Fatalf("seed %d: %s does not end: %s", seed, r.State, r.Trouble)
				}
			}
		}
		t.Logf("from seed %d: 25 reports, %d attempts, %d times a person", begin, attempts, people)
	})
}

// Two processes that both believe the report is theirs: whatever they write over each other is
// refused, and one report is finished.
func TestTwoProcesses(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		d := newDesk(t, w, clock)
		refused := 0
		for range 12 {
			j := d.job(full(), true)
			var mu sync.Mutex
			var wg sync.WaitGroup
			for range 2 {
				client := d.client()
				wg.Go(func() {
					for range 400 {
						r, err := d.step(client, j, nil)
						if err != nil && !errors.Is(err, errPause) && codeOf(err) != "wrong-state" {
							t.Error(err)
						}
						if codeOf(err) == "wrong-state" {
							mu.Lock()
							refused++
							mu.Unlock()
						} else if r.State == Finished || r.State == NeedsHuman {
							return
						}
					}
				})
			}
			wg.Wait()
			r := get(t, w, j.id)
			r = d.resumed(j, r)
			if n := len(d.finished(j)); n != 1 || r.State != Finished {
				t.Errorf("%s here, %d finished there", r.State, n)
			}
		}
		t.Logf("%d writes were refused", refused)
	})
}
