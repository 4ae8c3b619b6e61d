package decode

import (
	"image"
	"testing"
)

// A decoder that panics, or returns something else than its header announced, ends in a refusal.
func TestABrokenDecoderIsARefusal(t *testing.T) {
	small := func([]byte) (image.Config, error) { return image.Config{Width: 4, Height: 4}, nil }
	for name, c := range map[string]struct {
		codec  codec
		reason string
	}{
		"panic in the header": {codec{config: func([]byte) (image.Config, error) { panic("header") }}, Broke},
		"panic in the pixels": {codec{config: small, decode: func([]byte) (image.Image, error) { panic("pixels") }}, Broke},
		"more pixels": {codec{config: small, decode: func([]byte) (image.Image, error) {
			return image.NewGray(image.Rect(0, 0, 4, 5)), nil
		}}, NoForm},
		"another place": {codec{config: small, decode: func([]byte) (image.Image, error) {
			return image.NewGray(image.Rect(1, 1, 5, 5)), nil
		}}, NoForm},
		"unknown pixels": {codec{config: small, decode: func([]byte) (image.Image, error) {
			return image.NewUniform(image.Black), nil
		}}, NoForm},
	} {
		p, reason := decode(c.codec, []byte("any"), DefaultLimits(), &Refusal{MediaType: pngType})
		if p != nil || reason != c.reason {
			t.Errorf("%s: %v, %q; want %q", name, p, reason, c.reason)
		}
	}
}
