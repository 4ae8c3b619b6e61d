package decode

import (
	"image"
	"image/color"
)

// A Picture is a decoded picture as 8-bit samples. It is a pdq.Raster.
type Picture struct {
	MediaType     string
	width, height int
	channels      int
	row           func(y int, buf []byte) []byte
	img           image.Image // what the decoder returned
}

// Size returns the width and height in pixels, before any EXIF rotation.
func (p *Picture) Size() (width, height int) { return p.width, p.height }

// Channels is 1 for grey and 3 for red, green, blue.
func (p *Picture) Channels() int { return p.channels }

// Row returns the samples of row y, in buf or in the memory of the decoder.
func (p *Picture) Row(y int, buf []byte) []byte { return p.row(y, buf) }

// read takes the pixels of what a decoder returned; data is the file. It reports false when the
// decoder returned something of another size or kind than its header announced.
func (p *Picture) read(img image.Image, data []byte) bool {
	if frame, ok := img.(*image.Paletted); ok && p.MediaType == gifType {
		if !frame.Rect.In(image.Rect(0, 0, p.width, p.height)) {
			return false
		}
		p.three(newCanvas(data, frame).row)
		return true
	}
	if img.Bounds() != image.Rect(0, 0, p.width, p.height) {
		return false
	}
	switch m := img.(type) {
	case *image.Gray:
		p.grey(func(y int, _ []byte) []byte { return m.Pix[y*m.Stride:][:p.width] })
	case *image.Gray16:
		p.grey(func(y int, buf []byte) []byte { return pick(buf, m.Pix[y*m.Stride:], 1, 2) })
	case *image.RGBA: // opaque, or stored multiplied
		p.three(func(y int, buf []byte) { pick(buf, m.Pix[y*m.Stride:], 3, 4) })
	case *image.NRGBA:
		p.three(func(y int, buf []byte) { pick(buf, m.Pix[y*m.Stride:], 3, 4) })
	case *image.RGBA64:
		p.three(func(y int, buf []byte) { upper(buf, m.Pix[y*m.Stride:]) })
	case *image.NRGBA64:
		p.three(func(y int, buf []byte) { upper(buf, m.Pix[y*m.Stride:]) })
	case *image.Paletted:
		colours := table(m.Palette)
		p.three(func(y int, buf []byte) { look(buf, m.Pix[y*m.Stride:], &colours) })
	case *image.CMYK:
		p.three(func(y int, buf []byte) { light(buf, m.Pix[y*m.Stride:]) })
	case *image.YCbCr:
		p.ycbcr(m)
	case *image.NYCbCrA:
		p.ycbcr(&m.YCbCr)
	default:
		return false
	}
	return true
}

func (p *Picture) grey(row func(y int, buf []byte) []byte) { p.channels, p.row = 1, row }

func (p *Picture) three(row func(y int, buf []byte)) {
	p.channels = 3
	p.row = func(y int, buf []byte) []byte {
		row(y, buf)
		return buf
	}
}

// pick copies the first n of each group of size samples.
func pick(dst, src []byte, n, size int) []byte {
	if n == 3 {
		for i, j := 0, 0; i+3 <= len(dst); i, j = i+3, j+size {
			s, d := src[j:j+3:j+3], dst[i:i+3:i+3]
			d[0], d[1], d[2] = s[0], s[1], s[2]
		}
		return dst
	}
	for i := range dst {
		dst[i] = src[i*size]
	}
	return dst
}

// upper copies the upper halves of the colours of 16-bit pixels of four samples.
func upper(dst, src []byte) {
	for i, j := 0, 0; i+3 <= len(dst); i, j = i+3, j+8 {
		dst[i], dst[i+1], dst[i+2] = src[j], src[j+2], src[j+4]
	}
}

// look replaces indices by their colours.
func look(dst, src []byte, colours *[256][3]byte) {
	for i, j := 0, 0; i+3 <= len(dst); i, j = i+3, j+1 {
		c := &colours[src[j]]
		dst[i], dst[i+1], dst[i+2] = c[0], c[1], c[2]
	}
}

// light turns ink into light.
func light(dst, src []byte) {
	for i, j := 0, 0; i+3 <= len(dst); i, j = i+3, j+4 {
		dst[i], dst[i+1], dst[i+2] = color.CMYKToRGB(src[j], src[j+1], src[j+2], src[j+3])
	}
}

// table returns a palette as colours without their opacity; indices beyond it are black.
func table(p color.Palette) (t [256][3]byte) {
	for i, c := range p[:min(len(p), 256)] {
		switch c := c.(type) {
		case color.RGBA:
			t[i] = [3]byte{c.R, c.G, c.B}
		case color.NRGBA:
			t[i] = [3]byte{c.R, c.G, c.B}
		case color.RGBA64:
			t[i] = [3]byte{byte(c.R >> 8), byte(c.G >> 8), byte(c.B >> 8)}
		default:
			n := color.NRGBAModel.Convert(c).(color.NRGBA)
			t[i] = [3]byte{n.R, n.G, n.B}
		}
	}
	return t
}

// A matrix turns luma and colour differences into red, green and blue, in 65536ths.
type matrix struct {
	black, luma                     int32 // luma of black, and its factor
	redCr, greenCb, greenCr, blueCb int32
	round                           int32
}

var (
	// jfif is the full range of JPEG (ITU-T T.871, section 7), rounded as the standard library does.
	jfif = matrix{black: 0, luma: 0x10101, redCr: 91881, greenCb: 22554, greenCr: 46802, blueCb: 116130}
	// studio is the limited range of WebP (RFC 9649, section 2.5: BT.601), which the decoder hands on as it is.
	studio = matrix{black: 16, luma: 76309, redCr: 104597, greenCb: 25675, greenCr: 53279, blueCb: 132201, round: 1 << 15}
)

func (p *Picture) ycbcr(m *image.YCbCr) {
	k := &jfif
	if p.MediaType == webpType {
		k = &studio
	}
	across, down := uint(0), uint(0)
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		across = 1
	case image.YCbCrSubsampleRatio420:
		across, down = 1, 1
	case image.YCbCrSubsampleRatio440:
		down = 1
	case image.YCbCrSubsampleRatio411:
		across = 2
	case image.YCbCrSubsampleRatio410:
		across, down = 2, 1
	}
	p.three(func(y int, buf []byte) {
		c := (y >> down) * m.CStride
		k.row(buf, m.Y[y*m.YStride:][:p.width], m.Cb[c:], m.Cr[c:], across)
	})
}

// row converts one row whose colours are 1<<across pixels wide.
func (k *matrix) row(dst, luma, blue, red []byte, across uint) {
	step := 1 << across
	for c := 0; len(luma) > 0; c++ {
		cb, cr := int32(blue[c])-128, int32(red[c])-128
		r := k.redCr*cr + k.round
		g := -k.greenCb*cb - k.greenCr*cr + k.round
		b := k.blueCb*cb + k.round
		n := min(step, len(luma))
		for _, v := range luma[:n] {
			y := k.luma * (int32(v) - k.black)
			dst[0], dst[1], dst[2] = clamp(y+r), clamp(y+g), clamp(y+b)
			dst = dst[3:]
		}
		luma = luma[n:]
	}
}

// clamp returns v/65536 cut to a byte.
func clamp(v int32) byte {
	if uint32(v)>>24 == 0 {
		return byte(v >> 16)
	}
	return byte(^v >> 31) // 0 below, 255 above
}
