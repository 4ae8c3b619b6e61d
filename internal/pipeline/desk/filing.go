package desk

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
)

// readsAll reports whether somebody may read every report; a reviewer reads those of the cases that
// they decided.
func readsAll(who access.Principal) bool {
	return slices.Contains(who.Roles, access.Approver) || slices.Contains(who.Roles, access.Auditor)
}

// MayRead refuses somebody a report that is of no case of theirs: Withheld, code report-not-yours.
func MayRead(who access.Principal, r report.Report) error {
	if readsAll(who) || r.DraftedBy == who.Actor {
		return nil
	}
	return houvast.Errorf("desk.MayRead", houvast.Withheld, "report-not-yours", "this report is of a case that you did not decide").
		WithHint("who decided the case, an approver or an auditor can read it")
}

// A ReportLine is a report in a list.
type ReportLine struct {
	Report   report.Report    // without what is sealed
	Decision houvast.Decision // of the case; "" once its content is destroyed
	Returned bool             // a draft that an approver sent back
	Blocked  bool             // a draft that its check does not let through
	Last     report.Called    // the latest call of a report in trouble
}

// ReportPage returns the reports of a part that somebody may read, after one of them; 0 begins.
func (d Desk) ReportPage(ctx context.Context, who access.Principal, part report.Part, after houvast.ReportID, limit int) (lines []ReportLine, err error) {
	by := who.Actor
	if readsAll(who) {
		by = ""
	}
	viewed, last := map[houvast.ReportID]bool{}, map[houvast.ReportID]report.Called{}
	found, err := read(ctx, d, func(tx *store.Tx) ([]report.Report, error) {
		found, err := report.Page(tx, part, by, after, limit)
		for i := 0; err == nil && i < len(found); i++ {
			var calls []report.Called
			switch part {
			case report.PartDraft:
				viewed[found[i].ID], err = review.Viewed(tx, found[i].Case)
			case report.PartTrouble:
				if calls, err = report.Calls(tx, found[i].ID, 1); len(calls) > 0 {
					last[found[i].ID] = calls[0]
				}
			}
		}
		return found, err
	})
	if err != nil {
		return nil, houvast.Wrap("desk.ReportPage", err)
	}
	for _, r := range found {
		line, err := d.line(ctx, r, viewed[r.ID])
		if err != nil {
			return nil, houvast.Wrap("desk.ReportPage", err)
		}
		line.Last = last[r.ID]
		lines = append(lines, line)
	}
	return lines, nil
}

func (d Desk) line(ctx context.Context, r report.Report, viewed bool) (ReportLine, error) {
	line := ReportLine{Report: unsealed(r)}
	content, err := d.OpenContent(ctx, r)
	if houvast.KindOf(err) == houvast.Gone {
		return line, nil
	}
	line.Decision = content.Decision
	if err == nil && r.State == report.Draft {
		line.Returned = content.Returned != ""
		line.Blocked = report.Blocked(report.Check(r, content, viewed, d.W.DB().Clock().Now()))
	}
	return line, err
}

// A Sheet is a report as it lies before somebody who reads it.
type Sheet struct {
	Report    report.Report  // without what is sealed
	Content   report.Content // the zero value once it was destroyed
	Gone      bool           // it was destroyed
	Viewed    bool           // what the description of the file says, or will say
	Looks     []review.Reveal
	Findings  []report.Finding // of a draft
	Documents report.Documents // as they would be sent as things stand
}

// ReportSheet returns a report with everything that is read to approve it.
func (d Desk) ReportSheet(ctx context.Context, who access.Principal, id houvast.ReportID) (s Sheet, err error) {
	const op = "desk.ReportSheet"
	r, content, viewed, err := d.ReportContent(ctx, id)
	if err != nil && houvast.KindOf(err) != houvast.Gone {
		return s, houvast.Wrap(op, err)
	}
	s = Sheet{Report: unsealed(r), Content: content, Gone: err != nil, Viewed: viewed}
	if err = MayRead(who, r); err != nil {
		return Sheet{}, err
	}
	if s.Looks, err = read(ctx, d, func(tx *store.Tx) ([]review.Reveal, error) { return review.Reveals(tx, r.Case) }); err != nil || s.Gone {
		return s, houvast.Wrap(op, err)
	}
	if r.State == report.Draft {
		s.Findings = report.Check(r, content, viewed, d.W.DB().Clock().Now())
	}
	r.Viewed = s.Viewed
	if s.Documents, err = report.DocumentsOf(r, content); houvast.KindOf(err) == houvast.Invalid {
		err = nil // it cannot be written down yet, and the findings say why
	}
	return s, houvast.Wrap(op, err)
}

// unread refuses a change to another version of a report than the one that stands, unless the same was
// asked and answered before.
func (d Desk) unread(ctx context.Context, ask pipeline.Ask, id houvast.ReportID, version int64) error {
	return d.W.DB().View(ctx, func(tx *store.Tx) error {
		_, before, err := tx.Asked(store.Request{Actor: ask.By, Op: ask.Op, Key: ask.Key, Body: ask.Body})
		if err != nil || before {
			return err
		}
		r, err := report.Get(tx, id)
		if err == nil && r.Version != version {
			err = houvast.Errorf("desk.unread", houvast.Conflict, "wrong-state", "the report was changed since you read it").
				WithHint("read it again")
		}
		return err
	})
}

// AmendRead adds to a draft as somebody read it.
func (d Desk) AmendRead(ctx context.Context, ask pipeline.Ask, id houvast.ReportID, version int64, a report.Amendment) (report.State, error) {
	if err := d.unread(ctx, ask, id, version); err != nil {
		return "", err
	}
	return d.Amend(ctx, ask, id, a)
}

// maxReturn is how many characters the words of an approver may have.
const maxReturn = 3000

// ReturnRead sends a draft back as somebody read it. Words are needed: Invalid, code
// return-without-words.
func (d Desk) ReturnRead(ctx context.Context, ask pipeline.Ask, id houvast.ReportID, version int64, words string) (report.State, error) {
	const op = "desk.ReturnRead"
	switch {
	case strings.TrimSpace(words) == "":
		return "", houvast.Errorf(op, houvast.Invalid, "return-without-words", "a report is not sent back without words").
			WithHint("say what must be looked at or added")
	case utf8.RuneCountInString(words) > maxReturn:
		return "", houvast.Errorf(op, houvast.TooLarge, "words-too-long", "at most %d characters", maxReturn)
	}
	if err := d.unread(ctx, ask, id, version); err != nil {
		return "", err
	}
	return d.SendBack(ctx, ask, id, words)
}

// A Proposal is an action towards the platform, with the case that it follows from.
type Proposal struct {
	Action   action.Action
	Case     houvast.CaseID   // 0 when there is none
	Decision houvast.Decision // "" until somebody decided
}

// Proposals returns the actions towards the platform of a part, after one of them; 0 begins.
func (d Desk) Proposals(ctx context.Context, part action.Part, after houvast.ActionID, limit int) ([]Proposal, error) {
	return read(ctx, d, func(tx *store.Tx) (all []Proposal, err error) {
		found, err := action.Page(tx, part, after, limit)
		for _, a := range found {
			p := Proposal{Action: a}
			c, err := review.OfItem(tx, houvast.ItemID(a.Subject))
			if err != nil && houvast.KindOf(err) != houvast.NotFound {
				return nil, err
			}
			p.Case, p.Decision = c.ID, c.Decision
			all = append(all, p)
		}
		return all, err
	})
}
