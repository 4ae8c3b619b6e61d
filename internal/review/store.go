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
	claimed_by, claim_ends, withheld, decision, role, pressure, words, observed, decided_by, decided, seconded_by, seconded, returns,
	entry, parked, parked_by, advice`

func list(tx *store.Tx, where string, args ...any) (found []Case, err error) {
	err = tx.Rows("SELECT "+columns+" FROM review_case WHERE "+where, args, func(row *sql.Rows) error {
		var c Case
		var opened, ends, withheld, decided, seconded, parked int64
		var observed string
		err := row.Scan(&c.ID, &c.Item, &c.Subject, &c.Incident, &c.Key, &c.Facts, &c.Bank, &c.Category, &c.Trust, &c.Reason,
			&c.Distance, &c.Danger, &c.State, &opened, &c.ClaimedBy, &ends, &withheld, &c.Decision, &c.Role, &c.Pressure,
			&c.Words, &observed, &c.DecidedBy, &decided, &c.SecondedBy, &seconded, &c.Returns,
			&c.Entry, &parked, &c.ParkedBy, &c.Advice)
		if err != nil {
			return err
		}
		c.Opened, c.ClaimEnds, c.Withheld = houvast.FromMicros(opened), houvast.FromMicros(ends), houvast.FromMicros(withheld)
		c.Decided, c.Seconded, c.Parked = houvast.FromMicros(decided), houvast.FromMicros(seconded), houvast.FromMicros(parked)
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
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, '', 0, $15, '', '', $16, NULL, '[]', '', 0, '', 0, 0, $17, 0, '', NULL)`,
		c.ID, string(c.Item), c.Subject, string(c.Incident), c.Key, c.Facts, best.BankName, best.Category, best.Trust, best.Kind, best.Distance,
		c.Danger, c.State, houvast.Micros(c.Opened), houvast.Micros(c.Withheld), false, best.Entry)
	if err == nil {
		tx.Notify(Topic)
	}
	return err
}

// ClaimOf returns the case that by holds a claim on.
func ClaimOf(tx *store.Tx, by houvast.Actor) (c Case, held bool, err error) {
	own, err := list(tx, "claimed_by = $1 AND claimed_by <> '' AND claim_ends > $2 AND state = 'open' LIMIT 1", by, houvast.Micros(tx.Now()))
	if len(own) == 1 {
		return own[0], true, err
	}
	return Case{}, false, err
}

// The queue: what anybody may be handed at $1, and of that what $2 has not skipped since $3.
const (
	waiting   = "state = 'open' AND claim_ends <= $1 AND parked <= $1"
	unskipped = waiting + " AND NOT EXISTS (SELECT 1 FROM review_skip s WHERE s.actor = $2 AND s.case_id = review_case.id AND s.at > $3)"
)

// Next claims a case for by: their own claim again if they have one, else the oldest of the greatest
// danger that is not parked and that they have not skipped. NotFound is queue-empty, or queue-skipped
// when all that waits was skipped by them.
func Next(tx *store.Tx, by houvast.Actor) (Case, error) {
	const op = "review.Next"
	own, held, err := ClaimOf(tx, by)
	if err != nil {
		return Case{}, err
	}
	if held {
		return claim(tx, own, by)
	}
	now, since := houvast.Micros(tx.Now()), houvast.Micros(tx.Now().Add(-SkipTime))
	next, err := list(tx, unskipped+" ORDER BY danger DESC, opened, id LIMIT 1 FOR UPDATE SKIP LOCKED", now, by, since)
	if err != nil {
		return Case{}, err
	}
	if len(next) == 1 {
		return claim(tx, next[0], by)
	}
	skipped, err := skippedBy(tx, by)
	if err == nil && skipped > 0 {
		err = houvast.Errorf(op, houvast.NotFound, "queue-skipped", "only cases that you skipped are waiting").
			WithHint("take your skips back to be handed them again")
	}
	if err == nil {
		err = houvast.Errorf(op, houvast.NotFound, "queue-empty", "no case is waiting")
	}
	return Case{}, err
}

func claim(tx *store.Tx, c Case, by houvast.Actor) (Case, error) {
	c.ClaimedBy, c.ClaimEnds, c.Parked, c.ParkedBy = by, tx.Now().Add(ClaimTime), time.Time{}, ""
	_, err := tx.Exec("UPDATE review_case SET claimed_by = $2, claim_ends = $3, parked = 0, parked_by = '' WHERE id = $1", c.ID, by, houvast.Micros(c.ClaimEnds))
	if err == nil { // the looks of this claim last as long as it does
		_, err = tx.Exec("UPDATE reveal SET closes = $3 WHERE case_id = $1 AND actor = $2 AND closes > $4",
			c.ID, by, houvast.Micros(c.ClaimEnds.Add(TellTime)), houvast.Micros(tx.Now()))
	}
	return c, err
}

