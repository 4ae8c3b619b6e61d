package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Nothing is answered before both the signed checkpoint and its mark exist.
func TestWaitNeedsCheckpointAndMark(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		m := &markBox{}
		arrived, release := make(chan struct{}), make(chan struct{})
		m.bar(func() error { close(arrived); <-release; return nil })
		l := newLog(t, w, m)
		id := add(t, w, line(0))
		done := make(chan error, 1)
		go func() { done <- l.Wait(t.Context(), id) }()
		until(t, "a look at the unsigned line", func() bool {
			rest, _, err := l.lookup(t.Context(), []int64{id}, false)
			return err == nil && len(rest) == 1
		})
		select {
		case err := <-done:
			t.Fatal("answered without a sequencer:", err)
		default:
		}
		run(t, l)
		<-arrived
		if n := number(t, w, "SELECT COUNT(*) FROM audit_checkpoint"); n != 1 {
			t.Fatal("the mark comes before the checkpoint")
		}
		if rest, _, err := l.lookup(t.Context(), []int64{id}, false); err != nil || len(rest) != 1 {
			t.Fatal("signed without a mark:", rest, err)
		}
		select {
		case err := <-done:
			t.Fatal("answered without a mark:", err)
		case <-time.After(100 * time.Millisecond):
		}
		m.bar(nil)
		close(release)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if n := number(t, w, "SELECT COUNT(*) FROM audit_checkpoint"); n != 1 || m.sets != 1 {
			t.Fatal(n, m.sets)
		}
		if err := l.Wait(t.Context(), id, id); err != nil { // and again, from memory
			t.Fatal(err)
		}
		if err := newLog(t, w, m).Wait(t.Context(), id); err != nil { // and in a process that signs nothing
			t.Fatal(err)
		}
	})
}

// When nothing can be signed, the caller is told within about two seconds and the line is kept.
func TestWaitRefusesWhenUnwritable(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		t.Parallel()
		m := &markBox{}
		l := newLog(t, w, m)
		run(t, l)
		fill(t, w, l, 0, 1)
		m.bar(func() error { return errors.New("no room") })
		began := time.Now()
		id := add(t, w, line(1))
		err := l.Wait(t.Context(), id)
		if houvast.CodeOf(err) != "audit-unwritable" || houvast.KindOf(err) != houvast.Unavailable {
			t.Fatal(err)
		}
		if took := time.Since(began); took < patience || took > 2*patience {
			t.Errorf("told after %v", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.Wait(ctx, id); houvast.KindOf(err) != houvast.Unavailable {
			t.Errorf("a caller that has gone: %v", err)
		}
		m.bar(nil)
		if err := l.Wait(t.Context(), id); err != nil {
			t.Fatalf("after the mark could be written again: %v", err)
		}
		sound(t, w, m, 2)
	})
}

// A crash between the checkpoint and its mark leaves the mark one step behind. That verifies, and
// the next sequencer mends it before it signs anything.
func TestRestartAfterCrashBeforeMark(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		m := &markBox{}
		for round := range int64(3) { // the first has no mark at all
			l := newLog(t, w, m)
			before := m.kept
			m.bar(func() error { return errors.New("power cut") })
			add(t, w, line(int(round)))
			if _, err := l.step(t.Context(), true); err == nil {
				t.Fatal("marked")
			}
			if string(m.kept) != string(before) {
				t.Fatal("marked")
			}
			sound(t, w, m, round+1)
			m.bar(nil)
			if n, err := newLog(t, w, m).step(t.Context(), true); err != nil && !errors.Is(err, errStandby) || n != 0 {
				t.Fatal(n, err)
			}
			if w.DB().Engine() == store.Postgres { // there, the dead process holds its lease for a while
				exec(t, w, "UPDATE lease SET expires = 0 WHERE name = 'audit'")
				if n, err := newLog(t, w, m).step(t.Context(), true); err != nil || n != 0 {
					t.Fatal(n, err)
				}
				exec(t, w, "UPDATE lease SET expires = 0 WHERE name = 'audit'")
			}
			if c, _ := checkpointAt(t, w, round+1); string(m.kept) != c {
				t.Fatal("the mark was not mended")
			}
		}
		sound(t, w, m, 3)
	})
}

