package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
)

func bytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

// startClearinghouse runs houvast clearinghouse as another process: what it has seen does not depend
// on us.
func (d *demo) startClearinghouse(ctx context.Context) (end func(), err error) {
	logFile := filepath.Join(filepath.Dir(d.data), filepath.Base(d.data)+".clearinghouse.jsonl")
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "clearinghouse", "--json", "--listen", "127.0.0.1:0", "--log", logFile)
	cmd.Args[0] = "houvast" // what the tests know us by
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return func() {}, houvast.Wrap("demo", err)
	}
	if err := cmd.Start(); err != nil {
		return func() {}, houvast.Wrap("demo", err)
	}
	end = func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait() // ended by the signal above
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &d.house)
	}
	if err != nil {
		return end, broken("the practice clearinghouse did not start")
	}
	if d.sabotage.refusing {
		return end, d.refuse(ctx)
	}
	return end, nil
}

// refuse has the clearinghouse refuse every finish.
func (d *demo) refuse(ctx context.Context) error {
	base := strings.TrimSuffix(d.house.URL, "/ispws")
	body := strings.NewReader(`{"faults":[{"endpoint":"finish","kind":"code","code":4100,"times":1000}]}`)
	req, err := http.NewRequestWithContext(ctx, "POST", base+"/practice/faults", body)
	if err != nil {
		return err
	}
	req.SetBasicAuth(d.house.User, d.house.Password)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return broken("the clearinghouse took no fault: " + string(text))
	}
	return nil
}

// command runs one houvast command as another process on the demo's data, and returns what it
// printed.
func (d *demo) command(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append(args, "--data", d.data)...)
	cmd.Args[0] = "houvast"
	cmd.Env = os.Environ()
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == 1 { // found or refused by content: it is for the caller to read
		return out.Bytes(), nil
	}
	if err != nil {
		return nil, broken("houvast " + strings.Join(args[:min(2, len(args))], " ") + " failed: " + strings.TrimSpace(complaint.String()))
	}
	return out.Bytes(), nil
}

// commandJSON runs a command with --json and reads its lines.
func commandJSON[T any](ctx context.Context, d *demo, args ...string) ([]T, error) {
	out, err := d.command(ctx, append(args, "--json")...)
	if err != nil {
		return nil, err
	}
	return unmarshalLines[T](out)
}

// until polls ok until it says yes. A demo that waits for ever has not held.
func until(ctx context.Context, what string, ok func() (bool, error)) error {
	deadline := time.Now().Add(90 * time.Second)
	for {
		done, err := ok()
		if err != nil || done {
			return err
		}
		if time.Now().After(deadline) {
			return broken("waited in vain until " + what)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// A fakePlatform receives what Houvast asks a platform to do, and checks each signature.
type fakePlatform struct {
	url    string
	secret string
	server *http.Server

	mu   sync.Mutex
	seen map[string]string // webhook-id -> what it asked
	bad  int
}

func newFakePlatform() *fakePlatform {
	p := &fakePlatform{secret: houvast.RandomText("whsec", 40), seen: map[string]string{}}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 5 * time.Second}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.url = "http://127.0.0.1:1/" // nothing listens: the webhooks stay waiting, and the walk says so
		return p
	}
	p.url = "http://" + ln.Addr().String() + "/houvast"
	go p.server.Serve(ln)
	return p
}

// ServeHTTP notes one webhook.
func (p *fakePlatform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	var m struct{ Type string }
	id := r.Header.Get("webhook-id")
	want := "v1," + action.Sign([]byte(p.secret), id, r.Header.Get("webhook-timestamp"), body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil || r.Header.Get("webhook-signature") != want || json.Unmarshal(body, &m) != nil {
		p.bad++
		w.WriteHeader(http.StatusForbidden)
		return
	}
	p.seen[id] = m.Type
}

// count returns how many actions of a kind arrived, each counted once.
func (p *fakePlatform) count(kind string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.seen {
		if k == kind {
			n++
		}
	}
	return n
}

func (p *fakePlatform) close() { p.server.Close() }
