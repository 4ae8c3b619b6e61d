package draw

import (
	"bytes"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"

	xdraw "golang.org/x/image/draw"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// A Mode is a file type with a colour mode.
type Mode string

// The modes that Encode writes.
const (
	PNGGrey1       Mode = "png-grey1"
	PNGGrey8       Mode = "png-grey8"
	PNGGrey16      Mode = "png-grey16"
	PNGGreyAlpha8  Mode = "png-grey-alpha8"
	PNGGreyAlpha16 Mode = "png-grey-alpha16"
	PNGPalette     Mode = "png-palette"
	PNGPaletteTRNS Mode = "png-palette-transparent"
	PNGRGB8        Mode = "png-rgb8"
	PNGRGB16       Mode = "png-rgb16"
	PNGRGBA8       Mode = "png-rgba8"
	PNGRGBA16      Mode = "png-rgba16"
	JPEGColour     Mode = "jpeg"
	JPEGGrey       Mode = "jpeg-grey"
	JPEGCMYK       Mode = "jpeg-cmyk"
	JPEGYCCK       Mode = "jpeg-ycck"
	GIF            Mode = "gif"
	BMP24          Mode = "bmp24"
	BMP32          Mode = "bmp32"
	BMPPalette     Mode = "bmp-palette"
	TIFFRGB        Mode = "tiff-rgb"
	TIFFRGBA       Mode = "tiff-rgba"
	TIFFGrey       Mode = "tiff-grey"
	TIFFGrey16     Mode = "tiff-grey16"
	TIFFPalette    Mode = "tiff-palette"
	TIFFRGB16      Mode = "tiff-rgb16"
)

// Modes returns every mode.
func Modes() []Mode {
	return []Mode{
		PNGGrey1, PNGGrey8, PNGGrey16, PNGGreyAlpha8, PNGGreyAlpha16, PNGPalette, PNGPaletteTRNS, PNGRGB8, PNGRGB16, PNGRGBA8, PNGRGBA16,
		JPEGColour, JPEGGrey, JPEGCMYK, JPEGYCCK, GIF, BMP24, BMP32, BMPPalette,
		TIFFRGB, TIFFRGBA, TIFFGrey, TIFFGrey16, TIFFPalette, TIFFRGB16,
	}
}

// quality is that of the JPEG modes.
const quality = 92

// Encode writes img in a mode, which may hold fewer colours than img has. shown is what the file then
// holds as 8-bit red, green, blue, without alpha: exactly, or before JPEG's losses. An unknown mode
// is written as PNGRGB8. Where a mode has alpha, the file's alpha goes from 0 to full over the width.
func Encode(img *image.RGBA, mode Mode) (data []byte, shown *image.RGBA) {
	switch mode {
	case PNGGrey1, PNGGreyAlpha8, PNGGreyAlpha16:
		return rawPNG(img, mode)
	case PNGPalette, PNGPaletteTRNS, BMPPalette, TIFFPalette, GIF:
		return paletted(img, mode)
	case PNGGrey8, JPEGGrey, TIFFGrey, PNGGrey16, TIFFGrey16:
		shown = grey(img)
		if mode == PNGGrey16 || mode == TIFFGrey16 {
			return encode(mode, grey16(shown)), shown
		}
		return encode(mode, convert(shown, image.NewGray(shown.Rect))), shown
	case JPEGCMYK, JPEGYCCK:
		return fourJPEG(img, mode == JPEGYCCK), img
	case PNGRGBA8, BMP32, TIFFRGBA:
		return encode(mode, fading(img)), img
	case PNGRGB16, TIFFRGB16, PNGRGBA16:
		return encode(mode, deep(img, mode == PNGRGBA16)), img
	}
	return encode(mode, img), img
}

// JPEG returns img as a JPEG of the given quality, 1 to 100.
func JPEG(img image.Image, quality int) []byte {
	var b bytes.Buffer
	must(jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}))
	return b.Bytes()
}

// PNG returns img as a PNG.
func PNG(img image.Image) []byte {
	var b bytes.Buffer
	must((&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, img))
	return b.Bytes()
}

func encode(mode Mode, img image.Image) []byte {
	var b bytes.Buffer
	switch mode {
	case JPEGColour, JPEGGrey:
		return JPEG(img, quality)
	case BMP24, BMP32, BMPPalette:
		must(bmp.Encode(&b, img))
	case TIFFRGB, TIFFRGBA, TIFFGrey, TIFFGrey16, TIFFPalette, TIFFRGB16:
		must(tiff.Encode(&b, img, &tiff.Options{Compression: tiff.Deflate}))
	case GIF:
		must(gif.Encode(&b, img, nil))
	default:
		return PNG(img)
	}
	return b.Bytes()
}

// must holds what cannot happen: an encoder that fails on a picture of ours, writing to memory.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// grey keeps the luma.
func grey(img *image.RGBA) *image.RGBA {
	out := image.NewRGBA(img.Rect)
	for i := 0; i < len(img.Pix); i += 4 {
		y := byte((299*int(img.Pix[i]) + 587*int(img.Pix[i+1]) + 114*int(img.Pix[i+2]) + 500) / 1000)
		copy(out.Pix[i:], []byte{y, y, y, 255})
	}
	return out
}

// grey16 puts the grey of img in the upper bytes and something else in the lower.
func grey16(img *image.RGBA) *image.Gray16 {
	out := image.NewGray16(img.Rect)
	for i := 0; i < len(out.Pix); i += 2 {
		out.Pix[i], out.Pix[i+1] = img.Pix[2*i], byte(i*7)
	}
	return out
}

// deep puts the colours of img in the upper bytes and something else in the lower.
func deep(img *image.RGBA, alpha bool) *image.NRGBA64 {
	out := image.NewNRGBA64(img.Rect)
	for i, v := range img.Pix {
		out.Pix[2*i], out.Pix[2*i+1] = v, byte(i*7)
		if i%4 == 3 {
			out.Pix[2*i], out.Pix[2*i+1] = 255, 255
			if alpha {
				out.Pix[2*i] = fade(img, i)
			}
		}
	}
	return out
}

// fading gives img an opacity that grows from left to right; the colours stay as they are.
func fading(img *image.RGBA) *image.NRGBA {
	out := &image.NRGBA{Pix: bytes.Clone(img.Pix), Stride: img.Stride, Rect: img.Rect}
	for i := 3; i < len(out.Pix); i += 4 {
		out.Pix[i] = fade(img, i)
	}
	return out
}

// fade is the opacity at byte i of img.
func fade(img *image.RGBA, i int) byte { return byte(i % img.Stride * 255 / img.Stride) }

// paletted writes 256 colours.
func paletted(img *image.RGBA, mode Mode) (data []byte, shown *image.RGBA) {
	colours := color.Palette(palette.Plan9)
	m := image.NewPaletted(img.Rect, colours)
	xdraw.Draw(m, m.Rect, img, image.Point{}, xdraw.Src)
	shown = convert(m, image.NewRGBA(m.Rect))
	if mode == PNGPaletteTRNS {
		faded := make(color.Palette, len(colours))
		for i, c := range colours {
			c := c.(color.RGBA)
			faded[i] = color.NRGBA{c.R, c.G, c.B, byte(i)}
		}
		m.Palette = faded
	}
	return encode(mode, m), shown
}

func convert[M xdraw.Image](from image.Image, to M) M {
	xdraw.Draw(to, to.Bounds(), from, image.Point{}, xdraw.Src)
	return to
}
