package audit

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
	"golang.org/x/mod/sumdb/tlog"
)

// load takes the lease, finds the end of the log and checks all that can be checked without reading
// the lines: the newest checkpoint's signature, that the stored tree has its root, that numbers and
// hashes end there, and that the mark is of this tree and not ahead of it. Then it brings the mark
// up to date, which a crash may have left one checkpoint behind. Whatever is wrong is Corrupt.
func (l *Log) load(ctx context.Context) (*head, error) {
	var fence int64
	err := l.w.Update(ctx, func(tx *store.Tx) (err error) {
		var ok bool
		if fence, ok, err = tx.Lease(lease, l.holder, leaseTTL); err == nil && !ok {
			return errStandby
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	mark, err := l.seal.mark(ctx)
	if err != nil {
		return nil, err
	}
	h := &head{fence: fence}
	err = l.w.DB().View(ctx, func(tx *store.Tx) error {
		if err := h.read(tx, l.seal); err != nil {
			return err
		}
		return h.compare(tx, mark)
	})
	if err != nil {
		return nil, err
	}
	if mark.size < h.size {
		l.log.Info("the mark of the audit log was behind", "mark", mark.size, "size", h.size)
		if err := l.setMark(ctx, h.checkpoint); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func corrupt(code, format string, args ...any) error {
	return houvast.Errorf("audit.load", houvast.Corrupt, code, format, args...).
		WithHint("run houvast audit verify, and keep a copy of the database before anything else is done")
}

// read sets h to the newest checkpoint and the edge of its tree.
func (h *head) read(tx *store.Tx, s *sealer) error {
	text, err := newest(tx)
	if err != nil {
		return err
	}
	if text != "" {
		if h.checkpoint, err = s.open(text); err != nil {
			return corrupt("audit-tampered", "the newest checkpoint of the audit log does not verify: %w", err)
		}
	}
	var lines, hashes sql.NullInt64
	if err := tx.Row("SELECT (SELECT MAX(seq) FROM audit_line), (SELECT MAX(id) FROM audit_hash)", nil, &lines, &hashes); err != nil {
		return err
	}
	if have := end(lines); have != h.size {
		return corrupt("audit-tampered", "the audit log ends before line %d, its checkpoint before line %d", have, h.size)
	}
	if end(hashes) != tlog.StoredHashCount(h.size) {
		return corrupt("audit-tampered", "the tree of the audit log does not have the size of its checkpoint")
	}
	var root tlog.Hash
	if h.edge, root, err = readEdge(tx, h.size); err != nil {
		return err
	}
	if h.size > 0 && root != h.root {
		return corrupt("audit-tampered", "the tree of the audit log does not have the root that was signed")
	}
	return nil
}

func end(highest sql.NullInt64) int64 {
	if !highest.Valid {
		return 0
	}
	return highest.Int64 + 1
}

// compare refuses a mark that is ahead of the database or of another tree.
func (h *head) compare(tx *store.Tx, mark checkpoint) error {
	switch {
	case mark.size > h.size:
		return corrupt("audit-rolled-back", "the audit log ends before line %d, but lines up to %d were signed: the database was put back", h.size, mark.size-1)
	case mark.size == 0 && h.size > 0:
		var n int
		if err := tx.Row("SELECT COUNT(*) FROM (SELECT size FROM audit_checkpoint LIMIT 2) few", nil, &n); err != nil {
			return err
		}
		if n > 1 {
			return corrupt("audit-mark-missing", "the audit log has %d lines and no mark outside the database", h.size)
		}
	case mark.size > 0:
		_, root, err := readEdge(tx, mark.size)
		if err != nil {
			return err
		}
		if root != mark.root {
			return corrupt("audit-forked", "the first %d lines of the audit log are not those that were signed", mark.size)
		}
	}
	return nil
}

// Accept lets the log go on after the database was put back on purpose. It appends a line
// audit.restored that says by whom and which numbers were lost, since they will be given again, and
// keeps the newest checkpoint of the database as the mark. Anything else that is wrong stays Corrupt;
// when nothing was lost the error is of kind Conflict. Run must be started again.
func (l *Log) Accept(ctx context.Context, by houvast.Actor) error {
	const op = "audit.Accept"
	mark, err := l.seal.mark(ctx)
	if err != nil {
		return err
	}
	var h head
	err = l.w.Update(ctx, func(tx *store.Tx) error {
		h = head{}
		if err := h.read(tx, l.seal); err != nil {
			return err
		}
		if mark.size <= h.size {
			return houvast.Errorf(op, houvast.Conflict, "audit-nothing-lost", "the audit log has all lines that were signed")
		}
		_, err := Append(tx, Line{Actor: by, Action: "audit.restored", Detail: map[string]string{
			"first_lost": strconv.FormatInt(h.size, 10), "last_lost": strconv.FormatInt(mark.size-1, 10), "root_lost": mark.root.String(),
		}})
		return err
	})
	if err != nil {
		return houvast.Wrap(op, err)
	}
	l.refuse(nil)
	return l.setMark(ctx, h.checkpoint)
}
