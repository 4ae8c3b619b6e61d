package decode

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"

	"github.com/houvast/houvast"
)

// Rendered is the status of renditions that hold pictures.
const Rendered houvast.HashStatus = "rendered"

// The sizes of renditions. The details bound what the first two levels can show, whatever is done to
// their pixels afterwards: a mosaic of a portrait holds 32 by 24 colours, and a blur is drawn from 64
// by 48 greys. A small picture has fewer, see detail.
const (
	mosaicDetail  = 32        // blocks on the longer side
	blurredDetail = 64        // greys on the longer side
	previewSide   = 640       // longer side of the mosaic and the blurred rendition
	largePixels   = 1_000_000 // of the grey and the colour rendition
	largeSide     = 8192      // longer side of these two
)

// The bounds of one encoded rendition. Four of maxRendition are less than 8 MiB in base64; only noise
// comes near, and is encoded again at a lower quality.
const (
	quality      = 85
	maxRendition = 1 << 20
)

// A Rendition is a picture made of decoded pixels alone: a JPEG without any metadata.
type Rendition struct {
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Data   []byte `json:"data"`
}

// Renditions is what a person may see of a file, step by step, or why there is nothing to see.
type Renditions struct {
	Status    houvast.HashStatus `json:"status"`           // Rendered, or Unreadable, Archive, NotMedia
	Reason    string             `json:"reason,omitempty"` // why there is nothing: a constant of this package
	MediaType string             `json:"media_type,omitempty"`
	Width     int                `json:"width,omitempty"`  // of the picture as a viewer shows it, in pixels
	Height    int                `json:"height,omitempty"` // without pictures: as the header says
	Frames    int                `json:"frames,omitempty"` // frames, pages or pictures in the file; the first is rendered
	Whole     bool               `json:"whole,omitempty"`  // nothing to look at is in the file besides what is rendered

	Mosaic  Rendition `json:"mosaic,omitzero"`  // flat blocks of colour, 32 on the longer side
	Blurred Rendition `json:"blurred,omitzero"` // grey, strongly blurred
	Grey    Rendition `json:"grey,omitzero"`    // at most 1,000,000 pixels, never scaled up
	Colour  Rendition `json:"colour,omitzero"`  // the same
}

// Render decodes data behind the guards of Decode and returns its renditions, turned as the EXIF
// orientation says, transparency over white. A file that cannot be decoded has a status, a reason and
// no pictures.
func Render(data []byte, limits Limits) (out Renditions) {
	p, no := Decode(data, limits)
	if no != nil {
		return Renditions{Status: no.Status, Reason: no.Reason, MediaType: no.MediaType, Width: no.Width, Height: no.Height}
	}
	defer func() {
		if recover() != nil {
			out = Renditions{Status: houvast.Unreadable, Reason: Broke, MediaType: p.MediaType, Width: p.width, Height: p.height}
		}
	}()
	file := inspect(p.MediaType, data)
	w, h := fit(p.width, p.height)
	large := turn(shrink(p, w, h), file.orientation)
	grey := luma(large)
	out = Renditions{Status: Rendered, MediaType: p.MediaType, Width: p.width, Height: p.height, Frames: file.frames, Whole: file.frames == 1 && !file.more}
	if file.orientation >= 5 {
		out.Width, out.Height = p.height, p.width
	}
	out.Mosaic = encode(mosaic(large))
	out.Blurred = encode(blur(grey))
	out.Grey = encode(grey)
	out.Colour = encode(large)
	return out
}

// encode returns img as a JPEG of at most maxRendition bytes.
func encode(img image.Image) Rendition {
	var b bytes.Buffer
	for q := quality; ; q /= 2 {
		b.Reset()
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: max(q, 1)}); err != nil {
			panic(err) // into memory, of a size that fits: cannot be
		}
		if b.Len() <= maxRendition || q <= 1 {
			return Rendition{img.Bounds().Dx(), img.Bounds().Dy(), b.Bytes()}
		}
	}
}

// fit returns the size of the large renditions of a picture of w by h.
func fit(w, h int) (int, int) {
	s := min(1, math.Sqrt(largePixels/(float64(w)*float64(h))), largeSide/float64(max(w, h)))
	return max(1, int(float64(w)*s)), max(1, int(float64(h)*s))
}

// within returns w and h scaled so that the longer side is n.
func within(w, h, n int) (int, int) {
	long := max(w, h)
	return max(1, (w*n+long/2)/long), max(1, (h*n+long/2)/long)
}

// detail returns how many samples the longer side may keep: most, or so few of a small picture that
// it is hidden as well as a large one.
func detail(img image.Image, most, each int) int {
	long := max(img.Bounds().Dx(), img.Bounds().Dy())
	return max(1, min(most, long/each))
}
