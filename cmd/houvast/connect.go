package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/client"
	"github.com/houvast/houvast/internal/config"
	"github.com/houvast/houvast/internal/httpapi"
	"github.com/houvast/houvast/internal/store"
)

// dataFlags are the flags of every command that opens data.
type dataFlags struct {
	Data   string `placeholder:"DIR" help:"Folder of the data (or HOUVAST_DATA)."`
	Config string `placeholder:"FILE" help:"Configuration file."`
}

// config walks the steps of the configuration: defaults, file, environment, flags.
func (f dataFlags) config(e *env, flags map[string]string) (cfg config.Config, err error) {
	cfg = config.Default()
	if f.Config != "" {
		if cfg, err = config.Load(f.Config); err != nil {
			return cfg, err
		}
	}
	err = cfg.Environment(func(name string) (string, bool) {
		v := e.getenv(name)
		return v, v != ""
	})
	if err != nil {
		return cfg, err
	}
	set := func(key, value string) error {
		if value == "" {
			return nil
		}
		return cfg.Set(key, value, "--"+key)
	}
	if err := set("data", f.Data); err != nil {
		return cfg, err
	}
	for key, value := range flags {
		if err := set(key, value); err != nil {
			return cfg, err
		}
	}
	if cfg.Data, err = filepath.Abs(cfg.Data); err != nil {
		return cfg, err
	}
	return cfg, cfg.Validate()
}

// with calls fn with a client of the installation: the server that runs on the same data, or else the
// same handler in this process, with the lock taken. Either way it is the same API call.
func (f dataFlags) with(ctx context.Context, e *env, fn func(c *client.Client) error) error {
	cfg, err := f.config(e, nil)
	if err != nil {
		return err
	}
	if hc, ok := dialControl(filepath.Join(cfg.Data, "control.sock")); ok {
		return fn(client.New(hc, "http://control", ""))
	}
	if _, err := os.Stat(cfg.Data); err != nil {
		return houvast.Errorf("data", houvast.NotFound, "data-dir", "there is no data in %s", cfg.Data).
			WithHint("name the folder with --data or HOUVAST_DATA; houvast serve makes it")
	}
	a, err := openApp(ctx, cfg, store.NewSystemClock(), newLog(e))
	if err != nil {
		return err
	}
	defer a.close()
	a.start(false)
	inside := &http.Client{Transport: inProcess{a.handler}}
	return fn(client.New(inside, "http://control", ""))
}

// dialControl returns a client over the control socket, if a server answers there.
func dialControl(path string) (*http.Client, bool) {
	dial := func(ctx context.Context) (net.Conn, error) {
		short, done, err := shortPath(path)
		if err != nil {
			return nil, err
		}
		defer done()
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", short)
	}
	probe, err := dial(context.Background())
	if err != nil {
		return nil, false
	}
	probe.Close()
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}, true
}

// inProcess carries a request to a handler in this process, as the control socket would.
type inProcess struct{ handler http.Handler }

// RoundTrip answers req. The body of the answer is streamed as the handler writes it.
func (t inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil {
		req.Body = http.NoBody
	}
	req = req.WithContext(httpapi.WithControl(req.Context(), uint32(os.Geteuid())))
	req.RemoteAddr = "control"
	r, w := io.Pipe()
	answer := &streamed{header: http.Header{}, body: w, ready: make(chan struct{})}
	go func() {
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				panic(p)
			} else if p != nil { // the answer broke off, as it would on a connection
				w.CloseWithError(io.ErrUnexpectedEOF)
			}
			answer.WriteHeader(http.StatusOK)
			req.Body.Close()
			w.Close()
		}()
		t.handler.ServeHTTP(answer, req)
	}()
	<-answer.ready
	return &http.Response{Status: http.StatusText(answer.status), StatusCode: answer.status, Header: answer.header, Body: r,
		ContentLength: -1, Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, nil
}

// streamed is the handler's side of an answer in process.
type streamed struct {
	header http.Header
	status int
	body   *io.PipeWriter
	ready  chan struct{}
}

// Header returns the header to be sent.
func (s *streamed) Header() http.Header { return s.header }

// WriteHeader lets the caller go on with the body.
func (s *streamed) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
		close(s.ready)
	}
}

// Write waits until the caller has read p.
func (s *streamed) Write(p []byte) (int, error) {
	s.WriteHeader(http.StatusOK)
	return s.body.Write(p)
}
