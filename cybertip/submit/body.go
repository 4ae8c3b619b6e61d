package submit

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"mime/multipart"
	"strings"
	"sync"

	"github.com/houvast/houvast"
)

// A body is what a call sends. It remembers whether anybody asked for a byte of it, and after stop
// it never touches its source again: the transport may go on reading after the reply has come, and
// the caller's reader must not be read behind its back.
type body struct {
	length int64

	mu      sync.Mutex
	src     io.Reader
	begun   bool
	stopped bool
	err     error // of the source

	small []byte // the whole body, when it can be sent again
	sum   hash.Hash
	whole bool // the file was read to its end
}

var errStopped = errors.New("the call is over")

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return 0, errStopped
	}
	b.begun = true
	return b.src.Read(p)
}

func (b *body) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
}

func (b *body) touched() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.begun
}

func (b *body) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// again lets the transport start over on a new connection. It does so only when nothing was written
// on the old one, which had been closed while idle.
func (b *body) again() (io.ReadCloser, error) {
	return io.NopCloser(&replay{b: b, r: bytes.NewReader(b.small)}), nil
}

type replay struct {
	b *body
	r *bytes.Reader
}

// Read implements io.Reader.
func (r *replay) Read(p []byte) (int, error) {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	r.b.begun = true
	return r.r.Read(p)
}

func smallBody(doc []byte) *body {
	return &body{length: int64(len(doc)), src: bytes.NewReader(doc), small: doc}
}

// fileBody is the multipart form of an upload: the report id, then the file, streamed.
func fileBody(id, filename string, r io.Reader, size int64) (b *body, contentType string) {
	var head bytes.Buffer
	w := multipart.NewWriter(&head)
	_ = w.WriteField("id", id) // a buffer takes everything
	_, _ = w.CreateFormFile("file", filename)
	start := bytes.Clone(head.Bytes())
	head.Reset()
	_ = w.Close()
	end := bytes.Clone(head.Bytes())

	b = &body{length: int64(len(start)) + size + int64(len(end)), sum: md5.New()}
	b.src = io.MultiReader(bytes.NewReader(start), &source{b: b, r: r, left: size}, bytes.NewReader(end))
	return b, w.FormDataContentType()
}

// md5 returns the digest of the file as it was read, and whether it was read to its end.
func (b *body) md5() (string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return hex.EncodeToString(b.sum.Sum(nil)), b.whole
}

// A source hands out exactly the announced number of bytes. It is read under the lock of its body.
type source struct {
	b    *body
	r    io.Reader
	left int64
}

// Read implements io.Reader. A source that ends early or goes on fails before the closing boundary
// is sent, so the service never sees a whole form.
func (s *source) Read(p []byte) (int, error) {
	const op = "submit.upload"
	if s.left == 0 {
		var one [1]byte
		if n, err := io.ReadFull(s.r, one[:]); n > 0 || err != io.EOF {
			if n > 0 {
				err = houvast.Errorf(op, houvast.Corrupt, "size-mismatch", "the file is longer than announced")
			}
			return 0, s.fail(err)
		}
		s.b.whole = true
		return 0, io.EOF
	}
	n, err := s.r.Read(p[:min(int64(len(p)), s.left)])
	s.b.sum.Write(p[:n])
	s.left -= int64(n)
	switch {
	case err == io.EOF && s.left > 0:
		err = s.fail(houvast.Errorf(op, houvast.Corrupt, "size-mismatch", "the file is shorter than announced"))
	case err == io.EOF:
		err = nil // the next Read looks whether it goes on
	case err != nil:
		err = s.fail(err)
	}
	return n, err
}

// fail keeps the first error for the caller. An error that is not ours could quote anything.
func (s *source) fail(err error) error {
	var ours *houvast.Error
	if !errors.As(err, &ours) {
		ours = houvast.Errorf("submit.upload", houvast.Internal, "source-failed", "the file could not be read")
	}
	if s.b.err == nil {
		s.b.err = ours
	}
	return ours
}

// plainName reports whether a file name can stand in a form header as it is. The name at upload
// belongs into the file details, not here.
func plainName(s string) bool {
	return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool {
		return r < 0x20 || r > 0x7E || strings.ContainsRune(`"\/`, r)
	})
}
