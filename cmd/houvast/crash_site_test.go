package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/client"
)

// How long one thing of the walk may take, kills and restarts included, and how often it is looked for.
const (
	crashPatience = 40 * time.Second
	crashLook     = 15 * time.Millisecond
)

// errNotYet says that what is waited for has not happened yet.
var errNotYet = errors.New("not yet")

// A crashSite is one installation that is killed and started again: its data folder, its platform,
// and the faults that are still to be armed. Several may do things with it at once.
type crashSite struct {
	bin    string
	dir    string
	config string
	hook   *crashHook
	env    []string // of the server, beside its faults
	armed  []string // faults for the next processes, in order; a process without one is not killed by itself

	mu     sync.Mutex // of what follows
	server *crashServer
	kills  []string        // the faults that ended a process, in order
	starts []time.Duration // from exec to the first answer, one a process
	n      int             // processes so far
}

// trace is the file into which the n-th process, from 0, writes the failpoints it reaches.
func (s *crashSite) trace(n int) string { return filepath.Join(s.dir, fmt.Sprint("trace.", n)) }

// reached counts the failpoints that the n-th process came to.
func (s *crashSite) reached(n int) map[string]int {
	counts := map[string]int{}
	text, _ := os.ReadFile(s.trace(n))
	for _, name := range strings.Fields(string(text)) {
		counts[name]++
	}
	return counts
}

// A crashServer is one process of a site.
type crashServer struct {
	cmd     *exec.Cmd
	fault   string // it is to end itself there
	shot    bool   // we killed it from outside, or told it to end
	ended   chan struct{}
	state   *os.ProcessState // once ended
	url     string
	control *client.Client
	http    *http.Client
}

// newCrashSite lays out a data folder with its configuration. Hours are as short as they may be.
func newCrashSite(bin, dir string, to clearinghouseLine) (*crashSite, error) {
	s := &crashSite{bin: bin, dir: dir, config: filepath.Join(dir, "houvast.toml"), hook: newCrashHook()}
	text := fmt.Sprintf(`profile = "practice"
jurisdiction = "US"
data = "data"
listen = "localhost:0"
public_listen = ""
media_listen = ""
[sandbox]
size = 1
[limits]
undo_hours = 1
could_not_look_hours = 1
[withhold]
enabled = true
expires_hours = 1
webhook = %q
secret_file = "hook.secret"
[[recipient]]
name = "practice"
environment = "practice"
url = %q
user = %q
password_file = "practice.secret"
[reporter]
organisation = "Example Platform"
first_name = "Ann"
last_name = "Example"
email = "desk@example.org"
`, s.hook.url(), to.URL, to.User)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"houvast.toml": text, "hook.secret": s.hook.secret + "\n", "practice.secret": to.Password + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// up returns the running server. When the last one was killed as it was told to be, it is noted and
// another is started; when it ended in any other way that is an error.
func (s *crashSite) up() (*crashServer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if s.server != nil {
			select {
			case <-s.server.ended:
				if err := s.bury(); err != nil {
					return nil, err
				}
			default:
				return s.server, nil
			}
		}
		if err := s.start(); err != nil {
			return nil, err
		}
	}
}

// bury notes how the process ended. One that was to end at a failpoint must have come there that
// often, and ended by SIGKILL; anything else is an error, unless we ended it ourselves.
func (s *crashSite) bury() error {
	srv := s.server
	s.server = nil
	srv.http.CloseIdleConnections()
	status, ok := srv.state.Sys().(syscall.WaitStatus)
	killed := ok && status.Signaled() && status.Signal() == syscall.SIGKILL
	point, text, _ := strings.Cut(srv.fault, ":")
	nth, _ := strconv.Atoi(text)
	times := s.reached(s.n - 1)[point] // another goroutine may have come there too before the signal did
	switch {
	case killed && srv.fault != "" && times >= max(nth, 1):
		s.kills = append(s.kills, srv.fault)
		return nil
	case srv.shot && (killed || srv.state.Success()):
		return nil
	}
	return fmt.Errorf("the server ended by itself: %s\n%s", srv.state, s.tail())
}

// tail is the end of what the server said.
func (s *crashSite) tail() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "server.log"))
	return string(b[max(0, len(b)-2000):])
}

