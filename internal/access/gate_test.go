package access

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

func (d desk) verify(name string, pw Secret, client string) error {
	ctx, cancel := context.WithTimeout(d.Context(), 30*time.Second)
	defer cancel()
	_, err := d.gate.Verify(ctx, d.w.DB(), name, pw, client)
	return err
}

// tries counts wrong tries until the gate closes; at most n.
func (d desk) tries(name string, client func(i int) string, n int) int {
	d.Helper()
	for i := range n {
		switch err := d.verify(name, "a wrong password", client(i)); houvast.CodeOf(err) {
		case "wrong-login":
		case "too-many-tries":
			return i
		default:
			d.Fatalf("try %d: %v", i, err)
		}
	}
	return n
}

func same(client string) func(int) string { return func(int) string { return client } }
func fresh(i int) string                  { return fmt.Sprint("client ", i) }

func TestLogin(t *testing.T) {
	each(t, func(d desk) {
		d.user("keeper", Admin)
		hash, err := d.gate.Hash(d.Context(), "anna", goodPassword)
		if err != nil {
			d.Fatal(err)
		}
		var u User
		d.update(func(tx *store.Tx) (err error) {
			u, err = AddUser(tx, NewUser{"anna", []Role{Reviewer}, hash})
			return err
		})
		for _, name := range []string{"anna", "ANNA"} {
			if err := d.verify(name, goodPassword, "here"); err != nil {
				d.Error(name, err)
			}
		}
		d.update(func(tx *store.Tx) error { return DisableUser(tx, d.user2(tx, "gone").ID) })
		// Whoever does not get in learns nothing about why.
		var first string
		for _, c := range []struct {
			name string
			pw   Secret
		}{
			{"anna", "a wrong password"}, {"anna", ""}, {"anna", goodPassword + "\x00"}, {"anna", hash},
			{"nobody", goodPassword}, {"gone", goodPassword}, {"", goodPassword}, {"an na", goodPassword},
			{"anna", Secret(make([]byte, MaxPasswordBytes+1))}, {string(make([]byte, 5000)), goodPassword},
		} {
			err := d.verify(c.name, c.pw, "here")
			said := fmt.Sprintf("%v %s %s %s", err, houvast.KindOf(err), houvast.CodeOf(err), houvast.HintOf(err))
			if first == "" {
				first = said
			}
			if houvast.CodeOf(err) != "wrong-login" || houvast.KindOf(err) != houvast.Unauthenticated || said != first {
				d.Errorf("%.20q: %s", c.name, said)
			}
		}
		if _, err := d.gate.Hash(d.Context(), "anna", "short"); houvast.CodeOf(err) != "bad-password" {
			d.Error(err)
		}
		d.update(func(tx *store.Tx) error {
			_, err := tx.Exec("UPDATE access_user SET password = 'x' WHERE id = $1", u.ID)
			return err
		})
		if err := d.verify("anna", goodPassword, "here"); houvast.KindOf(err) != houvast.Corrupt {
			d.Error(err)
		}
	})
}

func (d desk) user2(tx *store.Tx, name string) User {
	u, err := AddUser(tx, NewUser{name, []Role{Reviewer}, goodHash()})
	if err != nil {
		d.Error(err)
	}
	return u
}

// A name is closed after ten wrong tries from anywhere, known or not, and opens by itself.
func TestNameIsLimited(t *testing.T) {
	each(t, func(d desk) {
		d.user("anna", Reviewer)
		d.user("bo", Reviewer)
		d.gate.nobody = cheap()
		for _, name := range []string{"anna", "nobody"} {
			if n := d.tries(name, fresh, 50); n != nameTries {
				d.Errorf("%s: %d tries", name, n)
			}
		}
		err := d.verify("anna", goodPassword, "elsewhere")
		if houvast.KindOf(err) != houvast.Limited || houvast.HintOf(err) != "try again in 60 seconds" {
			d.Errorf("the right password while the name is closed: %v, %s", err, houvast.HintOf(err))
		}
		if err := d.verify("ANNA", goodPassword, "elsewhere"); houvast.CodeOf(err) != "too-many-tries" {
			d.Error("another spelling of the name is counted apart:", err)
		}
		if err := d.verify("bo", goodPassword, "elsewhere"); err != nil {
			d.Error("another name is closed too:", err)
		}
		d.clock.Pass(nameEvery - time.Nanosecond)
		if err := d.verify("anna", goodPassword, "elsewhere"); houvast.CodeOf(err) != "too-many-tries" {
			d.Error("it opens too early:", err)
		}
		d.clock.Pass(time.Nanosecond)
		for range 3 { // a success costs no try
			if err := d.verify("anna", goodPassword, "elsewhere"); err != nil {
				d.Error("it does not open again:", err, houvast.HintOf(err))
			}
		}
		// Control: with the limit lifted the same tries are not stopped.
		d.gate.names = newRate(1000, time.Hour)
		if n := d.tries("nobody", fresh, 50); n != 50 {
			d.Errorf("control: stopped after %d tries by something else", n)
		}
	})
}

