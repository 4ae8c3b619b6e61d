// Package hashing turns bytes and pictures into the hashes that are looked up and reported.
//
// Digest reads a stream once and gives MD5, SHA-1 and SHA-256 of the bytes as they came in. Picture
// takes the pixels of one decoded picture and gives its PDQ hashes under both profiles. The two do
// not know each other: bytes are digested by whoever receives them, pixels exist only in the child
// that decodes untrusted files (hashing/decode).
//
// What must stay true: both profiles come from the same pixels, so a picture is decoded once; a hash
// below houvast.MinQuality is given, with its quality, but the status then says unhashable as soon as
// neither profile reaches it. MD5 and SHA-1 are look-up keys for lists that have nothing else; nothing
// relies on them for integrity.
package hashing

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"io"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing/pdq"
)

// LittleDetail is the reason of a picture that is unhashable.
const LittleDetail = "too little detail"

// Picture returns the hashes of a picture under both profiles, its size and its qualities. The status
// is Hashed, or Unhashable when neither quality reaches houvast.MinQuality. The media type is left to
// the caller.
func Picture(r pdq.Raster) houvast.Perceptual {
	p := houvast.Perceptual{Status: houvast.Hashed}
	p.Width, p.Height = r.Size()
	p.PDQ, p.PDQFull, p.PDQQuality, p.PDQFullQuality = pdq.Both(r)
	if max(p.PDQQuality, p.PDQFullQuality) < houvast.MinQuality {
		p.Status, p.Reason = houvast.Unhashable, LittleDetail
	}
	return p
}

// Digest reads r to its end, once, and returns the digests of what it read and its length in bytes.
// An error is that of r; bounding r is the caller's part.
func Digest(r io.Reader) (d houvast.Digests, n int64, err error) {
	m, s, l := md5.New(), sha1.New(), sha256.New()
	if n, err = io.Copy(io.MultiWriter(m, s, l), r); err != nil {
		return houvast.Digests{}, n, houvast.Wrap("hashing.Digest", err)
	}
	m.Sum(d.MD5[:0])
	s.Sum(d.SHA1[:0])
	l.Sum(d.SHA256[:0])
	return d, n, nil
}
