package desk

import (
	"context"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/look"
	"github.com/houvast/houvast/internal/store"
)

// Bank returns one bank; NotFound, code bank-unknown, when there is none of that name.
func (d Desk) Bank(ctx context.Context, name string) (bank.Bank, error) {
	return read(ctx, d, func(tx *store.Tx) (bank.Bank, error) { return bank.ByName(tx, name) })
}

// User returns one staff account; NotFound, code no-user, when there is none.
func (d Desk) User(ctx context.Context, id houvast.UserID) (access.User, error) {
	return read(ctx, d, func(tx *store.Tx) (access.User, error) { return access.UserByID(tx, id) })
}

// APIKey returns one API key without its text; NotFound, code no-key, when there is none.
func (d Desk) APIKey(ctx context.Context, id houvast.KeyID) (access.Key, error) {
	found, err := d.APIKeys(ctx, id-1, 1)
	if err == nil && (len(found) == 0 || found[0].ID != id) {
		err = houvast.Errorf("desk.APIKey", houvast.NotFound, "no-key", "there is no such key")
	}
	if err != nil {
		return access.Key{}, err
	}
	return found[0], nil
}

// AuditPage returns lines of the audit log with who and what, the newest first, see look.Lines. It is for
// whoever checks the log; everybody else reads Events.
func (d Desk) AuditPage(ctx context.Context, before int64, limit int) ([]look.Line, error) {
	return read(ctx, d, func(tx *store.Tx) ([]look.Line, error) { return look.Lines(tx, before, limit) })
}
