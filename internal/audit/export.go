package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"strconv"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

// exported is one line as Export writes it.
type exported struct {
	Seq     int64           `json:"seq"`
	ID      string          `json:"id"`
	At      string          `json:"at"`
	Actor   string          `json:"actor"`
	Action  string          `json:"action"`
	Subject string          `json:"subject"`
	Detail  json.RawMessage `json:"detail"`
}

// Export writes signed lines with a number over after (-1 for all) as one JSON object a line, with
// all that the line's hash is made of: at is RFC 3339 in UTC with six decimals, detail is the stored
// text. The last line is {"checkpoint": …}, the signed note that covers them; a log without lines
// has none.
func Export(ctx context.Context, db *store.DB, w io.Writer, after int64) error {
	const op = "audit.Export"
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	err := db.View(ctx, func(tx *store.Tx) error {
		text, err := newest(tx)
		if err != nil || text == "" {
			return err
		}
		err = tx.Rows("SELECT "+columns+", seq FROM audit_line WHERE seq > $1 ORDER BY seq", store.Args(after), func(row *sql.Rows) error {
			var r record
			var seq int64
			if err := r.scan(row, &seq); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return houvast.Errorf(op, houvast.Unavailable, "", "the export was not finished: %w", err)
			}
			return enc.Encode(r.export(seq))
		})
		if err != nil {
			return err
		}
		return enc.Encode(map[string]string{"checkpoint": text})
	})
	return houvast.Wrap(op, err)
}

func (r *record) export(seq int64) exported {
	detail := json.RawMessage(r.detail)
	if !json.Valid(detail) { // somebody changed it; show what is there
		detail, _ = json.Marshal(r.detail)
	}
	return exported{
		Seq: seq, ID: strconv.FormatInt(r.id, 10), At: houvast.FromMicros(r.at).Format("2006-01-02T15:04:05.000000Z"),
		Actor: r.actor, Action: r.action, Subject: r.subject, Detail: detail,
	}
}
