// Houvast is child-protection infrastructure in one binary.
//
// This folder is where everything is wired by hand. main.go lists the commands; each has a file of
// its own, named after it, with a type that kong fills from the command line and a method
//
//	Run(ctx context.Context, e *env) error
//
// What must stay true:
//
//   - A command reaches the world through env, and ends when ctx does. Only main ends the process.
//   - What a command found goes to standard output; what went wrong goes to standard error, as
//     "houvast: error: …" and, where there is a remedy, "houvast: hint: …".
//   - The exit code follows from the kind of the error (houvast.Kind.Exit); a command whose outcome
//     is a code and not an error returns an exit.
//   - With --json a command writes one JSON object a line, and nothing else, to standard output.
//   - Untrusted bytes are decoded in a child (child.go), never in this process.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/houvast/houvast"
)

// cli is every command there is, in the order in which --help shows them.
type cli struct {
	Demo          demoCmd          `cmd:"" help:"See everything work, with drawn pictures and no person."`
	Serve         serveCmd         `cmd:"" help:"Run the server."`
	Bank          bankCmd          `cmd:"" help:"Banks of known hashes."`
	Item          itemCmd          `cmd:"" help:"What users put on the platform."`
	Case          caseCmd          `cmd:"" help:"What matched."`
	Report        reportCmd        `cmd:"" help:"What is filed."`
	Evidence      evidenceCmd      `cmd:"" help:"What is kept, and until when."`
	Audit         auditCmd         `cmd:"" help:"The log that cannot be quietly changed."`
	User          userCmd          `cmd:"" help:"Staff accounts."`
	Key           keyCmd           `cmd:"" help:"API keys of platform services."`
	Doctor        doctorCmd        `cmd:"" help:"Check the installation and say what to do."`
	Hash          hashCmd          `cmd:"" help:"Compute the hashes of pictures."`
	Clearinghouse clearinghouseCmd `cmd:"" help:"Run a practice clearinghouse on this machine."`
	Version       versionCmd       `cmd:"" help:"Say which build this is."`

	Child childCmd `cmd:"" hidden:"" help:"Decode untrusted bytes; started by houvast itself."`
}

const about = "Houvast finds known abuse material, brings it to a trained person, and reports it once to the right body."

// env is what a command has of the world.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	e := &env{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}
	code := run(ctx, e, os.Args[1:])
	stop()
	os.Exit(code)
}

// run carries out one command line, the name of the program left out, and returns the exit code.
func run(ctx context.Context, e *env, args []string) int {
	parser, err := newParser(ctx, e)
	if err != nil {
		return e.fail(houvast.Wrap("main.run", err))
	}
	parsed, err := parser.Parse(args)
	if errors.Is(err, errHelped) {
		return 0
	}
	if x := (exit{}); err != nil && !errors.As(err, &x) {
		err = usage(err, args)
	}
	if err != nil {
		return e.fail(err)
	}
	return e.fail(parsed.Run())
}

// errHelped ends the parsing of a command line that asked for help, which is then printed.
var errHelped = errors.New("help was printed")

func newParser(ctx context.Context, e *env) (*kong.Kong, error) {
	return kong.New(&cli{},
		kong.Name("houvast"),
		kong.Description(about),
		kong.Writers(e.stdout, e.stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Help(func(options kong.HelpOptions, c *kong.Context) error {
			if err := kong.DefaultHelpPrinter(options, c); err != nil {
				return written(err)
			}
			return errHelped
		}),
		kong.PostBuild(func(k *kong.Kong) error {
			k.Model.HelpFlag.Help = "Print this text."
			return nil
		}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(e),
	)
}

// usage turns a command line that cannot be read into an error that names the help to look at.
func usage(err error, args []string) error {
	const op = "main.run"
	if len(args) == 0 {
		return houvast.Errorf(op, houvast.Invalid, "usage", "no command given").
			WithHint("`houvast --help` lists the commands")
	}
	command := "houvast"
	if bad := (*kong.ParseError)(nil); errors.As(err, &bad) && bad.Context != nil {
		if node := bad.Context.Selected(); node != nil {
			command = node.FullPath()
		}
	}
	return houvast.Errorf(op, houvast.Invalid, "usage", "%w", err).
		WithHint("`%s --help` says how it is used", command)
}
