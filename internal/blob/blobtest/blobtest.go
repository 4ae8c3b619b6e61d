// Package blobtest is what every blob.Store has to pass. It judges by the interface alone.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/blob"
)

// Test runs the suite. open returns an empty store, and closes it by itself when t ends.
func Test(t *testing.T, open func(t *testing.T) blob.Store) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s blob.Store)
	}{
		{"round trip", roundTrip},
		{"put if absent", putIfAbsent},
		{"names", names},
		{"failed put", failedPut},
		{"cancelled", cancelled},
		{"delete", deletes},
		{"delete while reading", deleteWhileReading},
		{"list", lists},
		{"concurrent puts of one name", concurrentPuts},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// Put stores content in one write.
func Put(ctx context.Context, s blob.Store, name string, content []byte) error {
	return s.Put(ctx, name, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// Get reads a whole blob and holds the announced size against it.
func Get(ctx context.Context, s blob.Store, name string) ([]byte, error) {
	r, size, err := s.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err == nil && int64(len(b)) != size {
		err = fmt.Errorf("%d bytes were announced and %d came", size, len(b))
	}
	return b, err
}

func roundTrip(t *testing.T, s blob.Store) {
	ctx := t.Context()
	for _, size := range []int{0, 1, 4096, 1<<20 + 7} {
		name := fmt.Sprintf("b-%d", size)
		want := bytes.Repeat([]byte{7, 11, 13}, size/3+1)[:size]
		if err := s.Put(ctx, name, func(w io.Writer) error {
			for part := range slices.Chunk(want, 50_000) { // several writes are one blob
				if _, err := w.Write(part); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		got, err := Get(ctx, s, name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("size %d: got %d bytes, error %v", size, len(got), err)
		}
		info, err := s.Stat(ctx, name)
		if err != nil || info.Name != name || info.Size != int64(size) || info.Stored.IsZero() {
			t.Errorf("size %d: Stat = %+v, %v", size, info, err)
		}
	}
}

func putIfAbsent(t *testing.T, s blob.Store) {
	ctx := t.Context()
	must(t, Put(ctx, s, "one", []byte("first")))
	wantKind(t, Put(ctx, s, "one", []byte("second")), houvast.Conflict, "blob-exists")
	if got, err := Get(ctx, s, "one"); string(got) != "first" {
		t.Errorf("after the refused Put the blob is %q, %v", got, err)
	}
}

func names(t *testing.T, s blob.Store) {
	ctx := t.Context()
	bad := []string{"", ".", "..", "a/b", "../a", "/a", "a.b", "A", "é", "a b", "a\x00", "a\n", "tmp/x", strings.Repeat("a", 81)}
	for _, name := range bad {
		_, _, get := s.Get(ctx, name)
		_, stat := s.Stat(ctx, name)
		for method, err := range map[string]error{
			"Put": Put(ctx, s, name, nil), "Get": get, "Stat": stat, "Delete": s.Delete(ctx, name),
		} {
			if houvast.CodeOf(err) != "bad-blob-name" {
				t.Errorf("%s(%q) = %v, want bad-blob-name", method, name, err)
			}
		}
	}
	for _, name := range []string{"a", "tmp", "3f", "-", "_", "0", strings.Repeat("z", 80)} {
		must(t, Put(ctx, s, name, []byte(name)))
		if got, err := Get(ctx, s, name); string(got) != name {
			t.Errorf("Get(%q) = %q, %v", name, got, err)
		}
	}
}

func failedPut(t *testing.T, s blob.Store) {
	ctx := t.Context()
	for _, c := range []struct {
		err  error
		kind houvast.Kind
	}{
		{houvast.Errorf("test", houvast.TooLarge, "too-long", "too long"), houvast.TooLarge},
		{errors.New("unclassified"), houvast.Internal},
	} {
		err := s.Put(ctx, "x", func(w io.Writer) error {
			if _, err := w.Write(make([]byte, 100_000)); err != nil {
				return err
			}
			return c.err
		})
		if !errors.Is(err, c.err) || houvast.KindOf(err) != c.kind {
			t.Errorf("a writer that fails with %v: Put = %v", c.err, err)
		}
		_, err = Get(ctx, s, "x")
		wantKind(t, err, houvast.NotFound, "blob-unknown")
		wantList(t, s)
	}
	must(t, Put(ctx, s, "x", []byte("now"))) // the name is free
}

func cancelled(t *testing.T, s blob.Store) {
	must(t, Put(t.Context(), s, "there", []byte("x")))
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Put(ctx, "half", func(w io.Writer) error {
		if _, err := w.Write([]byte("half")); err != nil {
			return err
		}
		cancel()
		_, err := w.Write([]byte("rest"))
		return err
	})
	wantKind(t, err, houvast.Unavailable, "cancelled")
	wantList(t, s, "there")
	_, _, get := s.Get(ctx, "there")
	_, stat := s.Stat(ctx, "there")
	for method, err := range map[string]error{
		"Put": Put(ctx, s, "y", nil), "Get": get, "Stat": stat, "Delete": s.Delete(ctx, "there"),
		"List": s.List(ctx, func(blob.Info) error { return nil }),
	} {
		if houvast.CodeOf(err) != "cancelled" || !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context = %v", method, err)
		}
	}
	wantList(t, s, "there")
}

func deletes(t *testing.T, s blob.Store) {
	ctx := t.Context()
	must(t, s.Delete(ctx, "never-was"))
	must(t, Put(ctx, s, "a", []byte("a")))
	must(t, Put(ctx, s, "b", []byte("b")))
	must(t, s.Delete(ctx, "a"))
	must(t, s.Delete(ctx, "a"))
	_, err := Get(ctx, s, "a")
	wantKind(t, err, houvast.NotFound, "blob-unknown")
	_, err = s.Stat(ctx, "a")
	wantKind(t, err, houvast.NotFound, "blob-unknown")
	wantList(t, s, "b")
	must(t, Put(ctx, s, "a", []byte("again")))
	if got, err := Get(ctx, s, "a"); string(got) != "again" {
		t.Errorf("after Delete and Put the blob is %q, %v", got, err)
	}
}

func deleteWhileReading(t *testing.T, s blob.Store) {
	ctx := t.Context()
	want := bytes.Repeat([]byte("0123456789"), 50_000)
	must(t, Put(ctx, s, "a", want))
	r, _, err := s.Get(ctx, "a")
	must(t, err)
	defer r.Close()
	var first [10]byte
	_, err = io.ReadFull(r, first[:])
	must(t, err)
	must(t, s.Delete(ctx, "a"))
	rest, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(append(first[:], rest...), want) {
		t.Errorf("the reader of a deleted blob gave %d bytes more and %v", len(rest), err)
	}
}

func lists(t *testing.T, s blob.Store) {
	ctx := t.Context()
	wantList(t, s)
	var want []string
	for i := range 60 {
		name := fmt.Sprintf("k_%03d", i)
		must(t, Put(ctx, s, name, make([]byte, i)))
		want = append(want, name)
	}
	wantList(t, s, want...)
	must(t, s.List(ctx, func(info blob.Info) error {
		if want := fmt.Sprintf("k_%03d", info.Size); info.Name != want || info.Stored.IsZero() {
			t.Errorf("List shows %+v", info)
		}
		_, err := s.Stat(ctx, info.Name) // fn may use the store
		return err
	}))
	stop, calls := errors.New("stop"), 0
	err := s.List(ctx, func(blob.Info) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("List went on after an error: %d calls, %v", calls, err)
	}
}

// concurrentPuts holds every writer back until all have begun.
func concurrentPuts(t *testing.T, s blob.Store) {
	ctx := t.Context()
	const n = 16
	var begun, done sync.WaitGroup
	begun.Add(n)
	results := make([]error, n)
	for i := range n {
		done.Go(func() {
			results[i] = s.Put(ctx, "same", func(w io.Writer) error {
				begun.Done()
				begun.Wait()
				_, err := w.Write(bytes.Repeat([]byte{byte('a' + i)}, 10_000))
				return err
			})
		})
	}
	done.Wait()
	winner := -1
	for i, err := range results {
		switch {
		case err == nil && winner >= 0:
			t.Fatalf("both %d and %d won", winner, i)
		case err == nil:
			winner = i
		case houvast.KindOf(err) != houvast.Conflict:
			t.Errorf("put %d: %v", i, err)
		}
	}
	if winner < 0 {
		t.Fatal("nobody won")
	}
	got, err := Get(ctx, s, "same")
	if err != nil || !bytes.Equal(got, bytes.Repeat([]byte{byte('a' + winner)}, 10_000)) {
		t.Errorf("the blob is not what the winner %d wrote (%d bytes, %v)", winner, len(got), err)
	}
	wantList(t, s, "same")
}

func wantList(t *testing.T, s blob.Store, want ...string) {
	t.Helper()
	var got []string
	must(t, s.List(t.Context(), func(info blob.Info) error {
		got = append(got, info.Name)
		return nil
	}))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("List = %v, want %v", got, want)
	}
}

func wantKind(t *testing.T, err error, kind houvast.Kind, code string) {
	t.Helper()
	if err == nil || houvast.KindOf(err) != kind || houvast.CodeOf(err) != code {
		t.Errorf("got error %v (%v, %s), want %v, %s", err, houvast.KindOf(err), houvast.CodeOf(err), kind, code)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
