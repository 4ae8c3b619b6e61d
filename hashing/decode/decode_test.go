package decode_test

import (
	"bytes"
	"compress/gzip"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing"
	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/hashing/pdq"
	"github.com/houvast/houvast/internal/draw"
)

func hash(data []byte) houvast.Perceptual { return decode.Hash(data, decode.DefaultLimits()) }

func hashPicture(img *image.RGBA) houvast.Perceptual {
	return hashing.Picture(pdq.Packed{Width: img.Rect.Dx(), Height: img.Rect.Dy(), Depth: 3, Pix: draw.RGB(img)})
}

// near reports how far two results are apart, in bits, and fails when it is more than limit in either
// profile or when one is no hash.
func near(t *testing.T, name string, got, want houvast.Perceptual, limit int) {
	t.Helper()
	if got.Status != houvast.Hashed || want.Status != houvast.Hashed {
		t.Errorf("%s: %s %q, and %s %q for the same as RGB", name, got.Status, got.Reason, want.Status, want.Reason)
		return
	}
	if got.Width != want.Width || got.Height != want.Height {
		t.Errorf("%s: %dx%d, want %dx%d", name, got.Width, got.Height, want.Width, want.Height)
	}
	if a, b := got.PDQ[0].Distance(want.PDQ[0]), got.PDQFull[0].Distance(want.PDQFull[0]); a > limit || b > limit {
		t.Errorf("%s: %d and %d bits from the same as RGB", name, a, b)
	}
}

// Each mode holds the same colours as the RGB picture beside it, exactly or before JPEG's losses.
func TestColourModes(t *testing.T) {
	for _, size := range [][2]int{{203, 151}, {530, 90}} {
		img := draw.Picture(draw.Landscape, size[0], size[1], 5)
		for _, mode := range draw.Modes() {
			data, shown := draw.Encode(img, mode)
			limit := 0
			switch {
			case strings.HasPrefix(string(mode), "jpeg"):
				limit = 4
			case strings.Contains(string(mode), "grey"):
				limit = 2 // a grey sample is its own luma; as RGB it is the sum of three rounded parts
			}
			got := hash(data)
			near(t, string(mode), got, hashPicture(shown), limit)
			if kind := strings.TrimRight(strings.SplitN(string(mode), "-", 2)[0], "0123456789"); got.MediaType != "image/"+kind {
				t.Errorf("%s: media type %q", mode, got.MediaType)
			}
		}
	}
}

// A picture whose colours are hidden behind full transparency is the picture of its colours.
func TestAlphaIsDropped(t *testing.T) {
	img := draw.Picture(draw.Houses, 200, 150, 4)
	hidden := &image.NRGBA{Pix: bytes.Clone(img.Pix), Stride: img.Stride, Rect: img.Rect}
	for i := 3; i < len(hidden.Pix); i += 4 {
		hidden.Pix[i] = 0
	}
	near(t, "transparent", hash(draw.PNG(hidden)), hashPicture(img), 0)
}

func TestWebP(t *testing.T) {
	img := draw.Picture(draw.Landscape, 320, 240, 1)
	want := hashPicture(img)
	for name, limit := range map[string]int{"lossy": 4, "lossless": 0, "lossy-alpha": 4, "lossless-alpha": 0} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".webp"))
		if err != nil {
			t.Fatal(err)
		}
		got := hash(data)
		near(t, name, got, want, limit)
		if d := got.PDQQuality - want.PDQQuality; d > 2 || -d > 2 {
			t.Errorf("%s: quality %d, want about %d", name, got.PDQQuality, want.PDQQuality)
		}
	}
	animated := []byte("RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x0f\x00\x00\x0f\x00\x00")
	if got := hash(animated); got.Status != houvast.Unreadable || got.Reason != decode.NoDecoder || got.MediaType != "image/webp" {
		t.Errorf("animated: %+v", got)
	}
}

