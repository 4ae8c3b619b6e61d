package submit_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip/submit"
)

// taker is a server that reads an upload to its end and answers with the MD5 of the file in it.
func taker(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form, err := r.MultipartReader()
		if err != nil {
			t.Error(err)
			return
		}
		sum := md5.New()
		for {
			p, err := form.NextPart()
			if err != nil {
				break
			}
			if p.FormName() == "file" {
				_, _ = io.Copy(sum, p)
			}
		}
		_, _ = io.WriteString(w, response(0, "<reportId>4711</reportId><fileId>a</fileId><hash>"+hex.EncodeToString(sum.Sum(nil))+"</hash>"))
	}))
	t.Cleanup(s.Close)
	return s
}

// TestUploadStreams sends far more than it may hold.
func TestUploadStreams(t *testing.T) {
	const size = 64 << 20
	c := practice(t, taker(t).URL)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	id, sum, a, err := c.Upload(context.Background(), reportID, "file-1.bin", zeros{limit: size}.reader(), size)
	runtime.ReadMemStats(&after)
	if err != nil || id != "a" || a.Outcome != submit.OK {
		t.Fatalf("%q, %+v, %v", id, a, err)
	}
	want := md5.New()
	_, _ = io.Copy(want, zeros{limit: size}.reader())
	if sum != hex.EncodeToString(want.Sum(nil)) {
		t.Errorf("the digest is %s", sum)
	}
	used := (after.TotalAlloc - before.TotalAlloc) >> 20
	if used > 8 {
		t.Errorf("%d MiB were allocated for a file of %d MiB", used, size>>20)
	}
	t.Logf("%d MiB allocated for a file of %d MiB, both ends together", used, size>>20)
}

// zeros is a file of bland bytes that nobody holds in memory.
type zeros struct{ limit int64 }

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (z zeros) reader() io.Reader { return io.LimitReader(z, z.limit) }

func TestUploadEmptyFile(t *testing.T) {
	_, sum, _, err := practice(t, taker(t).URL).Upload(context.Background(), reportID, "empty", strings.NewReader(""), 0)
	if err != nil || sum != "d41d8cd98f00b204e9800998ecf8427e" {
		t.Errorf("%s, %v", sum, err)
	}
}

func TestUploadOtherMD5(t *testing.T) {
	s := serve(t, page(200, "", response(0, "<fileId>a</fileId><hash>00000000000000000000000000000000</hash>")))
	a, got, err := call(context.Background(), s.client(t), submit.CallUpload)
	check(t, "other MD5", a, err, expectation{submit.InDoubt, houvast.Corrupt})
	if houvast.CodeOf(err) != "md5-mismatch" || houvast.HintOf(err) == "" || got != " " {
		t.Errorf("%q, %v", got, err)
	}
}

// failing yields n bytes and then an error.
type failing struct {
	n   int
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	if f.n == 0 {
		return 0, f.err
	}
	n := min(len(p), f.n)
	f.n -= n
	return n, nil
}

// TestUploadBadSource ends the form before it is complete, so the service cannot have taken it in.
func TestUploadBadSource(t *testing.T) {
	ours := houvast.Errorf("blob.Read", houvast.Corrupt, "blob-damaged", "the blob does not verify")
	for _, c := range []struct {
		name string
		r    io.Reader
		code string
		kind houvast.Kind
	}{
		{"too short", strings.NewReader("12345"), "size-mismatch", houvast.Corrupt},
		{"too long", strings.NewReader("12345678901"), "size-mismatch", houvast.Corrupt},
		{"fails with ours", &failing{5, ours}, "blob-damaged", houvast.Corrupt},
		{"fails at the end", &failing{10, ours}, "blob-damaged", houvast.Corrupt},
		{"fails with another", &failing{5, errors.New(sentinel)}, "source-failed", houvast.Internal},
		{"fails at once", &failing{0, io.ErrUnexpectedEOF}, "source-failed", houvast.Internal},
	} {
		var whole atomic.Bool
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			whole.Store(err == nil || strings.HasSuffix(string(b), "--\r\n"))
		}))
		_, _, a, err := practice(t, s.URL).Upload(context.Background(), reportID, "a", c.r, 10)
		s.Close()
		check(t, c.name, a, err, expectation{submit.Retry, c.kind})
		if houvast.CodeOf(err) != c.code || whole.Load() {
			t.Errorf("%s: code %s, the form was whole: %v", c.name, houvast.CodeOf(err), whole.Load())
		}
	}
}

