package pdq_test

import (
	"math"
	"slices"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing/pdq"
)

// oracle is the specification of PDQ written down as slowly as it reads: whole planes, one value at
// a time, float32 throughout. It shares nothing with the package but the Packed type.
func oracle(p pdq.Packed, profile houvast.Profile) (hashes [8]houvast.PDQ, quality int) {
	w, h := p.Width, p.Height
	if profile == houvast.Near512 && (w < 5 || h < 5) {
		return hashes, 0
	}
	sample := func(x, y, c int) float32 { return float32(p.Pix[(y*p.Width+x)*p.Depth+c]) }
	sx := func(x int) int { return x }
	sy := sx
	if profile == houvast.Near512 && (w > 512 || h > 512) {
		sx = func(x int) int { return x * p.Width / 512 }
		sy = func(y int) int { return y * p.Height / 512 }
		w, h = 512, 512
	}
	plane := make([]float32, w*h)
	for y := range h {
		for x := range w {
			if p.Depth == 1 {
				plane[y*w+x] = sample(sx(x), sy(y), 0)
				continue
			}
			l := float32(float32(0.299) * sample(sx(x), sy(y), 0))
			l = float32(l + float32(float32(0.587)*sample(sx(x), sy(y), 1)))
			l = float32(l + float32(float32(0.114)*sample(sx(x), sy(y), 2)))
			plane[y*w+x] = l
		}
	}
	if w != 64 || h != 64 {
		for range 2 {
			for y := range h {
				oracleBox(plane, y*w, 1, w)
			}
			for x := range w {
				oracleBox(plane, x, w, h)
			}
		}
	}
	var a [64][64]float32
	for i := range 64 {
		for j := range 64 {
			row := int((float64(i) + 0.5) * float64(h) / 64)
			col := int((float64(j) + 0.5) * float64(w) / 64)
			a[i][j] = plane[row*w+col]
		}
	}
	return oracleBits(&a, profile), oracleQuality(&a)
}

// oracleBox averages n values of plane, stride apart, in place.
func oracleBox(plane []float32, from, stride, n int) {
	in := make([]float32, n)
	for i := range in {
		in[i] = plane[from+i*stride]
	}
	window := (n + 127) / 128
	half := (window + 2) / 2
	var sum, size float32
	add, leave, write := 0, 0, 0
	put := func() {
		plane[from+write*stride] = sum / size
		write++
	}
	for range half - 1 {
		sum, size, add = sum+in[add], size+1, add+1
	}
	for range window - half + 1 {
		sum, size, add = sum+in[add], size+1, add+1
		put()
	}
	for range n - window {
		sum += in[add]
		sum -= in[leave]
		add, leave = add+1, leave+1
		put()
	}
	for range half - 1 {
		sum, size, leave = sum-in[leave], size-1, leave+1
		put()
	}
}

func oracleQuality(a *[64][64]float32) int {
	sum := 0
	for i := range 64 {
		for j := range 64 {
			if i < 63 {
				sum += int(math.Abs(math.Trunc(float64(float32((a[i][j]-a[i+1][j])*100) / 255))))
			}
			if j < 63 {
				sum += int(math.Abs(math.Trunc(float64(float32((a[i][j]-a[i][j+1])*100) / 255))))
			}
		}
	}
	return min(100, sum/90)
}

func oracleBits(a *[64][64]float32, profile houvast.Profile) (hashes [8]houvast.PDQ) {
	var d [16][64]float32
	scale := float32(math.Sqrt(2.0 / 64))
	for i := range 16 {
		for j := range 64 {
			c := math.Cos(math.Pi / 2 / 64 * float64(i+1) * float64(2*j+1))
			if d[i][j] = float32(float64(scale) * c); profile == houvast.Full {
				d[i][j] = float32(scale * float32(c))
			}
		}
	}
	var t [16][64]float32
	for i := range 16 {
		for j := range 64 {
			for k := range 64 {
				t[i][j] += float32(d[i][k] * a[k][j])
			}
		}
	}
	var b [16][16]float32
	for i := range 16 {
		for j := range 16 {
			for k := range 64 {
				b[i][j] += float32(t[i][k] * d[j][k])
			}
		}
	}
	var v [8][16][16]float32
	for i := range 16 {
		for j := range 16 {
			f := b[i][j]
			sign := func(negative bool) float32 {
				if negative {
					return -f
				}
				return f
			}
			v[0][i][j] = f
			v[1][j][i] = sign(j%2 == 0)
			v[2][i][j] = sign((i+j)%2 == 1)
			v[3][j][i] = sign(i%2 == 0)
			v[4][i][j] = sign(i%2 == 0)
			v[5][i][j] = sign(j%2 == 0)
			v[6][j][i] = f
			v[7][j][i] = sign((i+j)%2 == 1)
		}
	}
	for n := range v {
		var all []float32
		for i := range v[n] {
			all = append(all, v[n][i][:]...)
		}
		sorted := slices.Sorted(slices.Values(all))
		for k, f := range all {
			if f > sorted[127] {
				hashes[n][31-k/8] |= 1 << (k % 8)
			}
		}
	}
	return hashes
}
