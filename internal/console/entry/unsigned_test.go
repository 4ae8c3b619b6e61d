package entry

import (
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/store"
)

// A first start whose line could not be signed has happened: the running process knows the choice, the link
// is over, and the way on is to sign in. Before anything is committed the form comes back instead.
func TestFirstStartUnsigned(t *testing.T) {
	each(t, func(r *rig) {
		link := FirstLink(r.once, time.Hour)
		v := r.visitor()
		back := v.post(link, begun("jurisdiction", "N")...)
		if _, ok := r.Install(); ok || back.status != 400 || r.people() != 0 {
			r.Fatalf("a form with a mistake began something: %d", back.status)
		}
		r.must(r.W.Update(r.Context(), func(tx *store.Tx) error { // the log is signed by a process that does not exist
			_, err := tx.Exec("DELETE FROM lease WHERE name = 'audit'")
			if err == nil {
				_, err = tx.Exec("INSERT INTO lease (name, holder, fence, expires) VALUES ('audit', 'nobody', 1000, 4000000000000000000)")
			}
			return err
		}))
		got := v.post(link, begun("role", "reviewer")...)
		r.equal("begun", []any{got.is(), len(got.header.Values("Set-Cookie"))}, []any{"See Other /console/sign-in", 0})
		r.equal("accounts", r.people(), 1)
		in, ok := r.Install()
		r.equal("what", []any{ok, in.Profile, in.Jurisdiction, in.Policy.Days}, []any{true, "platform", "US", 365})
		if _, ok := r.once.Look(access.Secret(strings.TrimPrefix(link, "/console/start/"))); ok {
			r.Error("the link still works")
		}
		r.equal("the way on", v.get("/console/sign-in").status, 200)
		r.equal("the link again", r.visitor().get(link).status, 410)
	})
}
