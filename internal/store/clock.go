package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/houvast/houvast"
)

// A LawClock is a clock that never goes backwards, not even over a restart: the highest time that
// was ever written with is kept in the database. A clock that is set back therefore delays what the
// law counts; it never brings it forward.
type LawClock struct {
	base houvast.Clock

	mu        sync.Mutex
	high      time.Time // highest time told
	persisted time.Time // highest time in the database
}

// markEvery is how far law time may run ahead of its persisted mark. After a crash, time may seem
// to stand still for at most this long, if the clock was also set back meanwhile.
const markEvery = time.Second

func newLawClock(ctx context.Context, db *sql.DB, base houvast.Clock) (*LawClock, error) {
	var us int64
	err := db.QueryRowContext(ctx, "SELECT high FROM law_clock WHERE id = 1").Scan(&us)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	mark := houvast.FromMicros(us)
	if !mark.IsZero() && !base.Now().After(mark) {
		// The machine's clock was set back, and law time stands still until it has caught up. An earlier
		// process may have made ids up to a mark's worth ahead; this one begins beyond them, and says so
		// before it makes any.
		mark = mark.Add(2 * markEvery)
		if _, err := db.ExecContext(ctx, "UPDATE law_clock SET high = $1 WHERE id = 1 AND high < $1", houvast.Micros(mark)); err != nil {
			return nil, err
		}
	}
	return &LawClock{base: base, high: mark, persisted: mark}, nil
}

// Now returns the later of the clock and everything it said before, in UTC and microseconds.
func (c *LawClock) Now() time.Time {
	now := c.base.Now().UTC().Truncate(time.Microsecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.After(c.high) {
		c.high = now
	}
	return c.high
}

// Mono returns the hand that only measures.
func (c *LawClock) Mono() time.Duration { return c.base.Mono() }

// persist writes the mark with the caller's transaction when it is old. If that transaction fails,
// the mark is merely written again later.
func (c *LawClock) persist(tx *sql.Tx) error {
	c.mu.Lock()
	high, old := c.high, c.persisted
	c.mu.Unlock()
	if high.Sub(old) < markEvery {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO law_clock (id, high) VALUES (1, $1)
		ON CONFLICT (id) DO UPDATE SET high = excluded.high WHERE law_clock.high < excluded.high`, houvast.Micros(high))
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if high.After(c.persisted) {
		c.persisted = high
	}
	return nil
}

// SystemClock is the clock of the machine.
type SystemClock struct{ start time.Time }

// NewSystemClock returns the clock of the machine.
func NewSystemClock() SystemClock { return SystemClock{time.Now()} }

// Now returns the machine's time.
func (c SystemClock) Now() time.Time { return time.Now().UTC() }

// Mono returns the time since the clock was made.
func (c SystemClock) Mono() time.Duration { return time.Since(c.start) }
