package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing"
	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/sandbox"
)

type hashCmd struct {
	Files    []string `arg:"" name:"FILE" help:"Files to read; - is standard input."`
	JSON     bool     `name:"json" help:"Print one JSON object a line."`
	Dihedral bool     `help:"Also print the PDQ hashes of the eight ways a picture can lie."`
}

// Help is what --help says beyond the list of flags.
func (*hashCmd) Help() string {
	return `Digests are those of the bytes. PDQ hashes are given under two profiles, because the reference ` +
		`implementations disagree on large pictures: pdq follows the C++ reference, which first brings a picture ` +
		`down to 512 pixels; pdq_full leaves its size alone, and is what HMA calls pdq. Quality goes from 0 to 100. ` +
		`Files are decoded in a sandboxed child.

The status of a file is one of

  hashed      the picture was looked at and has PDQ hashes
  unhashable  it was looked at, but has too little detail (quality below 50)
  unreadable  a picture or video that could not be decoded; reason says why
  archive     a container, which is not unpacked
  not_media   no picture, video or archive

With --json a width or height of 0 is not known, and what does not apply is left out.

The exit code is 0 when every file was looked at or is no media, 2 when one could not be looked at ` +
		`(unreadable, archive), and 74 when one could not be read at all. The other files are done all the same.`
}

// A hashLine is what is said of one file. Hashes are left out when there are none; qualities when
// the picture was not decoded.
type hashLine struct {
	File            string             `json:"file"`
	Bytes           int64              `json:"bytes"`
	MediaType       string             `json:"media_type"`
	Width           int                `json:"width"`
	Height          int                `json:"height"`
	MD5             string             `json:"md5"`
	SHA1            string             `json:"sha1"`
	SHA256          string             `json:"sha256"`
	PDQ             *houvast.PDQ       `json:"pdq,omitempty"`
	PDQQuality      *int               `json:"pdq_quality,omitempty"`
	PDQFull         *houvast.PDQ       `json:"pdq_full,omitempty"`
	PDQFullQuality  *int               `json:"pdq_full_quality,omitempty"`
	PDQDihedral     []houvast.PDQ      `json:"pdq_dihedral,omitempty"`
	PDQFullDihedral []houvast.PDQ      `json:"pdq_full_dihedral,omitempty"`
	Status          houvast.HashStatus `json:"status"`
	Reason          string             `json:"reason"`
}

func (l *hashLine) lookedAt() bool {
	return l.Status == houvast.Hashed || l.Status == houvast.Unhashable
}

// put copies what the child said, without the hashes of a picture that has too little detail for
// them: nobody may look those up.
func (l *hashLine) put(p houvast.Perceptual, dihedral bool) {
	l.Status, l.Reason, l.MediaType, l.Width, l.Height = p.Status, p.Reason, p.MediaType, p.Width, p.Height
	if l.lookedAt() {
		l.PDQQuality, l.PDQFullQuality = &p.PDQQuality, &p.PDQFullQuality
	}
	if l.Status != houvast.Hashed {
		return
	}
	l.PDQ, l.PDQFull = &p.PDQ[0], &p.PDQFull[0]
	if dihedral {
		l.PDQDihedral, l.PDQFullDihedral = p.PDQ[:], p.PDQFull[:]
	}
}

// Validate is called by kong. Standard input has one end, and whoever came second would see nothing.
func (c *hashCmd) Validate() error {
	first := slices.Index(c.Files, "-")
	if first >= 0 && slices.Contains(c.Files[first+1:], "-") {
		return errors.New("standard input (-) can be named once")
	}
	return nil
}

