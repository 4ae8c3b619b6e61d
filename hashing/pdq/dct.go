package pdq

import (
	"math"
	"sync"

	"github.com/houvast/houvast"
)

// block is the low frequencies of the grid, rows and columns 1 to 16 of its cosine transform.
type block [terms][terms]float32

// waves are the 16 cosine waves of a profile, computed once: wave i has frequency i+1, the constant
// one is left out. The published values of the two profiles differ in one rounding: those of Near512
// round the scaled cosine once, those of Full round scale and cosine before they are multiplied. It
// decides only bits that are exactly at the median, as in a 4x4 picture.
var waves = sync.OnceValue(func() *struct{ full, near [terms][side]float32 } {
	w := new(struct{ full, near [terms][side]float32 })
	scale := float32(math.Sqrt(2.0 / side))
	for i := range terms {
		for j := range side {
			c := math.Cos(math.Pi / 2 / side * float64(i+1) * float64(2*j+1))
			w.near[i][j] = float32(float64(scale) * c)
			w.full[i][j] = scale * float32(c)
		}
	}
	return w
})

// transform returns D A D', each sum from the lowest index up.
func transform(g *grid, profile houvast.Profile) *block {
	d := &waves().full
	if profile == houvast.Near512 {
		d = &waves().near
	}
	var half [terms][side]float32
	for i := range half {
		row := &half[i]
		for k := range side {
			f, in := d[i][k], &g[k]
			for j := range row {
				row[j] += float32(f * in[j])
			}
		}
	}
	b := new(block)
	for i := range b {
		for j := range b[i] {
			var sum float32
			for k := range side {
				sum += float32(half[i][k] * d[j][k])
			}
			b[i][j] = sum
		}
	}
	return b
}

// dihedral returns the hashes of the eight ways the picture can lie. Turning and mirroring a picture
// transposes its transform and changes the sign of odd frequencies; each variant has its own median.
func dihedral(b *block) (hashes [8]houvast.PDQ) {
	variants := [8]struct {
		transpose bool
		negate    func(i, j int) bool // by row and column of the variant
	}{
		{false, func(i, j int) bool { return false }},        // original
		{true, func(i, j int) bool { return i&1 == 0 }},      // rotate90
		{false, func(i, j int) bool { return (i+j)&1 == 1 }}, // rotate180
		{true, func(i, j int) bool { return j&1 == 0 }},      // rotate270
		{false, func(i, j int) bool { return i&1 == 0 }},     // flip_x
		{false, func(i, j int) bool { return j&1 == 0 }},     // flip_y
		{true, func(i, j int) bool { return false }},         // flip_plus1
		{true, func(i, j int) bool { return (i+j)&1 == 1 }},  // flip_minus1
	}
	for n, v := range variants {
		var t block
		for i := range t {
			for j := range t[i] {
				f := b[i][j]
				if v.transpose {
					f = b[j][i]
				}
				if v.negate(i, j) {
					f = -f
				}
				t[i][j] = f
			}
		}
		hashes[n] = t.hash()
	}
	return hashes
}

// hash sets bit 16i+j where the value at row i, column j is above the lower median. Bit 255 is the
// highest bit of the first byte.
func (b *block) hash() (h houvast.PDQ) {
	m := b.median()
	for i := range b {
		for j, f := range b[i] {
			if f > m {
				k := i*terms + j
				h[31-k/8] |= 1 << (k % 8)
			}
		}
	}
	return h
}

// median returns the lower median, the 128th smallest of the 256 values, by quickselect.
func (b *block) median() float32 {
	var v [terms * terms]float32
	for i := range b {
		copy(v[i*terms:], b[i][:])
	}
	const want = len(v)/2 - 1
	lo, hi := 0, len(v)-1
	for lo < hi {
		pivot := v[(lo+hi)/2]
		i, j := lo, hi
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case want <= j:
			hi = j
		case want >= i:
			lo = i
		default:
			return v[want]
		}
	}
	return v[want]
}
