package sandbox_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/sandbox/drill"
)

// The test binary is its own child: "child MODE" as cmd's hidden command would be, and "parent" for
// the test that kills a whole parent.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "child" {
		if err := child(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(70)
		}
		os.Exit(0)
	}
	if len(os.Args) == 2 && os.Args[1] == "parent" {
		parent()
	}
	os.Exit(m.Run())
}

func child(mode string) error {
	if rest, ok := strings.CutPrefix(mode, "without-"); ok {
		out, err := sandbox.ParseLayers(strings.Split(rest, ","))
		if err != nil {
			return err
		}
		return sandbox.ServeWithout(handlers(), out)
	}
	if say, ok := liars()[mode]; ok {
		return lie(say, mode == twoAnswers)
	}
	return sandbox.Serve(handlers())
}

// handlers are those of the drill and some that only these tests need.
func handlers() map[string]sandbox.Handler {
	h := drill.Handlers()
	h["busy"] = busy
	h["scribble"] = func(_ sandbox.Request, data []byte) ([]byte, error) {
		data[0] = 1
		return nil, nil
	}
	h["refuse"] = func(req sandbox.Request, _ []byte) ([]byte, error) {
		return nil, houvast.Errorf("test", houvast.Unsupported, req.Hint, "a text that must stay in the child")
	}
	h["plain-error"] = func(sandbox.Request, []byte) ([]byte, error) {
		return nil, errors.New("a text that must stay in the child")
	}
	h["descriptors"] = descriptors
	h["dumpable"] = func(sandbox.Request, []byte) ([]byte, error) {
		v, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		return strconv.AppendInt(nil, int64(v), 10), err
	}
	h["swell"] = func(sandbox.Request, []byte) ([]byte, error) {
		var all [][]byte
		for range 3 << 10 { // 3 GiB by the MiB, each page touched
			all = append(all, bytes.Repeat([]byte{1}, 1<<20))
		}
		return all[len(all)-1][:1], nil
	}
	h["environ"] = func(sandbox.Request, []byte) ([]byte, error) { return []byte(strings.Join(os.Environ(), "\n")), nil }
	h["pid"] = func(sandbox.Request, []byte) ([]byte, error) {
		return strconv.AppendInt(nil, int64(os.Getpid()), 10), nil
	}
	h["exit"] = func(sandbox.Request, []byte) ([]byte, error) {
		os.Exit(0)
		return nil, nil
	}
	h["deep"] = func(sandbox.Request, []byte) ([]byte, error) { return strconv.AppendInt(nil, int64(deep(0)), 10), nil }
	return h
}

// deep runs until the runtime refuses to grow the stack, which no program survives.
func deep(n int) int {
	if n < 0 {
		return 0
	}
	return deep(n+1) + n
}

// busy uses what a decoder in Go may use: threads, timers, collections, memory given back.
func busy(sandbox.Request, []byte) ([]byte, error) {
	var all sync.WaitGroup
	sum := make(chan int, 64)
	for i := range 64 {
		all.Go(func() {
			b := make([]byte, 1<<20)
			for j := range b {
				b[j] = byte(i + j)
			}
			<-time.After(time.Millisecond)
			runtime.Gosched()
			sum <- int(b[len(b)-1])
		})
	}
	all.Wait()
	close(sum)
	runtime.GC()
	n := 0
	for v := range sum {
		n += v
	}
	return strconv.AppendInt(nil, int64(n), 10), nil
}

const strayMark = "left open by mistake"

// descriptors answers the numbers of descriptors from which strayMark can be read.
func descriptors(sandbox.Request, []byte) (found []byte, err error) {
	for fd := range 64 {
		b := make([]byte, len(strayMark))
		if n, err := unix.Pread(fd, b, 0); err == nil && string(b[:n]) == strayMark {
			found = fmt.Appendf(found, "%d ", fd)
		}
	}
	return found, nil
}

// twoAnswers is the liar whose first answer is good; it adds one that nobody asked for, and stays.
const twoAnswers = "two-answers"

