package decode_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/internal/draw"
)

func render(data []byte) decode.Renditions { return decode.Render(data, decode.DefaultLimits()) }

// levels is the four renditions by name.
func levels(r decode.Renditions) map[string]decode.Rendition {
	return map[string]decode.Rendition{"mosaic": r.Mosaic, "blurred": r.Blurred, "grey": r.Grey, "colour": r.Colour}
}

// look decodes a rendition.
func look(t *testing.T, r decode.Rendition) image.Image {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(r.Data))
	if err != nil {
		t.Fatalf("a rendition cannot be read: %v", err)
	}
	if s := img.Bounds().Size(); s.X != r.Width || s.Y != r.Height {
		t.Errorf("a rendition says %dx%d and is %v", r.Width, r.Height, s)
	}
	return img
}

func at(img image.Image, x, y int) [3]int {
	r, g, b, _ := img.At(x, y).RGBA()
	return [3]int{int(r >> 8), int(g >> 8), int(b >> 8)}
}

// apart is the mean difference of two pictures in one sample.
func apart(a, b image.Image) float64 {
	s, sum := a.Bounds().Size(), 0
	for y := range s.Y {
		for x := range s.X {
			p, q := at(a, x, y), at(b, x, y)
			for k := range p {
				sum += max(p[k]-q[k], q[k]-p[k])
			}
		}
	}
	return float64(sum) / float64(3*s.X*s.Y)
}

// Every mode is shown in its colours, and what is see-through shows white.
func TestRenderModes(t *testing.T) {
	img := draw.Picture(draw.Landscape, 203, 151, 5)
	for _, mode := range draw.Modes() {
		data, shown := draw.Encode(img, mode)
		want := image.NewRGBA(shown.Rect)
		for i := range shown.Pix {
			a := 255
			switch mode {
			case draw.PNGRGBA8, draw.PNGRGBA16, draw.PNGGreyAlpha8, draw.PNGGreyAlpha16, draw.TIFFRGBA: // a BMP's fourth byte is no opacity
				a = i % shown.Stride * 255 / shown.Stride
			case draw.PNGPaletteTRNS:
				continue // another opacity for each colour: TestRenderOverWhite
			}
			want.Pix[i] = byte((int(shown.Pix[i])*a + 255*(255-a)) / 255)
		}
		r := render(data)
		if r.Status != decode.Rendered || r.Width != 203 || r.Height != 151 || r.Frames != 1 || !r.Whole {
			t.Errorf("%s: %s %q, %dx%d, %d frames, whole %v", mode, r.Status, r.Reason, r.Width, r.Height, r.Frames, r.Whole)
			continue
		}
		if mode == draw.PNGPaletteTRNS {
			continue
		}
		if d := apart(look(t, r.Colour), want); d > 6 {
			t.Errorf("%s: the colours are %.1f away from those that a viewer shows", mode, d)
		}
		grey := look(t, r.Grey)
		if _, ok := grey.(*image.Gray); !ok {
			t.Errorf("%s: the grey rendition is %T", mode, grey)
		}
	}
}

func TestRenderOverWhite(t *testing.T) {
	half := color.NRGBA{200, 0, 0, 128}
	for name, img := range map[string]image.Image{
		"nrgba":   fill(image.NewNRGBA(image.Rect(0, 0, 64, 64)), half),
		"nrgba64": fill(image.NewNRGBA64(image.Rect(0, 0, 64, 64)), half),
		"palette": fill(image.NewPaletted(image.Rect(0, 0, 64, 64), color.Palette{color.NRGBA{0, 0, 0, 255}, half}), half),
	} {
		if got := at(look(t, render(draw.PNG(img)).Colour), 30, 30); !close3(got, [3]int{227, 127, 127}, 4) {
			t.Errorf("%s: half of red over white is %v", name, got)
		}
	}
	var b bytes.Buffer
	frame := fill(image.NewPaletted(image.Rect(20, 20, 44, 44), color.Palette{color.RGBA{}, color.RGBA{0, 0, 200, 255}}), color.RGBA{0, 0, 200, 255})
	frame.(*image.Paletted).SetColorIndex(30, 30, 0)
	if err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{frame.(*image.Paletted)}, Delay: []int{0}, Config: image.Config{Width: 64, Height: 64}}); err != nil {
		t.Fatal(err)
	}
	img := look(t, render(b.Bytes()).Colour)
	if !close3(at(img, 5, 5), [3]int{255, 255, 255}, 6) || !close3(at(img, 40, 40), [3]int{0, 0, 200}, 30) || close3(at(img, 30, 30), [3]int{0, 0, 200}, 100) {
		t.Errorf("a GIF on its canvas: outside %v, inside %v, a hole %v", at(img, 5, 5), at(img, 40, 40), at(img, 30, 30))
	}
}

