package seal

import (
	"bytes"
	"context"
	"errors"
	"io"

	"filippo.io/age"

	"github.com/houvast/houvast"
)

const (
	version    = 1 // the first byte of every envelope
	stanzaType = "houvast"
	fileKey    = 16 // bytes; age's payload key

	intro    = "age-encryption.org/v1\n"
	stanza   = "-> " + stanzaType + " "
	bodySize = nonceSize + fileKey + tagSize // 56 bytes: 75 characters in lines of 64
	bodyText = 64 + 1 + 11 + 1
	macText  = len("--- ") + 43 + 1

	idAt       = 1 + len(intro) + len(stanza)
	headerSize = idAt + idSize + 1 + bodyText + macText // with the version byte
)

// Overhead returns how many bytes an envelope is longer than its plaintext of n bytes.
func Overhead(n int64) int64 {
	const chunk = 64 << 10
	return int64(headerSize) + 16 + max((n+chunk-1)/chunk, 1)*tagSize
}

// Seal returns a writer whose plaintext arrives in w as an envelope under the key id. Only after
// Close returned nil is the envelope whole; one that was never closed is Corrupt when opened.
// Errors: Gone when the key was destroyed or is unknown; otherwise those of w.
func (k *Keyring) Seal(ctx context.Context, w io.Writer, id KeyID) (io.WriteCloser, error) {
	const op = "seal.Seal"
	key, err := k.objectKey(ctx, op, id)
	if err != nil {
		return nil, err
	}
	defer clear(key[:])
	if _, err := w.Write([]byte{version}); err != nil {
		return nil, writeError(op, err)
	}
	enc, err := age.Encrypt(w, &party{id: id, key: &key})
	if err != nil {
		return nil, writeError(op, err)
	}
	return &sealer{ctx: ctx, enc: enc}, nil
}

// Open returns the plaintext of an envelope that was sealed under the key id. Whatever was read
// before an error other than io.EOF must be thrown away. Errors: Gone when the key was destroyed
// or is unknown; Corrupt when the envelope was changed, cut, or sealed under another key;
// otherwise those of r.
func (k *Keyring) Open(ctx context.Context, r io.Reader, id KeyID) (io.Reader, error) {
	const op = "seal.Open"
	src := &source{r: r}
	header, got, err := readHeader(op, src)
	if err != nil {
		return nil, err
	}
	if got != id {
		return nil, houvast.Errorf(op, houvast.Corrupt, "sealed-other-key", "the envelope was sealed under another key")
	}
	key, err := k.objectKey(ctx, op, id)
	if err != nil {
		return nil, err
	}
	defer clear(key[:])
	dec, err := age.Decrypt(io.MultiReader(bytes.NewReader(header[1:]), src), &party{id: id, key: &key})
	if err != nil {
		return nil, src.blame(op)
	}
	return &opener{ctx: ctx, dec: dec, src: src}, nil
}

// KeyOf reads the header of an envelope, of one fixed length, and returns the key it names.
// Nothing is opened and nothing verified. Errors: Corrupt when it is no envelope; those of r.
func KeyOf(r io.Reader) (KeyID, error) {
	_, id, err := readHeader("seal.KeyOf", &source{r: r})
	return id, err
}

// readHeader checks the fixed places; the rest is for age, which never sees a longer header.
func readHeader(op string, src *source) (b []byte, id KeyID, err error) {
	b = make([]byte, headerSize)
	if _, err := io.ReadFull(src, b); err != nil {
		return nil, "", src.blame(op)
	}
	id = KeyID(b[idAt : idAt+idSize])
	ok := b[0] == version && bytes.HasPrefix(b[1:], []byte(intro+stanza)) && id.valid() &&
		b[idAt+idSize] == '\n' && bytes.HasPrefix(b[headerSize-macText:], []byte("--- ")) &&
		bytes.Count(b, []byte("\n")) == 5 && b[headerSize-1] == '\n'
	if !ok {
		return nil, "", corrupt(op)
	}
	return b, id, nil
}

func corrupt(op string) error {
	return houvast.Errorf(op, houvast.Corrupt, "sealed-corrupt", "the envelope was changed or cut, or a newer houvast wrote it")
}

func writeError(op string, err error) error {
	var own *houvast.Error
	if errors.As(err, &own) {
		return houvast.Wrap(op, err)
	}
	return houvast.Errorf(op, houvast.Unavailable, "io-failed", "the envelope could not be written: %w", err)
}

// party is both ends of the stanza: it wraps the key of the payload under the object key.
type party struct {
	id  KeyID
	key *[keySize]byte
}

// Wrap makes the stanza; age calls it once, before it writes the header.
func (p *party) Wrap(file []byte) ([]*age.Stanza, error) {
	return []*age.Stanza{{
		Type: stanzaType, Args: []string{string(p.id)}, Body: wrap(p.key, file, aad(domainFile, string(p.id))),
	}}, nil
}

// Unwrap opens the one stanza; any other shape is refused.
func (p *party) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if len(stanzas) != 1 {
		return nil, errStanza
	}
	s := stanzas[0]
	if s.Type != stanzaType || len(s.Args) != 1 || s.Args[0] != string(p.id) || len(s.Body) != bodySize {
		return nil, errStanza
	}
	file, ok := unwrap(p.key, s.Body, aad(domainFile, string(p.id)))
	if !ok {
		return nil, errStanza
	}
	return file, nil
}

var errStanza = errors.New("the stanza does not open")

// source remembers the error of the reader below, so that a broken disk is not called tampering.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// blame returns the error of the reader below, or Corrupt when it had none.
func (s *source) blame(op string) error {
	var own *houvast.Error
	switch {
	case s.err == nil:
		return corrupt(op)
	case errors.As(s.err, &own):
		return houvast.Wrap(op, s.err)
	}
	return houvast.Errorf(op, houvast.Unavailable, "io-failed", "the envelope could not be read: %w", s.err)
}

type sealer struct {
	ctx context.Context
	enc io.WriteCloser
	err error // once set, Close must not make the envelope look whole
}

func (s *sealer) Write(p []byte) (n int, err error) {
	const op = "seal.Write"
	if s.err != nil {
		return 0, s.err
	}
	if err := s.ctx.Err(); err != nil {
		s.err = cancelled(op, err)
		return 0, s.err
	}
	if n, err = s.enc.Write(p); err != nil {
		s.err = writeError(op, err)
	}
	return n, s.err
}

func (s *sealer) Close() error {
	const op = "seal.Close"
	if s.err != nil {
		return s.err
	}
	if err := s.enc.Close(); err != nil {
		s.err = writeError(op, err)
	}
	return s.err
}

type opener struct {
	ctx context.Context
	dec io.Reader
	src *source
}

func (o *opener) Read(p []byte) (int, error) {
	const op = "seal.Read"
	if err := o.ctx.Err(); err != nil {
		return 0, cancelled(op, err)
	}
	n, err := o.dec.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, o.src.blame(op)
}
