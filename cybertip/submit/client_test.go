package submit_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip/submit"
)

func TestNew(t *testing.T) {
	const secret = "sentinel-secret"
	for _, c := range []struct {
		env  submit.Environment
		base string
		ok   bool
	}{
		{submit.Production, "https://report.cybertip.org/ispws", true},
		{submit.Production, "https://REPORT.cybertip.org:443/ispws/", true},
		{submit.Test, "https://exttest.cybertip.org/ispws", true},
		{submit.Practice, "http://127.0.0.1:8080/ispws", true},
		{submit.Practice, "http://localhost:8080/ispws", true},
		{submit.Practice, "http://[::1]:8080/ispws", true},
		{submit.Practice, "https://127.1.2.3/ispws", true},

		{submit.Production, "https://exttest.cybertip.org/ispws", false},
		{submit.Test, "https://report.cybertip.org/ispws", false},
		{submit.Practice, "https://report.cybertip.org/ispws", false},
		{submit.Practice, "https://exttest.cybertip.org/ispws", false},
		{submit.Production, "http://127.0.0.1:8080/ispws", false},
		{submit.Test, "http://localhost/ispws", false},
		{submit.Production, "http://report.cybertip.org/ispws", false},
		{submit.Production, "https://report.cybertip.org:8443/ispws", false},
		{submit.Production, "https://report.cybertip.org/", false},
		{submit.Production, "https://report.cybertip.org/ispws/../x", false},
		{submit.Production, "https://report.cybertip.org/%69spws", false},
		{submit.Production, "https://report.cybertip.org.example/ispws", false},
		{submit.Production, "https://a.report.cybertip.org/ispws", false},
		{submit.Production, "https://report.cybertip.org./ispws", false},
		{submit.Production, "https://u:" + secret + "@report.cybertip.org/ispws", false},
		{submit.Production, "https://report.cybertip.org/ispws?x=1", false},
		{submit.Production, "https://report.cybertip.org/ispws#x", false},
		{submit.Practice, "http://localhost.example/ispws", false},
		{submit.Practice, "http://127.0.0.1.example/ispws", false},
		{submit.Practice, "http://0.0.0.0/ispws", false},
		{submit.Practice, "http://192.168.1.1/ispws", false},
		{submit.Practice, "http:///ispws", false},
		{submit.Practice, "ftp://127.0.0.1/ispws", false},
		{"", "http://127.0.0.1/ispws", false},
		{"staging", "https://report.cybertip.org/ispws", false},
	} {
		u, err := url.Parse(c.base)
		if err != nil {
			t.Fatal(err)
		}
		got, err := submit.New(c.env, u, user, secret, &http.Client{})
		if (err == nil) != c.ok {
			t.Errorf("%s at %s: %v", c.env, c.base, err)
		}
		if err == nil && got.Environment() != c.env {
			t.Errorf("%s became %s", c.env, got.Environment())
		}
		if err != nil && (houvast.CodeOf(err) != "bad-client" || strings.Contains(err.Error()+houvast.HintOf(err), secret)) {
			t.Errorf("%s at %s: %v", c.env, c.base, err)
		}
	}
	for _, env := range submit.Environments() {
		if env != submit.Practice {
			if _, err := submit.New(env, env.BaseURL(), user, secret, &http.Client{}); err != nil {
				t.Errorf("%s at its own address: %v", env, err)
			}
		}
	}
	u := submit.Production.BaseURL()
	for _, c := range [][2]string{{"", "b"}, {"a", ""}, {"a:c", "b"}, {"a\n", "b"}, {"a", "b\x00"}} {
		if _, err := submit.New(submit.Production, u, c[0], c[1], &http.Client{}); err == nil {
			t.Errorf("the credentials %q were taken", c)
		}
	}
	if _, err := submit.New(submit.Production, nil, "a", "b", &http.Client{}); err == nil {
		t.Error("no address was taken")
	}
	if _, err := submit.New(submit.Production, u, "a", "b", nil); err == nil {
		t.Error("no HTTP client was taken")
	}
}

// TestRequests checks what goes over the wire, in the order of a report.
func TestRequests(t *testing.T) {
	for _, c := range []struct {
		name                      submit.Call
		method, contentType, body string
		result                    string
	}{
		{submit.CallStatus, "GET", "", "", ""},
		{submit.CallXSD, "GET", "", "", ""},
		{submit.CallSubmit, "POST", "text/xml; charset=utf-8", "<report/>", "4711"},
		{submit.CallUpload, "POST", "multipart/form-data; boundary=", "", fileID + " " + md5sum},
		{submit.CallFileInfo, "POST", "text/xml; charset=utf-8", "<fileDetails/>", ""},
		{submit.CallFinish, "POST", "application/x-www-form-urlencoded", "id=4711", fileID + " ff"},
		{submit.CallRetract, "POST", "application/x-www-form-urlencoded", "id=4711", ""},
	} {
		s := serve(t, page(200, "", good(c.name)))
		a, got, err := call(context.Background(), s.client(t), c.name)
		check(t, string(c.name), a, err, fine)
		if got != c.result {
			t.Errorf("%s returned %q, want %q", c.name, got, c.result)
		}
		if string(a.Raw) != good(c.name) {
			t.Errorf("%s kept %q", c.name, a.Raw)
		}
		r := s.seen()[0]
		if r.method != c.method || r.path != "/ispws/"+string(c.name) || !strings.HasPrefix(r.contentType, c.contentType) || r.user != user || r.password != password {
			t.Errorf("%s sent %s %s %q as %s", c.name, r.method, r.path, r.contentType, r.user)
		}
		if c.name == submit.CallUpload {
			c.body = multipartForm(r.contentType)
		}
		if r.body != c.body {
			t.Errorf("%s sent\n%q, want\n%q", c.name, r.body, c.body)
		}
	}
}

