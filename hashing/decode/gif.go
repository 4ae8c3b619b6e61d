package decode

import (
	"bytes"
	"image"
)

// A canvas is the first frame of a GIF in its place. The decoder returns the frame alone, and
// forgets the colour of the transparent index; both are read again from the file, so that alpha is
// dropped here as everywhere. What the frame does not cover has the background colour.
type canvas struct {
	frame      *image.Paletted
	palette    [256][3]byte
	background [3]byte
}

// newCanvas reads the colour tables up to the first frame. The decoder has read them before, so
// whatever is missing here is only left black.
func newCanvas(data []byte, frame *image.Paletted) *canvas {
	c := &canvas{frame: frame, palette: table(frame.Palette)}
	if len(data) < 13 {
		return c
	}
	rest := data[13:]
	if data[10]&0x80 != 0 {
		global, after := colours(rest, data[10])
		if int(data[11]) < len(global)/3 {
			c.background = [3]byte(global[3*int(data[11]):])
		}
		c.set(global)
		rest = after
	}
	for len(rest) > 0 {
		switch rest[0] {
		case 0x21: // extension: label, then sub-blocks
			if len(rest) < 2 {
				return c
			}
			rest = subBlocks(rest[2:])
		case 0x2c: // image descriptor
			if len(rest) >= 10 && rest[9]&0x80 != 0 {
				local, _ := colours(rest[10:], rest[9])
				c.set(local)
			}
			return c
		default:
			return c
		}
	}
	return c
}

// set overwrites the palette with a colour table; what is beyond the table stays.
func (c *canvas) set(colours []byte) {
	for i := range len(colours) / 3 {
		c.palette[i] = [3]byte(colours[3*i:])
	}
}

// colours cuts the colour table that flags announce from the front of data.
func colours(data []byte, flags byte) (colours, after []byte) {
	n := min(3<<(flags&7+1), len(data))
	return data[:n-n%3], data[n:]
}

// subBlocks returns what follows a chain of sub-blocks.
func subBlocks(data []byte) []byte {
	for len(data) > 0 && data[0] != 0 {
		data = data[min(1+int(data[0]), len(data)):]
	}
	return bytes.TrimPrefix(data, []byte{0})
}

// row writes row y of the canvas.
func (c *canvas) row(y int, buf []byte) {
	for x := 0; x < len(buf); x += 3 {
		copy(buf[x:x+3], c.background[:])
	}
	r := c.frame.Rect
	if y < r.Min.Y || y >= r.Max.Y {
		return
	}
	for x := max(r.Min.X, 0); x < min(r.Max.X, len(buf)/3); x++ {
		p := c.palette[c.frame.Pix[(y-r.Min.Y)*c.frame.Stride+x-r.Min.X]]
		copy(buf[3*x:3*x+3], p[:])
	}
}
