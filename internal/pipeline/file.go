package pipeline

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/fault"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/task"
)

// Approve lets a report be filed as the approver read it (version; 0 = as it stands), when its check
// blocks nothing. The action that files it is approved in the same transaction.
func (p *Pipeline) Approve(ctx context.Context, ask Ask, id houvast.ReportID, version int64) (report.State, error) {
	r, content, viewed, missing := p.ReportContent(ctx, id)
	if missing != nil && houvast.KindOf(missing) != houvast.Gone {
		return "", houvast.Wrap("pipeline.Approve", missing)
	}
	return Do(ctx, p, ask, func(tx *store.Tx) (report.State, Done, error) {
		if missing != nil {
			return "", Done{}, missing
		}
		if version != 0 && version != r.Version {
			return "", Done{}, houvast.Errorf("pipeline.Approve", houvast.Conflict, "wrong-state", "the report was changed since you read it").
				WithHint("read it again, then approve it")
		}
		findings := report.Check(r, content, viewed, tx.Now())
		r, err := report.Approve(tx, r, findings, viewed, ask.By, p.Settings.SelfApproval)
		if err != nil {
			return "", Done{}, err
		}
		file, err := action.Propose(tx, action.Proposal{Kind: action.Report, Key: "report " + r.Key, Subject: r.ID.String(), Payload: map[string]any{}, By: r.DraftedBy})
		if err == nil {
			_, err = action.Approve(tx, file, ask.By, p.Settings.SelfApproval)
		}
		return r.State, Did(r.ID.String(), map[string]string{"recipient": r.Recipient, "environment": string(r.Environment), "viewed": yesNo(viewed)}), err
	})
}

func yesNo(b bool) string { return map[bool]string{true: "yes", false: "no"}[b] }

// fileReport is the sender of actions of kind report: it walks the report until it is finished. Each
// state is persisted before its call; called again after a crash, it goes on where that left it.
func (p *Pipeline) fileReport(ctx context.Context, a action.Action) (string, error) {
	const op = "pipeline.fileReport"
	id, err := houvast.ParseID[houvast.ReportNoun](a.Subject)
	if err != nil {
		return "", err
	}
	r, content, viewed, err := p.ReportContent(ctx, id)
	if err != nil {
		return "", houvast.Wrap(op, err)
	}
	for {
		switch r.State {
		case report.Finished:
			return "finished", nil
		case report.Retracted:
			return "", houvast.Errorf(op, houvast.Gone, "", "the report was withdrawn")
		case report.NeedsHuman:
			return "", houvast.Errorf(op, houvast.Unavailable, "report-needs-human", "the report waits for a person: %s", r.Trouble)
		}
		var wait bool
		r, wait, err = p.step(ctx, r, content, viewed)
		if houvast.KindOf(err) == houvast.Conflict { // somebody withdrew it meanwhile: go on from there
			return "", houvast.Errorf(op, houvast.Unavailable, "report-changed", "the report was changed while it was being filed: %w", err)
		}
		if err != nil {
			return "", houvast.Wrap(op, err)
		}
		if wait {
			return "", houvast.Errorf(op, houvast.Unavailable, "recipient-unavailable", "the recipient could not be reached; the report is %s", r.State)
		}
	}
}

// step makes one call: state, call, answer.
func (p *Pipeline) step(ctx context.Context, r report.Report, c report.Content, viewed bool) (after report.Report, wait bool, err error) {
	to, ok := p.recipient(r)
	if !ok {
		return r, false, houvast.Errorf("pipeline.step", houvast.Unavailable, "recipient-unknown", "no recipient %s for %s is configured", r.Recipient, r.Environment).
			WithHint("the configuration must name the recipient that the report was drafted for")
	}
	snapshot := ""
	if r.State == report.Described {
		if snapshot, err = p.snapshot(ctx, r, c); err != nil {
			return r, false, err
		}
		fault.Point("file.snapshot")
	}
	var call report.Step
	err = p.W.Update(ctx, func(tx *store.Tx) (err error) {
		if snapshot != "" {
			if err := evidence.SetSnapshot(tx, r.Case, snapshot); err != nil {
				return err
			}
		}
		after, call, err = report.Next(tx, r)
		return err
	})
	if err != nil || call == "" {
		return r, true, err
	}
	reply := report.Call(ctx, to.Client, call, after, c, viewed, func(ctx context.Context) (io.ReadCloser, int64, error) { return p.Original(ctx, r.Case) })
	return p.answered(ctx, after, reply)
}