// A client is stopped after thirty wrong tries over any names, and nobody else is.
func TestClientIsLimited(t *testing.T) {
	each(t, func(d desk) {
		d.user("anna", Reviewer)
		d.gate.nobody = cheap()
		n := 0
		for ; n < 100 && d.tries(fmt.Sprint("nobody", n), same("attacker"), 1) == 1; n++ {
		}
		if n != clientTries {
			d.Errorf("%d tries", n)
		}
		if err := d.verify("anna", goodPassword, "attacker"); houvast.CodeOf(err) != "too-many-tries" {
			d.Error(err)
		}
		if err := d.verify("anna", goodPassword, "elsewhere"); err != nil {
			d.Error(err)
		}
		d.clock.Pass(clientEvery)
		if err := d.verify("anna", goodPassword, "attacker"); err != nil {
			d.Error(err)
		}
	})
}

// cheap matches no password and costs next to nothing, for tests of counting.
func cheap() phc {
	h := nobodysPHC()
	h.cost = cost{memory: 8, passes: 1, lanes: 1}
	return h
}

// Tries at the same moment are counted before they are computed.
func TestTriesAtOnceAreCounted(t *testing.T) {
	each(t, func(d desk) {
		d.gate.nobody = cheap()
		var tried atomic.Int64
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				if houvast.CodeOf(d.verify("nobody", goodPassword, fresh(i))) == "wrong-login" {
					tried.Add(1)
				}
			})
		}
		wg.Wait()
		if tried.Load() != nameTries {
			d.Errorf("%d passwords were tried", tried.Load())
		}
	})
}

// What was not computed costs no try.
func TestBusyCostsNoTry(t *testing.T) {
	each(t, func(d desk) {
		d.user("anna", Reviewer)
		d.gate.slots = newSlots(1, 0)
		stop, began := make(chan struct{}), make(chan struct{})
		go d.gate.slots.run(context.Background(), func() { close(began); <-stop })
		<-began
		for range 3 * clientTries {
			if err := d.verify("anna", goodPassword, "here"); houvast.CodeOf(err) != "sign-in-busy" || houvast.KindOf(err) != houvast.Limited {
				d.Fatal(err)
			}
		}
		if err := d.verify("anna", Secret(make([]byte, MaxPasswordBytes+1)), "here"); houvast.CodeOf(err) != "wrong-login" {
			d.Error("a password of any length is hashed:", err)
		}
		close(stop)
		d.gate.slots = newSlots(1, 0)
		if err := d.verify("anna", goodPassword, "here"); err != nil {
			d.Error(err)
		}
	})
}

// At most two computations run at once, at most 32 more wait, and who gives up frees the place.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(atOnce, mostWaiting)
		var running, ran, busy, gaveUp atomic.Int64
		next := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 50 {
			go func() {
				mine := context.Background()
				if i%2 == 0 {
					mine = ctx
				}
				switch err := s.run(mine, func() { running.Add(1); <-next; running.Add(-1); ran.Add(1) }); houvast.KindOf(err) {
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
	r := newRate(3, time.Minute)
	now := 100 * time.Hour
	for i := range 3 {
		if w := r.take("k", now); w != 0 {
			t.Fatal(i, w)
		}
	}
	for range 5 { // asking on does not make the wait longer
		if w := r.take("k", now); w != time.Minute {
			t.Fatal(w)
		}
	}
	now += 59 * time.Second
	if w := r.take("k", now); w != time.Second {
		t.Fatal(w)
	}
	now += time.Second
	if r.take("k", now) != 0 || r.take("k", now) == 0 {
		t.Fatal("one interval wins back other than one try")
	}
	r.giveBack("k")
	if r.take("k", now) != 0 || r.take("k", now) == 0 {
		t.Fatal("what was given back is other than one try")
	}
	now += 24 * time.Hour // never more than the burst
	n := 0
	for ; r.take("k", now) == 0; n++ {
	}
	if n != 3 {
		t.Fatal(n)
	}
}

// A flood over other keys does not make a key's tries forgotten, and memory stays as it is.
func TestRateSurvivesAFlood(t *testing.T) {
	r := newRate(3, time.Minute)
	for range 3 {
		r.take("victim", 0)
	}
	for i := range 200_000 {
		r.take(fmt.Sprint("other ", i), 0)
	}
	if r.take("victim", 0) == 0 {
		t.Error("the flood won back tries")
	}
	if len(r.full) != buckets {
		t.Error("the flood took memory")
	}
	// What all buckets win back is more than can be computed, at a generous 200 hashes a second.
	for _, every := range []time.Duration{nameEvery, clientEvery} {
		if won := float64(buckets) / every.Seconds(); won < 200 {
			t.Errorf("all buckets together win back %.0f tries a second", won)
		}
	}
}
