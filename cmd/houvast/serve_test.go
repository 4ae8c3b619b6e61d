package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/client"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/config"
	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

// commandLine runs one command line in this process, with an environment. One that serves is stopped
// after a while, with code 0.
func commandLine(t *testing.T, environ map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, errs := &notes{}, &notes{}
	code = run(ctx, &env{stdin: strings.NewReader(""), stdout: out, stderr: errs, getenv: func(name string) string { return environ[name] }}, args)
	return code, out.String(), errs.String()
}

// serveFlags is the command line that serves cfg, with the address of its database for the environment.
func serveFlags(cfg config.Config, more ...string) (environ map[string]string, args []string) {
	return map[string]string{"HOUVAST_DATABASE": cfg.Database}, append([]string{"serve", "--data", cfg.Data, "--listen", "127.0.0.1:0"}, more...)
}

func ended(t *testing.T, what string, code int, stderr string, want int, says ...string) {
	t.Helper()
	for _, s := range says {
		if !strings.Contains(stderr, s) {
			code = -1
		}
	}
	if code != want {
		t.Errorf("%s: code %d, want %d and %q; standard error:\n%s", what, code, want, says, stderr)
	}
}

// Two servers on one folder would each believe that nobody else writes.
func TestSecondServerIsRefused(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		r := startRig(t, cfg)
		environ, args := serveFlags(cfg)
		code, _, errs := commandLine(t, environ, args...)
		ended(t, "second server", code, errs, houvast.Unavailable.Exit(), "houvast: error: another houvast uses the data in "+cfg.Data, "houvast: hint: ")
		// A command is no second server: it asks the first.
		code, _, errs = commandLine(t, environ, "user", "list", "--data", cfg.Data)
		ended(t, "command beside the server", code, errs, 0)
		r.halt()
		code, _, errs = commandLine(t, environ, "user", "list", "--data", cfg.Data)
		ended(t, "command without a server", code, errs, 0)
	})
}

// What an operator gets wrong is told with its place, its remedy and its exit code.
func TestStartsThatFail(t *testing.T) {
	storetest.Count(store.SQLite)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	data := filepath.Join(dir, "data")
	usage := houvast.Invalid.Exit()
	for _, row := range []struct {
		name    string
		environ map[string]string
		args    []string
		code    int
		says    []string
	}{
		{"port", nil, []string{"--listen", taken.Addr().String()}, 69, []string{"error: the port of " + taken.Addr().String() + " is in use", "hint: ", "--listen"}},
		{"address", nil, []string{"--listen", "127.0.0.1:port"}, usage, []string{"--listen: listen", "host:port"}},
		{"open to all", nil, []string{"--listen", "0.0.0.0:0"}, usage, []string{"can be reached from other machines", "hint: "}},
		{"syntax", nil, []string{"--config", file("a.toml", "profile = \"practice\"\njurisdiction = \n")}, usage, []string{"a.toml:2: "}},
		{"unknown key", nil, []string{"--config", file("b.toml", "\n[limits]\nupload_mb = 3\n")}, usage, []string{"b.toml:3: ", "limits.upload_mb", `did you mean "limits.upload_mib"?`}},
		{"wrong type", nil, []string{"--config", file("c.toml", "insecure = \"yes\"\n")}, usage, []string{"c.toml:1: insecure must be true or false"}},
		{"no file", nil, []string{"--config", filepath.Join(dir, "none.toml")}, usage, []string{"none.toml: there is no such file"}},
		{"a folder as file", nil, []string{"--config", dir}, usage, []string{"cannot be read"}},
		{"half a choice", nil, []string{"--profile", "practice"}, usage, []string{"--profile: profile is set and jurisdiction is not"}},
		{"unknown profile", nil, []string{"--profile", "castle", "--jurisdiction", "NL"}, usage, []string{"--profile: profile must be one of platform"}},
		{"no law", nil, []string{"--profile", "platform", "--jurisdiction", "NL"}, usage, []string{"no statutory period", "hint: ", "[retention]"}},
		{"wrong database", map[string]string{"HOUVAST_DATABASE": "postgres://u:s3cret@127.0.0.1:1/x?sslmode=disable"}, nil, 69, []string{"postgres database cannot be opened", "hint: "}},
		{"no database", map[string]string{"HOUVAST_DATABASE": "mysql://u:s3cret@127.0.0.1:1/x"}, nil, usage, []string{"HOUVAST_DATABASE: database must begin with postgres://"}},
		{"missing layer", map[string]string{"HOUVAST_SANDBOX_ALLOW_MISSING": "walls"}, nil, usage, []string{"HOUVAST_SANDBOX_ALLOW_MISSING: ", "must be one of"}},
		{"data in a file", map[string]string{"HOUVAST_DATA": file("note", "a note") + "/data"}, []string{"--listen", "127.0.0.1:0"}, 69, []string{"the data folder cannot be made"}},
	} {
		args := append([]string{"serve"}, row.args...)
		if row.environ["HOUVAST_DATA"] == "" {
			args = append(args, "--data", data)
		}
		code, out, errs := commandLine(t, row.environ, args...)
		ended(t, row.name, code, errs, row.code, append(row.says, "houvast: error: ")...)
		if out != "" {
			t.Errorf("%s: printed %q", row.name, out)
		}
		if strings.Contains(errs, "s3cret") {
			t.Errorf("%s: the password is shown: %s", row.name, errs)
		}
	}
}

