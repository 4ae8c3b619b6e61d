package desk

import (
	"context"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/store"
)

// Chosen returns what the installation was chosen to be, as the database has it; ok is false while nothing
// was chosen.
func (d Desk) Chosen(ctx context.Context) (c access.Choice, ok bool, err error) {
	c, err = read(ctx, d, func(tx *store.Tx) (c access.Choice, err error) {
		c, ok, err = access.Chosen(tx)
		return c, err
	})
	return c, ok, err
}
