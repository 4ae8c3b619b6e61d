package decode

import (
	"image"
	"image/color"
)

// A raster gives the red, green and blue samples of one row after another.
type raster interface {
	Size() (width, height int)
	shown(y int, rgb []byte)
}

// shown writes row y as a viewer shows it over white: 8 bits of red, green and blue, not turned.
func (p *Picture) shown(y int, rgb []byte) {
	switch m := p.img.(type) {
	case *image.RGBA:
		multiplied(rgb, m.Pix[y*m.Stride:], 1)
	case *image.RGBA64:
		multiplied(rgb, m.Pix[y*m.Stride:], 2)
	case *image.NRGBA:
		stored(rgb, m.Pix[y*m.Stride:], 1)
	case *image.NRGBA64:
		stored(rgb, m.Pix[y*m.Stride:], 2)
	case *image.NYCbCrA:
		p.row(y, rgb)
		alpha := m.A[y*m.AStride:]
		for i := range len(rgb) / 3 {
			over(rgb[3*i:3*i+3], alpha[i])
		}
	case *image.Paletted:
		paletted(rgb, m, y)
	default:
		if p.channels == 3 {
			p.row(y, rgb)
			return
		}
		grey := p.row(y, rgb[2*p.width:])
		for i, v := range grey { // never behind what is still to be read: 3i+2 < 2*width+i until the last
			rgb[3*i], rgb[3*i+1], rgb[3*i+2] = v, v, v
		}
	}
}

// over lays one colour with opacity a over white.
func over(c []byte, a byte) {
	if a == 255 {
		return
	}
	for k := range c {
		c[k] = byte((int(c[k])*int(a)+127)/255 + 255 - int(a))
	}
}

// stored reads pixels of four samples whose colours are not multiplied by their opacity; a sample is
// size bytes and its first one counts.
func stored(rgb, pix []byte, size int) {
	for i, j := 0, 0; i+3 <= len(rgb); i, j = i+3, j+4*size {
		d := rgb[i : i+3 : i+3]
		d[0], d[1], d[2] = pix[j], pix[j+size], pix[j+2*size]
		over(d, pix[j+3*size])
	}
}

// multiplied reads pixels whose colours are multiplied already.
func multiplied(rgb, pix []byte, size int) {
	for i, j := 0, 0; i+3 <= len(rgb); i, j = i+3, j+4*size {
		white := 255 - int(pix[j+3*size])
		for k := range 3 {
			rgb[i+k] = byte(min(255, int(pix[j+k*size])+white))
		}
	}
}

// paletted reads a row of a palette picture. The frame of a GIF may cover only a part; the rest is
// see-through in a viewer, whatever the background colour says.
func paletted(rgb []byte, m *image.Paletted, y int) {
	for i := range rgb {
		rgb[i] = 255
	}
	if y < m.Rect.Min.Y || y >= m.Rect.Max.Y {
		return
	}
	colours := flatTable(m.Palette)
	row := m.Pix[(y-m.Rect.Min.Y)*m.Stride:][:m.Rect.Dx()]
	for i, v := range row {
		copy(rgb[3*(m.Rect.Min.X+i):], colours[v][:])
	}
}

// flatTable returns a palette over white; indices beyond it are black.
func flatTable(p color.Palette) (t [256][3]byte) {
	for i, c := range p[:min(len(p), 256)] {
		n := color.NRGBAModel.Convert(c).(color.NRGBA)
		t[i] = [3]byte{n.R, n.G, n.B}
		over(t[i][:], n.A)
	}
	return t
}

// pixels is a packed picture in memory, 3 bytes a pixel.
type pixels struct {
	w, h int
	rgb  []byte
}

// Size returns the width and height.
func (p pixels) Size() (int, int) { return p.w, p.h }

func (p pixels) shown(y int, rgb []byte) { copy(rgb, p.rgb[3*p.w*y:][:3*p.w]) }

// shrink averages a raster into w by h pixels, each the mean of exactly the area it covers; w and h
// are at most those of the raster. Only one row of the raster is held.
func shrink(from raster, w, h int) pixels {
	fw, fh := from.Size()
	out := pixels{w, h, make([]byte, 3*w*h)}
	row := make([]byte, 3*fw)
	if w == fw && h == fh {
		for y := range h {
			from.shown(y, out.rgb[3*w*y:][:3*w])
		}
		return out
	}
	// Lengths are counted so that everything is whole: a source pixel is w wide and h high, one of the
	// result fw wide and fh high.
	across := make([]uint64, 3*w)
	sum := make([]uint64, 3*w)
	area := uint64(fw) * uint64(fh)
	for y, ty := 0, 0; y < fh; y++ {
		from.shown(y, row)
		squeeze(across, row, fw, w)
		top := min(h, (ty+1)*fh-y*h) // of the row's height, what falls into result row ty
		add(sum, across, uint64(top))
		if (y+1)*h >= (ty+1)*fh {
			for i, s := range sum {
				out.rgb[3*w*ty+i] = byte((s + area/2) / area)
				sum[i] = 0
			}
			ty++
			if rest := h - top; rest > 0 {
				add(sum, across, uint64(rest))
			}
		}
	}
	return out
}

