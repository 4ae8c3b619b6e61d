package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"

	"github.com/houvast/houvast/internal/store"
	"golang.org/x/mod/sumdb/tlog"
)

// A record is a stored line. detail is the stored text, byte for byte.
type record struct {
	id, at                         int64
	actor, action, subject, detail string
}

// columns is what scan reads, in this order.
const columns = "id, at, actor, action, subject, detail"

func (r *record) scan(row *sql.Rows, more ...any) error {
	return row.Scan(append([]any{&r.id, &r.at, &r.actor, &r.action, &r.subject, &r.detail}, more...)...)
}

// encode returns what is hashed: the format's name, then seq, id and at as 8 bytes each, then each
// text after its length as 4 bytes, all big-endian. No two lines have the same encoding. It is the
// format of the log for ever: a second format would need a second name.
func (r *record) encode(seq int64) []byte {
	b := make([]byte, 0, 64+len(r.actor)+len(r.action)+len(r.subject)+len(r.detail))
	b = append(b, "houvast audit 1\n"...)
	for _, v := range [...]int64{seq, r.id, r.at} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	for _, s := range [...]string{r.actor, r.action, r.subject, r.detail} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return b
}

// leaf returns the RFC 6962 hash of the line as number seq.
func (r *record) leaf(seq int64) tlog.Hash { return tlog.RecordHash(r.encode(seq)) }

// mac returns the MAC that a line carries, as hex: it binds the leaf to the number.
func (s *sealer) mac(seq int64, leaf tlog.Hash) string {
	h := hmac.New(sha256.New, s.MAC)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(seq)))
	h.Write(leaf[:])
	return hex.EncodeToString(h.Sum(nil))
}

// An edge is the right edge of a tree: the few hashes that its root and its growth need.
type edge struct {
	size   int64
	hashes map[int64]tlog.Hash // by tlog.StoredHashIndex
}

func newEdge(size int64) *edge { return &edge{size, map[int64]tlog.Hash{}} }

func (e *edge) clone() *edge { return &edge{e.size, maps.Clone(e.hashes)} }

// ReadHashes is tlog.HashReader over the edge.
func (e *edge) ReadHashes(ids []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(ids))
	for i, id := range ids {
		h, ok := e.hashes[id]
		if !ok {
			return nil, fmt.Errorf("hash %d is not on the edge of a tree of %d lines", id, e.size)
		}
		out[i] = h
	}
	return out, nil
}

// add appends a leaf and returns the hashes to store, from tlog.StoredHashIndex(0, size) on.
func (e *edge) add(leaf tlog.Hash) ([]tlog.Hash, error) {
	hashes, err := tlog.StoredHashesForRecordHash(e.size, leaf, e)
	if err != nil {
		return nil, err
	}
	at := tlog.StoredHashIndex(0, e.size)
	for i, h := range hashes {
		e.hashes[at+int64(i)] = h
	}
	e.size++
	return hashes, nil
}

// root returns the root and forgets what is no longer on the edge.
func (e *edge) root() (tlog.Hash, error) {
	used := map[int64]tlog.Hash{}
	root, err := tlog.TreeHash(e.size, tlog.HashReaderFunc(func(ids []int64) ([]tlog.Hash, error) {
		hashes, err := e.ReadHashes(ids)
		for i, h := range hashes {
			used[ids[i]] = h
		}
		return hashes, err
	}))
	if err == nil {
		e.hashes = used
	}
	return root, err
}

// readEdge loads the edge of the first size lines and its root. A missing hash is an error of kind
// Corrupt.
func readEdge(tx *store.Tx, size int64) (*edge, tlog.Hash, error) {
	e := newEdge(size)
	root, err := tlog.TreeHash(size, tlog.HashReaderFunc(func(ids []int64) ([]tlog.Hash, error) {
		args := make([]any, len(ids))
		for i, id := range ids {
			args[i] = id
		}
		err := tx.Rows("SELECT id, hash FROM audit_hash WHERE id IN "+places(1, len(ids)), args, func(row *sql.Rows) error {
			var id int64
			var h []byte
			if err := row.Scan(&id, &h); err != nil {
				return err
			}
			if len(h) != tlog.HashSize {
				return corrupt("audit-tampered", "the tree of the audit log is damaged: hash %d has %d bytes", id, len(h))
			}
			e.hashes[id] = tlog.Hash(h)
			return nil
		})
		if err != nil {
			return nil, err
		}
		hashes, err := e.ReadHashes(ids)
		if err != nil {
			return nil, corrupt("audit-tampered", "the tree of the audit log is damaged: %w", err)
		}
		return hashes, nil
	}))
	return e, root, err
}

// places returns the placeholders of rows rows of width values, from $1 on: "($1, $2), ($3, $4)".
func places(rows, width int) string {
	var b strings.Builder
	for i := range rows * width {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%width == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	return b.String() + ")"
}
