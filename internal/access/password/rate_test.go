package password

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/houvast/houvast"
)

// At most two computations run at once, at most 32 more wait, and who gives up frees the place.
func TestSlots(t *testing.T) {
	const atOnce, mostWaiting = 2, 32
	synctest.Test(t, func(t *testing.T) {
		s := NewSlots(atOnce, mostWaiting)
		var running, ran, busy, gaveUp atomic.Int64
		next := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 50 {
			go func() {
				mine := context.Background()
				if i%2 == 0 {
					mine = ctx
				}
				switch err := s.Run(mine, func() { running.Add(1); <-next; running.Add(-1); ran.Add(1) }); houvast.KindOf(err) {
				case houvast.Limited:
					busy.Add(1)
				case houvast.Unavailable:
					gaveUp.Add(1)
				}
			}()
		}
		synctest.Wait()
		if running.Load() != atOnce || busy.Load() != 50-atOnce-mostWaiting {
			t.Errorf("%d run, %d were turned away", running.Load(), busy.Load())
		}
		cancel()
		synctest.Wait()
		if running.Load() != atOnce || gaveUp.Load() == 0 {
			t.Errorf("%d run, %d gave up", running.Load(), gaveUp.Load())
		}
		close(next)
		synctest.Wait()
		if ran.Load()+busy.Load()+gaveUp.Load() != 50 || len(s.busy)+len(s.lined) != 0 {
			t.Errorf("%d ran, %d busy, %d gave up, %d places are still taken", ran.Load(), busy.Load(), gaveUp.Load(), len(s.busy)+len(s.lined))
		}
	})
}

func TestRate(t *testing.T) {
	r := NewRate(3, time.Minute)
	now := 100 * time.Hour
	for i := range 3 {
		if w := r.Take("k", now); w != 0 {
			t.Fatal(i, w)
		}
	}
	for range 5 { // asking on does not make the wait longer
		if w := r.Take("k", now); w != time.Minute {
			t.Fatal(w)
		}
	}
	now += 59 * time.Second
	if w := r.Take("k", now); w != time.Second {
		t.Fatal(w)
	}
	now += time.Second
	if r.Take("k", now) != 0 || r.Take("k", now) == 0 {
		t.Fatal("one interval wins back other than one try")
	}
	r.GiveBack("k")
	if r.Take("k", now) != 0 || r.Take("k", now) == 0 {
		t.Fatal("what was given back is other than one try")
	}
	now += 24 * time.Hour // never more than the burst
	n := 0
	for ; r.Take("k", now) == 0; n++ {
	}
	if n != 3 {
		t.Fatal(n)
	}
}

// A flood over other keys does not make a key's tries forgotten, and memory stays as it is.
func TestRateSurvivesAFlood(t *testing.T) {
	r := NewRate(3, time.Minute)
	for range 3 {
		r.Take("victim", 0)
	}
	for i := range 200_000 {
		r.Take(fmt.Sprint("other ", i), 0)
	}
	if r.Take("victim", 0) == 0 {
		t.Error("the flood won back tries")
	}
	if len(r.full) != Buckets {
		t.Error("the flood took memory")
	}
}
