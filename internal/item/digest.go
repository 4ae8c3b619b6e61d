package item

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"

	"github.com/houvast/houvast"
)

// A Digester computes the three digests of what is written to it.
type Digester struct {
	io.Writer
	md5, sha1, sha256 hash.Hash
}

// NewDigester returns a Digester that nothing was written to.
func NewDigester() Digester {
	d := Digester{md5: md5.New(), sha1: sha1.New(), sha256: sha256.New()}
	d.Writer = io.MultiWriter(d.md5, d.sha1, d.sha256)
	return d
}

// Hex returns the digests as an Item holds them.
func (d Digester) Hex() (md5, sha1, sha256 string) {
	return hex.EncodeToString(d.md5.Sum(nil)), hex.EncodeToString(d.sha1.Sum(nil)), hex.EncodeToString(d.sha256.Sum(nil))
}

// Digests returns the digests of the item's bytes.
func (it Item) Digests() (d houvast.Digests) {
	hex.Decode(d.MD5[:], []byte(it.MD5))
	hex.Decode(d.SHA1[:], []byte(it.SHA1))
	hex.Decode(d.SHA256[:], []byte(it.SHA256))
	return d
}

// IdemHash returns what a repeated upload is compared by: its bytes, by their digest, and the facts
// that came with them.
func IdemHash(sha256hex string, upload []byte) string {
	h := sha256.New()
	h.Write([]byte(sha256hex))
	h.Write(bytes.TrimSpace(upload))
	return hex.EncodeToString(h.Sum(nil))
}
