package review

import (
	"database/sql"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

const cato = houvast.Actor("user:cato")

func skips(t *testing.T, w store.Writer, id houvast.CaseID, by houvast.Actor) string {
	t.Helper()
	return write(t, w, func(tx *store.Tx) error { return Skip(tx, id, by) })
}

func unskips(t *testing.T, w store.Writer, by houvast.Actor, want int64) {
	t.Helper()
	var n int64
	must(t, w, func(tx *store.Tx) (err error) { n, err = Unskip(tx, by); return err })
	if n != want {
		t.Errorf("%s took back %d skips, want %d", by, n, want)
	}
}

func depth(t *testing.T, w store.Writer, by houvast.Actor, self bool) (d Depth) {
	t.Helper()
	if err := w.DB().View(t.Context(), func(tx *store.Tx) (err error) { d, err = DepthFor(tx, by, self); return err }); err != nil {
		t.Fatal(err)
	}
	return d
}

// What a person skipped is not handed to them for eight hours, and to everybody else at once.
func TestSkip(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		first := put(t, w, likeness)
		clock.Advance(time.Second)
		second := put(t, w, likeness)
		clock.Advance(time.Second)

		want(t, "skipping what is nobody's", skips(t, w, first, anna), "claim-lost")
		pulls(t, w, anna, first)
		want(t, "skipping what is another's", skips(t, w, first, bram), "claim-lost")
		pulls(t, w, anna, first) // a refused skip changes nothing
		changed := w.DB().Changed(Topic)
		want(t, "skipping", skips(t, w, first, anna), "")
		select {
		case <-changed:
		default:
			t.Error("nobody was told that a case came back")
		}
		pulls(t, w, anna, second)
		want(t, "giving back is not skipping", write(t, w, func(tx *store.Tx) error { return GiveBack(tx, second, anna) }), "")
		pulls(t, w, anna, second)
		want(t, "skipping", skips(t, w, second, anna), "")
		_, code := pull(t, w, anna)
		want(t, "only skipped ones are left", code, "queue-skipped")
		if d := depth(t, w, anna, false); d.Waiting != 2 || d.Skipped != 2 || d.Oldest != noon {
			t.Errorf("anna sees %+v", d)
		}
		if d := depth(t, w, bram, false); d.Waiting != 2 || d.Skipped != 0 {
			t.Errorf("bram sees %+v", d)
		}

		pulls(t, w, bram, first) // at once, for everybody else
		pulls(t, w, cato, second)
		_, code = pull(t, w, anna)
		want(t, "what others have taken does not wait for who skipped it", code, "queue-empty")
		must(t, w, func(tx *store.Tx) error { return GiveBack(tx, first, bram) })
		must(t, w, func(tx *store.Tx) error { return GiveBack(tx, second, cato) })

		clock.Advance(SkipTime - time.Second)
		_, code = pull(t, w, anna)
		want(t, "a second too early", code, "queue-skipped")
		clock.Advance(time.Second)
		pulls(t, w, anna, first) // both skips are over, and the older comes first
		want(t, "skipping again", skips(t, w, first, anna), "")
		pulls(t, w, anna, second)
		must(t, w, func(tx *store.Tx) error { return GiveBack(tx, second, anna) })

		unskips(t, w, bram, 0) // bram's, not anna's
		if d := depth(t, w, anna, false); d.Skipped != 1 {
			t.Errorf("after bram took his skips back anna sees %+v", d)
		}
		unskips(t, w, anna, 1)
		pulls(t, w, anna, first)
	})
}

// A skip that is over leaves no row about who skipped what, and a forgotten case none at all.
func TestSkipsAreNotKept(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		rows := func() (n int) {
			must(t, w, func(tx *store.Tx) error { return tx.Row("SELECT COUNT(*) FROM review_skip", nil, &n) })
			return n
		}
		old, young := put(t, w, likeness), houvast.CaseID(0)
		pulls(t, w, anna, old)
		want(t, "skipping", skips(t, w, old, anna), "")
		clock.Advance(SkipTime)
		young = put(t, w, houvast.Match{Category: houvast.ChildAbuse, Trust: houvast.Verified, Kind: houvast.KindSHA256})
		if rows() != 1 {
			t.Fatal("there is no row that could go")
		}
		pulls(t, w, bram, young)
		want(t, "skipping", skips(t, w, young, bram), "")
		if rows() != 1 {
			t.Errorf("%d rows; anna's skip is over", rows())
		}
		must(t, w, func(tx *store.Tx) error { return Forget(tx, young) })
		if rows() != 0 {
			t.Errorf("%d rows about a case that is forgotten", rows())
		}
	})
}

