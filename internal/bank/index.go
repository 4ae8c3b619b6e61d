package bank

import (
	"cmp"
	"slices"
	"sync"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/matching"
)

// An Index answers look-ups over all banks from memory. The zero value is empty and ready.
type Index struct {
	mu      sync.RWMutex
	rev     int64
	banks   map[houvast.BankID]Bank
	entries []known
	near    [3]shelf // by profile: full, near512, unknown
	md5     map[[16]byte][]int32
	sha1    map[[20]byte][]int32
	sha256  map[[32]byte][]int32
}

// known is what the index keeps of an entry.
type known struct {
	id   houvast.EntryID
	bank houvast.BankID
}

// A shelf holds the PDQ hashes of one profile: frozen segments and a tail that grows.
type shelf struct {
	segments []*matching.Segment
	at       [][]int32 // for each segment: positions in Index.entries
	tail     []matching.Entry
	tailAt   []int32
}

// maxTail is how many entries the last segment takes before it is frozen; it is rebuilt at each
// change, which must stay cheap.
const maxTail = 1 << 16

func (s *shelf) add(e matching.Entry, at int32) {
	s.tail, s.tailAt = append(s.tail, e), append(s.tailAt, at)
}

// settle makes what was added visible to lookups. The segment of the tail is always the last one.
func (s *shelf) settle() {
	frozen := max(len(s.segments)-1, 0)
	s.segments, s.at = s.segments[:frozen], s.at[:frozen]
	for len(s.tail) > maxTail {
		s.segments, s.at = append(s.segments, matching.New(s.tail[:maxTail])), append(s.at, s.tailAt[:maxTail:maxTail])
		s.tail, s.tailAt = s.tail[maxTail:], s.tailAt[maxTail:]
	}
	s.segments, s.at = append(s.segments, matching.New(s.tail)), append(s.at, s.tailAt)
}

func (s *shelf) lookup(probes []houvast.PDQ, hit func(at int32, probe, distance int)) {
	for i, seg := range s.segments {
		for _, h := range seg.Lookup(probes) {
			hit(s.at[i][h.Entry], h.Probe, h.Distance)
		}
	}
}

// Probes are the hashes of one item.
type Probes struct {
	Digests    houvast.Digests
	Perceptual *houvast.Perceptual // nil when the picture could not be decoded
}

func (x *Index) add(e Entry, bank houvast.BankID) {
	at := int32(len(x.entries))
	x.entries = append(x.entries, known{e.ID, bank})
	if e.PDQ != nil {
		x.near[place(e.Profile)].add(matching.Entry{Hash: *e.PDQ, Threshold: uint8(x.banks[bank].Threshold)}, at)
	}
	if len(e.MD5) == 16 {
		x.md5[[16]byte(e.MD5)] = append(x.md5[[16]byte(e.MD5)], at)
	}
	if len(e.SHA1) == 20 {
		x.sha1[[20]byte(e.SHA1)] = append(x.sha1[[20]byte(e.SHA1)], at)
	}
	if len(e.SHA256) == 32 {
		x.sha256[[32]byte(e.SHA256)] = append(x.sha256[[32]byte(e.SHA256)], at)
	}
}

func place(p houvast.Profile) int {
	switch p {
	case houvast.Full:
		return 0
	case houvast.Near512:
		return 1
	}
	return 2
}

// Len returns the number of entries in memory.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.entries)
}

// maxMatches bounds what is copied into a case.
const maxMatches = 50

func (x *Index) digests(d houvast.Digests, found map[int32]houvast.Match) {
	for _, at := range x.md5[d.MD5] {
		found[at] = houvast.Match{Kind: houvast.KindMD5}
	}
	for _, at := range x.sha1[d.SHA1] {
		found[at] = houvast.Match{Kind: houvast.KindSHA1}
	}
	for _, at := range x.sha256[d.SHA256] {
		found[at] = houvast.Match{Kind: houvast.KindSHA256}
	}
}

func (x *Index) perceptual(p *houvast.Perceptual, found map[int32]houvast.Match) {
	for _, ask := range []struct {
		profile houvast.Profile
		hashes  []houvast.PDQ
		quality int
	}{{houvast.Full, p.PDQFull[:], p.PDQFullQuality}, {houvast.Near512, p.PDQ[:], p.PDQQuality}} {
		if ask.quality < houvast.MinQuality {
			continue
		}
		hit := func(at int32, probe, distance int) {
			m := houvast.Match{Kind: houvast.KindPDQ, Profile: ask.profile, Distance: distance, Orientation: houvast.Orientations()[probe]}
			if have, ok := found[at]; !ok || rank(have.Kind) > rank(m.Kind) || have.Kind == m.Kind && distance < have.Distance {
				found[at] = m
			}
		}
		x.near[place(ask.profile)].lookup(ask.hashes, hit)
		x.near[place(houvast.Unknown)].lookup(ask.hashes, hit)
	}
}

// rank orders kinds by what they prove, best first.
func rank(k houvast.HashKind) int {
	return slices.Index([]houvast.HashKind{houvast.KindSHA256, houvast.KindPDQ, houvast.KindSHA1, houvast.KindMD5}, k)
}

// better orders matches: what is not negative first, verified before unverified, proof before
// likeness, near before far.
func better(a, b houvast.Match) int {
	side := func(m houvast.Match) int {
		n := 0
		if m.Category == houvast.Negative {
			n += 2
		}
		if m.Trust != houvast.Verified {
			n++
		}
		return n
	}
	return cmp.Or(cmp.Compare(side(a), side(b)), cmp.Compare(rank(a.Kind), rank(b.Kind)),
		cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.Entry, b.Entry))
}
