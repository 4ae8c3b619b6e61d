package audit

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
	"golang.org/x/mod/sumdb/tlog"
)

// A Finding is one thing that is not as it was signed.
type Finding struct {
	Seq  int64  // number of the line, or of the first of several; -1 when it is no line's
	What string // in words, with the number
	Warn bool   // worth a look, but no sign of change
}

// A Result is what Verify saw.
type Result struct {
	Lines    int64     // numbered lines read
	Size     int64     // of the newest checkpoint that verifies
	Root     tlog.Hash // that it signs
	Unsigned int64     // lines still without a number
	Findings []Finding // at most 200, and a warning
	More     int       // findings beyond those
}

// Sound reports whether nothing was found but warnings.
func (r Result) Sound() bool {
	for _, f := range r.Findings {
		if !f.Warn {
			return false
		}
	}
	return r.More == 0
}

const (
	maxFindings = 200
	maxSuspects = 64
	window      = 1000 // lines read at a time
	slow        = time.Minute
)

// Verify reads the whole log and recomputes everything from the lines. What it finds is in the
// Result; the error says only that it could not look. It may run beside the sequencer.
func Verify(ctx context.Context, db *store.DB, keys Keys) (Result, error) {
	const op = "audit.Verify"
	s, err := newSealer(keys)
	if err != nil {
		return Result{}, err
	}
	v := &verifier{seal: s, edge: newEdge(0), sound: true}
	// The mark is read on both sides of the snapshot: the snapshot must not be older than the mark
	// before it, and the mark after it not older than the snapshot.
	before, err := v.mark(ctx)
	if err != nil {
		return v.result, houvast.Wrap(op, err)
	}
	err = db.View(ctx, func(tx *store.Tx) error {
		if err := v.readCheckpoints(tx); err != nil {
			return err
		}
		v.want = max(v.result.Size, before.size)
		for from := int64(0); from < v.want; from += window {
			if err := ctx.Err(); err != nil {
				return houvast.Errorf(op, houvast.Unavailable, "", "the audit log was not read to its end: %w", err)
			}
			if err := v.lines(tx, from, min(from+window, v.want), before); err != nil {
				return err
			}
		}
		v.endGap(v.want)
		return v.beyond(tx)
	})
	if err != nil {
		return v.result, houvast.Wrap(op, err)
	}
	after, err := v.mark(ctx)
	if err != nil {
		return v.result, houvast.Wrap(op, err)
	}
	v.compareMark(before, after)
	v.explain()
	return v.result, nil
}

// A verifier is one walk over the log.
type verifier struct {
	seal   *sealer
	result Result
	want   int64 // lines that were signed, by the newest checkpoint or the mark

	checkpoints []checkpoint // that verify, by size
	next        int          // first of them that the walk has not reached
	sound       bool         // the last one reached had the right root
	soundTo     int64        // size of the last one that had

	edge  *edge
	gap   int64 // first line of the gap the walk is in
	inGap bool

	bad []suspect // lines whose MAC is wrong, for explain
}

// A suspect is a line that is not what its MAC says.
type suspect struct {
	record
	seq     int64
	mac     string
	finding int // index in the findings, -1 when there were too many
}

func (v *verifier) find(seq int64, format string, args ...any) int {
	if len(v.result.Findings) >= maxFindings {
		v.result.More++
		return -1
	}
	v.result.Findings = append(v.result.Findings, Finding{Seq: seq, What: fmt.Sprintf(format, args...)})
	return len(v.result.Findings) - 1
}

// mark reads the mark; one that does not verify is a finding and counts as none.
func (v *verifier) mark(ctx context.Context) (checkpoint, error) {
	c, err := v.seal.mark(ctx)
	if houvast.KindOf(err) == houvast.Corrupt {
		v.find(-1, "the mark outside the database does not verify")
		return checkpoint{}, nil
	}
	return c, err
}

// readCheckpoints believes those that are signed and reports the others.
func (v *verifier) readCheckpoints(tx *store.Tx) error {
	return tx.Rows("SELECT size, note FROM audit_checkpoint ORDER BY size", nil, func(row *sql.Rows) error {
		var size int64
		var text string
		if err := row.Scan(&size, &text); err != nil {
			return err
		}
		c, err := v.seal.open(text)
		if err != nil || c.size != size {
			v.find(size-1, "the checkpoint after line %d does not verify", size-1)
			return nil
		}
		v.checkpoints = append(v.checkpoints, c)
		v.result.Size, v.result.Root = c.size, c.root
		return nil
	})
}

