package seal

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/houvast/houvast"
)

// residue makes keys, destroys most of them one by one and in batches, and counts how many wrapped
// keys of destroyed ones are found by search after the last Destroy returned.
func residue(t *testing.T, dir string, kn knobs, n int, search func() []byte) (found, destroyed int) {
	t.Helper()
	ctx := t.Context()
	k, err := open(ctx, dir, &hands{}, kn)
	must(t, err)
	defer k.Close()
	ids := makeKeys(t, k, n)
	var rows [][]byte
	for _, id := range ids {
		var w []byte
		must(t, k.db.QueryRowContext(ctx, "SELECT wrapped FROM object_key WHERE id = $1", string(id)).Scan(&w))
		rows = append(rows, w)
	}
	if live := count(search(), rows); live != n {
		t.Fatalf("control: the search sees %d of %d live wrapped keys", live, n)
	}
	dead := rows[:0:0]
	one := n - 30
	for at := 0; at < one; at += 30 { // batches, every third key stays
		var batch []KeyID
		for i := at; i < min(at+30, one); i++ {
			if i%3 != 0 {
				batch, dead = append(batch, ids[i]), append(dead, rows[i])
			}
		}
		must(t, k.Destroy(ctx, batch...))
	}
	for i := one; i < n-1; i++ { // and one by one, with other writes in between
		must(t, k.SetMark(ctx, "audit/head", []byte(ids[i])))
		must(t, k.Destroy(ctx, ids[i]))
		dead = append(dead, rows[i])
	}
	raw := search()
	if count(raw, rows[n-1:]) != 1 {
		t.Error("control: the search does not see the last live key")
	}
	return count(raw, dead), len(dead)
}

// count looks for the middle of each wrapped key: a fragment is a find.
func count(raw []byte, rows [][]byte) (n int) {
	for _, w := range rows {
		if bytes.Contains(raw, w[len(w)/2-8:len(w)/2+8]) {
			n++
		}
	}
	return n
}

func TestDestroyLeavesNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*knobs)
		ok   bool
	}{
		{"as shipped", func(*knobs) {}, true},
		{"control: secure_delete off", func(kn *knobs) { kn.secureDelete = "OFF" }, false},
		{"control: no wipe of the journal", func(kn *knobs) { kn.wipe = false }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			kn := production()
			c.set(&kn)
			dir := t.TempDir()
			found, of := residue(t, dir, kn, 300, func() []byte { return keyFiles(t, dir) })
			t.Logf("%d of %d destroyed keys found", found, of)
			if c.ok && found > 0 {
				t.Errorf("%d of %d destroyed keys are in the key directory", found, of)
			}
			if !c.ok && found == 0 {
				t.Error("without the protection nothing is found either")
			}
		})
	}
}

// TestDestroyLeavesNothingOnTheDevice searches the blocks of the file system, freed ones included.
func TestDestroyLeavesNothingOnTheDevice(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: freed disk blocks are only searched by root, who may mount an ext4 image")
	}
	base := t.TempDir()
	image, mount := filepath.Join(base, "image"), filepath.Join(base, "mount")
	must(t, os.Mkdir(mount, 0o700))
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 16<<20))
	for _, args := range [][]string{{"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, mount}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	t.Cleanup(func() { exec.Command("umount", "-l", mount).Run() })
	device := func() []byte {
		syscall.Sync()
		b, err := os.ReadFile(image)
		must(t, err)
		return b
	}
	// DELETE is not among the controls: under an exclusive lock SQLite keeps that journal too.
	for _, mode := range []string{"PERSIST", "TRUNCATE", "WAL"} {
		kn := production()
		kn.journal = mode
		if mode == "WAL" {
			kn.wiping = func(k *Keyring) {
				_, err := k.db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)")
				must(t, err)
			}
		}
		found, of := residue(t, filepath.Join(mount, mode), kn, 90, device)
		t.Logf("%s: %d of %d destroyed keys found", mode, found, of)
		if mode == production().journal && found > 0 {
			t.Errorf("%d of %d destroyed keys are still on the device", found, of)
		}
		if mode != production().journal && found == 0 {
			t.Errorf("control: a journal in mode %s, which shrinks, leaves nothing", mode)
		}
	}
}

// TestKilledDestroy kills a process between the commit of a Destroy and the wipe after it. The next
// Open finishes the work.
func TestKilledDestroy(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	k := ring(t, dir)
	id, err := k.NewKey(ctx, "evidence")
	must(t, err)
	var w []byte
	must(t, k.db.QueryRowContext(ctx, "SELECT wrapped FROM object_key WHERE id = $1", string(id)).Scan(&w))
	must(t, k.Close())
	child(t, "destroy", dir, string(id))
	if count(keyFiles(t, dir), [][]byte{w}) != 1 {
		t.Fatal("control: the killed process left nothing to wipe")
	}
	k = ring(t, dir)
	if count(keyFiles(t, dir), [][]byte{w}) != 0 {
		t.Error("after the next Open the wrapped key is still there")
	}
	if info, err := k.Key(ctx, id); err != nil || info.Destroyed.IsZero() {
		t.Errorf("the destroy was committed, but the key is %+v, %v", info, err)
	}
}

// TestFsyncError makes every fsync of a process fail with EIO, by a seccomp filter: what SQLite
// and the keyring do then is what they do on a dying disk.
func TestFsyncError(t *testing.T) {
	dir := t.TempDir()
	k := ring(t, dir)
	id, err := k.NewKey(t.Context(), "evidence")
	must(t, err)
	env := sealed(t, k, id, []byte("bland"))
	must(t, k.Close())
	child(t, "eio", dir, string(id))
	k = ring(t, dir) // as after a restart
	if got, err := read(t.Context(), k, env, id); string(got) != "bland" || err != nil {
		t.Errorf("after the failed fsyncs: %q, %v", got, err)
	}
	n := 0
	for range k.Keys(t.Context()) {
		n++
	}
	if n != 1 {
		t.Errorf("%d keys, want 1: a key that was never acknowledged is there", n)
	}
}

// A wipe that cannot be made durable is a Destroy that did not happen, as far as anybody is told.
func TestWipeFsyncError(t *testing.T) {
	ctx := t.Context()
	broken, calls := false, 0
	kn := production()
	kn.sync = func(f *os.File) error {
		if broken {
			if calls++; calls == 1 {
				return syscall.EIO
			}
		}
		return f.Sync()
	}
	k, err := open(ctx, t.TempDir(), &hands{}, kn)
	must(t, err)
	defer k.Close()
	id, err := k.NewKey(ctx, "evidence")
	must(t, err)
	broken = true
	wantKind(t, k.Destroy(ctx, id), houvast.Unavailable, "fsync-failed")
	wantKind(t, k.Destroy(ctx, id), houvast.Unavailable, "fsync-failed")
	_, err = k.NewKey(ctx, "evidence")
	wantKind(t, err, houvast.Unavailable, "fsync-failed")
	wantKind(t, k.SetMark(ctx, "m", nil), houvast.Unavailable, "fsync-failed")
	wantKind(t, k.Failed(), houvast.Unavailable, "fsync-failed")
	if calls != 1 {
		t.Errorf("fsync was called %d times after it failed", calls-1)
	}
}
