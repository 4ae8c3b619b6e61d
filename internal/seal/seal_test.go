package seal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/houvast/houvast"
)

// hands is a clock that only the test moves.
type hands struct{ mono atomic.Int64 }

var start = time.Date(2026, 11, 23, 17, 4, 5, 0, time.UTC)

func (h *hands) Now() time.Time      { return start.Add(h.Mono()) }
func (h *hands) Mono() time.Duration { return time.Duration(h.mono.Load()) }

func ring(t *testing.T, dir string) *Keyring {
	t.Helper()
	k, err := Open(t.Context(), dir, &hands{})
	must(t, err)
	t.Cleanup(func() { k.Close() })
	return k
}

func TestNewKeyring(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	k := ring(t, dir)
	if !k.Fresh() {
		t.Error("a new keyring is not fresh")
	}
	for file, mode := range map[string]os.FileMode{kekFile: 0o400, dbFile: 0o600, "": 0o700 | os.ModeDir} {
		st, err := os.Stat(filepath.Join(dir, file))
		must(t, err)
		if st.Mode() != mode {
			t.Errorf("%q has mode %v, want %v", file, st.Mode(), mode)
		}
	}
	kek, err := os.ReadFile(filepath.Join(dir, kekFile))
	must(t, err)
	if len(kek) != keySize || bytes.Equal(kek, make([]byte, keySize)) {
		t.Errorf("the KEK has %d bytes or is zero", len(kek))
	}
	if _, err := os.Stat(filepath.Join(dir, kekTemp)); err == nil {
		t.Error("the temporary KEK is left")
	}
	must(t, k.Close())
	again := ring(t, dir)
	if again.Fresh() {
		t.Error("a keyring that was there is fresh")
	}
	if now, _ := os.ReadFile(filepath.Join(dir, kekFile)); !bytes.Equal(now, kek) {
		t.Error("opening it again changed the KEK")
	}
	if again.kek != [keySize]byte(kek) || k.kek != [keySize]byte{} {
		t.Error("the KEK in memory is not the file's, or a closed keyring still has it")
	}
}

// TestKEKSyncs counts what makes the KEK survive a power cut: the file, then the folder.
func TestKEKSyncs(t *testing.T) {
	var seen []string
	kn := production()
	kn.sync = func(f *os.File) error {
		seen = append(seen, filepath.Base(f.Name()))
		return f.Sync()
	}
	dir := filepath.Join(t.TempDir(), "keys")
	k, err := open(t.Context(), dir, &hands{}, kn)
	must(t, err)
	defer k.Close()
	want := []string{"001", kekTemp, "keys", "keys", journalFile} // parent, KEK, its name, the name of keys.db, wipe
	if strings.Join(seen, " ") != strings.Join(want, " ") {
		t.Errorf("synced %v, want %v", seen, want)
	}
}