// lines walks the numbers from first to below end: there must be one line for each.
func (v *verifier) lines(tx *store.Tx, first, end int64, mark checkpoint) error {
	stored, err := readHashes(tx, first, end)
	if err != nil {
		return err
	}
	seq := first // the next number to see
	err = tx.Rows("SELECT "+columns+", seq, mac FROM audit_line WHERE seq >= $1 AND seq < $2 ORDER BY seq, id",
		store.Args(first, end), func(row *sql.Rows) error {
			var r record
			var at int64
			var mac sql.NullString
			if err := r.scan(row, &at, &mac); err != nil {
				return err
			}
			v.result.Lines++
			if at < seq {
				v.find(at, "there is more than one line %d", at)
				return nil
			}
			for ; seq < at; seq++ {
				if err := v.missing(seq, stored, mark); err != nil {
					return err
				}
			}
			v.endGap(at)
			seq++
			return v.line(&r, at, mac.String, stored, mark)
		})
	for ; err == nil && seq < end; seq++ {
		err = v.missing(seq, stored, mark)
	}
	return err
}

// missing goes on with the stored hash of a line that is not there.
func (v *verifier) missing(seq int64, stored map[int64]tlog.Hash, mark checkpoint) error {
	if !v.inGap {
		v.gap, v.inGap = seq, true
	}
	return v.grow(seq, stored[tlog.StoredHashIndex(0, seq)], stored, mark)
}

// endGap reports the gap that the walk was in, if any, when it comes to seq.
func (v *verifier) endGap(seq int64) {
	if !v.inGap {
		return
	}
	v.inGap = false
	if v.gap < seq-1 {
		v.find(v.gap, "lines %d to %d are missing", v.gap, seq-1)
		return
	}
	v.find(v.gap, "line %d is missing", v.gap)
}

func (v *verifier) line(r *record, seq int64, mac string, stored map[int64]tlog.Hash, mark checkpoint) error {
	leaf := r.leaf(seq)
	if mac != v.seal.mac(seq, leaf) {
		i := v.find(seq, "line %d is not as it was written", seq)
		if len(v.bad) < maxSuspects {
			v.bad = append(v.bad, suspect{*r, seq, mac, i})
		}
		// If the stored hash is still the true one, the rest of the tree can be judged with it.
		if h := stored[tlog.StoredHashIndex(0, seq)]; mac == v.seal.mac(seq, h) {
			leaf = h
		}
	}
	return v.grow(seq, leaf, stored, mark)
}

// grow adds a leaf and compares what follows from it: the stored hashes and the checkpoints that
// end here.
func (v *verifier) grow(seq int64, leaf tlog.Hash, stored map[int64]tlog.Hash, mark checkpoint) error {
	hashes, err := v.edge.add(leaf)
	if err != nil {
		return houvast.Wrap("audit.Verify", err)
	}
	first := tlog.StoredHashIndex(0, seq)
	for i, h := range hashes {
		if have, ok := stored[first+int64(i)]; (!ok || have != h) && !v.inGap {
			v.find(seq, "the stored hashes of line %d are not those of the lines", seq)
			break
		}
	}
	at := v.next < len(v.checkpoints) && v.checkpoints[v.next].size == v.edge.size
	if !at && mark.size != v.edge.size && v.edge.size%window != 0 {
		return nil
	}
	root, err := v.edge.root() // also forgets what is off the edge
	if err != nil {
		return houvast.Wrap("audit.Verify", err)
	}
	if at {
		v.reach(v.checkpoints[v.next], root)
		v.next++
	}
	if mark.size == v.edge.size && mark.root != root && v.sound && !v.inGap { // else the lines say it better
		v.find(min(v.soundTo, seq), "lines %d to %d are not those that the mark outside the database was kept for", min(v.soundTo, seq), seq)
	}
	return nil
}

