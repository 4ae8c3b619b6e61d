package keeping_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/console/keeping"
	"github.com/houvast/houvast/internal/store"
)

// A reader counts how often the log of a rig was read, and may fail at it.
type reader struct {
	n    int
	fail error
}

// The page of the checks shows what the last verification found and when. It has the log read only when
// somebody asks, and not again at once; the page of an auditor reads it each time.
func TestDoctorVerifies(t *testing.T) {
	var readers sync.Map
	each(t, func(r *consoletest.Rig, k *keeping.Pages) {
		read, of := k.AuditVerify, &reader{}
		readers.Store(r, of)
		k.VerifyEvery(time.Second)
		k.AuditVerify = func(ctx context.Context) (audit.Result, error) {
			if of.n++; of.fail != nil {
				return audit.Result{}, of.fail
			}
			return read(ctx)
		}
	}, func(r *consoletest.Rig, ada, otto *consoletest.Visitor) {
		t := r.T
		v, _ := readers.Load(r)
		of := v.(*reader)
		asked := func(what string, reads int) {
			t.Helper()
			got := ada.Get("/console/doctor?verify=yes")
			if status(t, what, got, 303); got.Location != "/console/doctor" || of.n != reads {
				t.Errorf("%s: went to %q, and the log was read %d times, not %d", what, got.Location, of.n, reads)
			}
		}
		says(t, "never asked", sees(t, ada, "/console/doctor"), "It has not been verified since the last start.", "Everything that must hold holds")
		if of.n != 0 {
			t.Errorf("the first page read the log %d times", of.n)
		}
		asked("asked", 1)
		asked("asked again at once", 1)
		page := sees(t, ada, "/console/doctor")
		says(t, "sound", page, "The log is sound", "Last verified 2027-03-01 09:00 UTC")
		silent(t, "sound", page, "fail-text", "/console/audit/verify")

		seq := newestLine(r)
		if err := r.W.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec("UPDATE audit_line SET actor = 'user:mallory' WHERE seq = $1", seq)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		r.Clock.Pass(time.Second)
		says(t, "not asked", sees(t, ada, "/console/doctor"), "The log is sound", "Last verified 2027-03-01 09:00 UTC")
		asked("when it is due", 2)
		says(t, "changed", sees(t, ada, "/console/doctor"), "1 check fails", "The log is not what was signed", "Last verified 2027-03-01 09:00 UTC")

		r.Clock.Pass(time.Second)
		of.fail = errors.New("<script>alert(1)</script> broke")
		asked("unreadable", 3)
		page = sees(t, ada, "/console/doctor")
		says(t, "unreadable", page, "1 check fails", "The log could not be read", "<script>alert(1)</script> broke")
		silent(t, "unreadable", page, "The log is sound")
		status(t, "unreadable, for the auditor", otto.Get("/console/audit/verify"), 500)

		of.fail = nil
		page = sees(t, otto, "/console/doctor")
		silent(t, "the auditor's way", page, "?verify=yes")
		says(t, "the auditor reads it at once", sees(t, otto, "/console/audit/verify"), "The log is not what was signed")
		if of.n != 5 {
			t.Errorf("the log was read %d times, not 5", of.n)
		}
	})
}

// The page of the checks waits for no verification: while one runs it says so.
func TestDoctorDoesNotWait(t *testing.T) {
	var gates sync.Map
	each(t, func(r *consoletest.Rig, k *keeping.Pages) {
		inside, leave := make(chan bool), make(chan bool)
		gates.Store(r, [2]chan bool{inside, leave})
		k.AuditVerify = func(context.Context) (audit.Result, error) {
			inside <- true
			<-leave
			return audit.Result{Lines: 3}, nil
		}
	}, func(r *consoletest.Rig, ada, otto *consoletest.Visitor) {
		v, _ := gates.Load(r)
		gate := v.([2]chan bool)
		done := make(chan consoletest.Reply)
		go func() { done <- otto.Get("/console/audit/verify") }()
		<-gate[0]
		says(r.T, "while it runs", sees(r.T, ada, "/console/doctor"), "Is being verified since 2027-03-01 09:00 UTC", "Everything that must hold holds")
		status(r.T, "asked while it runs", ada.Get("/console/doctor?verify=yes"), 303)
		gate[1] <- true
		says(r.T, "the auditor", <-done, "The log is sound")
		silent(r.T, "afterwards", sees(r.T, ada, "/console/doctor"), "Is being verified")
	})
}

func newestLine(r *consoletest.Rig) int64 {
	r.T.Helper()
	return r.Number("SELECT MAX(seq) FROM audit_line")
}
