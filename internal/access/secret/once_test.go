package secret

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/houvast/houvast/internal/store/storetest"
)

func newOnce() (*Once, *storetest.Clock) {
	clock := storetest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	return NewOnce(clock), clock
}

func TestOnce(t *testing.T) {
	o, clock := newOnce()
	a, b := o.Issue("setup", time.Hour), o.Issue("user:anna", time.Minute)
	if a == b || len(a) != len(oncePrefix)+1+RandomLen {
		t.Fatal("two tokens are the same, or have another shape")
	}
	for _, v := range []Secret{"", a + "0", a[:len(a)-1], " " + a[1:], Secret(strings.ToUpper(string(a))), Secret(strings.Repeat("0", len(a))),
		Secret(strings.Repeat("a", 1<<20)), Secret(a.Digest()), New(oncePrefix)} {
		if what, ok := o.Look(v); ok || what != "" {
			t.Errorf("%d bytes that are no token are for %q", len(v), what)
		}
		if _, ok := o.Take(v); ok {
			t.Errorf("%d bytes that are no token were taken", len(v))
		}
	}
	for range 3 { // looking leaves it
		if what, ok := o.Look(a); !ok || what != "setup" {
			t.Fatal(what, ok)
		}
	}
	if what, ok := o.Take(a); !ok || what != "setup" {
		t.Fatal(what, ok)
	}
	if _, ok := o.Take(a); ok {
		t.Error("a token worked twice")
	}
	if _, ok := o.Look(a); ok {
		t.Error("a token that was taken is still shown")
	}
	clock.Pass(time.Minute - 1)
	if what, ok := o.Look(b); !ok || what != "user:anna" {
		t.Error("just before its end:", what, ok)
	}
	clock.Pass(1)
	if _, ok := o.Look(b); ok {
		t.Error("shown at its end")
	}
	if _, ok := o.Take(b); ok || len(o.open) != 0 {
		t.Error("taken at its end, or kept after it")
	}
}

// Of many callers at once one gets it.
func TestOnceIsOnce(t *testing.T) {
	o, _ := newOnce()
	token := o.Issue("setup", time.Hour)
	var got atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, ok := o.Take(token); ok {
				got.Add(1)
			}
		})
	}
	wg.Wait()
	if got.Load() != 1 {
		t.Errorf("%d callers got it", got.Load())
	}
}

// Memory stays bounded, what ends first goes first, and no token is kept in clear.
func TestOnceKeepsLittle(t *testing.T) {
	o, _ := newOnce()
	first := o.Issue("first", time.Hour)
	short := o.Issue("short", time.Minute)
	for i := range MaxOnce - 1 {
		o.Issue(fmt.Sprint(i), time.Hour)
	}
	if _, ok := o.Look(short); ok || len(o.open) != MaxOnce {
		t.Errorf("%d are kept, the one that ends first: %v", len(o.open), ok)
	}
	if _, ok := o.Look(first); !ok {
		t.Error("another one made room")
	}
	text := fmt.Sprintf("%+v %#v", o.open, o.open)
	if strings.Contains(text, string(first[len(oncePrefix)+1:])) {
		t.Error("a token is kept")
	}
	if !strings.Contains(text, "first") {
		t.Error("control: the text shows nothing that is kept")
	}
}
