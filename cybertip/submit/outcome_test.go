package submit_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip/submit"
)

// An expectation is an outcome with the kind of its error.
type expectation struct {
	outcome submit.Outcome
	kind    houvast.Kind
}

var (
	fine    = expectation{submit.OK, houvast.Internal}
	doubt   = expectation{submit.InDoubt, houvast.InDoubt}
	retry   = expectation{submit.Retry, houvast.Unavailable}
	refused = func(k houvast.Kind) expectation { return expectation{submit.Refused, k} }
)

// all expects the same of every call.
func all(e expectation) func(submit.Call) expectation {
	return func(submit.Call) expectation { return e }
}

// sent is for a reply that cannot be read, under a status that promises success, and for none at all.
func sent(c submit.Call) expectation {
	if c == submit.CallStatus || c == submit.CallXSD {
		return retry
	}
	return doubt
}

// broken is for a reply that cannot be read, under a status that promises nothing.
func broken(c submit.Call) expectation {
	if c == submit.CallUpload || c == submit.CallFileInfo {
		return doubt
	}
	return retry
}

// A scenario is one way in which a server answers. raw gets the call, for replies that fit it.
type scenario struct {
	name string
	raw  func(submit.Call) string
	want func(submit.Call) expectation
}

func always(raw string) func(submit.Call) string { return func(submit.Call) string { return raw } }

func goodWith(change func(doc string) string) func(submit.Call) string {
	return func(c submit.Call) string { return page(200, "", change(good(c))) }
}

// afterRoot puts s before the last end tag.
func inside(s string) func(string) string {
	return func(doc string) string { i := strings.LastIndex(doc, "</"); return doc[:i] + s + doc[i:] }
}

// except is want, but for the schema, whose inside is not ours to judge.
func exceptXSD(want func(submit.Call) expectation) func(submit.Call) expectation {
	return func(c submit.Call) expectation {
		if c == submit.CallXSD {
			return fine
		}
		return want(c)
	}
}