// multipartForm is the form as it must look, written by hand.
func multipartForm(contentType string) string {
	_, b, _ := strings.Cut(contentType, "boundary=")
	return "--" + b + "\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n4711\r\n" +
		"--" + b + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file-1.jpg\"\r\nContent-Type: application/octet-stream\r\n\r\n" +
		content + "\r\n--" + b + "--\r\n"
}

// TestBadArguments refuses before anything is sent.
func TestBadArguments(t *testing.T) {
	s := serve(t, page(200, "", good(submit.CallSubmit)))
	c := s.client(t)
	ctx := context.Background()
	var errs []error
	add := func(a submit.Answer, err error) {
		if a.Outcome != submit.Refused || a.Code != submit.NoCode {
			t.Errorf("%s: %+v", a.Call, a)
		}
		errs = append(errs, err)
	}
	_, a, err := c.Submit(ctx, nil)
	add(a, err)
	a, err = c.FileInfo(ctx, nil)
	add(a, err)
	for _, id := range []int64{0, -1} {
		_, a, err = c.Finish(ctx, id)
		add(a, err)
		a, err = c.Retract(ctx, id)
		add(a, err)
		_, _, a, err = c.Upload(ctx, id, "a", strings.NewReader(""), 0)
		add(a, err)
	}
	for _, name := range []string{"", "a\r\nb", `a"b`, `a\b`, "a/b", "é", strings.Repeat("a", 256)} {
		_, _, a, err = c.Upload(ctx, 1, name, strings.NewReader(""), 0)
		add(a, err)
	}
	_, _, a, err = c.Upload(ctx, 1, "a", strings.NewReader(""), -1)
	add(a, err)
	_, _, a, err = c.Upload(ctx, 1, "a", nil, 1)
	add(a, err)
	for i, err := range errs {
		if houvast.KindOf(err) != houvast.Invalid || leaks(err) {
			t.Errorf("bad argument %d: %v", i, err)
		}
	}
	if n := len(s.seen()); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

// TestHeaders bounds what a stranger put there.
func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		header, id string
		seconds    float64
	}{
		{"Retry-After: 120\r\n", "req-1", 120},
		{"Retry-After: 999999999\r\n", "req-1", 86400},
		{"Retry-After: -1\r\n", "req-1", 0},
		{"Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", "req-1", 0},
		{"", "req-1", 0},
	} {
		s := serve(t, page(503, c.header, ""))
		a, _ := s.client(t).Status(context.Background())
		if a.RetryAfter.Seconds() != c.seconds || a.RequestID != c.id {
			t.Errorf("%q: %v, %q", c.header, a.RetryAfter, a.RequestID)
		}
	}
	s := serve(t, strings.Replace(page(200, "", good(submit.CallStatus)), "req-1", "\xc3\xa9"+strings.Repeat("x", 5000), 1))
	if a, err := s.client(t).Status(context.Background()); err != nil || a.RequestID != strings.Repeat("x", 128) {
		t.Errorf("a long id: %v, %d bytes", err, len(a.RequestID))
	}
}

// TestSchemaFault tells the operator which element is wrong and nothing of its value.
func TestSchemaFault(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"cvc-complex-type.2.4.a: Invalid content was found starting with element 'reporter'. One of '{incidentSummary, \"urn:x\":internetDetails}' is expected.",
			"the service answered with code 4100, validation failed: cvc-complex-type.2.4.a reporter incidentSummary internetDetails"},
		{"cvc-datatype-valid.1.2.1: 'sentinel-reply victim' is not a valid value for 'dateTime'.",
			"the service answered with code 4100, validation failed: cvc-datatype-valid.1.2.1"},
		{"cvc-attribute.3: The value 'x' of attribute 'hashType' on element 'originalFileHash' is not valid.",
			"the service answered with code 4100, validation failed: cvc-attribute.3 hashType originalFileHash"},
		{"element 'sentinel-reply' and '{sentinelreply, a}'", "the service answered with code 4100, validation failed"},
		{strings.Repeat("element 'victim' ", 5000), "the service answered with code 4100, validation failed: victim"},
	} {
		doc := "<reportResponse><responseCode>4100</responseCode><responseDescription>" + strings.ReplaceAll(c.text, "<", "&lt;") + "</responseDescription></reportResponse>"
		s := serve(t, page(200, "", doc))
		_, _, err := s.client(t).Submit(context.Background(), []byte("<report/>"))
		if err == nil || err.Error() != c.want {
			t.Errorf("told %v, want %s", err, c.want)
		}
	}
}
