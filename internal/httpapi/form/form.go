// Package form reads the multipart form of an upload: the part "file", and text parts with facts
// before or after it, in any order. Everything is bounded, nothing is stored, and no error repeats
// what was sent.
package form

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"time"

	"github.com/houvast/houvast"
)

// Bounds of a form.
const (
	maxParts = 24
	maxField = 4 << 10 // bytes of one text part
)

// Read reads the parts up to the file. source is the platform service, limit the most bytes of a
// file.
func Read(r *http.Request, source string, limit int64) (*Form, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, houvast.Errorf("items.create", houvast.Unsupported, "", "an item is handed in as multipart/form-data").
			WithHint("send the bytes as the part named file")
	}
	f := &Form{form: parts, seen: map[string]bool{}}
	f.up.Account.Source = source
	file, err := f.next()
	f.File = tooLarge{file, limit}
	return f, err
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

// A Form reads the parts of an upload in whatever order they come.
type Form struct {
	File  io.Reader // the bytes, bounded; read them to the end before Rest
	form  *multipart.Reader
	up    houvast.Upload
	parts int
	seen  map[string]bool
}

// next reads text parts up to the file and returns it.
func (f *Form) next() (io.Reader, error) {
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

// Rest reads the text parts that follow the file.
func (f *Form) Rest() (houvast.Upload, error) {
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

func (f *Form) field(name string, part io.Reader) error {
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