var scenarios = []scenario{
	{"good", goodWith(func(d string) string { return d }), all(fine)},
	{"status 201", func(c submit.Call) string { return page(201, "", good(c)) }, all(fine)},
	{"byte order mark", goodWith(func(d string) string { return "\ufeff" + d }), all(fine)},
	{"an element that is not known", goodWith(inside(`<later><responseCode>4100</responseCode></later>`)), all(fine)},
	{"comment and space around", goodWith(func(d string) string { return d + " \n<!-- x -->\n" }), all(fine)},

	{"no reply", always(""), sent},
	{"cut before the body", always("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"), sent},
	{"not HTTP", always(sentinel + "\r\n\r\n"), sent},
	{"cut midway", func(c submit.Call) string { p := page(200, "", good(c)); return p[:len(p)-30] }, sent},
	{"cut behind a whole document", func(c submit.Call) string {
		doc := good(c)
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(doc)+5, doc)
	}, sent},
	{"last tag missing", goodWith(func(d string) string { return d[:strings.LastIndex(d, "</")] }), sent},
	{"last byte missing", goodWith(func(d string) string { return d[:len(d)-1] }), sent},
	{"page of HTML", always(page(200, "", "<!doctype html><html><body>"+sentinel+"</body></html>")), sent},
	{"page of XHTML", always(page(200, "", "<html><body>"+sentinel+"</body></html>")), sent},
	{"empty", always(page(200, "", "")), sent},
	{"no content", always("HTTP/1.1 204 X\r\nConnection: close\r\n\r\n"), sent},
	{"plain text", always(page(200, "", "OK")), sent},
	{"document type", goodWith(func(d string) string { return strings.Replace(d, "?>\n", "?><!DOCTYPE reportResponse>", 1) }), sent},
	{"entity", goodWith(func(d string) string {
		return strings.Replace(d, "?>\n", `?><!DOCTYPE r [<!ENTITY a "0">]>`, 1)
	}), sent},
	{"instruction", goodWith(inside("<?do it?>")), sent},
	{"deep", goodWith(inside(strings.Repeat("<a>", 64) + strings.Repeat("</a>", 64))), sent},
	{"too long", goodWith(inside(strings.Repeat(" ", submit.MaxReply))), sent},
	{"too long by space alone", goodWith(func(d string) string { return d + strings.Repeat(" ", submit.MaxReply) }), sent},
	{"second root", goodWith(func(d string) string { return d + "<reportResponse/>" }), sent},
	{"text after the end", goodWith(func(d string) string { return d + "0" }), sent},
	{"code twice", goodWith(inside("<responseCode>0</responseCode>")), exceptXSD(sent)},
	{"report id twice", goodWith(inside("<reportId>4711</reportId><reportId>4711</reportId>")), exceptXSD(sent)},
	{"text between", goodWith(inside("0")), exceptXSD(sent)},
	{"no code", always(page(200, "", prolog+"<reportResponse><responseDescription>x</responseDescription></reportResponse>")), sent},
	{"empty code", always(page(200, "", prolog+"<reportResponse><responseCode/></reportResponse>")), sent},
	{"code in words", always(page(200, "", prolog+"<reportResponse><responseCode>0x0</responseCode></reportResponse>")), sent},
	{"code in pieces", always(page(200, "", prolog+"<reportResponse><responseCode>0<a/></responseCode></reportResponse>")), sent},
	{"code below", always(page(200, "", prolog+"<reportResponse><a><responseCode>0</responseCode></a></reportResponse>")), sent},
	{"code in a namespace", always(page(200, "", prolog+`<reportResponse xmlns:a="urn:a"><a:responseCode>0</a:responseCode></reportResponse>`)), sent},
	{"report id in words", goodWith(inside("<reportId>four</reportId>")), exceptXSD(sent)},
	{"other root", goodWith(func(d string) string {
		return strings.NewReplacer("eportResponse", "eportReply", "DoneResponse", "DoneReply", "schema", "scheme").Replace(d)
	}), sent},
	{"the other root", func(c submit.Call) string {
		if c == submit.CallFinish {
			return page(200, "", good(submit.CallSubmit))
		}
		return page(200, "", good(submit.CallFinish))
	}, sent},
	{"root in a namespace", goodWith(func(d string) string {
		return strings.NewReplacer("<report", `<report xmlns="urn:x" x`, "/2001/", "/1999/").Replace(d)
	}), sent},
	{"another encoding", goodWith(func(d string) string { return strings.Replace(d, "UTF-8", "UTF-7", 1) }), sent},
	{"bad UTF-8", goodWith(func(d string) string { i := strings.LastIndex(d, "</"); return d[:i] + "<a>\xff</a>" + d[i:] }), sent},

	{"500", always(page(500, "", "<html>"+sentinel+"</html>")), broken},
	{"502", always(page(502, "", "")), broken},
	{"504", always(page(504, "", sentinel)), broken},
	{"408", always(page(408, "", "")), broken},
	{"redirect", always(page(302, "Location: /elsewhere\r\n", "")), broken},
	{"redirect keeping the method", always(page(307, "Location: /elsewhere\r\n", "")), broken},
	{"503", always(page(503, "Retry-After: 120\r\n", "")), all(retry)},
	{"429", always(page(429, "Retry-After: 999999999\r\n", "")), all(expectation{submit.Retry, houvast.Limited})},
	{"401 with nothing", always(page(401, "WWW-Authenticate: Basic\r\n", "")), all(refused(houvast.Unauthenticated))},
	{"401 with a document", always(page(401, "", response(1000, ""))), all(refused(houvast.Unauthenticated))},
	{"401 with success", func(c submit.Call) string { return page(401, "", good(c)) }, all(refused(houvast.Unauthenticated))},
	{"403", always(page(403, "", "")), all(refused(houvast.Forbidden))},
	{"404", always(page(404, "", "<html/>")), all(refused(houvast.NotFound))},
	{"413", always(page(413, "", "")), all(refused(houvast.TooLarge))},
	{"400", always(page(400, "", sentinel)), all(refused(houvast.Invalid))},
	{"500 with success", func(c submit.Call) string { return page(500, "", good(c)) }, func(c submit.Call) expectation {
		if c == submit.CallXSD {
			return retry // a schema under a server error is no schema
		}
		return doubt
	}},
	{"500 with a code", always(page(500, "", response(4100, ""))), all(refused(houvast.Invalid))},
	{"400 with a code", always(page(400, "", response(1000, ""))), all(retry)},
}

func TestOutcomes(t *testing.T) {
	cases, careless := 0, 0
	met := map[string]bool{}
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			for _, name := range submit.Calls() {
				raw := sc.raw(name)
				s := serve(t, raw)
				a, got, err := call(context.Background(), s.client(t), name)
				check(t, string(name), a, err, sc.want(name))
				if err != nil && strings.Trim(got, "0 ") != "" {
					t.Errorf("%s: an error, and yet the result %q", name, got)
				}
				if n := len(s.seen()); n != 1 && !(n == 2 && (name == submit.CallStatus || name == submit.CallXSD)) {
					t.Errorf("%s: %d requests were made", name, n)
				}
				cases++
				met[fmt.Sprint(name, a.Outcome)] = true
				if a.Outcome == submit.InDoubt && naive(raw) {
					careless++
				}
			}
		})
	}
	for _, name := range submit.Calls() {
		for _, o := range []submit.Outcome{submit.InDoubt, submit.OK, submit.Refused, submit.Retry} {
			reads := name == submit.CallStatus || name == submit.CallXSD
			if impossible := reads && o == submit.InDoubt && name == submit.CallXSD; !met[fmt.Sprint(name, o)] && !impossible {
				t.Errorf("no case of %s ends as %s", name, o)
			}
		}
	}
	if careless < 20 {
		t.Errorf("encoding/xml alone would call only %d of the doubtful replies a success; the control is gone", careless)
	}
	t.Logf("%d scenarios, %d cases; encoding/xml alone would have called %d doubtful replies a success", len(scenarios), cases, careless)
}