// over is called when the claim on a case ends before its time: from TellTime on no page says any more
// for how long it showed something.
func over(tx *store.Tx, id houvast.CaseID) error {
	_, err := tx.Exec("UPDATE reveal SET closes = $2 WHERE case_id = $1 AND closes > $2", id, houvast.Micros(tx.Now().Add(TellTime)))
	return err
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
	if err == nil {
		err = over(tx, id)
	}
	return err
}

// Skip gives a claim back, and for SkipTime by is not handed the case again. It needs no reason.
func Skip(tx *store.Tx, id houvast.CaseID, by houvast.Actor) error {
	if err := GiveBack(tx, id, by); err != nil {
		return err
	}
	_, err := tx.Exec("DELETE FROM review_skip WHERE at <= $1", houvast.Micros(tx.Now().Add(-SkipTime)))
	if err == nil {
		_, err = tx.Exec("INSERT INTO review_skip (actor, case_id, at) VALUES ($1, $2, $3) ON CONFLICT (actor, case_id) DO UPDATE SET at = excluded.at",
			by, id, houvast.Micros(tx.Now()))
	}
	return err
}

// Unskip lets by be handed again what they skipped, and returns how many cases that are.
func Unskip(tx *store.Tx, by houvast.Actor) (n int64, err error) {
	return tx.Exec("DELETE FROM review_skip WHERE actor = $1", by)
}

// skippedBy counts what waits and was skipped by by.
func skippedBy(tx *store.Tx, by houvast.Actor) (n int, err error) {
	err = tx.Row("SELECT COUNT(*) FROM review_skip s JOIN review_case ON id = s.case_id WHERE s.actor = $2 AND s.at > $3 AND "+waiting,
		store.Args(houvast.Micros(tx.Now()), by, houvast.Micros(tx.Now().Add(-SkipTime))), &n)
	return n, err
}

// Park ends the claim of by and takes the case out of the queue for ParkTime, or until by resumes it.
// advice is the sealed conversation with the question of by as its last note.
func Park(tx *store.Tx, id houvast.CaseID, by houvast.Actor, advice []byte) (Case, error) {
	c, err := held(tx, id, by)
	if err != nil {
		return c, err
	}
	c.ClaimedBy, c.ClaimEnds, c.Parked, c.ParkedBy, c.Advice = "", time.Time{}, tx.Now().Add(ParkTime), by, advice
	_, err = tx.Exec("UPDATE review_case SET claimed_by = '', claim_ends = 0, parked = $2, parked_by = $3, advice = $4 WHERE id = $1",
		id, houvast.Micros(c.Parked), by, advice)
	tx.Notify(Topic)
	if err == nil {
		err = over(tx, id)
	}
	return c, err
}

// Parked returns the cases that wait for advice: those that by parked, or those of everybody else. The
// oldest comes first.
func Parked(tx *store.Tx, by houvast.Actor, mine bool, limit int) ([]Case, error) {
	whose := "parked_by <> $2"
	if mine {
		whose = "parked_by = $2"
	}
	return list(tx, "parked <> 0 AND parked > $1 AND "+whose+" ORDER BY parked, id LIMIT $3", houvast.Micros(tx.Now()), by, limit)
}

// Advise records the answer of by to the question about a parked case; nobody answers their own.
func Advise(tx *store.Tx, id houvast.CaseID, by houvast.Actor, advice []byte) (Case, error) {
	c, err := Get(tx, id)
	if err == nil {
		err = c.advisable(by, tx.Now())
	}
	if err != nil {
		return c, err
	}
	c.Advice = advice
	return c, SetAdvice(tx, id, advice)
}

// SetAdvice replaces the sealed conversation of a case.
func SetAdvice(tx *store.Tx, id houvast.CaseID, advice []byte) error {
	_, err := tx.Exec("UPDATE review_case SET advice = $2 WHERE id = $1", id, advice)
	tx.Notify(Topic)
	return err
}

// Resume gives by the claim on a case again that they parked, if they hold no other.
func Resume(tx *store.Tx, id houvast.CaseID, by houvast.Actor) (Case, error) {
	c, err := Get(tx, id)
	if err == nil {
		err = c.resumable(by, tx.Now())
	}
	if err != nil {
		return c, err
	}
	if _, held, err := ClaimOf(tx, by); err != nil || held {
		if err == nil {
			err = houvast.Errorf("review.Resume", houvast.Conflict, "claim-held", "you hold a claim on another case").
				WithHint("decide that case or give it back first")
		}
		return c, err
	}
	return claim(tx, c, by)
}

