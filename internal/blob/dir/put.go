package dir

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/houvast/houvast"
)

// Put stores a blob.
func (s *Store) Put(ctx context.Context, name string, write func(io.Writer) error) error {
	const op = "dir.Put"
	if err := begin(ctx, op, name); err != nil {
		return err
	}
	if err := s.refuse(op); err != nil {
		return err
	}
	if _, err := s.root.Lstat(place(name)); err == nil {
		return conflict(op) // early: nothing was written yet; the link decides
	}
	if err := s.makeShard(shardOf(name)); err != nil {
		return houvast.Wrap(op, err)
	}
	temp := tmp + "/" + houvast.RandomText("put", 26)
	f, err := s.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return ioError(op, err)
	}
	if err := s.fill(ctx, op, f, write); err != nil {
		f.Close()
		s.root.Remove(temp) // what this leaves behind the next Open sweeps
		return err
	}
	return s.name(op, temp, name)
}

// name gives the finished file its name. When that cannot be made durable the name is taken back.
func (s *Store) name(op, temp, name string) error {
	linked := s.root.Link(temp, place(name))
	// Without this a Delete would leave the bytes below tmp.
	if err := s.root.Remove(temp); err != nil && linked == nil {
		s.root.Remove(place(name))
		return ioError(op, err)
	}
	if errors.Is(linked, fs.ErrExist) {
		return conflict(op)
	}
	if linked != nil {
		return ioError(op, linked)
	}
	if err := s.syncShard(shardOf(name)); err != nil {
		s.root.Remove(place(name))
		return houvast.Wrap(op, err)
	}
	return nil
}

func (s *Store) fill(ctx context.Context, op string, f *os.File, write func(io.Writer) error) error {
	w := &writer{ctx: ctx, f: f}
	err := write(w)
	if w.err != nil {
		return w.err // also when write kept quiet about it
	}
	if err != nil {
		return houvast.Wrap(op, err)
	}
	if err := s.fsync(op, f); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return ioError(op, err)
	}
	return nil
}

// Delete removes a blob. The folder is fsynced also when the name was not there: another Delete
// may have removed it a moment ago and not yet be durable.
func (s *Store) Delete(ctx context.Context, name string) error {
	const op = "dir.Delete"
	if err := begin(ctx, op, name); err != nil {
		return err
	}
	if err := s.refuse(op); err != nil {
		return err
	}
	if err := s.root.Remove(place(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ioError(op, err)
	}
	return houvast.Wrap(op, s.syncShard(shardOf(name)))
}

// makeShard makes sure that the folder is there and that its name is durable.
func (s *Store) makeShard(shard string) error {
	const op = "dir.makeShard"
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shards[shard] {
		return nil
	}
	if err := s.root.Mkdir(shard, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return ioError(op, err)
	}
	d, err := s.root.Open(".")
	if err != nil {
		return ioError(op, err)
	}
	defer d.Close()
	if err := s.fsync(op, d); err != nil {
		return err
	}
	s.shards[shard] = true
	return nil
}

func (s *Store) syncShard(shard string) error {
	const op = "dir.syncShard"
	d, err := s.root.Open(shard)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // there never was a blob in it
	}
	if err != nil {
		return ioError(op, err)
	}
	defer d.Close()
	return s.fsync(op, d)
}

// fsync ends all writing when it fails: the kernel may have marked the page clean, and a second
// fsync would then succeed with nothing on the disk.
func (s *Store) fsync(op string, f *os.File) error {
	err := s.sync(f)
	if err == nil {
		return nil
	}
	e := houvast.Errorf(op, houvast.Unavailable, "fsync-failed", "the blob store could not be made durable: %w", err).
		WithHint("check the disk that holds the data directory, then start houvast again")
	s.failed.CompareAndSwap(nil, e)
	return e
}

func (s *Store) refuse(op string) error {
	if f := s.failed.Load(); f != nil {
		return houvast.Wrap(op, f)
	}
	return nil
}

func conflict(op string) error {
	return houvast.Errorf(op, houvast.Conflict, "blob-exists", "there is a blob of that name already")
}

func cancelled(op string, err error) error {
	return houvast.Errorf(op, houvast.Unavailable, "cancelled", "given up before it was done: %w", err)
}

// ioError gives an error of the file system its kind.
func ioError(op string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return houvast.Errorf(op, houvast.Unavailable, "disk-full", "the blob store is full: %w", err).
			WithHint("free space on the disk that holds the data directory")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return houvast.Errorf(op, houvast.Forbidden, "blob-not-writable", "the blob store may not be used: %w", err).
			WithHint("give the user that runs houvast the data directory, with mode 0700")
	}
	return houvast.Errorf(op, houvast.Unavailable, "io-failed", "the blob store does not answer: %w", err)
}

// writer remembers its first error: a full disk must not look like an error of the caller.
type writer struct {
	ctx context.Context
	f   *os.File
	err error
}

func (w *writer) Write(p []byte) (int, error) {
	const op = "dir.Write"
	if w.err != nil {
		return 0, w.err
	}
	if err := w.ctx.Err(); err != nil {
		w.err = cancelled(op, err)
		return 0, w.err
	}
	n, err := w.f.Write(p)
	if err != nil {
		w.err = ioError(op, err)
	}
	return n, w.err
}
