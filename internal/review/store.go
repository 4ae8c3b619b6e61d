package review

import (
	"database/sql"
	"encoding/json"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

// Topic is notified when a case comes into the queue.
const Topic = "review"

const columns = `id, item, subject, incident, key, facts, bank, category, trust, reason, distance, danger, state, opened,
	claimed_by, claim_ends, withheld, decision, role, pressure, words, observed, decided_by, decided, seconded_by, seconded, returns`

func list(tx *store.Tx, where string, args ...any) (found []Case, err error) {
	err = tx.Rows("SELECT "+columns+" FROM review_case WHERE "+where, args, func(row *sql.Rows) error {
		var c Case
		var opened, ends, withheld, decided, seconded int64
		var observed string
		err := row.Scan(&c.ID, &c.Item, &c.Subject, &c.Incident, &c.Key, &c.Facts, &c.Bank, &c.Category, &c.Trust, &c.Reason,
			&c.Distance, &c.Danger, &c.State, &opened, &c.ClaimedBy, &ends, &withheld, &c.Decision, &c.Role, &c.Pressure,
			&c.Words, &observed, &c.DecidedBy, &decided, &c.SecondedBy, &seconded, &c.Returns)
		if err != nil {
			return err
		}
		c.Opened, c.ClaimEnds, c.Withheld = houvast.FromMicros(opened), houvast.FromMicros(ends), houvast.FromMicros(withheld)
		c.Decided, c.Seconded = houvast.FromMicros(decided), houvast.FromMicros(seconded)
		err = json.Unmarshal([]byte(observed), &c.Observed)
		found = append(found, c)
		return err
	})
	return found, err
}

// Get returns a case.
func Get(tx *store.Tx, id houvast.CaseID) (Case, error) { return first(list(tx, "id = $1", id)) }

// OfItem returns the case of an item.
func OfItem(tx *store.Tx, id houvast.ItemID) (Case, error) {
	return first(list(tx, "item = $1", string(id)))
}

func first(found []Case, err error) (Case, error) {
	if err == nil && len(found) == 0 {
		err = houvast.Errorf("review.Get", houvast.NotFound, "", "there is no such case")
	}
	if err != nil {
		return Case{}, err
	}
	return found[0], nil
}

// List returns cases newer than after, oldest first.
func List(tx *store.Tx, after houvast.CaseID, limit int) ([]Case, error) {
	return list(tx, "id > $1 ORDER BY id LIMIT $2", after, limit)
}

// OpenCase puts a new case into the queue. c carries its id, item, subject, key and sealed facts;
// best is the match that is listed.
func OpenCase(tx *store.Tx, c Case, best houvast.Match) error {
	c.State, c.Opened, c.Danger = Open, tx.Now(), Danger(best)
	_, err := tx.Exec(`INSERT INTO review_case (`+columns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, '', 0, $15, '', '', $16, NULL, '[]', '', 0, '', 0, 0)`,
		c.ID, string(c.Item), c.Subject, string(c.Incident), c.Key, c.Facts, best.BankName, best.Category, best.Trust, best.Kind, best.Distance,
		c.Danger, c.State, houvast.Micros(c.Opened), houvast.Micros(c.Withheld), false)
	if err == nil {
		tx.Notify(Topic)
	}
	return err
}

// Next claims a case for by: their own claim again if they have one, else the oldest of the greatest
// danger. NotFound means that the queue is empty.
func Next(tx *store.Tx, by houvast.Actor) (Case, error) {
	now := houvast.Micros(tx.Now())
	own, err := list(tx, "state = 'open' AND claimed_by = $1 AND claim_ends > $2 LIMIT 1", by, now)
	if err != nil {
		return Case{}, err
	}
	if len(own) == 1 {
		return claim(tx, own[0], by)
	}
	next, err := list(tx, "state = 'open' AND claim_ends <= $1 ORDER BY danger DESC, opened, id LIMIT 1 FOR UPDATE SKIP LOCKED", now)
	if err != nil {
		return Case{}, err
	}
	if len(next) == 0 {
		return Case{}, houvast.Errorf("review.Next", houvast.NotFound, "queue-empty", "no case is waiting")
	}
	return claim(tx, next[0], by)
}

func claim(tx *store.Tx, c Case, by houvast.Actor) (Case, error) {
	c.ClaimedBy, c.ClaimEnds = by, tx.Now().Add(ClaimTime)
	_, err := tx.Exec("UPDATE review_case SET claimed_by = $2, claim_ends = $3 WHERE id = $1", c.ID, by, houvast.Micros(c.ClaimEnds))
	return c, err
}

// Extend keeps a claim that still holds for another ClaimTime.
func Extend(tx *store.Tx, id houvast.CaseID, by houvast.Actor) (Case, error) {
	c, err := held(tx, id, by)
	if err != nil {
		return c, err
	}
	return claim(tx, c, by)
}

// GiveBack ends a claim without a decision. It needs no reason.
func GiveBack(tx *store.Tx, id houvast.CaseID, by houvast.Actor) error {
	if _, err := held(tx, id, by); err != nil {
		return err
	}
	_, err := tx.Exec("UPDATE review_case SET claimed_by = '', claim_ends = 0 WHERE id = $1", id)
	tx.Notify(Topic)
	return err
}

func held(tx *store.Tx, id houvast.CaseID, by houvast.Actor) (Case, error) {
	c, err := Get(tx, id)
	if err == nil && !c.claimed(by, tx.Now()) {
		err = houvast.Errorf("review.Claim", houvast.Conflict, "claim-lost", "the claim on this case is not yours or has run out").
			WithHint("pull the next case again")
	}
	return c, err
}

// Decide records a person's verdict. words is v.Words sealed under the key of the case. The caller
// carries out the consequence when the returned case is Decided.
func Decide(tx *store.Tx, id houvast.CaseID, by houvast.Actor, v Verdict, words []byte, tagged bool) (Case, error) {
	c, err := Get(tx, id)
	if err != nil {
		return c, err
	}
	looked, err := revealedTo(tx, id, by)
	if err != nil {
		return c, err
	}
	if c, err = decide(c, v, by, tx.Now(), looked, tagged); err != nil {
		return c, err
	}
	c.Words = words
	return c, save(tx, c, Open)
}

// Confirm records what the second person said.
func Confirm(tx *store.Tx, id houvast.CaseID, by houvast.Actor, agree, selfAllowed bool) (Case, error) {
	c, err := Get(tx, id)
	if err != nil {
		return c, err
	}
	if c, err = confirm(c, agree, by, tx.Now(), selfAllowed); err != nil {
		return c, err
	}
	if c.State == Open {
		tx.Notify(Topic)
	}
	return c, save(tx, c, Second)
}

func save(tx *store.Tx, c Case, was State) error {
	observed, err := json.Marshal(append([]houvast.Observation{}, c.Observed...))
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE review_case SET state = $2, claimed_by = $3, claim_ends = $4, decision = $5, role = $6, pressure = $7,
		words = $8, observed = $9, decided_by = $10, decided = $11, seconded_by = $12, seconded = $13, returns = $14
		WHERE id = $1 AND state = $15`,
		c.ID, c.State, c.ClaimedBy, houvast.Micros(c.ClaimEnds), c.Decision, c.Role, c.Pressure, c.Words, string(observed),
		c.DecidedBy, houvast.Micros(c.Decided), c.SecondedBy, houvast.Micros(c.Seconded), c.Returns, was)
	if err == nil && n != 1 {
		err = houvast.Errorf("review.save", houvast.Conflict, "wrong-state", "the case was changed meanwhile")
	}
	return err
}

