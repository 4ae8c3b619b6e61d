//go:build unix

package store

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/houvast/houvast"
	"golang.org/x/sys/unix"
)

// LockDir makes this process the only one that opens the data in dir, until release is called or
// the process ends in whatever way.
func LockDir(dir string) (release func(), err error) {
	const op = "store.LockDir"
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, houvast.Errorf(op, houvast.Unavailable, "data-dir", "the data folder cannot be written: %w", err).
			WithHint("check that %s exists and belongs to this user", dir)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, houvast.Errorf(op, houvast.Unavailable, "data-in-use", "another houvast uses the data in %s", dir).
				WithHint("stop it first, or give this one another --data folder")
		}
		return nil, houvast.Wrap(op, err)
	}
	return func() { f.Close() }, nil
}