// Run hashes the files, several at a time, and prints them in the order in which they were named.
func (c *hashCmd) Run(ctx context.Context, e *env) error {
	workers := min(runtime.GOMAXPROCS(0), len(c.Files))
	pool, err := newPool(workers, 0, 0, 0, nil)
	if err != nil {
		return sandboxed(err)
	}
	defer pool.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	out, failed, unseen := e.hashPrinter(c), 0, false
	for next := range c.start(ctx, e, pool, workers) {
		var got looked
		select {
		case got = <-next:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		if got.err != nil {
			e.complain(got.err)
			failed = cmp.Or(failed, exitOf(got.err))
			continue
		}
		unseen = unseen || got.line.Status == houvast.Unreadable || got.line.Status == houvast.Archive
		if err := out.print(&got.line); err != nil {
			return err
		}
	}
	switch {
	case ctx.Err() != nil:
		return houvast.Errorf("main.hash", houvast.Unavailable, "interrupted", "interrupted before all files were hashed")
	case failed != 0:
		return exit{failed, nil}
	case unseen:
		return exit{exitCouldNotSee, nil}
	}
	return nil
}

// looked is what became of one file.
type looked struct {
	line hashLine
	err  error
}

// start hashes the files and returns their results in order. A few are in hand beyond the one that
// is waited for, so that all children have work; no more, so that not every file is open at once.
func (c *hashCmd) start(ctx context.Context, e *env, pool *sandbox.Pool, workers int) <-chan chan looked {
	queue := make(chan chan looked, workers)
	go func() {
		defer close(queue)
		for _, name := range c.Files {
			result := make(chan looked, 1)
			select {
			case queue <- result:
			case <-ctx.Done():
				return
			}
			go func() {
				line, err := hashFile(ctx, e, pool, name, c.Dihedral)
				result <- looked{line, err}
			}()
		}
	}()
	return queue
}

func hashFile(ctx context.Context, e *env, pool *sandbox.Pool, name string, dihedral bool) (line hashLine, err error) {
	in := io.NopCloser(e.stdin)
	if name != "-" {
		if in, err = openFile(name); err != nil {
			return line, err
		}
	}
	defer in.Close()
	seen, d, n, err := examine(ctx, pool, in)
	if err != nil {
		return line, aboutFile(name, err)
	}
	line = hashLine{
		File: name, Bytes: n,
		MD5: hex.EncodeToString(d.MD5[:]), SHA1: hex.EncodeToString(d.SHA1[:]), SHA256: hex.EncodeToString(d.SHA256[:]),
	}
	line.put(seen, dihedral)
	return line, nil
}

func openFile(name string) (io.ReadCloser, error) {
	const op = "main.openFile"
	f, err := os.Open(name)
	if err != nil {
		return nil, aboutFile(name, err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = exit{exitIO, houvast.Errorf(op, houvast.Invalid, "is-folder", "%s is a folder", name).
			WithHint("name the files in it")}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// aboutFile makes sure that an error names the file, once.
func aboutFile(name string, err error) error {
	if name == "-" {
		name = "standard input"
	}
	cause := err
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		cause = path.Err
	}
	out := houvast.Errorf("main.hash", houvast.KindOf(err), houvast.CodeOf(err), "%s: %w", name, cause)
	if hint := houvast.HintOf(err); hint != "" {
		out = out.WithHint("%s", hint)
	}
	return out
}

// examine reads in once, to its end, into the digests and into a child, and returns what both say.
// The error is that of in, or of a pool that cannot work; a file that no child can look at is an
// answer.
func examine(ctx context.Context, pool *sandbox.Pool, in io.Reader) (seen houvast.Perceptual, d houvast.Digests, n int64, err error) {
	type digested struct {
		d   houvast.Digests
		n   int64
		err error
	}
	var (
		src    = &source{ctx: ctx, r: in}
		pr, pw = io.Pipe()
		done   = make(chan digested, 1)
	)
	go func() {
		d, n, err := hashing.Digest(pr)
		done <- digested{d, n, err}
	}()
	answer, doErr := pool.Do(ctx, sandbox.Request{Op: pipeline.OpHash}, io.TeeReader(src, pw))
	_, err = io.Copy(pw, src) // what the child did not take
	pw.CloseWithError(err)    // nil is the end of the file
	sum := <-done
	if err = cmp.Or(err, sum.err); err != nil {
		return seen, d, n, err
	}
	seen, err = judge(answer, doErr)
	return seen, sum.d, sum.n, err
}

// source is a file that ends with the context, and that stays ended after an error: reading on would
// give digests of bytes with a gap.
type source struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (s *source) Read(b []byte) (n int, err error) {
	if s.err == nil {
		s.err = s.ctx.Err()
	}
	if s.err != nil {
		return 0, s.err
	}
	n, s.err = s.r.Read(b)
	return n, s.err
}

// judge turns what the pool returned into what is said of the file.
func judge(answer []byte, err error) (seen houvast.Perceptual, _ error) {
	unseen := func(reason string) (houvast.Perceptual, error) {
		return houvast.Perceptual{Status: houvast.Unreadable, Reason: reason}, nil
	}
	reason := sandbox.ReasonOf(err)
	switch {
	case reason == sandbox.LayerMiss || reason == sandbox.ChildStart:
		return seen, sandboxed(err)
	case reason != "":
		return unseen(childReason(reason))
	case houvast.CodeOf(err) == "data-too-large":
		return unseen(decode.TooManyBytes)
	case err != nil:
		return seen, err
	}
	if json.Unmarshal(answer, &seen) != nil || !plausible(seen) {
		return unseen(childReason(sandbox.ChildAnswer))
	}
	return seen, nil
}

// plausible holds the bounds of an answer: the child that made it may have been taken over.
func plausible(p houvast.Perceptual) bool {
	switch p.Status {
	case houvast.Hashed, houvast.Unhashable, houvast.Unreadable, houvast.Archive, houvast.NotMedia:
	default:
		return false
	}
	quality := func(q int) bool { return q >= 0 && q <= 100 }
	return len(p.Reason) <= 100 && len(p.MediaType) <= 100 && p.Width >= 0 && p.Height >= 0 &&
		quality(p.PDQQuality) && quality(p.PDQFullQuality)
}

// childReason says in words why a child could not look at a file.
func childReason(r sandbox.Reason) string {
	switch r {
	case sandbox.ChildCPU, sandbox.ChildWall:
		return "the decoder took too long"
	case sandbox.ChildMemory:
		return "the decoder needed too much memory"
	case sandbox.ChildGone:
		return "the decoder was ended from outside"
	case sandbox.ChildCrash:
		return "the decoder crashed"
	case sandbox.ChildAnswer:
		return "the decoder gave no usable answer"
	case sandbox.ChildStart, sandbox.LayerMiss:
		return "the decoder could not be started"
	}
	return string(r)
}

// sandboxed adds the remedy that this command has: it reads no configuration, and so never decodes
// with less than the whole sandbox.
func sandboxed(err error) error {
	out := houvast.Errorf("main.hash", houvast.KindOf(err), houvast.CodeOf(err), "nothing is decoded without the sandbox: %w", err)
	return out.WithHint("run houvast on Linux with Landlock and seccomp; containers may need a profile that allows both")
}