// naive is how the reply would be read without care: whatever ends up in the struct.
func naive(raw string) bool {
	_, body, _ := strings.Cut(raw, "\r\n\r\n")
	var r struct {
		Code *int `xml:"responseCode"`
	}
	_ = xml.Unmarshal([]byte(body), &r)
	return r.Code != nil && *r.Code == 0
}

func check(t *testing.T, name string, a submit.Answer, err error, want expectation) {
	t.Helper()
	if a.Outcome != want.outcome || (err == nil) != (want.outcome == submit.OK) {
		t.Errorf("%s: outcome %s, want %s: %v", name, a.Outcome, want.outcome, err)
	}
	if err != nil && houvast.KindOf(err) != want.kind {
		t.Errorf("%s: kind %s, want %s: %v", name, houvast.KindOf(err), want.kind, err)
	}
	if err != nil && (leaks(err) || strings.HasSuffix(err.Error(), ".") || len(houvast.Trace(err)) == 0) {
		t.Errorf("%s: the error says %q", name, err)
	}
	if len(a.Raw) > submit.MaxReply {
		t.Errorf("%s: %d bytes kept", name, len(a.Raw))
	}
}

// TestCodes answers every call with every documented code and some that are not.
func TestCodes(t *testing.T) {
	unknown := []submit.Code{
		{Number: -1, Outcome: submit.Refused, Kind: houvast.Unsupported},
		{Number: 1001, Outcome: submit.Refused, Kind: houvast.Unsupported},
		{Number: 2222, Outcome: submit.Refused, Kind: houvast.Unauthenticated},
		{Number: 3999, Outcome: submit.Refused, Kind: houvast.Forbidden},
		{Number: 4999, Outcome: submit.Refused, Kind: houvast.Invalid},
		{Number: 5999, Outcome: submit.Refused, Kind: houvast.Unsupported},
		{Number: 999999999, Outcome: submit.Refused, Kind: houvast.Unsupported},
	}
	codes := submit.Codes()
	if len(codes) != 19 || codes[0].Number != 0 {
		t.Fatalf("%d documented codes", len(codes))
	}
	for _, code := range append(codes[1:], unknown...) {
		for _, name := range submit.Calls() {
			doc := response(code.Number, "")
			want := expectation{code.Outcome, code.Kind}
			done := name == submit.CallFinish && code.Number == 5102 || name == submit.CallRetract && code.Number == 5101
			if done {
				want = fine
			}
			s := serve(t, page(200, "", doc))
			a, _, err := call(context.Background(), s.client(t), name)
			check(t, fmt.Sprint(name, " ", code.Number), a, err, want)
			if a.Code != code.Number || a.Already != done || submit.Classify(name, code.Number) != want.outcome || submit.Done(name, code.Number) != done {
				t.Errorf("%s %d: code %d, already %v, classified %s", name, code.Number, a.Code, a.Already, submit.Classify(name, code.Number))
			}
			if err != nil && houvast.CodeOf(err) != fmt.Sprintf("cybertip-%d", code.Number) {
				t.Errorf("%s %d: error code %s", name, code.Number, houvast.CodeOf(err))
			}
			if a.RequestID != "req-1" || string(a.Raw) != doc || a.Status != 200 || a.Call != name {
				t.Errorf("%s %d: the answer does not hold the evidence: %+v", name, code.Number, a)
			}
		}
	}
	// A refused finish comes under either root.
	s := serve(t, page(200, "", `<reportDoneResponse><responseCode>5001</responseCode><reportId>4711</reportId><files/></reportDoneResponse>`))
	a, _, err := call(context.Background(), s.client(t), submit.CallFinish)
	check(t, "finish 5001", a, err, refused(houvast.NotFound))
	s = serve(t, page(200, "", `<reportDoneResponse><responseCode>5102</responseCode><reportId>4711</reportId><files><fileId>a</fileId></files></reportDoneResponse>`))
	a, got, err := call(context.Background(), s.client(t), submit.CallFinish)
	check(t, "finish 5102", a, err, fine)
	if got != "a" || !a.Already {
		t.Errorf("finished before: %q, %+v", got, a)
	}
}