type settable interface {
	image.Image
	Set(x, y int, c color.Color)
}

func fill(img settable, c color.Color) image.Image {
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			img.Set(x, y, c)
		}
	}
	return img
}

func close3(a, b [3]int, by int) bool {
	for k := range a {
		if a[k]-b[k] > by || b[k]-a[k] > by {
			return false
		}
	}
	return true
}

func TestRenderWebP(t *testing.T) {
	want := draw.Picture(draw.Landscape, 320, 240, 1)
	for _, name := range []string{"lossy", "lossless"} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".webp"))
		if err != nil {
			t.Fatal(err)
		}
		if d := apart(look(t, render(data).Colour), want); d > 6 {
			t.Errorf("%s: %.1f away", name, d)
		}
	}
	for _, name := range []string{"lossy-alpha", "lossless-alpha"} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".webp"))
		if err != nil {
			t.Fatal(err)
		}
		p, _ := decode.Decode(data, decode.DefaultLimits())
		stored, shown := p.Row(120, make([]byte, 3*320)), look(t, render(data).Colour)
		lighter := 0
		for x := range 320 {
			if c := at(shown, x, 120); c[0]+c[1]+c[2] > int(stored[3*x])+int(stored[3*x+1])+int(stored[3*x+2])+24 {
				lighter++
			}
		}
		if lighter < 100 {
			t.Errorf("%s: only %d of 320 pixels are lighter than they are stored", name, lighter)
		}
	}
}

// exifBlock is a TIFF structure with nothing but an orientation.
func exifBlock(orientation uint16) []byte {
	b := []byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00")
	return append(binary.LittleEndian.AppendUint16(b, orientation), 0, 0, 0, 0, 0, 0)
}

// withChunk puts a PNG chunk behind the header.
func withChunk(png []byte, kind string, body []byte) []byte {
	c := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	c = append(append(c, kind...), body...)
	c = binary.BigEndian.AppendUint32(c, crc32.ChecksumIEEE(c[4:]))
	return bytes.Join([][]byte{png[:33], c, png[33:]}, nil)
}

// extended wraps a simple lossy WebP with an EXIF chunk (RFC 9649, section 2.7).
func extended(webp, exif []byte, w, h int) []byte {
	size := func(n int) []byte { return []byte{byte(n), byte(n >> 8), byte(n >> 16)} }
	body := append([]byte("WEBPVP8X\x0a\x00\x00\x00\x08\x00\x00\x00"), append(size(w-1), size(h-1)...)...)
	body = append(body, webp[12:]...)
	body = append(body, "EXIF"...)
	body = append(binary.LittleEndian.AppendUint32(body, uint32(len(exif))), exif...)
	return append(append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(len(body)))...), body...)
}

// turnedTIFF renames the tag of samples a pixel, which has a default, to that of the orientation.
func turnedTIFF(t *testing.T, data []byte, orientation uint16) []byte {
	out := bytes.Clone(data)
	i := bytes.LastIndex(out, []byte{0x15, 0x01, 3, 0, 1, 0, 0, 0})
	if i < 0 {
		t.Fatal("the TIFF has no samples a pixel")
	}
	binary.LittleEndian.PutUint16(out[i:], 0x0112)
	binary.LittleEndian.PutUint16(out[i+8:], orientation)
	return out
}