func TestRestartContinues(t *testing.T) {
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			storetest.Count(e)
			cfg := storetest.Config(t, e)
			m := &markBox{}
			for round := range 3 {
				w := storetest.Reopen(t, cfg)
				l := newLog(t, w, m)
				id := add(t, w, line(round)) // while no sequencer runs
				stop := run(t, l)
				if err := l.Wait(t.Context(), id); err != nil {
					t.Fatal(err)
				}
				fill(t, w, l, 10*round, 5)
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				sound(t, w, m, int64(6*(round+1)))
				w.DB().Close()
			}
		})
	}
}

// Two processes: both append and wait, one signs, and when it goes the other does.
func TestTwoProcesses(t *testing.T) {
	if !slices.Contains(storetest.Engines(t), store.Postgres) {
		return // storetest counts it, and fails in CI
	}
	storetest.Count(store.Postgres)
	cfg := storetest.Config(t, store.Postgres)
	a, b := storetest.Reopen(t, cfg), storetest.Reopen(t, cfg)
	m := &markBox{}
	la, lb := newLog(t, a, m), newLog(t, b, m)
	stopA := run(t, la)
	fill(t, a, la, 0, 1) // a has the lease
	run(t, lb)
	const writers, each = 8, 10
	both := func(from int) {
		var wg sync.WaitGroup
		for i := range writers {
			w, l := a, la
			if i%2 == 1 {
				w, l = b, lb
			}
			wg.Go(func() { fill(t, w, l, from+i*each, each) })
		}
		wg.Wait()
	}
	both(1)
	sound(t, a, m, 1+writers*each)
	if err := stopA(); err != nil {
		t.Fatal(err)
	}
	both(1000) // lines of a are now signed by b
	sound(t, b, m, 1+2*writers*each)
}

// A sequencer that slept while another took over writes nothing, whatever it had prepared.
func TestStaleSequencerIsFenced(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		m := &markBox{}
		a, b := newLog(t, w, m), newLog(t, w, m)
		a.holder, b.holder = "a", "b" // as in two processes
		add(t, w, line(0))
		if n, err := a.step(t.Context(), true); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		add(t, w, line(1))
		if _, err := b.step(t.Context(), true); !errors.Is(err, errStandby) {
			t.Fatal("two sequencers at once:", err)
		}
		lines, err := a.fresh(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		prepared, err := a.prepare(lines)
		if err != nil {
			t.Fatal(err)
		}
		take := func(fence, expires int64) {
			exec(t, w, "UPDATE lease SET expires = $1 WHERE name = 'audit'", expires)
			if fence > 0 {
				exec(t, w, "UPDATE lease SET holder = 'b', fence = $1 WHERE name = 'audit'", fence)
			}
		}
		far := houvast.Micros(w.DB().LeaseTime().Add(time.Hour))
		take(2, far) // b holds it
		if err := w.Update(t.Context(), prepared.write); !errors.Is(err, errStandby) {
			t.Error("wrote while another holds the lease:", err)
		}
		take(2, 0) // b held it and died: a gets it back under a new fence
		if err := w.Update(t.Context(), prepared.write); !errors.Is(err, errStale) {
			t.Error("wrote under an old fence:", err)
		}
		if n, err := b.step(t.Context(), true); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		// Even a fence that happens to fit does not let it write over another's checkpoint.
		exec(t, w, "UPDATE lease SET holder = 'a', fence = $1, expires = $2 WHERE name = 'audit'", prepared.prev.fence, far)
		if err := w.Update(t.Context(), prepared.write); !errors.Is(err, errStale) {
			t.Error("wrote over another's checkpoint:", err)
		}
		sound(t, w, m, 2)
		take(0, 0)
		add(t, w, line(2))
		for n := 0; n == 0; { // and goes on when it has looked again
			if n, err = a.step(t.Context(), true); err != nil && !errors.Is(err, errStale) {
				t.Fatal(err)
			}
		}
		sound(t, w, m, 3)
	})
}

