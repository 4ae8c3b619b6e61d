package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A running clearinghouse, started in this process.
type running struct {
	clearinghouseLine
	first string // line of standard output
	stop  func() (code int, stderr string)
}

func startClearinghouse(t *testing.T, args ...string) running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	pr, pw := io.Pipe()
	var errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, &env{stdout: pw, stderr: &errs}, append([]string{"clearinghouse", "--json", "--listen", "localhost:0"}, args...))
		pw.Close()
	}()
	first, err := bufio.NewReader(pr).ReadString('\n')
	if err != nil {
		t.Fatalf("no first line: %v; code %d, stderr %s", err, <-ended, &errs)
	}
	r := running{first: first, stop: sync.OnceValues(func() (int, string) {
		cancel()
		select {
		case code := <-ended:
			return code, errs.String()
		case <-time.After(20 * time.Second):
			t.Error("the clearinghouse did not stop")
			return -1, ""
		}
	})}
	t.Cleanup(func() { r.stop() })
	if err := json.Unmarshal([]byte(first), &r.clearinghouseLine); err != nil {
		t.Fatalf("%v in %q", err, first)
	}
	return r
}

func call(t *testing.T, method, url, user, password, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(user, password)
	req.Header.Set("Content-Type", "text/xml; charset=UTF-8")
	if strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/json")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestClearinghouse(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log.jsonl")
	r := startClearinghouse(t, "--log", log, "--user", "desk")
	if !strings.HasPrefix(r.URL, "http://127.0.0.1:") || !strings.HasSuffix(r.URL, "/ispws") || r.User != "desk" || len(r.Password) < 20 || r.Log != log {
		t.Errorf("the first line is %s", r.first)
	}
	if status, body := call(t, "GET", r.URL+"/status", r.User, r.Password, ""); status != 200 || !strings.Contains(body, "<responseCode>0</responseCode>") {
		t.Errorf("status: %d %s", status, body)
	}
	if status, _ := call(t, "GET", r.URL+"/status", r.User, "wrong", ""); status != 401 {
		t.Errorf("a wrong password got %d", status)
	}
	// A document that is not the right one is refused, and the refusal is a line of the log.
	if status, body := call(t, "POST", r.URL+"/submit", r.User, r.Password, "<report/>"); status != 200 || strings.Contains(body, "<responseCode>0<") {
		t.Errorf("submit: %d %s", status, body)
	}
	if code, errs := r.stop(); code != 0 || errs != "" {
		t.Errorf("code %d, stderr %q", code, errs)
	}
	b, err := os.ReadFile(log)
	if err != nil || bytes.Count(b, []byte("\n")) != 1 || !bytes.Contains(b, []byte(`"event":"refused"`)) {
		t.Errorf("the log is %q, %v", b, err)
	}
	if info, err := os.Stat(log); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the log has %v, %v", info.Mode(), err)
	}
	// Started again, it goes on in the same file.
	again := startClearinghouse(t, "--log", log)
	call(t, "POST", again.URL+"/submit", again.User, again.Password, "<report/>")
	again.stop()
	if b, _ := os.ReadFile(log); bytes.Count(b, []byte("\n")) != 2 {
		t.Errorf("after a second run the log is %q", b)
	}
	if again.Password == r.Password || again.User != "practice" {
		t.Errorf("a second run has user %s and the password of the first: %t", again.User, again.Password == r.Password)
	}
}

func TestClearinghousePasswordFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	file := filepath.Join(dir, "password")
	if err := os.WriteFile(file, []byte("a long <secret> & more\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := startClearinghouse(t, "--password-file", file)
	if r.Password != "a long <secret> & more" || !strings.Contains(r.first, `"a long <secret> & more"`) {
		t.Errorf("the first line is %s", r.first)
	}
	if status, _ := call(t, "GET", r.URL+"/status", r.User, r.Password, ""); status != 200 {
		t.Errorf("the password from the file got %d", status)
	}
	if filepath.Dir(r.Log) != dir || !strings.HasPrefix(filepath.Base(r.Log), "houvast-clearinghouse-") {
		t.Errorf("the log is in %s", r.Log)
	}
}

func TestClearinghousePortInUse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	code, out, errs := runHouvast(t, nil, "clearinghouse", "--json", "--listen", ln.Addr().String())
	if code != 69 || out != "" || !strings.Contains(errs, "address already in use") || !strings.Contains(errs, "houvast: hint: choose another port with --listen") {
		t.Errorf("code %d, stdout %q, stderr:\n%s", code, out, errs)
	}
}

// A caller that is kept waiting on purpose does not keep the clearinghouse from stopping.
func TestClearinghouseStopsWhileACallWaits(t *testing.T) {
	t.Parallel()
	r := startClearinghouse(t, "--log", filepath.Join(t.TempDir(), "log"))
	base := strings.TrimSuffix(r.URL, "/ispws")
	if status, body := call(t, "POST", base+"/practice/faults", r.User, r.Password, `{"faults":[{"kind":"slow","endpoint":"status","times":-1}]}`); status >= 300 {
		t.Fatalf("no fault: %d %s", status, body)
	}
	failed := make(chan error, 1)
	go func() {
		req, _ := http.NewRequest("GET", r.URL+"/status", nil)
		req.SetBasicAuth(r.User, r.Password)
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		failed <- err
	}()
	// The call has arrived when the log has its line.
	tick, late := time.NewTicker(5*time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for seen := false; !seen; {
		select {
		case <-tick.C:
			b, _ := os.ReadFile(r.Log)
			seen = bytes.Contains(b, []byte(`"slow"`))
		case <-late:
			t.Fatal("the slow call did not arrive")
		}
	}
	if code, errs := r.stop(); code != 0 {
		t.Errorf("code %d, stderr %q", code, errs)
	}
	if err := <-failed; err == nil {
		t.Error("the waiting call got an answer")
	}
}

// TestClearinghouseSignals runs the program itself: both signals end it with code 0.
func TestClearinghouseSignals(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd := exec.CommandContext(t.Context(), self, "clearinghouse", "--listen", "[::1]:0", "--log", filepath.Join(t.TempDir(), "log"))
		if !hasIPv6() {
			cmd.Args[3] = "127.0.0.1:0"
		}
		cmd.Args[0] = "houvast" // see TestMain
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for in := bufio.NewScanner(out); len(lines) < 5 && in.Scan(); {
			lines = append(lines, in.Text())
		}
		text := strings.Join(lines, "\n")
		for _, want := range []string{"practice clearinghouse: nothing filed here reaches anybody", "\nurl       http://", "\nuser      practice\n", "\npassword  ", "\nlog       "} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing in:\n%s", want, text)
			}
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", sig, err)
		}
	}
}

func hasIPv6() bool {
	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	ln.Close()
	return true
}
