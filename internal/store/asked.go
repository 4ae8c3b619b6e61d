package store

import (
	"time"

	"github.com/houvast/houvast"
)

// askedFor is how long an answered request is remembered.
const askedFor = 7 * 24 * time.Hour

// A Request is one call that may come again under the same Idempotency-Key.
type Request struct {
	Actor houvast.Actor
	Op    string
	Key   string // "" remembers nothing
	Body  string // hex SHA-256 of what was asked
}

// Asked returns the answer that the same request got before. The same key with another body is a
// Conflict.
func (t *Tx) Asked(r Request) (answer []byte, found bool, err error) {
	if r.Key == "" {
		return nil, false, nil
	}
	var body, text string
	err = t.Row("SELECT body, answer FROM asked WHERE actor = $1 AND op = $2 AND key = $3", Args(string(r.Actor), r.Op, r.Key), &body, &text)
	if houvast.KindOf(err) == houvast.NotFound {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if body != r.Body {
		return nil, false, houvast.Errorf("store.Asked", houvast.Conflict, "idempotency-key-reused", "the idempotency key was used for another request").
			WithHint("use a new key for each new request")
	}
	return []byte(text), true, nil
}

// Answer remembers the answer in the transaction that did what was asked.
func (t *Tx) Answer(r Request, answer []byte) error {
	if r.Key == "" {
		return nil
	}
	_, err := t.Exec("INSERT INTO asked (actor, op, key, body, answer, at) VALUES ($1, $2, $3, $4, $5, $6)",
		string(r.Actor), r.Op, r.Key, r.Body, string(answer), houvast.Micros(t.now))
	return err
}

// ForgetAsked drops what was answered long ago.
func (t *Tx) ForgetAsked() error {
	_, err := t.Exec("DELETE FROM asked WHERE at < $1", houvast.Micros(t.now.Add(-askedFor)))
	return err
}
