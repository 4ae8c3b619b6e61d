package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/client"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/config"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// eachEngine runs fn with the settings of a fresh practice installation on every engine.
func eachEngine(t *testing.T, fn func(t *testing.T, cfg config.Config)) {
	t.Helper()
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			storetest.Count(e)
			fn(t, freshConfig(t, e))
		})
	}
}

// freshConfig returns the settings of an installation that nobody has opened: practice, on this
// machine, on a port that is free.
func freshConfig(t *testing.T, e store.Engine) config.Config {
	t.Helper()
	cfg := config.Default()
	at := storetest.Config(t, e)
	data := filepath.Dir(at.Path)
	if e == store.Postgres {
		data = filepath.Join(t.TempDir(), "data")
	}
	set(t, &cfg, "data", data, "listen", "127.0.0.1:0", "profile", "practice", "jurisdiction", "NL", "database", at.URL)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// set lays keys and values, in turn, over cfg.
func set(t *testing.T, cfg *config.Config, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if err := cfg.Set(pairs[i], pairs[i+1], "HOUVAST_TEST"); err != nil {
			t.Fatal(err)
		}
	}
}

// A rig is a whole server in this process, with a client for each of its doors.
type rig struct {
	*server
	t       *testing.T
	cfg     config.Config
	clock   houvast.Clock
	log     *notes
	control *client.Client
	socket  *http.Client
	people  int
}

// startRig starts a server that ends with the test.
func startRig(t *testing.T, cfg config.Config) *rig {
	t.Helper()
	return startRigAt(t, cfg, store.NewSystemClock())
}

func startRigAt(t *testing.T, cfg config.Config, clock houvast.Clock) *rig {
	t.Helper()
	r := &rig{t: t, cfg: cfg, clock: clock, log: &notes{}}
	r.start()
	t.Cleanup(func() { r.halt() })
	return r
}

func (r *rig) start() {
	r.t.Helper()
	s, err := startServer(context.Background(), r.cfg, r.clock, slog.New(slog.NewTextHandler(r.log, nil)), []string{"api", "work"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.server = s
	hc, ok := dialControl(s.control)
	if !ok {
		r.t.Fatal("nobody answers at the control socket")
	}
	r.socket, r.control = hc, client.New(hc, "http://control", "")
}

func (r *rig) halt() {
	if r.server != nil {
		r.socket.CloseIdleConnections()
		http.DefaultClient.CloseIdleConnections() // one that was never used is waited for
		r.stop()
		r.server = nil
	}
}

// notes is a log that a test may read while it is written.
type notes struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all.String()
}

const goodPassword = "four plain words here"

// hire adds a person with roles, signs in as them and returns the token.
func (r *rig) hire(roles ...access.Role) (user, token string) {
	r.t.Helper()
	r.people++
	name := fmt.Sprintf("person-%d", r.people)
	var made struct{ User string }
	in := map[string]any{"name": name, "roles": roles, "password": goodPassword}
	if err := r.control.Call(r.t.Context(), "POST", "/api/v1/users", "", in, &made); err != nil {
		r.t.Fatal(err)
	}
	return made.User, r.signIn(name)
}

func (r *rig) signIn(name string) (token string) {
	r.t.Helper()
	var session struct{ Token string }
	in := map[string]any{"name": name, "password": goodPassword}
	if err := client.New(http.DefaultClient, r.url, "").Call(r.t.Context(), "POST", "/api/v1/sessions", "", in, &session); err != nil {
		r.t.Fatal(err)
	}
	return session.Token
}

// grant makes an API key of a source and returns its id and its text.
func (r *rig) grant(source string, scopes ...access.Scope) (id, text string) {
	r.t.Helper()
	r.people++
	var made struct{ ID, Key string }
	in := map[string]any{"name": fmt.Sprintf("key-%d", r.people), "source": source, "scopes": scopes}
	if err := r.control.Call(r.t.Context(), "POST", "/api/v1/keys", "", in, &made); err != nil {
		r.t.Fatal(err)
	}
	return made.ID, made.Key
}

// A reply is an answer of the server, read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// problem reads the reply as a problem; it is all zeros when the reply is none.
func (a reply) problem() (p struct{ Type, Title, Detail, Message, Hint, Kind string }) {
	if a.header.Get("Content-Type") == "application/problem+json" {
		json.Unmarshal(a.body, &p)
	}
	return p
}

func (a reply) code() string { return strings.TrimPrefix(a.problem().Type, "urn:houvast:problem:") }

// send makes one request over the network. headers are names and values in turn; Content-Type is
// JSON unless they say otherwise.
func (r *rig) send(method, path, token string, body io.Reader, headers ...string) reply {
	r.t.Helper()
	return r.sendBy(http.DefaultClient, r.url, method, path, token, body, headers...)
}

// tell is send over the control socket.
func (r *rig) tell(method, path string, body io.Reader) reply {
	r.t.Helper()
	return r.sendBy(r.socket, "http://control", method, path, "", body)
}

func (r *rig) sendBy(hc *http.Client, base, method, path, token string, body io.Reader, headers ...string) reply {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, base+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	no := *hc
	no.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := no.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	return reply{resp.StatusCode, resp.Header, text}
}

// count returns what a query counts in the database.
func (r *rig) count(query string, args ...any) (n int) {
	r.t.Helper()
	err := r.app.db.View(r.t.Context(), func(tx *store.Tx) error { return tx.Row(query, args, &n) })
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// files returns the files below a folder, or nothing when there is none.
func files(t testing.TB, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// until waits for a condition that nothing announces.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	end := time.After(patience)
	for !ok() {
		select {
		case <-end:
			t.Fatalf("waited %v in vain: %s", patience, what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// realBinary builds houvast as it is shipped, once for the process. It lies beside the copy that
// testscript makes, and goes with it.
var realBinary = sync.OnceValues(func() (path string, err error) {
	beside, err := exec.LookPath("houvast")
	if err != nil {
		return "", err
	}
	path = filepath.Join(filepath.Dir(filepath.Dir(beside)), "houvast-as-shipped")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// A process is a server in another process, which can be killed.
type process struct {
	url, control string
	cmd          *exec.Cmd
	stderr       *notes
	ended        chan struct{} // closed when it was waited for
}

// startProcess runs argv, which must be `… serve --json …` in the end, until the server is ready.
func startProcess(t testing.TB, argv ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(argv[0], argv[1:]...), stderr: &notes{}, ended: make(chan struct{})}
	p.cmd.Stderr = p.stderr
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	var ready struct{ URL, Control string }
	if err != nil || json.Unmarshal([]byte(line), &ready) != nil {
		t.Fatalf("no first line: %v; %q; standard error:\n%s", err, line, p.stderr)
	}
	p.url, p.control = ready.URL, ready.Control
	return p
}

// kill ends the whole group at once, as a power cut would.
func (p *process) kill() {
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// end asks the process to stop and returns its exit code and how long it took.
func (p *process) end(t testing.TB) (code int, took time.Duration) {
	t.Helper()
	began := time.Now()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("still there %v after SIGTERM; standard error:\n%s", patience, p.stderr)
	}
	return p.cmd.ProcessState.ExitCode(), time.Since(began)
}

// serveArgs is the command line of a practice server on data.
func serveArgs(t testing.TB, data string, more ...string) []string {
	t.Helper()
	binary, err := realBinary()
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{binary, "serve", "--json", "--data", data, "--listen", "127.0.0.1:0"}, more...)
}
