// Package draw makes the pictures of the demo and the tests: landscapes, houses, shapes, clouds of
// colour, pages of grey words. Nothing in it shows a person, and nothing in it was photographed.
//
// A picture is a kind, a size and a seed. The same three give the same pixels on every machine: the
// drawing is integer arithmetic on the PCG generator of math/rand/v2. A scene does not depend on its
// size, so a seed drawn at 640x480 shows what it shows at 1280x960.
//
// Around it are what users do to pictures (Resize, Mirror, Rotate, Crop, re-saving), files in every
// colour mode that decoders meet (Encode), and files that are wrong on purpose (Cut, NotAPicture,
// RepeatScans).
package draw

import (
	"image"
	"image/color"
	"math/rand/v2"
)

// A Kind is what is drawn.
type Kind string

// The kinds.
const (
	Landscape Kind = "landscape" // sky, clouds, ridges, trees
	Houses    Kind = "houses"    // a street of houses
	Shapes    Kind = "shapes"    // discs, boxes and triangles
	Plasma    Kind = "plasma"    // clouds of colour
	Page      Kind = "page"      // a page with grey words and boxes
	Flat      Kind = "flat"      // one colour: nothing to hash
	Ramp      Kind = "ramp"      // one gradient: nearly nothing to hash
)

// Kinds returns the kinds with enough detail to be hashed.
func Kinds() []Kind { return []Kind{Landscape, Houses, Shapes, Plasma, Page} }

// Picture draws kind at width w and height h, both at least 1. An unknown kind is drawn as Flat.
func Picture(kind Kind, w, h int, seed uint64) *image.RGBA {
	s := &scene{
		img: image.NewRGBA(image.Rect(0, 0, w, h)),
		rng: rand.New(rand.NewPCG(seed, 0x686f7576617374)),
	}
	s.salt = s.rng.Uint64()
	switch kind {
	case Landscape:
		s.landscape()
	case Houses:
		s.houses()
	case Shapes:
		s.shapes()
	case Plasma:
		s.plasma()
	case Page:
		s.page()
	case Ramp:
		from, to := s.colour(0, 110), s.colour(140, 255)
		s.each(func(u, v int) color.RGBA { return mix(from, to, (u+v)/2, unit) })
	default:
		c := s.colour(60, 200)
		s.each(func(int, int) color.RGBA { return c })
	}
	return s.img
}

// unit is the width and the height of every scene in its own coordinates.
const unit = 4096

// A scene is a picture that is being drawn.
type scene struct {
	img  *image.RGBA
	rng  *rand.Rand
	salt uint64 // of the noise
}

// between returns a random number from lo to hi-1.
func (s *scene) between(lo, hi int) int { return lo + s.rng.IntN(hi-lo) }

// colour returns a random colour whose channels lie from lo to hi-1.
func (s *scene) colour(lo, hi int) color.RGBA {
	return color.RGBA{byte(s.between(lo, hi)), byte(s.between(lo, hi)), byte(s.between(lo, hi)), 255}
}

// each sets every pixel from its scene coordinates.
func (s *scene) each(f func(u, v int) color.RGBA) { s.inside(0, 0, unit, unit, f) }

// inside sets the pixels of a box; f may return the zero colour to leave one as it is.
func (s *scene) inside(u0, v0, u1, v1 int, f func(u, v int) color.RGBA) {
	w, h := s.img.Rect.Dx(), s.img.Rect.Dy()
	for y := max(0, v0*h/unit); y < min(h, (v1*h+unit-1)/unit); y++ {
		v := (2*y + 1) * unit / (2 * h)
		row := s.img.Pix[y*s.img.Stride:]
		for x := max(0, u0*w/unit); x < min(w, (u1*w+unit-1)/unit); x++ {
			u := (2*x + 1) * unit / (2 * w)
			if u < u0 || u >= u1 || v < v0 || v >= v1 {
				continue
			}
			if c := f(u, v); c.A != 0 {
				copy(row[4*x:4*x+4], []byte{c.R, c.G, c.B, c.A})
			}
		}
	}
}

// box fills a rectangle.
func (s *scene) box(u0, v0, u1, v1 int, c color.RGBA) {
	s.inside(u0, v0, u1, v1, func(int, int) color.RGBA { return c })
}

// disc fills an ellipse around (u, v).
func (s *scene) disc(u, v, ru, rv int, c color.RGBA) {
	s.inside(u-ru, v-rv, u+ru, v+rv, func(a, b int) color.RGBA {
		du, dv := (a-u)*1024/max(ru, 1), (b-v)*1024/max(rv, 1)
		if du*du+dv*dv > 1024*1024 {
			return color.RGBA{}
		}
		return c
	})
}

// gable fills a triangle that stands on the line from u0 to u1 at v1 and peaks at v0.
func (s *scene) gable(u0, v0, u1, v1 int, c color.RGBA) {
	s.inside(u0, v0, u1, v1, func(u, v int) color.RGBA {
		half := (u1 - u0) * (v - v0) / (2 * max(v1-v0, 1))
		if d := u - (u0+u1)/2; d > half || -d > half {
			return color.RGBA{}
		}
		return c
	})
}

// noise is smooth in u and v, with one value from 0 to 255 a cell, different for each layer.
func (s *scene) noise(layer, u, v, cell int) int {
	cu, cv := u/cell, v/cell
	fu, fv := ease((u%cell)*256/cell), ease((v%cell)*256/cell)
	top := s.lattice(layer, cu, cv)*(256-fu) + s.lattice(layer, cu+1, cv)*fu
	bottom := s.lattice(layer, cu, cv+1)*(256-fu) + s.lattice(layer, cu+1, cv+1)*fu
	return (top*(256-fv) + bottom*fv) >> 16
}

// cloud adds noise of halving cells, from 0 to 255.
func (s *scene) cloud(layer, u, v, cell int) int {
	n := 0
	for i := range 4 {
		n += s.noise(4*layer+i, u, v, cell>>i) << (3 - i)
	}
	return n / 15
}

func (s *scene) lattice(layer, u, v int) int {
	x := s.salt + uint64(layer)*0x9e3779b97f4a7c15 + uint64(u)*0xbf58476d1ce4e5b9 + uint64(v)*0x94d049bb133111eb
	x ^= x >> 31
	x *= 0xd6e8feb86659fd93
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	return int(x >> 56)
}

// ease is 3f²-2f³ for f from 0 to 256.
func ease(f int) int { return f * f * (768 - 2*f) >> 16 }

// mix goes from a to b as n goes from 0 to of.
func mix(a, b color.RGBA, n, of int) color.RGBA {
	m := func(a, b byte) byte { return byte(int(a) + (int(b)-int(a))*n/of) }
	return color.RGBA{m(a.R, b.R), m(a.G, b.G), m(a.B, b.B), 255}
}

// shade makes c lighter or darker.
func shade(c color.RGBA, by int) color.RGBA {
	m := func(a byte) byte { return byte(max(0, min(255, int(a)+by))) }
	return color.RGBA{m(c.R), m(c.G), m(c.B), 255}
}
