package decode_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/internal/draw"
)

// The reference values for JPEG were made with the conversion of the standard library; ours is the
// same, for every subsampling that a decoder returns.
func TestColoursOfJPEGAreThoseOfTheLibrary(t *testing.T) {
	for _, mode := range []draw.Mode{draw.JPEGColour, draw.JPEGCMYK, draw.JPEGYCCK} {
		data, _ := draw.Encode(draw.Picture(draw.Plasma, 131, 77, 3), mode)
		compare(t, string(mode), data)
	}
	files, err := filepath.Glob(filepath.Join("..", "testdata", "13-plasma-*.jpg"))
	samples, _ := filepath.Glob(filepath.Join("testdata", "*.jpg"))
	if files = append(files, samples...); err != nil || len(files) != 7 {
		t.Fatalf("found %d files, %v; want 4:4:4, 4:2:2, 4:2:0, 4:4:0, 4:1:1, 4:1:0 and grey", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, filepath.Base(file), data)
	}
}

func compare(t *testing.T, name string, data []byte) {
	t.Helper()
	want, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	p, no := decode.Decode(data, decode.DefaultLimits())
	if no != nil {
		t.Fatalf("%s: %s", name, no.Reason)
	}
	w, h := p.Size()
	if (image.Point{X: w, Y: h}) != want.Bounds().Size() {
		t.Fatalf("%s: %dx%d", name, w, h)
	}
	n := p.Channels()
	buf := make([]byte, n*w)
	for y := range h {
		row := p.Row(y, buf)
		for x := range w {
			c := color.RGBAModel.Convert(want.At(x, y)).(color.RGBA)
			if got := row[n*x : n*x+n]; !bytes.Equal(got, []byte{c.R, c.G, c.B}[:n]) {
				t.Fatalf("%s: pixel %d,%d is %v, want %v", name, x, y, got, c)
			}
		}
	}
}
