package subject

import (
	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

// Of returns the subject of an account, a new one the first time. An account without an id links to
// nothing: each of its items has a subject of its own.
func Of(tx *store.Tx, pepper Pepper, account houvast.AccountRef) (houvast.SubjectID, error) {
	if account.ID == "" {
		account.ID = "anonymous " + houvast.RandomText("one", 26)
	}
	link := pepper.link(account)
	var id houvast.SubjectID
	err := tx.Row("SELECT id FROM subject WHERE link = $1", store.Args(link), &id)
	if houvast.KindOf(err) != houvast.NotFound {
		return id, err
	}
	id = houvast.SubjectID(tx.NewID())
	_, err = tx.Exec("INSERT INTO subject (id, link, since) VALUES ($1, $2, $3)", id, link, houvast.Micros(tx.Now()))
	return id, err
}