func TestClaimOf(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		of := func(by houvast.Actor) (id houvast.CaseID) {
			err := w.DB().View(t.Context(), func(tx *store.Tx) error {
				c, held, err := ClaimOf(tx, by)
				if held != (c.ID != 0) {
					t.Errorf("held %v, case %s", held, c.ID)
				}
				id = c.ID
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		id := put(t, w, likeness)
		if got := of(anna); got != 0 {
			t.Errorf("anna holds %s before pulling", got)
		}
		if got := of(""); got != 0 {
			t.Errorf("nobody holds %s", got)
		}
		pulls(t, w, anna, id)
		if of(anna) != id || of(bram) != 0 {
			t.Errorf("anna holds %s, bram %s", of(anna), of(bram))
		}
		clock.Advance(ClaimTime)
		if got := of(anna); got != 0 {
			t.Errorf("anna holds %s after her claim ran out", got)
		}
	})
}

// Everything that waits, as three people see it at one moment.
func TestDepth(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		if d := depth(t, w, anna, false); d != (Depth{}) {
			t.Errorf("an empty house: %+v", d)
		}
		clock.Advance(time.Hour)
		for _, by := range []houvast.Actor{anna, anna, bram} { // three that wait for a second person
			id := put(t, w, likeness)
			pulls(t, w, by, id)
			want(t, "deciding", decides(t, w, id, by, Verdict{Decision: "own"}), "")
		}
		for _, by := range []houvast.Actor{anna, bram, bram} { // three parked
			id := put(t, w, likeness)
			pulls(t, w, by, id)
			want(t, "parking", parks(t, w, id, by), "")
		}
		skipped := put(t, w, likeness)
		pulls(t, w, anna, skipped)
		want(t, "skipping", skips(t, w, skipped, anna), "")
		clock.Advance(time.Minute)
		put(t, w, likeness)
		taken := put(t, w, houvast.Match{Category: houvast.ChildAbuse, Trust: houvast.Verified, Kind: houvast.KindSHA256})
		pulls(t, w, cato, taken)
		for _, c := range []struct {
			by   houvast.Actor
			self bool
			want Depth
		}{
			{anna, false, Depth{Waiting: 2, Skipped: 1, MineParked: 1, ParkedByOthers: 2, Seconds: 1, Oldest: noon.Add(time.Hour)}},
			{bram, false, Depth{Waiting: 2, MineParked: 2, ParkedByOthers: 1, Seconds: 2, Oldest: noon.Add(time.Hour)}},
			{cato, false, Depth{Waiting: 2, ParkedByOthers: 3, Seconds: 3, Oldest: noon.Add(time.Hour)}},
			{anna, true, Depth{Waiting: 2, Skipped: 1, MineParked: 1, ParkedByOthers: 2, Seconds: 3, Oldest: noon.Add(time.Hour)}},
		} {
			if d := depth(t, w, c.by, c.self); d != c.want {
				t.Errorf("%s, alone %v:\n got %+v\nwant %+v", c.by, c.self, d, c.want)
			}
		}
		clock.Advance(ParkTime)
		if d := depth(t, w, anna, false); d.Waiting != 6 || d.MineParked+d.ParkedByOthers+d.Skipped != 0 {
			t.Errorf("a day later: %+v", d)
		}
	})
}

