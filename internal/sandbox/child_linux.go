package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/houvast/houvast/internal/sandbox/crash"
)

// child is the parent's view of one child. It is used by one request at a time.
type child struct {
	proc   *os.Process
	conn   *net.UnixConn
	crash  crash.Report // after gone
	hello  hello
	number uint32 // of the last request
	items  int
	gone   chan struct{}    // closed once the child is reaped
	state  *os.ProcessState // after gone; nil when waiting failed
	killed atomic.Bool      // by us, so that its death says nothing about the item
}

// spawn executes a child. It returns at once; the hello is still to come. The caller runs on a
// thread that lives as long as the pool: the kernel kills a child when the thread that made it ends.
func spawn(cfg Config) (c *child, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "child"), os.NewFile(uintptr(pair[1]), "parent")
	defer ours.Close() // FileConn makes its own copy
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	defer closeUnless(&err, conn)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	errR, errW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer errW.Close()
	defer closeUnless(&err, errR)
	proc, err := os.StartProcess(cfg.Argv[0], cfg.Argv, &os.ProcAttr{
		Dir:   "/", // a child holds no folder of ours
		Env:   childEnv(cfg),
		Files: []*os.File{null, null, errW, socketFD: theirs},
		Sys: &syscall.SysProcAttr{
			Pdeathsig: syscall.SIGKILL,
			Setpgid:   true, // an interrupt from the terminal is for the parent alone
		},
	})
	if err != nil {
		return nil, err
	}
	c = &child{proc: proc, conn: conn.(*net.UnixConn), gone: make(chan struct{})}
	go c.reap(errR)
	return c, nil
}

func closeUnless(err *error, c io.Closer) {
	if *err != nil {
		c.Close()
	}
}

func childEnv(cfg Config) []string {
	env := []string{"GOMAXPROCS=2", fmt.Sprintf("GOMEMLIMIT=%d", cfg.DataLimit/8*7)}
	return slices.Concat(env, cfg.Env)
}

// reap waits for the end of the child: first of its standard error, then of the process.
func (c *child) reap(stderr *os.File) {
	c.crash = crash.Read(stderr)
	stderr.Close()
	c.state, _ = c.proc.Wait()
	close(c.gone)
}

// reaped waits at most d for the end of the child.
func (c *child) reaped(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.gone:
		return true
	case <-timer.C:
		return false
	}
}

// kill ends the child whatever it does. It does not wait.
func (c *child) kill() {
	c.killed.Store(true)
	c.proc.Kill() // an error means that it is gone already
	c.conn.Close()
}

// fit reports whether an idle child can take a request: it lives and has not said a word unasked.
func (c *child) fit() bool {
	select {
	case <-c.gone:
		return false
	default:
	}
	raw, err := c.conn.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		quiet = errors.Is(err, unix.EAGAIN)
	})
	return err == nil && quiet
}

// cpu returns the processor time of the child so far, all threads. The clock id of a process is made
// of its number, see clock_getcpuclockid(3). Other pids are no danger: the child is not reaped yet,
// or the value is not used.
func (c *child) cpu() (time.Duration, error) {
	const sched = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^c.proc.Pid)<<3|sched, &ts); err != nil {
		return 0, err
	}
	return time.Duration(ts.Nano()), nil
}

func (c *child) sendJSON(h header, v any, attach *os.File) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var rights []byte
	if attach != nil {
		rights = unix.UnixRights(int(attach.Fd()))
	}
	h.length = uint32(len(body))
	msg := append(h.append(nil), body...)
	n, _, err := c.conn.WriteMsgUnix(msg, rights, nil)
	if err == nil && n != len(msg) {
		err = io.ErrShortWrite
	}
	return err
}

// receive reads one frame of at most limit bytes. poll is called whenever the child has been silent
// for tick, and ends the wait with its error. Descriptors that a child attaches are dropped by the
// kernel, because they are not asked for.
func (c *child) receive(limit int, tick time.Duration, poll func() error) (h header, body []byte, err error) {
	var head [headerSize]byte
	if err := c.fill(head[:], tick, poll); err != nil {
		return h, nil, err
	}
	h, ok := parseHeader(head)
	if !ok {
		return h, nil, failure(ChildAnswer, "the child sent something that is no answer")
	}
	if h.kind != frameAnswer {
		limit = maxBody
	}
	if int64(h.length) > int64(limit) {
		return h, nil, failure(ChildAnswer, "the child announced %d bytes, the bound is %d", h.length, limit)
	}
	body = make([]byte, h.length)
	return h, body, c.fill(body, tick, poll)
}

func (c *child) fill(b []byte, tick time.Duration, poll func() error) error {
	for len(b) > 0 {
		if err := poll(); err != nil {
			return err
		}
		if err := c.conn.SetReadDeadline(time.Now().Add(tick)); err != nil {
			return err
		}
		n, err := c.conn.Read(b)
		b = b[n:]
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
	return nil
}

// obituary says why a child that we did not kill ended, or stopped speaking.
func (c *child) obituary() error {
	if !c.reaped(2 * time.Second) {
		return failure(ChildAnswer, "the child closed its socket and runs on")
	}
	if c.state == nil {
		return failure(ChildGone, "the child ended and nobody knows how")
	}
	ws, _ := c.state.Sys().(syscall.WaitStatus)
	switch {
	case c.crash.Memory:
		return failure(ChildMemory, "the child asked for more memory than it may have")
	case ws.Signaled() && (ws.Signal() == syscall.SIGKILL || ws.Signal() == syscall.SIGTERM):
		return failure(ChildGone, "the child was ended from outside by %s, it had %d MiB at most", ws.Signal(), c.peak()).
			WithHint("the kernel's log says whether memory ran out")
	case ws.Exited() && ws.ExitStatus() == 0:
		return failure(ChildAnswer, "the child ended without an answer")
	}
	return failure(ChildCrash, "the child crashed: %s", c.state)
}

// peak returns the largest resident size in MiB.
func (c *child) peak() int64 {
	if ru, ok := c.state.SysUsage().(*syscall.Rusage); ok {
		return int64(ru.Maxrss) >> 10
	}
	return 0
}

// greet sets the child up and returns when it has said which layers are in force.
func (c *child) greet(cfg Config, deadline time.Time) error {
	c.conn.SetWriteDeadline(deadline)
	life := (cfg.CPU+time.Second-1)/time.Second*time.Duration(cfg.ItemLimit) + 60
	s := setup{DataLimit: cfg.DataLimit, CPU: uint64(life), MaxData: cfg.MaxData, MaxAnswer: cfg.MaxAnswer}
	if err := c.sendJSON(header{kind: frameSetup}, s, nil); err != nil {
		return failure(ChildStart, "the child cannot be spoken to: %w", err)
	}
	h, body, err := c.receive(maxBody, 50*time.Millisecond, func() error {
		if time.Now().After(deadline) {
			return failure(ChildStart, "the child was not ready in time")
		}
		return nil
	})
	if err == nil && (h.kind != frameHello || json.Unmarshal(body, &c.hello) != nil) {
		err = errors.New("no greeting")
	}
	if err != nil {
		return failure(ChildStart, "the child did not get ready: %w", err)
	}
	if missing := c.hello.Layers.Missing() &^ cfg.Allow; missing != 0 {
		cfg.Log.Error("sandbox layer missing", "layers", missing.String(), "detail", c.hello.detail())
		return failure(LayerMiss, "the sandbox of the child lacks: %s", missing).
			WithHint("run on a kernel that has it, or allow %s to be missing in the configuration", missing)
	}
	return nil
}
