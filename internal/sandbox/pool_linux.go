package sandbox

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/houvast/houvast"
)

// A Pool holds children and gives each request to one of them. It is safe for concurrent use.
type Pool struct {
	cfg    Config
	places chan struct{} // one token for each child that may be busy
	spawns chan chan spawned
	quit   chan struct{} // closed by Close
	starts sync.WaitGroup
	reaps  sync.WaitGroup

	mu    sync.Mutex
	idle  []*child
	live  map[*child]bool // until reaped
	held  Layers          // in force in every child so far
	abi   int
	stats Stats
	shut  bool
}

type spawned struct {
	c   *child
	err error
}

// NewPool starts one child, to learn which layers hold it, and returns a pool. It fails with
// Unavailable and LayerMiss when a layer is missing that cfg does not allow to be missing, with
// ChildStart when no child can be started, and with Invalid when cfg is out of range.
func NewPool(cfg Config) (*Pool, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Pool{
		cfg:    cfg,
		places: make(chan struct{}, cfg.Size),
		spawns: make(chan chan spawned),
		quit:   make(chan struct{}),
		live:   map[*child]bool{},
		held:   AllLayers,
	}
	p.starts.Add(1)
	go p.spawner()
	c, err := p.start()
	if err != nil {
		p.Close()
		return nil, err
	}
	if missing := c.hello.Layers.Missing(); missing != 0 {
		cfg.Log.Warn("sandbox layer missing, as the configuration allows", "layers", missing.String(), "detail", c.hello.detail())
	}
	p.put(c)
	return p, nil
}

// spawner starts all children on one thread that lives as long as the pool: the death signal of a
// child is tied to the thread that made it, and other threads of a Go program may end at any time.
func (p *Pool) spawner() {
	defer p.starts.Done()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		select {
		case reply := <-p.spawns:
			c, err := spawn(p.cfg)
			reply <- spawned{c, err}
		case <-p.quit:
			return
		}
	}
}

// start returns a child that is set up.
func (p *Pool) start() (*child, error) {
	deadline := time.Now().Add(p.cfg.Wall)
	reply := make(chan spawned, 1)
	select {
	case p.spawns <- reply:
	case <-p.quit:
		return nil, closed()
	}
	got := <-reply
	if got.err != nil {
		return nil, failure(ChildStart, "no child can be started: %w", got.err)
	}
	c := got.c
	p.mu.Lock()
	p.live[c] = true
	p.stats.Started++
	p.reaps.Add(1)
	shut := p.shut
	p.mu.Unlock()
	go func() {
		<-c.gone
		p.mu.Lock()
		delete(p.live, c)
		p.mu.Unlock()
		p.reaps.Done()
	}()
	if shut {
		c.kill()
		return nil, closed()
	}
	if err := c.greet(p.cfg, deadline); err != nil {
		if c.killed.Load() {
			err = closed()
		}
		c.kill()
		return nil, err
	}
	p.mu.Lock()
	p.held &= c.hello.Layers
	p.abi = c.hello.ABI
	p.mu.Unlock()
	return c, nil
}

// Do gives a request to a child and returns its answer. It waits for a free child, then reads data,
// at most Config.MaxData bytes, then waits for the answer; it returns within Config.Wall after data
// has been read, plus the start of a child. data should come from this machine: whoever is slow
// there holds a place.
//
// An error is Unavailable with a Reason (see ReasonOf) when the child could not look; Unavailable
// with "interrupted" or "pool-closed" when ctx or the pool ended; TooLarge with "data-too-large";
// Invalid with "bad-request"; the error of data; or kind and code of the handler's own error.
func (p *Pool) Do(ctx context.Context, req Request, data io.Reader) (answer []byte, err error) {
	if err := req.check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, interrupted(ctx)
	}
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	case <-ctx.Done():
		return nil, interrupted(ctx)
	case <-p.quit:
		return nil, closed()
	}
	file, size, err := spool(ctx, data, p.cfg.MaxData)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	c, err := p.take()
	if err == nil {
		answer, err = p.ask(ctx, c, sized{req, size}, file)
		p.settle(c, err)
	}
	if ReasonOf(err) != "" {
		p.count(&p.stats.Failed)
	}
	return answer, err
}

