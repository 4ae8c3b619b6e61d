package pipeline

import (
	"context"
	"encoding/json"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/fault"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/task"
)

// Outcome is what a decision or its confirmation leads to; it holds no facts.
type Outcome struct {
	Case   houvast.CaseID   `json:"case"`
	State  review.State     `json:"state"`
	Report houvast.ReportID `json:"report,omitzero"`
}

// Decide records a reviewer's verdict and carries out what follows from it, unless a second person
// must agree first.
func (p *Pipeline) Decide(ctx context.Context, ask Ask, id houvast.CaseID, v review.Verdict) (Outcome, error) {
	_, facts, missing := p.CaseFacts(ctx, id)
	if missing != nil && houvast.KindOf(missing) != houvast.Gone {
		return Outcome{}, houvast.Wrap("pipeline.Decide", missing)
	}
	return Do(ctx, p, ask, func(tx *store.Tx) (out Outcome, done Done, err error) {
		if missing != nil { // what was asked before is answered as before, also when the facts are gone
			return out, done, missing
		}
		c, err := review.Get(tx, id)
		if err != nil {
			return out, done, err
		}
		if v.Role == "" && v.Decision == houvast.DecideDrawn && p.Settings.Drawn.Report {
			return out, done, review.RoleMissing()
		}
		words, err := p.sealWords(ctx, c, v.Words)
		if err != nil {
			return out, done, err
		}
		if c, err = review.Decide(tx, id, ask.By, v, words, review.Tagged(facts)); err != nil {
			return out, done, err
		}
		done = Did(id.String(), map[string]string{"decision": string(v.Decision), "role": string(v.Role), "state": string(c.State)})
		out, err = p.follow(ctx, tx, c, facts, v)
		return out, done, err
	})
}

// Confirm records what the second person said about the decision that they read (its review.Case.Version;
// 0 = as it stands; another one is refused). When they agree, what follows from
// it happens now; when not, the case goes back to the queue. said, when not empty, joins the
// conversation about the case.
func (p *Pipeline) Confirm(ctx context.Context, ask Ask, id houvast.CaseID, read int64, agree bool, said string) (Outcome, error) {
	c, facts, missing := p.CaseFacts(ctx, id)
	var words string
	if missing == nil {
		words, missing = p.OpenWords(ctx, c)
	}
	if missing != nil && houvast.KindOf(missing) != houvast.Gone {
		return Outcome{}, houvast.Wrap("pipeline.Confirm", missing)
	}
	return Do(ctx, p, ask, func(tx *store.Tx) (out Outcome, done Done, err error) {
		if missing != nil {
			return out, done, missing
		}
		c, err := review.Confirm(tx, id, ask.By, read, agree, p.Settings.SelfApproval)
		if err != nil {
			return out, done, err
		}
		if said != "" {
			kind := map[bool]review.NoteKind{true: review.NoteAgreed, false: review.NoteSentBack}[agree]
			if c.Advice, err = p.Remark(ctx, c, review.Note{Kind: kind, By: ask.By, At: tx.Now(), Words: said}); err == nil {
				err = review.SetAdvice(tx, id, c.Advice)
			}
			if err != nil {
				return out, done, err
			}
		}
		answer := map[bool]string{true: "agreed", false: "sent back"}[agree]
		done = Did(id.String(), map[string]string{"answer": answer, "state": string(c.State)})
		v := review.Verdict{Decision: c.Decision, Role: c.Role, Pressure: c.Pressure, Words: words, Observations: c.Observed}
		out, err = p.follow(ctx, tx, c, facts, v)
		return out, done, err
	})
}

func (p *Pipeline) sealWords(ctx context.Context, c review.Case, words string) ([]byte, error) {
	if words == "" {
		return nil, nil
	}
	return p.Keys.SealBytes(ctx, seal.KeyID(c.Key), []byte(words), []byte("words "+c.ID.String()))
}

// OpenWords opens what a person wrote about a case.
func (p *Pipeline) OpenWords(ctx context.Context, c review.Case) (string, error) {
	if c.Words == nil {
		return "", nil
	}
	b, err := p.Keys.OpenBytes(ctx, seal.KeyID(c.Key), c.Words, []byte("words "+c.ID.String()))
	return string(b), err
}

