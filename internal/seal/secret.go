package seal

import (
	"context"
	"database/sql"
	"errors"

	"github.com/houvast/houvast"
)

const (
	maxSecret = 64 << 10 // bytes
	maxMark   = 4 << 10  // bytes
)

// Secret returns the secret of that name. The first call makes it with create and keeps it, sealed
// under the KEK; every later call, in any process, returns the same bytes and does not call create.
// A secret has 1 to 65,536 bytes; its name is of the form of a purpose. create runs under the lock
// of the keyring and must not use it.
func (k *Keyring) Secret(ctx context.Context, name string, create func() []byte) ([]byte, error) {
	const op = "seal.Secret"
	if err := checkName(op, "name", name); err != nil {
		return nil, err
	}
	plain, err := k.sealedRow(ctx, op, "SELECT sealed FROM secret WHERE name = $1", domainSecret, name)
	if !errors.Is(err, sql.ErrNoRows) {
		return plain, err
	}
	err = k.write(ctx, op, func(ctx context.Context, tx *sql.Tx) error {
		var sealed []byte
		err := tx.QueryRowContext(ctx, "SELECT sealed FROM secret WHERE name = $1", name).Scan(&sealed)
		if err == nil { // somebody else was first
			plain, err = k.unseal(op, sealed, domainSecret, name)
			return err
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		plain = create()
		if len(plain) == 0 || len(plain) > maxSecret {
			return houvast.Errorf(op, houvast.Invalid, "bad-secret", "a secret has 1 to %d bytes", maxSecret)
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO secret (name, created, sealed) VALUES ($1, $2, $3)",
			name, houvast.Micros(k.clock.Now()), wrap(&k.kek, plain, aad(domainSecret, name)))
		return err
	})
	if err != nil {
		return nil, err
	}
	return plain, nil
}

// Mark returns the value that SetMark last set. One that was never set is NotFound, one that
// somebody changed in keys.db is Corrupt; an older keys.db put back shows its older mark.
func (k *Keyring) Mark(ctx context.Context, name string) ([]byte, error) {
	const op = "seal.Mark"
	if err := checkName(op, "name", name); err != nil {
		return nil, err
	}
	value, err := k.sealedRow(ctx, op, "SELECT sealed FROM mark WHERE name = $1", domainMark, name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, houvast.Errorf(op, houvast.NotFound, "mark-unknown", "that mark was never set")
	}
	return value, err
}

// SetMark sets a mark of up to 4,096 bytes; it is on the disk when SetMark returns nil.
func (k *Keyring) SetMark(ctx context.Context, name string, value []byte) error {
	const op = "seal.SetMark"
	if err := checkName(op, "name", name); err != nil {
		return err
	}
	if len(value) > maxMark {
		return houvast.Errorf(op, houvast.TooLarge, "mark-too-large", "a mark has at most %d bytes", maxMark)
	}
	return k.write(ctx, op, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx,
			"INSERT INTO mark (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed",
			name, wrap(&k.kek, value, aad(domainMark, name)))
		return err
	})
}

// sealedRow reads one sealed value; sql.ErrNoRows is returned as it is.
func (k *Keyring) sealedRow(ctx context.Context, op, query, domain, name string) ([]byte, error) {
	var sealed []byte
	err := k.db.QueryRowContext(ctx, query, name).Scan(&sealed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, err
	case err != nil:
		return nil, k.dbError(op, err)
	}
	return k.unseal(op, sealed, domain, name)
}

func (k *Keyring) unseal(op string, sealed []byte, domain, name string) ([]byte, error) {
	plain, ok := unwrap(&k.kek, sealed, aad(domain, name))
	if !ok {
		return nil, houvast.Errorf(op, houvast.Corrupt, "secret-corrupt", "a sealed value in keys.db does not open").
			WithHint("restore the key directory from its own backup")
	}
	return plain, nil
}
