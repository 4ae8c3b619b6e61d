package decode

import (
	"bytes"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// The types that are decoded here.
const (
	jpegType = "image/jpeg"
	pngType  = "image/png"
	gifType  = "image/gif"
	webpType = "image/webp"
	bmpType  = "image/bmp"
	tiffType = "image/tiff"
)

// codecs has a codec for each of the types above. It is written once, here.
var codecs = map[string]codec{
	jpegType: of(jpeg.DecodeConfig, jpeg.Decode, isType[jpeg.UnsupportedError]),
	pngType:  of(png.DecodeConfig, png.Decode, isType[png.UnsupportedError]),
	gifType:  of(gif.DecodeConfig, gif.Decode, func(error) bool { return false }),
	webpType: of(webp.DecodeConfig, webp.Decode, func(error) bool { return false }),
	bmpType:  of(bmp.DecodeConfig, bmp.Decode, func(err error) bool { return errors.Is(err, bmp.ErrUnsupported) }),
	tiffType: of(tiff.DecodeConfig, tiff.Decode, isType[tiff.UnsupportedError]),
}

func of(config func(io.Reader) (image.Config, error), decode func(io.Reader) (image.Image, error), unsupported func(error) bool) codec {
	return codec{
		config:      func(data []byte) (image.Config, error) { return config(bytes.NewReader(data)) },
		decode:      func(data []byte) (image.Image, error) { return decode(bytes.NewReader(data)) },
		unsupported: unsupported,
	}
}

// animatedWebP reports whether the extended header announces an animation.
func animatedWebP(data []byte) bool {
	return len(data) > 20 && string(data[12:16]) == "VP8X" && data[20]&2 != 0
}