// The luma of lossy WebP runs from 16 to 235; taken as it is, white would be grey.
func TestWebPHasItsOwnRange(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "lossy.webp"))
	if err != nil {
		t.Fatal(err)
	}
	p, no := decode.Decode(data, decode.DefaultLimits())
	if no != nil {
		t.Fatal(no.Reason)
	}
	want := draw.RGB(draw.Picture(draw.Landscape, 320, 240, 1))
	sum, row := 0, make([]byte, 3*320)
	for y := range 240 {
		for i, v := range p.Row(y, row) {
			d := int(v) - int(want[960*y+i])
			sum += max(d, -d)
		}
	}
	if mean := float64(sum) / float64(len(want)); mean > 4 {
		t.Errorf("colours are %.1f away from the drawn ones on average", mean)
	}
}

func TestOrientationIsNotApplied(t *testing.T) {
	plain := draw.JPEG(draw.Picture(draw.Houses, 240, 160, 1), 85)
	want := hash(plain)
	for o := range uint16(8) {
		if got := hash(draw.Exif(plain, o+1)); got != want {
			t.Errorf("orientation %d changes the result: %+v", o+1, got)
		}
	}
}

// The eight hashes of a picture find the picture however it was turned.
func TestTurnedPictures(t *testing.T) {
	for seed := range uint64(3) {
		img := draw.Picture(draw.Landscape, 330, 250, seed)
		got := hashPicture(img)
		quarter, three := draw.Rotate(img, 1), draw.Rotate(img, 3)
		for i, turned := range []*image.RGBA{
			img, quarter, draw.Rotate(img, 2), three, draw.Flip(img), draw.Mirror(img), draw.Mirror(three), draw.Mirror(quarter),
		} {
			want := hash(draw.PNG(turned))
			if a, b := got.PDQ[i].Distance(want.PDQ[0]), got.PDQFull[i].Distance(want.PDQFull[0]); a > 31 || b > 31 {
				t.Errorf("seed %d, %s: %d and %d bits", seed, houvast.Orientations()[i], a, b)
			}
			if d := got.PDQ[0].Distance(want.PDQ[0]); i > 0 && d <= 62 {
				t.Errorf("seed %d, %s: only %d bits from the unturned one, which shows nothing", seed, houvast.Orientations()[i], d)
			}
		}
	}
}

func TestGIFIsPlacedOnItsCanvas(t *testing.T) {
	img := draw.Picture(draw.Shapes, 120, 90, 2)
	_, shown := draw.Encode(img, draw.GIF)
	colours := color.Palette{color.RGBA{200, 30, 60, 255}}
	at := map[color.RGBA]byte{}
	frame := image.NewPaletted(image.Rect(0, 0, 120, 90).Add(image.Pt(50, 20)), nil)
	for y := range 90 {
		for x := range 120 {
			c := shown.RGBAAt(x, y)
			if _, ok := at[c]; !ok {
				at[c] = byte(len(colours))
				colours = append(colours, c)
			}
			frame.SetColorIndex(x+50, y+20, at[c])
		}
	}
	frame.Palette = colours
	second := image.NewPaletted(image.Rect(0, 0, 200, 150), colours)
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &gif.GIF{
		Image: []*image.Paletted{frame, second}, Delay: []int{5, 5}, BackgroundIndex: 0,
		Config: image.Config{Width: 200, Height: 150, ColorModel: colours},
	}); err != nil {
		t.Fatal(err)
	}
	canvas := image.NewRGBA(image.Rect(0, 0, 200, 150))
	for y := range 150 {
		for x := range 200 {
			c := colours[0].(color.RGBA)
			if p := image.Pt(x-50, y-20); p.In(shown.Rect) {
				c = shown.RGBAAt(p.X, p.Y)
			}
			canvas.SetRGBA(x, y, c)
		}
	}
	near(t, "canvas", hash(b.Bytes()), hashPicture(canvas), 0)
	// The colour of the transparent index is kept, like every colour behind alpha.
	data := b.Bytes()
	flags := bytes.Index(data, []byte{0x21, 0xf9, 4})
	data[flags+3] |= 1
	data[flags+6] = at[shown.RGBAAt(0, 0)]
	near(t, "transparent index", hash(data), hashPicture(canvas), 0)
}

