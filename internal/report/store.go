package report

import (
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip/submit"
	"github.com/houvast/houvast/internal/store"
)

const columns = `id, key, recipient, environment, subject, incident, case_id, seal, content, state, resume, version, attempt,
	remote, file, md5, viewed, trouble, drafted, drafted_by, amended_by, approved, approved_by, finished, receipt, withdrawn`

func list(tx *store.Tx, where string, args ...any) (found []Report, err error) {
	err = tx.Rows("SELECT "+columns+" FROM report WHERE "+where, args, func(row *sql.Rows) error {
		var r Report
		var drafted, approved, finished int64
		err := row.Scan(&r.ID, &r.Key, &r.Recipient, &r.Environment, &r.Subject, &r.Incident, &r.Case, &r.Seal, &r.Content,
			&r.State, &r.Resume, &r.Version, &r.Attempt, &r.Remote, &r.File, &r.MD5, &r.Viewed, &r.Trouble,
			&drafted, &r.DraftedBy, &r.AmendedBy, &approved, &r.ApprovedBy, &finished, &r.Receipt, &r.Withdrawn)
		r.Drafted, r.Approved, r.Finished = houvast.FromMicros(drafted), houvast.FromMicros(approved), houvast.FromMicros(finished)
		found = append(found, r)
		return err
	})
	return found, err
}

func first(found []Report, err error) (Report, error) {
	if err == nil && len(found) == 0 {
		err = houvast.Errorf("report.Get", houvast.NotFound, "", "there is no such report")
	}
	if err != nil {
		return Report{}, err
	}
	return found[0], nil
}

// Get returns a report.
func Get(tx *store.Tx, id houvast.ReportID) (Report, error) { return first(list(tx, "id = $1", id)) }

// OfCase returns the report of a case.
func OfCase(tx *store.Tx, c houvast.CaseID) (Report, error) {
	return first(list(tx, "case_id = $1 ORDER BY id LIMIT 1", c))
}

// List returns reports newer than after, oldest first.
func List(tx *store.Tx, after houvast.ReportID, limit int) ([]Report, error) {
	return list(tx, "id > $1 ORDER BY id LIMIT $2", after, limit)
}

// Page returns the reports of a part that come after one of them (0 begins), the one that waits longest
// first; of what is over the newest first. by, when not empty, keeps to the reports of cases that they
// decided.
func Page(tx *store.Tx, part Part, by houvast.Actor, after houvast.ReportID, limit int) ([]Report, error) {
	const mine = " AND ($1 = '' OR drafted_by = $1)"
	switch part {
	case PartDraft:
		return list(tx, "state = 'draft'"+mine+" AND id > $2 ORDER BY id LIMIT $3", string(by), after, limit)
	case PartUnderway:
		return list(tx, "state NOT IN ('draft', 'finished', 'retracted', 'needs_human')"+mine+" AND id > $2 ORDER BY id LIMIT $3", string(by), after, limit)
	case PartTrouble:
		return list(tx, "state = 'needs_human'"+mine+" AND id > $2 ORDER BY id LIMIT $3", string(by), after, limit)
	case PartOver:
		return list(tx, "state IN ('finished', 'retracted')"+mine+" AND id < $2 ORDER BY id DESC LIMIT $3", string(by), before(int64(after)), limit)
	}
	return nil, houvast.Errorf("report.Page", houvast.Invalid, "", "there is no such part of the reports")
}

// before turns the first page of a list that goes backwards into one after everything.
func before(id int64) int64 {
	if id == 0 {
		return math.MaxInt64
	}
	return id
}

// Key is what makes a report the same report.
func Key(recipient string, env houvast.Environment, subject houvast.SubjectID, incident houvast.IncidentID) string {
	return strings.Join([]string{recipient, string(env), subject.String(), string(incident)}, " ")
}

