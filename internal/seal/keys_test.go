package seal

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast"
)

func TestKeys(t *testing.T) {
	ctx := t.Context()
	dir := filepath.Join(t.TempDir(), "keys")
	k := ring(t, dir)
	want := makeKeys(t, k, 2*pageSize+1) // more than two pages
	must(t, k.Destroy(ctx, want[3], want[pageSize]))
	want = slices.Delete(slices.Delete(want, pageSize, pageSize+1), 3, 4)
	var got []KeyID
	for info, err := range k.Keys(ctx) {
		must(t, err)
		if info.Purpose != "evidence" || !info.Created.Equal(start) || !info.Destroyed.IsZero() {
			t.Fatalf("Keys yields %+v", info)
		}
		if _, err := k.Key(ctx, info.ID); err != nil { // the loop may use the keyring
			t.Fatal(err)
		}
		got = append(got, info.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("Keys yields %d keys, want the %d live ones in order", len(got), len(want))
	}
	for range k.Keys(ctx) {
		break
	}
	for _, bad := range []string{"", "a b", "é", "a\x00b", string(make([]byte, 121))} {
		_, err := k.NewKey(ctx, bad)
		wantKind(t, err, houvast.Invalid, "bad-name")
	}
	_, err := k.Seal(ctx, io.Discard, "k_")
	wantKind(t, err, houvast.Invalid, "bad-key-id")
}

// makeKeys makes n keys in one transaction.
func makeKeys(t *testing.T, k *Keyring, n int) (ids []KeyID) {
	t.Helper()
	must(t, k.write(t.Context(), "test", func(ctx context.Context, tx *sql.Tx) error {
		for range n {
			id, err := k.insert(ctx, tx, "evidence", sql.NullString{})
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	}))
	return ids
}

func TestHourKey(t *testing.T) {
	ctx := t.Context()
	dir := filepath.Join(t.TempDir(), "keys")
	k := ring(t, dir)
	at := time.Date(2026, 11, 23, 18, 0, 0, 0, time.FixedZone("CET", 3600)) // 17:00 UTC
	first, err := k.HourKey(ctx, at)
	must(t, err)
	for _, later := range []time.Duration{0, time.Minute, time.Hour - 1} {
		if id, err := k.HourKey(ctx, at.Add(later).UTC()); id != first || err != nil {
			t.Errorf("%v later: %q, %v, want %q", later, id, err, first)
		}
	}
	next, err := k.HourKey(ctx, at.Add(time.Hour))
	must(t, err)
	if next == first {
		t.Error("two hours share a key")
	}
	if info, err := k.Key(ctx, first); info.Purpose != "quarantine/2026-11-23T17" || err != nil {
		t.Errorf("Key = %+v, %v", info, err)
	}
	must(t, k.Close())
	k = ring(t, dir)
	if id, err := k.HourKey(ctx, at); id != first || err != nil {
		t.Errorf("after a restart: %q, %v, want %q", id, err, first)
	}
	must(t, k.Destroy(ctx, first))
	_, err = k.HourKey(ctx, at)
	wantKind(t, err, houvast.Gone, "key-destroyed")
	if id, err := k.HourKey(ctx, at.Add(time.Hour)); id != next || err != nil {
		t.Errorf("the next hour: %q, %v, want %q", id, err, next)
	}
}

func TestHourKeyConcurrent(t *testing.T) {
	k := ring(t, t.TempDir())
	var wg sync.WaitGroup
	ids := make([]KeyID, 16)
	for i := range ids {
		wg.Go(func() {
			id, err := k.HourKey(t.Context(), start)
			if err != nil {
				t.Error(err)
			}
			ids[i] = id
		})
	}
	wg.Wait()
	if slices.Sort(ids); ids[0] != ids[len(ids)-1] {
		t.Errorf("one hour got several keys: %v", slices.Compact(ids))
	}
}

func TestDestroy(t *testing.T) {
	ctx := t.Context()
	clock := &hands{}
	dir := filepath.Join(t.TempDir(), "keys")
	k, err := Open(ctx, dir, clock)
	must(t, err)
	t.Cleanup(func() { k.Close() })
	id, err := k.NewKey(ctx, "evidence")
	must(t, err)
	other, err := k.NewKey(ctx, "evidence")
	must(t, err)
	env, kept := sealed(t, k, id, []byte("bland")), sealed(t, k, other, []byte("kept"))
	if got, err := read(ctx, k, env, id); string(got) != "bland" || err != nil { // now it is in the cache
		t.Fatalf("before: %q, %v", got, err)
	}
	wantKind(t, k.Destroy(ctx, id, "k_"+KeyID(bytes.Repeat([]byte("0"), idChars))), houvast.NotFound, "key-unknown")
	if got, err := read(ctx, k, env, id); string(got) != "bland" || err != nil {
		t.Fatalf("a refused Destroy destroyed: %q, %v", got, err)
	}
	clock.mono.Add(int64(time.Hour))
	when := clock.Now()
	must(t, k.Destroy(ctx, id))
	clock.mono.Add(int64(time.Hour))
	must(t, k.Destroy(ctx, id))
	gone := func() {
		t.Helper()
		_, err := read(ctx, k, env, id)
		wantKind(t, err, houvast.Gone, "key-destroyed")
		_, err = k.Seal(ctx, io.Discard, id)
		wantKind(t, err, houvast.Gone, "key-destroyed")
		if got, err := read(ctx, k, kept, other); string(got) != "kept" || err != nil {
			t.Errorf("the other key: %q, %v", got, err)
		}
		if info, err := k.Key(ctx, id); err != nil || !info.Destroyed.Equal(when) || info.Purpose != "evidence" {
			t.Errorf("Key = %+v, %v, want destroyed at %v", info, err, when)
		}
	}
	gone()
	must(t, k.Close())
	k = ring(t, dir)
	gone()
	stranger := ring(t, filepath.Join(t.TempDir(), "other"))
	_, err = read(ctx, stranger, kept, other)
	wantKind(t, err, houvast.Gone, "key-unknown")
}

// A copy made before the destroy still opens the envelope: what Destroy reaches is this directory.
func TestCopyBeforeDestroy(t *testing.T) {
	ctx := t.Context()
	dir := filepath.Join(t.TempDir(), "keys")
	k := ring(t, dir)
	id, err := k.NewKey(ctx, "evidence")
	must(t, err)
	env := sealed(t, k, id, []byte("bland"))
	must(t, k.Close())
	before := filepath.Join(t.TempDir(), "before")
	must(t, os.CopyFS(before, os.DirFS(dir)))
	must(t, os.Chmod(filepath.Join(before, kekFile), 0o400)) // CopyFS adds the read bits of the umask
	k = ring(t, dir)
	must(t, k.Destroy(ctx, id))
	must(t, k.Close())
	after := filepath.Join(t.TempDir(), "after")
	must(t, os.CopyFS(after, os.DirFS(dir)))
	must(t, os.Chmod(filepath.Join(after, kekFile), 0o400))
	if got, err := read(ctx, ring(t, before), env, id); string(got) != "bland" || err != nil {
		t.Errorf("control: the earlier copy gives %q, %v", got, err)
	}
	_, err = read(ctx, ring(t, after), env, id)
	wantKind(t, err, houvast.Gone, "key-destroyed")
}

func TestCache(t *testing.T) {
	ctx := t.Context()
	clock := &hands{}
	k, err := Open(ctx, t.TempDir(), clock)
	must(t, err)
	defer k.Close()
	ids := makeKeys(t, k, cacheKeys+10)
	for _, id := range ids {
		sealed(t, k, id, nil)
	}
	if n := len(k.cache.keys); n != cacheKeys {
		t.Errorf("%d keys are cached, want %d", n, cacheKeys)
	}
	last := ids[len(ids)-1]
	// Whether a key comes from memory shows when keys.db is changed behind its back.
	_, err = k.db.ExecContext(ctx, "UPDATE object_key SET wrapped = zeroblob(72) WHERE id = $1", string(last))
	must(t, err)
	if _, err := k.Seal(ctx, io.Discard, last); err != nil {
		t.Errorf("the key was not cached: %v", err)
	}
	clock.mono.Store(int64(cacheLife))
	_, err = k.Seal(ctx, io.Discard, last)
	wantKind(t, err, houvast.Corrupt, "key-corrupt") // it was read anew
	sealed(t, k, ids[0], nil)
	if n := len(k.cache.keys); n != 1 {
		t.Errorf("%d keys are cached after their time, want the new one", n)
	}
}

// What was read from keys.db before a Destroy must not enter the cache after it.
func TestCacheRace(t *testing.T) {
	k := ring(t, t.TempDir())
	id, err := k.NewKey(t.Context(), "test")
	must(t, err)
	_, epoch, ok := k.cache.get(id)
	if ok {
		t.Fatal("a new key is cached already")
	}
	must(t, k.Destroy(t.Context(), id))
	k.cache.put(id, [keySize]byte{1}, epoch)
	if _, _, ok := k.cache.get(id); ok {
		t.Error("a destroyed key came back into the cache")
	}
	_, epoch, _ = k.cache.get(id)
	k.cache.put(id, [keySize]byte{1}, epoch) // control: with the new epoch it would
	if _, _, ok := k.cache.get(id); !ok {
		t.Error("control: the cache takes nothing")
	}
}

func TestConcurrentUse(t *testing.T) {
	ctx := t.Context()
	k := ring(t, t.TempDir())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				id, err := k.NewKey(ctx, "test")
				if err != nil {
					t.Error(err)
					return
				}
				b, err := k.SealBytes(ctx, id, []byte("x"), nil)
				if err != nil {
					t.Error(err)
				}
				if got, err := k.OpenBytes(ctx, id, b, nil); string(got) != "x" || err != nil {
					t.Errorf("OpenBytes = %q, %v", got, err)
				}
				if err := k.Destroy(ctx, id); err != nil {
					t.Error(err)
				}
				if _, err := k.OpenBytes(ctx, id, b, nil); houvast.KindOf(err) != houvast.Gone {
					t.Errorf("after Destroy: %v", err)
				}
				if err := k.SetMark(ctx, "m", []byte(id)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