// An answer that breaks off does so for a command without a server too, whose handler is in its own
// process.
func TestAnswerBreaksOffInProcess(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "half of ")
		if r.URL.Path == "/broken" {
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, "a list")
	})
	c := client.New(&http.Client{Transport: inProcess{h}}, "http://control", "")
	for path, want := range map[string]string{"/whole": "half of a list <nil>", "/broken": "half of  unexpected EOF"} {
		answer, err := c.Stream(t.Context(), "GET", path, "", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer)
		if got := fmt.Sprint(string(text), " ", err); got != want {
			t.Errorf("%s: read %q, want %q", path, got, want)
		}
		answer.Close()
	}
}

// holding starts a server that holds evidence of one case, and stops it.
func holding(t *testing.T, cfg config.Config) {
	t.Helper()
	r := startRig(t, cfg)
	_, key := r.grant("forum", access.ScopeItems)
	r.list("known", picture(7))
	r.taken(r.upload(key, "", bytesOf(picture(7))))
	r.settle()
	if n := r.count("SELECT COUNT(*) FROM evidence WHERE state = 'held'"); n != 1 {
		t.Fatalf("%d pieces of evidence", n)
	}
	r.halt()
}

// Without its keys everything that is kept would seem destroyed; with keys that others can read
// nothing is sealed at all.
func TestKeysThatAreNotThere(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		holding(t, cfg)
		keys := keysDir(cfg.Data)
		environ, args := serveFlags(cfg)
		if err := os.Rename(keys, keys+".away"); err != nil {
			t.Fatal(err)
		}
		for _, time := range []string{"first", "second"} { // the first try must not make keys that satisfy the second
			code, _, errs := commandLine(t, environ, args...)
			ended(t, time+" start without keys", code, errs, 69, "the keys of this data are not in "+keys, "hint: put the folder of keys back")
		}
		if err := os.RemoveAll(keys); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(keys+".away", keys); err != nil {
			t.Fatal(err)
		}
		kek := filepath.Join(keys, "kek")
		if err := os.Chmod(kek, 0o444); err != nil {
			t.Fatal(err)
		}
		code, _, errs := commandLine(t, environ, args...)
		ended(t, "keys for everybody", code, errs, houvast.Forbidden.Exit(), "the KEK can be read or written by others", "hint: run chmod 0400")
		if err := os.Chmod(kek, 0o400); err != nil {
			t.Fatal(err)
		}
		r := startRig(t, cfg) // the control: with its keys it starts, and opens what it keeps
		if got := r.tell("GET", "/api/v1/evidence/verify", nil); !strings.Contains(string(got.body), `"ok":true`) {
			t.Errorf("evidence: %d %s", got.status, got.body)
		}
	})
}

