package dir

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/blob"
	"github.com/houvast/houvast/internal/blob/blobtest"
)

func openAt(t *testing.T, path string, options ...Option) *Store {
	t.Helper()
	s, err := Open(path, options...)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	blobtest.Test(t, func(t *testing.T) blob.Store { return openAt(t, filepath.Join(t.TempDir(), "blobs")) })
}

// synced records what was fsynced, as file and folder names below the store.
type synced struct {
	mu    sync.Mutex
	names []string
	real  bool
}

func (c *synced) sync(f *os.File) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	kind := "file"
	if st, err := f.Stat(); err == nil && st.IsDir() {
		kind = "dir " + filepath.Base(f.Name())
	}
	c.names = append(c.names, kind)
	if c.real {
		return f.Sync()
	}
	return nil
}

func (c *synced) take() (names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	names, c.names = c.names, nil
	return names
}

// durable reports what a power cut could lose after a Put or Delete that synced these.
func durable(what []string, put, newShard bool, shard string) (missing []string) {
	need := []string{"dir " + shard}
	if put {
		need = append(need, "file")
	}
	if newShard {
		need = append(need, "dir .")
	}
	for _, n := range need {
		if !slices.Contains(what, n) {
			missing = append(missing, n)
		}
	}
	return missing
}

func TestSyncs(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "blobs")
	c := &synced{real: true}
	s := openAt(t, path, WithSync(c.sync))
	if got := c.take(); len(got) != 1 {
		t.Errorf("making the store synced %v, want its parent only", got)
	}
	shard := shardOf("a")
	for _, step := range []struct {
		name     string
		do       func() error
		put, new bool
		want     int
	}{
		{"first put", func() error { return blobtest.Put(ctx, s, "a", []byte("x")) }, true, true, 3},
		{"delete", func() error { return s.Delete(ctx, "a") }, false, false, 1},
		{"put in a known folder", func() error { return blobtest.Put(ctx, s, "a", []byte("x")) }, true, false, 2},
		{"delete again", func() error { return errors.Join(s.Delete(ctx, "a"), s.Delete(ctx, "a")) }, false, false, 2},
	} {
		must(t, step.do())
		got := c.take()
		if missing := durable(got, step.put, step.new, shard); missing != nil || len(got) != step.want {
			t.Errorf("%s: synced %v, lacks %v, want %d", step.name, got, missing, step.want)
		}
	}
	// The folder is there, but this process does not know whether its name is durable.
	s.Close()
	s = openAt(t, path, WithSync(c.sync))
	c.take()
	must(t, blobtest.Put(ctx, s, "a", []byte("x")))
	if missing := durable(c.take(), true, true, shard); missing != nil {
		t.Errorf("first put after a restart lacks the fsync of %v", missing)
	}
}

// The order counts as well: bytes before the name, the folder after it.
func TestSyncOrder(t *testing.T) {
	var s *Store
	var seen []string
	s = openAt(t, t.TempDir(), WithSync(func(f *os.File) error {
		_, err := s.root.Lstat(place("a"))
		kind := "file"
		if st, _ := f.Stat(); st.IsDir() {
			kind = "dir " + filepath.Base(f.Name())
		}
		if err == nil {
			kind += " named"
		}
		seen = append(seen, kind)
		return nil
	}))
	must(t, blobtest.Put(t.Context(), s, "a", []byte("x")))
	if want := []string{"dir .", "file", "dir " + shardOf("a") + " named"}; !slices.Equal(seen, want) {
		t.Errorf("synced %v, want %v", seen, want)
	}
}

// TestSyncsControl shows that the judge of TestSyncs reports each missing fsync by name.
func TestSyncsControl(t *testing.T) {
	if got := durable(nil, true, true, "ca"); !slices.Equal(got, []string{"dir ca", "file", "dir ."}) {
		t.Errorf("with no fsync at all the judge misses %v", got)
	}
	if got := durable([]string{"file", "dir ."}, true, false, "ca"); !slices.Equal(got, []string{"dir ca"}) {
		t.Errorf("without the fsync of the folder the judge misses %v", got)
	}
}

