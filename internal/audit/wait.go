package audit

import (
	"context"
	"database/sql"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

const (
	patience    = 2 * time.Second        // without any line being signed, until Wait refuses
	lookLeast   = 20 * time.Millisecond  // from look to look at the database while waiting,
	lookMost    = 200 * time.Millisecond // doubling up to this
	recentLines = 4096                   // signed lines remembered, per half
)

// Wait returns nil once all these lines, whose transactions have committed, are under a signed
// checkpoint that is also kept outside the database. When nothing at all is being signed for two
// seconds it returns an error of kind Unavailable and code audit-unwritable; the caller then refuses
// what it was about to show or answer. The lines stay and will be signed later.
func (l *Log) Wait(ctx context.Context, ids ...int64) error {
	const op = "audit.Wait"
	look := lookLeast
	var seen int64 = -1
	stuck := time.NewTimer(patience)
	defer stuck.Stop()
	for first := true; ; first = false {
		rest, progress, signs, failed := l.unsigned(ids)
		if ids = rest; len(ids) == 0 {
			return nil
		}
		if failed != nil {
			return unwritable(op, failed)
		}
		timer := time.NewTimer(look)
		if first && !signs { // what this process signs, it need not look for
			timer.Reset(0)
		}
		select {
		case <-progress:
			stuck.Reset(patience)
		case <-timer.C:
			rest, size, err := l.lookup(ctx, ids, first)
			if err != nil && (houvast.KindOf(err) != houvast.Unavailable || ctx.Err() != nil) {
				return houvast.Wrap(op, err)
			}
			if err == nil {
				if size != seen && !first {
					stuck.Reset(patience)
				}
				ids, seen = rest, size
			}
			if !first {
				look = min(2*look, lookMost)
			}
		case <-stuck.C:
			return unwritable(op, context.DeadlineExceeded)
		case <-ctx.Done():
			return houvast.Errorf(op, houvast.Unavailable, "", "the audit line was not signed in time: %w", ctx.Err())
		}
		timer.Stop()
	}
}

func unwritable(op string, err error) error {
	return houvast.Errorf(op, houvast.Unavailable, "audit-unwritable", "the audit log cannot be signed: %w", err).
		WithHint("nothing may be shown or decided until it can; see the log of the process that signs, and houvast audit verify")
}

// unsigned returns those of ids that this process has not signed lately, what is closed when it signs
// more, whether it ever did, and why it never will again.
func (l *Log) unsigned(ids []int64) (rest []int64, progress <-chan struct{}, signs bool, failed error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		_, a := l.recent[0][id]
		_, b := l.recent[1][id]
		if !a && !b {
			rest = append(rest, id)
		}
	}
	return rest, l.progress, l.signed > 0, l.failed
}

// publish tells who waits that these lines, and all below size, are signed and marked.
func (l *Log) publish(lines []record, size int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.recent[0]) > recentLines {
		l.recent[0], l.recent[1] = make(map[int64]struct{}, 2*recentLines), l.recent[0]
	}
	for i := range lines {
		l.recent[0][lines[i].id] = struct{}{}
	}
	if size <= l.signed {
		return
	}
	l.signed = size
	close(l.progress)
	l.progress = make(chan struct{})
}

// refuse lets whoever waits know at once that nothing is signed any more; nil takes that back.
func (l *Log) refuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = err
	close(l.progress)
	l.progress = make(chan struct{})
}

// lookup asks the database for the numbers of ids, and the mark how far it covers them. It returns
// those that are not covered, and the size that is: this is how a process learns what another
// signed. The first time, a line that is still new needs no look at the mark.
func (l *Log) lookup(ctx context.Context, ids []int64, first bool) (rest []int64, size int64, err error) {
	const op = "audit.lookup"
	l.mu.Lock()
	size = l.signed
	l.mu.Unlock()
	numbers := make([]sql.NullInt64, len(ids))
	var highest int64 = -1
	err = l.w.DB().View(ctx, func(tx *store.Tx) error {
		for i, id := range ids {
			err := tx.Row("SELECT seq FROM audit_line WHERE id = $1", store.Args(id), &numbers[i])
			if houvast.KindOf(err) == houvast.NotFound {
				return houvast.Errorf(op, houvast.Internal, "no-audit-line", "an audit line that is waited for was never committed")
			}
			if err != nil {
				return err
			}
			if numbers[i].Valid {
				highest = max(highest, numbers[i].Int64)
			}
		}
		return nil
	})
	if err != nil {
		return ids, size, err
	}
	if highest >= size || highest < 0 && !first {
		mark, err := l.seal.mark(ctx)
		if err != nil {
			return ids, size, err
		}
		size = max(size, mark.size)
	}
	for i, n := range numbers {
		if !n.Valid || n.Int64 >= size {
			rest = append(rest, ids[i])
		}
	}
	return rest, size, nil
}
