package access

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access/password"
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
		d.gate.names = password.NewRate(1000, time.Hour)
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
func cheap() password.Hash {
	h, ok := password.Parse("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	if !ok {
		panic("the cheap hash is not well-formed")
	}
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
		d.gate.slots = password.NewSlots(1, 0)
		stop, began := make(chan struct{}), make(chan struct{})
		go d.gate.slots.Run(context.Background(), func() { close(began); <-stop })
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
		d.gate.slots = password.NewSlots(1, 0)
		if err := d.verify("anna", goodPassword, "here"); err != nil {
			d.Error(err)
		}
	})
}

// What all buckets win back is more than can be computed, at a generous 200 hashes a second, so that
// a flood over random names cannot close every name.
func TestTriesComeBackFasterThanAFlood(t *testing.T) {
	for _, every := range []time.Duration{nameEvery, clientEvery} {
		if won := float64(password.Buckets) / every.Seconds(); won < 200 {
			t.Errorf("all buckets together win back %.0f tries a second", won)
		}
	}
}