// A profile is chosen once. What was received under one law does not come under another by a flag.
func TestProfileStays(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		r := startRig(t, cfg)
		r.halt()
		r.cfg.Profile, r.cfg.Jurisdiction = "", ""
		r.start()
		var now struct{ Profile, Jurisdiction string }
		if err := r.control.Call(t.Context(), "GET", "/api/v1/profile", "", nil, &now); err != nil || now.Profile != "practice" || now.Jurisdiction != "NL" {
			t.Errorf("after a start without flags it is %+v, %v", now, err)
		}
		r.halt()
		for _, other := range [][2]string{{"practice", "BE"}, {"platform", "US"}} {
			environ, args := serveFlags(cfg, "--profile", other[0], "--jurisdiction", other[1])
			code, _, errs := commandLine(t, environ, args...)
			ended(t, "another choice", code, errs, houvast.Conflict.Exit(), "this installation is practice in NL, and stays it", "hint: ")
		}
		r.start()
		if n := r.count("SELECT COUNT(*) FROM installation WHERE profile = 'practice' AND jurisdiction = 'NL'"); n != 1 {
			t.Error("the choice was changed")
		}
		if n := r.count("SELECT COUNT(*) FROM audit_line WHERE action = 'profile.choose'"); n != 1 {
			t.Errorf("the choice is %d times in the audit log", n)
		}
	})
}

// Nothing that a server writes can be read by others on the machine, whatever the umask.
func TestFilesAreOurs(t *testing.T) {
	storetest.Count(store.SQLite)
	cfg := freshConfig(t, store.SQLite)
	set(t, &cfg, "data", filepath.Join(t.TempDir(), strings.Repeat("a long way down ", 8), "data")) // not made from the template
	if err := os.Mkdir(filepath.Dir(cfg.Data), 0o755); err != nil {
		t.Fatal(err)
	}
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	if len(cfg.Data) < 108 {
		t.Fatal("the path of the socket is not too long for the kernel")
	}
	holding(t, cfg)
	r := startRig(t, cfg)
	n := 0
	for _, top := range []string{cfg.Data, keysDir(cfg.Data)} {
		err := filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			n++
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %04o", strings.TrimPrefix(path, filepath.Dir(top)), info.Mode().Perm())
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	socket, err := os.Stat(r.server.control)
	if err != nil || socket.Mode().Type() != os.ModeSocket || socket.Mode().Perm() != 0o600 {
		t.Errorf("the control socket: %v, %v", socket.Mode(), err)
	}
	t.Logf("%d files and folders", n)
	path := r.server.control
	r.halt()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the control socket is left behind: %v", err)
	}
}

func TestReadyNamesTheLayers(t *testing.T) {
	storetest.Count(store.SQLite)
	r := startRig(t, freshConfig(t, store.SQLite))
	got := r.send("GET", "/readyz", "", nil)
	var ready struct {
		Ready  bool
		Checks []struct {
			Name, Detail, Hint string
			OK                 bool
		}
	}
	if err := json.Unmarshal(got.body, &ready); err != nil || got.status != http.StatusOK || !ready.Ready {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for _, c := range ready.Checks {
		if c.Hint != "" {
			t.Errorf("%s tells strangers a remedy: %s", c.Name, c.Hint)
		}
		if c.Name == "sandbox" && c.OK && strings.Contains(c.Detail, sandbox.AllLayers.String()) {
			return
		}
	}
	t.Errorf("the layers are not named: %s", got.body)
}

// family lists a process of ours and its children, as far as they are alive. A child cannot be looked
// into, not even by who started it, but its parent can be asked.
func family(pid int) (pids []int) {
	if alive(pid) {
		pids = append(pids, pid)
	}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, f := range strings.Fields(string(text)) {
			if kid, err := strconv.Atoi(f); err == nil && alive(kid) {
				pids = append(pids, kid)
			}
		}
	}
	return pids
}

func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, ok := strings.Cut(string(stat), ") ")
	return err == nil && ok && !strings.HasPrefix(rest, "Z")
}

func left(pids []int) (still []int) {
	for _, pid := range pids {
		if alive(pid) {
			still = append(still, pid)
		}
	}
	return still
}

// doer is a client of a server in another process, at its control socket, and a key made there.
func (p *process) doer(t testing.TB) (control *client.Client, key string) {
	t.Helper()
	hc, ok := dialControl(p.control)
	if !ok {
		t.Fatal("nobody answers at the control socket")
	}
	t.Cleanup(hc.CloseIdleConnections)
	control = client.New(hc, "http://control", "")
	var made struct{ Key string }
	in := map[string]any{"name": houvast.RandomText("k", 6), "source": "forum", "scopes": []string{"items"}}
	if err := control.Call(t.Context(), "POST", "/api/v1/keys", "", in, &made); err != nil {
		t.Fatal(err)
	}
	return control, made.Key
}

