package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/houvast/houvast"
)

// The exit codes that no kind of error has.
const (
	exitCouldNotSee = 2  // something could not be looked at
	exitIO          = 74 // a file or a stream could not be read or written
)

// An exit is an error that brings its own exit code. Without a cause nothing is printed: the command
// has said everything, and the code is its outcome.
type exit struct {
	code int
	err  error
}

func (x exit) Error() string {
	if x.err == nil {
		return "exit " + strconv.Itoa(x.code)
	}
	return x.err.Error()
}

func (x exit) Unwrap() error { return x.err }

// fail prints err, if there is something to print, and returns the exit code.
func (e *env) fail(err error) int {
	if err == nil {
		return 0
	}
	if x := (exit{}); !errors.As(err, &x) || x.err != nil {
		e.complain(err)
	}
	return exitOf(err)
}

// exitOf returns the exit code of an error: the one it brings, or that of its kind, or 74 for what
// the operating system refused and nobody gave a kind.
func exitOf(err error) int {
	if x := (exit{}); errors.As(err, &x) {
		return x.code
	}
	kind := houvast.KindOf(err)
	if kind == houvast.Internal && fromSystem(err) {
		return exitIO
	}
	return kind.Exit()
}

func fromSystem(err error) bool {
	var (
		path  *fs.PathError
		link  *os.LinkError
		call  *os.SyscallError
		errno syscall.Errno
	)
	return errors.As(err, &path) || errors.As(err, &link) || errors.As(err, &call) || errors.As(err, &errno)
}

// complain prints an error and its remedy. A command that goes on after an error uses it too.
func (e *env) complain(err error) {
	fmt.Fprintf(e.stderr, "houvast: error: %s\n", oneLine(err.Error()))
	if hint := houvast.HintOf(err); hint != "" {
		fmt.Fprintf(e.stderr, "houvast: hint: %s\n", oneLine(hint))
	}
}

// printf writes to standard output. An output that cannot be written ends the command: half a list
// must not pass for a whole one.
func (e *env) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(e.stdout, format, args...)
	return written(err)
}

// printJSON writes v as one line to standard output.
func (e *env) printJSON(v any) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	return written(enc.Encode(v))
}

func written(err error) error {
	if err == nil {
		return nil
	}
	return exit{exitIO, houvast.Errorf("main.print", houvast.Internal, "output", "standard output cannot be written: %w", err)}
}

// oneLine keeps what a stranger may have chosen, such as the name of a file, from moving the cursor
// or starting a line of its own.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// A hashPrinter prints hashLines as hashCmd asks.
type hashPrinter struct {
	*env
	json, blocks bool
	printed      int
}

// hashPrinter chooses between a block for a file, which has everything, and two short lines.
func (e *env) hashPrinter(c *hashCmd) *hashPrinter {
	return &hashPrinter{env: e, json: c.JSON, blocks: len(c.Files) == 1 || c.Dihedral}
}

func (p *hashPrinter) print(l *hashLine) error {
	p.printed++
	switch {
	case p.json:
		return p.printJSON(l)
	case p.blocks && p.printed > 1:
		return p.printf("\n%s", l.block())
	case p.blocks:
		return p.printf("%s", l.block())
	}
	return p.printf("%s", l.short())
}

// block lists everything that is known of a file, a line each, at most 80 columns but for the name.
func (l *hashLine) block() string {
	var b strings.Builder
	width := len("  quality ")
	if l.PDQDihedral != nil {
		width = len("  " + houvast.FlipMinus1)
	}
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-*s  %s\n", width, name, oneLine(fmt.Sprintf(format, args...)))
	}
	row("file", "%s", l.File)
	row("status", "%s", l.outcome())
	if l.MediaType != "" {
		row("type", "%s", l.MediaType)
	}
	if l.Width > 0 && l.Height > 0 {
		row("size", "%d x %d pixels", l.Width, l.Height)
	}
	row("bytes", "%d", l.Bytes)
	row("md5", "%s", l.MD5)
	row("sha1", "%s", l.SHA1)
	row("sha256", "%s", l.SHA256)
	pdq := func(name string, quality *int, h *houvast.PDQ, turned []houvast.PDQ) {
		if h != nil {
			row(name, "%s", h)
		}
		if quality != nil {
			row("  quality", "%d", *quality)
		}
		for i, o := range houvast.Orientations() {
			if i > 0 && i < len(turned) {
				row("  "+string(o), "%s", turned[i])
			}
		}
	}
	pdq("pdq", l.PDQQuality, l.PDQ, l.PDQDihedral)
	pdq("pdq_full", l.PDQFullQuality, l.PDQFull, l.PDQFullDihedral)
	return b.String()
}

// short is one line of facts that a column can be read down, and a second with the hash.
func (l *hashLine) short() string {
	var b strings.Builder
	size, quality := "", ""
	if l.Width > 0 && l.Height > 0 {
		size = fmt.Sprintf("%dx%d", l.Width, l.Height)
	}
	if l.PDQQuality != nil {
		quality = fmt.Sprintf("q%d", *l.PDQQuality)
	}
	fmt.Fprintf(&b, "%-10s  %4s  %11s  %s", l.Status, quality, size, oneLine(l.File))
	if l.Reason != "" {
		fmt.Fprintf(&b, ": %s", oneLine(l.Reason))
	}
	b.WriteString("\n")
	if l.PDQ != nil {
		fmt.Fprintf(&b, "  pdq %s\n", l.PDQ)
	}
	return b.String()
}

func (l *hashLine) outcome() string {
	if l.Reason == "" {
		return string(l.Status)
	}
	return string(l.Status) + ": " + l.Reason
}
