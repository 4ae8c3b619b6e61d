package pdq_test

import (
	"math/rand/v2"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing/pdq"
)

// noise is a picture of smooth random blobs with grain on top.
func noise(seed uint64, w, h, depth int) pdq.Packed {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := pdq.Packed{Width: w, Height: h, Depth: depth, Pix: make([]byte, w*h*depth)}
	var coarse [17][17][3]int
	for i := range coarse {
		for j := range coarse[i] {
			for c := range 3 {
				coarse[i][j][c] = rng.IntN(230)
			}
		}
	}
	for y := range h {
		for x := range w {
			at := coarse[y*17/h][x*17/w]
			for c := range depth {
				p.Pix[(y*w+x)*depth+c] = byte(at[c] + rng.IntN(26))
			}
		}
	}
	return p
}

func TestHashIsBitExact(t *testing.T) {
	sizes := [][2]int{
		{1, 1}, {2, 3}, {4, 4}, {5, 5}, {7, 64}, {63, 65}, {64, 64}, {64, 65}, {65, 64}, {127, 128}, {128, 129},
		{129, 130}, {200, 31}, {31, 200}, {256, 256}, {257, 384}, {385, 511}, {512, 512}, {513, 512}, {512, 513},
		{640, 360}, {777, 333}, {1000, 100}, {100, 1000}, {1025, 641}, {4001, 9}, {9, 4001}, {1281, 1153},
	}
	n, hashed := 0, 0
	for seed, size := range sizes {
		for _, depth := range []int{1, 3} {
			p := noise(uint64(seed), size[0], size[1], depth)
			for _, profile := range []houvast.Profile{houvast.Full, houvast.Near512} {
				got, quality := pdq.Hash(p, profile)
				want, wantQuality := oracle(p, profile)
				if got != want || quality != wantQuality {
					t.Errorf("%dx%d, %d channels, %s: hash differs by %d bits, quality %d, want %d",
						size[0], size[1], depth, profile, got[0].Distance(want[0]), quality, wantQuality)
				}
				n++
				if quality >= houvast.MinQuality {
					hashed++
				}
			}
		}
	}
	if hashed < n*2/3 {
		t.Errorf("only %d of %d pictures have enough detail to mean anything", hashed, n)
	}
}

func BenchmarkHash(b *testing.B) {
	for _, c := range []struct {
		name        string
		w, h, depth int
		profile     houvast.Profile
	}{
		{"512x512/grey", 512, 512, 1, houvast.Full},
		{"512x512/rgb", 512, 512, 3, houvast.Full},
		{"4032x3024/full", 4032, 3024, 3, houvast.Full},
		{"4032x3024/near512", 4032, 3024, 3, houvast.Near512},
	} {
		p := noise(1, c.w, c.h, c.depth)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				pdq.Hash(p, c.profile)
			}
		})
	}
	p := noise(1, 512, 512, 3)
	b.Run("512x512/rgb/oracle", func(b *testing.B) {
		for b.Loop() {
			oracle(p, houvast.Full)
		}
	})
}
