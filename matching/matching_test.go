package matching

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/houvast/houvast"
)

func random(r *rand.Rand) (h houvast.PDQ) {
	for i := 0; i < len(h); i += 8 {
		binary.LittleEndian.PutUint64(h[i:], r.Uint64())
	}
	return h
}

func flip(r *rand.Rand, h houvast.PDQ, n int) houvast.PDQ {
	for _, bit := range r.Perm(256)[:n] {
		h[bit/8] ^= 1 << (bit % 8)
	}
	return h
}

// distance is written here once more, from bits.OnesCount64 only, to judge the index by.
func distance(a, b houvast.PDQ) (n int) {
	for i := 0; i < 32; i += 8 {
		n += bits.OnesCount64(binary.BigEndian.Uint64(a[i:]) ^ binary.BigEndian.Uint64(b[i:]))
	}
	return n
}

// The answers equal those of brute force over 20,000 random entries and planted ones at every
// distance from 0 to 40: 31 is found, 32 is not.
func TestLookupEqualsBruteForce(t *testing.T) {
	const seed = 20261123
	r := rand.New(rand.NewPCG(seed, 1))
	var entries []Entry
	for range 20_000 {
		entries = append(entries, Entry{random(r), 31})
	}
	probes := make([]houvast.PDQ, 16)
	for i := range probes {
		probes[i] = random(r)
		for n := range 41 {
			entries = append(entries, Entry{flip(r, probes[i], n), 31})
		}
	}
	r.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })

	want := map[int]int{}
	at31, at32 := 0, 0
	for i, e := range entries {
		for _, p := range probes {
			d := distance(e.Hash, p)
			if d == 31 {
				at31++
			}
			if d == 32 {
				at32++
			}
			if have, ok := want[i]; d <= 31 && (!ok || d < have) {
				want[i] = d
			}
		}
	}
	if at31 == 0 || at32 == 0 {
		t.Fatal("nothing planted at the edge")
	}
	got := New(entries).Lookup(probes)
	if len(got) != len(want) {
		t.Errorf("%d hits, brute force has %d (seed %d)", len(got), len(want), seed)
	}
	for _, h := range got {
		if d, ok := want[h.Entry]; !ok || d != h.Distance || distance(entries[h.Entry].Hash, probes[h.Probe]) != d {
			t.Errorf("entry %d at %d, brute force says %d (found %v)", h.Entry, h.Distance, d, ok)
		}
	}
	t.Logf("%d entries, %d hits, %d planted at 31, %d at 32", len(entries), len(got), at31, at32)
}

func TestThresholdIsPerEntry(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	p := random(r)
	s := New([]Entry{{flip(r, p, 12), 10}, {flip(r, p, 12), 12}, {flip(r, p, 0), 0}})
	hits := s.Lookup([]houvast.PDQ{p})
	if len(hits) != 2 || hits[0].Entry != 1 || hits[1].Entry != 2 {
		t.Fatalf("%+v", hits)
	}
}

func BenchmarkLookup(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{10_000, 100_000} {
		entries := make([]Entry, n)
		for i := range entries {
			entries[i] = Entry{random(r), 31}
		}
		s := New(entries)
		probes := make([]houvast.PDQ, 16)
		for i := range probes {
			probes[i] = random(r)
		}
		b.Run(fmt.Sprintf("n=%d,probes=16", n), func(b *testing.B) {
			for b.Loop() {
				s.Lookup(probes)
			}
		})
	}
}
