// Package decode turns untrusted bytes into the samples of one picture, or says in fixed words why
// it cannot. Only the decoding child imports it.
//
// The type comes from the first bytes, never from a name or a header somebody sent. Bytes, pixels
// and scans are bounded before any pixel is decoded. A file ends in exactly one of two ways: a
// Picture, or a Refusal whose status is unreadable (a picture or video that nothing here can read),
// archive, or not_media.
//
// What must stay true:
//
//   - Every colour mode becomes 8 bits of grey or of red, green, blue before it is hashed: palettes
//     are looked up, 16 bits keep their upper 8, ink becomes light, and alpha is dropped: the colours
//     count as stored, as in the PDQ reference, not multiplied by their opacity.
//   - The first frame of a GIF stands for it, placed on its canvas; the first page of a TIFF too. Only
//     what is decoded counts against the limits. An animated WebP has no decoder here.
//   - The EXIF orientation is not applied; the hash is that of the stored rows.
//   - What a person sees (Render) is what a viewer shows: turned as EXIF says, transparency over white,
//     and made of pixels alone. No byte of a file ever leaves otherwise.
//   - Reasons are the constants of this package. A decoder's own text may quote the file and is
//     dropped.
//   - A panic inside a decoder is a refusal. Memory and time that the bounds do not catch are the
//     business of the child's limits.
//
// The decoders are those of the standard library and golang.org/x/image.
package decode

import (
	"errors"
	"image"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing"
)

// Limits bound the work on one file.
type Limits struct {
	Bytes  int64 // length of the file
	Pixels int64 // width times height of what is decoded
	Scans  int   // scans of a JPEG, each of which may touch every pixel
}

// DefaultLimits returns 100 MiB, 50,000,000 pixels and 100 scans.
func DefaultLimits() Limits {
	return Limits{Bytes: 100 << 20, Pixels: 50_000_000, Scans: 100}
}

// The reasons of a Refusal. They are for operators, and complete.
const (
	Empty        = "empty file"
	NoMedia      = "not a picture or video"
	Packed       = "archives are not unpacked"
	NoDecoder    = "no decoder for this type"
	NoForm       = "this form of the type is not decoded"
	Arithmetic   = "arithmetic-coded JPEG is not decoded"
	Damaged      = "damaged or cut short"
	NoPixels     = "no pixels"
	TooManyBytes = "too many bytes"
	TooManyPix   = "too many pixels"
	TooManyScans = "too many scans"
	Broke        = "the decoder failed"
)

// A Refusal says why there is no picture. Width and height are 0 unless the header gave them.
type Refusal struct {
	Status        houvast.HashStatus // Unreadable, Archive or NotMedia
	Reason        string             // one of the constants
	MediaType     string             // empty when the first bytes say nothing
	Width, Height int
}

// Hash decodes data and returns the hashes of the picture, or the status and reason of the refusal.
func Hash(data []byte, limits Limits) houvast.Perceptual {
	p, no := Decode(data, limits)
	if no != nil {
		return houvast.Perceptual{
			Status: no.Status, Reason: no.Reason, MediaType: no.MediaType, Width: no.Width, Height: no.Height,
		}
	}
	out := hashing.Picture(p)
	out.MediaType = p.MediaType
	return out
}

// Decode returns the picture in data, or why there is none; exactly one result is nil.
func Decode(data []byte, limits Limits) (p *Picture, no *Refusal) {
	if len(data) == 0 {
		return nil, &Refusal{Status: houvast.NotMedia, Reason: Empty}
	}
	mediaType, class := Sniff(data)
	no = &Refusal{Status: houvast.Unreadable, MediaType: mediaType}
	switch class {
	case Nothing:
		no.Status, no.Reason = houvast.NotMedia, NoMedia
	case Container:
		no.Status, no.Reason = houvast.Archive, Packed
	case Media:
		no.Reason = NoDecoder
	case Decodable:
		if p, no.Reason = decode(codecs[mediaType], data, limits, no); p != nil {
			return p, nil
		}
	}
	return nil, no
}

// decode reads the header, holds it against the limits, and only then decodes. It notes the size in
// no as soon as it is known.
func decode(c codec, data []byte, limits Limits, no *Refusal) (p *Picture, reason string) {
	defer func() {
		if recover() != nil {
			p, reason = nil, Broke
		}
	}()
	if int64(len(data)) > limits.Bytes {
		return nil, TooManyBytes
	}
	config, err := c.config(data)
	if err != nil {
		return nil, c.reason(data, err)
	}
	w, h := config.Width, config.Height
	if w <= 0 || h <= 0 {
		return nil, NoPixels
	}
	no.Width, no.Height = w, h
	if int64(w) > limits.Pixels/int64(h) {
		return nil, TooManyPix
	}
	if no.MediaType == jpegType && scans(data, limits.Scans) > limits.Scans {
		return nil, TooManyScans
	}
	img, err := c.decode(data)
	if err != nil {
		return nil, c.reason(data, err)
	}
	p = &Picture{MediaType: no.MediaType, width: w, height: h, img: img}
	if !p.read(img, data) {
		return nil, NoForm
	}
	return p, ""
}

// A codec reads one type.
type codec struct {
	config      func([]byte) (image.Config, error)
	decode      func([]byte) (image.Image, error)
	unsupported func(error) bool
}

// reason translates a decoder's error.
func (c codec) reason(data []byte, err error) string {
	switch {
	case arithmetic(data):
		return Arithmetic
	case c.unsupported(err):
		return NoForm
	}
	return Damaged
}

func isType[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}
