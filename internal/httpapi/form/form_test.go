package form

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/houvast/houvast"
)

const line = "a-line-between"

// read reads a body as the handler does and returns what was understood.
func read(body string) (up houvast.Upload, file string, err error) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "multipart/form-data; boundary="+line)
	f, err := Read(r, "forum", 1<<20)
	if err != nil {
		return up, "", err
	}
	data, err := io.ReadAll(io.LimitReader(f.File, 1<<20))
	if err != nil {
		return up, "", err
	}
	up, err = f.Rest()
	return up, string(data), err
}

func part(head, value string) string {
	return "--" + line + "\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" + value + "\r\n"
}

const last = "--" + line + "--\r\n"

// Facts count the same before and after the bytes; the source is the key's and never the form's.
func TestOrder(t *testing.T) {
	file, ip, port := part(`name="file"; filename="a b.png"`, "bytes"), part(`name="ip"`, "192.0.2.1"), part(`name="port"`, "40123")
	want := fmt.Sprint(houvast.Upload{Account: houvast.AccountRef{Source: "forum"}, FileName: "a b.png", IP: "192.0.2.1", Port: 40123})
	for _, body := range []string{file + ip + port, ip + file + port, port + ip + file} {
		up, data, err := read(body + last)
		if err != nil || data != "bytes" || fmt.Sprint(up) != want {
			t.Errorf("%+v, %q, %v; want %s", up, data, err, want)
		}
	}
	for _, body := range []string{part(`name="source"`, "bank") + file + last, file + part(`name="account.source"`, "bank") + last} {
		if _, _, err := read(body); houvast.CodeOf(err) != "unknown-field" {
			t.Errorf("a source in the form: %v", err)
		}
	}
}

// Whatever comes, an error is one of ours, of a kind that blames the sender, and repeats nothing.
func FuzzForm(f *testing.F) {
	const secret = "zz9plural"
	for _, seed := range []string{"", last, part(`name="file"`, secret) + last, part(`name="file"`, secret), part(`name="`+secret+`"`, secret) + last,
		part(`name="port"`, secret) + last, part(`name="file"`, "a") + part(`name="uploaded_at"`, secret) + last, part(`name=file; filename*=utf-8''`+secret, secret) + last,
		"--" + line + "\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Disposition: form-data; name=file\r\n\r\n=zz" + secret + "\r\n" + last,
		"--" + line + "\r\n" + strings.Repeat(secret+": x\r\n", 2000) + "\r\n" + last, strings.Repeat(part(`name="ip"`, secret), 30) + last} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		_, data, err := read(body)
		if err == nil {
			if len(data) > len(body) {
				t.Errorf("%d bytes were made of %d", len(data), len(body))
			}
			return
		}
		switch kind := houvast.KindOf(err); kind {
		case houvast.Invalid, houvast.TooLarge, houvast.Unsupported:
		default:
			// The bytes themselves may end in a reader's own error, which the pipeline names.
			if houvast.Trace(err) != nil {
				t.Errorf("%v: %v", kind, err)
			}
		}
		if houvast.Trace(err) != nil && strings.Contains(err.Error()+houvast.HintOf(err), secret) {
			t.Errorf("%v repeats what was sent", err)
		}
	})
}
