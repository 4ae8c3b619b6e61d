package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/sandbox/drill"
)

func TestAnswers(t *testing.T) {
	p := open(t, config("shipped"))
	for _, n := range []int{0, 1, 4095, 4096, 4097, 1 << 20, 8 << 20} {
		data := strings.Repeat("x", n)
		if got, err := do(t, p, drill.Echo, "", "", data); err != nil || got != data {
			t.Errorf("%d bytes came back as %d, %v", n, len(got), err)
		}
	}
	if _, err := do(t, p, "busy", "", "", ""); err != nil {
		t.Errorf("threads, timers and collections: %v", err)
	}
	env, err := do(t, p, "environ", "", "", "")
	if err != nil || strings.Contains(env, "PATH=") || len(strings.Split(env, "\n")) != 2 {
		t.Errorf("the environment of a child is %q, %v", env, err)
	}
	if s := p.Stats(); s.Started != 1 || s.Failed != 0 || s.Live != 1 {
		t.Errorf("good requests cost children: %+v", s)
	}
}

// TestReasons lets a child fail in every way and wants the reason, and a pool that still answers.
func TestReasons(t *testing.T) {
	quick := func(mode string, cpu, wall time.Duration) sandbox.Config {
		cfg := config(mode)
		cfg.Size, cfg.CPU, cfg.Wall = 1, cpu, wall
		return cfg
	}
	calm := quick("shipped", 30*time.Second, 60*time.Second)
	small := calm
	if !race { // which needs more to begin with
		small.DataLimit = 128 << 20
	}
	type row struct {
		name, op, args, data string
		cfg                  sandbox.Config
		want                 sandbox.Reason
	}
	rows := []row{
		{"burns", drill.Burn, "", "", quick("shipped", 300*time.Millisecond, 60*time.Second), sandbox.ChildCPU},
		{"burns within a larger bound", drill.Burn, "", "", quick("shipped", 30*time.Second, 300*time.Millisecond), sandbox.ChildWall},
		{"hangs", drill.Hang, "", "", quick("shipped", 300*time.Millisecond, 600*time.Millisecond), sandbox.ChildWall},
		{"grows", drill.Grow, "", "", calm, sandbox.ChildMemory},
		{"swells", "swell", "", "", small, sandbox.ChildMemory},
		{"panics", drill.Crash, "", "bland", calm, sandbox.ChildCrash},
		{"writes to its data", "scribble", "", "bland", calm, sandbox.ChildCrash},
		{"runs out of stack", "deep", "", "", calm, sandbox.ChildCrash},
		{"ends", "exit", "", "", calm, sandbox.ChildAnswer},
		{"answers too much", drill.Babble, strconv.Itoa(8<<20 + 1), "", calm, sandbox.ChildAnswer},
	}
	reached := map[sandbox.Reason]bool{sandbox.ChildGone: true, sandbox.ChildStart: true, sandbox.LayerMiss: true} // tests of their own
	for _, r := range rows {
		reached[r.want] = true
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			p := openAlone(t, r.cfg)
			begin := time.Now()
			_, err := do(t, p, r.op, "", r.args, r.data)
			if r.want == sandbox.ChildMemory && race && sandbox.ReasonOf(err) == sandbox.ChildCrash {
				t.Log("NOT SHOWN: the race detector ends a child without memory in words of its own")
			} else if sandbox.ReasonOf(err) != r.want || houvast.KindOf(err) != houvast.Unavailable {
				t.Errorf("reason %q, want %q: %v", sandbox.ReasonOf(err), r.want, err)
			}
			t.Logf("%s after %s: %v", r.want, time.Since(begin).Round(time.Millisecond), err)
			good(t, p)
			if s := p.Stats(); s.Started != 2 || s.Failed != 1 {
				t.Errorf("one failure, and the pool counts %+v", s)
			}
		})
	}
	for _, want := range sandbox.Reasons() {
		if !reached[want] {
			t.Errorf("no test reaches the reason %q", want)
		}
	}
	t.Cleanup(func() {
		if left := children(t); len(left) > 0 {
			t.Errorf("%d child processes are left: %v", len(left), left)
		}
	})
}

