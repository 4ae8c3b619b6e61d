package seal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"

	"github.com/houvast/houvast"
)

func TestEnvelope(t *testing.T) {
	ctx := t.Context()
	k := ring(t, t.TempDir())
	id, err := k.NewKey(ctx, "evidence")
	must(t, err)
	for _, size := range []int{0, 1, 1000, 64 << 10, 64<<10 + 1, 128 << 10, 300_000} {
		plain := bytes.Repeat([]byte("bland text, "), size/12+1)[:size]
		env := sealed(t, k, id, plain)
		if int64(len(env)) != int64(size)+Overhead(int64(size)) {
			t.Errorf("size %d: the envelope has %d bytes, Overhead says %d more", size, len(env), Overhead(int64(size)))
		}
		got, err := read(ctx, k, env, id)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("size %d: %d bytes came back, %v", size, len(got), err)
		}
		if of, err := KeyOf(bytes.NewReader(env)); of != id || err != nil {
			t.Errorf("KeyOf = %q, %v, want %q", of, err, id)
		}
		r, err := k.Open(ctx, iotest.OneByteReader(bytes.NewReader(env)), id)
		must(t, err)
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("size %d byte by byte: %d came back, %v", size, len(got), err)
		}
	}
	if a, b := sealed(t, k, id, []byte("x")), sealed(t, k, id, []byte("x")); bytes.Equal(a[headerSize:], b[headerSize:]) {
		t.Error("sealing twice gives the same bytes")
	}
}

// The header is the one the package comment promises; a change needs a new version byte.
func TestEnvelopeFormat(t *testing.T) {
	k := ring(t, t.TempDir())
	id, err := k.NewKey(t.Context(), "evidence")
	must(t, err)
	env := sealed(t, k, id, nil)
	lines := strings.SplitN(string(env), "\n", 6)
	if lines[0] != "\x01age-encryption.org/v1" || lines[1] != "-> houvast "+string(id) ||
		len(lines[2]) != 64 || len(lines[3]) != 11 || !strings.HasPrefix(lines[4], "--- ") || headerSize != 188 {
		t.Errorf("the header is %q, %d bytes", lines[:5], headerSize)
	}
}

