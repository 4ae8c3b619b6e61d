package desk

import (
	"context"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/item"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/task"
)

// Item returns an item.
func (d Desk) Item(ctx context.Context, id houvast.ItemID) (item.Item, error) {
	return read(ctx, d, func(tx *store.Tx) (item.Item, error) { return item.Get(tx, id) })
}

// Technical lists what could not be looked at.
func (d Desk) Technical(ctx context.Context, after time.Time, limit int) ([]item.Technical, error) {
	return read(ctx, d, func(tx *store.Tx) ([]item.Technical, error) { return item.TechnicalQueue(tx, after, limit) })
}

// Banks lists all banks.
func (d Desk) Banks(ctx context.Context) ([]bank.Bank, error) { return read(ctx, d, bank.All) }

// Case returns a case with its facts and its words opened. Facts of an ended case are empty.
func (d Desk) Case(ctx context.Context, id houvast.CaseID) (c review.Case, f houvast.Facts, words string, err error) {
	c, f, err = d.CaseFacts(ctx, id)
	if houvast.KindOf(err) == houvast.Gone {
		return c, f, "", nil
	}
	if err == nil {
		words, err = d.OpenWords(ctx, c)
	}
	return c, f, words, err
}

// Cases lists cases, oldest first.
func (d Desk) Cases(ctx context.Context, after houvast.CaseID, limit int) ([]review.Case, error) {
	return read(ctx, d, func(tx *store.Tx) ([]review.Case, error) { return review.List(tx, after, limit) })
}

// NextCase claims the next case for a reviewer, with its facts.
func (d Desk) NextCase(ctx context.Context, ask pipeline.Ask) (c review.Case, f houvast.Facts, err error) {
	id, err := pipeline.Do(ctx, d.Pipeline, pipeline.Ask{By: ask.By, Op: ask.Op}, func(tx *store.Tx) (houvast.CaseID, pipeline.Done, error) {
		c, err := review.Next(tx, ask.By)
		return c.ID, pipeline.Done{Subject: c.ID.String()}, err
	})
	if err != nil {
		return c, f, err
	}
	return d.CaseFacts(ctx, id)
}

// ExtendClaim keeps a claim, unless it was taken or kept just now; GiveBack ends it.
func (d Desk) ExtendClaim(ctx context.Context, ask pipeline.Ask, id houvast.CaseID) (time.Time, error) {
	return pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (time.Time, pipeline.Done, error) {
		c, err := review.Holds(tx, id, ask.By)
		if err != nil || c.Fresh(tx.Now()) {
			return c.ClaimEnds, pipeline.Done{Nothing: true}, err
		}
		c, err = review.Extend(tx, id, ask.By)
		return c.ClaimEnds, pipeline.Done{Subject: id.String()}, err
	})
}

// GiveBack ends a claim without a decision.
func (d Desk) GiveBack(ctx context.Context, ask pipeline.Ask, id houvast.CaseID) error {
	_, err := pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (bool, pipeline.Done, error) {
		return true, pipeline.Done{Subject: id.String()}, review.GiveBack(tx, id, ask.By)
	})
	return err
}

// Reports lists reports, oldest first.
func (d Desk) Reports(ctx context.Context, after houvast.ReportID, limit int) ([]report.Report, error) {
	return read(ctx, d, func(tx *store.Tx) ([]report.Report, error) { return report.List(tx, after, limit) })
}

// Report returns a report with its content opened, and whether the file was viewed by its reveals.
func (d Desk) Report(ctx context.Context, id houvast.ReportID) (r report.Report, c report.Content, viewed bool, err error) {
	r, c, viewed, err = d.ReportContent(ctx, id)
	if houvast.KindOf(err) == houvast.Gone {
		err = nil
	}
	return r, c, viewed, err
}

// CheckReport says what is missing in a draft.
func (d Desk) CheckReport(ctx context.Context, id houvast.ReportID) ([]report.Finding, error) {
	r, c, viewed, err := d.ReportContent(ctx, id)
	if err != nil {
		return nil, err
	}
	return report.Check(r, c, viewed, d.W.DB().Clock().Now()), nil
}

// Actions lists actions, oldest first.
func (d Desk) Actions(ctx context.Context, after houvast.ActionID, limit int) ([]action.Action, error) {
	return read(ctx, d, func(tx *store.Tx) ([]action.Action, error) { return action.List(tx, after, limit) })
}

// ApproveAction lets a proposed action happen. Reports are approved as reports, with their check.
func (d Desk) ApproveAction(ctx context.Context, ask pipeline.Ask, id houvast.ActionID) (action.State, error) {
	return pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (action.State, pipeline.Done, error) {
		a, err := action.Get(tx, id)
		if err == nil && a.Kind == action.Report {
			err = houvast.Errorf("pipeline.ApproveAction", houvast.Conflict, "wrong-state", "a report is approved as a report")
		}
		if err != nil {
			return "", pipeline.Done{}, err
		}
		a, err = action.Approve(tx, id, ask.By, d.Settings.SelfApproval)
		return a.State, pipeline.Did(id.String(), map[string]string{"kind": string(a.Kind)}), err
	})
}

// DropAction ends a proposed action.
func (d Desk) DropAction(ctx context.Context, ask pipeline.Ask, id houvast.ActionID) error {
	_, err := pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (bool, pipeline.Done, error) {
		a, err := action.Get(tx, id)
		if err == nil && a.Kind == action.Report {
			err = houvast.Errorf("desk.DropAction", houvast.Conflict, "wrong-state", "a report is withdrawn as a report").
				WithHint("retract the report instead")
		}
		if err == nil {
			a, err = action.Drop(tx, id, ask.By)
		}
		return true, pipeline.Did(id.String(), map[string]string{"kind": string(a.Kind)}), err
	})
	return err
}

// Evidence lists evidence, oldest first.
func (d Desk) Evidence(ctx context.Context, after houvast.EvidenceID, limit int) ([]evidence.Evidence, error) {
	return read(ctx, d, func(tx *store.Tx) ([]evidence.Evidence, error) { return evidence.List(tx, after, limit) })
}

// Events returns what happened after a line of the log, content-free.
func (d Desk) Events(ctx context.Context, after int64, limit int) ([]audit.Event, error) {
	return read(ctx, d, func(tx *store.Tx) ([]audit.Event, error) { return audit.Events(tx, after, limit) })
}

// Counts is how much there is of what, for doctor and the demo.
type Counts struct {
	Items     map[houvast.ItemState]int `json:"items"`
	Cases     map[review.State]int      `json:"cases"`
	Reports   map[report.State]int      `json:"reports"`
	Evidence  map[evidence.State]int    `json:"evidence"`
	Tasks     map[string]int            `json:"tasks"`
	Technical int                       `json:"technical"`
}

// Counts counts.
func (d Desk) Counts(ctx context.Context) (Counts, error) {
	return read(ctx, d, func(tx *store.Tx) (n Counts, err error) {
		for _, load := range []func() error{
			func() error { n.Items, err = item.CountByState(tx); return err },
			func() error { n.Cases, err = review.CountByState(tx); return err },
			func() error { n.Reports, err = report.CountByState(tx); return err },
			func() error { n.Evidence, err = evidence.CountByState(tx); return err },
			func() error { n.Tasks, err = task.Waiting(tx); return err },
		} {
			if err := load(); err != nil {
				return n, err
			}
		}
		n.Technical = n.Items[houvast.ItemCouldNotLook]
		return n, nil
	})
}