// Where the stored first row and first column come to lie is the table of Exif 2.32, tag 0x0112. The
// four corners of the stored picture have four brightnesses, and must come to lie there.
func TestRenderOrientation(t *testing.T) {
	sides := []struct{ row, column string }{
		{"top", "left"}, {"top", "right"}, {"bottom", "right"}, {"bottom", "left"},
		{"left", "top"}, {"right", "top"}, {"right", "bottom"}, {"left", "bottom"},
	}
	opposite := map[string]string{"top": "bottom", "bottom": "top", "left": "right", "right": "left"}
	const w, h = 320, 240
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	corner := func(x, y int) int { return 40 + 60*(x*2/w) + 120*(y*2/h) }
	for y := range h {
		for x := range w {
			v := byte(corner(x, y))
			img.SetRGBA(x, y, color.RGBA{v, v, v, 255})
		}
	}
	grey, _ := draw.Encode(img, draw.TIFFGrey)
	webp, err := os.ReadFile(filepath.Join("testdata", "lossy.webp"))
	if err != nil {
		t.Fatal(err)
	}
	upright := look(t, render(webp).Colour)
	for i, s := range sides {
		o := uint16(i + 1)
		for name, data := range map[string][]byte{
			"jpeg": draw.Exif(draw.JPEG(img, 92), o),
			"png":  withChunk(draw.PNG(img), "eXIf", exifBlock(o)),
			"tiff": turnedTIFF(t, grey, o),
			"webp": extended(webp, exifBlock(o), w, h),
		} {
			r := render(data)
			if ww, hh := w, h; i >= 4 && (r.Width != hh || r.Height != ww) || i < 4 && (r.Width != ww || r.Height != hh) {
				t.Errorf("%s, orientation %d: %s %q %dx%d", name, o, r.Status, r.Reason, r.Width, r.Height)
				continue
			}
			shown := look(t, r.Colour)
			for _, far := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
				row, column, sx, sy := s.row, s.column, w/8, h/8
				if far[0] {
					row, sy = opposite[row], h-1-sy
				}
				if far[1] {
					column, sx = opposite[column], w-1-sx
				}
				x, y := r.Width/8, r.Height/8
				if row == "right" || column == "right" {
					x = r.Width - 1 - x
				}
				if row == "bottom" || column == "bottom" {
					y = r.Height - 1 - y
				}
				v := corner(sx, sy)
				want, by := [3]int{v, v, v}, 8
				if name == "webp" {
					want, by = at(upright, sx, sy), 40
				}
				if got := at(shown, x, y); !close3(got, want, by) {
					t.Errorf("%s, orientation %d: at the %s %s stands %v, want %v", name, o, row, column, got, want)
				}
			}
		}
	}
}

// What was planted around the pixels is in no rendition: texts of every kind of metadata, a thumbnail,
// and what follows the end. Nor is any run of 32 bytes of the compressed pixels.
func TestRenderHoldsNothingOfTheFile(t *testing.T) {
	const bait = "<script>alert('bait bait bait bait bait')</script> %s 0123456789 0123456789"
	noisy := draw.Picture(draw.Plasma, 700, 520, 9)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range noisy.Pix {
		if i%4 != 3 {
			noisy.Pix[i] ^= byte(rng.IntN(32))
		}
	}
	segment := func(marker byte, s string) []byte {
		return append([]byte{0xff, marker, byte((len(s) + 2) >> 8), byte(len(s) + 2)}, s...)
	}
	planted := func(jpg []byte) []byte {
		all := bytes.Clone(jpg[:2])
		for i, s := range []string{"Exif\x00\x00II*\x00" + bait, "http://ns.adobe.com/xap/1.0/\x00" + bait, "ICC_PROFILE\x00\x01\x01" + bait, "Photoshop 3.0\x00" + bait, bait} {
			all = append(all, segment([]byte{0xe1, 0xe1, 0xe2, 0xed, 0xfe}[i], s)...)
		}
		return append(append(all, jpg[2:]...), bait...)
	}
	files := map[string][]byte{
		"jpeg":       planted(draw.JPEG(noisy, 92)),
		"large jpeg": planted(draw.JPEG(draw.Resize(noisy, 1900, 1400), 70)),
		"png":        append(withChunk(withChunk(draw.PNG(noisy), "tEXt", []byte("Comment\x00"+bait)), "iCCP", []byte(bait)), bait...),
	}
	for name, data := range files {
		r := render(data)
		if r.Status != decode.Rendered {
			t.Errorf("%s: %s", name, r.Reason)
			continue
		}
		tables := map[[32]byte]bool{} // every JPEG of that size has them
		for _, p := range levels(r) {
			for _, img := range []image.Image{image.NewGray(image.Rect(0, 0, p.Width, p.Height)), image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))} {
				for w := range windows(draw.JPEG(img, 85), nil) {
					tables[w] = true
				}
			}
		}
		own := windows(data, tables)
		if len(own) < 10_000 || !own[window([]byte(bait))] {
			t.Fatalf("%s: %d runs of bytes, the planted text among them: %v; this shows nothing", name, len(own), own[window([]byte(bait))])
		}
		for level, p := range levels(r) {
			for w := range windows(p.Data, tables) {
				if own[w] {
					t.Errorf("%s: the %s rendition holds 32 bytes of the file", name, level)
					break
				}
			}
			if m := foreign(p.Data); m != "" {
				t.Errorf("%s: the %s rendition %s", name, level, m)
			}
		}
		// The detector sees a copy.
		copied := windows(append(bytes.Clone(r.Mosaic.Data), bait...), tables)
		if !copied[window([]byte(bait))] || foreign(data) == "" && name != "png" {
			t.Errorf("%s: a planted copy was not seen", name)
		}
	}
}

