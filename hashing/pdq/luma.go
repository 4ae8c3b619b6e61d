package pdq

import "github.com/houvast/houvast"

// lanes is how many rows the sweep takes at once. A running sum is a chain of additions that each
// wait for the one before; four chains side by side fill the time.
const lanes = 4

// A quad is one column of four neighbouring rows.
type quad [lanes]float32

// source gives the luma of a raster, thinned out where the profile wants it.
type source struct {
	r          Raster
	w, h       int   // after thinning
	srcW, srcH int   // of the raster
	at         []int // source column of each column; nil when the picture is not thinned
	channels   int
	buf        []byte
	red        [256]float32 // weighted samples: a table look-up rounds exactly as the product does
	green      [256]float32
	blue       [256]float32
}

func newSource(r Raster, profile houvast.Profile) *source {
	s := &source{r: r, channels: r.Channels()}
	s.srcW, s.srcH = r.Size()
	s.w, s.h = s.srcW, s.srcH
	if profile == houvast.Near512 && (s.w > near || s.h > near) {
		s.w, s.h = near, near
		s.at = make([]int, near)
		for x := range s.at {
			s.at[x] = nearest(x, s.srcW)
		}
	}
	s.buf = make([]byte, s.srcW*s.channels)
	for i := range 256 {
		v := float32(i)
		s.red[i] = float32(0.299 * v)
		s.green[i] = float32(0.587 * v)
		s.blue[i] = float32(0.114 * v)
	}
	return s
}

// nearest returns the source index of index i of the thinned picture.
func nearest(i, n int) int { return int(int64(i) * int64(n) / near) }

// row writes the luma of row y into one lane of dst, which has a quad for each column.
func (s *source) row(y int, dst []quad, lane int) {
	lane &= lanes - 1
	if s.at != nil {
		y = nearest(y, s.srcH)
	}
	px := s.r.Row(y, s.buf)
	switch {
	case s.channels == 1 && s.at == nil:
		px = px[:len(dst)]
		for x := range dst {
			dst[x][lane] = float32(px[x])
		}
	case s.channels == 1:
		for x, from := range s.at {
			dst[x][lane] = float32(px[from])
		}
	case s.at == nil:
		for x := range dst {
			p := px[3*x : 3*x+3 : 3*x+3]
			dst[x][lane] = s.red[p[0]] + s.green[p[1]] + s.blue[p[2]]
		}
	default:
		for x, from := range s.at {
			p := px[3*from : 3*from+3 : 3*from+3]
			dst[x][lane] = s.red[p[0]] + s.green[p[1]] + s.blue[p[2]]
		}
	}
}
