package desk

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
)

// A Keep is how long evidence is kept and why, without the names of its bytes and key.
type Keep struct {
	State     evidence.State
	Destroy   time.Time // when the bytes go; zero while that waits for a person or a receipt, and after
	Destroyed time.Time
	Why       string // which rule set Destroy
	Law       string // "" while no lawful period runs
	Started   time.Time
	Days      int    // of the lawful period; 0 when none runs or it cannot be told any more
	Source    string // where the period stands; "" when it was set by a rule that is not configured any more
	Stop      string // legal stop; "" = none
}

// Aftermath is what became of a case.
type Aftermath struct {
	Case    review.Case // without what is sealed
	Keep    Keep
	Report  report.Report   // without what is sealed; its id is 0 when there is none
	Actions []action.Action // about the item, oldest first; then that of the report
}

// A Receipt is what is known about a report that was filed, or is on its way.
type Receipt struct {
	Report report.Report   // without what is sealed; Viewed is as the description that was sent says
	Calls  []report.Called // oldest first
	Keep   Keep
	Answer string           // what the recipient answered last, as it came; "" before it is finished
	Sent   report.Documents // as they were sent; empty before it is finished
	Gone   bool             // Answer and Sent were destroyed with the evidence
}

// maxCalls bounds how many calls a receipt shows, maxSnapshot how large a snapshot may be.
const (
	maxCalls    = 100
	maxSnapshot = 8 << 20
)

// Aftermath returns what became of a case.
func (d Desk) Aftermath(ctx context.Context, id houvast.CaseID) (Aftermath, error) {
	return read(ctx, d, func(tx *store.Tx) (a Aftermath, err error) {
		if a.Case, err = review.Get(tx, id); err != nil {
			return a, err
		}
		a.Case.Facts, a.Case.Words, a.Case.Advice, a.Case.Key = nil, nil, nil, ""
		e, err := evidence.OfCase(tx, id)
		if err != nil {
			return a, err
		}
		a.Keep = d.keep(e)
		if a.Actions, err = action.About(tx, string(a.Case.Item)); err != nil {
			return a, err
		}
		r, err := report.OfCase(tx, id)
		if houvast.KindOf(err) == houvast.NotFound {
			return a, nil
		}
		if err != nil {
			return a, err
		}
		a.Report = unsealed(r)
		files, err := action.About(tx, r.ID.String())
		a.Actions = append(a.Actions, files...)
		return a, err
	})
}

func unsealed(r report.Report) report.Report {
	r.Content, r.Receipt, r.Seal = nil, nil, ""
	return r
}

func (d Desk) keep(e evidence.Evidence) Keep {
	k := Keep{State: e.State, Destroy: e.Destroy, Destroyed: e.Destroyed, Why: e.Why, Law: e.Law, Started: e.Started, Stop: e.Stop}
	if e.Law == "" {
		return k
	}
	if in, ok := d.Install(); ok && in.Policy.Law == e.Law {
		k.Days, k.Source = in.Policy.Days, in.Policy.Source
	}
	if !e.Destroy.IsZero() { // what this evidence is really kept, whatever is configured today
		k.Days = int(e.Destroy.Sub(e.Started) / (24 * time.Hour))
	}
	return k
}

// Receipt returns what is known about the filing of a report. What was sent and answered comes from
// what was sealed then; nothing is made anew.
func (d Desk) Receipt(ctx context.Context, id houvast.ReportID) (out Receipt, err error) {
	var r report.Report
	var e evidence.Evidence
	_, err = read(ctx, d, func(tx *store.Tx) (_ bool, err error) {
		if r, err = report.Get(tx, id); err == nil {
			e, err = evidence.OfCase(tx, r.Case)
		}
		if err == nil {
			out.Calls, err = report.Calls(tx, id, maxCalls)
		}
		return true, err
	})
	if err != nil {
		return out, houvast.Wrap("desk.Receipt", err)
	}
	out.Report, out.Keep = unsealed(r), d.keep(e)
	if r.State != report.Finished {
		return out, nil
	}
	out.Answer, out.Sent, err = d.filed(ctx, r, e)
	if kind := houvast.KindOf(err); kind == houvast.Gone || kind == houvast.NotFound && e.State != evidence.Preserved {
		out.Answer, out.Sent, out.Gone, err = "", report.Documents{}, true, nil
	}
	return out, houvast.Wrap("desk.Receipt", err)
}

// filed opens the answer and the documents of a finished report; Gone once they were destroyed.
func (d Desk) filed(ctx context.Context, r report.Report, e evidence.Evidence) (answer string, sent report.Documents, err error) {
	if r.Receipt == nil || e.Snapshot == "" {
		return "", sent, houvast.Errorf("desk.filed", houvast.Gone, "", "what was filed was destroyed with the evidence")
	}
	b, err := d.Keys.OpenBytes(ctx, seal.KeyID(r.Seal), r.Receipt, []byte("receipt "+r.Case.String()))
	if err != nil {
		return "", sent, err
	}
	blob, _, err := d.Blobs.Get(ctx, e.Snapshot)
	if err != nil {
		return "", sent, err
	}
	defer blob.Close()
	plain, err := d.Keys.Open(ctx, blob, seal.KeyID(r.Seal))
	if err != nil {
		return "", sent, err
	}
	text, err := io.ReadAll(io.LimitReader(plain, maxSnapshot))
	if err != nil {
		return "", sent, err
	}
	if json.Unmarshal(text, &sent) != nil {
		return "", sent, houvast.Errorf("desk.filed", houvast.Corrupt, "", "the sealed copy of the report cannot be read")
	}
	return string(b), sent, nil
}
