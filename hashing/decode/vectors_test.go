package decode_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing/decode"
)

// vector is one line of the reference values.
type vector struct {
	File        string         `json:"file"`
	PDQ         houvast.PDQ    `json:"pdq"`
	Quality     int            `json:"quality"`
	Full        *houvast.PDQ   `json:"pdq_full_resolution"`
	FullQuality *int           `json:"quality_full_resolution"`
	Dihedral    [8]houvast.PDQ `json:"dihedral"`
}

func vectors(t *testing.T) []vector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "pdq-vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Vectors []vector }
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v.Vectors
}

// TestReferenceValues: a PNG agrees in every bit and both qualities; a JPEG, which another decoder
// read for the reference, within 8 bits and 1 of quality. Below quality 50 only the quality counts.
func TestReferenceValues(t *testing.T) {
	exact, near := 0, 0
	for _, v := range vectors(t) {
		data, err := os.ReadFile(filepath.Join("..", "testdata", v.File))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		got := decode.Hash(data, decode.DefaultLimits())
		if v.Full == nil {
			if got.Status != houvast.Unreadable || got.Reason != decode.Arithmetic || got.Width != 0 && got.Width != 800 {
				t.Errorf("%s: %+v", v.File, got)
			}
			continue
		}
		bits, quality := 0, 0
		if strings.HasSuffix(v.File, ".jpg") {
			bits, quality = 8, 1
			near++
		} else {
			exact++
		}
		if d := got.PDQQuality - v.Quality; d > quality || -d > quality {
			t.Errorf("%s: quality %d, want %d", v.File, got.PDQQuality, v.Quality)
		}
		if d := got.PDQFullQuality - *v.FullQuality; d > quality || -d > quality {
			t.Errorf("%s: full quality %d, want %d", v.File, got.PDQFullQuality, *v.FullQuality)
		}
		if v.Quality >= houvast.MinQuality {
			for i, want := range v.Dihedral {
				if d := got.PDQ[i].Distance(want); d > bits {
					t.Errorf("%s: %s is %d bits away", v.File, houvast.Orientations()[i], d)
				}
			}
		}
		if d := got.PDQFull[0].Distance(*v.Full); *v.FullQuality >= houvast.MinQuality && d > bits {
			t.Errorf("%s: full is %d bits away", v.File, d)
		}
		if hashable := max(v.Quality, *v.FullQuality) >= houvast.MinQuality; hashable != (got.Status == houvast.Hashed) {
			t.Errorf("%s: status %s", v.File, got.Status)
		}
	}
	t.Logf("%d PNG files, %d JPEG files", exact, near)
	if exact < 22 || near < 12 {
		t.Errorf("only %d PNG and %d JPEG files of the reference were found", exact, near)
	}
}