// openAlone is open for tests that run beside others and cannot judge what is left of them.
func openAlone(t testing.TB, cfg sandbox.Config) *sandbox.Pool {
	t.Helper()
	p, err := sandbox.NewPool(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// TestKilledFromOutside is the real thing: SIGKILL of a child process in the middle of a request, and
// of an idle one, while other requests go on.
func TestKilledFromOutside(t *testing.T) {
	const kills = 15
	p := open(t, config("shipped"))
	for i := range kills {
		good(t, p)
		kill(t, p, p.Pids()[0])
		good(t, p) // an idle child is replaced without anybody noticing
		result := make(chan error, 1)
		go func() {
			_, err := p.Do(context.Background(), sandbox.Request{Op: drill.Burn}, strings.NewReader(""))
			result <- err
		}()
		busy := works(t, p)
		good(t, p) // beside it, by a second child
		kill(t, p, busy)
		if err := <-result; sandbox.ReasonOf(err) != sandbox.ChildGone || !sandbox.ReasonOf(err).Again() {
			t.Errorf("kill %d: reason %q: %v", i, sandbox.ReasonOf(err), err)
		}
		good(t, p)
		kill(t, p, p.Pids()[0])
	}
	if s := p.Stats(); s.Failed != kills {
		t.Errorf("%d kills in hand, and the pool counts %+v", kills, s)
	}
}

func kill(t testing.TB, p *sandbox.Pool, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "the child is reaped", func() bool { return !slices.Contains(p.Pids(), pid) })
}

// works waits until the only child of a pool is at work, and returns its process. It reads /proc and
// not the clock that the pool reads.
func works(t testing.TB, p *sandbox.Pool) (pid int) {
	t.Helper()
	used := func() (ticks int) {
		b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if _, rest, ok := strings.Cut(string(b), ") "); ok {
			ticks, _ = strconv.Atoi(strings.Fields(rest)[11]) // user time in hundredths of a second
		}
		return ticks
	}
	until(t, "there is one child", func() bool { return len(p.Pids()) == 1 })
	pid = p.Pids()[0]
	before := used()
	until(t, "the child works", func() bool { return used() >= before+3 })
	return pid
}

// TestLiars speaks to a child that was taken over and sends what it likes.
func TestLiars(t *testing.T) {
	for name := range liars() {
		if name == twoAnswers {
			continue // TestUnasked
		}
		t.Run(name, func(t *testing.T) {
			p := open(t, config(name))
			pid := p.Pids()[0]
			_, err := do(t, p, drill.Echo, "", "", "bland")
			if sandbox.ReasonOf(err) != sandbox.ChildAnswer {
				t.Errorf("reason %q: %v", sandbox.ReasonOf(err), err)
			}
			until(t, "the liar is gone", func() bool { return syscall.Kill(pid, 0) != nil })
		})
	}
	t.Logf("%d liars", len(liars()))
}

// TestUnasked meets a child that, when its answer has been taken, has already sent the next one.
func TestUnasked(t *testing.T) {
	p := open(t, config(twoAnswers))
	for i := range 3 {
		if got, err := do(t, p, drill.Echo, "", "", "bland"); err != nil || got != "ok" {
			t.Errorf("request %d: %q, %v", i, got, err)
		}
	}
	if s := p.Stats(); s.Started != 3 {
		t.Errorf("a child that speaks unasked was used again: %+v", s)
	}
}

// TestStopped stops a child instead of killing it.
func TestStopped(t *testing.T) {
	cfg := config("shipped")
	cfg.Wall = 2 * time.Second
	p := open(t, cfg)
	result := make(chan error, 1)
	go func() {
		_, err := p.Do(context.Background(), sandbox.Request{Op: drill.Burn}, strings.NewReader(""))
		result <- err
	}()
	if err := syscall.Kill(works(t, p), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := <-result; sandbox.ReasonOf(err) != sandbox.ChildWall {
		t.Errorf("reason %q: %v", sandbox.ReasonOf(err), err)
	}
	good(t, p)
}

// TestPoliteSignals sends what a terminal or a service manager sends to all at once: ending is the
// parent's business.
func TestPoliteSignals(t *testing.T) {
	p := open(t, config("shipped"))
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if err := syscall.Kill(p.Pids()[0], s); err != nil {
			t.Fatal(err)
		}
		good(t, p)
	}
	if s := p.Stats(); s.Started != 1 {
		t.Errorf("the child took a signal to heart: %+v", s)
	}
}

func TestRefusals(t *testing.T) {
	cfg := config("shipped")
	cfg.MaxData = 1 << 20
	p := open(t, cfg)
	for _, r := range []struct {
		name string
		req  sandbox.Request
		data io.Reader
		kind houvast.Kind
		code string
	}{
		{"handler", sandbox.Request{Op: "refuse", Hint: "no-decoder"}, strings.NewReader("x"), houvast.Unsupported, "no-decoder"},
		{"handler without code", sandbox.Request{Op: "plain-error"}, strings.NewReader("x"), houvast.Internal, "internal"},
		{"unknown operation", sandbox.Request{Op: "fly"}, strings.NewReader("x"), houvast.Invalid, "unknown-op"},
		{"no operation", sandbox.Request{}, strings.NewReader("x"), houvast.Invalid, "bad-request"},
		{"odd operation", sandbox.Request{Op: "a/b"}, strings.NewReader("x"), houvast.Invalid, "bad-request"},
		{"long hint", sandbox.Request{Op: "echo", Hint: strings.Repeat("x", 128)}, strings.NewReader("x"), houvast.Invalid, "bad-request"},
		{"long arguments", sandbox.Request{Op: "echo", Args: make([]byte, 4<<10+1)}, strings.NewReader("x"), houvast.Invalid, "bad-request"},
		{"no data", sandbox.Request{Op: "echo"}, nil, houvast.Invalid, "bad-request"},
		{"too much data", sandbox.Request{Op: "echo"}, io.LimitReader(zeros{}, 1<<20+1), houvast.TooLarge, "data-too-large"},
		{"endless data", sandbox.Request{Op: "echo"}, zeros{}, houvast.TooLarge, "data-too-large"},
		{"broken data", sandbox.Request{Op: "echo"}, broken{}, houvast.Corrupt, "broken"},
	} {
		_, err := p.Do(t.Context(), r.req, r.data)
		if houvast.KindOf(err) != r.kind || houvast.CodeOf(err) != r.code || sandbox.ReasonOf(err) != "" {
			t.Errorf("%s: %v %s, want %v %s: %v", r.name, houvast.KindOf(err), houvast.CodeOf(err), r.kind, r.code, err)
		}
		if err != nil && strings.Contains(err.Error(), "must stay") {
			t.Errorf("%s: text of the child left it: %v", r.name, err)
		}
	}
	largest := sandbox.Request{Op: "echo", Hint: strings.Repeat("\x01", 127), Args: bytes.Repeat([]byte{0xff}, 4<<10)}
	if _, err := p.Do(t.Context(), largest, io.LimitReader(zeros{}, 1<<20)); err != nil {
		t.Errorf("a request at every bound: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

type broken struct{}

func (broken) Read([]byte) (int, error) {
	return 0, houvast.Errorf("test", houvast.Corrupt, "broken", "a bad stored object")
}

// TestLeastMemory runs a child at the lowest bound that a configuration may name.
func TestLeastMemory(t *testing.T) {
	if race {
		t.Skip("NOT SHOWN: the race detector alone needs more memory")
	}
	cfg := config("shipped")
	cfg.DataLimit = 128 << 20
	good(t, open(t, cfg))
}

func TestRecycling(t *testing.T) {
	cfg := config("shipped")
	cfg.Size, cfg.ItemLimit = 1, 3
	p := open(t, cfg)
	var pids []string
	for range 7 {
		pid, err := do(t, p, "pid", "", "", "")
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	same := func(i, j int) bool { return pids[i] == pids[j] }
	if !same(0, 1) || !same(1, 2) || same(2, 3) || !same(3, 5) || same(5, 6) {
		t.Errorf("children of seven requests with three each: %v", pids)
	}
	if s := p.Stats(); s.Recycled != 2 || s.Started != 3 {
		t.Errorf("the pool counts %+v", s)
	}
}

// TestConcurrency lets three requests meet in a pool of three and turns a fourth away, then mixes many.
func TestConcurrency(t *testing.T) {
	cfg := config("shipped")
	cfg.Size, cfg.ItemLimit = 3, 5
	p := open(t, cfg)
	var met, all sync.WaitGroup
	met.Add(3)
	leave := make(chan struct{})
	for range 3 {
		all.Go(func() {
			data := &gate{enter: met.Done, leave: leave}
			if _, err := p.Do(context.Background(), sandbox.Request{Op: drill.Echo}, data); err != nil {
				t.Error(err)
			}
		})
	}
	met.Wait()
	soon, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	if _, err := p.Do(soon, sandbox.Request{Op: drill.Echo}, strings.NewReader("")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a fourth request in a pool of three: %v", err)
	}
	close(leave)
	for i := range 60 {
		all.Go(func() {
			want := strings.Repeat(strconv.Itoa(i)+" ", 1000)
			got, err := p.Do(context.Background(), sandbox.Request{Op: drill.Echo}, strings.NewReader(want))
			if err != nil || string(got) != want {
				t.Errorf("request %d: %d bytes, %v", i, len(got), err)
			}
		})
	}
	all.Wait()
	if s := p.Stats(); s.Recycled < 12-3 || s.Failed != 0 {
		t.Errorf("63 requests of five a child, and the pool counts %+v", s)
	}
}

// gate is empty data that is read only after leave is closed.
type gate struct {
	enter func()
	leave chan struct{}
}

func (g *gate) Read([]byte) (int, error) {
	g.enter()
	<-g.leave
	return 0, io.EOF
}

func TestInterrupted(t *testing.T) {
	cfg := config("shipped")
	cfg.Size = 1
	p := open(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := p.Do(ctx, sandbox.Request{Op: drill.Burn}, strings.NewReader(""))
		result <- err
	}()
	works(t, p)

	soon, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	_, err := p.Do(soon, sandbox.Request{Op: drill.Echo}, strings.NewReader("")) // no place
	if !errors.Is(err, context.DeadlineExceeded) || houvast.CodeOf(err) != "interrupted" {
		t.Errorf("waiting for a place: %v", err)
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) || sandbox.ReasonOf(err) != "" {
		t.Errorf("in hand: %v", err)
	}
	if _, err := p.Do(ctx, sandbox.Request{Op: drill.Echo}, strings.NewReader("")); !errors.Is(err, context.Canceled) {
		t.Errorf("given up before: %v", err)
	}
	good(t, p)
}

func TestClose(t *testing.T) {
	cfg := config("shipped")
	cfg.Size = 1
	p := open(t, cfg)
	result := make(chan error, 2)
	for range 2 { // one in hand, one waiting
		go func() {
			_, err := p.Do(context.Background(), sandbox.Request{Op: drill.Burn}, strings.NewReader(""))
			result <- err
		}()
	}
	works(t, p)
	p.Close()
	for range 2 {
		if err := <-result; houvast.CodeOf(err) != "pool-closed" {
			t.Errorf("after Close: %v", err)
		}
	}
	if _, err := do(t, p, drill.Echo, "", "", ""); houvast.CodeOf(err) != "pool-closed" {
		t.Errorf("after Close: %v", err)
	}
	p.Close()
	if s := p.Stats(); s.Live != 0 {
		t.Errorf("the pool counts %+v", s)
	}
}

func TestConfig(t *testing.T) {
	for name, cfg := range map[string]sandbox.Config{
		"size": {Size: -1}, "items": {ItemLimit: -1}, "cpu": {CPU: -1}, "wall": {Wall: -1},
		"memory": {DataLimit: 128<<20 - 1}, "data": {MaxData: -1}, "answer": {MaxAnswer: -1},
	} {
		if _, err := sandbox.NewPool(cfg); houvast.KindOf(err) != houvast.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, argv := range map[string][]string{
		"no such program":     {"/nonexistent/program"},
		"no child":            {"/bin/true"},
		"child of the parent": {"/proc/self/exe", "child", "without-nothing"},
	} {
		_, err := sandbox.NewPool(sandbox.Config{Argv: argv, Wall: 5 * time.Second})
		if sandbox.ReasonOf(err) != sandbox.ChildStart {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left := children(t); len(left) > 0 {
		t.Errorf("child processes are left: %v", left)
	}
}

// TestServeWithoutParent runs the child's command by hand.
func TestServeWithoutParent(t *testing.T) {
	p, err := os.StartProcess("/proc/self/exe", []string{"exe", "child", "shipped"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	if st, err := p.Wait(); err != nil || st.ExitCode() != 70 {
		t.Errorf("%v, %v", st, err)
	}
}

// TestNothingLeaks counts descriptors and goroutines around a pool that has seen everything.
func TestNothingLeaks(t *testing.T) {
	round := func() {
		cfg := config("shipped")
		cfg.ItemLimit = 2
		p := open(t, cfg)
		for range 3 {
			good(t, p)
			do(t, p, drill.Crash, "", "", "bland")
			do(t, p, "refuse", "no", "", "")
			p.Do(t.Context(), sandbox.Request{Op: drill.Echo}, broken{})
		}
		p.Close()
	}
	round() // what the runtime opens once
	fds, routines := descriptorCount(t), runtime.NumGoroutine()
	for range 5 {
		round()
	}
	until(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= routines })
	if now := descriptorCount(t); now > fds {
		t.Errorf("%d descriptors before, %d after", fds, now)
	}
	f, _ := os.Open("/dev/null")
	if now := descriptorCount(t); now != fds+1 {
		t.Errorf("the counter does not see an open file: %d, then %d", fds, now)
	}
	f.Close()
}

func descriptorCount(t testing.TB) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestLogHoldsNoContent lets a child panic with its data and looks for it in the log.
func TestLogHoldsNoContent(t *testing.T) {
	const planted = "the quick brown fox"
	var log bytes.Buffer
	cfg := config("shipped")
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	p := open(t, cfg)
	_, err := do(t, p, drill.Crash, planted, planted, planted)
	if strings.Contains(log.String(), "fox") || strings.Contains(err.Error(), "fox") {
		t.Errorf("content in the log or the error: %s %v", log.String(), err)
	}
	if !strings.Contains(log.String(), "drill/drill.go:") || !strings.Contains(log.String(), "child-crash") {
		t.Errorf("the log does not say where the child crashed: %s", log.String())
	}
}

func TestSpool(t *testing.T) {
	f, n, err := sandbox.Spool(t.Context(), strings.NewReader("twelve bytes"), 12)
	if err != nil || n != 12 {
		t.Fatal(n, err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("a sealed file can be written: %v", err)
	}
	if err := f.Truncate(0); !errors.Is(err, unix.EPERM) {
		t.Errorf("a sealed file can be cut: %v", err)
	}
	if name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(f.Fd()))); err != nil || !strings.HasPrefix(name, "/memfd:") {
		t.Errorf("the data is in %q, %v", name, err)
	}
}
