package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/fault"
	"github.com/houvast/houvast/internal/store"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	lease    = "audit"
	leaseTTL = 3 * time.Second // of a dead sequencer, before another takes over

	batchMost = 500                    // lines in one transaction, so that it stays below 50 ms
	crowd     = 16                     // lines in a batch, from which on
	pace      = 10 * time.Millisecond  // passes from batch to batch, so that lines share a checkpoint
	idleLeast = 20 * time.Millisecond  // to the next look after lines were found,
	idleMost  = 250 * time.Millisecond // doubling up to this: another process's lines are not announced here
	retryMost = time.Second            // to the next try after an error
)

// A Log numbers and signs lines, in one process at a time, and answers when they are signed, in all.
type Log struct {
	w      store.Writer
	seal   *sealer
	holder string
	log    *slog.Logger

	head *head // of Run alone; nil when it must be loaded

	mu       sync.Mutex
	progress chan struct{} // closed when more lines are signed
	signed   int64         // lines below this number are signed and marked
	recent   [2]map[int64]struct{}
	failed   error // why Run gave up
}

// New returns the log in w's database. Run must run in at least one process.
func New(w store.Writer, keys Keys, log *slog.Logger) (*Log, error) {
	s, err := newSealer(keys)
	if err != nil {
		return nil, err
	}
	if keys.SetMark == nil {
		return nil, houvast.Errorf("audit.New", houvast.Invalid, "audit-keys", "the audit log needs a place for its mark")
	}
	// A SQLite database has one process, and its next one must not wait for the lease of the dead.
	holder := "the only process"
	if w.DB().Engine() != store.SQLite {
		holder = houvast.RandomText("audit", 16)
	}
	l := &Log{w: w, seal: s, holder: holder, log: log, progress: make(chan struct{})}
	l.recent[0], l.recent[1] = map[int64]struct{}{}, map[int64]struct{}{}
	return l, nil
}

// Run is the sequencer. It returns nil when ctx ends, and an error of kind Corrupt when the database
// contradicts its signed checkpoint or the mark: then nothing is signed over it and whoever waits is
// refused. Every other error is tried again for ever.
func (l *Log) Run(ctx context.Context) error {
	defer l.rest(context.WithoutCancel(ctx))
	l.refuse(nil)
	l.head = nil
	idle, retry, fresh := idleLeast, idleLeast, true
	for ctx.Err() == nil {
		changed := l.w.DB().Changed(topic)
		began := time.Now()
		n, err := l.step(ctx, fresh)
		switch {
		case ctx.Err() != nil:
			return nil
		case houvast.KindOf(err) == houvast.Corrupt:
			l.log.Error("the audit log is not what was signed", "error", err)
			l.refuse(err)
			return err
		case errors.Is(err, errStandby):
			l.wait(ctx, nil, idleMost)
			continue
		case errors.Is(err, errStale) && retry == idleLeast:
			retry *= 2
			continue
		case err != nil:
			fresh = true // a mark may be left to write although no line is new
			l.log.Warn("audit lines cannot be signed", "error", err)
			l.wait(ctx, nil, retry)
			retry = min(2*retry, retryMost)
			continue
		}
		retry, fresh = idleLeast, false
		if n > 0 {
			idle = idleLeast
			if n >= crowd {
				l.wait(ctx, nil, pace-time.Since(began))
			}
			continue
		}
		l.wait(ctx, changed, idle)
		idle = min(2*idle, idleMost)
	}
	return nil
}

func (l *Log) wait(ctx context.Context, changed <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-timer.C:
	}
}

// rest gives the lease back, so that another process need not wait for its end.
func (l *Log) rest(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := l.w.Update(ctx, func(tx *store.Tx) error { return tx.Unlease(lease, l.holder) }); err != nil {
		l.log.Warn("the audit lease was not given back", "error", err)
	}
}

// errStale says that what we know of the log is no longer so; errStandby, that another process is
// the sequencer.
var (
	errStale   = errors.New("the audit log has moved on")
	errStandby = errors.New("another process signs the audit log")
)

// step signs one batch of new lines and returns how many. With check, it also looks at the log when
// there are none.
func (l *Log) step(ctx context.Context, check bool) (int, error) {
	lines, err := l.fresh(ctx)
	if err != nil {
		return 0, err
	}
	if l.head == nil && (check || len(lines) > 0) {
		if l.head, err = l.load(ctx); err != nil {
			return 0, err
		}
		l.publish(nil, l.head.size)
	}
	if len(lines) == 0 {
		return 0, nil
	}
	b, err := l.prepare(lines)
	if err != nil {
		return 0, err
	}
	if err := l.w.Update(ctx, b.write); err != nil {
		l.head = nil // even where nothing was written: to look again is cheap
		return 0, err
	}
	fault.Point("audit-signed")
	l.head = b.next
	if err := l.setMark(ctx, b.next.checkpoint); err != nil {
		l.head = nil // load sets the mark before anything else is signed
		return 0, err
	}
	fault.Point("audit-marked")
	l.publish(b.lines, b.next.size)
	return len(lines), nil
}

func (l *Log) setMark(ctx context.Context, c checkpoint) error {
	if err := l.seal.SetMark(ctx, []byte(c.text)); err != nil {
		return houvast.Errorf("audit.setMark", houvast.Unavailable, "audit-mark", "the mark of the audit log cannot be written: %w", err)
	}
	return nil
}

