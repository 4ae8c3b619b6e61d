package draw

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
)

// rawPNG writes the modes of PNG that the standard encoder does not know.
func rawPNG(img *image.RGBA, mode Mode) (data []byte, shown *image.RGBA) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	shown = grey(img)
	depth, colour := byte(8), byte(4)
	row := func(y int) (out []byte) {
		for x := range w {
			out = append(out, shown.Pix[y*shown.Stride+4*x], fade(img, 4*x))
		}
		return out
	}
	switch mode {
	case PNGGreyAlpha16:
		depth = 16
		row = func(y int) (out []byte) {
			for x := range w {
				out = append(out, shown.Pix[y*shown.Stride+4*x], byte(7*x), fade(img, 4*x), byte(x))
			}
			return out
		}
	case PNGGrey1:
		depth, colour = 1, 0
		row = func(y int) []byte {
			out := make([]byte, (w+7)/8)
			for x := range w {
				p := shown.Pix[y*shown.Stride+4*x:][:3]
				bit := p[0] / 128
				out[x/8] |= bit << (7 - x%8)
				p[0], p[1], p[2] = bit*255, bit*255, bit*255
			}
			return out
		}
	}
	var raw bytes.Buffer
	z := zlib.NewWriter(&raw)
	for y := range h {
		_, err := z.Write(append([]byte{0}, row(y)...)) // filter 0: none
		must(err)
	}
	must(z.Close())
	head := binary.BigEndian.AppendUint32(nil, uint32(w))
	head = binary.BigEndian.AppendUint32(head, uint32(h))
	head = append(head, depth, colour, 0, 0, 0)
	data = []byte("\x89PNG\r\n\x1a\n")
	data = chunk(data, "IHDR", head)
	data = chunk(data, "IDAT", raw.Bytes())
	return chunk(data, "IEND", nil), shown
}

// HugePNG returns a PNG of a few bytes whose header announces w by h pixels of 1-bit grey.
func HugePNG(w, h uint32) []byte {
	head := binary.BigEndian.AppendUint32(nil, w)
	head = binary.BigEndian.AppendUint32(head, h)
	data := chunk([]byte("\x89PNG\r\n\x1a\n"), "IHDR", append(head, 1, 0, 0, 0, 0))
	return chunk(chunk(data, "IDAT", []byte{0x78, 0x9c, 3, 0, 0, 0, 0, 1}), "IEND", nil)
}

// chunk appends a chunk of PNG (W3C PNG, section 5.3).
func chunk(to []byte, kind string, data []byte) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(len(data)))
	start := len(to)
	to = append(append(to, kind...), data...)
	return binary.BigEndian.AppendUint32(to, crc32.ChecksumIEEE(to[start:]))
}
