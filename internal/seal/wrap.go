package seal

import (
	"crypto/rand"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// The domains keep every use of a key apart: bytes wrapped in one never open in another.
const (
	domainKEK    = "houvast/1 kek"
	domainKey    = "houvast/1 key"
	domainSecret = "houvast/1 secret"
	domainMark   = "houvast/1 mark"
	domainFile   = "houvast/1 file"
	domainBytes  = "houvast/1 bytes"
)

const (
	nonceSize = chacha20poly1305.NonceSizeX
	tagSize   = chacha20poly1305.Overhead
)

// aad joins a domain and its fields. No field but the last can hold a zero byte.
func aad(domain string, fields ...string) []byte {
	return []byte(domain + "\x00" + strings.Join(fields, "\x00"))
}

// wrap returns a random nonce and the ciphertext: nonceSize + len(plain) + tagSize bytes.
func wrap(key *[keySize]byte, plain, aad []byte) []byte {
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic("seal: a key of 32 bytes was refused: " + err.Error())
	}
	out := make([]byte, nonceSize, nonceSize+len(plain)+tagSize)
	rand.Read(out) // never fails: crypto/rand ends the process instead
	return aead.Seal(out, out, plain, aad)
}

func unwrap(key *[keySize]byte, wrapped, aad []byte) ([]byte, bool) {
	if len(wrapped) < nonceSize+tagSize {
		return nil, false
	}
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic("seal: a key of 32 bytes was refused: " + err.Error())
	}
	plain, err := aead.Open(nil, wrapped[:nonceSize], wrapped[nonceSize:], aad)
	return plain, err == nil
}