// NewDraft records a draft. r carries recipient, environment, subject, incident, case, seal, content
// and who drafted it. A report of the same key is returned as it is, and nothing is written.
func NewDraft(tx *store.Tx, r Report) (Report, error) {
	r.Key = Key(r.Recipient, r.Environment, r.Subject, r.Incident)
	have, err := first(list(tx, "key = $1", r.Key))
	if err == nil || houvast.KindOf(err) != houvast.NotFound {
		return have, err
	}
	r.ID, r.State, r.Drafted, r.Version = houvast.ReportID(tx.NewID()), Draft, tx.Now(), 1
	_, err = tx.Exec(`INSERT INTO report (`+columns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', 1, 0, 0, '', '', $11, '', $12, $13, '', 0, '', 0, NULL, $14)`,
		r.ID, r.Key, r.Recipient, r.Environment, r.Subject, string(r.Incident), r.Case, r.Seal, r.Content, r.State,
		false, houvast.Micros(r.Drafted), r.DraftedBy, false)
	return r, err
}

// save writes r over the version it was loaded as. Anybody who holds an older one is refused.
func save(tx *store.Tx, r Report) (Report, error) {
	n, err := tx.Exec(`UPDATE report SET content = $2, state = $3, resume = $4, version = version + 1, attempt = $5, remote = $6, file = $7, md5 = $8,
		viewed = $9, trouble = $10, approved = $11, approved_by = $12, finished = $13, receipt = $14, withdrawn = $15, recipient = $16,
		environment = $17, key = $18, amended_by = $19 WHERE id = $1 AND version = $20`,
		r.ID, r.Content, r.State, r.Resume, r.Attempt, r.Remote, r.File, r.MD5, r.Viewed, r.Trouble,
		houvast.Micros(r.Approved), r.ApprovedBy, houvast.Micros(r.Finished), r.Receipt, r.Withdrawn, r.Recipient, r.Environment, r.Key, r.AmendedBy, r.Version)
	if err == nil && n != 1 {
		err = houvast.Errorf("report.save", houvast.Conflict, "wrong-state", "the report was changed meanwhile")
	}
	r.Version++
	return r, err
}

// Change replaces the sealed content of a draft. by is who added to it, empty when nothing of what is
// reported changed: whoever wrote a part of a report cannot approve it.
func Change(tx *store.Tx, r Report, content []byte, by houvast.Actor) (Report, error) {
	if r.State != Draft {
		return r, houvast.Errorf("report.Change", houvast.Conflict, "wrong-state", "the report is %s, not a draft", r.State)
	}
	r.Content = content
	if by != "" {
		r.AmendedBy = by
	}
	return save(tx, r)
}

// Address gives a draft without a recipient one that was configured since.
func Address(tx *store.Tx, r Report, recipient string, env houvast.Environment) (Report, error) {
	if r.State != Draft || r.Recipient != "" {
		return r, houvast.Errorf("report.Address", houvast.Conflict, "wrong-state", "the report has a recipient")
	}
	r.Recipient, r.Environment = recipient, env
	r.Key = Key(recipient, env, r.Subject, r.Incident)
	return save(tx, r)
}

// Approve lets a checked draft be filed, with viewed as what it says about viewing from now on. Who decided the case or wrote a part of the report cannot approve
// it, unless the team has said that it is a single person.
func Approve(tx *store.Tx, r Report, findings []Finding, viewed bool, by houvast.Actor, selfAllowed bool) (Report, error) {
	const op = "report.Approve"
	switch {
	case r.State != Draft:
		return r, houvast.Errorf(op, houvast.Conflict, "wrong-state", "the report is %s, not a draft", r.State)
	case (r.DraftedBy == by || r.AmendedBy == by) && !selfAllowed:
		return r, houvast.Errorf(op, houvast.Forbidden, "self-approval", "who decided the case or added to its report cannot approve it").
			WithHint("ask a colleague with the role approver")
	case Blocked(findings):
		return r, houvast.Errorf(op, houvast.Invalid, "report-incomplete", "the check blocks this report: %s", blocking(findings)).
			WithHint("add what is missing; houvast report check lists it")
	}
	r.State, r.Viewed, r.Approved, r.ApprovedBy = Approved, viewed, tx.Now(), by
	return save(tx, r)
}

func blocking(all []Finding) string {
	var ids []string
	for _, f := range all {
		if f.Level == "block" {
			ids = append(ids, f.Rule)
		}
	}
	return strings.Join(ids, ", ")
}

