package keeping

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/houvast/houvast/internal/audit"
)

// bubble is the clock of a synctest bubble.
type bubble struct{ start time.Time }

func (b bubble) Now() time.Time      { return time.Now() }
func (b bubble) Mono() time.Duration { return time.Since(b.start) }

// However many ask, the log is read once at a time, and all of them are told what that one found.
func TestOneVerificationAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s verifier
		clock := bubble{time.Now()}
		reads, at := 0, 0
		read := func(context.Context) (audit.Result, error) {
			reads++
			if at++; at > 1 {
				t.Error("two read at a time")
			}
			<-time.After(time.Second) // of the bubble
			at--
			return audit.Result{Lines: int64(reads)}, nil
		}
		found := make(chan *verified, 5)
		for range 5 {
			go func() {
				v, err := s.find(t.Context(), clock, read)
				if err != nil {
					t.Error(err)
				}
				found <- v
			}()
		}
		synctest.Wait()
		if s.due(clock) {
			t.Error("another is due while one runs")
		}
		for range 5 {
			if v := <-found; v.Lines != 1 || !v.Sound() {
				t.Errorf("told %+v", v)
			}
		}
		if reads != 1 || s.due(clock) {
			t.Errorf("read %d times; due again %v", reads, s.due(clock))
		}
		<-time.After(verifyEvery)
		if !s.due(clock) {
			t.Error("after a minute none is due")
		}
	})
}

// Whoever goes away while it runs leaves nothing behind, and the next one reads for themselves.
func TestVerificationBrokenOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s verifier
		clock := bubble{time.Now()}
		first, leave := context.WithCancel(t.Context())
		read := func(ctx context.Context) (audit.Result, error) {
			if ctx == first {
				<-ctx.Done()
				return audit.Result{}, ctx.Err()
			}
			return audit.Result{Lines: 7}, nil
		}
		errs, found := make(chan error, 2), make(chan *verified, 1)
		go func() { _, err := s.find(first, clock, read); errs <- err }()
		synctest.Wait()
		go func() { v, err := s.find(t.Context(), clock, read); found <- v; errs <- err }()
		late, stop := context.WithCancel(t.Context())
		go func() { _, err := s.find(late, clock, read); errs <- err }()
		synctest.Wait()
		stop()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("who did not wait was told %v", err)
		}
		leave()
		if v := <-found; v == nil || v.Lines != 7 {
			t.Errorf("the next one was told %+v", v)
		}
		<-errs
		<-errs
		if s.n != 1 {
			t.Errorf("%d were finished, not 1", s.n)
		}
	})
}