// DepthFor counts what waits, as by sees it. selfAllowed is as in Confirm.
func DepthFor(tx *store.Tx, by houvast.Actor, selfAllowed bool) (d Depth, err error) {
	now := houvast.Micros(tx.Now())
	var oldest int64
	err = tx.Row("SELECT COUNT(*), COALESCE(MIN(opened), 0) FROM review_case WHERE "+waiting, store.Args(now), &d.Waiting, &oldest)
	d.Oldest = houvast.FromMicros(oldest)
	if err == nil {
		d.Skipped, err = skippedBy(tx, by)
	}
	if err == nil {
		err = tx.Row("SELECT COALESCE(SUM(CASE WHEN parked_by = $2 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN parked_by <> $2 THEN 1 ELSE 0 END), 0) FROM review_case WHERE parked <> 0 AND parked > $1",
			store.Args(now, by), &d.MineParked, &d.ParkedByOthers)
	}
	if err == nil {
		err = tx.Row("SELECT COUNT(*) FROM review_case WHERE state = 'second' AND decided_by <> $1", store.Args(other(by, selfAllowed)), &d.Seconds)
	}
	return d, err
}

// other is whose decisions a person may not confirm: their own, or nobody's in a team of one.
func other(by houvast.Actor, selfAllowed bool) houvast.Actor {
	if selfAllowed {
		return ""
	}
	return by
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
	looked, err := LookedAt(tx, id, by)
	if err != nil {
		return c, err
	}
	if c, err = decide(c, v, by, tx.Now(), looked, tagged); err != nil {
		return c, err
	}
	c.Words = words
	if err = save(tx, c, Open); err == nil {
		err = over(tx, id)
	}
	return c, err
}

