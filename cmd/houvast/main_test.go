package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cmd/houvast/browsertest"
	"github.com/houvast/houvast/internal/draw"
	"github.com/houvast/houvast/internal/store/storetest"
)

// TestMain lets the test binary be houvast: in scripts by its name, and as the child that houvast
// starts from /proc/self/exe, which has no name of its own.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "child" {
		main()
	}
	testscript.Main(withBrowser{storetest.Runner{M: m}}, map[string]func(){"houvast": main})
}

// withBrowser ends the browser that tests have shared when they are over.
type withBrowser struct{ storetest.Runner }

// Run runs the tests and returns the exit code.
func (b withBrowser) Run() int {
	code := b.Runner.Run()
	if err := browsertest.Close(); err != nil && code == 0 {
		fmt.Println(err)
		code = 1
	}
	return code
}

// TestScripts runs testdata/*.txtar. In a script "exits N houvast …" runs a command line and wants
// exit code N, and the files of sampleFiles lie in the working folder.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			for name, data := range sampleFiles() {
				if err := os.WriteFile(filepath.Join(e.WorkDir, name), data, 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGUMENT…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	err = ts.Exec(args[1], args[2:]...)
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		code = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// sampleFiles is one file for every status and some more, by name.
func sampleFiles() map[string][]byte {
	street := draw.Picture(draw.Houses, 320, 240, 7)
	return map[string][]byte{
		"street.png": draw.PNG(street),
		"street.jpg": draw.JPEG(street, 85),
		"land.png":   draw.PNG(draw.Picture(draw.Landscape, 640, 480, 3)),
		"flat.png":   draw.PNG(draw.Picture(draw.Flat, 300, 200, 1)),
		"cut.png":    draw.Cut(draw.PNG(street)),
		"huge.png":   draw.HugePNG(60_000, 60_000),
		"scans.jpg":  draw.RepeatScans(draw.JPEG(street, 50), 101),
		"note.txt":   draw.NotAPicture(),
		"empty":      {},
		"pack.zip":   []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00rest of an archive that nobody unpacks"),
	}
}

// houvast runs a command line in this process.
func runHouvast(t testing.TB, stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), &env{stdin: stdin, stdout: &out, stderr: &errs, getenv: func(string) string { return "" }}, args)
	return code, out.String(), errs.String()
}

// TestEveryCommand lists the commands from the parser: each has a help text, says what its flags do,
// and refuses a flag that it does not know with code 64 and a hint to its own help.
func TestEveryCommand(t *testing.T) {
	parser, err := newParser(t.Context(), &env{stdout: io.Discard, stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	var commands []*kong.Node
	var walk func(*kong.Node)
	walk = func(n *kong.Node) {
		for _, c := range n.Children {
			commands = append(commands, c)
			walk(c)
		}
	}
	walk(parser.Model.Node)
	if len(commands) == 0 {
		t.Fatal("no command was seen")
	}
	t.Logf("%d commands", len(commands))
	for _, c := range commands {
		path := strings.Fields(c.FullPath())[1:]
		t.Run(strings.Join(path, " "), func(t *testing.T) {
			code, out, errs := runHouvast(t, nil, append(slices.Clone(path), "--help")...)
			usage := "Usage: houvast " + strings.Join(path, " ")
			if code != 0 || errs != "" || !strings.HasPrefix(out, usage) || !strings.Contains(out, c.Help) && len(c.Help) < 70 {
				t.Errorf("--help: code %d, stderr %q, stdout:\n%s", code, errs, out)
			}
			for _, line := range strings.Split(out, "\n") {
				if len(line) > 100 {
					t.Errorf("a help line of %d columns: %s", len(line), line)
				}
			}
			if !strings.HasSuffix(c.Help, ".") || strings.Contains(c.Help, "!") {
				t.Errorf("the help %q is not a plain sentence", c.Help)
			}
			for _, f := range c.Flags {
				if !f.Hidden && !strings.HasSuffix(f.Help, ".") {
					t.Errorf("--%s has the help %q, which is not a sentence", f.Name, f.Help)
				}
			}
			for _, p := range c.Positional {
				if p.Help == "" {
					t.Errorf("%s has no help", p.Name)
				}
			}
			code, out, errs = runHouvast(t, nil, append(slices.Clone(path), "--no-such-flag")...)
			hint := fmt.Sprintf("houvast: hint: `houvast %s --help`", strings.Join(path, " "))
			if code != 64 || out != "" || !strings.HasPrefix(errs, "houvast: error: ") || !strings.Contains(errs, hint) {
				t.Errorf("--no-such-flag: code %d, stdout %q, stderr:\n%s", code, out, errs)
			}
		})
	}
}

func TestExitCodes(t *testing.T) {
	path := &fs.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}
	type row struct {
		name string
		err  error
		want int
		says string
	}
	rows := []row{
		{"nothing", nil, 0, ""},
		{"plain", errors.New("odd"), 70, "houvast: error: odd\n"},
		{"file", path, 74, "houvast: error: open x: no such file or directory\n"},
		{"wrapped file", houvast.Wrap("x", fmt.Errorf("log: %w", path)), 74, "houvast: error: log: open x: no such file or directory\n"},
		{"file with a kind", houvast.Errorf("x", houvast.NotFound, "c", "gone: %w", path), 64, "houvast: error: gone: open x: no such file or directory\n"},
		{"code only", exit{2, nil}, 2, ""},
		{"code only, joined", errors.Join(exit{1, nil}, nil), 1, ""},
		{"code and error", exit{3, houvast.Errorf("x", houvast.Invalid, "c", "bad").WithHint("do it well")}, 3, "houvast: error: bad\nhouvast: hint: do it well\n"},
		{"control characters", errors.New("a\x1b[2Jb\nhouvast: error: c"), 70, "houvast: error: a\uFFFD[2Jb\uFFFDhouvast: error: c\n"},
	}
	for _, k := range houvast.Kinds() {
		rows = append(rows, row{k.String(), houvast.Errorf("x", k, "c", "m").WithHint("h"), k.Exit(), "houvast: error: m\nhouvast: hint: h\n"})
	}
	for _, r := range rows {
		var errs bytes.Buffer
		e := &env{stderr: &errs}
		if got := e.fail(r.err); got != r.want || errs.String() != r.says {
			t.Errorf("%s: code %d, want %d; stderr %q, want %q", r.name, got, r.want, errs.String(), r.says)
		}
	}
}

// A full disk must not look like a short list.
func TestOutputThatCannotBeWritten(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, args := range [][]string{{"version"}, {"version", "--json"}, {"--help"}, {"hash", "-"}, {"hash", "--json", "-"}} {
		var errs bytes.Buffer
		e := &env{stdin: strings.NewReader("bland"), stdout: full, stderr: &errs}
		if code := run(context.Background(), e, args); code != 74 || !strings.Contains(errs.String(), "no space left on device") {
			t.Errorf("%v: code %d, stderr %q", args, code, errs.String())
		}
	}
}