// answered records what a call brought back. When that is the receipt, the lawful period begins in
// the same transaction.
func (p *Pipeline) answered(ctx context.Context, r report.Report, reply report.Reply) (after report.Report, wait bool, err error) {
	receipt, err := p.Keys.SealBytes(ctx, seal.KeyID(r.Seal), cut(reply.Answer.Raw), []byte("receipt "+r.Case.String()))
	if err != nil {
		return r, false, err
	}
	if reply.Err != nil {
		p.Log.Warn("a call to the recipient did not succeed", "report", r.ID.String(), "call", string(reply.Call), "outcome", reply.Answer.Outcome.String(), "error", reply.Err)
	}
	err = p.W.Update(context.WithoutCancel(ctx), func(tx *store.Tx) (err error) {
		if after, wait, err = report.Answered(tx, r, reply, receipt); err != nil {
			return err
		}
		switch after.State {
		case report.Finished:
			return p.filed(tx, after)
		case report.NeedsHuman:
			return note(tx, "report", "report.needs-human", r.ID.String(), map[string]string{"trouble": cutText(after.Trouble)})
		}
		return nil
	})
	fault.Point("file.answered")
	return after, wait, err
}

func cut(b []byte) []byte { return b[:min(len(b), 60<<10)] }

func cutText(s string) string { return s[:min(len(s), 400)] }

// filed starts the lawful period and tells the log.
func (p *Pipeline) filed(tx *store.Tx, r report.Report) error {
	in, ok := p.Install()
	if !ok {
		return houvast.Errorf("pipeline.filed", houvast.Internal, "", "a report was finished in an installation without a profile")
	}
	e, err := evidence.Preserve(tx, r.Case, in.Policy, r.Finished)
	if err != nil {
		return err
	}
	if err := task.Ring(tx, TaskExpire, e.ID.String(), e.Destroy); err != nil {
		return err
	}
	return note(tx, "report", "report.finished", r.ID.String(), map[string]string{"environment": string(r.Environment),
		"recipient": r.Recipient, "viewed": yesNo(r.Viewed), "law": in.Policy.Law, "preserved_until": e.Destroy.Format(time.RFC3339)})
}

func (p *Pipeline) recipient(r report.Report) (Recipient, bool) {
	for _, to := range p.Settings.Recipients {
		if to.Name == r.Recipient && to.Environment == r.Environment {
			return to, true
		}
	}
	return Recipient{}, false
}

// snapshot seals the documents as they are sent, before the call that cannot be taken back.
func (p *Pipeline) snapshot(ctx context.Context, r report.Report, c report.Content) (name string, err error) {
	docs, err := report.DocumentsOf(r, c)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(docs)
	if err != nil {
		return "", err
	}
	name = houvast.RandomText("s", 26)
	return name, p.Blobs.Put(ctx, name, func(w io.Writer) error {
		sealed, err := p.Keys.Seal(ctx, w, seal.KeyID(r.Seal))
		if err != nil {
			return err
		}
		if _, err := sealed.Write(text); err != nil {
			return err
		}
		return sealed.Close()
	})
}

// Original opens the bytes of a case for its recipient.
func (p *Pipeline) Original(ctx context.Context, id houvast.CaseID) (io.ReadCloser, int64, error) {
	var e evidence.Evidence
	err := p.W.DB().View(ctx, func(tx *store.Tx) (err error) {
		e, err = evidence.OfCase(tx, id)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	blob, _, err := p.Blobs.Get(ctx, e.Blob)
	if err != nil {
		return nil, 0, err
	}
	plain, err := p.Keys.Open(ctx, blob, seal.KeyID(e.Key))
	if err != nil {
		blob.Close()
		return nil, 0, err
	}
	return struct {
		io.Reader
		io.Closer
	}{plain, blob}, e.Bytes, nil
}

// ReportContent loads a report, opens its content and says whether the file was viewed: as the recorded
// reveals say of a draft, and as it was approved from then on.
func (p *Pipeline) ReportContent(ctx context.Context, id houvast.ReportID) (r report.Report, c report.Content, viewed bool, err error) {
	err = p.W.DB().View(ctx, func(tx *store.Tx) (err error) {
		if r, err = report.Get(tx, id); err != nil {
			return err
		}
		if viewed = r.Viewed; !r.Settled() {
			viewed, err = review.Viewed(tx, r.Case)
		}
		return err
	})
	if err != nil {
		return r, c, viewed, err
	}
	c, err = p.OpenContent(ctx, r)
	return r, c, viewed, err
}
