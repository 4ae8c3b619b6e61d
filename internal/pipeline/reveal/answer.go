package reveal

import (
	"bytes"
	"encoding/json"
	"regexp"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/sandbox"
)

// The bounds of what a child may answer.
const (
	maxSide   = 8192
	maxPixels = 1_000_000
	maxBytes  = 1 << 20 // of one rendition
	maxNumber = 1 << 30 // of a width, height or count
)

// tooManyBytes is the decoder's word for a file that is longer than it reads.
const tooManyBytes = "too many bytes"

// statusRendered is the status of an answer that holds pictures.
const statusRendered houvast.HashStatus = "rendered"

// rendered is the answer of the child to OpRender, as package decode gives it.
type rendered struct {
	Status                        houvast.HashStatus
	Reason                        string
	Width, Height, Frames         int
	Whole                         bool
	Mosaic, Blurred, Grey, Colour struct{ Data []byte }
}

// A picture is one rendition.
type picture struct {
	data          []byte
	width, height int
}

// pictures is everything that may be shown of a case.
type pictures struct {
	level                 map[review.Level]picture
	width, height, frames int
	whole                 bool
	bytes                 int64
}

var plainWords = regexp.MustCompile(`^[A-Za-z0-9 ,.:;/+-]{1,100}$`)

// read takes an answer apart and believes none of it: a child may have been taken over by what it
// decoded, and its pictures go to a person's browser.
func read(answer []byte) (pics *pictures, reason string) {
	var r rendered
	if json.Unmarshal(answer, &r) != nil {
		return nil, string(sandbox.ChildAnswer)
	}
	if r.Status != statusRendered {
		known := r.Status == houvast.Unreadable || r.Status == houvast.Archive || r.Status == houvast.NotMedia
		if !known || !plainWords.MatchString(r.Reason) {
			return nil, string(sandbox.ChildAnswer)
		}
		return nil, r.Reason
	}
	pics = &pictures{level: map[review.Level]picture{}, width: r.Width, height: r.Height, frames: r.Frames, whole: r.Whole}
	for level, data := range map[review.Level][]byte{
		review.LevelMosaic: r.Mosaic.Data, review.LevelBlurred: r.Blurred.Data, review.LevelGrey: r.Grey.Data, review.LevelColour: r.Colour.Data,
	} {
		w, h, ok := measure(data)
		if !ok {
			return nil, string(sandbox.ChildAnswer)
		}
		pics.level[level] = picture{data, w, h}
		pics.bytes += int64(len(data))
	}
	for _, n := range []int{r.Width, r.Height, r.Frames} {
		if n < 1 || n > maxNumber {
			return nil, string(sandbox.ChildAnswer)
		}
	}
	return pics, ""
}

// Markers of a JPEG (ITU-T T.81, table B.1).
const (
	startOfFrame = 0xc0 // baseline
	huffman      = 0xc4
	startOfScan  = 0xda
	quantizers   = 0xdb
)

// measure returns the size of a JPEG that is made of tables, one baseline frame and one scan, and ends
// with it. ok is false for anything else, such as one with a comment or with bytes behind its end.
func measure(jpg []byte) (w, h int, ok bool) {
	if len(jpg) > maxBytes || !bytes.HasPrefix(jpg, []byte{0xff, 0xd8}) || !bytes.HasSuffix(jpg, []byte{0xff, 0xd9}) {
		return 0, 0, false
	}
	for i := 2; i+4 <= len(jpg) && jpg[i] == 0xff; {
		m, n := jpg[i+1], int(jpg[i+2])<<8|int(jpg[i+3])
		if n < 2 || i+2+n > len(jpg)-2 {
			return 0, 0, false
		}
		segment := jpg[i+4 : i+2+n]
		i += 2 + n
		switch m {
		case quantizers, huffman:
		case startOfFrame:
			if w > 0 || len(segment) < 6 {
				return 0, 0, false
			}
			h, w = int(segment[1])<<8|int(segment[2]), int(segment[3])<<8|int(segment[4])
		case startOfScan:
			fits := w > 0 && h > 0 && w <= maxSide && h <= maxSide && w*h <= maxPixels
			return w, h, fits && pure(jpg[i:len(jpg)-2])
		default:
			return 0, 0, false
		}
	}
	return 0, 0, false
}

// pure reports whether entropy-coded data holds no marker.
func pure(scan []byte) bool {
	for i, b := range scan {
		if b == 0xff && (i+1 == len(scan) || scan[i+1] != 0) {
			return false
		}
	}
	return true
}
