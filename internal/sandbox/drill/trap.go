package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/sandbox"
)

// A Trap is what the canary aims at: a file, a free name, and listeners on loopback and on sockets,
// all in a temporary folder of their own. It notices from its own side what a child reached, so that
// the child's word is not the only evidence.
type Trap struct {
	aims targets
	dir  string
	ears []ear
	done sync.WaitGroup

	mu  sync.Mutex
	hit map[string]bool
}

// An ear is a listener of either kind.
type ear interface {
	SetDeadline(time.Time) error
	Close() error
}

// Set sets a trap. Close takes it away.
func Set() (t *Trap, err error) {
	t = &Trap{hit: map[string]bool{}}
	defer func() {
		if err != nil {
			t.Close()
			err = houvast.Errorf("drill.Set", houvast.Unavailable, "no-trap", "the canary's targets cannot be made: %w", err)
		}
	}()
	if t.dir, err = os.MkdirTemp("", "houvast-canary-"); err != nil {
		return t, err
	}
	abstract := "@" + filepath.Base(t.dir)
	t.aims = targets{
		File:     filepath.Join(t.dir, "exists"),
		Create:   filepath.Join(t.dir, "created"),
		Unix:     filepath.Join(t.dir, "socket"),
		Abstract: abstract,
		Parent:   os.Getpid(),
	}
	if err := os.WriteFile(t.aims.File, []byte("nothing of interest\n"), 0o600); err != nil {
		return t, err
	}
	if t.aims.TCP, err = t.listen("connect-tcp", "tcp", "127.0.0.1:0"); err != nil {
		return t, err
	}
	if _, err = t.listen("connect-unix", "unix", t.aims.Unix); err != nil {
		return t, err
	}
	if _, err = t.listen("connect-abstract", "unix", abstract); err != nil {
		return t, err
	}
	t.aims.UDP, err = t.hear("send-udp")
	return t, err
}

func (t *Trap) listen(name, network, address string) (string, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return "", err
	}
	t.ears = append(t.ears, l.(ear))
	t.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.caught(name)
			c.Close()
		}
	})
	return l.Addr().String(), nil
}

func (t *Trap) hear(name string) (string, error) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	t.ears = append(t.ears, c)
	t.done.Go(func() {
		for {
			if _, _, err := c.ReadFrom(make([]byte, 64)); err != nil {
				return
			}
			t.caught(name)
		}
	})
	return c.LocalAddr().String(), nil
}

func (t *Trap) caught(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hit[name] = true
}

// Request returns the request that sends the canary at this trap. abi is Pool.LandlockABI.
func (t *Trap) Request(abi int) sandbox.Request {
	aims := t.aims
	aims.ABI = abi
	args, _ := json.Marshal(aims) // strings and numbers
	return sandbox.Request{Op: Canary, Args: args}
}

// Watched returns the names of the attempts that a trap notices by itself.
func (t *Trap) Watched() []string {
	return []string{"connect-abstract", "connect-tcp", "connect-unix", "create-file", "send-udp"}
}

// Close takes the trap away and returns the names of what reached it, sorted.
func (t *Trap) Close() (reached []string) {
	for _, e := range t.ears {
		e.SetDeadline(time.Now().Add(100 * time.Millisecond)) // what has arrived is still heard
	}
	t.done.Wait()
	for _, e := range t.ears {
		e.Close()
	}
	if _, err := os.Lstat(t.aims.Create); t.dir != "" && err == nil {
		t.caught("create-file")
	}
	if t.dir != "" {
		os.RemoveAll(t.dir)
	}
	for name := range t.hit {
		reached = append(reached, name)
	}
	slices.Sort(reached)
	return reached
}

// Prove sends the canary into a child of p and returns what became of each attempt. The error is
// Internal with "sandbox-open" when anything was not refused or reached the trap; it names the
// attempts. The child must know Handlers.
func Prove(ctx context.Context, p *sandbox.Pool) (all []Attempt, err error) {
	const op = "drill.Prove"
	t, err := Set()
	if err != nil {
		return nil, err
	}
	answer, err := p.Do(ctx, t.Request(p.LandlockABI()), bytes.NewReader(nil))
	open := t.Close()
	if err != nil {
		return nil, houvast.Wrap(op, err)
	}
	if err := json.Unmarshal(answer, &all); err != nil || len(all) == 0 {
		return nil, houvast.Errorf(op, houvast.Internal, "no-canary", "the canary answered nothing that can be read")
	}
	for _, a := range all {
		if !a.Refused {
			open = append(open, a.Name+" ("+a.Outcome+")")
		}
	}
	if len(open) > 0 {
		return all, houvast.Errorf(op, houvast.Internal, "sandbox-open", "the sandbox let through: %s", strings.Join(open, ", ")).
			WithHint("stop taking uploads until every layer is in force")
	}
	return all, nil
}