// TestTampered changes every byte of a short envelope, cuts it everywhere, and appends.
func TestTampered(t *testing.T) {
	ctx := t.Context()
	k := ring(t, t.TempDir())
	id, err := k.NewKey(ctx, "evidence")
	must(t, err)
	env := sealed(t, k, id, []byte("bland text"))
	variants := map[string][]byte{"appended": append(bytes.Clone(env), 0)}
	for i := range env {
		for _, bit := range []byte{1, 0x20, 0x80} {
			b := bytes.Clone(env)
			b[i] ^= bit
			variants[fmt.Sprintf("byte %d xor %#x", i, bit)] = b
		}
		variants[fmt.Sprintf("cut to %d", i)] = env[:i]
	}
	for what, b := range variants {
		got, err := read(ctx, k, b, id)
		if houvast.KindOf(err) != houvast.Corrupt || err == nil {
			t.Errorf("%s: %d bytes, %v", what, len(got), err)
		}
	}
	if got, err := read(ctx, k, env, id); string(got) != "bland text" || err != nil {
		t.Errorf("control: the unchanged envelope gives %q, %v", got, err)
	}
	t.Logf("%d variants", len(variants))

	long := sealed(t, k, id, make([]byte, 200_000))
	chunk := 64<<10 + tagSize
	for what, b := range map[string][]byte{
		"whole chunks cut":   long[:headerSize+16+2*chunk],
		"last byte cut":      long[:len(long)-1],
		"two chunks swapped": swap(long, headerSize+16, headerSize+16+chunk, chunk),
	} {
		if _, err := read(ctx, k, b, id); houvast.KindOf(err) != houvast.Corrupt || err == nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func swap(b []byte, i, j, n int) []byte {
	out := bytes.Clone(b)
	copy(out[i:i+n], b[j:j+n])
	copy(out[j:j+n], b[i:i+n])
	return out
}

// An envelope belongs to one key: neither the id in a row nor the one in the header can be swapped.
func TestOtherKey(t *testing.T) {
	ctx := t.Context()
	k := ring(t, t.TempDir())
	a, err := k.NewKey(ctx, "evidence")
	must(t, err)
	b, err := k.NewKey(ctx, "evidence")
	must(t, err)
	env := sealed(t, k, a, []byte("x"))
	_, err = read(ctx, k, env, b)
	wantKind(t, err, houvast.Corrupt, "sealed-other-key")
	renamed := bytes.Replace(env, []byte(a), []byte(b), 1)
	_, err = read(ctx, k, renamed, b)
	wantKind(t, err, houvast.Corrupt, "sealed-corrupt")

	// Nor can rows of keys.db: the wrapped key of a is no key b.
	_, err = k.db.ExecContext(ctx, "UPDATE object_key SET wrapped = (SELECT wrapped FROM object_key WHERE id = $1) WHERE id = $2", string(a), string(b))
	must(t, err)
	k.cache.clear()
	_, err = k.Seal(ctx, io.Discard, b)
	wantKind(t, err, houvast.Corrupt, "key-corrupt")
}

// TestHostileHeaders feeds age files that Houvast never wrote; none may cost more than a header.
func TestHostileHeaders(t *testing.T) {
	ctx := t.Context()
	k := ring(t, t.TempDir())
	id, err := k.NewKey(ctx, "evidence")
	must(t, err)
	foreign := func(recipients ...age.Recipient) string {
		var b bytes.Buffer
		b.WriteByte(version)
		w, err := age.Encrypt(&b, recipients...)
		must(t, err)
		must(t, w.Close())
		return b.String()
	}
	x, err := age.GenerateX25519Identity()
	must(t, err)
	key := [keySize]byte{1}
	for name, in := range map[string]string{
		"empty":              "",
		"an age file":        foreign(x.Recipient()),
		"two stanzas":        foreign(&party{id: id, key: &key}, &party{id: id, key: &key}),
		"another object key": foreign(&party{id: id, key: &key}),
		"endless first line": strings.Repeat("a", 1<<20),
		"endless stanzas":    "\x01" + intro + strings.Repeat("-> houvast "+string(id)+"\n\n", 50_000),
		"id with a path":     "\x01" + intro + stanza + "k_../../../../../../etc/passwd" + strings.Repeat("\n", 200),
		"version 2":          "\x02" + foreign(&party{id: id, key: &key})[1:],
		"carriage returns":   strings.ReplaceAll(foreign(&party{id: id, key: &key}), "\n", "\r"),
	} {
		src := &counter{r: strings.NewReader(in)}
		_, err := k.Open(ctx, src, id)
		if houvast.KindOf(err) != houvast.Corrupt || err == nil {
			t.Errorf("%s: Open = %v", name, err)
		}
		if src.n > 8<<10 { // the header, and what age reads ahead of it
			t.Errorf("%s: %d bytes were read to find that out", name, src.n)
		}
		if strings.Contains(fmt.Sprint(err, houvast.HintOf(err)), "passwd") {
			t.Errorf("%s: the error echoes its input: %v", name, err)
		}
		src = &counter{r: strings.NewReader(in)}
		if KeyOf(src); src.n > headerSize {
			t.Errorf("%s: KeyOf read %d bytes", name, src.n)
		}
	}
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// A disk that fails is not tampering, and says so at every place it can fail.
func TestSourceErrors(t *testing.T) {
	ctx := t.Context()
	k := ring(t, t.TempDir())
	id, err := k.NewKey(ctx, "evidence")
	must(t, err)
	env := sealed(t, k, id, make([]byte, 100_000))
	broken := errors.New("the disk is gone")
	for _, at := range []int{0, 1, headerSize - 1, headerSize, headerSize + 16, headerSize + 1000, len(env) - 1, len(env)} {
		r, err := k.Open(ctx, io.MultiReader(bytes.NewReader(env[:at]), iotest.ErrReader(broken)), id)
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, broken) || houvast.KindOf(err) != houvast.Unavailable {
			t.Errorf("reading fails at %d: %v", at, err)
		}
	}
	own := houvast.Errorf("test", houvast.NotFound, "blob-unknown", "no such blob")
	if _, err := KeyOf(iotest.ErrReader(own)); !errors.Is(err, own) || houvast.KindOf(err) != houvast.NotFound {
		t.Errorf("an error with a kind became %v", err)
	}
	for _, room := range []int{0, 1, 100, headerSize + 16, 70_000} {
		w, err := k.Seal(ctx, &shortWriter{room: room, err: broken}, id)
		if err == nil {
			_, err = w.Write(make([]byte, 100_000))
			if again := w.Close(); err == nil || again == nil {
				err = again
			}
		}
		if !errors.Is(err, broken) || houvast.KindOf(err) != houvast.Unavailable {
			t.Errorf("writing fails after %d: %v", room, err)
		}
	}
}

type shortWriter struct {
	room int
	err  error
}

func (w *shortWriter) Write(p []byte) (int, error) {
	if len(p) > w.room {
		return 0, w.err
	}
	w.room -= len(p)
	return len(p), nil
}

func TestBytes(t *testing.T) {
	ctx := t.Context()
	k := ring(t, t.TempDir())
	id, err := k.NewKey(ctx, "subject")
	must(t, err)
	other, err := k.NewKey(ctx, "subject")
	must(t, err)
	plain, row := []byte("a display name"), []byte("subject/7/name")
	b, err := k.SealBytes(ctx, id, plain, row)
	must(t, err)
	if len(b) != len(plain)+41 || bytes.Contains(b, plain) {
		t.Errorf("sealed to %d bytes: %s", len(b), hex.EncodeToString(b))
	}
	if got, err := k.OpenBytes(ctx, id, b, row); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("OpenBytes = %q, %v", got, err)
	}
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		_, err := k.OpenBytes(ctx, id, bad, row)
		wantKind(t, err, houvast.Corrupt, "sealed-corrupt")
		_, err = k.OpenBytes(ctx, id, b[:i], row)
		wantKind(t, err, houvast.Corrupt, "sealed-corrupt")
	}
	_, err = k.OpenBytes(ctx, id, b, []byte("subject/8/name"))
	wantKind(t, err, houvast.Corrupt, "sealed-corrupt")
	_, err = k.OpenBytes(ctx, other, b, row)
	wantKind(t, err, houvast.Corrupt, "sealed-corrupt")
	_, err = k.SealBytes(ctx, id, make([]byte, MaxBytes+1), nil)
	wantKind(t, err, houvast.TooLarge, "seal-too-large")
	must(t, k.Destroy(ctx, id))
	_, err = k.OpenBytes(ctx, id, b, row)
	wantKind(t, err, houvast.Gone, "key-destroyed")
}
