package houvast

import (
	"encoding/hex"
	"math/bits"
)

// PDQ is a perceptual hash of 256 bits; the first byte holds bits 255 to 248, so that its hex text
// is the one everybody exchanges.
type PDQ [32]byte

// String returns 64 lower-case hex digits.
func (h PDQ) String() string { return hex.EncodeToString(h[:]) }

// MarshalText is String.
func (h PDQ) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText is ParsePDQ.
func (h *PDQ) UnmarshalText(b []byte) (err error) {
	*h, err = ParsePDQ(string(b))
	return err
}

// Distance returns the number of bits that differ, 0 to 256.
func (h PDQ) Distance(o PDQ) (n int) {
	for i := range h {
		n += bits.OnesCount8(h[i] ^ o[i])
	}
	return n
}

// ParsePDQ reads 64 hex digits of either case.
func ParsePDQ(s string) (h PDQ, err error) {
	if len(s) != 64 {
		return h, Errorf("houvast.ParsePDQ", Invalid, "bad-hash", "a PDQ hash has 64 hex digits, not %d", len(s))
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return h, Errorf("houvast.ParsePDQ", Invalid, "bad-hash", "a PDQ hash has only the digits 0-9 and a-f")
	}
	return h, nil
}

// Profile names the pipeline that made a PDQ hash. The two reference implementations disagree by up
// to 26 bits on ordinary photographs, so both are computed and both are looked up.
type Profile string

// The profiles.
const (
	Full    Profile = "full"    // no resize before the filter; what HMA calls pdq
	Near512 Profile = "near512" // nearest neighbour to 512x512 when a side is longer; what the C++ reference does
	Unknown Profile = "unknown" // the list did not say; compared with both
)

// Orientation names one of the eight ways a picture can lie.
type Orientation string

// The orientations, in the order of the PDQ reference.
const (
	Original   Orientation = "original"
	Rotate90   Orientation = "rotate90"
	Rotate180  Orientation = "rotate180"
	Rotate270  Orientation = "rotate270"
	FlipX      Orientation = "flip_x"
	FlipY      Orientation = "flip_y"
	FlipPlus1  Orientation = "flip_plus1"
	FlipMinus1 Orientation = "flip_minus1"
)

// Orientations returns all eight in the order of the PDQ reference.
func Orientations() [8]Orientation {
	return [8]Orientation{Original, Rotate90, Rotate180, Rotate270, FlipX, FlipY, FlipPlus1, FlipMinus1}
}

// MinQuality is the lowest PDQ quality (0 to 100) that may enter a look-up or a bank. Below it the
// bits follow noise: a blank picture would match every other blank picture.
const MinQuality = 50

// Digests are the cryptographic hashes of the bytes as they came in.
type Digests struct {
	MD5    [16]byte
	SHA1   [20]byte
	SHA256 [32]byte
}

// HashStatus says what became of an attempt to hash a file. Only Hashed has looked at the picture.
type HashStatus string

// The statuses.
const (
	Hashed     HashStatus = "hashed"
	Unhashable HashStatus = "unhashable" // decoded, but too little detail: quality below MinQuality in both profiles
	Unreadable HashStatus = "unreadable" // a picture or video by its first bytes, but no decoder could read it
	Archive    HashStatus = "archive"    // a container that is not unpacked
	NotMedia   HashStatus = "not_media"  // not a picture, video or archive
)

// Perceptual is what the decoding child answers: everything about a picture that needs its pixels.
// Rows 1 to 7 of the dihedral arrays are the hashes of the turned and mirrored picture, in the order
// of Orientations; row 0 is the hash itself.
type Perceptual struct {
	Status         HashStatus `json:"status"`
	Reason         string     `json:"reason,omitempty"` // for operators; made of our own words only
	MediaType      string     `json:"media_type,omitempty"`
	Width          int        `json:"width,omitempty"`  // pixels, before any EXIF rotation
	Height         int        `json:"height,omitempty"` // pixels
	PDQ            [8]PDQ     `json:"pdq"`              // Near512 profile
	PDQQuality     int        `json:"pdq_quality"`
	PDQFull        [8]PDQ     `json:"pdq_full"` // Full profile
	PDQFullQuality int        `json:"pdq_full_quality"`
}