// take returns an idle child that is fit, or a new one.
func (p *Pool) take() (*child, error) {
	for {
		p.mu.Lock()
		if p.shut {
			p.mu.Unlock()
			return nil, closed()
		}
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return p.start()
		}
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if c.fit() {
			return c, nil
		}
		p.cfg.Log.Warn("idle child replaced", "pid", c.proc.Pid)
		c.kill()
	}
}

// settle keeps a child for the next request or ends it.
func (p *Pool) settle(c *child, err error) {
	c.items++
	if err == nil && c.items < p.cfg.ItemLimit {
		p.put(c)
		return
	}
	c.kill()
	if err == nil {
		p.count(&p.stats.Recycled)
	}
	if r := ReasonOf(err); r != "" {
		trace := ""
		if c.reaped(time.Second) {
			trace = c.crash.String()
		}
		p.cfg.Log.Warn("child replaced", "reason", string(r), "pid", c.proc.Pid, "items", c.items, "trace", trace)
	}
}

func (p *Pool) count(n *uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*n++
}

func (p *Pool) put(c *child) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		c.kill()
		return
	}
	p.idle = append(p.idle, c)
}

// ask sends a request to a child and watches it until it answers. After an error the child is unfit.
func (p *Pool) ask(ctx context.Context, c *child, req sized, file *os.File) ([]byte, error) {
	begin := time.Now()
	cpu, err := c.cpu()
	if err != nil {
		return nil, p.explain(c, err)
	}
	poll := func() error {
		if ctx.Err() != nil {
			return interrupted(ctx)
		}
		if now, err := c.cpu(); err == nil && now-cpu > p.cfg.CPU {
			return failure(ChildCPU, "the child used more than %s of processor time", p.cfg.CPU)
		}
		if time.Since(begin) > p.cfg.Wall {
			return failure(ChildWall, "the child took longer than %s", p.cfg.Wall)
		}
		return nil
	}
	hurry := context.AfterFunc(ctx, func() { c.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer hurry()
	c.number++
	c.conn.SetWriteDeadline(begin.Add(p.cfg.Wall))
	if err := c.sendJSON(header{kind: frameRequest, number: c.number}, req, file); err != nil {
		return nil, p.explain(c, err)
	}
	h, body, err := c.receive(p.cfg.MaxAnswer, p.tick(), poll)
	if err != nil {
		return nil, p.explain(c, err)
	}
	return c.accept(h, body, req.Op)
}

// tick is how often the clocks of a busy child are read.
func (p *Pool) tick() time.Duration {
	return min(max(min(p.cfg.CPU, p.cfg.Wall)/8, 2*time.Millisecond), 50*time.Millisecond)
}

// accept checks that a frame answers the request in hand.
func (c *child) accept(h header, body []byte, op string) ([]byte, error) {
	switch {
	case h.number != c.number:
	case h.kind == frameAnswer:
		return body, nil
	case h.kind == frameRefusal:
		if err := parseRefusal(body).error(op); err != nil {
			return nil, err
		}
	}
	return nil, failure(ChildAnswer, "the child sent a frame that answers nothing")
}

// explain turns an error of the socket into the reason why the child ended.
func (p *Pool) explain(c *child, err error) error {
	var known *houvast.Error
	if errors.As(err, &known) {
		return err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return failure(ChildWall, "the child did not take the request in time")
	}
	if c.killed.Load() {
		return closed()
	}
	return c.obituary()
}

// Layers returns the layers that held every child so far, each tried out by the child itself.
func (p *Pool) Layers() Layers {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}

// LandlockABI returns the version of Landlock in force, 0 when that layer is missing.
func (p *Pool) LandlockABI() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.abi
}

// Stats returns the counters of the pool.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Live = len(p.live)
	return s
}

// Close kills every child, also busy ones, and returns when all are reaped, after 5 s at the latest.
// Requests in hand end with Unavailable and "pool-closed". It may be called again.
func (p *Pool) Close() {
	p.mu.Lock()
	if !p.shut {
		p.shut = true
		close(p.quit)
	}
	for c := range p.live {
		c.kill()
	}
	p.idle = nil
	p.mu.Unlock()
	p.starts.Wait()
	done := make(chan struct{})
	go func() {
		p.reaps.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		p.cfg.Log.Error("children cannot be reaped", "count", p.Stats().Live)
	}
}

func closed() error {
	return houvast.Errorf("sandbox.Do", houvast.Unavailable, "pool-closed", "the pool of children is closed")
}