func window(b []byte) [32]byte { return [32]byte(b) }

// windows is every run of 32 bytes in data that is not in without.
func windows(data []byte, without map[[32]byte]bool) map[[32]byte]bool {
	all := make(map[[32]byte]bool, len(data))
	for i := 0; i+32 <= len(data); i++ {
		if w := window(data[i:]); !without[w] {
			all[w] = true
		}
	}
	return all
}

// foreign says what a JPEG holds besides tables, a frame and its scan.
func foreign(jpg []byte) string {
	for i := 2; i+4 <= len(jpg); {
		m, n := jpg[i+1], int(jpg[i+2])<<8|int(jpg[i+3])
		switch {
		case jpg[i] != 0xff:
			return "is no chain of segments"
		case m == 0xda:
			if end := bytes.Index(jpg, []byte{0xff, 0xd9}); end != len(jpg)-2 {
				return "goes on behind its end"
			}
			return ""
		case m != 0xdb && m != 0xc0 && m != 0xc4:
			return fmt.Sprintf("has a segment %x", m)
		}
		i += 2 + n
	}
	return "has no scan"
}

func TestRenderSizes(t *testing.T) {
	noise := image.NewNRGBA(image.Rect(0, 0, 1400, 1200))
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i] = byte(rng.Uint32()) | byte(i%4/3*255)
	}
	for _, c := range []struct {
		name                  string
		img                   image.Image
		mosaic, blurred, grey image.Point
	}{
		{"one pixel", draw.Picture(draw.Flat, 1, 1, 1), image.Pt(640, 640), image.Pt(1, 1), image.Pt(1, 1)},
		{"small", draw.Picture(draw.Houses, 48, 30, 1), image.Pt(639, 426), image.Pt(48, 30), image.Pt(48, 30)},
		{"middling", draw.Picture(draw.Houses, 600, 300, 1), image.Pt(640, 320), image.Pt(600, 300), image.Pt(600, 300)},
		{"large", draw.Picture(draw.Houses, 2000, 1500, 1), image.Pt(640, 480), image.Pt(640, 480), image.Pt(1154, 866)},
		{"a line", draw.Picture(draw.Ramp, 20000, 1, 1), image.Pt(640, 20), image.Pt(640, 1), image.Pt(8192, 1)},
		{"a pole", draw.Picture(draw.Ramp, 2, 9000, 1), image.Pt(20, 640), image.Pt(1, 640), image.Pt(1, 8192)},
		{"noise", noise, image.Pt(640, 540), image.Pt(640, 548), image.Pt(1080, 925)},
	} {
		r := render(draw.PNG(c.img))
		if s := c.img.Bounds().Size(); r.Status != decode.Rendered || r.Width != s.X || r.Height != s.Y {
			t.Errorf("%s: %s %q %dx%d", c.name, r.Status, r.Reason, r.Width, r.Height)
			continue
		}
		want := map[string]image.Point{"mosaic": c.mosaic, "blurred": c.blurred, "grey": c.grey, "colour": c.grey}
		for level, p := range levels(r) {
			look(t, p)
			if got := image.Pt(p.Width, p.Height); got != want[level] {
				t.Errorf("%s: %s is %v, want %v", c.name, level, got, want[level])
			}
			if p.Width*p.Height > 1_000_000 || len(p.Data) > 1<<20 {
				t.Errorf("%s: %s has %d pixels and %d bytes", c.name, level, p.Width*p.Height, len(p.Data))
			}
		}
		answer, err := json.Marshal(r)
		if err != nil || len(answer) > 8<<20 {
			t.Errorf("%s: an answer of %d bytes, %v", c.name, len(answer), err)
		}
	}
}

