package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/config"
	"github.com/houvast/houvast/internal/httpapi"
	"golang.org/x/sys/unix"
)

type serveCmd struct {
	dataFlags
	Listen       string   `placeholder:"ADDR" help:"Address of the console and the API, host:port."`
	MediaListen  string   `placeholder:"ADDR" help:"Address of the renditions, host:port; where the console listens when left out."`
	Profile      string   `placeholder:"P" help:"What this installation is: platform, hotline, helpline, police or practice. Chosen once."`
	Jurisdiction string   `placeholder:"CC" help:"Whose law it follows, two letters such as NL. Chosen once."`
	Surfaces     []string `default:"api,console,work" enum:"api,console,work" help:"What this process does: api answers programs, console people, work answers doorbells."`
	JSON         bool     `name:"json" help:"Print the addresses as one JSON object when ready."`
}

// Help is what --help says beyond the list of flags.
func (*serveCmd) Help() string {
	return `The server. Until a profile and a jurisdiction are chosen it receives nothing; once chosen they stay. ` +
		`There is no default account and no default password: while there is no account, each start prints a link that makes the first one, once. ` +
		`Pictures are shown from a host name of their own, media. before the console's, so that no cookie reaches them.`
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, e *env) error {
	cfg, err := c.config(e, map[string]string{"listen": c.Listen, "media_listen": c.MediaListen, "profile": c.Profile, "jurisdiction": strings.ToUpper(c.Jurisdiction)})
	if err != nil {
		return err
	}
	clock, err := serveClock(e)
	if err != nil {
		return err
	}
	s, err := startServer(ctx, cfg, clock, newLog(e), c.Surfaces)
	if err != nil {
		return err
	}
	if err := c.announce(e, s); err != nil {
		s.stop()
		return err
	}
	return s.wait(ctx)
}

func (c *serveCmd) announce(e *env, s *server) error {
	link := ""
	if slices.Contains(c.Surfaces, "console") {
		var err error
		if link, err = s.app.startLink(context.Background()); err != nil {
			return err
		}
	}
	if c.JSON {
		line := map[string]string{"url": s.url, "control": s.control, "media": s.app.origins().Media}
		if link != "" {
			line["start"] = link
		}
		return e.printJSON(line)
	}
	if err := e.printf("listening on %s\n", s.url); err != nil {
		return err
	}
	if link != "" {
		if err := e.printf("the first account is made with this link, once: %s\n", link); err != nil {
			return err
		}
	}
	for _, check := range s.app.checks(context.Background()) {
		if check.OK && !check.Warn {
			continue
		}
		if err := e.printf("note: %s: %s\n", check.Name, check.Detail); err != nil {
			return err
		}
	}
	return nil
}

// newLog writes to standard error. Attributes that could carry content are dropped, see redact.
func newLog(e *env) *slog.Logger {
	return slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{ReplaceAttr: redact}))
}

// loggable is every attribute that may be logged. What is not on the list is dropped by its name, so
// that a new attribute is a decision and not an accident.
var loggable = [...]string{"time", "level", "msg", "error", "ops", "task", "tasks", "subject", "attempt", "pause", "case", "why", "report", "call",
	"outcome", "route", "panic", "layers", "detail", "blobs", "keys", "node", "pid", "reason", "child", "state", "signal", "stack", "op", "lines", "size", "url"}

func redact(_ []string, a slog.Attr) slog.Attr {
	if slices.Contains(loggable[:], a.Key) {
		return a
	}
	return slog.Attr{}
}

// A server is an app with its listeners.
type server struct {
	app     *app
	url     string
	control string
	servers []*http.Server
	failed  chan error
}

// startServer opens the installation and listens. It returns when requests are answered.
func startServer(ctx context.Context, cfg config.Config, clock houvast.Clock, logger *slog.Logger, surfaces []string) (*server, error) {
	a, err := openApp(ctx, cfg, clock, logger)
	if err != nil {
		return nil, err
	}
	s := &server{app: a, control: filepath.Join(cfg.Data, "control.sock"), failed: make(chan error, 4)}
	a.start(slices.Contains(surfaces, "work"))
	if err := s.listenControl(); err != nil {
		s.stop()
		return nil, err
	}
	if slices.Contains(surfaces, "api") || slices.Contains(surfaces, "console") {
		if err := s.listen(cfg, surfaces); err != nil {
			s.stop()
			return nil, err
		}
	}
	return s, nil
}

// newHTTP bounds what a slow or chatty caller can hold.
func newHTTP(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Minute,
		WriteTimeout:      10 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(discardLines{logger}, "", 0),
	}
}

// discardLines keeps package http's own lines out of the log: they quote what strangers sent.
type discardLines struct{ log *slog.Logger }

func (d discardLines) Write(p []byte) (int, error) {
	d.log.Debug("package http had something to say")
	return len(p), nil
}

