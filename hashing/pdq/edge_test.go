package pdq_test

import (
	"math"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing/pdq"
)

// borrowed gives its rows in memory that it overwrites at the next call.
type borrowed struct{ pdq.Packed }

func (b borrowed) Row(y int, buf []byte) []byte {
	copy(buf, b.Packed.Row(y, nil))
	return buf
}

func TestRowsMayBeBorrowed(t *testing.T) {
	p := noise(3, 700, 90, 3)
	for _, profile := range []houvast.Profile{houvast.Full, houvast.Near512} {
		got, _ := pdq.Hash(borrowed{p}, profile)
		want, _ := pdq.Hash(p, profile)
		if got != want {
			t.Errorf("%s: %d bits apart", profile, got[0].Distance(want[0]))
		}
	}
}

func TestBothIsHashTwice(t *testing.T) {
	for _, size := range [][2]int{{0, 7}, {3, 3}, {4, 900}, {512, 512}, {513, 40}} {
		p := noise(1, max(size[0], 1), size[1], 3)
		p.Width = size[0]
		near, full, q, fullQ := pdq.Both(p)
		wantNear, wantQ := pdq.Hash(p, houvast.Near512)
		wantFull, wantFullQ := pdq.Hash(p, houvast.Full)
		if near != wantNear || full != wantFull || q != wantQ || fullQ != wantFullQ {
			t.Errorf("%v: qualities %d and %d, want %d and %d", size, q, fullQ, wantQ, wantFullQ)
		}
	}
}

func TestWhatIsNotHashed(t *testing.T) {
	for name, c := range map[string]struct {
		p       pdq.Packed
		profile houvast.Profile
	}{
		"no pixels":       {pdq.Packed{Width: 0, Height: 9, Depth: 3}, houvast.Full},
		"negative":        {pdq.Packed{Width: -1, Height: -1, Depth: 1}, houvast.Full},
		"four rows":       {noise(1, 90, 4, 3), houvast.Near512},
		"four columns":    {noise(1, 4, 90, 3), houvast.Near512},
		"unknown profile": {noise(1, 90, 90, 3), houvast.Unknown},
	} {
		if h, q := pdq.Hash(c.p, c.profile); h != ([8]houvast.PDQ{}) || q != 0 {
			t.Errorf("%s: quality %d, hash %s", name, q, h[0])
		}
	}
	if _, q := pdq.Hash(noise(1, 90, 5, 3), houvast.Near512); q == 0 {
		t.Error("five rows are enough, but have quality 0")
	}
}

// The cosines are rounded to float32. An architecture may compute them in float64 with another last
// bit; that changes no float32, because none of them lies close to the middle of two.
func TestCosinesRoundTheSameEverywhere(t *testing.T) {
	closest := math.Inf(1)
	scale := float64(float32(math.Sqrt(2.0 / 64)))
	for i := range 16 {
		for j := range 64 {
			c := math.Cos(math.Pi / 2 / 64 * float64(i+1) * float64(2*j+1))
			for _, v := range []float64{c, scale * c} {
				up := float64(math.Nextafter32(float32(v), float32(math.Inf(1))))
				down := float64(math.Nextafter32(float32(v), float32(math.Inf(-1))))
				for _, middle := range []float64{(up + float64(float32(v))) / 2, (down + float64(float32(v))) / 2} {
					closest = min(closest, math.Abs((v-middle)/v))
				}
			}
		}
	}
	if closest < 1e-13 {
		t.Errorf("a cosine lies %g from the middle of two float32 values", closest)
	}
}