// The first two levels hold few samples. A pattern finer than those is gone from them, and is plain to
// see in grey, which shows that the test would notice.
func TestRenderHides(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 1280, 960))
	for y := range 960 {
		for x := range 1280 {
			v := byte(255 * ((x/4 + y/4) % 2))
			img.SetRGBA(x, y, color.RGBA{v, v, v, 255})
		}
	}
	r := render(draw.PNG(img))
	spread := func(p decode.Rendition) int {
		m, lo, hi := look(t, p), 255, 0
		for y := 0; y < p.Height; y++ {
			for x := range p.Width {
				v := at(m, x, y)[1]
				lo, hi = min(lo, v), max(hi, v)
			}
		}
		return hi - lo
	}
	if m, b, g := spread(r.Mosaic), spread(r.Blurred), spread(r.Grey); m > 20 || b > 20 || g < 100 {
		t.Errorf("of a fine pattern of 255 the mosaic keeps %d, the blur %d, grey %d", m, b, g)
	}
	mosaic := look(t, render(draw.PNG(draw.Picture(draw.Houses, 1280, 960, 2))).Mosaic)
	blocks, flat := map[[3]int]bool{}, 0
	for by := range 24 {
		for bx := range 32 {
			mid := at(mosaic, 20*bx+10, 20*by+10)
			blocks[mid] = true
			if close3(at(mosaic, 20*bx+6, 20*by+6), mid, 16) && close3(at(mosaic, 20*bx+14, 20*by+14), mid, 16) {
				flat++
			}
		}
	}
	if len(blocks) < 50 || flat < 740 {
		t.Errorf("a mosaic of %d colours, %d of 768 blocks flat", len(blocks), flat)
	}
}

// More than one picture in a file, or something behind its end, is not the whole file.
func TestRenderFrames(t *testing.T) {
	a, b := draw.JPEG(draw.Picture(draw.Houses, 90, 60, 1), 90), draw.JPEG(draw.Picture(draw.Shapes, 90, 60, 2), 90)
	one := draw.PNG(draw.Picture(draw.Houses, 90, 60, 1))
	control := append(make([]byte, 4), "\x00\x00\x00\x5a\x00\x00\x00\x3c"+strings.Repeat("\x00", 14)...) // fcTL
	grey, _ := draw.Encode(draw.Picture(draw.Houses, 90, 60, 1), draw.TIFFGrey)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, c := range []struct {
		name   string
		data   []byte
		frames int
		whole  bool
	}{
		{"jpeg", a, 1, true},
		{"jpeg, a maker's note behind it", join(a, []byte("SEFT and some numbers 12345")), 1, true},
		{"jpeg, two pictures", join(a, b), 2, false},
		{"jpeg, a thumbnail inside", join(a[:2], []byte{0xff, 0xe1, byte((len(b) + 8) >> 8), byte(len(b) + 8)}, []byte("Exif\x00\x00"), b, a[2:]), 1, true},
		{"jpeg, a clip behind it", join(a, []byte("\x00\x00\x00\x18ftypmp42")), 1, false},
		{"jpeg, a clip far behind it", join(a, make([]byte, 5000), []byte("\x00\x00\x00\x18ftypmp42")), 1, false},
		{"jpeg, an archive behind it", join(a, []byte("PK\x03\x04")), 1, false},
		{"png", one, 1, true},
		{"png, a picture behind it", join(one, one), 1, false},
		{"png, still and two frames", join(one[:len(one)-12], chunk("fcTL", control), chunk("fcTL", control), one[len(one)-12:]), 3, false},
		{"png, one frame which is the still", withChunk(one, "fcTL", control), 1, true},
		{"gif", animation(t, 1), 1, true},
		{"gif of three", animation(t, 3), 3, false},
		{"tiff", grey, 1, true},
		{"tiff of two pages", secondPage(grey), 2, false},
		{"tiff whose pages go in a circle", circle(grey), 10_000, false},
	} {
		r := render(c.data)
		if r.Status != decode.Rendered || r.Frames != c.frames || r.Whole != c.whole {
			t.Errorf("%s: %s %q, %d frames, whole %v; want %d, %v", c.name, r.Status, r.Reason, r.Frames, r.Whole, c.frames, c.whole)
		}
	}
}

