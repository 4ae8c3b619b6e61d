package draw

import (
	"image"
	"image/color"

	xdraw "golang.org/x/image/draw"
)

// Resize scales img to w by h pixels with a smooth filter.
func Resize(img *image.RGBA, w, h int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	xdraw.CatmullRom.Scale(out, out.Rect, img, img.Rect, xdraw.Src, nil)
	return out
}

// Mirror swaps left and right.
func Mirror(img *image.RGBA) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	return remap(w, h, func(x, y int) color.RGBA { return img.RGBAAt(w-1-x, y) })
}

// Flip swaps top and bottom.
func Flip(img *image.RGBA) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	return remap(w, h, func(x, y int) color.RGBA { return img.RGBAAt(x, h-1-y) })
}

// Rotate turns img by quarter turns to the left.
func Rotate(img *image.RGBA, quarters int) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	switch quarters & 3 {
	case 1:
		return remap(h, w, func(x, y int) color.RGBA { return img.RGBAAt(w-1-y, x) })
	case 2:
		return remap(w, h, func(x, y int) color.RGBA { return img.RGBAAt(w-1-x, h-1-y) })
	case 3:
		return remap(h, w, func(x, y int) color.RGBA { return img.RGBAAt(y, h-1-x) })
	}
	return remap(w, h, img.RGBAAt)
}

// Crop takes away permille thousandths of the width and of the height, half on each side. 20 of them
// keep the PDQ hash of Landscape, Houses, Shapes and Plasma within 31 bits; the thin lines of Page move
// further.
func Crop(img *image.RGBA, permille int) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	dx, dy := w*permille/2000, h*permille/2000
	return remap(w-2*dx, h-2*dy, func(x, y int) color.RGBA { return img.RGBAAt(x+dx, y+dy) })
}

// RGB returns the colours of img without gaps, three bytes a pixel, rows from the top.
func RGB(img *image.RGBA) []byte {
	out := make([]byte, 0, 3*img.Rect.Dx()*img.Rect.Dy())
	for y := range img.Rect.Dy() {
		row := img.Pix[y*img.Stride:][:4*img.Rect.Dx()]
		for i := 0; i < len(row); i += 4 {
			out = append(out, row[i:i+3]...)
		}
	}
	return out
}

func remap(w, h int, from func(x, y int) color.RGBA) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			out.SetRGBA(x, y, from(x, y))
		}
	}
	return out
}
