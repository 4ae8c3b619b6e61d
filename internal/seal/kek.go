package seal

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/houvast/houvast"
)

const (
	kekFile  = "kek"
	kekTemp  = "kek.new"
	lockFile = "lock"
)

// makeDir makes the directory of the keyring when it is missing.
func (k *Keyring) makeDir() error {
	const op = "seal.makeDir"
	err := os.Mkdir(k.dir, 0o700)
	if err == nil {
		return k.syncDir(filepath.Dir(k.dir))
	}
	if !errors.Is(err, fs.ErrExist) {
		return fileError(op, "the key directory cannot be made", err)
	}
	st, err := os.Stat(k.dir)
	if err != nil {
		return fileError(op, "the key directory cannot be read", err)
	}
	if !st.IsDir() {
		return houvast.Errorf(op, houvast.Invalid, "keys-not-directory", "the key directory is a file").
			WithHint("name a directory of its own for the keys")
	}
	return nil
}

// takeLock holds the keyring for this process; the kernel lets go of it when the process ends.
func (k *Keyring) takeLock() error {
	const op = "seal.takeLock"
	f, err := os.OpenFile(filepath.Join(k.dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fileError(op, "the key directory cannot be written", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return houvast.Errorf(op, houvast.Unavailable, "keys-in-use", "another process holds the keyring").
				WithHint("stop the other houvast that uses this key directory")
		}
		return fileError(op, "the key directory cannot be locked", err)
	}
	k.lock = f
	return nil
}

// loadKEK reads the KEK, or makes it when there are no keys it could belong to. It reports whether
// keys.db has been written to.
func (k *Keyring) loadKEK() (exists bool, err error) {
	const op = "seal.loadKEK"
	st, err := os.Stat(filepath.Join(k.dir, dbFile))
	switch {
	case err == nil:
		exists = st.Size() > 0
	case !errors.Is(err, fs.ErrNotExist):
		return false, fileError(op, "keys.db cannot be read", err)
	}
	// A process killed in makeKEK left it; it was never used, or is the KEK under a second name.
	if err := os.Remove(filepath.Join(k.dir, kekTemp)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return exists, fileError(op, "the key directory cannot be written", err)
	}
	path := filepath.Join(k.dir, kekFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if exists {
			return exists, houvast.Errorf(op, houvast.Unavailable, "kek-missing",
				"keys.db has keys, but the key that wraps them is not there").
				WithHint("restore the KEK: put the file kek back beside keys.db; a new one would not open anything")
		}
		return exists, k.makeKEK(path)
	}
	if err != nil {
		return exists, fileError(op, "the KEK cannot be read", err)
	}
	defer f.Close()
	return exists, k.readKEK(f)
}

func (k *Keyring) readKEK(f *os.File) error {
	const op = "seal.readKEK"
	st, err := f.Stat()
	if err != nil {
		return fileError(op, "the KEK cannot be read", err)
	}
	if !st.Mode().IsRegular() {
		return houvast.Errorf(op, houvast.Corrupt, "kek-length", "the KEK is not a regular file")
	}
	if perm := st.Mode().Perm(); perm&0o077 != 0 {
		return houvast.Errorf(op, houvast.Forbidden, "kek-readable",
			"the KEK can be read or written by others (mode %04o)", perm).
			WithHint("run chmod 0400 on the file kek, and replace the keys if others had a login here")
	}
	var b [keySize + 1]byte
	defer clear(b[:])
	n, err := io.ReadFull(f, b[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return fileError(op, "the KEK cannot be read", err)
	}
	if n != keySize {
		return houvast.Errorf(op, houvast.Corrupt, "kek-length", "the KEK is not %d bytes long", keySize).
			WithHint("restore the KEK from its backup")
	}
	copy(k.kek[:], b[:])
	return nil
}

// makeKEK writes a new KEK under a name of its own first: under its final name it is whole or not
// there, and it never replaces another.
func (k *Keyring) makeKEK(path string) error {
	const op = "seal.makeKEK"
	temp := filepath.Join(k.dir, kekTemp)
	rand.Read(k.kek[:]) // never fails: crypto/rand ends the process instead
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return fileError(op, "the KEK cannot be written", err)
	}
	defer f.Close()
	if _, err := f.Write(k.kek[:]); err != nil {
		return fileError(op, "the KEK cannot be written", err)
	}
	if err := k.knobs.sync(f); err != nil {
		return k.fail(op, err)
	}
	if err := os.Link(temp, path); err != nil {
		return fileError(op, "the KEK cannot be written", err)
	}
	if err := os.Remove(temp); err != nil {
		return fileError(op, "the KEK cannot be written", err)
	}
	return k.syncDir(k.dir)
}

func (k *Keyring) syncDir(dir string) error {
	const op = "seal.syncDir"
	d, err := os.Open(dir)
	if err != nil {
		return fileError(op, "the key directory cannot be read", err)
	}
	defer d.Close()
	if err := k.knobs.sync(d); err != nil {
		return k.fail(op, err)
	}
	return nil
}

// fail ends all writing: after a failed fsync the page may be marked clean, so that trying again
// would succeed without anything on the disk.
func (k *Keyring) fail(op string, err error) error {
	e := houvast.Errorf(op, houvast.Unavailable, "fsync-failed", "the keyring could not be made durable: %w", err).
		WithHint("check the disk that holds the key directory, then start houvast again")
	k.failed.CompareAndSwap(nil, e)
	return e
}

// fileError gives an error of the file system its kind.
func fileError(op, what string, err error) *houvast.Error {
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return houvast.Errorf(op, houvast.Forbidden, "keys-not-writable", "%s: %w", what, err).
			WithHint("give the user that runs houvast the key directory, with mode 0700")
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return houvast.Errorf(op, houvast.Invalid, "keys-not-directory", "%s: %w", what, err).
			WithHint("make the parent of the key directory first")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return houvast.Errorf(op, houvast.Unavailable, "disk-full", "%s: %w", what, err).
			WithHint("free space on the disk that holds the key directory")
	}
	return houvast.Errorf(op, houvast.Unavailable, "io-failed", "%s: %w", what, err)
}