// SetWithheld records until when the item of a case is withheld; zero ends it.
func SetWithheld(tx *store.Tx, id houvast.CaseID, until time.Time) error {
	_, err := tx.Exec("UPDATE review_case SET withheld = $2 WHERE id = $1", id, houvast.Micros(until))
	return err
}

// WithheldTooLong returns cases whose withhold has run out while nobody decided.
func WithheldTooLong(tx *store.Tx, now time.Time, limit int) ([]Case, error) {
	return list(tx, "withheld <> 0 AND withheld <= $1 AND state IN ('open', 'second') ORDER BY withheld LIMIT $2", houvast.Micros(now), limit)
}

// Forget drops the sealed facts of a case whose key is destroyed. A case that nobody had decided
// leaves the queue: there is nothing left to decide.
func Forget(tx *store.Tx, id houvast.CaseID) error {
	_, err := tx.Exec(`UPDATE review_case SET facts = NULL, words = NULL, observed = '[]', key = '', claimed_by = '', claim_ends = 0,
		state = CASE WHEN state = 'decided' THEN state ELSE 'ended' END WHERE id = $1`, id)
	return err
}

// CountByState counts cases, for doctor and the demo.
func CountByState(tx *store.Tx) (map[State]int, error) {
	counts := map[State]int{}
	err := tx.Rows("SELECT state, COUNT(*) FROM review_case GROUP BY state", nil, func(row *sql.Rows) error {
		var s State
		var n int
		err := row.Scan(&s, &n)
		counts[s] = n
		return err
	})
	return counts, err
}

// Grant records that by may look at a rendition of a case they have claimed. It returns the number
// of the reveal.
func Grant(tx *store.Tx, id houvast.CaseID, by houvast.Actor, level Level, whole bool) (int64, error) {
	if _, err := held(tx, id, by); err != nil {
		return 0, err
	}
	n := tx.NewID()
	_, err := tx.Exec("INSERT INTO reveal (id, case_id, actor, level, whole, granted, served, shown) VALUES ($1, $2, $3, $4, $5, $6, 0, 0)",
		n, id, by, level, whole, houvast.Micros(tx.Now()))
	return n, err
}

// Served records that the last byte of a reveal was written.
func Served(tx *store.Tx, reveal int64) error {
	_, err := tx.Exec("UPDATE reveal SET served = $2 WHERE id = $1 AND served = 0", reveal, houvast.Micros(tx.Now()))
	return err
}

// Shown records for how many milliseconds a served reveal was on the page.
func Shown(tx *store.Tx, reveal, milliseconds int64) error {
	_, err := tx.Exec("UPDATE reveal SET shown = $2 WHERE id = $1 AND served <> 0 AND shown < $2", reveal, milliseconds)
	return err
}

// Viewed derives from the recorded reveals whether a person viewed the whole file of a case.
func Viewed(tx *store.Tx, id houvast.CaseID) (bool, error) {
	var all []Reveal
	err := tx.Rows("SELECT level, whole, served, shown FROM reveal WHERE case_id = $1", store.Args(id), func(row *sql.Rows) error {
		var r Reveal
		var served int64
		err := row.Scan(&r.Level, &r.Whole, &served, &r.Shown)
		r.Served = served != 0
		all = append(all, r)
		return err
	})
	return viewed(all), err
}

// revealedTo reports whether any rendition of a case was served to by.
func revealedTo(tx *store.Tx, id houvast.CaseID, by houvast.Actor) (bool, error) {
	var n int
	err := tx.Row("SELECT COUNT(*) FROM reveal WHERE case_id = $1 AND actor = $2 AND served <> 0", store.Args(id, by), &n)
	return n > 0, err
}
