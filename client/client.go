// Package client calls the JSON API of Houvast: over the network with a key or a session token, or
// over the control socket of an installation on this machine.
//
// An error that the server answered is a *houvast.Error again, with its kind, code and remedy, so
// that a command beside a server fails exactly as the same command in the server's process would.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/houvast/houvast"
)

// A Client calls one installation. It is safe for concurrent use.
type Client struct {
	http  *http.Client
	base  string
	token string
}

// New returns a client of the installation at base, such as http://localhost:8080. token is an API
// key or a session token; it is empty on the control socket, where the kernel says who calls.
func New(hc *http.Client, base, token string) *Client {
	return &Client{hc, strings.TrimSuffix(base, "/"), token}
}

// WithToken returns a client of the same installation for somebody else.
func (c *Client) WithToken(token string) *Client { return &Client{c.http, c.base, token} }

// maxAnswer bounds what is read of one answer, in bytes.
const maxAnswer = 64 << 20

// Call sends in as JSON, when it is not nil, and reads the answer into out, when that is not nil. A
// key makes a write repeatable; "" sends none.
func (c *Client) Call(ctx context.Context, method, path, key string, in, out any) error {
	const op = "client.Call"
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return houvast.Wrap(op, err)
		}
		body = bytes.NewReader(text)
	} else if method == http.MethodPost {
		body = strings.NewReader("{}")
	}
	answer, err := c.Stream(ctx, method, path, key, "application/json", body)
	if err != nil {
		return err
	}
	defer answer.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(answer, maxAnswer))
	} else {
		err = json.NewDecoder(io.LimitReader(answer, maxAnswer)).Decode(out)
	}
	if err != nil {
		return houvast.Errorf(op, houvast.InDoubt, "answer-broken", "the answer of the server broke off")
	}
	return nil
}

// Stream sends body as it comes and returns the answer as it comes. The caller closes it.
func (c *Client) Stream(ctx context.Context, method, path, key, contentType string, body io.Reader) (io.ReadCloser, error) {
	const op = "client.Stream"
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, houvast.Errorf(op, houvast.Invalid, "bad-address", "the address of the server cannot be read")
	}
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var ours *houvast.Error
		if errors.As(err, &ours) {
			return nil, ours
		}
		return nil, houvast.Errorf(op, houvast.Unavailable, "server-unreachable", "the server does not answer: %w", err)
	}
	if resp.StatusCode < 300 {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	return nil, problem(resp)
}

// problem turns an RFC 9457 answer back into the error it was.
func problem(resp *http.Response) error {
	var p struct{ Type, Title, Detail, Message, Hint, Kind string }
	err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&p)
	e := &houvast.Error{Op: "server", Kind: kindOf(resp.StatusCode, p.Kind), Hint: p.Hint, Msg: p.Message}
	e.Code = strings.TrimPrefix(p.Type, "urn:houvast:problem:")
	if e.Msg == "" {
		e.Msg = strings.TrimSpace(p.Title + ": " + p.Detail)
	}
	if err != nil || p.Type == "" {
		e.Msg = "the server answered with status " + strconv.Itoa(resp.StatusCode)
	}
	return e
}

func kindOf(status int, name string) houvast.Kind {
	for _, k := range houvast.Kinds() {
		if k.String() == name {
			return k
		}
	}
	for _, k := range houvast.Kinds() {
		if k.Status() == status {
			return k
		}
	}
	return houvast.Internal
}

// Upload hands in an item. The same key with the same upload gives the same id.
func (c *Client) Upload(ctx context.Context, key string, up houvast.Upload, name string, file io.Reader) (houvast.ItemID, error) {
	r, w := io.Pipe()
	form := multipart.NewWriter(w)
	go func() {
		w.CloseWithError(writeForm(form, up, name, file))
	}()
	answer, err := c.Stream(ctx, http.MethodPost, "/api/v1/items", key, form.FormDataContentType(), r)
	r.Close() // ends the writer when the server answered early
	if err != nil {
		return "", err
	}
	defer answer.Close()
	var got struct{ ID houvast.ItemID }
	if err := json.NewDecoder(io.LimitReader(answer, 4<<10)).Decode(&got); err != nil || got.ID == "" {
		return "", houvast.Errorf("client.Upload", houvast.InDoubt, "answer-broken", "the answer of the server broke off").
			WithHint("send the item again under the same idempotency key")
	}
	return got.ID, nil
}

func writeForm(form *multipart.Writer, up houvast.Upload, name string, file io.Reader) error {
	fields := [][2]string{{"account", up.Account.ID}, {"screen_name", up.ScreenName}, {"email", up.Email}, {"profile_url", up.ProfileURL},
		{"ip", up.IP}, {"url", up.URL}, {"context", up.Context}, {"context_kind", string(up.ContextKind)}}
	if !up.UploadedAt.IsZero() {
		fields = append(fields, [2]string{"uploaded_at", up.UploadedAt.Format(time.RFC3339Nano)})
	}
	if up.Port != 0 {
		fields = append(fields, [2]string{"port", strconv.Itoa(up.Port)})
	}
	for _, f := range fields {
		if f[1] == "" {
			continue
		}
		if err := form.WriteField(f[0], f[1]); err != nil {
			return err
		}
	}
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(part, file); err != nil {
		return err
	}
	return form.Close()
}