// A line that committed late is numbered late, though its id is older.
func TestLateLineIsNumbered(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		m := &markBox{}
		l := newLog(t, w, m)
		run(t, l)
		fill(t, w, l, 0, 3)
		// What a slow transaction leaves: an id from before, without a number.
		early := number(t, w, "SELECT MIN(id) FROM audit_line") - 1
		exec(t, w, "INSERT INTO audit_line (id, at, actor, action, subject, detail) SELECT $1, at, actor, action, 'late', detail FROM audit_line WHERE seq = 0", early)
		if err := l.Wait(t.Context(), early); err != nil {
			t.Fatal(err)
		}
		if n := number(t, w, "SELECT seq FROM audit_line WHERE id = $1", early); n != 3 {
			t.Fatalf("number %d", n)
		}
		sound(t, w, m, 4)
	})
}

// Without a sequencer, lines wait and Verify warns after a minute.
func TestUnsignedLinesWarn(t *testing.T) {
	clock := storetest.NewClock(time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC))
	storetest.EachClock(t, clock, func(t *testing.T, w store.Writer) {
		m := &markBox{}
		add(t, w, line(0))
		if r := verify(t, w, m); r.Unsigned != 1 || len(r.Findings) != 0 {
			t.Fatalf("%+v", r)
		}
		clock.Advance(61 * time.Second)
		r := verify(t, w, m)
		if len(r.Findings) != 1 || !r.Findings[0].Warn || !r.Sound() {
			t.Fatalf("%+v", r)
		}
	})
}

func TestEventsAndExport(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		m := &markBox{}
		var empty bytes.Buffer
		if err := Export(t.Context(), w.DB(), &empty, -1); err != nil || empty.Len() > 0 {
			t.Fatal(err, empty.String())
		}
		l := newLog(t, w, m)
		stop := run(t, l)
		fill(t, w, l, 0, 9)
		stop()
		add(t, w, line(9)) // new, so neither event nor exported

		var seen []int64
		for after := int64(-1); ; {
			var page []Event
			err := w.DB().View(t.Context(), func(tx *store.Tx) (err error) {
				page, err = Events(tx, after, 4)
				return err
			})
			if err != nil || len(page) > 4 {
				t.Fatal(err, len(page))
			}
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				if seen = append(seen, e.Seq); e.Action != "case.decide" || e.Subject != "case_"+strconv.Itoa(int(e.Seq)) || e.At.IsZero() {
					t.Errorf("%+v", e)
				}
			}
			after = page[len(page)-1].Seq
		}
		if !slices.Equal(seen, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8}) {
			t.Fatalf("events %v", seen)
		}
		checkExport(t, w, m)
	})
}

// checkExport reads an export as an outsider with nothing but the public key, and recomputes the root.
func checkExport(t *testing.T, w store.Writer, m *markBox) {
	t.Helper()
	var out bytes.Buffer
	if err := Export(t.Context(), w.DB(), &out, -1); err != nil {
		t.Fatal(err)
	}
	var hashes []tlog.Hash
	read := tlog.HashReaderFunc(func(ids []int64) (h []tlog.Hash, err error) {
		for _, id := range ids {
			h = append(h, hashes[id])
		}
		return h, nil
	})
	var n int64
	var signed string
	for in := bufio.NewScanner(&out); in.Scan(); {
		var l struct {
			Seq                                    int64
			ID, At, Actor, Action, Subject, Detail json.RawMessage
			Checkpoint                             string
		}
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		if signed = l.Checkpoint; signed != "" {
			continue
		}
		text := func(raw json.RawMessage) (s string) {
			if err := json.Unmarshal(raw, &s); err != nil {
				t.Fatal(err)
			}
			return s
		}
		id, err := strconv.ParseInt(text(l.ID), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339Nano, text(l.At))
		if err != nil || !strings.HasSuffix(text(l.At), "Z") {
			t.Fatal(err, text(l.At))
		}
		r := record{id, at.UnixMicro(), text(l.Actor), text(l.Action), text(l.Subject), string(l.Detail)}
		more, err := tlog.StoredHashes(n, r.encode(l.Seq), read)
		if err != nil || l.Seq != n {
			t.Fatal(err, l.Seq)
		}
		hashes = append(hashes, more...)
		n++
	}
	root, err := tlog.TreeHash(n, read)
	if err != nil {
		t.Fatal(err)
	}
	vkey, err := m.keys().VerifierKey()
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(v))
	if err != nil {
		t.Fatal(err)
	}
	if want := "audit.houvast.test\n9\n" + root.String() + "\n"; opened.Text != want {
		t.Fatalf("checkpoint %q, the lines give %q", opened.Text, want)
	}
}

