package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/practice"
)

type clearinghouseCmd struct {
	Listen       string `default:"localhost:8090" placeholder:"ADDR" help:"Loopback address and port; port 0 takes a free one. Default ${default}."`
	JSON         bool   `name:"json" help:"Print the address and the credentials as one JSON object."`
	Log          string `placeholder:"FILE" help:"Append what happens to FILE, one JSON object a line. Default: a new file in the temporary folder."`
	User         string `default:"practice" placeholder:"NAME" help:"User name that is asked for. Default ${default}."`
	PasswordFile string `placeholder:"FILE" help:"Read the password from FILE. Default: a new random one, which is printed."`
}

// Help is what --help says beyond the list of flags.
func (*clearinghouseCmd) Help() string {
	return `It speaks the CyberTipline wire format, with its error codes and its clock for unfinished reports, ` +
		`and answers to this machine only. Nothing filed here reaches anybody. It runs until it is interrupted.

Uploaded bytes are not kept: the log has their digests and sizes.`
}

// A clearinghouseLine is the first line with --json.
type clearinghouseLine struct {
	URL      string `json:"url"` // ends in /ispws
	User     string `json:"user"`
	Password string `json:"password"`
	Log      string `json:"log"` // path
}

// Run serves until ctx ends.
func (c *clearinghouseCmd) Run(ctx context.Context, e *env) (err error) {
	password, err := c.password()
	if err != nil {
		return err
	}
	ln, err := listenLoopback(ctx, c.Listen)
	if err != nil {
		return err
	}
	defer ln.Close()
	file, err := c.openLog()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	line := clearinghouseLine{URL: "http://" + ln.Addr().String() + "/ispws", User: c.User, Password: password, Log: file.Name()}
	if err := c.announce(e, line); err != nil {
		return err
	}
	return serveUntil(ctx, ln, &http.Server{
		Handler:           practice.New(practice.Config{User: c.User, Password: password, Log: file}),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       5 * time.Minute,
		WriteTimeout:      10 * time.Minute, // longer than a caller waits that is to be kept waiting
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(e.stderr, "houvast: ", 0),
	})
}

func (c *clearinghouseCmd) announce(e *env, line clearinghouseLine) error {
	if c.JSON {
		return e.printJSON(line)
	}
	return e.printf("practice clearinghouse: nothing filed here reaches anybody\nurl       %s\nuser      %s\npassword  %s\nlog       %s\n",
		line.URL, line.User, line.Password, line.Log)
}

// password returns the one to ask for. Basic authentication cannot carry a colon in a user name.
func (c *clearinghouseCmd) password() (string, error) {
	const op, most = "main.clearinghouse", 1 << 10
	if c.User == "" || strings.ContainsRune(c.User, ':') || oneLine(c.User) != c.User {
		return "", houvast.Errorf(op, houvast.Invalid, "bad-user", "the user name is empty or has a character that HTTP cannot carry")
	}
	if c.PasswordFile == "" {
		return rand.Text(), nil
	}
	f, err := os.Open(c.PasswordFile)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return "", err
	}
	password := strings.TrimRight(string(b), "\r\n")
	if password == "" || len(b) > most || oneLine(password) != password {
		return "", houvast.Errorf(op, houvast.Invalid, "bad-password", "%s does not hold a password: one line of at most %d bytes", c.PasswordFile, most)
	}
	return password, nil
}

// openLog opens the log for appending: a clearinghouse that is started again goes on in the same file.
func (c *clearinghouseCmd) openLog() (*os.File, error) {
	if c.Log == "" {
		return os.CreateTemp("", "houvast-clearinghouse-*.jsonl")
	}
	return os.OpenFile(c.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
}

// listenLoopback listens where only this machine can reach. A name other than localhost is refused
// and not looked up: what it stands for can change.
func listenLoopback(ctx context.Context, addr string) (net.Listener, error) {
	const op = "main.listenLoopback"
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, houvast.Errorf(op, houvast.Invalid, "bad-address", "%s is not host:port", addr).
			WithHint("write it as localhost:8090")
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.Unmap().IsLoopback() {
		return nil, houvast.Errorf(op, houvast.Invalid, "not-loopback", "%s is not a loopback address", addr).
			WithHint("the practice clearinghouse answers to this machine only; use localhost, 127.0.0.1 or [::1]")
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, houvast.Errorf(op, houvast.Unavailable, "cannot-listen", "cannot listen on %s: %w", addr, err).
			WithHint("choose another port with --listen, or port 0 for a free one")
	}
	return ln, nil
}

// serveUntil serves until ctx ends, then lets requests in hand finish for a moment.
func serveUntil(ctx context.Context, ln net.Listener, srv *http.Server) error {
	const op, grace = "main.serveUntil", time.Second
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	select {
	case err := <-ended:
		return houvast.Errorf(op, houvast.Unavailable, "server-ended", "the server ended by itself: %w", err)
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if srv.Shutdown(late) != nil {
		srv.Close() // a caller that is kept waiting on purpose
	}
	<-ended
	return nil
}
