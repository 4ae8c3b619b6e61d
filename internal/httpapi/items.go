package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/pipeline"
)

func (a *API) items(api huma.API) {
	a.raw(api, "items.create", "POST", "/api/v1/items", "Hand in an item", a.createItem)
	route(a, api, "items.get", "GET", "/api/v1/items/{id}", "What became of an item", a.getItem)
	route(a, api, "technical.list", "GET", "/api/v1/technical", "What could not be looked at", a.listTechnical)
}

// Bounds of the form of an upload.
const (
	maxParts = 24
	maxField = 4 << 10 // bytes
)

// createItem takes a multipart form: the part "file", and any of the facts as text parts before or
// after it. The answer is written and flushed before the item may be looked at.
func (a *API) createItem(w http.ResponseWriter, r *http.Request, who access.Principal) error {
	r.Body = http.MaxBytesReader(w, r.Body, a.P.Settings.MaxBytes+maxBody)
	form, err := r.MultipartReader()
	if err != nil {
		return houvast.Errorf("items.create", houvast.Unsupported, "", "an item is handed in as multipart/form-data").
			WithHint("send the bytes as the part named file")
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) > 128 {
		return houvast.Errorf("items.create", houvast.Invalid, "bad-field", "the idempotency key is longer than 128 characters")
	}
	f := &uploadForm{form: form}
	f.up.Account.Source = who.Source
	file, err := f.next()
	if err != nil {
		return err
	}
	receipt, err := a.P.Receive(r.Context(), pipeline.Incoming{Source: who.Source, Key: key, Body: tooLarge{file, a.P.Settings.MaxBytes}, Upload: f.rest})
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"id": string(receipt.ID)})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(http.StatusAccepted)
	w.Write(append(body, '\n'))
	http.NewResponseController(w).Flush() // an error means that the platform has gone; its item is safe
	if receipt.Bell != nil {
		a.Adopt(*receipt.Bell)
	}
	return nil
}

// tooLarge gives the error of http.MaxBytesReader its kind.
type tooLarge struct {
	io.Reader
	limit int64
}

func (t tooLarge) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		err = houvast.Errorf("items.create", houvast.TooLarge, "too_large", "the upload is larger than %d MiB", t.limit>>20).
			WithHint("the bound is [limits] upload_mib")
	}
	return n, err
}

// An uploadForm reads the parts of an upload in whatever order they come.
type uploadForm struct {
	form  *multipart.Reader
	up    houvast.Upload
	parts int
	seen  map[string]bool
}

// next reads text parts up to the file and returns it.
func (f *uploadForm) next() (io.Reader, error) {
	const op = "items.create"
	for {
		part, err := f.form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, houvast.Errorf(op, houvast.Invalid, "no-file", "the form has no part named file")
		}
		if err != nil {
			return nil, broken(err)
		}
		if f.parts++; f.parts > maxParts {
			return nil, houvast.Errorf(op, houvast.TooLarge, "too_large", "the form has more than %d parts", maxParts)
		}
		name := part.FormName()
		if f.seen == nil {
			f.seen = map[string]bool{}
		}
		if f.seen[name] {
			return nil, houvast.Errorf(op, houvast.Invalid, "bad-field", "a part of the form comes twice")
		}
		f.seen[name] = true
		if name == "file" {
			f.up.FileName = part.FileName()
			return part, nil
		}
		if err := f.field(name, part); err != nil {
			return nil, err
		}
	}
}

// rest reads the text parts that follow the file.
func (f *uploadForm) rest() (houvast.Upload, error) {
	_, err := f.next()
	switch houvast.CodeOf(err) {
	case "no-file": // there is one already; this is the end of the form
		return f.up, nil
	case "internal":
		return f.up, houvast.Errorf("items.create", houvast.Invalid, "bad-field", "a part of the form comes twice")
	}
	return f.up, err
}

func broken(err error) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return houvast.Errorf("items.create", houvast.TooLarge, "too_large", "the upload is too large").WithHint("the bound is [limits] upload_mib")
	}
	return houvast.Errorf("items.create", houvast.Invalid, "upload-broken", "the form breaks off or is not well-formed")
}

