package sandbox

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/houvast/houvast"
)

// spool copies data into a memory file and seals it, so that neither side can change it any more. It
// has no name and no place on a disk. More than limit bytes is TooLarge; an error of data itself
// keeps its kind.
func spool(ctx context.Context, data io.Reader, limit int64) (_ *os.File, size int64, err error) {
	const op = "sandbox.Do"
	if data == nil {
		return nil, 0, houvast.Errorf(op, houvast.Invalid, "bad-request", "the request has no data")
	}
	f, err := memfd()
	if err != nil {
		return nil, 0, failure(ChildStart, "no memory file for the request: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	src := &interruptible{ctx: ctx, r: data}
	size, err = io.Copy(f, io.LimitReader(src, limit+1))
	switch {
	case src.err != nil:
		return nil, 0, houvast.Wrap(op, src.err)
	case err != nil:
		return nil, 0, failure(ChildStart, "the memory file of the request cannot be written: %w", err)
	case size > limit:
		return nil, 0, houvast.Errorf(op, houvast.TooLarge, "data-too-large", "the request has more than %d bytes", limit)
	}
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, 0, failure(ChildStart, "the memory file of the request cannot be sealed: %w", err)
	}
	return f, size, nil
}

func memfd() (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("item", flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate("item", flags)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "item"), nil
}

// interruptible is a reader that ends with the context between two reads, and remembers the error
// of the source apart from that of the sink.
type interruptible struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (i *interruptible) Read(b []byte) (n int, err error) {
	if err := i.ctx.Err(); err != nil {
		i.err = interrupted(i.ctx)
		return 0, i.err
	}
	n, err = i.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		i.err = err
	}
	return n, err
}

func interrupted(ctx context.Context) error {
	return houvast.Errorf("sandbox.Do", houvast.Unavailable, "interrupted", "the caller gave up on the request: %w", context.Cause(ctx))
}
