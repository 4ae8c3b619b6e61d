// Package matching finds hashes near a probe by exact Hamming distance. It knows segments of hashes
// and thresholds; it knows neither banks nor profiles nor what a hash means.
//
// A Segment is built once and then only read, by as many goroutines as like. Every answer is exact:
// all entries within the threshold, none beyond it.
package matching

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/houvast/houvast"
)

// A Segment is a set of 256-bit hashes with one threshold each, laid out as four columns of 64 bits
// so that most entries are dismissed after the first of them.
type Segment struct {
	a, b, c, d []uint64
	limit      []uint8
}

// An Entry is one hash and the greatest distance at which it matches, 0 to 255 bits.
type Entry struct {
	Hash      houvast.PDQ
	Threshold uint8
}

// New returns a segment of entries. A hit names an entry by its position in the slice.
func New(entries []Entry) *Segment {
	s := &Segment{}
	s.grow(len(entries))
	for _, e := range entries {
		w := words(e.Hash)
		s.a, s.b, s.c, s.d = append(s.a, w[0]), append(s.b, w[1]), append(s.c, w[2]), append(s.d, w[3])
		s.limit = append(s.limit, e.Threshold)
	}
	return s
}

func (s *Segment) grow(n int) {
	s.a, s.b, s.c, s.d = slices.Grow(s.a, n), slices.Grow(s.b, n), slices.Grow(s.c, n), slices.Grow(s.d, n)
	s.limit = slices.Grow(s.limit, n)
}

// Len returns the number of entries.
func (s *Segment) Len() int { return len(s.a) }

func words(h houvast.PDQ) (w [4]uint64) {
	for i := range w {
		w[i] = binary.LittleEndian.Uint64(h[8*i:])
	}
	return w
}

// A Hit is an entry within its threshold of a probe.
type Hit struct {
	Entry    int // position in the segment
	Probe    int // position among the probes
	Distance int // bits
}

// Lookup returns every entry within its threshold of any probe. Of several probes that meet the same
// entry the nearest one is given, the first of equals.
func (s *Segment) Lookup(probes []houvast.PDQ) []Hit {
	var hits []Hit
	at := map[int]int{} // entry -> position in hits
	for p, probe := range probes {
		w := words(probe)
		for i, v := range s.a {
			limit := int(s.limit[i])
			n := bits.OnesCount64(v ^ w[0])
			if n > limit {
				continue
			}
			if n += bits.OnesCount64(s.b[i] ^ w[1]); n > limit {
				continue
			}
			if n += bits.OnesCount64(s.c[i]^w[2]) + bits.OnesCount64(s.d[i]^w[3]); n > limit {
				continue
			}
			if have, ok := at[i]; !ok {
				at[i] = len(hits)
				hits = append(hits, Hit{i, p, n})
			} else if n < hits[have].Distance {
				hits[have] = Hit{i, p, n}
			}
		}
	}
	return hits
}