func TestFsyncError(t *testing.T) {
	ctx := t.Context()
	for nth, at := range []string{"new folder", "file", "folder"} {
		t.Run(at, func(t *testing.T) {
			path := t.TempDir()
			calls, broken := 0, false
			s := openAt(t, path, WithSync(func(f *os.File) error {
				if broken {
					if calls++; calls == nth+1 {
						return syscall.EIO
					}
				}
				return nil // after the error the kernel says yes again
			}))
			old := "b"
			must(t, blobtest.Put(ctx, s, old, []byte("old")))
			broken = true
			wantKind(t, blobtest.Put(ctx, s, "a", []byte("x")), houvast.Unavailable, "fsync-failed")
			if calls != nth+1 {
				t.Errorf("%d fsyncs, the failed one was tried again or never came", calls)
			}
			wantKind(t, s.Failed(), houvast.Unavailable, "fsync-failed")
			wantKind(t, blobtest.Put(ctx, s, "c", []byte("x")), houvast.Unavailable, "fsync-failed")
			wantKind(t, s.Delete(ctx, old), houvast.Unavailable, "fsync-failed")
			if calls != nth+1 {
				t.Error("the failed store called fsync again")
			}
			if _, err := blobtest.Get(ctx, s, "a"); houvast.KindOf(err) != houvast.NotFound {
				t.Errorf("the Put that failed left a blob: %v", err)
			}
			if got, err := blobtest.Get(ctx, s, old); string(got) != "old" {
				t.Errorf("a failed store still reads, got %q, %v", got, err)
			}
			s.Close()
			must(t, blobtest.Put(ctx, openAt(t, path), "c", []byte("x")))
		})
	}
	t.Run("delete", func(t *testing.T) {
		broken := false
		s := openAt(t, t.TempDir(), WithSync(func(*os.File) error {
			if broken {
				return syscall.EIO
			}
			return nil
		}))
		must(t, blobtest.Put(ctx, s, "a", nil))
		broken = true
		wantKind(t, s.Delete(ctx, "a"), houvast.Unavailable, "fsync-failed")
		broken = false
		wantKind(t, blobtest.Put(ctx, s, "b", nil), houvast.Unavailable, "fsync-failed")
	})
}

func TestSweep(t *testing.T) {
	ctx := t.Context()
	path := t.TempDir()
	s := openAt(t, path)
	must(t, blobtest.Put(ctx, s, "kept", []byte("kept")))
	must(t, os.WriteFile(filepath.Join(path, tmp, "put_leftover"), []byte("half"), 0o600))
	s.Close()
	s = openAt(t, path)
	if got := files(t, path); !slices.Equal(got, []string{shardOf("kept") + "/kept"}) {
		t.Errorf("after opening there is %v", got)
	}
	must(t, s.Delete(ctx, "kept"))
	if got := files(t, path); len(got) != 0 {
		t.Errorf("after the delete there is %v", got)
	}
}

// A link that somebody planted leads nowhere outside.
func TestLinksStayInside(t *testing.T) {
	ctx := t.Context()
	outside, path := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "a"), []byte("outside"), 0o600))
	s := openAt(t, path)
	must(t, os.Symlink(outside, filepath.Join(path, shardOf("a"))))
	if got, err := blobtest.Get(ctx, s, "a"); err == nil {
		t.Errorf("Get followed the link and read %q", got)
	}
	if err := s.Delete(ctx, "a"); err == nil {
		t.Error("Delete followed the link")
	}
	if err := s.List(ctx, func(blob.Info) error { return nil }); err == nil {
		t.Error("List kept quiet about a folder that leads out")
	}
	if b, err := os.ReadFile(filepath.Join(outside, "a")); string(b) != "outside" {
		t.Errorf("the file outside is %q, %v", b, err)
	}
	// Below its own folder a link or a folder is no blob.
	must(t, os.Mkdir(filepath.Join(path, shardOf("b")), 0o700))
	must(t, os.Mkdir(filepath.Join(path, place("b")), 0o700))
	if _, _, err := s.Get(ctx, "b"); houvast.CodeOf(err) != "blob-not-file" {
		t.Errorf("Get of a folder = %v", err)
	}
}

