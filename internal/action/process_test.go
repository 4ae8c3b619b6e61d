package action_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/internal/task"
)

// The test binary is also the two processes that the tests need: a receiver of webhooks, which is
// never killed and keeps its own log, and a sender, which is killed.
const (
	envPart = "HOUVAST_TEST_PART" // receiver or sender; empty is the tests
	envLog  = "HOUVAST_TEST_LOG"
	envPath = "HOUVAST_TEST_SQLITE"
	envURL  = "HOUVAST_TEST_POSTGRES"
	envHook = "HOUVAST_TEST_HOOK"
)

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(envPart) {
	case "":
		storetest.Main(m)
	case "receiver":
		err = receiver()
	case "sender":
		err = sender()
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// part starts this binary as another process that ends with the test, and returns what it prints.
func part(t *testing.T, name string, env ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, envPart+"="+name)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd, bufio.NewReader(out)
}

// untilParentEnds returns when whoever started this process is gone.
func untilParentEnds() { io.Copy(io.Discard, os.Stdin) }

// A call is one line of the receiver's log: what came over the wire, and when.
type call struct {
	At     time.Time
	Method string
	Path   string
	Header http.Header
	Body   []byte
}

func (c call) id() string { return c.Header.Get("webhook-id") }

// receiver is a platform that knows nothing of ours: it writes each request into its log before it
// answers. The last element of the path lists its answers, one a request with the same id, the last
// one for ever: a status, or a word (see answer).
func receiver() error {
	log, err := os.OpenFile(os.Getenv(envLog), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var mu sync.Mutex
	seen := map[string]int{}
	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		mu.Lock()
		line, _ := json.Marshal(call{time.Now(), r.Method, r.URL.Path, r.Header, body})
		log.Write(append(line, '\n'))
		key := r.URL.Path + " " + r.Header.Get("webhook-id")
		n := seen[key]
		seen[key]++
		mu.Unlock()
		answers := strings.Split(filepath.Base(r.URL.Path), ",")
		answer(w, r, answers[min(n, len(answers)-1)])
	}))
	fmt.Println("http://" + ln.Addr().String())
	untilParentEnds()
	return nil
}

func answer(w http.ResponseWriter, r *http.Request, word string) {
	switch word {
	case "hang": // never answers
		<-r.Context().Done()
	case "hold": // answers when the test allows it
		for {
			if _, err := os.Stat(os.Getenv(envLog) + ".go-on"); err == nil {
				return
			}
			<-time.After(5 * time.Millisecond)
		}
	case "endless": // answers well, and does not stop
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<16)); err != nil {
				return
			}
		}
	case "drop": // breaks the connection
		panic(http.ErrAbortHandler)
	default:
		code, err := strconv.Atoi(word)
		if err != nil {
			code = http.StatusTeapot
		}
		w.Header().Set("Location", "/redirected/200")
		w.WriteHeader(code)
	}
}

// A platform is a running receiver.
type platform struct {
	url, log string
	tail     *bufio.Reader
	half     []byte
	calls    []call
}

func startPlatform(t *testing.T) *platform {
	t.Helper()
	p := &platform{log: filepath.Join(t.TempDir(), "receiver.log")}
	_, out := part(t, "receiver", envLog+"="+p.log)
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatal("the receiver does not start: ", err)
	}
	p.url = strings.TrimSpace(line)
	f, err := os.Open(p.log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	p.tail = bufio.NewReader(f)
	return p
}

// read takes in what the receiver has written since.
func (p *platform) read(t *testing.T) []call {
	t.Helper()
	for {
		line, err := p.tail.ReadBytes('\n')
		p.half = append(p.half, line...)
		if err != nil {
			return p.calls
		}
		var c call
		if err := json.Unmarshal(p.half, &c); err != nil {
			t.Fatal(err)
		}
		p.calls, p.half = append(p.calls, c), nil
	}
}

// to returns the calls that went to a path.
func (p *platform) to(t *testing.T, path string) (found []call) {
	t.Helper()
	for _, c := range p.read(t) {
		if c.Path == path {
			found = append(found, c)
		}
	}
	return found
}

// sender is a process that carries out the actions of a database until it is killed.
func sender() error {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Config{Path: os.Getenv(envPath), URL: os.Getenv(envURL), Clock: store.NewSystemClock()})
	if err != nil {
		return err
	}
	w := store.NewWriter(db)
	out := action.Runner{W: w, Senders: map[action.Kind]action.Sender{action.Withhold: hook(os.Getenv(envHook), w).Send}}
	go task.NewRunner(w, slog.New(slog.DiscardHandler), []task.Lane{{Kind: action.TaskKind, Workers: 1, Do: out.Do}}, nil).Run(ctx)
	fmt.Println("ready")
	untilParentEnds()
	return nil
}

// A sender that is killed when the platform has the request, but before it has the answer, has left
// the action in the state sending. The next process sends it again under the same id, by which the
// platform does it once; nothing is lost and nothing looks done that was not answered.
func TestKilledWhileSending(t *testing.T) {
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			storetest.Count(e)
			cfg := storetest.Config(t, e)
			first := storetest.Reopen(t, cfg)
			id := propose(t, first, action.Proposal{Kind: action.Withhold, Key: "k", Subject: "item_1", By: "system:test"})
			if err := first.DB().Close(); err != nil {
				t.Fatal(err)
			}
			p := startPlatform(t)
			const path = "/hook/hold"
			cmd, out := part(t, "sender", envPath+"="+cfg.Path, envURL+"="+cfg.URL, envHook+"="+p.url+path)
			if line, err := out.ReadString('\n'); err != nil {
				t.Fatal("the sender does not start: ", line, err)
			}
			eventually(t, "the platform has the request", func() bool { return len(p.to(t, path)) == 1 })
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			cmd.Wait()
			if err := os.WriteFile(p.log+".go-on", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			// A clock that is moved by hand, as the claim of a dead process on PostgreSQL ends by time.
			clock := storetest.NewClock(time.Now())
			cfg.Clock = clock
			w := storetest.Reopen(t, cfg)
			if a := get(t, w, id); a.State != action.Sending || a.SentAt.IsZero() || !a.DoneAt.IsZero() {
				t.Fatalf("after the kill: %+v", a)
			}
			clock.Pass(20 * time.Second)
			start(t, w, action.Runner{Senders: map[action.Kind]action.Sender{action.Withhold: hook(p.url+path, w).Send}})
			eventually(t, "done", func() bool { return get(t, w, id).State == action.Done })
			calls := p.to(t, path)
			if len(calls) != 2 || calls[0].id() != id.String() || calls[1].id() != id.String() || !bytes.Equal(calls[0].Body, calls[1].Body) {
				t.Errorf("calls %+v, want the same one twice", calls)
			}
		})
	}
}