// fill opens n cases with facts of a usual size, all of one danger.
func fill(t *testing.T, w store.Writer, n int) {
	t.Helper()
	must(t, w, func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO review_case (`+columns+`)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < `+fmt.Sprint(n)+`)
			SELECT i, CAST(i AS TEXT), i % 50, '', 'k', $1, 'known', 'child_abuse', 'verified', 'pdq', 7, 45, 'open', i, '', 0, 0, '', '', $2, NULL, '[]', '', 0, '', 0, 0,
			i % 100, 0, '', NULL FROM n`, slices.Repeat([]byte{7}, 3000), false)
		return err
	})
	analyze := "ANALYZE review_case"
	must(t, w, func(tx *store.Tx) error { _, err := tx.Exec(analyze); return err })
}

// plan returns how the engine carries out a query.
func plan(t *testing.T, w store.Writer, query string, args ...any) string {
	t.Helper()
	how := "EXPLAIN QUERY PLAN "
	if w.DB().Engine() == store.Postgres {
		how = "EXPLAIN (COSTS OFF) "
	}
	var b strings.Builder
	must(t, w, func(tx *store.Tx) error {
		return tx.Rows(how+query, args, func(row *sql.Rows) error {
			cols, err := row.Columns()
			if err != nil {
				return err
			}
			line := make([]any, len(cols))
			for i := range line {
				line[i] = new(sql.NullString)
			}
			err = row.Scan(line...)
			fmt.Fprintln(&b, line[len(line)-1].(*sql.NullString).String)
			return err
		})
	})
	return b.String()
}

// reads reports whether a plan reads a table from end to end, or puts rows in order itself.
func reads(plan string) bool {
	for line := range strings.Lines(plan) {
		line = strings.TrimLeft(line, " ->")
		if strings.HasPrefix(line, "Seq Scan on review_case") || strings.HasPrefix(line, "Sort") || strings.Contains(line, "TEMP B-TREE") ||
			strings.HasPrefix(line, "SCAN review_case") && !strings.Contains(line, "INDEX") {
			return true
		}
	}
	return false
}

// With ten thousand cases in the queue, what a page asks is answered from an index, and quickly.
func TestDeepQueue(t *testing.T) {
	each(t, func(t *testing.T, w store.Writer, clock *storetest.Clock) {
		const cases = 10_000
		fill(t, w, cases)
		now := houvast.Micros(noon)
		queries := map[string]string{
			"next":    "SELECT " + columns + " FROM review_case WHERE " + unskipped + " ORDER BY danger DESC, opened, id LIMIT 1",
			"claim":   "SELECT id FROM review_case WHERE claimed_by = $2 AND claimed_by <> '' AND claim_ends > $1 AND state = 'open' LIMIT 1",
			"parked":  "SELECT id FROM review_case WHERE parked <> 0 AND parked > $1 ORDER BY parked, id LIMIT 20",
			"entry":   tallyEntry,
			"account": tallySubject,
		}
		args := map[string][]any{"next": {now, anna, now}, "claim": {now, anna}, "parked": {now}, "entry": {7, 1}, "account": {7, 1}}
		for name, q := range queries {
			if p := plan(t, w, q, args[name]...); reads(p) {
				t.Errorf("%s:\n%s", name, p)
			}
		}
		// The look at plans must be able to find: without the index the queue is read and sorted.
		must(t, w, func(tx *store.Tx) error { _, err := tx.Exec("DROP INDEX review_case_queue"); return err })
		if p := plan(t, w, queries["next"], args["next"]...); !reads(p) {
			t.Errorf("the plan without an index passes, so the look proves nothing:\n%s", p)
		}
		must(t, w, func(tx *store.Tx) error {
			_, err := tx.Exec("CREATE INDEX review_case_queue ON review_case (danger DESC, opened, id, claim_ends, parked) WHERE state = 'open'")
			return err
		})

		took := map[string][]time.Duration{}
		stop := func(what string, began time.Time) { took[what] = append(took[what], time.Since(began)) }
		for i := range 60 { // each skip makes the next pull go further
			began := time.Now()
			c, code := pull(t, w, anna)
			stop("pull", began)
			if code != "" || c.ID != houvast.CaseID(i+1) {
				t.Fatalf("pull %d brought %d (%q)", i, c.ID, code)
			}
			began = time.Now()
			d := depth(t, w, anna, false)
			stop("depth", began)
			if want := (Depth{Waiting: cases - 1, Skipped: i, Oldest: time.UnixMicro(map[bool]int64{true: 2, false: 1}[i == 0]).UTC()}); !reflect.DeepEqual(d, want) {
				t.Fatalf("depth %d: %+v, want %+v", i, d, want)
			}
			began = time.Now()
			want(t, "skip", skips(t, w, c.ID, anna), "")
			stop("skip", began)
		}
		for what, all := range took {
			slices.Sort(all)
			p95 := all[len(all)*95/100]
			t.Logf("%s: %s, p95 %s, most %s, with %d open cases", w.DB().Engine(), what, p95, all[len(all)-1], cases)
			if p95 > 100*time.Millisecond && !race { // the race detector measures itself
				t.Errorf("%s takes %s", what, p95)
			}
		}
	})
}