func TestOpenRefuses(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(t *testing.T, dir string)
		kind  houvast.Kind
		code  string
		words string // in the message or its hint
	}{
		{"missing KEK", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, kekFile)))
		}, houvast.Unavailable, "kek-missing", "restore the KEK"},
		{"KEK of another keyring", func(t *testing.T, dir string) {
			other := filepath.Join(t.TempDir(), "other")
			must(t, ring(t, other).Close())
			must(t, os.Remove(filepath.Join(dir, kekFile)))
			must(t, os.Rename(filepath.Join(other, kekFile), filepath.Join(dir, kekFile)))
		}, houvast.Corrupt, "kek-mismatch", "this KEK does not belong to this keys.db"},
		{"KEK readable by the group", chmod(0o440), houvast.Forbidden, "kek-readable", "chmod 0400"},
		{"KEK readable by all", chmod(0o404), houvast.Forbidden, "kek-readable", "chmod 0400"},
		{"KEK writable by all", chmod(0o402), houvast.Forbidden, "kek-readable", "chmod 0400"},
		{"KEK too short", resize(keySize - 1), houvast.Corrupt, "kek-length", "32 bytes"},
		{"KEK too long", resize(keySize + 1), houvast.Corrupt, "kek-length", "32 bytes"},
		{"KEK empty", resize(0), houvast.Corrupt, "kek-length", "32 bytes"},
		{"KEK is a folder", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, kekFile)))
			must(t, os.Mkdir(filepath.Join(dir, kekFile), 0o700))
		}, houvast.Corrupt, "kek-length", "regular"},
		{"keys.db is no database", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, dbFile), bytes.Repeat([]byte("bland "), 2000), 0o600))
		}, houvast.Corrupt, "keys-corrupt", "restore the key directory"},
		{"keys.db with damaged pages", func(t *testing.T, dir string) {
			f, err := os.OpenFile(filepath.Join(dir, dbFile), os.O_RDWR, 0)
			must(t, err)
			defer f.Close()
			st, err := f.Stat()
			must(t, err)
			_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, int(st.Size())-4096), 4096)
			must(t, err)
		}, houvast.Corrupt, "keys-corrupt", "restore the key directory"},
		{"keys.db is a folder", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, dbFile)))
			must(t, os.Mkdir(filepath.Join(dir, dbFile), 0o700))
		}, houvast.Unavailable, "io-failed", "keys.db"},
		{"format of a newer houvast", pragma("PRAGMA user_version = 2"), houvast.Unsupported, "keys-newer", "newer houvast"},
		{"somebody else's database", pragma("PRAGMA user_version = 0"), houvast.Corrupt, "keys-corrupt", "not ours"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "keys")
			k := ring(t, dir)
			_, err := k.NewKey(t.Context(), "test")
			must(t, err)
			must(t, k.Close())
			before, _ := os.ReadFile(filepath.Join(dir, kekFile))
			c.spoil(t, dir)
			k, err = Open(t.Context(), dir, &hands{})
			if err == nil {
				k.Close()
				t.Fatal("Open returned no error")
			}
			wantKind(t, err, c.kind, c.code)
			if said := err.Error() + " " + houvast.HintOf(err); !strings.Contains(said, c.words) {
				t.Errorf("the error says %q, nothing of %q", said, c.words)
			}
			if c.code == "kek-missing" {
				if _, err := os.Stat(filepath.Join(dir, kekFile)); err == nil {
					t.Error("a new KEK was made in place of the missing one")
				}
				must(t, os.WriteFile(filepath.Join(dir, kekFile), before, 0o400))
				ring(t, dir) // the remedy works, and the failed Open let go of the lock
			}
		})
	}
}

func chmod(mode os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Join(dir, kekFile), mode)) }
}

func resize(n int64) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		must(t, os.Chmod(filepath.Join(dir, kekFile), 0o600))
		must(t, os.Truncate(filepath.Join(dir, kekFile), n))
	}
}

func pragma(q string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		k := ring(t, dir)
		_, err := k.db.ExecContext(t.Context(), q)
		must(t, err)
		must(t, k.Close())
	}
}

func TestOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	k := ring(t, dir)
	_, err := Open(t.Context(), dir, &hands{}) // flock counts open files, so this stands for a process
	wantKind(t, err, houvast.Unavailable, "keys-in-use")
	must(t, k.Close())
	ring(t, dir)
}

// Root may write anywhere, so the test gives up that right for its thread.
func TestNotWritable(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "keys")
	must(t, os.Mkdir(dir, 0o555))
	must(t, os.Chmod(base, 0o755))
	must(t, os.Chmod(filepath.Dir(base), 0o755))
	if os.Getuid() == 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		must(t, syscall.Setfsuid(65534))
		defer syscall.Setfsuid(0)
	}
	_, err := Open(t.Context(), dir, &hands{})
	wantKind(t, err, houvast.Forbidden, "keys-not-writable")
	_, err = Open(t.Context(), filepath.Join(base, "no", "parent"), &hands{})
	wantKind(t, err, houvast.Invalid, "keys-not-directory")
}

func TestClosed(t *testing.T) {
	ctx := t.Context()
	k := ring(t, t.TempDir())
	id, err := k.NewKey(ctx, "test")
	must(t, err)
	sealed, err := k.SealBytes(ctx, id, []byte("x"), nil)
	must(t, err)
	must(t, k.Close())
	must(t, k.Close())
	if _, err := k.OpenBytes(ctx, id, sealed, nil); err == nil {
		t.Error("a closed keyring opened something")
	}
	if _, err := k.NewKey(ctx, "test"); err == nil {
		t.Error("a closed keyring made a key")
	}
}

