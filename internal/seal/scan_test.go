package seal_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/houvast/houvast/internal/blob/blobtest"
	"github.com/houvast/houvast/internal/blob/dir"
	"github.com/houvast/houvast/internal/seal"
)

type frozen struct{}

func (frozen) Now() time.Time      { return time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC) }
func (frozen) Mono() time.Duration { return 0 }

const window = 32 // bytes

// windows is every run of 32 bytes of the plaintext.
type windows map[[window]byte]bool

func windowsOf(plain []byte) windows {
	w := make(windows)
	for i := 0; i+window <= len(plain); i++ {
		w[[window]byte(plain[i:])] = true
	}
	return w
}

// hits counts the places below the folders where a run of the plaintext stands, and the bytes seen.
func (w windows) hits(t *testing.T, folders ...string) (hits, seen int) {
	t.Helper()
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			seen += len(b)
			for i := 0; i+window <= len(b); i++ {
				if w[[window]byte(b[i:])] {
					hits++
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return hits, seen
}

// TestNoPlaintextOnDisk seals and puts a pattern and searches everything written for any 32 bytes
// of it, while half-way, afterwards, and after the end.
func TestNoPlaintextOnDisk(t *testing.T) {
	ctx := t.Context()
	data, keys := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "keys")
	scratch := t.TempDir()
	t.Setenv("TMPDIR", scratch)
	k, err := seal.Open(ctx, keys, frozen{})
	must(t, err)
	defer k.Close()
	store, err := dir.Open(data)
	must(t, err)
	defer store.Close()

	var plain []byte
	for i := 0; len(plain) < 200_000; i++ {
		plain = fmt.Appendf(plain, "magic pattern %06d of the plaintext scan; ", i)
	}
	w := windowsOf(plain)
	clean := func(when string) {
		t.Helper()
		if hits, seen := w.hits(t, data, keys, scratch); hits != 0 || seen == 0 {
			t.Errorf("%s: %d runs of plaintext in %d bytes on disk", when, hits, seen)
		} else {
			t.Logf("%s: %d of %d runs in %d bytes on disk", when, hits, len(w), seen)
		}
	}

	object, err := k.NewKey(ctx, "evidence")
	must(t, err)
	hour, err := k.HourKey(ctx, frozen{}.Now())
	must(t, err)
	for name, id := range map[string]seal.KeyID{"held": object, "quarantined": hour} {
		must(t, store.Put(ctx, name, func(out io.Writer) error {
			enc, err := k.Seal(ctx, out, id)
			if err != nil {
				return err
			}
			if _, err := enc.Write(plain[:len(plain)/2]); err != nil {
				return err
			}
			clean("half-way")
			if _, err := enc.Write(plain[len(plain)/2:]); err != nil {
				return err
			}
			return enc.Close()
		}))
		r, _, err := store.Get(ctx, name)
		must(t, err)
		dec, err := k.Open(ctx, r, id)
		must(t, err)
		if got, err := io.ReadAll(dec); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %d bytes came back, %v", name, len(got), err)
		}
		must(t, r.Close())
	}
	_, err = k.SealBytes(ctx, object, plain, nil)
	must(t, err)
	_, err = k.Secret(ctx, "scan", func() []byte { return plain[:60_000] })
	must(t, err)
	must(t, k.SetMark(ctx, "scan", plain[:4000]))
	clean("stored and read")

	// Control: the search finds what is put without a seal.
	must(t, blobtest.Put(ctx, store, "unsealed", plain[1000:1000+window]))
	if hits, _ := w.hits(t, data, keys, scratch); hits != 1 {
		t.Errorf("control: %d finds of one unsealed run", hits)
	}
	must(t, store.Delete(ctx, "unsealed"))

	cipher, err := blobtest.Get(ctx, store, "held")
	must(t, err)
	cipher = cipher[256:] // its header is the same words in every envelope
	if hits, _ := windowsOf(cipher).hits(t, data); hits < len(cipher)-window {
		t.Error("control: the search does not find the ciphertext that is there")
	}
	must(t, k.Destroy(ctx, object))
	must(t, store.Delete(ctx, "held"))
	if hits, _ := windowsOf(cipher).hits(t, data, keys, scratch); hits != 0 {
		t.Errorf("after the delete %d runs of its ciphertext are left", hits)
	}
	clean("destroyed")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