// Confirm records what the second person said about the decision that they read: its Version, 0 = as it
// stands. Conflict wrong-state says that there is another decision by now, or none.
func Confirm(tx *store.Tx, id houvast.CaseID, by houvast.Actor, read int64, agree, selfAllowed bool) (Case, error) {
	c, err := Get(tx, id)
	if err != nil {
		return c, err
	}
	if c, err = confirm(c, read, agree, by, tx.Now(), selfAllowed); err != nil {
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

// Seconds returns the cases that wait for a second person who may be by, the oldest of the greatest
// danger first, those after a case of that order; 0 begins. selfAllowed is as in Confirm.
func Seconds(tx *store.Tx, by houvast.Actor, selfAllowed bool, after houvast.CaseID, limit int) ([]Case, error) {
	const where = "state = 'second' AND decided_by <> $1"
	if after == 0 {
		return list(tx, where+" ORDER BY danger DESC, opened, id LIMIT $2", other(by, selfAllowed), limit)
	}
	last, err := Get(tx, after)
	if err != nil {
		return nil, err
	}
	return list(tx, where+" AND (danger < $3 OR danger = $3 AND (opened > $4 OR opened = $4 AND id > $5)) ORDER BY danger DESC, opened, id LIMIT $2",
		other(by, selfAllowed), limit, last.Danger, houvast.Micros(last.Opened), after)
}

// The counts of a Tally, by entry and by account.
const (
	tallyEntry   = "SELECT state, decision, COUNT(*) FROM review_case WHERE entry = $1 AND entry <> 0 AND id <> $2 GROUP BY state, decision"
	tallySubject = "SELECT state, decision, COUNT(*) FROM review_case WHERE subject = $1 AND id <> $2 GROUP BY state, decision"
)

// Cluster counts the other cases whose best match is the same bank entry as that of c.
func Cluster(tx *store.Tx, c Case) (Tally, error) { return tally(tx, tallyEntry, int64(c.Entry), c.ID) }

// OfSubject counts the other cases of the same account.
func OfSubject(tx *store.Tx, c Case) (Tally, error) {
	return tally(tx, tallySubject, int64(c.Subject), c.ID)
}

func tally(tx *store.Tx, query string, of int64, but houvast.CaseID) (t Tally, err error) {
	t.Decided = map[houvast.Decision]int{}
	err = tx.Rows(query, store.Args(of, but), func(row *sql.Rows) error {
		var s State
		var d houvast.Decision
		var n int
		err := row.Scan(&s, &d, &n)
		t.add(s, d, n)
		return err
	})
	return t, err
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
	_, err := tx.Exec(`UPDATE review_case SET facts = NULL, words = NULL, advice = NULL, observed = '[]', key = '', claimed_by = '', claim_ends = 0,
		parked = 0, parked_by = '', state = CASE WHEN state = 'decided' THEN state ELSE 'ended' END WHERE id = $1`, id)
	if err == nil {
		_, err = tx.Exec("DELETE FROM review_skip WHERE case_id = $1", id)
	}
	if err == nil {
		err = over(tx, id)
	}
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

// Holds refuses when by holds no claim on the case.
func Holds(tx *store.Tx, id houvast.CaseID, by houvast.Actor) (Case, error) {
	return held(tx, id, by)
}

// Grant records that by may look at a rendition of a case they have claimed, when the level before it
// was served to them. It returns the number of the reveal. Limited, code too-many-reveals, says that
// this claim was granted all the looks that one may have.
func Grant(tx *store.Tx, id houvast.CaseID, by houvast.Actor, level Level, whole bool) (int64, error) {
	c, err := held(tx, id, by)
	if err != nil {
		return 0, err
	}
	own, err := reveals(tx, "case_id = $1 AND actor = $2", id, by)
	if err == nil {
		err = nextStep(own, level)
	}
	var looks int
	if err == nil {
		err = tx.Row("SELECT COUNT(*) FROM reveal WHERE case_id = $1 AND actor = $2 AND closes > $3", store.Args(id, by, houvast.Micros(tx.Now())), &looks)
	}
	if err == nil && looks >= maxLooks {
		err = houvast.Errorf("review.Grant", houvast.Limited, "too-many-reveals", "%d looks at this case were granted to you already", looks).
			WithHint("decide from what you have seen, give the case back or ask for advice")
	}
	if err != nil {
		return 0, err
	}
	n := tx.NewID()
	_, err = tx.Exec("INSERT INTO reveal (id, case_id, actor, level, whole, granted, served, shown, told, closes) VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, $7)",
		n, id, by, level, whole, houvast.Micros(tx.Now()), houvast.Micros(c.ClaimEnds.Add(TellTime)))
	return n, err
}

// Served records that the last byte of a reveal was written.
func Served(tx *store.Tx, reveal int64) error {
	_, err := tx.Exec("UPDATE reveal SET served = $2 WHERE id = $1 AND served = 0", reveal, houvast.Micros(tx.Now()))
	return err
}

// Shown records for how many milliseconds a served reveal was on the page of by, and returns how many
// of them count, and for which case. Only the first word counts: a later one changes nothing, and first
// is false. NotFound says that there is no such reveal to by, Conflict not-served that it never left,
// Conflict claim-lost that the claim it was granted under has ended more than TellTime ago.
func Shown(tx *store.Tx, reveal int64, by houvast.Actor, milliseconds int64) (id houvast.CaseID, ms int64, first bool, err error) {
	const op = "review.Shown"
	var served, told, closes int64
	err = tx.Row("SELECT case_id, served, shown, told, closes FROM reveal WHERE id = $1 AND actor = $2", store.Args(reveal, by), &id, &served, &ms, &told, &closes)
	switch {
	case houvast.KindOf(err) == houvast.NotFound:
		return 0, 0, false, houvast.Errorf(op, houvast.NotFound, "", "there is no such reveal")
	case err != nil:
		return 0, 0, false, err
	case told != 0:
		return id, ms, false, nil
	case served == 0:
		return 0, 0, false, houvast.Errorf(op, houvast.Conflict, "not-served", "what was not served cannot have been shown")
	case houvast.Micros(tx.Now()) >= closes:
		return 0, 0, false, houvast.Errorf(op, houvast.Conflict, "claim-lost", "the claim that it was shown under has ended")
	}
	ms = counted(milliseconds, tx.Now().Sub(houvast.FromMicros(served)))
	n, err := tx.Exec("UPDATE reveal SET shown = $2, told = $3 WHERE id = $1 AND told = 0", reveal, ms, houvast.Micros(tx.Now()))
	return id, ms, n == 1, err
}

// Viewed derives from the recorded reveals whether a person viewed the whole file of a case.
func Viewed(tx *store.Tx, id houvast.CaseID) (bool, error) {
	all, err := reveals(tx, "case_id = $1", id)
	return viewed(all), err
}

// Reached returns the highest level of a case that was served to by, "" for none.
func Reached(tx *store.Tx, id houvast.CaseID, by houvast.Actor) (Level, error) {
	own, err := reveals(tx, "case_id = $1 AND actor = $2", id, by)
	return reached(own), err
}

// Reveals returns every look at a case, without who looked.
func Reveals(tx *store.Tx, id houvast.CaseID) ([]Reveal, error) {
	return reveals(tx, "case_id = $1", id)
}

func reveals(tx *store.Tx, where string, args ...any) (all []Reveal, err error) {
	err = tx.Rows("SELECT level, whole, served, shown FROM reveal WHERE "+where, args, func(row *sql.Rows) error {
		var r Reveal
		var served int64
		err := row.Scan(&r.Level, &r.Whole, &served, &r.Shown)
		r.Served = served != 0
		all = append(all, r)
		return err
	})
	return all, err
}

// LookedAt returns what by had on their page of a case.
func LookedAt(tx *store.Tx, id houvast.CaseID, by houvast.Actor) (Looked, error) {
	own, err := reveals(tx, "case_id = $1 AND actor = $2", id, by)
	return lookedAt(own), err
}
