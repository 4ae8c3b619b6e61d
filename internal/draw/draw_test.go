package draw_test

import (
	"crypto/sha256"
	"encoding/hex"
	"image"
	"slices"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing/pdq"
	"github.com/houvast/houvast/internal/draw"
)

func hash(img *image.RGBA) (houvast.PDQ, int) {
	h, q := pdq.Hash(pdq.Packed{Width: img.Rect.Dx(), Height: img.Rect.Dy(), Depth: 3, Pix: draw.RGB(img)}, houvast.Near512)
	return h[0], q
}

// A seed is quoted in demos and bug reports, so what it shows must not change.
func TestPictureIsTheSameForEver(t *testing.T) {
	for kind, want := range map[draw.Kind]string{
		draw.Landscape: "c433f1cdd5fb",
		draw.Houses:    "aaf9f06a17c3",
		draw.Shapes:    "c19d450bbf10",
		draw.Plasma:    "3c61cd3c07fc",
		draw.Page:      "dd15507de004",
		draw.Flat:      "a38edacdd0cb",
		draw.Ramp:      "9794f34cf178",
	} {
		sum := sha256.Sum256(draw.Picture(kind, 97, 61, 7).Pix)
		if got := hex.EncodeToString(sum[:6]); got != want {
			t.Errorf("%s 97x61 of seed 7 has digest %s, want %s", kind, got, want)
		}
	}
}

func TestPicturesCanBeToldApart(t *testing.T) {
	var all []houvast.PDQ
	for _, kind := range draw.Kinds() {
		for seed := range uint64(8) {
			h, q := hash(draw.Picture(kind, 320, 240, seed))
			if q < houvast.MinQuality {
				t.Errorf("%s of seed %d has quality %d", kind, seed, q)
			}
			for _, other := range all {
				if d := h.Distance(other); d <= 62 {
					t.Errorf("%s of seed %d is %d bits from another picture", kind, seed, d)
				}
			}
			all = append(all, h)
		}
	}
}

func TestBlandKindsHaveNothingToHash(t *testing.T) {
	for _, kind := range []draw.Kind{draw.Flat, draw.Ramp} {
		if _, q := hash(draw.Picture(kind, 320, 240, 1)); q >= houvast.MinQuality {
			t.Errorf("%s has quality %d", kind, q)
		}
	}
}

// Page is left out: its lines are so thin that the grid of 64 sees them shift.
func TestEditsStayNear(t *testing.T) {
	for _, kind := range []draw.Kind{draw.Landscape, draw.Houses, draw.Shapes, draw.Plasma} {
		for seed := range uint64(6) {
			img := draw.Picture(kind, 320, 240, seed)
			h, _ := hash(img)
			for name, edit := range map[string]*image.RGBA{
				"half size":    draw.Resize(img, 160, 120),
				"drawn larger": draw.Picture(kind, 480, 360, seed),
				"crop":         draw.Crop(img, 20),
			} {
				if other, _ := hash(edit); h.Distance(other) > 31 {
					t.Errorf("%s of seed %d, %s: %d bits away", kind, seed, name, h.Distance(other))
				}
			}
		}
	}
}

func TestTurnsAreTurns(t *testing.T) {
	img := draw.Picture(draw.Houses, 40, 30, 3)
	same := func(name string, a, b *image.RGBA) {
		if a.Rect != b.Rect || !slices.Equal(a.Pix, b.Pix) {
			t.Errorf("%s: not the same picture", name)
		}
	}
	same("four quarters", draw.Rotate(draw.Rotate(img, 3), 1), img)
	same("two quarters", draw.Rotate(draw.Rotate(img, 1), 1), draw.Rotate(img, 2))
	same("mirror and flip", draw.Mirror(draw.Flip(img)), draw.Rotate(img, 2))
	if draw.Rotate(img, 1).RGBAAt(0, 0) != img.RGBAAt(39, 0) {
		t.Error("a quarter to the left does not bring the upper right corner to the upper left")
	}
}