func TestKeysAreChecked(t *testing.T) {
	good := (&markBox{}).keys()
	w := storetest.Open(t, store.SQLite, nil)
	storetest.Count(store.SQLite)
	for name, spoil := range map[string]func(*Keys){
		"no name":    func(k *Keys) { k.Name = "" },
		"name":       func(k *Keys) { k.Name = "a b" },
		"short seed": func(k *Keys) { k.Sign = k.Sign[:31] },
		"short MAC":  func(k *Keys) { k.MAC = k.MAC[:31] },
		"no mark":    func(k *Keys) { k.Mark = nil },
		"no SetMark": func(k *Keys) { k.SetMark = nil },
	} {
		k := good
		spoil(&k)
		if _, err := New(w, k, quiet); houvast.KindOf(err) != houvast.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(w, good, quiet); err != nil {
		t.Fatal(err)
	}
}

// The figures, on a real file with full syncing: how long one line alone waits after its commit, how
// many lines a second are appended, signed and answered with 256 callers at once, and how long the
// transaction of a full batch takes. Every line is different; the log is verified at the end.
func BenchmarkSigned(b *testing.B) {
	db, err := store.Open(b.Context(), store.Config{Path: b.TempDir() + "/x.db", Clock: store.NewSystemClock()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	w, m := store.NewWriter(db), &markBox{}
	l := newLog(b, w, m)
	b.Run("batch", func(b *testing.B) {
		var slowest time.Duration
		for b.Loop() {
			b.StopTimer()
			err := w.Update(b.Context(), func(tx *store.Tx) (err error) {
				for i := 0; i < batchMost && err == nil; i++ {
					_, err = Append(tx, line(i))
				}
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			began := time.Now()
			if n, err := l.step(b.Context(), true); n != batchMost || err != nil {
				b.Fatal(n, err)
			}
			slowest = max(slowest, time.Since(began))
		}
		b.ReportMetric(float64(b.N*batchMost)/b.Elapsed().Seconds(), "lines/s")
		b.ReportMetric(slowest.Seconds()*1000, "ms-slowest")
	})
	run(b, l)
	b.Run("alone", func(b *testing.B) {
		var waits []time.Duration
		for i := 0; b.Loop(); i++ {
			id := add(b, w, line(i))
			began := time.Now()
			if err := l.Wait(b.Context(), id); err != nil {
				b.Fatal(err)
			}
			waits = append(waits, time.Since(began))
		}
		slices.Sort(waits)
		b.ReportMetric(waits[len(waits)/2].Seconds()*1000, "ms-wait-p50")
		b.ReportMetric(waits[len(waits)*99/100].Seconds()*1000, "ms-wait-p99")
	})
	b.Run("many", func(b *testing.B) {
		b.SetParallelism(128)
		var n atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				fill(b, w, l, int(n.Add(1)), 1)
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
	})
	began := time.Now()
	r := verify(b, w, m)
	if !r.Sound() || r.Unsigned > 0 {
		b.Fatalf("%+v", r)
	}
	b.Logf("%d lines under %d marks, verified in %v", r.Size, m.sets, time.Since(began))
}