// A watched file knows when it is read after its owner took it back.
type watched struct {
	over  atomic.Bool
	after atomic.Int64
}

func (w *watched) Read(p []byte) (int, error) {
	if w.over.Load() {
		w.after.Add(1)
	}
	clear(p)
	return len(p), nil
}

// TestEarlyReply answers before the file was read: a refusal is a refusal, a success proves nothing,
// and when the method has returned nobody reads the file any more.
func TestEarlyReply(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		want      map[submit.Outcome]bool
	}{
		// The reply can be lost when the connection closes under the sender: then it is doubt.
		{"refused", page(401, "", ""), map[submit.Outcome]bool{submit.Refused: true, submit.InDoubt: true}},
		{"success", page(200, "", good(submit.CallUpload)), map[submit.Outcome]bool{submit.InDoubt: true}},
	} {
		s := serve(t, c.raw)
		s.early = true
		w := &watched{}
		_, _, a, err := s.client(t).Upload(context.Background(), reportID, "a", w, 1<<40)
		w.over.Store(true)
		if err == nil || !c.want[a.Outcome] || leaks(err) {
			t.Errorf("%s: %s, %v", c.name, a.Outcome, err)
		}
		s.Close() // ends every connection, so a reader that went on would have been seen
		if n := w.after.Load(); n > 0 {
			t.Errorf("%s: the file was read %d times after the call", c.name, n)
		}
	}
}

// A keeper is a transport that answers at once and keeps the body, as net/http does for a moment
// when a reply overtakes the request.
type keeper struct{ body io.Reader }

func (k *keeper) RoundTrip(r *http.Request) (*http.Response, error) {
	k.body = r.Body
	_, _ = r.Body.Read(make([]byte, 1000))
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(good(submit.CallUpload))), Request: r}, nil
}

// TestBodyIsGivenBack reads the kept body after the call: the file must not be touched any more.
func TestBodyIsGivenBack(t *testing.T) {
	k, w := &keeper{}, &watched{}
	u := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	c, err := submit.New(submit.Practice, u, user, password, &http.Client{Transport: k})
	if err != nil {
		t.Fatal(err)
	}
	_, _, a, err := c.Upload(context.Background(), reportID, "a", w, 1<<40)
	check(t, "overtaken", a, err, doubt)
	if houvast.CodeOf(err) != "cut-upload" {
		t.Errorf("code %s", houvast.CodeOf(err))
	}
	w.over.Store(true)
	for range 3 {
		if n, err := k.body.Read(make([]byte, 1000)); n > 0 || err == nil || w.after.Load() > 0 {
			t.Fatalf("%d bytes after the call, %v; the file was read %d times", n, err, w.after.Load())
		}
	}
}

// startsOver is a transport that finds its first connection closed before anything was written.
type startsOver struct{ t *testing.T }

func (s startsOver) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	first, _ := io.ReadAll(r.Body)
	if r.GetBody == nil {
		return nil, errors.New("cannot start over")
	}
	again, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = again
	second, _ := io.ReadAll(again)
	if string(first) != string(second) || len(first) == 0 {
		s.t.Errorf("first %q, then %q", first, second)
	}
	r.Body, _ = r.GetBody()
	return http.DefaultTransport.RoundTrip(r)
}

// TestStartOver lets a transport repeat a small body. A file it may not: it is in doubt.
func TestStartOver(t *testing.T) {
	for _, name := range submit.Calls() {
		s := serve(t, page(200, "", good(name)))
		u, _ := url.Parse(s.URL)
		c, err := submit.New(submit.Practice, u, user, password, &http.Client{Transport: startsOver{t}})
		if err != nil {
			t.Fatal(err)
		}
		want := fine
		if name == submit.CallUpload {
			want = doubt
		}
		a, _, err := call(context.Background(), c, name)
		check(t, string(name), a, err, want)
	}
}
