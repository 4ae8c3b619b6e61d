package sandbox

import (
	"errors"
	"time"
)

// ServeWithout is Serve with some layers left out. It exists only in the test binary, so only its
// own child can be without them.
func ServeWithout(handlers map[string]Handler, out Layers) error {
	l, left := inForce(), errors.New("left out by the test")
	if out.Has(Rlimits) {
		l.rlimits = func(setup) error { return left }
	}
	if out.Has(Landlock) {
		l.landlock = func() (int, error) { return 0, left }
	}
	if out.Has(Seccomp) {
		l.seccomp = func() error { return left }
	}
	return serve(handlers, l)
}

// Pids returns the processes of the pool.
func (p *Pool) Pids() (pids []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.live {
		pids = append(pids, c.proc.Pid)
	}
	return pids
}

// Took returns how long the slowest live child took to apply the layers.
func (p *Pool) Took() (d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.live {
		d = max(d, c.hello.Took)
	}
	return d
}

// Spool is how a request becomes a memory file.
var Spool = spool
