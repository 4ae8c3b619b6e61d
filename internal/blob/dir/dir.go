// Package dir keeps blobs as files below one directory.
//
//	<dir>/3f/<name>      stored; 3f is the first byte of the name's SHA-256 in hex
//	<dir>/tmp/put_…      being written; swept when the store opens
//
// A Put writes below tmp, fsyncs the file, links it to its name (a link never replaces another
// file, a rename would), removes the first name and fsyncs the folder. A folder that is new to this
// process has its own name fsynced first, also when it was found there: the process that made it
// may have been killed before its fsync. The name is visible a moment before it is durable, but
// nobody has been told of it by then.
//
// One process uses a directory at a time: opening it sweeps what another is writing.
// Every path goes through os.Root, so that no link below the directory leads out of it.
package dir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/blob"
)

const tmp = "tmp"

// A Store is a directory of blobs.
type Store struct {
	root *os.Root
	sync func(*os.File) error

	mu     sync.Mutex
	shards map[string]bool // whose own names are durable

	failed atomic.Pointer[houvast.Error]
}

var _ blob.Store = (*Store)(nil)

// An Option changes how a Store works.
type Option func(*Store)

// WithSync replaces fsync, for tests that count or fail it.
func WithSync(sync func(*os.File) error) Option {
	return func(s *Store) { s.sync = sync }
}

// Open opens the store in path, which is made when it is missing (its parent must exist), and
// removes what Puts that never ended left behind. The caller closes it.
func Open(path string, options ...Option) (_ *Store, err error) {
	const op = "dir.Open"
	s := &Store{sync: (*os.File).Sync, shards: make(map[string]bool)}
	for _, o := range options {
		o(s)
	}
	made := os.Mkdir(path, 0o700)
	if made != nil && !errors.Is(made, fs.ErrExist) {
		return nil, ioError(op, made)
	}
	if s.root, err = os.OpenRoot(path); err != nil {
		return nil, ioError(op, err)
	}
	defer func() {
		if err != nil {
			s.root.Close()
		}
	}()
	if made == nil {
		if err := s.syncParent(path); err != nil {
			return nil, houvast.Wrap(op, err)
		}
	}
	return s, houvast.Wrap(op, s.sweep())
}

// Close releases the directory. Puts under way fail.
func (s *Store) Close() error { return houvast.Wrap("dir.Close", s.root.Close()) }

// Failed returns why the store no longer writes, nil while it does.
func (s *Store) Failed() error {
	if f := s.failed.Load(); f != nil {
		return f
	}
	return nil
}

func (s *Store) syncParent(path string) error {
	d, err := os.Open(filepath.Dir(filepath.Clean(path)))
	if err != nil {
		return ioError("dir.syncParent", err)
	}
	defer d.Close()
	return s.fsync("dir.syncParent", d)
}

// sweep empties tmp. Nobody was told that what is in it exists, so it needs no fsync.
func (s *Store) sweep() error {
	const op = "dir.sweep"
	if err := s.root.RemoveAll(tmp); err != nil {
		return ioError(op, err)
	}
	if err := s.root.Mkdir(tmp, 0o700); err != nil {
		return ioError(op, err)
	}
	return nil
}

// Get opens a blob.
func (s *Store) Get(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	const op = "dir.Get"
	f, info, err := s.open(ctx, op, name)
	if err != nil {
		return nil, 0, err
	}
	return &reader{ctx: ctx, f: f}, info.Size, nil
}

// Stat describes a blob.
func (s *Store) Stat(ctx context.Context, name string) (blob.Info, error) {
	f, info, err := s.open(ctx, "dir.Stat", name)
	if err != nil {
		return blob.Info{}, err
	}
	f.Close()
	return info, nil
}

func (s *Store) open(ctx context.Context, op, name string) (*os.File, blob.Info, error) {
	if err := begin(ctx, op, name); err != nil {
		return nil, blob.Info{}, err
	}
	f, err := s.root.OpenFile(place(name), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a planted FIFO must not hang us
	if errors.Is(err, fs.ErrNotExist) {
		return nil, blob.Info{}, houvast.Errorf(op, houvast.NotFound, "blob-unknown", "there is no such blob")
	}
	if err != nil {
		return nil, blob.Info{}, ioError(op, err)
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, blob.Info{}, ioError(op, err)
	}
	if !st.Mode().IsRegular() {
		f.Close()
		return nil, blob.Info{}, houvast.Errorf(op, houvast.Corrupt, "blob-not-file", "a blob is not a regular file")
	}
	return f, infoOf(name, st), nil
}

// List walks the folders.
func (s *Store) List(ctx context.Context, fn func(blob.Info) error) error {
	const op = "dir.List"
	for i := range 256 {
		if err := s.listShard(ctx, op, hex.EncodeToString([]byte{byte(i)}), fn); err != nil {
			return err
		}
	}
	return nil
}

// listShard reads a folder in portions, so that a million names are never in memory at once. What
// is no blob by its name or place is passed over: Get would not find it either.
func (s *Store) listShard(ctx context.Context, op, shard string, fn func(blob.Info) error) error {
	d, err := s.root.Open(shard)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return ioError(op, err)
	}
	defer d.Close()
	for {
		if err := ctx.Err(); err != nil {
			return cancelled(op, err)
		}
		entries, err := d.ReadDir(512)
		for _, e := range entries {
			if blob.CheckName(e.Name()) != nil || place(e.Name()) != shard+"/"+e.Name() || !e.Type().IsRegular() {
				continue
			}
			st, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // deleted meanwhile
			}
			if err != nil {
				return ioError(op, err)
			}
			if err := fn(infoOf(e.Name(), st)); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return ioError(op, err)
		}
	}
}

func infoOf(name string, st fs.FileInfo) blob.Info {
	return blob.Info{Name: name, Size: st.Size(), Stored: st.ModTime().UTC()}
}

// shardOf spreads names over 256 folders whatever they look like: random names share a prefix.
func shardOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:1])
}

func place(name string) string { return shardOf(name) + "/" + name }

func begin(ctx context.Context, op, name string) error {
	if err := ctx.Err(); err != nil {
		return cancelled(op, err)
	}
	return houvast.Wrap(op, blob.CheckName(name))
}

type reader struct {
	ctx context.Context
	f   *os.File
}

func (r *reader) Read(p []byte) (int, error) {
	const op = "dir.Read"
	if err := r.ctx.Err(); err != nil {
		return 0, cancelled(op, err)
	}
	n, err := r.f.Read(p)
	if err != nil && err != io.EOF {
		err = ioError(op, err)
	}
	return n, err
}

func (r *reader) Close() error { return r.f.Close() }