func TestRefusals(t *testing.T) {
	img := draw.Picture(draw.Shapes, 64, 48, 1)
	jpg := draw.JPEG(img, 80)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(jpg)
	z.Close()
	tar := append(make([]byte, 257), "ustar\x0000"...)
	ftyp := func(brands string) []byte {
		return append([]byte{0, 0, 0, byte(8 + len(brands))}, "ftyp"+brands+"\x00\x00\x00\x08mdat"...)
	}
	wrongSOF := bytes.Clone(jpg)
	wrongSOF[bytes.Index(wrongSOF, []byte{0xff, 0xc0})+1] = 0xc3
	noHeight := bytes.Clone(jpg)
	copy(noHeight[bytes.Index(noHeight, []byte{0xff, 0xc0})+5:], []byte{0, 0})
	for _, c := range []struct {
		name      string
		data      []byte
		status    houvast.HashStatus
		reason    string
		mediaType string
	}{
		{"nothing", nil, houvast.NotMedia, decode.Empty, ""},
		{"text", draw.NotAPicture(), houvast.NotMedia, decode.NoMedia, ""},
		{"text that begins like a bitmap", []byte("BMX racing is on Sunday at ten"), houvast.NotMedia, decode.NoMedia, ""},
		{"text that begins like an anymap", []byte("P1 meets on Monday"), houvast.NotMedia, decode.NoMedia, ""},
		{"page", []byte("<!doctype html><title>x</title><p>y</p>"), houvast.NotMedia, decode.NoMedia, ""},
		{"pdf", []byte("%PDF-1.7\n"), houvast.NotMedia, decode.NoMedia, "application/pdf"},
		{"sound", []byte("RIFF\x24\x00\x00\x00WAVEfmt "), houvast.NotMedia, decode.NoMedia, "audio/vnd.wave"},
		{"zeros", make([]byte, 5000), houvast.NotMedia, decode.NoMedia, ""},

		{"zip", []byte("PK\x03\x04\x14\x00\x00\x00"), houvast.Archive, decode.Packed, "application/zip"},
		{"gzip", zipped.Bytes(), houvast.Archive, decode.Packed, "application/gzip"},
		{"7z", []byte("7z\xbc\xaf\x27\x1c\x00\x04"), houvast.Archive, decode.Packed, "application/x-7z-compressed"},
		{"rar", []byte("Rar!\x1a\x07\x01\x00"), houvast.Archive, decode.Packed, "application/vnd.rar"},
		{"tar", tar, houvast.Archive, decode.Packed, "application/x-tar"},
		{"xz", []byte("\xfd7zXZ\x00\x00\x04"), houvast.Archive, decode.Packed, "application/x-xz"},
		{"zstd", []byte("\x28\xb5\x2f\xfd\x04\x00"), houvast.Archive, decode.Packed, "application/zstd"},
		{"bzip2", []byte("BZh91AY&SY\x00"), houvast.Archive, decode.Packed, "application/x-bzip2"},

		{"heic", ftyp("heic\x00\x00\x00\x00mif1heic"), houvast.Unreadable, decode.NoDecoder, "image/heic"},
		{"avif", ftyp("mif1\x00\x00\x00\x00avifmiaf"), houvast.Unreadable, decode.NoDecoder, "image/avif"},
		{"mp4", ftyp("isom\x00\x00\x02\x00isomavc1"), houvast.Unreadable, decode.NoDecoder, "video/mp4"},
		{"quicktime", []byte("\x00\x00\x00\x08wide\x00\x00\x10\x00mdat"), houvast.Unreadable, decode.NoDecoder, "video/quicktime"},
		{"webm", []byte("\x1a\x45\xdf\xa3\x9f\x42\x86\x81"), houvast.Unreadable, decode.NoDecoder, "video/webm"},
		{"avi", []byte("RIFF\x00\x10\x00\x00AVI LIST"), houvast.Unreadable, decode.NoDecoder, "video/x-msvideo"},
		{"jxl", []byte("\xff\x0a\xfa\x1f"), houvast.Unreadable, decode.NoDecoder, "image/jxl"},
		{"jp2", []byte("\x00\x00\x00\x0cjP  \r\n\x87\n\x00\x00"), houvast.Unreadable, decode.NoDecoder, "image/jp2"},
		{"psd", []byte("8BPS\x00\x01\x00\x00"), houvast.Unreadable, decode.NoDecoder, "image/vnd.adobe.photoshop"},
		{"svg", []byte("<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>"), houvast.Unreadable, decode.NoDecoder, "image/svg+xml"},
		{"icon", append([]byte{0, 0, 1, 0, 1, 0, 16, 16, 0, 0, 1, 0, 32, 0}, make([]byte, 20)...), houvast.Unreadable, decode.NoDecoder, "image/vnd.microsoft.icon"},

		{"lossless jpeg", wrongSOF, houvast.Unreadable, decode.NoForm, "image/jpeg"},
		{"jpeg without height", noHeight, houvast.Unreadable, decode.NoPixels, "image/jpeg"},
		{"half a jpeg", jpg[:len(jpg)/2], houvast.Unreadable, decode.Damaged, "image/jpeg"},
		{"huge png", draw.HugePNG(60000, 60000), houvast.Unreadable, decode.TooManyPix, "image/png"},
		{"huge bmp", hugeBMP(0x80000000), houvast.Unreadable, "", "image/bmp"},
		{"tall bmp", hugeBMP(0x7fffffff), houvast.Unreadable, "", "image/bmp"},
		{"huge webp", []byte("RIFF\x18\x00\x00\x00WEBPVP8L\x0c\x00\x00\x00\x2f\xff\xff\xff\x0f\x00\x00\x00\x00\x00\x00\x00"), houvast.Unreadable, decode.TooManyPix, "image/webp"},
	} {
		got := hash(c.data)
		if got.Status != c.status || got.MediaType != c.mediaType || c.reason != "" && got.Reason != c.reason {
			t.Errorf("%s: %s, %q, %q; want %s, %q, %q", c.name, got.Status, got.Reason, got.MediaType, c.status, c.reason, c.mediaType)
		}
		if got.PDQ != ([8]houvast.PDQ{}) || got.PDQFull != ([8]houvast.PDQ{}) {
			t.Errorf("%s: refused, but hashed", c.name)
		}
	}
}

