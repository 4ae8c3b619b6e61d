package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/houvast/houvast"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Keys is what makes the log tamper-evident. None of it may live in the database that holds the log.
type Keys struct {
	Name string // of this log, first line of each checkpoint: a host name or the like, no space or plus
	Sign []byte // Ed25519 seed, 32 bytes
	MAC  []byte // HMAC-SHA256 key, at least 32 bytes

	// Mark returns what SetMark kept last, nil before the first. SetMark returns once the value, a
	// note of under 1 KiB, is durable. Only the sequencer sets it.
	Mark    func(ctx context.Context) ([]byte, error)
	SetMark func(ctx context.Context, mark []byte) error
}

// A sealer is Keys made ready for use.
type sealer struct {
	Keys
	signer   note.Signer
	verifier note.Verifier
}

func newSealer(k Keys) (*sealer, error) {
	const op = "audit.Keys"
	if len(k.Sign) != ed25519.SeedSize || len(k.MAC) < 32 || k.Mark == nil {
		return nil, houvast.Errorf(op, houvast.Invalid, "audit-keys", "the audit log needs a seed and a MAC key of 32 bytes each, and a mark")
	}
	vkey, err := k.VerifierKey()
	if err != nil {
		return nil, houvast.Wrap(op, err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, houvast.Errorf(op, houvast.Invalid, "audit-keys", "the name of the audit log is empty or has a space or a plus sign")
	}
	seed := base64.StdEncoding.EncodeToString(append([]byte{1}, k.Sign...)) // 1 is Ed25519 in package note
	s, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", k.Name, v.KeyHash(), seed))
	if err != nil {
		return nil, houvast.Wrap(op, err)
	}
	return &sealer{Keys: k, signer: s, verifier: v}, nil
}

// VerifierKey returns the public key in the form of package note, for outsiders who hold checkpoints.
func (k Keys) VerifierKey() (string, error) {
	if len(k.Sign) != ed25519.SeedSize {
		return "", houvast.Errorf("audit.VerifierKey", houvast.Invalid, "audit-keys", "the seed of the audit log has %d bytes, not 32", len(k.Sign))
	}
	pub := ed25519.NewKeyFromSeed(k.Sign).Public().(ed25519.PublicKey)
	return note.NewEd25519VerifierKey(k.Name, pub)
}

// A checkpoint is a signed statement that the first size lines have this root.
type checkpoint struct {
	size int64
	root tlog.Hash
	text string // the signed note; empty for the empty log
}

// seal signs a checkpoint in the form of C2SP tlog-checkpoint: name, size, root, one to a line.
func (s *sealer) seal(size int64, root tlog.Hash) (checkpoint, error) {
	text, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", s.Name, size, root)}, s.signer)
	return checkpoint{size, root, string(text)}, houvast.Wrap("audit.seal", err)
}

var errCheckpoint = errors.New("it is not a checkpoint of this log signed by its key")

// open reads a checkpoint and believes it only if our key signed it for our name.
func (s *sealer) open(text string) (checkpoint, error) {
	n, err := note.Open([]byte(text), note.VerifierList(s.verifier))
	if err != nil {
		return checkpoint{}, errCheckpoint
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != s.Name {
		return checkpoint{}, errCheckpoint
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	root, bad := tlog.ParseHash(lines[2])
	if err != nil || bad != nil || size < 1 {
		return checkpoint{}, errCheckpoint
	}
	return checkpoint{size, root, text}, nil
}

// mark returns the checkpoint kept outside the database; the zero value when none was kept yet.
func (s *sealer) mark(ctx context.Context) (checkpoint, error) {
	b, err := s.Mark(ctx)
	if err != nil {
		return checkpoint{}, houvast.Errorf("audit.mark", houvast.Unavailable, "audit-mark", "the mark of the audit log cannot be read: %w", err)
	}
	if len(b) == 0 {
		return checkpoint{}, nil
	}
	c, err := s.open(string(b))
	if err != nil {
		return checkpoint{}, houvast.Errorf("audit.mark", houvast.Corrupt, "audit-mark-bad", "the mark of the audit log does not verify: %w", err)
	}
	return c, nil
}
