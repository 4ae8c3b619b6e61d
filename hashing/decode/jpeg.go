package decode

import "bytes"

// JPEG markers, from ITU-T T.81, table B.1.
const (
	rst0 = 0xd0
	rst7 = 0xd7
	soi  = 0xd8
	eoi  = 0xd9
	sos  = 0xda
	app1 = 0xe1
)

// markers calls f with each marker of a JPEG and the segment behind it, until f returns false, the
// picture ends, or the structure breaks. It sees every scan that a decoder sees: entropy-coded data
// cannot hold a marker, and what lies inside a segment is jumped by its length, as decoders do. end is
// where the picture ends, len(data) when its end was not seen.
func markers(data []byte, f func(marker byte, segment []byte) bool) (end int) {
	for i := 2; i < len(data); {
		ff := bytes.IndexByte(data[i:], 0xff)
		if ff < 0 {
			break
		}
		i += ff + 1
		for i < len(data) && data[i] == 0xff {
			i++
		}
		if i >= len(data) {
			break
		}
		m := data[i]
		i++
		if m == 0 || m >= rst0 && m <= rst7 {
			continue
		}
		if m == eoi {
			return i
		}
		n := 0
		if i+2 <= len(data) {
			n = int(data[i])<<8 | int(data[i+1])
		}
		if !f(m, data[min(i+2, len(data)):min(i+max(n, 2), len(data))]) || n < 2 {
			break
		}
		i += n
	}
	return len(data)
}

// scans counts the scans of a JPEG, to limit+1 at most.
func scans(data []byte, limit int) (n int) {
	markers(data, func(m byte, _ []byte) bool {
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
	markers(data, func(m byte, _ []byte) bool {
		found = m >= 0xc9 && m <= 0xcf && m != 0xcc
		return !found && m != sos
	})
	return found
}
