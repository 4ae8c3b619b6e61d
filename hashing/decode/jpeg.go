package decode

import "bytes"

// JPEG markers, from ITU-T T.81, table B.1.
const (
	rst0 = 0xd0
	rst7 = 0xd7
	soi  = 0xd8
	eoi  = 0xd9
	sos  = 0xda
)

// markers calls f with each marker of a JPEG, segment by segment, until f returns false, the picture
// ends, or the structure breaks. It sees every scan that a decoder sees: entropy-coded data cannot
// hold a marker, and what lies inside a segment is jumped by its length, as decoders do.
func markers(data []byte, f func(marker byte) bool) {
	for i := 2; i < len(data); {
		ff := bytes.IndexByte(data[i:], 0xff)
		if ff < 0 {
			return
		}
		i += ff + 1
		for i < len(data) && data[i] == 0xff {
			i++
		}
		if i >= len(data) {
			return
		}
		m := data[i]
		i++
		if m == 0 || m >= rst0 && m <= rst7 {
			continue
		}
		if m == eoi || !f(m) || i+2 > len(data) {
			return
		}
		n := int(data[i])<<8 | int(data[i+1])
		if n < 2 {
			return
		}
		i += n
	}
}

// scans counts the scans of a JPEG, to limit+1 at most.
func scans(data []byte, limit int) (n int) {
	markers(data, func(m byte) bool {
		if m == sos {
			n++
		}
		return n <= limit
	})
	return n
}

// arithmetic reports whether data is a JPEG whose frame is arithmetic-coded.
func arithmetic(data []byte) (found bool) {
	if !bytes.HasPrefix(data, []byte{0xff, soi}) {
		return false
	}
	markers(data, func(m byte) bool {
		found = m >= 0xc9 && m <= 0xcf && m != 0xcc
		return !found && m != sos
	})
	return found
}