// reach compares a checkpoint with the lines. After one that is wrong all later ones are too, so
// only the first is reported, until one is right again.
func (v *verifier) reach(c checkpoint, root tlog.Hash) {
	switch {
	case c.root == root:
		v.sound, v.soundTo = true, c.size
	case v.sound:
		v.sound = false
		v.find(v.soundTo, "lines %d to %d do not give the root that was signed after line %d", v.soundTo, c.size-1, c.size-1)
	}
}

// readHashes loads the stored hashes that belong to the lines from first to below end.
func readHashes(tx *store.Tx, first, end int64) (map[int64]tlog.Hash, error) {
	stored := make(map[int64]tlog.Hash, 2*(end-first))
	err := tx.Rows("SELECT id, hash FROM audit_hash WHERE id >= $1 AND id < $2",
		store.Args(tlog.StoredHashIndex(0, first), tlog.StoredHashIndex(0, end)), func(row *sql.Rows) error {
			var id int64
			var h []byte
			if err := row.Scan(&id, &h); err != nil {
				return err
			}
			if len(h) == tlog.HashSize {
				stored[id] = tlog.Hash(h)
			}
			return nil
		})
	return stored, err
}

// beyond reports what has a number that nobody signed, and lines that wait too long for theirs.
func (v *verifier) beyond(tx *store.Tx) error {
	var lowest sql.NullInt64
	var n int64
	if err := tx.Row("SELECT MIN(seq), COUNT(*) FROM audit_line WHERE seq >= $1 OR seq < 0", store.Args(v.want), &lowest, &n); err != nil {
		return err
	}
	if n > 0 {
		v.result.Lines += n
		v.find(lowest.Int64, "line %d and %d others have numbers that no checkpoint covers", lowest.Int64, n-1)
	}
	if err := tx.Row("SELECT COUNT(*) FROM audit_hash WHERE id >= $1 OR id < 0", store.Args(tlog.StoredHashCount(v.want)), &n); err != nil {
		return err
	}
	if n > 0 {
		v.find(v.want, "the stored tree goes on for %d hashes after line %d", n, v.want-1)
	}
	var oldest sql.NullInt64
	if err := tx.Row("SELECT MIN(at), COUNT(*) FROM audit_line WHERE seq IS NULL", nil, &oldest, &v.result.Unsigned); err != nil {
		return err
	}
	if oldest.Valid && tx.Now().Sub(houvast.FromMicros(oldest.Int64)) > slow {
		v.result.Findings = append(v.result.Findings, Finding{Seq: -1, Warn: true, What: fmt.Sprintf(
			"%d lines have no number yet, the oldest since %s: does the sequencer run", v.result.Unsigned, houvast.FromMicros(oldest.Int64).Format(time.RFC3339))})
	}
	return nil
}

// compareMark reports a mark that is ahead of the snapshot it was read before, or behind the one it
// was read after by more than the one step that a crash explains.
func (v *verifier) compareMark(before, after checkpoint) {
	size := v.result.Size
	if before.size > size {
		v.find(size, "the database ends before line %d, but lines up to %d were signed: it was put back", size, before.size-1)
	}
	var step int64 // the newest checkpoint but one
	if n := len(v.checkpoints); n > 1 {
		step = v.checkpoints[n-2].size
	}
	switch {
	case after.size == 0 && step > 0:
		v.find(-1, "there is no mark outside the database")
	case after.size < step:
		v.find(after.size, "the mark outside the database ends before line %d and is older than the last two checkpoints", after.size)
	}
}

// explain says of lines that changed which line they were, if they only changed places: it tries each
// against the numbers of the others and their next ones.
func (v *verifier) explain() {
	macs := map[string]bool{}
	for _, b := range v.bad {
		macs[b.mac] = b.mac != ""
	}
	was := func(b suspect) (int64, bool) {
		for _, o := range v.bad {
			for seq := o.seq; seq <= o.seq+1; seq++ {
				if seq != b.seq && macs[v.seal.mac(seq, b.leaf(seq))] {
					return seq, true
				}
			}
		}
		return 0, false
	}
	for _, b := range v.bad {
		if seq, ok := was(b); ok && b.finding >= 0 {
			v.result.Findings[b.finding].What = fmt.Sprintf("line %d is not as it was written: it was line %d", b.seq, seq)
		}
	}
}