func (p *process) upload(t testing.TB, key, data string) houvast.ItemID {
	t.Helper()
	id, err := client.New(http.DefaultClient, p.url, key).Upload(t.Context(), "post-1", houvast.Upload{}, "a.png", strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// A signal ends the server within five seconds, whoever hangs on, and nothing stays behind.
func TestStopsWhenTold(t *testing.T) {
	storetest.Count(store.SQLite)
	data := filepath.Join(t.TempDir(), "data")
	p := startProcess(t, serveArgs(t, data, "--profile", "practice", "--jurisdiction", "nl")...)
	control, key := p.doer(t)
	id := p.upload(t, key, picture(8))
	await(t, "the item is looked at", func() bool {
		var it struct{ State string }
		return control.Call(t.Context(), "GET", "/api/v1/items/"+string(id), "", nil, &it) == nil && it.State == "looked_at"
	})
	all := family(p.cmd.Process.Pid)
	if len(all) < 2 {
		t.Fatalf("%d processes, so the child was not seen", len(all))
	}
	silent, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	stuck, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	fmt.Fprintf(stuck, "POST /api/v1/items HTTP/1.1\r\nHost: houvast\r\nAuthorization: Bearer %s\r\nContent-Type: multipart/form-data; boundary=%s\r\nContent-Length: 100000\r\n\r\n", key, boundary)
	code, took := p.end(t)
	if code != 0 || took > 5*time.Second {
		t.Errorf("exit code %d after %v; standard error:\n%s", code, took, p.stderr)
	}
	if still := left(all); len(still) > 0 {
		t.Errorf("processes are left: %v", still)
	}
	t.Logf("stopped in %v", took.Round(time.Millisecond))
}

// What was acknowledged is there after a kill, and the child does not outlive its parent.
func TestKilledAndStartedAgain(t *testing.T) {
	storetest.Count(store.SQLite)
	data := filepath.Join(t.TempDir(), "data")
	p := startProcess(t, serveArgs(t, data, "--profile", "practice", "--jurisdiction", "NL")...)
	_, key := p.doer(t)
	id := p.upload(t, key, picture(9))
	all := family(p.cmd.Process.Pid)
	if len(all) < 2 {
		t.Fatalf("%d processes, so the child was not seen", len(all))
	}
	p.cmd.Process.Kill()
	<-p.ended
	await(t, "no child outlives its parent", func() bool { return len(left(all)) == 0 })
	again := startProcess(t, serveArgs(t, data)...)
	control, _ := again.doer(t)
	await(t, "the item is looked at", func() bool {
		var it struct{ State string }
		if err := control.Call(t.Context(), "GET", "/api/v1/items/"+string(id), "", nil, &it); err != nil {
			t.Fatal(err)
		}
		return it.State == "looked_at"
	})
	if same := again.upload(t, key, picture(9)); same != id {
		t.Errorf("the same upload is now %s, was %s", same, id)
	}
	if code, _ := again.end(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// straced is what a server synced between two requests, as strace saw it.
type straced struct {
	path string
	seen int
}

var (
	syncCall = regexp.MustCompile(`^(\d+) +f(?:data)?sync\(\d+<([^>]*)>(?:\)\s+= 0| <unfinished)`)
	syncEnd  = regexp.MustCompile(`^(\d+) +<\.\.\. f(?:data)?sync resumed>\)\s+= 0`)
	replied  = regexp.MustCompile(`^\d+ +write\(\d+<[^>]*>, "HTTP/1\.1 `)
)

// next returns what was synced before the next answer went out, in the order in which it ended.
func (s *straced) next(t *testing.T) (synced []string) {
	t.Helper()
	await(t, "strace sees the answer", func() bool {
		text, err := os.ReadFile(s.path)
		if err != nil {
			t.Fatal(err)
		}
		text = text[s.seen:]
		under := map[string]string{}
		synced = nil
		in, at := bufio.NewReader(bytes.NewReader(text)), 0
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return false
			}
			at += len(line)
			switch call, end := syncCall.FindStringSubmatch(line), syncEnd.FindStringSubmatch(line); {
			case replied.MatchString(line):
				s.seen += at
				return true
			case call != nil && strings.Contains(line, "unfinished"):
				under[call[1]] = call[2]
			case call != nil:
				synced = append(synced, call[2])
			case end != nil:
				synced = append(synced, under[end[1]])
			}
		}
	})
	return synced
}

// An answer says that the item is on disk: its bytes, the name of its file, and the row.
func TestAcknowledgedIsDurable(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("strace is not installed, and CI skips nothing: apt-get install strace")
		}
		t.Skip("NOT PROVEN: that an acknowledged item is on disk. strace is not installed: apt-get install strace")
	}
	storetest.Count(store.SQLite)
	data := filepath.Join(t.TempDir(), "data")
	s := &straced{path: filepath.Join(t.TempDir(), "calls")}
	argv := append([]string{strace, "-f", "-y", "-s", "16", "-e", "signal=none", "-e", "trace=fsync,fdatasync,write", "-o", s.path}, serveArgs(t, data, "--surfaces", "api", "--profile", "practice", "--jurisdiction", "NL")...)
	p := startProcess(t, argv...)
	_, key := p.doer(t)
	up := func(data string) houvast.ItemID {
		id, err := client.New(http.DefaultClient, p.url, key).Upload(t.Context(), "", houvast.Upload{}, "a.png", strings.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	s.next(t) // the answer that made the key
	id := up(picture(10))
	first := s.next(t)
	for range 3 {
		up(picture(11))
		synced := s.next(t)
		file, folder, row := 0, 0, 0
		for _, path := range synced {
			switch rel := strings.TrimPrefix(path, data); {
			case strings.HasPrefix(rel, "/blobs/tmp/"):
				file++
			case regexp.MustCompile(`^/blobs/[0-9a-f]{2}$`).MatchString(rel):
				folder++
			case rel == "/houvast.db-wal" || rel == "/houvast.db":
				row++
			}
		}
		if file == 0 || folder == 0 || row == 0 {
			t.Errorf("before the answer the file was synced %d times, its folder %d, its row %d: %v", file, folder, row, synced)
		}
		t.Logf("before the answer: %v", synced)
	}
	if len(first) == 0 {
		t.Error("before the first answer nothing was synced")
	}
	// The control: a request that changes nothing syncs nothing, so what was counted above was the upload's.
	fewest := 1
	for range 5 {
		req, err := http.NewRequestWithContext(t.Context(), "GET", p.url+"/api/v1/items/"+string(id), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		fewest = min(fewest, len(s.next(t)))
	}
	if fewest > 0 {
		t.Error("a request that only reads is taken to have synced")
	}
}

// BenchmarkReady says how long a server takes from its start until it is ready, and what it holds when
// nobody asks it anything: go test -run Nothing -bench BenchmarkReady ./cmd/houvast
func BenchmarkReady(b *testing.B) {
	data := filepath.Join(b.TempDir(), "data")
	args := serveArgs(b, data, "--profile", "practice", "--jurisdiction", "NL")
	var first, ready time.Duration
	var rss float64
	for i := 0; i <= b.N; i++ {
		began := time.Now()
		p := startProcess(b, args...)
		resp, err := http.Get(p.url + "/readyz")
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(resp, err)
		}
		took := time.Since(began)
		resp.Body.Close()
		if i == 0 {
			first = took // makes the database and the keys
			b.ResetTimer()
		} else {
			ready += took
		}
		rss = max(rss, residentMiB(b, p.cmd.Process.Pid))
		p.end(b)
	}
	b.ReportMetric(float64(first.Microseconds())/1000, "ms/first-ready")
	b.ReportMetric(float64(ready.Microseconds())/1000/float64(b.N), "ms/ready")
	b.ReportMetric(rss, "MiB-RSS")
	b.Logf("%d starts on %d processors; the first one made the data", b.N+1, runtime.NumCPU())
}

// residentMiB is the most that the server and its children hold.
func residentMiB(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		b.Fatal("no VmHWM")
	}
	kb, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return kb / 1024
}