func (f *uploadForm) field(name string, part io.Reader) error {
	const op = "items.create"
	text, err := io.ReadAll(io.LimitReader(part, maxField+1))
	if err != nil {
		return broken(err)
	}
	if len(text) > maxField {
		return houvast.Errorf(op, houvast.TooLarge, "too_large", "a field of the form is longer than %d bytes", maxField)
	}
	v := string(text)
	switch name {
	case "account":
		f.up.Account.ID = v
	case "screen_name":
		f.up.ScreenName = v
	case "email":
		f.up.Email = v
	case "profile_url":
		f.up.ProfileURL = v
	case "uploaded_at":
		if f.up.UploadedAt, err = time.Parse(time.RFC3339Nano, v); err != nil {
			return houvast.Errorf(op, houvast.Invalid, "bad-field", "the field uploaded_at is not a time with a zone, as in RFC 3339").
				WithHint("for example 2026-11-23T17:05:09Z")
		}
		f.up.UploadedAt = f.up.UploadedAt.UTC()
	case "ip":
		f.up.IP = v
	case "port":
		if f.up.Port, err = strconv.Atoi(v); err != nil || f.up.Port < 1 || f.up.Port > 65535 {
			return houvast.Errorf(op, houvast.Invalid, "bad-field", "the field port is not a number from 1 to 65535")
		}
	case "url":
		f.up.URL = v
	case "context":
		f.up.Context = v
	case "context_kind":
		f.up.ContextKind = houvast.ContextKind(v)
	default:
		return houvast.Errorf(op, houvast.Invalid, "unknown-field", "the form has a part that is not known").
			WithHint("known are file, account, screen_name, email, profile_url, uploaded_at, ip, port, url, context, context_kind")
	}
	return nil
}

type itemIn struct {
	ID string `path:"id" maxLength:"64"`
}

type itemOut struct {
	Body struct {
		ID         string    `json:"id"`
		SHA256     string    `json:"sha256"`
		Bytes      int64     `json:"bytes"`
		ReceivedAt time.Time `json:"received_at"`
		State      string    `json:"state" enum:"received,looked_at,could_not_look,gone"`
	}
}

// getItem tells a platform about its own items, and never whether one matched.
func (a *API) getItem(ctx context.Context, who access.Principal, in *itemIn) (*itemOut, error) {
	it, err := a.P.Item(ctx, houvast.ItemID(in.ID))
	if err == nil && who.Kind == access.KindKey && it.Source != who.Source {
		err = houvast.Errorf("items.get", houvast.NotFound, "", "no such item")
	}
	if err != nil {
		return nil, err
	}
	out := &itemOut{}
	out.Body.ID, out.Body.SHA256, out.Body.Bytes = string(it.ID), it.SHA256, it.Bytes
	out.Body.ReceivedAt, out.Body.State = it.Received, string(it.State)
	return out, nil
}

// Page is the part of an input that asks for one page of a list.
type Page struct {
	After string `query:"after" maxLength:"64" doc:"the last one of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

// listOut is one page; next is empty on the last one.
type listOut[T any] struct {
	Body struct {
		Items []T    `json:"items"`
		Next  string `json:"next"`
	}
}

// page makes a page of what was found; next names the last one when there may be more.
func page[T, V any](found []V, limit int, show func(V) T, next func(V) string) *listOut[T] {
	out := &listOut[T]{}
	out.Body.Items = []T{}
	for _, v := range found {
		out.Body.Items = append(out.Body.Items, show(v))
	}
	if len(found) == limit {
		out.Body.Next = next(found[len(found)-1])
	}
	return out
}

// technicalOut is a line of the technical queue. Nobody is asked to look at what cannot be shown.
type technicalOut struct {
	Item       string    `json:"item"`
	ReceivedAt time.Time `json:"received_at"`
	Bytes      int64     `json:"bytes"`
	Reason     string    `json:"reason"`
	Until      time.Time `json:"bytes_until"`
}

func (a *API) listTechnical(ctx context.Context, _ access.Principal, in *struct{ Page }) (*listOut[technicalOut], error) {
	var after time.Time
	if in.After != "" {
		us, err := strconv.ParseInt(in.After, 10, 64)
		if err != nil {
			return nil, houvast.Errorf("technical.list", houvast.Invalid, "bad-id", "after is not what a page before gave as next")
		}
		after = houvast.FromMicros(us)
	}
	found, err := a.P.Technical(ctx, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &listOut[technicalOut]{}
	out.Body.Items = []technicalOut{}
	for _, t := range found {
		out.Body.Items = append(out.Body.Items, technicalOut{string(t.Item), t.Received, t.Bytes, t.Reason, t.Until})
	}
	if len(found) == in.Limit {
		out.Body.Next = strconv.FormatInt(houvast.Micros(found[len(found)-1].Received), 10)
	}
	return out, nil
}
