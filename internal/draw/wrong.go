package draw

import (
	"bytes"
	"encoding/binary"
)

// Cut returns the first bytes of a file: enough to know its type, too few to read its header.
func Cut(data []byte) []byte { return bytes.Clone(data[:min(24, len(data))]) }

// NotAPicture returns a short text.
func NotAPicture() []byte {
	return []byte("Minutes of the gardening club. The tulips are in, the shed needs paint, and the kettle was mended.\n")
}

// Exif inserts an orientation (1 to 8, Exif 2.32, tag 0x0112) into a JPEG.
func Exif(jpeg []byte, orientation uint16) []byte {
	e := []byte("\xff\xe1\x00\x00Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08")
	e = binary.BigEndian.AppendUint16(e, 1)      // one entry
	e = binary.BigEndian.AppendUint16(e, 0x0112) // orientation
	e = binary.BigEndian.AppendUint16(e, 3)      // of type short
	e = binary.BigEndian.AppendUint32(e, 1)
	e = binary.BigEndian.AppendUint16(e, orientation)
	e = append(e, 0, 0, 0, 0, 0, 0) // padding of the value, no next directory
	binary.BigEndian.PutUint16(e[2:], uint16(len(e)-2))
	return append(append(bytes.Clone(jpeg[:2]), e...), jpeg[2:]...)
}

// RepeatScans returns a JPEG with n scans, 1 or more, made of a baseline JPEG with one: each repeats
// the first. Decoders accept it and do the work n times.
func RepeatScans(jpeg []byte, n int) []byte {
	at := bytes.LastIndex(jpeg, []byte{0xff, 0xda})
	end := len(jpeg) - 2
	out := bytes.Clone(jpeg[:at])
	for range n {
		out = append(out, jpeg[at:end]...)
	}
	return append(out, jpeg[end:]...)
}
