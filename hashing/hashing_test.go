package hashing_test

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"image"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing"
	"github.com/houvast/houvast/hashing/pdq"
	"github.com/houvast/houvast/internal/draw"
)

func packed(img *image.RGBA) pdq.Packed {
	return pdq.Packed{Width: img.Rect.Dx(), Height: img.Rect.Dy(), Depth: 3, Pix: draw.RGB(img)}
}

func TestDigestReadsOnce(t *testing.T) {
	const text = "the quick brown fox"
	r := io.MultiReader(strings.NewReader(text[:3]), iotest.OneByteReader(strings.NewReader(text[3:])))
	got, n, err := hashing.Digest(r)
	want := houvast.Digests{MD5: md5.Sum([]byte(text)), SHA1: sha1.Sum([]byte(text)), SHA256: sha256.Sum256([]byte(text))}
	if got != want || n != int64(len(text)) || err != nil {
		t.Errorf("Digest = %x, %d, %v; want %x, %d", got, n, err, want, len(text))
	}
	// Published values, in case all three libraries and this test agree on something else.
	empty, _, _ := hashing.Digest(strings.NewReader(""))
	if s := hex.EncodeToString(empty.MD5[:]); s != "d41d8cd98f00b204e9800998ecf8427e" {
		t.Errorf("MD5 of nothing is %s", s)
	}
	if s := hex.EncodeToString(empty.SHA1[:]); s != "da39a3ee5e6b4b0d3255bfef95601890afd80709" {
		t.Errorf("SHA-1 of nothing is %s", s)
	}
}

func TestDigestOfABrokenStreamIsNone(t *testing.T) {
	broken := errors.New("cable pulled")
	got, n, err := hashing.Digest(io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)))
	if got != (houvast.Digests{}) || n != 4 || !errors.Is(err, broken) {
		t.Errorf("Digest = %x, %d, %v", got, n, err)
	}
}

func TestPictureHasBothProfiles(t *testing.T) {
	for _, size := range [][2]int{{320, 240}, {700, 300}} {
		p := packed(draw.Picture(draw.Houses, size[0], size[1], 2))
		got := hashing.Picture(p)
		want := houvast.Perceptual{Status: houvast.Hashed, Width: size[0], Height: size[1]}
		want.PDQ, want.PDQQuality = pdq.Hash(p, houvast.Near512)
		want.PDQFull, want.PDQFullQuality = pdq.Hash(p, houvast.Full)
		if got != want {
			t.Errorf("%v: Picture = %+v, want %+v", size, got, want)
		}
		if want.PDQQuality < houvast.MinQuality || want.PDQFullQuality < houvast.MinQuality {
			t.Errorf("%v: qualities %d and %d", size, want.PDQQuality, want.PDQFullQuality)
		}
	}
}

func TestPictureWithoutDetailIsUnhashable(t *testing.T) {
	for _, kind := range []draw.Kind{draw.Flat, draw.Ramp} {
		got := hashing.Picture(packed(draw.Picture(kind, 300, 200, 1)))
		if got.Status != houvast.Unhashable || got.Reason != hashing.LittleDetail || got.Width != 300 || got.Height != 200 {
			t.Errorf("%s: %+v", kind, got)
		}
	}
	// One profile that reaches the bar is enough.
	small := hashing.Picture(packed(draw.Picture(draw.Shapes, 4, 4, 1)))
	if small.PDQQuality != 0 || small.PDQFullQuality < houvast.MinQuality || small.Status != houvast.Hashed {
		t.Errorf("4x4: %+v", small)
	}
}
