package bank

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/matching"
)

// A shelf that grows past what its last segment holds stays exact, however the entries come in: one
// import, many small ones, or such that end just at the border.
func TestAShelfStaysExactWhileItFreezes(t *testing.T) {
	const total = 2*maxTail + 9_000
	r := rand.New(rand.NewPCG(20261123, 600))
	random := func() (h houvast.PDQ) {
		for i := 0; i < 32; i += 8 {
			binary.LittleEndian.PutUint64(h[i:], r.Uint64())
		}
		return h
	}
	probes := []houvast.PDQ{random(), random(), random()}
	all := make([]matching.Entry, total)
	for i := range all {
		all[i] = matching.Entry{Hash: random(), Threshold: 31}
	}
	plant := func(at, far int) {
		all[at].Hash = probes[at%3]
		for _, bit := range r.Perm(256)[:far] {
			all[at].Hash[bit/8] ^= 1 << (bit % 8)
		}
	}
	for far := range 41 {
		for _, at := range []int{0, maxTail - 20, maxTail, 2*maxTail - 20, 2 * maxTail, total - 41} {
			plant(at+far, far)
		}
	}
	want := map[int32]int{}
	for i, e := range all {
		for _, p := range probes {
			if d := apart(e.Hash, p); d <= 31 {
				want[int32(i)] = d
			}
		}
	}
	for what, steps := range map[string][]int{
		"at once":        {total},
		"in large steps": {50_000, 50_000, 40_072},
		"to the border":  {maxTail, maxTail, 9_000},
		"past it by one": {maxTail + 1, maxTail - 1, 1, 8_999},
		"back and forth": {maxTail - 1, 2, maxTail - 1, 8_999, 1},
	} {
		t.Run(what, func(t *testing.T) {
			// The second shelf grows beside the first with the same entries under other positions.
			var one, two shelf
			in := 0
			for _, n := range steps {
				for range n {
					one.add(all[in], int32(in))
					two.add(all[in], int32(in+total))
					in++
				}
				one.settle()
				two.settle()
				exact(t, &one, probes, want, in, 0)
			}
			if in != total || len(one.segments) != 3 {
				t.Errorf("%d entries in %d segments; nothing froze", in, len(one.segments))
			}
			exact(t, &two, probes, want, total, total)
			one.settle() // nothing new
			exact(t, &one, probes, want, total, 0)
		})
	}
}

// exact compares a shelf's answers with brute force over its first n entries, which it knows by their
// position and an offset.
func exact(t *testing.T, s *shelf, probes []houvast.PDQ, want map[int32]int, n, offset int) {
	t.Helper()
	seen := map[int32]bool{}
	s.lookup(probes, func(at int32, _, distance int) {
		at -= int32(offset)
		if d, ok := want[at]; !ok || d != distance || int(at) >= n || seen[at] {
			t.Errorf("entry %d at distance %d, brute force says %d (%v), seen before %v", at, distance, d, ok, seen[at])
		}
		seen[at] = true
	})
	expected := 0
	for at := range want {
		if int(at) < n {
			expected++
		}
	}
	if len(seen) != expected {
		t.Errorf("%d hits among %d entries, brute force has %d", len(seen), n, expected)
	}
}

func apart(a, b houvast.PDQ) (n int) {
	for i := 0; i < 32; i += 8 {
		n += bits.OnesCount64(binary.BigEndian.Uint64(a[i:]) ^ binary.BigEndian.Uint64(b[i:]))
	}
	return n
}