func chunk(kind string, body []byte) []byte {
	return withChunk(make([]byte, 33), kind, body)[33:]
}

func animation(t *testing.T, n int) []byte {
	g := gif.GIF{}
	for i := range n {
		frame := image.NewPaletted(image.Rect(0, 0, 60, 40), color.Palette{color.Black, color.White, color.RGBA{uint8(i), 9, 9, 255}})
		frame.SetColorIndex(i, i, 1)
		g.Image, g.Delay = append(g.Image, frame), append(g.Delay, 5)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// last is where the last four bytes of the first directory stand.
func last(data []byte) int {
	at := int(binary.LittleEndian.Uint32(data[4:]))
	return at + 2 + 12*int(binary.LittleEndian.Uint16(data[at:]))
}

func secondPage(data []byte) []byte {
	at := int(binary.LittleEndian.Uint32(data[4:]))
	directory := bytes.Clone(data[at : last(data)+4])
	out := bytes.Clone(data)
	binary.LittleEndian.PutUint32(out[last(data):], uint32(len(data)))
	return append(out, directory...)
}

func circle(data []byte) []byte {
	out := bytes.Clone(data)
	copy(out[last(data):], data[4:8])
	return out
}

// What cannot be decoded has the status and reason of Hash and no picture; never an empty one.
func TestRenderRefuses(t *testing.T) {
	whole := draw.JPEG(draw.Picture(draw.Houses, 200, 150, 1), 90)
	for name, data := range map[string][]byte{
		"empty": nil, "text": draw.NotAPicture(), "cut": draw.Cut(whole), "half": whole[:len(whole)/2],
		"scans": draw.RepeatScans(whole, 101), "archive": []byte("PK\x03\x04"), "video": []byte("\x00\x00\x00\x18ftypmp42isomiso2"),
	} {
		want, got := hash(data), render(data)
		if got.Status != want.Status || got.Reason != want.Reason || got.MediaType != want.MediaType || got.Width != want.Width {
			t.Errorf("%s: %s %q %s, but Hash says %s %q %s", name, got.Status, got.Reason, got.MediaType, want.Status, want.Reason, want.MediaType)
		}
		for level, p := range levels(got) {
			if p.Data != nil {
				t.Errorf("%s has a %s rendition", name, level)
			}
		}
	}
	r := decode.Render(whole, decode.Limits{Bytes: 1 << 20, Pixels: 100, Scans: 10})
	if r.Status != houvast.Unreadable || r.Reason != decode.TooManyPix {
		t.Errorf("too many pixels: %s %q", r.Status, r.Reason)
	}
}

// FuzzRender: whatever the bytes are, there are four pictures or none, and a reason.
func FuzzRender(f *testing.F) {
	img := draw.Picture(draw.Houses, 40, 30, 1)
	for _, mode := range draw.Modes() {
		data, _ := draw.Encode(img, mode)
		f.Add(data)
	}
	f.Add(draw.Exif(draw.JPEG(img, 80), 6))
	f.Add(withChunk(draw.PNG(img), "eXIf", exifBlock(8)))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := decode.Render(data, decode.Limits{Bytes: 1 << 20, Pixels: 1 << 18, Scans: 10})
		for level, p := range levels(r) {
			if (r.Status == decode.Rendered) != (len(p.Data) > 0) || (r.Status == decode.Rendered) == (r.Reason != "") {
				t.Errorf("%s %q: the %s rendition has %d bytes", r.Status, r.Reason, level, len(p.Data))
			}
			if m := foreign(p.Data); len(p.Data) > 0 && m != "" {
				t.Errorf("the %s rendition %s", level, m)
			}
		}
	})
}

// BenchmarkRender is bytes to four encoded renditions.
func BenchmarkRender(b *testing.B) {
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"jpeg 1900x1420", draw.JPEG(draw.Picture(draw.Landscape, 1900, 1420, 1), 90)},
		{"jpeg 4032x3024", draw.JPEG(draw.Picture(draw.Landscape, 4032, 3024, 1), 90)},
		{"png 1900x1420", draw.PNG(draw.Picture(draw.Landscape, 1900, 1420, 1))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := render(c.data); r.Status != decode.Rendered {
					b.Fatal(r.Reason)
				}
			}
		})
	}
}
