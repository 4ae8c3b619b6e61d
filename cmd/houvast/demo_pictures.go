package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"image"
	"os"
	"path/filepath"

	"github.com/houvast/houvast/internal/draw"
)

// A drawn is one upload of the demo, with what the demo knows about it and the matching does not.
type drawn struct {
	name    string
	what    string // said in the walk
	data    []byte
	matches bool // it was made from a picture in the bank
	unseen  bool // nobody can look at it
}

// original is the n-th picture of the bank.
func original(n int) *image.RGBA {
	kinds := [...]draw.Kind{draw.Landscape, draw.Houses, draw.Shapes, draw.Plasma}
	return draw.Picture(kinds[n%len(kinds)], 640+32*n, 480+16*n, uint64(1000+n))
}

// bankPictures is how many pictures the demo's bank holds.
const bankPictures = 8

// uploads are the sixteen uploads: ten that were made from a picture in the bank, four that were not,
// two that cannot be looked at.
func uploads() []drawn {
	stranger := func(n int, kind draw.Kind) []byte { return draw.PNG(draw.Picture(kind, 700, 500, uint64(9000+n))) }
	resized := func(n, w, h int) []byte { return draw.PNG(draw.Resize(original(n), w, h)) }
	return []drawn{
		{"holiday.png", "the same file", draw.PNG(original(0)), true, false},
		{"street.png", "the same file", draw.PNG(original(1)), true, false},
		{"saved-again.jpg", "saved again as JPEG, quality 60", draw.JPEG(original(2), 60), true, false},
		{"sent-on.jpg", "saved again as JPEG, quality 35", draw.JPEG(original(3), 35), true, false},
		{"small.png", "made smaller", resized(4, 320, 230), true, false},
		{"large.png", "made larger", resized(5, 1400, 980), true, false},
		{"mirror.png", "mirrored", draw.PNG(draw.Mirror(original(6))), true, false},
		{"turned.png", "turned by a quarter", draw.PNG(draw.Rotate(original(7), 1)), true, false},
		{"cropped.png", "slightly cropped", draw.PNG(draw.Crop(original(0), 20)), true, false},
		{"cropped-2.png", "slightly cropped", draw.PNG(draw.Crop(original(2), 20)), true, false},
		{"hills.png", "another picture", stranger(1, draw.Landscape), false, false},
		{"town.png", "another picture", stranger(2, draw.Houses), false, false},
		{"blocks.png", "another picture", stranger(3, draw.Shapes), false, false},
		{"letter.png", "another picture", stranger(4, draw.Page), false, false},
		{"broken.png", "cut inside its header", draw.Cut(draw.PNG(original(1))), false, true},
		{"notes.txt", "not a picture", draw.NotAPicture(), false, true},
	}
}

// writeBank writes the pictures of the bank into dir and returns their paths.
func writeBank(dir string) (paths []string, err error) {
	for n := range bankPictures {
		path := filepath.Join(dir, fmt.Sprintf("bank-%d.png", n))
		if err := os.WriteFile(path, draw.PNG(original(n)), 0o600); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// bankCSV is what houvast hash said about the pictures, as a list would bring it. Every second entry
// has only a PDQ hash, as many lists do.
func bankCSV(hashes []hashedLine) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"pdq", "pdq_profile", "sha256", "category", "member", "source_id", "note"})
	for i, h := range hashes {
		sha := h.SHA256
		if i >= 2 {
			sha = ""
		}
		w.Write([]string{h.PDQ, "near512", sha, "child_abuse", "example-member", fmt.Sprintf("demo-%d", i), "drawn by code"})
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// hashedLine is what the demo reads of houvast hash --json.
type hashedLine struct {
	SHA256 string `json:"sha256"`
	PDQ    string `json:"pdq"`
	Status string `json:"status"`
}