// TestIncompleteSuccess holds replies that say 0 and do not prove it.
func TestIncompleteSuccess(t *testing.T) {
	done := func(s string) string { return "<reportDoneResponse>" + s + "</reportDoneResponse>" }
	for _, c := range []struct {
		name submit.Call
		doc  string
		code string
	}{
		{submit.CallSubmit, response(0, ""), "no-report-id"},
		{submit.CallSubmit, response(0, "<reportId>0</reportId>"), "no-report-id"},
		{submit.CallSubmit, response(0, "<reportId>-5</reportId>"), "reply-unreadable"},
		{submit.CallSubmit, response(0, "<reportId>9999999999999999999</reportId>"), "reply-unreadable"},
		{submit.CallUpload, response(0, "<reportId>4711</reportId>"), "no-file-id"},
		{submit.CallUpload, response(0, "<fileId>a</fileId>"), "no-file-id"},
		{submit.CallUpload, response(0, "<hash>"+md5sum+"</hash>"), "no-file-id"},
		{submit.CallUpload, response(0, "<fileId>a b</fileId><hash>"+md5sum+"</hash>"), "reply-unreadable"},
		{submit.CallUpload, response(0, "<fileId>a</fileId><hash>1234</hash>"), "reply-unreadable"},
		{submit.CallUpload, response(0, "<reportId>4712</reportId><fileId>a</fileId><hash>"+md5sum+"</hash>"), "wrong-report"},
		{submit.CallFinish, done("<responseCode>0</responseCode><files/>"), "wrong-report"},
		{submit.CallFinish, done("<responseCode>0</responseCode><reportId>4712</reportId><files/>"), "wrong-report"},
		{submit.CallFinish, done("<responseCode>5102</responseCode><reportId>4712</reportId><files/>"), "wrong-report"},
		{submit.CallFinish, done("<responseCode>0</responseCode><reportId>4711</reportId>"), "no-file-list"},
		{submit.CallFinish, done("<responseCode>0</responseCode><reportId>4711</reportId><files><fileId>a</fileId><x/></files>"), "reply-unreadable"},
		{submit.CallFinish, done("<responseCode>0</responseCode><reportId>4711</reportId><files>a</files>"), "reply-unreadable"},
		{submit.CallFinish, done("<responseCode>0</responseCode><reportId>4711</reportId><files><fileId/></files>"), "reply-unreadable"},
		{submit.CallRetract, response(0, "<reportId>4712</reportId>"), "wrong-report"},
		{submit.CallRetract, response(5101, "<reportId>4712</reportId>"), "wrong-report"},
	} {
		s := serve(t, page(200, "", c.doc))
		a, _, err := call(context.Background(), s.client(t), c.name)
		check(t, string(c.name)+" "+c.doc, a, err, doubt)
		if houvast.CodeOf(err) != c.code || a.Already {
			t.Errorf("%s %s: code %s, want %s", c.name, c.doc, houvast.CodeOf(err), c.code)
		}
	}
}

// TestNothingSent has no listener: for every call it is certain that nothing happened.
func TestNothingSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String() + "/ispws"
	l.Close()
	for _, name := range submit.Calls() {
		a, _, err := call(context.Background(), practice(t, base), name)
		check(t, string(name), a, err, retry)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		a, _, err = call(ctx, practice(t, base), name)
		check(t, string(name)+" cancelled", a, err, retry)
	}
}

// TestSlow lets the service take the whole request and say nothing until the caller gives up.
func TestSlow(t *testing.T) {
	for _, name := range submit.Calls() {
		s := serve(t, "")
		s.arrived, s.release = make(chan struct{}, 1), make(chan struct{})
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			<-s.arrived
			cancel()
		}()
		a, _, err := call(ctx, s.client(t), name)
		close(s.release)
		check(t, string(name), a, err, sent(name))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTimeout needs no help from the caller to end.
func TestTimeout(t *testing.T) {
	s := serve(t, "")
	s.release = make(chan struct{})
	defer close(s.release)
	a, err := s.client(t, submit.WithTimeout(20*time.Millisecond)).Status(context.Background())
	check(t, "status", a, err, retry)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "too long") {
		t.Error(err)
	}
}

func TestCompareFiles(t *testing.T) {
	for _, c := range []struct{ sent, got, missing, extra string }{
		{"", "", "", ""}, {"a b", "b a", "", ""}, {"a b", "a", "b", ""}, {"a", "a b", "", "b"},
		{"a", "a a", "", "a"}, {"a a", "a", "a", ""}, {"a", "b", "a", "b"},
	} {
		missing, extra := submit.CompareFiles(strings.Fields(c.sent), strings.Fields(c.got))
		if strings.Join(missing, " ") != c.missing || strings.Join(extra, " ") != c.extra {
			t.Errorf("%q against %q: missing %q, extra %q", c.sent, c.got, missing, extra)
		}
	}
}