func hugeBMP(height uint32) []byte {
	b := append([]byte("BM"), make([]byte, 70)...)
	b[10], b[14], b[26], b[28] = 54, 40, 1, 24
	b[18], b[19], b[20] = 0xff, 0xff, 0xff
	b[22], b[23], b[24], b[25] = byte(height), byte(height>>8), byte(height>>16), byte(height>>24)
	return b
}

func TestEveryModeCutShortIsUnreadable(t *testing.T) {
	img := draw.Picture(draw.Houses, 90, 70, 1)
	for _, mode := range draw.Modes() {
		data, _ := draw.Encode(img, mode)
		for name, cut := range map[string][]byte{"in the header": draw.Cut(data), "in the middle": data[:len(data)/2]} {
			if got := hash(cut); got.Status != houvast.Unreadable || got.Reason != decode.Damaged {
				t.Errorf("%s cut %s: %s, %q", mode, name, got.Status, got.Reason)
			}
		}
	}
}

// A limit is passed by one and held by one less; what is inside all limits is hashed.
func TestLimits(t *testing.T) {
	img := draw.Picture(draw.Shapes, 64, 48, 1)
	jpg := draw.RepeatScans(draw.JPEG(img, 80), 5)
	inside := decode.Limits{Bytes: int64(len(jpg)), Pixels: 64 * 48, Scans: 5}
	if got := decode.Hash(jpg, inside); got.Status != houvast.Hashed {
		t.Fatalf("inside every limit: %s, %q", got.Status, got.Reason)
	}
	for reason, shrink := range map[string]func(*decode.Limits){
		decode.TooManyBytes: func(l *decode.Limits) { l.Bytes-- },
		decode.TooManyPix:   func(l *decode.Limits) { l.Pixels-- },
		decode.TooManyScans: func(l *decode.Limits) { l.Scans-- },
	} {
		l := inside
		shrink(&l)
		if got := decode.Hash(jpg, l); got.Status != houvast.Unreadable || got.Reason != reason {
			t.Errorf("want %q: %s, %q", reason, got.Status, got.Reason)
		}
	}
}

