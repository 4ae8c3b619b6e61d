package decode_test

import (
	"bytes"
	"image/jpeg"
	"testing"

	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/internal/draw"
)

// BenchmarkHash is bytes to both profiles; "decode only" beside it is what the decoder alone costs.
func BenchmarkHash(b *testing.B) {
	for _, c := range []struct {
		name string
		w, h int
		kind draw.Kind
	}{
		{"512x512", 512, 512, draw.Landscape},
		{"4032x3024", 4032, 3024, draw.Landscape},
	} {
		img := draw.Picture(c.kind, c.w, c.h, 1)
		jpg, png := draw.JPEG(img, 90), draw.PNG(img)
		b.Run(c.name+"/jpeg", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				decode.Hash(jpg, decode.DefaultLimits())
			}
		})
		b.Run(c.name+"/jpeg/decode only", func(b *testing.B) {
			for b.Loop() {
				if _, err := jpeg.Decode(bytes.NewReader(jpg)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/png", func(b *testing.B) {
			for b.Loop() {
				decode.Hash(png, decode.DefaultLimits())
			}
		})
	}
}