func TestDiskFull(t *testing.T) {
	ctx := t.Context()
	full := func(t *testing.T, path string, size int) {
		s := openAt(t, path)
		err := s.Put(ctx, "big", func(w io.Writer) error {
			_, err := io.Copy(w, bytes.NewReader(make([]byte, size)))
			return err
		})
		wantKind(t, err, houvast.Unavailable, "disk-full")
		if got := files(t, path); len(got) != 0 {
			t.Errorf("the failed Put left %v", got)
		}
		must(t, blobtest.Put(ctx, s, "small", []byte("fits"))) // a full disk is no broken disk
		if s.Failed() != nil {
			t.Errorf("the store gave up: %v", s.Failed())
		}
	}
	t.Run("tmpfs", func(t *testing.T) {
		path := t.TempDir()
		if os.Getuid() != 0 {
			t.Skip("NOT TESTED: a full file system needs root to mount a tmpfs of 1 MB")
		}
		must(t, syscall.Mount("tmpfs", path, "tmpfs", 0, "size=1m"))
		t.Cleanup(func() { syscall.Unmount(path, syscall.MNT_DETACH) })
		full(t, path, 3<<20)
	})
	t.Run("writer hides it", func(t *testing.T) {
		if err := ioError("test", &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}); houvast.CodeOf(err) != "disk-full" {
			t.Errorf("ENOSPC becomes %v", err)
		}
		s := openAt(t, t.TempDir())
		err := s.Put(ctx, "x", func(w io.Writer) error {
			ww := w.(*writer)
			must(t, ww.f.Close()) // every write fails from here on
			w.Write([]byte("x"))
			return nil // and the caller does not look
		})
		if err == nil {
			t.Error("a Put whose write failed unseen returned nil")
		}
		wantKind(t, err, houvast.Unavailable, "io-failed")
	})
}

func TestOpenErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for _, path := range []string{file, filepath.Join(t.TempDir(), "no", "parent")} {
		if s, err := Open(path); err == nil {
			s.Close()
			t.Errorf("Open(%s) returned no error", filepath.Base(path))
		}
	}
}

func files(t *testing.T, path string) (names []string) {
	t.Helper()
	must(t, filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(path, p)
			names = append(names, rel)
		}
		return err
	}))
	return names
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

// BenchmarkPut1MB puts 1 MB of fresh random bytes in turns with and without fsync.
func BenchmarkPut1MB(b *testing.B) {
	content := make([]byte, 1<<20)
	took := map[string][]float64{}
	stores := map[string]*Store{}
	for name, sync := range map[string]func(*os.File) error{
		"fsync": (*os.File).Sync, "nosync": func(*os.File) error { return nil },
	} {
		s, err := Open(b.TempDir(), WithSync(sync))
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		stores[name] = s
	}
	for b.Loop() {
		for name, s := range stores {
			rand.Read(content)
			blobName := houvast.RandomText("b", 20)
			from := time.Now()
			if err := blobtest.Put(b.Context(), s, blobName, content); err != nil {
				b.Fatal(err)
			}
			took[name] = append(took[name], time.Since(from).Seconds()*1e3)
			if info, err := s.Stat(b.Context(), blobName); err != nil || info.Size != int64(len(content)) {
				b.Fatal(info, err)
			}
			if err := s.Delete(b.Context(), blobName); err != nil {
				b.Fatal(err)
			}
		}
	}
	median := func(name string) float64 {
		slices.Sort(took[name])
		return took[name][len(took[name])/2]
	}
	b.ReportMetric(median("fsync"), "fsync-ms")
	b.ReportMetric(median("nosync"), "nosync-ms")
	b.ReportMetric(median("fsync")/median("nosync"), "ratio")
}