// fresh reads new lines in the order of their ids. It is a read transaction of its own, so that the
// sequencer's write does not stand in the way of lines that are being appended.
func (l *Log) fresh(ctx context.Context) (lines []record, err error) {
	err = l.w.DB().View(ctx, func(tx *store.Tx) error {
		return tx.Rows("SELECT "+columns+" FROM audit_line WHERE seq IS NULL ORDER BY id LIMIT $1", store.Args(batchMost), func(row *sql.Rows) error {
			var r record
			err := r.scan(row)
			lines = append(lines, r)
			return err
		})
	})
	return lines, err
}

// A head is the newest checkpoint as this sequencer wrote or verified it, and what follows from it.
type head struct {
	checkpoint
	edge  *edge
	fence int64
}

// A batch is new lines with all that is written for them.
type batch struct {
	log    *Log
	prev   *head
	next   *head
	lines  []record
	macs   []string
	hashes []tlog.Hash
}

// prepare numbers, hashes and signs lines in memory.
func (l *Log) prepare(lines []record) (*batch, error) {
	const op = "audit.prepare"
	b := &batch{log: l, prev: l.head, lines: lines}
	e := l.head.edge.clone()
	for i := range lines {
		leaf := lines[i].leaf(e.size)
		b.macs = append(b.macs, l.seal.mac(e.size, leaf))
		hashes, err := e.add(leaf)
		if err != nil {
			return nil, houvast.Wrap(op, err)
		}
		b.hashes = append(b.hashes, hashes...)
	}
	root, err := e.root()
	if err != nil {
		return nil, houvast.Wrap(op, err)
	}
	c, err := l.seal.seal(e.size, root)
	b.next = &head{checkpoint: c, edge: e, fence: l.head.fence}
	return b, err
}

// write stores the batch if this process is still the sequencer and the log still ends where the
// batch begins.
func (b *batch) write(tx *store.Tx) error {
	if err := b.log.hold(tx, b.prev.fence); err != nil {
		return err
	}
	if last, err := newest(tx); err != nil {
		return err
	} else if last != b.prev.text {
		return errStale
	}
	if err := b.number(tx); err != nil {
		return err
	}
	first := tlog.StoredHashIndex(0, b.prev.size)
	err := chunks(len(b.hashes), func(from, to int) error {
		args := make([]any, 0, 2*(to-from))
		for i := from; i < to; i++ {
			args = append(args, first+int64(i), b.hashes[i][:])
		}
		_, err := tx.Exec("INSERT INTO audit_hash (id, hash) VALUES "+places(to-from, 2), args...)
		return err
	})
	if err != nil {
		return err
	}
	keep := 0
	if b.next.size/keepEvery > b.prev.size/keepEvery {
		keep = 1
	}
	if _, err := tx.Exec("INSERT INTO audit_checkpoint (size, at, keep, note) VALUES ($1, $2, $3, $4)",
		b.next.size, houvast.Micros(tx.Now()), keep, b.next.text); err != nil {
		return err
	}
	_, err = tx.Exec(`DELETE FROM audit_checkpoint WHERE keep = 0 AND size <
		(SELECT MIN(size) FROM (SELECT size FROM audit_checkpoint ORDER BY size DESC LIMIT $1) newest)`, keepNewest)
	return err
}

// How many checkpoints stay: the newest, and the first after each round number of lines.
const (
	keepNewest = 100
	keepEvery  = 1000
)

// number gives the lines their numbers. Each must still be there and new.
func (b *batch) number(tx *store.Tx) error {
	return chunks(len(b.lines), func(from, to int) error {
		args := make([]any, 0, 3*(to-from))
		for i := from; i < to; i++ {
			args = append(args, b.lines[i].id, b.prev.size+int64(i), b.macs[i])
		}
		n, err := tx.Exec(numberText(to-from), args...)
		if err == nil && n != int64(to-from) {
			return errStale
		}
		return err
	})
}

// numberText casts, because PostgreSQL cannot tell the types of a list of values otherwise.
func numberText(rows int) string {
	var b strings.Builder
	b.WriteString("UPDATE audit_line SET seq = v.column2, mac = v.column3 FROM (VALUES ")
	for i := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "(CAST($%d AS BIGINT), CAST($%d AS BIGINT), CAST($%d AS TEXT))", 3*i+1, 3*i+2, 3*i+3)
	}
	b.WriteString(") AS v WHERE audit_line.id = v.column1 AND audit_line.seq IS NULL")
	return b.String()
}

// chunks calls fn for runs of n things, in sizes that are powers of two up to 256: an engine that
// remembers statements sees nine texts and not a thousand.
func chunks(n int, fn func(from, to int) error) error {
	for from, size := 0, 256; from < n; {
		for size > n-from {
			size /= 2
		}
		if err := fn(from, from+size); err != nil {
			return err
		}
		from += size
	}
	return nil
}

// hold renews the lease and compares its fence, in the transaction that writes: a sequencer that
// slept while another took over writes nothing.
func (l *Log) hold(tx *store.Tx, fence int64) error {
	now, ok, err := tx.Lease(lease, l.holder, leaseTTL)
	switch {
	case err != nil:
		return err
	case !ok:
		return errStandby
	case now != fence:
		return errStale
	}
	return nil
}

// newest returns the text of the newest checkpoint, "" when there is none.
func newest(tx *store.Tx) (text string, err error) {
	err = tx.Row("SELECT note FROM audit_checkpoint ORDER BY size DESC LIMIT 1", nil, &text)
	if houvast.KindOf(err) == houvast.NotFound {
		return "", nil
	}
	return text, err
}
