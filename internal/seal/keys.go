package seal

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/houvast/houvast"
)

// A KeyID names an object key: "k_" and 26 random Crockford characters. It says nothing about the
// object and stands in clear in the header of every envelope.
type KeyID string

const (
	keySize = 32 // bytes of a key, XChaCha20-Poly1305
	idChars = 26
	idSize  = len("k_") + idChars

	maxPurpose = 120 // bytes
	pageSize   = 500 // rows a read holds the connection for
)

// valid reports whether id has the shape of a key id.
func (id KeyID) valid() bool {
	if len(id) != idSize || !strings.HasPrefix(string(id), "k_") {
		return false
	}
	for _, c := range []byte(id[2:]) {
		if !strings.ContainsRune("0123456789abcdefghjkmnpqrstvwxyz", rune(c)) {
			return false
		}
	}
	return true
}

// A KeyInfo is what may be known about an object key without its bytes.
type KeyInfo struct {
	ID        KeyID
	Purpose   string
	Created   time.Time
	Destroyed time.Time // zero while the key lives
}

// NewKey makes an object key. Purpose says what it is for, in 1 to 120 characters of
// [A-Za-z0-9/_.:-], and is bound to the key: it must not carry anything about a person.
func (k *Keyring) NewKey(ctx context.Context, purpose string) (KeyID, error) {
	const op = "seal.NewKey"
	if err := checkName(op, "purpose", purpose); err != nil {
		return "", err
	}
	var id KeyID
	err := k.write(ctx, op, func(ctx context.Context, tx *sql.Tx) (err error) {
		id, err = k.insert(ctx, tx, purpose, sql.NullString{})
		return err
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// HourKey returns the quarantine key of the UTC hour of at; it is made at the first call and the
// same ever after. When it was destroyed the error is Gone: an hour never gets a second key.
func (k *Keyring) HourKey(ctx context.Context, at time.Time) (KeyID, error) {
	const op = "seal.HourKey"
	name := at.UTC().Format("quarantine/2006-01-02T15")
	if id, ok := k.cache.hour(name); ok {
		return id, nil
	}
	var id KeyID
	err := k.write(ctx, op, func(ctx context.Context, tx *sql.Tx) error {
		var destroyed int64
		err := tx.QueryRowContext(ctx, "SELECT id, destroyed FROM object_key WHERE name = $1", name).Scan(&id, &destroyed)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			id, err = k.insert(ctx, tx, name, sql.NullString{String: name, Valid: true})
			return err
		case err == nil && destroyed != 0:
			return destroyedError(op)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	k.cache.setHour(name, id)
	return id, nil
}

func (k *Keyring) insert(ctx context.Context, tx *sql.Tx, purpose string, name sql.NullString) (KeyID, error) {
	var key [keySize]byte
	defer clear(key[:])
	rand.Read(key[:]) // never fails: crypto/rand ends the process instead
	id := KeyID(houvast.RandomText("k", idChars))
	_, err := tx.ExecContext(ctx,
		"INSERT INTO object_key (id, purpose, name, created, wrapped) VALUES ($1, $2, $3, $4, $5)",
		string(id), purpose, name, houvast.Micros(k.clock.Now()), wrap(&k.kek, key[:], aad(domainKey, string(id), purpose)))
	return id, err
}

// Destroy makes everything sealed under the keys unreadable, for good. All of them are destroyed
// or none; when it returns nil no byte of their wrapped form is left in the files of the keyring.
// Destroying a destroyed key again is no error. A key this keyring never had is NotFound: somebody
// would take it for destroyed while it lives elsewhere.
func (k *Keyring) Destroy(ctx context.Context, ids ...KeyID) error {
	const op = "seal.Destroy"
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.writeLocked(ctx, op, func(ctx context.Context, tx *sql.Tx) error {
		now := max(houvast.Micros(k.clock.Now()), 1) // 0 means live
		for _, id := range ids {
			res, err := tx.ExecContext(ctx,
				"UPDATE object_key SET wrapped = NULL, destroyed = CASE destroyed WHEN 0 THEN $2 ELSE destroyed END WHERE id = $1",
				string(id), now)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil {
				return err
			} else if n == 0 {
				return unknownKey(op, houvast.NotFound)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	k.cache.drop(ids)
	return houvast.Wrap(op, k.wipe())
}

// Key returns what is known about a key, destroyed ones included. A key this keyring never had is
// NotFound.
func (k *Keyring) Key(ctx context.Context, id KeyID) (KeyInfo, error) {
	const op = "seal.Key"
	info := KeyInfo{ID: id}
	var created, destroyed int64
	err := k.db.QueryRowContext(ctx, "SELECT purpose, created, destroyed FROM object_key WHERE id = $1", string(id)).
		Scan(&info.Purpose, &created, &destroyed)
	if errors.Is(err, sql.ErrNoRows) {
		return KeyInfo{}, unknownKey(op, houvast.NotFound)
	}
	if err != nil {
		return KeyInfo{}, k.dbError(op, err)
	}
	info.Created, info.Destroyed = houvast.FromMicros(created), houvast.FromMicros(destroyed)
	return info, nil
}

// Keys yields every live key in the order they were made. Keys made or destroyed while it runs may
// or may not be among them. It ends at the first error.
func (k *Keyring) Keys(ctx context.Context) iter.Seq2[KeyInfo, error] {
	return func(yield func(KeyInfo, error) bool) {
		for after := int64(0); ; {
			page, last, err := k.page(ctx, after)
			if err != nil {
				yield(KeyInfo{}, err)
				return
			}
			for _, info := range page {
				if !yield(info, nil) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
			after = last
		}
	}
}

// page reads up to pageSize live keys and lets go of the connection before anybody sees them.
func (k *Keyring) page(ctx context.Context, after int64) (page []KeyInfo, last int64, err error) {
	const op = "seal.Keys"
	rows, err := k.db.QueryContext(ctx,
		"SELECT n, id, purpose, created FROM object_key WHERE destroyed = 0 AND n > $1 ORDER BY n LIMIT $2", after, pageSize)
	if err != nil {
		return nil, 0, k.dbError(op, err)
	}
	defer rows.Close()
	for rows.Next() {
		var info KeyInfo
		var created int64
		if err := rows.Scan(&last, &info.ID, &info.Purpose, &created); err != nil {
			return nil, 0, k.dbError(op, err)
		}
		info.Created = houvast.FromMicros(created)
		page = append(page, info)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, k.dbError(op, err)
	}
	return page, last, nil
}

// objectKey returns the bytes of a live key; the caller clears them.
func (k *Keyring) objectKey(ctx context.Context, op string, id KeyID) (key [keySize]byte, err error) {
	if !id.valid() {
		return key, houvast.Errorf(op, houvast.Invalid, "bad-key-id", "that is not the id of a key")
	}
	key, epoch, ok := k.cache.get(id)
	if ok {
		return key, nil
	}
	var purpose string
	var destroyed int64
	var wrapped []byte
	err = k.db.QueryRowContext(ctx, "SELECT purpose, destroyed, wrapped FROM object_key WHERE id = $1", string(id)).
		Scan(&purpose, &destroyed, &wrapped)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return key, unknownKey(op, houvast.Gone)
	case err != nil:
		return key, k.dbError(op, err)
	case destroyed != 0:
		return key, destroyedError(op)
	}
	plain, ok := unwrap(&k.kek, wrapped, aad(domainKey, string(id), purpose))
	if !ok || len(plain) != keySize {
		return key, houvast.Errorf(op, houvast.Corrupt, "key-corrupt", "the wrapped key does not open").
			WithHint("restore the key directory from its own backup")
	}
	copy(key[:], plain)
	clear(plain)
	k.cache.put(id, key, epoch)
	return key, nil
}

func destroyedError(op string) error {
	return houvast.Errorf(op, houvast.Gone, "key-destroyed", "the key was destroyed, what it sealed cannot be opened by anybody")
}

func unknownKey(op string, kind houvast.Kind) error {
	return houvast.Errorf(op, kind, "key-unknown", "this keyring never had that key").
		WithHint("check that the key directory is the one of this data directory")
}

// checkName holds the names and purposes to characters that need no quoting anywhere.
func checkName(op, what, s string) error {
	ok := len(s) >= 1 && len(s) <= maxPurpose
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		ok = ok && (letter || strings.IndexByte("/_.:-", c) >= 0)
	}
	if !ok {
		return houvast.Errorf(op, houvast.Invalid, "bad-name", "a %s has 1 to %d characters of letters, digits and / _ . : -", what, maxPurpose)
	}
	return nil
}