func add(sum, row []uint64, weight uint64) {
	for i, v := range row {
		sum[i] += v * weight
	}
}

// squeeze adds up a row of fw pixels into w sums.
func squeeze(across []uint64, row []byte, fw, w int) {
	clear(across)
	at, left := 0, fw // sum that is being filled, and how much of its width is still empty
	for i := 0; i+3 <= len(row); i += 3 {
		s := row[i : i+3 : i+3]
		n := min(w, left)
		d := across[at : at+3 : at+3]
		d[0] += uint64(s[0]) * uint64(n)
		d[1] += uint64(s[1]) * uint64(n)
		d[2] += uint64(s[2]) * uint64(n)
		if left -= n; left > 0 {
			continue
		}
		at, left = at+3, fw
		if n = w - n; n > 0 {
			d := across[at : at+3 : at+3]
			d[0] += uint64(s[0]) * uint64(n)
			d[1] += uint64(s[1]) * uint64(n)
			d[2] += uint64(s[2]) * uint64(n)
			left -= n
		}
	}
}

// turn applies an EXIF orientation (Exif 2.32, tag 0x0112): it turns what was stored into what is shown.
func turn(p pixels, orientation int) *image.RGBA {
	w, h := p.w, p.h
	if orientation >= 5 {
		w, h = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			sx, sy := x, y
			switch orientation {
			case 2:
				sx = w - 1 - x
			case 3:
				sx, sy = w-1-x, h-1-y
			case 4:
				sy = h - 1 - y
			case 5:
				sx, sy = y, x
			case 6:
				sx, sy = y, w-1-x
			case 7:
				sx, sy = h-1-y, w-1-x
			case 8:
				sx, sy = h-1-y, x
			}
			s, d := p.rgb[3*(sy*p.w+sx):], out.Pix[y*out.Stride+4*x:]
			d[0], d[1], d[2], d[3] = s[0], s[1], s[2], 255
		}
	}
	return out
}

// luma returns the brightness of a picture (ITU-R BT.601).
func luma(img *image.RGBA) *image.Gray {
	out := image.NewGray(img.Rect)
	for i := range out.Pix {
		s := img.Pix[4*i : 4*i+3 : 4*i+3]
		out.Pix[i] = byte((19595*uint32(s[0]) + 38470*uint32(s[1]) + 7471*uint32(s[2]) + 1<<15) >> 16)
	}
	return out
}

// drawn makes a raster of what is rendered already.
type drawn struct{ *image.RGBA }

func (d drawn) Size() (int, int) { return d.Rect.Dx(), d.Rect.Dy() }

func (d drawn) shown(y int, rgb []byte) { pick(rgb, d.Pix[y*d.Stride:], 3, 4) }

// greyed is the same for grey.
type greyed struct{ *image.Gray }

func (g greyed) Size() (int, int) { return g.Rect.Dx(), g.Rect.Dy() }

func (g greyed) shown(y int, rgb []byte) {
	for x, v := range g.Pix[y*g.Stride:][:g.Rect.Dx()] {
		rgb[3*x], rgb[3*x+1], rgb[3*x+2] = v, v, v
	}
}

// mosaic draws few pixels as flat blocks.
func mosaic(img *image.RGBA) *image.RGBA {
	n := detail(img, mosaicDetail, 16)
	w, h := within(img.Rect.Dx(), img.Rect.Dy(), n)
	small := shrink(drawn{img}, min(w, img.Rect.Dx()), min(h, img.Rect.Dy()))
	side := previewSide / n
	out := image.NewRGBA(image.Rect(0, 0, small.w*side, small.h*side))
	for y := range small.h * side {
		for x := range small.w * side {
			s, d := small.rgb[3*(y/side*small.w+x/side):], out.Pix[y*out.Stride+4*x:]
			d[0], d[1], d[2], d[3] = s[0], s[1], s[2], 255
		}
	}
	return out
}

// blur draws few greys as a smooth surface through them.
func blur(img *image.Gray) *image.Gray {
	w, h := within(img.Rect.Dx(), img.Rect.Dy(), detail(img, blurredDetail, 8))
	small := shrink(greyed{img}, min(w, img.Rect.Dx()), min(h, img.Rect.Dy()))
	w, h = within(img.Rect.Dx(), img.Rect.Dy(), min(previewSide, max(img.Rect.Dx(), img.Rect.Dy())))
	out := image.NewGray(image.Rect(0, 0, w, h))
	at := func(x, y int) int { return int(small.rgb[3*(y*small.w+x)]) }
	for y := range h {
		y0, y1, fy := between(y, h, small.h)
		for x := range w {
			x0, x1, fx := between(x, w, small.w)
			top := at(x0, y0)*(256-fx) + at(x1, y0)*fx
			low := at(x0, y1)*(256-fx) + at(x1, y1)*fx
			out.Pix[y*out.Stride+x] = byte((top*(256-fy) + low*fy + 1<<15) >> 16)
		}
	}
	return out
}

// between returns the two of n samples around position i of size, and how far it is to the second, in
// 256ths.
func between(i, size, n int) (a, b, f int) {
	p := (2*i+1)*n*128/size - 128
	p = max(0, min(p, (n-1)*256))
	return p / 256, min(p/256+1, n-1), p % 256
}
