// Package blob keeps named bytes that were sealed before they came here.
//
// # Nouns
//
// A blob is a name and its bytes, as they will be for good. A Store holds blobs: package dir keeps
// them as files; an object store can hold them by the same interface and is judged by the same
// suite, package blobtest. A store knows nothing of keys, items or evidence, and it never sees
// plaintext: whoever calls Put wraps the writer with package seal.
//
// # States
//
// absent -> stored -> absent. There is no other, and a stored blob never changes: Get, Stat and List
// show nothing of a Put that failed. Of a Put whose process is killed they show nothing or, when it
// was about to return, the whole blob; never a part.
//
// # Promises
//
//   - Put and Delete are durable when they return nil: bytes, name and folder survive a power cut.
//   - Of any number of Puts of one name exactly one returns nil, the others Conflict.
//   - Nothing of a deleted blob is left in the store. Blocks that held it are freed, not
//     overwritten: they hold ciphertext, and its key is destroyed first.
//   - After a failed fsync the store refuses every write, until the process starts anew.
//
// A row in the database and a blob can part ways only through a crash in between: the pipeline puts
// the blob first, so that the leftover is always a blob without a row, which List finds by its age.
package blob

import (
	"context"
	"io"
	"time"

	"github.com/houvast/houvast"
)

// MaxName is the longest name of a blob in bytes.
const MaxName = 80

// A Store holds blobs. It is safe for concurrent use. Every method refuses a name that CheckName
// refuses, with the same error, and a context that is done, with Unavailable "cancelled".
type Store interface {
	// Put stores what write writes, if there is no blob of that name yet. An error of write ends
	// the Put and is returned with its kind. Errors: Conflict "blob-exists"; Unavailable
	// "disk-full", "io-failed", "fsync-failed".
	Put(ctx context.Context, name string, write func(io.Writer) error) error

	// Get returns the bytes and their number. The caller closes the reader; it goes on reading
	// when the blob is deleted meanwhile. Errors: NotFound "blob-unknown".
	Get(ctx context.Context, name string) (io.ReadCloser, int64, error)

	// Stat returns what is known about a blob. Errors: NotFound "blob-unknown".
	Stat(ctx context.Context, name string) (Info, error)

	// Delete removes a blob. Deleting one that is not there is no error, and as durable.
	Delete(ctx context.Context, name string) error

	// List calls fn for every blob, in no order, and stops at its first error, which it returns.
	// Blobs put or deleted meanwhile may or may not be among them. fn may use the store.
	List(ctx context.Context, fn func(Info) error) error
}

// An Info is what a store knows about a blob without reading it.
type Info struct {
	Name   string
	Size   int64     // bytes as stored: ciphertext with its overhead
	Stored time.Time // by the store's own clock: good for the age of a leftover, not for deadlines
}

// CheckName returns Invalid "bad-blob-name" unless name has 1 to MaxName characters of [a-z0-9_-]:
// it then is one path element, one key and one word of a URL wherever it is stored.
func CheckName(name string) error {
	ok := len(name) >= 1 && len(name) <= MaxName
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-')
	}
	if !ok {
		return houvast.Errorf("blob.CheckName", houvast.Invalid, "bad-blob-name",
			"the name of a blob has 1 to %d characters of a to z, 0 to 9, _ and -", MaxName)
	}
	return nil
}
