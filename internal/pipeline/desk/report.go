package desk

import (
	"context"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/task"
)

// Amend adds what a person knows to a draft.
func (d Desk) Amend(ctx context.Context, ask pipeline.Ask, id houvast.ReportID, a report.Amendment) (report.State, error) {
	return d.redraft(ctx, ask, id, ask.By, a.Fields(), func(c report.Content) report.Content { return c.Amend(a) })
}

// SendBack leaves a draft a draft, with the approver's words.
func (d Desk) SendBack(ctx context.Context, ask pipeline.Ask, id houvast.ReportID, words string) (report.State, error) {
	return d.redraft(ctx, ask, id, "", nil, func(c report.Content) report.Content { c.Returned = words; return c })
}

// redraft changes the content of a draft. by is who added to what is reported; fields says what, for
// the log, and never with what was in them.
func (d Desk) redraft(ctx context.Context, ask pipeline.Ask, id houvast.ReportID, by houvast.Actor, fields map[string]string, change func(report.Content) report.Content) (report.State, error) {
	loaded, content, _, missing := d.ReportContent(ctx, id)
	var sealed []byte
	if missing == nil {
		content = change(content)
		content.Reporter = d.Settings.Reporter // who files may have been completed since the draft
		sealed, missing = d.SealContent(ctx, loaded, content)
	}
	if missing != nil && houvast.KindOf(missing) != houvast.Gone {
		return "", houvast.Wrap("pipeline.redraft", missing)
	}
	return pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (_ report.State, _ pipeline.Done, err error) {
		if missing != nil { // a repeated request is answered as before
			return "", pipeline.Done{}, missing
		}
		r := loaded // this may run more than once
		if r.Recipient == "" && len(d.Settings.Recipients) > 0 {
			if r, err = report.Address(tx, r, d.Settings.Recipients[0].Name, d.Settings.Recipients[0].Environment); err != nil {
				return "", pipeline.Done{}, err
			}
		}
		after, err := report.Change(tx, r, sealed, by)
		return after.State, pipeline.Did(id.String(), fields), err
	})
}

// Refile lets a report that waits for a person go on, or wakes one that is on its way.
func (d Desk) Refile(ctx context.Context, ask pipeline.Ask, id houvast.ReportID) (report.State, error) {
	return pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (report.State, pipeline.Done, error) {
		r, err := report.Get(tx, id)
		if err != nil {
			return "", pipeline.Done{}, err
		}
		if r.State == report.Draft {
			return "", pipeline.Done{}, houvast.Errorf("pipeline.Refile", houvast.Conflict, "wrong-state", "the report is a draft that nobody has approved").
				WithHint("a person with the role approver approves it")
		}
		if r.State == report.NeedsHuman {
			if r, err = report.Resume(tx, r); err != nil {
				return "", pipeline.Done{}, err
			}
		}
		a, err := action.ByKey(tx, "report "+r.Key)
		if err == nil && r.State != report.Finished {
			err = task.Ring(tx, a.Kind.TaskKind(), a.ID.String(), tx.Now())
		}
		return r.State, pipeline.Done{Subject: id.String()}, err
	})
}

// Retract withdraws a report that is not being finished. Its evidence is no longer waited with.
func (d Desk) Retract(ctx context.Context, ask pipeline.Ask, id houvast.ReportID) (report.State, error) {
	return pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (report.State, pipeline.Done, error) {
		r, err := report.Get(tx, id)
		if err != nil {
			return "", pipeline.Done{}, err
		}
		again := r.Withdrawn
		r, wait, err := report.Withdraw(tx, r)
		if err != nil {
			return "", pipeline.Done{}, err
		}
		if a, err := action.ByKey(tx, "report "+r.Key); err == nil && wait {
			err = task.Ring(tx, a.Kind.TaskKind(), a.ID.String(), tx.Now())
			if err != nil {
				return "", pipeline.Done{}, err
			}
		}
		c, err := review.Get(tx, r.Case)
		if err == nil && !again { // asking twice does not keep the bytes for longer
			err = d.Schedule(tx, c, tx.Now().Add(evidence.UndecidedHold))
		}
		return r.State, pipeline.Done{Subject: id.String()}, err
	})
}
