// Package pdq turns a picture into the PDQ perceptual hash: 256 bits that stay nearly the same when
// the picture is scaled, re-saved or slightly edited.
//
// A Raster gives its 8-bit samples row by row. Its luma is swept once, top down, through the tent
// filter (two rounds of a box along rows and a box along columns) into a 64x64 grid; the grid gives
// the quality, its cosine transform the eight hashes. A profile (houvast.Full, houvast.Near512) says
// whether the picture is first thinned out to 512x512.
//
// What must stay true:
//
//   - The same samples give the same bits as the reference implementation (facebook/ThreatExchange,
//     pdq/cpp), on every architecture. So every float operation happens in the order of the
//     reference, in float32, and products are converted explicitly, which forbids the compiler to
//     fuse them with the following addition. The order only binds within one running sum; the sweep
//     keeps that order and still walks memory row by row.
//   - Memory is a few rows and one 128th of the picture, whatever its height.
//   - The EXIF orientation is no part of it: the stored rows are hashed, and the dihedral hashes
//     find what was turned.
//
// The package does no I/O and keeps nothing between calls.
package pdq

import "github.com/houvast/houvast"

// A Raster is a picture of 8-bit samples.
type Raster interface {
	// Size returns the width and height in pixels.
	Size() (width, height int)
	// Channels is 1 for grey samples and 3 for red, green, blue.
	Channels() int
	// Row returns the samples of row y (0 is the top): width times Channels bytes, in buf, which has
	// that length, or in memory of the raster. They are valid until the next call.
	Row(y int, buf []byte) []byte
}

// Packed is a Raster whose rows follow each other without gaps.
type Packed struct {
	Width, Height int
	Depth         int    // channels: 1 or 3
	Pix           []byte // Width times Height times Depth samples
}

// Size returns the width and height in pixels.
func (p Packed) Size() (width, height int) { return p.Width, p.Height }

// Channels returns Depth.
func (p Packed) Channels() int { return p.Depth }

// Row returns row y out of Pix.
func (p Packed) Row(y int, _ []byte) []byte {
	n := p.Width * p.Depth
	return p.Pix[y*n : (y+1)*n]
}

const (
	side  = 64  // of the grid that the transform sees
	terms = 16  // frequencies kept along each axis
	near  = 512 // of the thinned picture of houvast.Near512
	// minSide is the smallest side that Near512 hashes, as in the reference. Full has no such floor:
	// the published values of that profile were made without it.
	minSide = 5
)

// Hash returns the PDQ hash of r under a profile, and its quality (0 to 100). Row 0 of hashes is the
// hash itself, rows 1 to 7 are those of the turned and mirrored picture, in the order of
// houvast.Orientations; they are derived from the same transform and lie within 31 bits of the hash
// of a picture that was really turned. A picture without pixels, one that is too small for the
// profile, and any profile but Full and Near512 give zero hashes of quality 0.
func Hash(r Raster, profile houvast.Profile) (hashes [8]houvast.PDQ, quality int) {
	if !hashable(r, profile) {
		return hashes, 0
	}
	g := reduce(newSource(r, profile))
	return dihedral(transform(g, profile)), g.quality()
}

// Both returns what Hash does for Near512 and for Full. A picture that Near512 does not thin out is
// swept once.
func Both(r Raster) (near512, full [8]houvast.PDQ, quality, fullQuality int) {
	if !hashable(r, houvast.Full) {
		return near512, full, 0, 0
	}
	g := reduce(newSource(r, houvast.Full))
	full, fullQuality = dihedral(transform(g, houvast.Full)), g.quality()
	if w, h := r.Size(); w > near || h > near {
		g = reduce(newSource(r, houvast.Near512))
	}
	if hashable(r, houvast.Near512) {
		near512, quality = dihedral(transform(g, houvast.Near512)), g.quality()
	}
	return near512, full, quality, fullQuality
}

// hashable reports whether a profile takes r.
func hashable(r Raster, profile houvast.Profile) bool {
	w, h := r.Size()
	switch profile {
	case houvast.Full:
		return w > 0 && h > 0
	case houvast.Near512:
		return w >= minSide && h >= minSide
	}
	return false
}

// grid is the picture as the transform sees it: 64 rows of 64 luma values.
type grid [side][side]float32

// quality counts the steps between neighbours in hundredths of the range, each cut to a whole number
// before it is added, and scales the sum to at most 100.
func (g *grid) quality() int {
	sum := 0
	step := func(u, v float32) {
		d := int(float32((u-v)*100) / 255)
		sum += max(d, -d)
	}
	for i := range side {
		for j := range side {
			if i+1 < side {
				step(g[i][j], g[i+1][j])
			}
			if j+1 < side {
				step(g[i][j], g[i][j+1])
			}
		}
	}
	return min(100, sum/90)
}
