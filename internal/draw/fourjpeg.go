package draw

import (
	"encoding/binary"
	"image"
	"image/color"
	"math"
)

// fourJPEG writes a baseline JPEG of four components, as Adobe's programs do (ITU-T T.81 and Adobe
// Technical Note 5116): ink is stored inverted, and with ycck the first three components are turned
// into luma and colour differences. There is no subsampling, and the Huffman tables are the simplest
// that are allowed, every code of a table equally long.
func fourJPEG(img *image.RGBA, ycck bool) []byte {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	transform := byte(0)
	if ycck {
		transform = 2
	}
	e := &jpegWriter{}
	e.out = append(e.out, 0xff, 0xd8)
	e.segment(0xee, append([]byte("Adobe\x00\x65\x00\x00\x00\x00"), transform))
	e.segment(0xdb, append([]byte{0}, quantizer[:]...))
	frame := []byte{8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), 4}
	scan := []byte{4}
	for c := range byte(4) {
		frame = append(frame, c+1, 0x11, 0)
		scan = append(scan, c+1, 0)
	}
	e.segment(0xc0, frame)
	e.segment(0xc4, flatTable(0x00, 4, dcSymbols()))
	e.segment(0xc4, flatTable(0x10, 8, acSymbols()))
	e.segment(0xda, append(scan, 0, 63, 0))
	var dc [4]int
	for y := 0; y < h; y += 8 {
		for x := 0; x < w; x += 8 {
			var blocks [4][64]float64
			for i := range 64 {
				px := img.RGBAAt(min(x+i%8, w-1), min(y+i/8, h-1))
				for c, v := range ink(px, ycck) {
					blocks[c][i] = float64(v) - 128
				}
			}
			for c := range blocks {
				dc[c] = e.block(&blocks[c], dc[c])
			}
		}
	}
	e.bits(0x7f, 7) // fill the last byte with ones
	return append(e.out, 0xff, 0xd9)
}

// ink returns the four stored samples of a colour.
func ink(c color.RGBA, ycck bool) [4]byte {
	top := max(c.R, c.G, c.B)
	k := 255 - top
	// Light that is left by cyan, magenta and yellow once black has taken its part.
	light := func(v byte) byte {
		if top == 0 {
			return 255
		}
		return byte((int(v)*255 + int(top)/2) / int(top))
	}
	r, g, b := light(c.R), light(c.G), light(c.B)
	if !ycck {
		return [4]byte{r, g, b, 255 - k}
	}
	y, cb, cr := color.RGBToYCbCr(255-r, 255-g, 255-b)
	return [4]byte{y, cb, cr, 255 - k}
}

// jpegWriter appends segments and entropy-coded bits.
type jpegWriter struct {
	out  []byte
	acc  uint32
	free int // bits used in acc
}

func (e *jpegWriter) segment(marker byte, data []byte) {
	e.out = append(e.out, 0xff, marker)
	e.out = binary.BigEndian.AppendUint16(e.out, uint16(len(data)+2))
	e.out = append(e.out, data...)
}

func (e *jpegWriter) bits(v uint32, n int) {
	e.acc = e.acc<<n | v&(1<<n-1)
	e.free += n
	for e.free >= 8 {
		b := byte(e.acc >> (e.free - 8))
		e.out = append(e.out, b)
		if b == 0xff {
			e.out = append(e.out, 0)
		}
		e.free -= 8
	}
}

// number writes v as JPEG does: its length is in the symbol before, negative ones count from below.
func (e *jpegWriter) number(v, size int) {
	if v < 0 {
		v += 1<<size - 1
	}
	e.bits(uint32(v), size)
}

func sizeOf(v int) (n int) {
	for v = max(v, -v); v > 0; v >>= 1 {
		n++
	}
	return n
}

// block writes one block of samples and returns its constant term.
func (e *jpegWriter) block(samples *[64]float64, before int) (dc int) {
	coefficients := forward(samples)
	dc = coefficients[0]
	size := sizeOf(dc - before)
	e.bits(uint32(size), 4)
	e.number(dc-before, size)
	run := 0
	for i := 1; i < 64; i++ {
		v := coefficients[zigzag[i]]
		if v == 0 {
			run++
			continue
		}
		for ; run > 15; run -= 16 {
			e.bits(acCode(0xf0), 8)
		}
		size := sizeOf(v)
		e.bits(acCode(byte(run<<4|size)), 8)
		e.number(v, size)
		run = 0
	}
	if run > 0 {
		e.bits(acCode(0), 8)
	}
	return dc
}

// forward is the quantised cosine transform.
func forward(s *[64]float64) (out [64]int) {
	var rows [64]float64
	for y := range 8 {
		for u := range 8 {
			for x := range 8 {
				rows[8*y+u] += float64(s[8*y+x] * wave[x][u])
			}
		}
	}
	for v := range 8 {
		for u := range 8 {
			sum := 0.0
			for y := range 8 {
				sum += float64(rows[8*y+u] * wave[y][v])
			}
			out[8*v+u] = int(math.Round(sum / float64(quantizer[0])))
		}
	}
	return out
}

// wave[x][u] is sample x of the cosine of frequency u.
var wave = func() (w [8][8]float64) {
	for x := range 8 {
		w[x][0] = math.Sqrt(0.125)
		for u := 1; u < 8; u++ {
			w[x][u] = 0.5 * math.Cos(float64((2*x+1)*u)*math.Pi/16)
		}
	}
	return w
}()

// flatTable is a Huffman table whose codes all have n bits, in the order of the symbols.
func flatTable(class byte, n int, symbols []byte) []byte {
	var counts [16]byte
	counts[n-1] = byte(len(symbols))
	return append(append([]byte{class}, counts[:]...), symbols...)
}

// dcSymbols are the lengths 0 to 11; the code of each is itself.
func dcSymbols() (s []byte) {
	for i := range byte(12) {
		s = append(s, i)
	}
	return s
}

// acSymbols are all runs with all lengths 0 to 10.
func acSymbols() (s []byte) {
	for run := range byte(16) {
		for size := range byte(11) {
			s = append(s, run<<4|size)
		}
	}
	return s
}

func acCode(symbol byte) uint32 { return uint32(symbol>>4)*11 + uint32(symbol&15) }

// quantizer has the same small step everywhere.
var quantizer = func() (q [64]byte) {
	for i := range q {
		q[i] = 4
	}
	return q
}()

// zigzag is the order of T.81, figure A.6.
var zigzag = func() (z [64]int) {
	i := 0
	for d := range 15 {
		for k := range 8 {
			y, x := k, d-k
			if d%2 == 0 {
				y, x = d-k, k
			}
			if x >= 0 && x < 8 && y >= 0 && y < 8 {
				z[i] = 8*y + x
				i++
			}
		}
	}
	return z
}()