// Thousands of scans must be refused from the markers alone; the second half shows that the same
// decoder would have accepted such a file.
func TestManyScansAreCountedNotDecoded(t *testing.T) {
	img := draw.JPEG(draw.Picture(draw.Shapes, 640, 480, 1), 80)
	many := draw.RepeatScans(img, 1000)
	for _, data := range [][]byte{draw.RepeatScans(img, 101), many} {
		if got := hash(data); got.Reason != decode.TooManyScans {
			t.Errorf("%s, %q", got.Status, got.Reason)
		}
	}
	if got := hash(draw.RepeatScans(draw.JPEG(draw.Picture(draw.Shapes, 64, 64, 1), 80), 100)); got.Status != houvast.Hashed {
		t.Errorf("100 scans: %s, %q", got.Status, got.Reason)
	}
	if _, err := jpeg.Decode(bytes.NewReader(draw.RepeatScans(draw.JPEG(draw.Picture(draw.Shapes, 64, 64, 1), 80), 101))); err != nil {
		t.Errorf("the decoder refuses such files itself, so this test shows nothing: %v", err)
	}
}

func TestReasonsAreOurs(t *testing.T) {
	known := []string{
		decode.Empty, decode.NoMedia, decode.Packed, decode.NoDecoder, decode.NoForm, decode.Arithmetic, decode.Damaged,
		decode.NoPixels, decode.TooManyBytes, decode.TooManyPix, decode.TooManyScans, decode.Broke, hashing.LittleDetail, "",
	}
	for _, mode := range draw.Modes() {
		data, _ := draw.Encode(draw.Picture(draw.Shapes, 30, 20, 1), mode)
		for i := 0; i < min(len(data), 600); i += 2 {
			broken := bytes.Clone(data)
			broken[i] ^= 0x5a
			if got := hash(broken); !slices.Contains(known, got.Reason) {
				t.Errorf("%s with byte %d changed: %q", mode, i, got.Reason)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	img := draw.Picture(draw.Shapes, 24, 17, 1)
	for _, mode := range draw.Modes() {
		data, _ := draw.Encode(img, mode)
		f.Add(data)
		f.Add(draw.Cut(data))
	}
	f.Add(draw.RepeatScans(draw.JPEG(img, 50), 9))
	f.Add(draw.HugePNG(1<<20, 1<<20))
	limits := decode.Limits{Bytes: 1 << 20, Pixels: 1 << 16, Scans: 8}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := decode.Hash(data, limits)
		switch got.Status {
		case houvast.Hashed, houvast.Unhashable:
			if int64(got.Width)*int64(got.Height) > limits.Pixels || got.Width < 1 || got.Height < 1 || int64(len(data)) > limits.Bytes {
				t.Errorf("outside the limits: %dx%d from %d bytes", got.Width, got.Height, len(data))
			}
		case houvast.Unreadable, houvast.Archive, houvast.NotMedia:
			if got.Reason == "" || got.Reason == decode.Broke {
				t.Errorf("refused as %q", got.Reason)
			}
		default:
			t.Errorf("status %q", got.Status)
		}
	})
}