// Next persists the state before the call that r needs and returns both; an empty call means that
// there is nothing to do. With the protection switched off nothing is persisted before a report is
// finished, as in systems that write their row after the last call: the crash test must notice.
func Next(tx *store.Tx, r Report) (Report, submit.Call, error) {
	was := r
	r, call := next(r)
	if call == "" || r.State == was.State && r.Attempt == was.Attempt || !persists() {
		return r, call, nil
	}
	r, err := save(tx, r)
	return r, call, err
}

// Answered records what a call brought back. wait says to try again later.
func Answered(tx *store.Tx, r Report, a Reply, receipt []byte) (after Report, wait bool, err error) {
	after, wait = answered(r, a)
	if after.State == Finished {
		after.Finished, after.Receipt = tx.Now(), receipt
	}
	if err := logCall(tx, r, a); err != nil {
		return after, wait, err
	}
	if !persists() && after.State != Finished {
		return after, wait, nil
	}
	after, err = save(tx, after)
	return after, wait, err
}

func logCall(tx *store.Tx, r Report, a Reply) error {
	_, err := tx.Exec("INSERT INTO report_call (id, report, attempt, call, at, outcome, code, request) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		tx.NewID(), r.ID, r.Attempt, string(a.Call), houvast.Micros(tx.Now()), a.Answer.Outcome.String(), a.Answer.Code, a.Answer.RequestID)
	return err
}

// Calls returns the calls that were made for a report, oldest first, at most limit of the latest.
func Calls(tx *store.Tx, id houvast.ReportID, limit int) (all []Called, err error) {
	err = tx.Rows("SELECT attempt, call, at, outcome, code, request FROM report_call WHERE report = $1 ORDER BY id DESC LIMIT $2",
		store.Args(id, limit), func(row *sql.Rows) error {
			var c Called
			var at int64
			err := row.Scan(&c.Attempt, &c.Call, &at, &c.Outcome, &c.Code, &c.Request)
			c.At = houvast.FromMicros(at)
			all = append(all, c)
			return err
		})
	slices.Reverse(all)
	return all, err
}

// Resume lets a report that waits for a person go on where it was.
func Resume(tx *store.Tx, r Report) (Report, error) {
	if r.State != NeedsHuman {
		return r, houvast.Errorf("report.Resume", houvast.Conflict, "wrong-state", "the report is %s and waits for nobody", r.State)
	}
	r.State, r.Resume, r.Trouble = r.Resume, "", ""
	return save(tx, r)
}

// Withdraw ends a report that is not being finished. One that is open at the recipient is retracted
// first: wait says so. A finished report cannot be withdrawn.
func Withdraw(tx *store.Tx, r Report) (after Report, wait bool, err error) {
	if r.State == Retracted {
		return r, false, nil
	}
	after, ok := withdrawn(r)
	if !ok {
		return r, false, houvast.Errorf("report.Withdraw", houvast.Conflict, "wrong-state", "the report is %s and cannot be withdrawn", r.State).
			WithHint("tell the recipient, with the report number %d", r.Remote)
	}
	after, err = save(tx, after)
	return after, after.State == Retracting, err
}

// Unfinished returns the reports that are on their way, oldest first.
func Unfinished(tx *store.Tx, limit int) ([]Report, error) {
	return list(tx, "state NOT IN ('draft', 'finished', 'retracted', 'needs_human') ORDER BY id LIMIT $1", limit)
}

// Forget drops the sealed content of a report whose key is destroyed.
func Forget(tx *store.Tx, c houvast.CaseID) error {
	_, err := tx.Exec("UPDATE report SET content = NULL, receipt = NULL, seal = '', version = version + 1 WHERE case_id = $1", c)
	return err
}

// CountByState counts reports, for doctor and the demo.
func CountByState(tx *store.Tx) (map[State]int, error) {
	counts := map[State]int{}
	err := tx.Rows("SELECT state, COUNT(*) FROM report GROUP BY state", nil, func(row *sql.Rows) error {
		var s State
		var n int
		err := row.Scan(&s, &n)
		counts[s] = n
		return err
	})
	return counts, err
}

// String names a report for logs.
func (r Report) String() string { return fmt.Sprintf("%s (%s)", r.ID, r.State) }