// start starts a process with the next fault and waits for its first line. A process that is killed
// before it says anything is for up to see.
func (s *crashSite) start() error {
	srv := &crashServer{ended: make(chan struct{})}
	began := time.Now()
	srv.cmd = exec.Command(s.bin, "serve", "--json", "--config", s.config)
	srv.cmd.Env = append(os.Environ(), s.env...)
	if len(s.armed) > 0 {
		srv.fault, s.armed = s.armed[0], s.armed[1:]
		if srv.fault != "" {
			srv.cmd.Env = append(srv.cmd.Env, "HOUVAST_FAULT="+srv.fault)
		}
	}
	srv.cmd.Env = append(srv.cmd.Env, "HOUVAST_FAULT_LOG="+s.trace(s.n))
	s.n++
	stderr, err := os.OpenFile(filepath.Join(s.dir, "server.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer stderr.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer w.Close()
	srv.cmd.Stderr, srv.cmd.Stdout = stderr, w
	if err := srv.cmd.Start(); err != nil {
		r.Close()
		return err
	}
	go func() {
		srv.cmd.Wait()
		srv.state = srv.cmd.ProcessState
		close(srv.ended)
	}()
	first := make(chan string, 1)
	go func() {
		defer r.Close()
		line := make([]byte, 4096)
		n, _ := r.Read(line)
		first <- string(line[:n])
	}()
	s.server = srv
	w.Close() // so that the line ends with the process
	select {
	case line := <-first:
		return s.greet(srv, line, began)
	case <-time.After(crashPatience):
		return fmt.Errorf("the server said nothing\n%s", s.tail())
	}
}

// greet reads the first line and opens the ways to the server.
func (s *crashSite) greet(srv *crashServer, line string, began time.Time) error {
	srv.http = &http.Client{Timeout: crashPatience, Transport: &http.Transport{}}
	if line == "" { // it ended before it spoke
		<-srv.ended
		return nil
	}
	var said struct{ URL, Control string }
	if err := json.Unmarshal([]byte(line), &said); err != nil {
		return fmt.Errorf("the first line is %q", line)
	}
	srv.url = said.URL
	hc := &http.Client{Timeout: crashPatience, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			short, done, err := shortPath(said.Control)
			if err != nil {
				return nil, err
			}
			defer done()
			return (&net.Dialer{}).DialContext(ctx, "unix", short)
		}}}
	srv.control = client.New(hc, "http://control", "")
	s.starts = append(s.starts, time.Since(began))
	return nil
}

// as returns a client for somebody with a token.
func (srv *crashServer) as(token string) *client.Client { return client.New(srv.http, srv.url, token) }

// do has fn succeed, however often the server is killed meanwhile. fn is called again with the next
// process; what it sends must be repeatable, as a platform's calls are.
func (s *crashSite) do(what string, fn func(srv *crashServer) error) error {
	deadline := time.Now().Add(crashPatience)
	for {
		srv, err := s.up()
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if err = fn(srv); err == nil {
			return nil
		}
		again := errors.Is(err, errNotYet)
		var ours *houvast.Error
		if errors.As(err, &ours) {
			again = slices.Contains([]houvast.Kind{houvast.Unavailable, houvast.InDoubt, houvast.Limited}, ours.Kind)
		}
		if !again || time.Now().After(deadline) {
			return fmt.Errorf("%s: %w\n%s", what, err, s.tail())
		}
		select {
		case <-srv.ended:
		case <-time.After(crashLook):
		}
	}
}

// stop has the server end in order. A fault that was armed may still end it.
func (s *crashSite) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		return nil
	}
	s.server.shot = true
	s.server.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.server.ended:
		return s.bury()
	case <-time.After(crashPatience):
		return fmt.Errorf("the server does not end\n%s", s.tail())
	}
}

// kill ends the server from outside, whatever it is doing.
func (s *crashSite) kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		return errors.New("there is no server to kill")
	}
	s.server.shot = true
	if err := s.server.cmd.Process.Kill(); err != nil {
		return err
	}
	<-s.server.ended
	return s.bury()
}

// close ends what is left of the site.
func (s *crashSite) close() {
	if s.server != nil {
		s.server.cmd.Process.Kill()
		<-s.server.ended
	}
	s.hook.close()
}

// run runs a command of the same binary on the site's data and returns its exit code.
func (s *crashSite) run(args ...string) (code int, out string, err error) {
	cmd := exec.Command(s.bin, append(args, "--config", s.config)...)
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err = cmd.Run()
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		return ended.ExitCode(), strings.TrimSpace(b.String()), nil
	}
	return 0, strings.TrimSpace(b.String()), err
}
