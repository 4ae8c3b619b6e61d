package seal

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// cpu is the processor time of this process: on a busy machine the wall clock measures the others.
func cpu() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkEnvelope seals and opens 16 MiB of fresh random bytes in turns with the bare cipher over
// the same bytes, checks that everything came back, and reports medians in MB per CPU second.
func BenchmarkEnvelope(b *testing.B) {
	const size, chunk = 16 << 20, 64 << 10
	k, id := benchRing(b)
	plain := make([]byte, size)
	got := map[string][]float64{}
	timed := func(name string, do func()) {
		from := cpu()
		do()
		got[name] = append(got[name], size/1e6/(cpu()-from).Seconds())
	}
	var env, back bytes.Buffer
	env.Grow(size + int(Overhead(size)))
	back.Grow(size + bytes.MinRead)
	for b.Loop() {
		rand.Read(plain)
		cipher, err := chacha20poly1305.New(plain[:keySize])
		if err != nil {
			b.Fatal(err)
		}
		out := make([]byte, 0, chunk+tagSize)
		timed("cipher", func() {
			for part := range slices.Chunk(plain, chunk) {
				cipher.Seal(out, make([]byte, chacha20poly1305.NonceSize), part, nil)
			}
		})
		env.Reset()
		timed("seal", func() {
			w, err := k.Seal(b.Context(), &env, id)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := w.Write(plain); err != nil {
				b.Fatal(err)
			}
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
		})
		back.Reset()
		timed("open", func() {
			r, err := k.Open(b.Context(), &env, id)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(&back, r); err != nil {
				b.Fatal(err)
			}
		})
		if !bytes.Equal(back.Bytes(), plain) {
			b.Fatal("other bytes came back")
		}
	}
	for name, x := range got {
		slices.Sort(x)
		b.ReportMetric(x[len(x)/2], name+"-MB/cpu-s")
	}
}

func benchRing(b *testing.B) (*Keyring, KeyID) {
	k, err := Open(b.Context(), b.TempDir(), &hands{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { k.Close() })
	id, err := k.NewKey(b.Context(), "bench")
	if err != nil {
		b.Fatal(err)
	}
	return k, id
}

func BenchmarkNewKey(b *testing.B) {
	k, _ := benchRing(b)
	for b.Loop() {
		if _, err := k.NewKey(b.Context(), "bench"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDestroy(b *testing.B) {
	for _, batch := range []int{1, 100} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			k, _ := benchRing(b)
			for b.Loop() {
				b.StopTimer()
				ids := make([]KeyID, batch)
				for i := range ids {
					id, err := k.NewKey(b.Context(), "bench")
					if err != nil {
						b.Fatal(err)
					}
					ids[i] = id
				}
				b.StartTimer()
				if err := k.Destroy(b.Context(), ids...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSetMark(b *testing.B) {
	k, _ := benchRing(b)
	for b.Loop() {
		if err := k.SetMark(b.Context(), "audit/head", make([]byte, 100)); err != nil {
			b.Fatal(err)
		}
	}
}