func TestSecrets(t *testing.T) {
	ctx := t.Context()
	dir := filepath.Join(t.TempDir(), "keys")
	k := ring(t, dir)
	made := 0
	create := func() []byte { made++; return []byte("pepper-" + string(rune('0'+made))) }
	for range 3 {
		got, err := k.Secret(ctx, "subject/pepper", create)
		if string(got) != "pepper-1" || err != nil {
			t.Errorf("Secret = %q, %v", got, err)
		}
	}
	must(t, k.Close())
	k = ring(t, dir)
	if got, err := k.Secret(ctx, "subject/pepper", create); string(got) != "pepper-1" || made != 1 || err != nil {
		t.Errorf("after a restart Secret = %q, %v, made %d times", got, err, made)
	}
	if got, err := k.Secret(ctx, "audit/mac", create); string(got) != "pepper-2" || err != nil {
		t.Errorf("another name: %q, %v", got, err)
	}
	for _, bad := range [][]byte{nil, make([]byte, maxSecret+1)} {
		_, err := k.Secret(ctx, "bad", func() []byte { return bad })
		wantKind(t, err, houvast.Invalid, "bad-secret")
	}
	_, err := k.Secret(ctx, "", create)
	wantKind(t, err, houvast.Invalid, "bad-name")
	raw := keyFiles(t, dir)
	if bytes.Contains(raw, []byte("pepper-1")) || !bytes.Contains(raw, []byte("subject/pepper")) {
		t.Error("the secret is in clear in the key directory, or the search does not see its name")
	}
	// The row of one secret cannot stand in for another.
	_, err = k.db.ExecContext(ctx, "UPDATE secret SET sealed = (SELECT sealed FROM secret WHERE name = 'audit/mac') WHERE name = 'subject/pepper'")
	must(t, err)
	_, err = k.Secret(ctx, "subject/pepper", create)
	wantKind(t, err, houvast.Corrupt, "secret-corrupt")
}

func TestMarks(t *testing.T) {
	ctx := t.Context()
	dir := filepath.Join(t.TempDir(), "keys")
	k := ring(t, dir)
	_, err := k.Mark(ctx, "audit/head")
	wantKind(t, err, houvast.NotFound, "mark-unknown")
	for _, v := range []string{"41", "", "42"} {
		must(t, k.SetMark(ctx, "audit/head", []byte(v)))
		if got, err := k.Mark(ctx, "audit/head"); string(got) != v || err != nil {
			t.Errorf("Mark = %q, %v", got, err)
		}
	}
	must(t, k.Close())
	k = ring(t, dir)
	if got, err := k.Mark(ctx, "audit/head"); string(got) != "42" || err != nil {
		t.Errorf("after a restart Mark = %q, %v", got, err)
	}
	wantKind(t, k.SetMark(ctx, "audit/head", make([]byte, maxMark+1)), houvast.TooLarge, "mark-too-large")
	wantKind(t, k.SetMark(ctx, "a b", nil), houvast.Invalid, "bad-name")
	_, err = k.db.ExecContext(ctx, "UPDATE mark SET sealed = zeroblob(60)")
	must(t, err)
	_, err = k.Mark(ctx, "audit/head")
	wantKind(t, err, houvast.Corrupt, "secret-corrupt")
}

func TestCancelled(t *testing.T) {
	k := ring(t, t.TempDir())
	id, err := k.NewKey(t.Context(), "test")
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	w, err := k.Seal(ctx, &out, id)
	must(t, err)
	_, err = w.Write([]byte("bland"))
	must(t, err)
	cancel()
	_, write := w.Write([]byte("bland"))
	_, newKey := k.NewKey(ctx, "test")
	_, hour := k.HourKey(ctx, start)
	for what, err := range map[string]error{
		"Write": write, "Close": w.Close(), "NewKey": newKey, "HourKey": hour,
		"Destroy": k.Destroy(ctx, id), "SetMark": k.SetMark(ctx, "m", nil),
	} {
		if houvast.CodeOf(err) != "cancelled" || !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context = %v", what, err)
		}
	}
	if _, err := read(t.Context(), k, out.Bytes(), id); houvast.KindOf(err) != houvast.Corrupt {
		t.Errorf("a cancelled envelope opens: %v", err)
	}
}

// sealed and read are the whole way there and back.
func sealed(t *testing.T, k *Keyring, id KeyID, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := k.Seal(t.Context(), &out, id)
	must(t, err)
	_, err = w.Write(plain)
	must(t, err)
	must(t, w.Close())
	return out.Bytes()
}

func read(ctx context.Context, k *Keyring, envelope []byte, id KeyID) ([]byte, error) {
	r, err := k.Open(ctx, bytes.NewReader(envelope), id)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// keyFiles returns every byte of the key directory.
func keyFiles(t *testing.T, dir string) (all []byte) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		all = append(all, b...)
	}
	return all
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
