package keeping

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/console/site"
)

// verifyEvery is how often the page of the checks reads the whole log anew.
const verifyEvery = time.Minute

// A verified is what the last verification of the audit log found. Err says that it could not be read.
type verified struct {
	audit.Result
	Err error
	At  time.Time
}

// Sound reports whether the log was read and nothing is wrong with it.
func (v verified) Sound() bool { return v.Err == nil && v.Result.Sound() }

// A verifier reads the whole audit log, which takes long and is done once at a time: who asks meanwhile is
// told what that one finds.
type verifier struct {
	mu      sync.Mutex
	running chan struct{} // closed when the one that runs is over; nil = none runs
	begun   time.Time     // when it, or the last one, began; zero = none did
	mono    time.Duration // the same, on the hand that only measures
	last    *verified     // nil = none was finished
	n       int64         // how many were
	every   time.Duration // 0 = verifyEvery, tests take less
}

// find runs one with read, or waits for the one that runs. It fails only when ctx ends.
func (s *verifier) find(ctx context.Context, clock houvast.Clock, read func(context.Context) (audit.Result, error)) (*verified, error) {
	for {
		s.mu.Lock()
		wait, n := s.running, s.n
		if wait == nil {
			return s.lead(ctx, clock, read)
		}
		s.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		s.mu.Lock()
		last, more := s.last, s.n > n
		s.mu.Unlock()
		if more {
			return last, nil
		} // else whoever ran it went away
	}
}

// lead runs one. It is called with the lock held, and gives it up.
func (s *verifier) lead(ctx context.Context, clock houvast.Clock, read func(context.Context) (audit.Result, error)) (*verified, error) {
	done := make(chan struct{})
	s.running, s.begun, s.mono = done, clock.Now(), clock.Mono()
	s.mu.Unlock()
	var found *verified
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.running = nil; found != nil {
			s.last = found
			s.n++
		}
		close(done)
	}()
	res, err := read(ctx)
	if ctx.Err() != nil { // nobody waits for it any more, and it may have been broken off
		return nil, ctx.Err()
	}
	found = &verified{res, err, clock.Now()}
	return found, nil
}

// due reports whether the page of the checks may have the log read anew.
func (s *verifier) due(clock houvast.Clock) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running == nil && (s.begun.IsZero() || clock.Mono()-s.mono >= cmp.Or(s.every, verifyEvery))
}

// A logState is what the page of the checks says about the log as a whole.
type logState struct {
	Last    *verified // nil = none was finished since the start
	Running time.Time // since when one runs; zero = none
	Path    string    // where it is verified
}

func (k *Pages) logState(p *site.Page) logState {
	s := &k.seen
	s.mu.Lock()
	defer s.mu.Unlock()
	v := logState{Last: s.last, Path: "/console/doctor?verify=yes"}
	if s.running != nil {
		v.Running = s.begun
	}
	if p.May("audit.verify") {
		v.Path = "/console/audit/verify"
	}
	return v
}

type verifyView struct {
	verified
	Warnings []audit.Finding
	Wrong    []audit.Finding
}

// verify reads the whole log anew, each time it is asked and none runs.
func (k *Pages) verify(p *site.Page) error {
	found, err := k.seen.find(p.R.Context(), k.P.W.DB().Clock(), k.AuditVerify)
	if err == nil {
		err = found.Err
	}
	if err != nil {
		return err
	}
	v := verifyView{verified: *found}
	for _, f := range found.Findings {
		if f.Warn {
			v.Warnings = append(v.Warnings, f)
		} else {
			v.Wrong = append(v.Wrong, f)
		}
	}
	return p.Render("verify", v)
}