// A liar is a child that greets and then sends something else than an answer to the first request.
// It writes raw bytes: the layout is repeated here on purpose and shares nothing with the package.
func liars() map[string]func(number uint32) []byte {
	return map[string]func(uint32) []byte{
		"garbage":      func(uint32) []byte { return []byte("<html>this is not what you are waiting for</html>") },
		"too-long":     func(n uint32) []byte { return frame(4, n, 1<<30, nil) },
		"negative":     func(n uint32) []byte { return frame(4, n, 0xffffffff, nil) },
		"long-refusal": func(n uint32) []byte { return frame(5, n, 1<<20, nil) },
		"other-number": func(n uint32) []byte { return frame(4, n+1, 2, []byte("ok")) },
		"other-kind":   func(n uint32) []byte { return frame(2, n, 2, []byte("{}")) },
		"unknown-kind": func(n uint32) []byte { return frame(77, n, 2, []byte("{}")) },
		"no-json":      func(n uint32) []byte { return frame(5, n, 3, []byte("{{{")) },
		"false-reason": func(n uint32) []byte {
			b := `{"kind":"invalid","code":"child-cpu"}`
			return frame(5, n, len(b), []byte(b))
		},
		"false-kind": func(n uint32) []byte { b := `{"kind":"corrupt","code":"x"}`; return frame(5, n, len(b), []byte(b)) },
		"false-code": func(n uint32) []byte { b := `{"kind":"invalid","code":"<b>"}`; return frame(5, n, len(b), []byte(b)) },
		"cut":        func(n uint32) []byte { return frame(4, n, 100, []byte("ok")) },
		twoAnswers:   func(n uint32) []byte { return append(frame(4, n, 2, []byte("ok")), frame(4, n+1, 2, []byte("no"))...) },
		"silent-end": func(uint32) []byte { return nil },
	}
}

func frame(kind, number uint32, length int, body []byte) []byte {
	b := []byte("HVA1")
	for _, v := range []uint32{kind, number, uint32(length)} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return append(b, body...)
}

func lie(say func(uint32) []byte, stay bool) error {
	f := os.NewFile(3, "parent")
	read := func() (number uint32, err error) {
		var head [16]byte
		if _, err := io.ReadFull(f, head[:]); err != nil {
			return 0, err
		}
		_, err = io.CopyN(io.Discard, f, int64(binary.LittleEndian.Uint32(head[12:])))
		return binary.LittleEndian.Uint32(head[8:]), err
	}
	if _, err := read(); err != nil {
		return err
	}
	hello := `{"layers":7,"abi":7}`
	if _, err := f.Write(frame(2, 0, len(hello), []byte(hello))); err != nil {
		return err
	}
	number, err := read()
	if err != nil {
		return err
	}
	if _, err = f.Write(say(number)); err == nil && stay {
		_, err = read()
	}
	return err
}

// parent is a process with two busy children. It prints their numbers and waits to be killed.
func parent() {
	p, err := sandbox.NewPool(config("shipped"))
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(70)
	}
	for range 2 {
		go p.Do(context.Background(), sandbox.Request{Op: drill.Burn}, strings.NewReader(""))
	}
	for len(p.Pids()) < 2 {
		runtime.Gosched()
	}
	fmt.Println(p.Pids())
	bufio.NewReader(os.Stdin).ReadString('\n')
	os.Exit(0)
}

func config(mode string) sandbox.Config {
	cfg := sandbox.Config{Argv: []string{"/proc/self/exe", "child", mode}, Size: 2, CPU: 30 * time.Second, Wall: 60 * time.Second}
	if rest, ok := strings.CutPrefix(mode, "without-"); ok {
		cfg.Allow, _ = sandbox.ParseLayers(strings.Split(rest, ","))
	}
	return cfg
}

// open returns a pool and checks at the end of the test that it left no process behind.
func open(t testing.TB, cfg sandbox.Config) *sandbox.Pool {
	t.Helper()
	p, err := sandbox.NewPool(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		if left := children(t); len(left) > 0 {
			t.Errorf("%d child processes are left after Close: %v", len(left), left)
		}
	})
	return p
}

// children lists the processes whose parent is this one, from /proc, zombies included.
func children(t testing.TB) (found []string) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Fatalf("no process is to be seen in /proc: %v", err)
	}
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it ended
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		if f := strings.Fields(rest); len(f) > 1 && f[1] == strconv.Itoa(os.Getpid()) {
			found = append(found, filepath.Base(filepath.Dir(name))+" "+f[0])
		}
	}
	return found
}

// until polls a condition for at most ten seconds.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("ten seconds, and still not: %s", what)
		}
	}
}

func do(t testing.TB, p *sandbox.Pool, op, hint, args, data string) (string, error) {
	t.Helper()
	b, err := p.Do(t.Context(), sandbox.Request{Op: op, Hint: hint, Args: []byte(args)}, strings.NewReader(data))
	return string(b), err
}

// good checks that the pool still answers.
func good(t testing.TB, p *sandbox.Pool) {
	t.Helper()
	if got, err := do(t, p, drill.Echo, "", "", "a good request"); err != nil || got != "a good request" {
		t.Errorf("after that, a good request got %q, %v", got, err)
	}
}