// listen opens the network: the pages, the API and the renditions on one address, told apart by host
// name and path; the renditions on one of their own if the configuration says so.
func (s *server) listen(cfg config.Config, surfaces []string) error {
	if cfg.TLS.CertFile != "" { // before anybody is told that we are ready
		if _, err := tls.LoadX509KeyPair(cfg.TLS.CertFile, cfg.TLS.KeyFile); err != nil {
			return houvast.Errorf("serve", houvast.Invalid, "tls", "the certificate cannot be used: %w", err).
				WithHint("check [tls] cert_file and key_file")
		}
	}
	front := &front{app: s.app, api: slices.Contains(surfaces, "api"), pages: slices.Contains(surfaces, "console")}
	var err error
	if s.url, err = s.open(cfg, cfg.Listen, front); err != nil {
		return err
	}
	media := ""
	if cfg.MediaListen != "" && front.pages {
		if media, err = s.open(cfg, cfg.MediaListen, front); err != nil {
			return err
		}
	}
	return s.app.settle(s.url, media)
}

// open listens on one address and returns how a browser on this machine finds it.
func (s *server) open(cfg config.Config, addr string, h http.Handler) (string, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return "", listenError(addr, err)
	}
	hs := newHTTP(h, s.app.log)
	scheme := "http"
	if cfg.TLS.CertFile != "" {
		scheme = "https"
	}
	s.serve(hs, func() error {
		if scheme == "https" {
			return hs.ServeTLS(ln, cfg.TLS.CertFile, cfg.TLS.KeyFile)
		}
		return hs.Serve(ln)
	})
	return scheme + "://" + shownHost(addr, ln.Addr()), nil
}

// shownHost is the address to print: the name that was asked for with the port that was got.
func shownHost(asked string, got net.Addr) string {
	host, _, err := net.SplitHostPort(asked)
	_, port, err2 := net.SplitHostPort(got.String())
	if err != nil || err2 != nil || host == "" {
		return got.String()
	}
	return net.JoinHostPort(host, port)
}

func listenError(addr string, err error) error {
	e := houvast.Errorf("serve", houvast.Unavailable, "listen", "%s cannot be listened on: %w", addr, err)
	if errors.Is(err, unix.EADDRINUSE) {
		e = houvast.Errorf("serve", houvast.Unavailable, "port-in-use", "the port of %s is in use by another program", addr).
			WithHint("stop that program, or choose another address with --listen")
	}
	return e
}

// listenControl opens the socket over which the commands on this machine speak to this server. The
// kernel says who they are.
func (s *server) listenControl() error {
	short, done, err := shortPath(s.control)
	if err != nil {
		return err
	}
	defer done()
	os.Remove(s.control) // of a server that was killed; we hold the lock
	ln, err := net.Listen("unix", short)
	if err != nil {
		return houvast.Errorf("serve", houvast.Unavailable, "control", "the control socket cannot be made: %w", err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false) // by the short name it could not be found any more
	if err := os.Chmod(s.control, 0o600); err != nil {
		ln.Close()
		return houvast.Wrap("serve", err)
	}
	hs := newHTTP(s.app.handler, s.app.log)
	hs.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		uid, ok := peerUID(c)
		if !ok {
			c.Close()
			return ctx
		}
		return httpapi.WithControl(ctx, uid)
	}
	s.serve(hs, func() error { return hs.Serve(ln) })
	return nil
}

// peerUID returns who is at the other end, if they may be: root, or who runs this server.
func peerUID(c net.Conn) (uint32, bool) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, false
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, false
	}
	var cred *unix.Ucred
	if err := raw.Control(func(fd uintptr) { cred, _ = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil || cred == nil {
		return 0, false
	}
	return cred.Uid, cred.Uid == 0 || int(cred.Uid) == os.Geteuid()
}

// shortPath gives a socket a name that fits into the 108 bytes the kernel has for it.
func shortPath(path string) (short string, done func(), err error) {
	if len(path) < 100 {
		return path, func() {}, nil
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, houvast.Wrap("control", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), filepath.Base(path)), func() { d.Close() }, nil
}

func (s *server) serve(hs *http.Server, run func() error) {
	s.servers = append(s.servers, hs)
	go func() {
		if err := run(); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
}

// wait serves until ctx ends, a listener fails, or the disk has lied.
func (s *server) wait(ctx context.Context) (err error) {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for err == nil {
		select {
		case <-ctx.Done():
			s.stop()
			return nil
		case err = <-s.failed:
		case <-look.C:
			if why := s.app.broken(); why != nil {
				s.stop()
				return exit{exitIO, why}
			}
		}
	}
	s.stop()
	return err
}

// grace is how long requests under way may go on once the server was told to stop. An upload that is
// cut off was not acknowledged, and comes again under its key.
const grace = 3 * time.Second

// stop lets requests under way finish for a while, then ends everything.
func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	for _, hs := range s.servers {
		if err := hs.Shutdown(ctx); err != nil {
			hs.Close()
		}
	}
	s.app.close()
	os.Remove(s.control)
}
