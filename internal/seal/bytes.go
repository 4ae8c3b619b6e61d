package seal

import (
	"context"

	"github.com/houvast/houvast"
)

// MaxBytes is the longest plaintext of SealBytes; longer ones are for Seal.
const MaxBytes = 1 << 20

// SealBytes seals a small value, such as one column of a row, under the key id. The additional
// data is bound but not stored: OpenBytes needs the same, so name the table, row and column in it.
// The result is 41 bytes longer than plain: the version byte 1, a nonce of 24, a tag of 16.
// Errors: TooLarge above MaxBytes; Gone as for Seal.
func (k *Keyring) SealBytes(ctx context.Context, id KeyID, plain, additional []byte) ([]byte, error) {
	const op = "seal.SealBytes"
	if len(plain) > MaxBytes {
		return nil, houvast.Errorf(op, houvast.TooLarge, "seal-too-large", "a sealed value has at most %d bytes", MaxBytes)
	}
	key, err := k.objectKey(ctx, op, id)
	if err != nil {
		return nil, err
	}
	defer clear(key[:])
	return append([]byte{version}, wrap(&key, plain, aad(domainBytes, string(id), string(additional)))...), nil
}

// OpenBytes opens what SealBytes returned. Errors: Gone as for Open; Corrupt when the value was
// changed, or sealed under another key or with other additional data.
func (k *Keyring) OpenBytes(ctx context.Context, id KeyID, sealed, additional []byte) ([]byte, error) {
	const op = "seal.OpenBytes"
	key, err := k.objectKey(ctx, op, id)
	if err != nil {
		return nil, err
	}
	defer clear(key[:])
	if len(sealed) == 0 || len(sealed) > 1+nonceSize+MaxBytes+tagSize || sealed[0] != version {
		return nil, corrupt(op)
	}
	plain, ok := unwrap(&key, sealed[1:], aad(domainBytes, string(id), string(additional)))
	if !ok {
		return nil, corrupt(op)
	}
	return plain, nil
}