// Advice opens the conversation about a case; it is empty once its key is destroyed.
func (p *Pipeline) Advice(ctx context.Context, c review.Case) (review.Conversation, error) {
	if c.Advice == nil {
		return nil, nil
	}
	b, err := p.Keys.OpenBytes(ctx, seal.KeyID(c.Key), c.Advice, []byte("advice "+c.ID.String()))
	if houvast.KindOf(err) == houvast.Gone {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return review.ParseConversation(b)
}

// Remark returns the sealed conversation about a case with one more note.
func (p *Pipeline) Remark(ctx context.Context, c review.Case, n review.Note) ([]byte, error) {
	all, err := p.Advice(ctx, c)
	if err == nil {
		all, err = all.Add(n)
	}
	if err != nil {
		return nil, err
	}
	b, err := all.Marshal()
	if err != nil {
		return nil, err
	}
	return p.Keys.SealBytes(ctx, seal.KeyID(c.Key), b, []byte("advice "+c.ID.String()))
}

// follow carries out the consequence of a decision, in the transaction that recorded it.
func (p *Pipeline) follow(ctx context.Context, tx *store.Tx, c review.Case, f houvast.Facts, v review.Verdict) (Outcome, error) {
	out := Outcome{Case: c.ID, State: c.State}
	if c.State != review.Decided {
		return out, nil
	}
	cons := review.ConsequenceOf(c.Decision).Resolve(v, p.Settings.Drawn)
	if err := p.followEvidence(tx, c, cons); err != nil {
		return out, err
	}
	if cons.Report == review.ReportDraft || cons.Report == review.ReportEscalated {
		r, err := p.draft(ctx, tx, c, f, v)
		if err != nil {
			return out, err
		}
		out.Report = r.ID
	}
	if err := p.followPlatform(tx, c, cons); err != nil {
		return out, err
	}
	if cons.FlagEntry && len(f.Matches) > 0 {
		if err := bank.Flag(tx, f.Matches[0].Entry); err != nil {
			return out, err
		}
	}
	if cons.Alarm && c.Decision == houvast.DecideUrgent {
		return out, p.alarm(tx, c, "a person says that a child is in danger now")
	}
	return out, nil
}

func (p *Pipeline) followEvidence(tx *store.Tx, c review.Case, cons review.Consequence) error {
	switch cons.Evidence {
	case review.EvidenceWait:
		_, err := evidence.Wait(tx, c.ID)
		return err
	case review.EvidenceDestroy:
		return p.Schedule(tx, c, tx.Now().Add(p.Settings.Undo))
	case review.EvidenceHold:
		return p.Schedule(tx, c, tx.Now().Add(cons.Hold))
	}
	return houvast.Errorf("pipeline.follow", houvast.Internal, "", "decision %s has an evidence effect that nobody carries out", c.Decision)
}

// Schedule sets when the bytes of a case go, and rings for then.
func (p *Pipeline) Schedule(tx *store.Tx, c review.Case, at time.Time) error {
	e, err := evidence.Schedule(tx, c.ID, at, string(c.Decision))
	if err != nil {
		return err
	}
	return task.Ring(tx, TaskExpire, e.ID.String(), at)
}

// proposeShown proposes what the platform should do with the item of a case. It waits for whatever
// hid or showed the item last: what overtook that would be undone by it.
func proposeShown(tx *store.Tx, c review.Case, kind action.Kind, why string, payload map[string]any, by houvast.Actor) error {
	earlier, err := action.About(tx, string(c.Item))
	if err != nil {
		return err
	}
	var last houvast.ActionID
	for _, a := range earlier {
		if a.Kind == action.Withhold || a.Kind == action.Release {
			last = a.ID
		}
	}
	_, err = action.Propose(tx, action.Proposal{Kind: kind, Key: string(kind) + " " + why + " " + c.ID.String(),
		Subject: string(c.Item), Payload: payload, After: last, By: by})
	return err
}

// followPlatform proposes to the platform what the decision says.
func (p *Pipeline) followPlatform(tx *store.Tx, c review.Case, cons review.Consequence) (err error) {
	propose := func(kind action.Kind, payload map[string]any) error {
		return proposeShown(tx, c, kind, "decided", payload, c.DecidedBy)
	}
	var keep = map[string]any{"decision": "kept withheld"}
	switch cons.Platform {
	case review.PlatformRemove:
		if err = propose(action.Withhold, keep); err == nil {
			err = propose(action.Remove, map[string]any{"protective": false})
		}
	case review.PlatformProtect:
		if err = propose(action.Withhold, keep); err == nil {
			err = propose(action.Remove, map[string]any{"protective": true, "ban": false, "help_card": cons.HelpCard})
		}
	case review.PlatformWithheld, review.PlatformReleaseEnd:
		err = propose(action.Withhold, keep)
	case review.PlatformRelease:
		err = propose(action.Release, map[string]any{})
	default:
		err = houvast.Errorf("pipeline.follow", houvast.Internal, "", "decision %s has a platform effect that nobody carries out", c.Decision)
	}
	if err != nil {
		return err
	}
	return review.SetWithheld(tx, c.ID, time.Time{})
}

// alarm calls for a person at once: a line in the audit log and an error in the program's log, which
// an operator forwards to whoever is on call.
func (p *Pipeline) alarm(tx *store.Tx, c review.Case, why string) error {
	p.Log.Error("alarm", "case", c.ID.String(), "why", why)
	return note(tx, "review", "case.alarm", c.ID.String(), map[string]string{"why": why})
}

// draft makes the report of a case. Its content is sealed under the key of the case's evidence, so
// that both end together.
func (p *Pipeline) draft(ctx context.Context, tx *store.Tx, c review.Case, f houvast.Facts, v review.Verdict) (report.Report, error) {
	content := report.NewContent(report.Content{Reporter: p.Settings.Reporter, Facts: f, Decision: c.Decision, Role: v.Role,
		Pressure: v.Pressure, Observations: v.Observations, DecidedAt: tx.Now()})
	if c.Decision == houvast.DecideUrgent {
		content.Words = v.Words
	}
	if in, ok := p.Install(); ok {
		content.RetainDays = in.Policy.Days
	}
	r := report.Report{Subject: c.Subject, Incident: c.Incident, Case: c.ID, Seal: c.Key, DraftedBy: c.DecidedBy}
	if len(p.Settings.Recipients) > 0 {
		r.Recipient, r.Environment = p.Settings.Recipients[0].Name, p.Settings.Recipients[0].Environment
	}
	var err error
	if r.Content, err = p.SealContent(ctx, r, content); err != nil {
		return r, err
	}
	if r, err = report.NewDraft(tx, r); err != nil {
		return r, err
	}
	return r, note(tx, "report", "report.draft", r.ID.String(), map[string]string{"case": c.ID.String(), "recipient": r.Recipient, "environment": string(r.Environment)})
}

// SealContent seals what a report is made of.
func (p *Pipeline) SealContent(ctx context.Context, r report.Report, c report.Content) ([]byte, error) {
	text, err := c.Marshal()
	if err != nil {
		return nil, err
	}
	return p.Keys.SealBytes(ctx, seal.KeyID(r.Seal), text, []byte("report "+r.Case.String()))
}

// OpenContent opens what SealContent sealed; Gone once it was destroyed.
func (p *Pipeline) OpenContent(ctx context.Context, r report.Report) (report.Content, error) {
	if r.Content == nil {
		return report.Content{}, houvast.Errorf("pipeline.OpenContent", houvast.Gone, "", "the content of the report was destroyed with its evidence")
	}
	text, err := p.Keys.OpenBytes(ctx, seal.KeyID(r.Seal), r.Content, []byte("report "+r.Case.String()))
	if err != nil {
		return report.Content{}, err
	}
	return report.ParseContent(text)
}

// CaseFacts loads a case and opens its facts.
func (p *Pipeline) CaseFacts(ctx context.Context, id houvast.CaseID) (c review.Case, f houvast.Facts, err error) {
	err = p.W.DB().View(ctx, func(tx *store.Tx) (err error) {
		c, err = review.Get(tx, id)
		return err
	})
	if err != nil {
		return c, f, err
	}
	f, err = p.openFacts(ctx, c)
	return c, f, err
}

func (p *Pipeline) openFacts(ctx context.Context, c review.Case) (f houvast.Facts, err error) {
	if c.Facts == nil {
		return f, houvast.Errorf("pipeline.openFacts", houvast.Gone, "", "the facts of the case were destroyed with its evidence")
	}
	text, err := p.Keys.OpenBytes(ctx, seal.KeyID(c.Key), c.Facts, []byte(c.ID.String()))
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(text, &f)
}

// withholdEnds releases an item whose withhold has run out while nobody decided.
func (p *Pipeline) withholdEnds(ctx context.Context, bell task.Bell) error {
	id, err := houvast.ParseID[houvast.CaseNoun](bell.Subject)
	if err != nil {
		return err
	}
	err = p.W.Update(ctx, func(tx *store.Tx) error {
		c, err := review.Get(tx, id)
		if err != nil {
			return err
		}
		if c.State == review.Decided || c.Withheld.IsZero() || tx.Now().Before(c.Withheld) {
			return bell.Done(tx)
		}
		err = proposeShown(tx, c, action.Release, "expired", map[string]any{"reason": "the withhold ran out before a decision"}, houvast.SystemActor("policy"))
		if err != nil {
			return err
		}
		if err := review.SetWithheld(tx, c.ID, time.Time{}); err != nil {
			return err
		}
		if err := note(tx, "review", "case.withhold-expired", c.ID.String(), nil); err != nil {
			return err
		}
		return bell.Done(tx)
	})
	fault.Point("withheld.ended")
	return err
}
