package access

import (
	"crypto/subtle"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access/secret"
	"github.com/houvast/houvast/internal/store"
)

// A Key is the right of a program of a platform service, as it may be shown. Its text,
// hv_<scope>_<id>_<secret>, is shown once when it is made; several scopes stand in their order with
// hyphens between them. The scopes of a key never change.
type Key struct {
	ID      houvast.KeyID
	Name    string
	Source  string // the platform service; only a key that hands in no items may have none
	Scopes  []Scope
	Created time.Time
	LastDay time.Time // the day (UTC) of the last use; zero when never used
	Revoked time.Time // zero while valid
}

// Actor returns how the audit log names the key.
func (k Key) Actor() houvast.Actor { return keyActor(k.Name) }

func keyActor(name string) houvast.Actor { return houvast.Actor("key:" + name) }

// NewKey is what CreateKey needs.
type NewKey struct {
	Name   string  // A-Z is folded to a-z; never given away twice
	Source string  // the platform service; a key that hands in items and names none is its own source
	Scopes []Scope // at least one
}

const keyPrefix = "hv_"

// maxKeyText bounds the text of a key before anything is done with it.
const maxKeyText = 160

// CreateKey makes a key and returns its text, which is nowhere else.
func CreateKey(tx *store.Tx, n NewKey) (Secret, Key, error) {
	const op = "access.CreateKey"
	name, ok := foldName(n.Name)
	if !ok {
		return "", Key{}, badName(op, "name of the key")
	}
	scopes, known := ordered(Scopes(), n.Scopes)
	if !known || len(scopes) == 0 {
		return "", Key{}, houvast.Errorf(op, houvast.Invalid, "bad-scopes", "a key has at least one scope, and only known ones").
			WithHint("name scopes among %s", join(Scopes(), ", "))
	}
	source := ""
	if n.Source != "" {
		if source, ok = foldName(n.Source); !ok {
			return "", Key{}, badName(op, "source of the key")
		}
	} else if slices.Contains(scopes, ScopeItems) {
		source = name
	}
	if err := free(tx, op, "SELECT 1 FROM access_key WHERE name = $1", name); err != nil {
		return "", Key{}, err
	}
	k := Key{ID: houvast.KeyID(tx.NewID()), Name: name, Source: source, Scopes: scopes, Created: tx.Now()}
	text := secret.New(strings.TrimSuffix(keyHead(k.Scopes, k.ID), "_"))
	_, err := tx.Exec(`INSERT INTO access_key (id, name, source, scopes, hash, created, used_day, revoked)
		VALUES ($1, $2, $3, $4, $5, $6, 0, 0)`,
		k.ID, k.Name, k.Source, join(k.Scopes, ","), text.Digest(), houvast.Micros(k.Created))
	if err != nil {
		return "", Key{}, houvast.Wrap(op, err)
	}
	return text, k, nil
}

// keyHead returns everything of a key's text that is no secret.
func keyHead(scopes []Scope, id houvast.KeyID) string {
	_, bare, _ := strings.Cut(id.String(), "_")
	return keyPrefix + join(scopes, "-") + "_" + bare + "_"
}

// parseKey returns the scopes and the id that a text claims. Only a text that keyHead could have
// begun is taken, so that every key has one spelling.
func parseKey(text Secret) (scopes []Scope, id houvast.KeyID, ok bool) {
	if len(text) > maxKeyText {
		return nil, 0, false
	}
	parts := strings.Split(string(text), "_")
	if len(parts) != 4 || len(parts[3]) != secret.RandomLen {
		return nil, 0, false
	}
	if scopes, ok = split(Scopes(), parts[1], "-"); !ok {
		return nil, 0, false
	}
	if err := id.UnmarshalText([]byte("key_" + parts[2])); err != nil || id == 0 {
		return nil, 0, false // the error holds part of the text and ends here
	}
	return scopes, id, strings.HasPrefix(string(text), keyHead(scopes, id))
}

// byKey finds the key of a text. The hash covers the whole text, and the scopes in it must be those
// that are stored: neither side alone can widen a key.
func byKey(tx *store.Tx, text Secret) (Principal, error) {
	claimed, id, ok := parseKey(text)
	if !ok {
		return Principal{}, badCredential()
	}
	var name, source, scopes string
	var hash []byte
	var day int64
	err := tx.Row("SELECT name, source, scopes, hash, used_day FROM access_key WHERE id = $1 AND revoked = 0",
		store.Args(id), &name, &source, &scopes, &hash, &day)
	switch {
	case houvast.KindOf(err) == houvast.NotFound:
		return Principal{}, badCredential()
	case err != nil:
		return Principal{}, houvast.Wrap("access.Authenticate", err)
	}
	same := subtle.ConstantTimeCompare(hash, text.Digest()) == 1
	if !same || scopes != join(claimed, ",") {
		return Principal{}, badCredential()
	}
	return Principal{
		Actor: keyActor(name), Kind: KindKey, KeyID: id, Source: source, Scopes: claimed,
		Due: day < dayOf(tx.Now()),
	}, nil
}

// dayOf returns the number of the UTC day since 1970.
func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

func touchKey(tx *store.Tx, id houvast.KeyID) error {
	_, err := tx.Exec("UPDATE access_key SET used_day = $2 WHERE id = $1 AND used_day < $2 AND revoked = 0", id, dayOf(tx.Now()))
	return houvast.Wrap("access.Touch", err)
}

// Keys lists keys by id, revoked ones too, from after on; limit is cut to MaxPage.
func Keys(tx *store.Tx, after houvast.KeyID, limit int) (list []Key, err error) {
	limit = min(max(limit, 1), MaxPage)
	err = tx.Rows("SELECT id, name, source, scopes, created, used_day, revoked FROM access_key WHERE id > $1 ORDER BY id LIMIT $2",
		store.Args(after, limit), func(row *sql.Rows) error {
			k, err := scanKey(row)
			list = append(list, k)
			return err
		})
	return list, houvast.Wrap("access.Keys", err)
}

func scanKey(row *sql.Rows) (k Key, err error) {
	var id, created, day, revoked int64
	var scopes string
	if err := row.Scan(&id, &k.Name, &k.Source, &scopes, &created, &day, &revoked); err != nil {
		return Key{}, err
	}
	k.ID, k.Created, k.Revoked = houvast.KeyID(id), houvast.FromMicros(created), houvast.FromMicros(revoked)
	if day > 0 {
		k.LastDay = time.Unix(day*24*60*60, 0).UTC()
	}
	var ok bool
	if k.Scopes, ok = split(Scopes(), scopes, ","); !ok {
		err = houvast.Errorf("access.Keys", houvast.Corrupt, "", "the stored scopes of a key are not a set of scopes")
	}
	return k, err
}

// RevokeKey ends a key for good. Revoking it again changes nothing; NotFound when there is none.
func RevokeKey(tx *store.Tx, id houvast.KeyID) error {
	const op = "access.RevokeKey"
	n, err := tx.Exec("UPDATE access_key SET revoked = CASE WHEN revoked = 0 THEN $2 ELSE revoked END WHERE id = $1",
		id, houvast.Micros(tx.Now()))
	if err == nil && n == 0 {
		return houvast.Errorf(op, houvast.NotFound, "no-key", "there is no such key")
	}
	return houvast.Wrap(op, err)
}
