package dir

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"

	"github.com/houvast/houvast/internal/blob"
	"github.com/houvast/houvast/internal/blob/blobtest"
)

// disk is an ext4 image that can lose its power.
type disk struct{ image, mount string }

func newDisk(t *testing.T) *disk {
	t.Helper()
	base := t.TempDir()
	d := &disk{filepath.Join(base, "image"), filepath.Join(base, "mount")}
	must(t, os.Mkdir(d.mount, 0o700))
	must(t, os.WriteFile(d.image, nil, 0o600))
	must(t, os.Truncate(d.image, 32<<20))
	d.run(t, "mkfs.ext4", "-q", d.image)
	d.run(t, "mount", "-o", "loop", d.image, d.mount)
	t.Cleanup(func() { exec.Command("umount", "-l", d.mount).Run() })
	return d
}

func (d *disk) run(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
}

// cut stops every write at once, what is in memory included (EXT4_IOC_SHUTDOWN without flushing
// the journal), and mounts again what the disk has.
func (d *disk) cut(t *testing.T) {
	t.Helper()
	f, err := os.Open(d.mount)
	must(t, err)
	const shutdown, noLogFlush = 0x8004587d, 2 // _IOR('X', 125, __u32)
	flags := uint32(noLogFlush)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&flags)))
	f.Close()
	if errno != 0 {
		t.Fatal("the power cannot be cut:", errno)
	}
	d.run(t, "umount", d.mount)
	d.run(t, "mount", "-o", "loop", d.image, d.mount)
}

// cuts runs cycles of puts and deletes that end in a power cut, and counts what was acknowledged
// and is not so afterwards.
func cuts(t *testing.T, cycles int, sync func(*os.File) error) (acks, lost int) {
	t.Helper()
	ctx := t.Context()
	d := newDisk(t)
	path := filepath.Join(d.mount, "blobs")
	want, deleted := map[string][]byte{}, map[string]bool{}
	for c := range cycles {
		s, err := Open(path, WithSync(sync))
		must(t, err)
		for i := range 6 {
			name := fmt.Sprintf("b-%d-%d", c, i)
			content := bytes.Repeat([]byte{byte(c), byte(i), 1}, 3000*(i+1))
			must(t, blobtest.Put(ctx, s, name, content))
			want[name] = content
			acks++
		}
		gone := fmt.Sprintf("b-%d-0", c)
		must(t, s.Delete(ctx, gone))
		acks++
		delete(want, gone)
		deleted[gone] = true
		s.Close()
		d.cut(t)
	}
	s, err := Open(path, WithSync(sync))
	must(t, err)
	defer s.Close()
	for name, content := range want {
		if got, err := blobtest.Get(ctx, s, name); err != nil || !bytes.Equal(got, content) {
			lost++
		}
	}
	must(t, s.List(ctx, func(i blob.Info) error {
		if deleted[i.Name] {
			lost++
		}
		return nil
	}))
	return acks, lost
}

func TestPowerCut(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: a power cut needs root to mount an ext4 image")
	}
	only := func(dirs bool) func(*os.File) error {
		return func(f *os.File) error {
			if st, err := f.Stat(); err != nil || st.IsDir() != dirs {
				return err
			}
			return f.Sync()
		}
	}
	for _, c := range []struct {
		name   string
		cycles int
		sync   func(*os.File) error
		ok     bool
	}{
		{"as shipped", 6, (*os.File).Sync, true},
		{"control: files only", 1, only(false), false},
		{"control: folders only", 1, only(true), false},
		{"control: no fsync", 1, func(*os.File) error { return nil }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			acks, lost := cuts(t, c.cycles, c.sync)
			t.Logf("%d power cuts, %d acknowledged, %d lost", c.cycles, acks, lost)
			if c.ok && lost > 0 {
				t.Errorf("%d of %d acknowledged writes are lost", lost, acks)
			}
			if !c.ok && lost == 0 {
				t.Error("without these fsyncs nothing is lost: the cut is none")
			}
		})
	}
}
