package practice

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast/practice/schema"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// clock is a hand-driven Config.Now.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(sinceStart time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = start.Add(sinceStart)
}

const reportXML = `<?xml version="1.0" encoding="UTF-8"?>
<report><incidentSummary><incidentType>Misleading Domain Name</incidentType><incidentDateTime>2026-11-23T11:00:00Z</incidentDateTime></incidentSummary>` +
	`<internetDetails><webPageIncident><url>https://example.org/a</url></webPageIncident></internetDetails>` +
	`<reporter><reportingPerson><email>desk@example.org</email></reportingPerson></reporter>` +
	`<personOrUserReported><espIdentifier>account-17</espIdentifier></personOrUserReported>` +
	`<victim><victimPerson/></victim><victim><victimPerson/></victim></report>`

func fileXML(report int64, file, more string) string {
	return fmt.Sprintf("<fileDetails><reportId>%d</reportId><fileId>%s</fileId>%s</fileDetails>", report, file, more)
}

// answer is what a reply says, read with this package's own reader and checked against its schema.
type answer struct {
	status int
	code   int
	text   string
	report int64
	file   string
	hash   string
	files  []string
	header http.Header
	body   string
}

// read judges a reply: every one must be a valid document of the schema that is published.
func read(t *testing.T, status int, header http.Header, body []byte) answer {
	t.Helper()
	a := answer{status: status, header: header, body: string(body), code: -1}
	if strings.HasPrefix(header.Get("Content-Type"), "application/json") || strings.HasPrefix(header.Get("Content-Type"), "application/x-ndjson") {
		return a
	}
	if got := header.Get("Content-Type"); got != "application/xml;charset=ISO-8859-1" {
		t.Errorf("Content-Type %q", got)
	}
	root, err := schema.Parse(body)
	if err != nil {
		t.Fatalf("reply %q: %v", body, err)
	}
	if root.Name.Local == "schema" {
		return a
	}
	if err := schema.New().Validate(root, root.Name.Local); err != nil || !strings.HasPrefix(root.Name.Local, "report") {
		t.Errorf("reply %s: %v", body, err)
	}
	a.code, _ = strconv.Atoi(root.ChildText("responseCode"))
	a.report, _ = strconv.ParseInt(root.ChildText("reportId"), 10, 64)
	a.text, a.file, a.hash = root.ChildText("responseDescription"), root.ChildText("fileId"), root.ChildText("hash")
	if files := root.Child("files"); files != nil {
		for _, f := range files.Children {
			a.files = append(a.files, f.Text)
		}
	}
	return a
}

func send(t *testing.T, c *Clearinghouse, r *http.Request) answer {
	t.Helper()
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return read(t, w.Code, w.Header(), w.Body.Bytes())
}

// request is an authenticated request from loopback.
func request(method, path, mime, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:40000"
	r.SetBasicAuth("esp", "secret")
	if mime != "" {
		r.Header.Set("Content-Type", mime)
	}
	return r
}

const textXML = "text/xml; charset=utf-8"

type part struct{ name, file, body string }

func form(parts ...part) (mime, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		var to io.Writer
		if p.file != "" {
			to, _ = w.CreateFormFile(p.name, p.file)
		} else {
			to, _ = w.CreateFormField(p.name)
		}
		io.WriteString(to, p.body)
	}
	w.Close()
	return w.FormDataContentType(), b.String()
}

// The calls of a client, by endpoint. Each returns the request, so that it can go to a recorder or
// over a connection.
func submitRequest() *http.Request {
	return request("POST", "/ispws/submit", textXML, reportXML)
}

func uploadRequest(report int64, content string) *http.Request {
	mime, body := form(part{"id", "", strconv.FormatInt(report, 10)}, part{"file", "drawn.png", content})
	return request("POST", "/ispws/upload", mime, body)
}

func fileinfoRequest(report int64, file, more string) *http.Request {
	return request("POST", "/ispws/fileinfo", textXML, fileXML(report, file, more))
}

func endRequest(how string, report int64) *http.Request {
	return request("POST", "/ispws/"+how, "application/x-www-form-urlencoded", "id="+strconv.FormatInt(report, 10))
}

func house(cfg Config) (*Clearinghouse, *clock) {
	k := &clock{now: start}
	cfg.User, cfg.Password = "esp", "secret"
	if cfg.Now == nil {
		cfg.Now = k.Now
	}
	return New(cfg), k
}

func want(t *testing.T, what string, a answer, code int) {
	t.Helper()
	if a.code != code || code != 2000 && code != 1210 && a.status != 200 {
		t.Errorf("%s: HTTP %d, code %d (%s), want code %d", what, a.status, a.code, a.text, code)
	}
	if code != 0 && (a.report != 0 || a.file != "" || a.hash != "" || a.text == "") {
		t.Errorf("%s: a refusal that carries more than its reason: %s", what, a.body)
	}
}

func TestWalk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	log, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c, k := house(Config{Log: log})

	opened := send(t, c, submitRequest())
	want(t, "submit", opened, 0)
	if opened.report != start.Unix() || opened.text != "Success" || opened.file != "" {
		t.Errorf("submit: %s", opened.body)
	}
	id := opened.report
	k.set(time.Minute)
	contents := []string{"first drawn picture", "second drawn picture"}
	var ids []string
	for _, content := range contents {
		a := send(t, c, uploadRequest(id, content))
		want(t, "upload", a, 0)
		sum := md5.Sum([]byte(content))
		if a.report != id || a.hash != hex.EncodeToString(sum[:]) || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(a.file) {
			t.Errorf("upload: %s", a.body)
		}
		ids = append(ids, a.file)
	}
	a := send(t, c, fileinfoRequest(id, " "+ids[1]+"\n", "<fileViewedByEsp>1</fileViewedByEsp><publiclyAvailable>false</publiclyAvailable>"))
	want(t, "fileinfo", a, 0)
	if a.report != id || a.file != ids[1] || a.hash != "" {
		t.Errorf("fileinfo: %s", a.body)
	}
	want(t, "fileinfo again", send(t, c, fileinfoRequest(id, ids[1], "<fileViewedByEsp>false</fileViewedByEsp><fileRelevance>Supplemental Reported</fileRelevance>")), 0)
	k.set(2 * time.Minute)
	receipt := send(t, c, endRequest("finish", id))
	want(t, "finish", receipt, 0)
	if receipt.report != id || !slices.Equal(receipt.files, ids) || !strings.Contains(receipt.body, "<reportDoneResponse>") {
		t.Errorf("finish: %s", receipt.body)
	}

	var kinds []string
	for _, ev := range c.Events() {
		kinds = append(kinds, ev.Event)
	}
	if got := strings.Join(kinds, " "); got != "opened uploaded uploaded described described finished" {
		t.Errorf("events: %s", got)
	}
	last := c.Events()[5]
	sum := sha256.Sum256([]byte(reportXML))
	if last.ReportID != id || last.IncidentType != "Misleading Domain Name" || !slices.Equal(last.Identifiers, []string{"account-17"}) ||
		last.Victims != 2 || last.SubmitSHA256 != hex.EncodeToString(sum[:]) || !slices.Equal(last.FileIDs, ids) || !last.Time.Equal(start.Add(2*time.Minute)) {
		t.Errorf("finished: %+v", last)
	}
	for i, content := range contents {
		m, s1, s2 := md5.Sum([]byte(content)), sha1.Sum([]byte(content)), sha256.Sum256([]byte(content))
		w := File{FileID: ids[i], MD5: hex.EncodeToString(m[:]), SHA1: hex.EncodeToString(s1[:]), SHA256: hex.EncodeToString(s2[:]), Size: int64(len(content))}
		if i == 1 {
			w.Descriptions, w.Viewed, w.Relevance = 2, "false", "Supplemental Reported"
		}
		if last.Files[i] != w || last.MD5s[i] != w.MD5 {
			t.Errorf("file %d: %+v, want %+v", i, last.Files[i], w)
		}
	}
	first := c.Events()[3].Files[0]
	if first.Viewed != "true" || first.Public != "false" || first.ExifViewed != "" || first.Relevance != "Reported" || first.Descriptions != 1 {
		t.Errorf("first description: %+v", first)
	}

	// The file, the route and the memory say the same, and none holds what was uploaded.
	onDisk, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if over := send(t, c, request("GET", "/practice/log", "", "")); over.body != string(onDisk) || len(onDisk) == 0 {
		t.Errorf("log on disk\n%s\nover HTTP\n%s", onDisk, over.body)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(onDisk)), "\n") {
		var ev Event
		if err := json.Unmarshal([]byte(line), &ev); err != nil || ev.Seq != i+1 {
			t.Errorf("line %d: %v %s", i, err, line)
		}
	}
	if bytes.Contains(onDisk, []byte("drawn picture")) {
		t.Error("the log holds uploaded bytes")
	}
}

// Every route refuses every kind of stranger, and says so in XML.
func TestCredentials(t *testing.T) {
	c, _ := house(Config{})
	n := 0
	for _, rt := range routes() {
		for _, who := range []struct{ name, user, password string }{
			{"nobody", "", ""}, {"wrong password", "esp", "secreT"}, {"wrong user", "esq", "secret"}, {"prefix", "esp", "secre"}, {"longer", "esp", "secret1"}, {"swapped", "secret", "esp"},
		} {
			r := httptest.NewRequest(rt.method, rt.path, nil)
			r.RemoteAddr = "127.0.0.1:1"
			if who.name != "nobody" {
				r.SetBasicAuth(who.user, who.password)
			}
			a := send(t, c, r)
			want(t, rt.path+" "+who.name, a, 2000)
			if a.status != 401 || a.header.Get("WWW-Authenticate") != `Basic realm="ESP Web Services"` {
				t.Errorf("%s %s: HTTP %d, %v", rt.path, who.name, a.status, a.header)
			}
			n++
		}
	}
	if len(c.Events()) != 0 || n == 0 {
		t.Errorf("%d strangers left %d events", n, len(c.Events()))
	}
	for _, cfg := range []Config{{}, {User: "esp"}, {Password: "secret"}} {
		r := httptest.NewRequest("GET", "/ispws/status", nil)
		r.SetBasicAuth(cfg.User, cfg.Password)
		if a := send(t, New(cfg), r); a.status != 401 {
			t.Errorf("half of no credentials let in: HTTP %d", a.status)
		}
	}
}

func TestMethodsAndPaths(t *testing.T) {
	c, _ := house(Config{})
	ids := map[string]bool{}
	check := func(method, path string, status, code int, allow string) {
		t.Helper()
		a := send(t, c, request(method, path, "", ""))
		if a.status != status || a.code != code || a.header.Get("Allow") != allow {
			t.Errorf("%s %s: HTTP %d code %d Allow %q, want %d %d %q", method, path, a.status, a.code, a.header.Get("Allow"), status, code, allow)
		}
		ids[a.header.Get("Request-ID")] = true
	}
	n := 0
	for _, rt := range routes() {
		for _, method := range []string{"PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get"} {
			check(method, rt.path, 405, 4000, "GET, POST")
			n++
		}
		check(map[string]string{"GET": "POST", "POST": "GET"}[rt.method], rt.path, 405, 4000, rt.method)
		check(rt.method, rt.path+"/", 404, 1210, "")
		n += 2
	}
	if len(ids) != n || ids[""] {
		t.Errorf("%d Request-IDs for %d requests", len(ids), n)
	}
	a := send(t, c, request("GET", "/ispws/status", "", ""))
	if a.code != 0 || a.text != "Remote User : esp, Remote Ip : 127.0.0.1" || a.report != 0 {
		t.Errorf("status: %s", a.body)
	}
	if a := send(t, c, request("GET", "/ispws/xsd", "", "")); a.status != 200 || a.body != string(schema.New().XSD()) {
		t.Errorf("xsd: HTTP %d, %d bytes", a.status, len(a.body))
	}
}

// The end of a report decides what every later call says.
func TestEnds(t *testing.T) {
	for _, tc := range []struct {
		end  string
		code int
	}{{"none", 0}, {"finished", 5102}, {"retracted", 5101}, {"lapsed", 5001}, {"never", 5001}} {
		for _, call := range []string{"upload", "fileinfo", "finish", "retract"} {
			t.Run(tc.end+" then "+call, func(t *testing.T) {
				c, k := house(Config{})
				id := send(t, c, submitRequest()).report
				file := send(t, c, uploadRequest(id, "x")).file
				switch tc.end {
				case "finished":
					want(t, "finish", send(t, c, endRequest("finish", id)), 0)
				case "retracted":
					want(t, "retract", send(t, c, endRequest("retract", id)), 0)
				case "lapsed":
					k.set(24 * time.Hour)
				case "never":
					id++
				}
				before := len(c.Events())
				a := send(t, c, map[string]func() *http.Request{
					"upload":   func() *http.Request { return uploadRequest(id, "y") },
					"fileinfo": func() *http.Request { return fileinfoRequest(id, file, "") },
					"finish":   func() *http.Request { return endRequest("finish", id) },
					"retract":  func() *http.Request { return endRequest("retract", id) },
				}[call]())
				want(t, call, a, tc.code)
				events := c.Events()[before:]
				if tc.code != 0 && (len(events) != 1 || events[0].Event != Refused || events[0].Code != tc.code || events[0].Endpoint != call) {
					t.Errorf("events: %+v", events)
				}
			})
		}
	}
}

// An open report lives 24 h from opening or 1 h from the last change, whichever is later. Each row
// would go wrong if only one of the two were counted, or the earlier.
func TestLapse(t *testing.T) {
	type at = time.Duration
	for _, tc := range []struct {
		name     string
		uploads  []at
		describe at // 0: never
		dies     at
	}{
		{"untouched", nil, 0, 24 * time.Hour},
		{"touched early", []at{time.Hour}, 0, 24 * time.Hour},
		{"touched so that both are equal", []at{23 * time.Hour}, 0, 24 * time.Hour},
		{"touched late", []at{23*time.Hour + 30*time.Minute}, 0, 24*time.Hour + 30*time.Minute},
		{"kept alive", []at{23*time.Hour + 59*time.Minute, 24*time.Hour + 58*time.Minute}, 0, 25*time.Hour + 58*time.Minute},
		{"described late", []at{time.Hour}, 23*time.Hour + 45*time.Minute, 24*time.Hour + 45*time.Minute},
	} {
		for _, late := range []bool{false, true} {
			c, k := house(Config{})
			id := send(t, c, submitRequest()).report
			file := ""
			for _, when := range tc.uploads {
				k.set(when)
				a := send(t, c, uploadRequest(id, "x"))
				want(t, tc.name, a, 0)
				file = a.file
			}
			if tc.describe != 0 {
				k.set(tc.describe)
				want(t, tc.name, send(t, c, fileinfoRequest(id, file, "")), 0)
			}
			k.set(tc.dies - time.Nanosecond)
			code := 0
			if late {
				k.set(tc.dies)
				code = 5001
			}
			want(t, tc.name, send(t, c, endRequest("finish", id)), code)
			lapses := slices.DeleteFunc(c.Events(), func(ev Event) bool { return ev.Event != Lapsed })
			if late && (len(lapses) != 1 || !lapses[0].Time.Equal(start.Add(tc.dies)) || lapses[0].ReportID != id || len(lapses[0].FileIDs) != len(tc.uploads)) || !late && len(lapses) != 0 {
				t.Errorf("%s: lapses %+v", tc.name, lapses)
			}
		}
	}
	// A refused call is no change; a finished or retracted report does not lapse.
	c, k := house(Config{})
	ids := []int64{send(t, c, submitRequest()).report, send(t, c, submitRequest()).report, send(t, c, submitRequest()).report}
	want(t, "finish", send(t, c, endRequest("finish", ids[1])), 0)
	want(t, "retract", send(t, c, endRequest("retract", ids[2])), 0)
	k.set(23*time.Hour + 59*time.Minute)
	want(t, "unknown file", send(t, c, fileinfoRequest(ids[0], "feed", "")), 5002)
	k.set(1000 * time.Hour)
	want(t, "open one", send(t, c, endRequest("finish", ids[0])), 5001)
	want(t, "finished one", send(t, c, endRequest("finish", ids[1])), 5102)
	want(t, "retracted one", send(t, c, endRequest("retract", ids[2])), 5101)
	for _, ev := range c.Events() {
		if ev.Event == Lapsed && (ev.ReportID != ids[0] || !ev.Time.Equal(start.Add(24*time.Hour))) {
			t.Errorf("lapsed: %+v", ev)
		}
	}
}

// Of many that finish, upload and open at once, each is counted once and one finishes.
func TestConcurrent(t *testing.T) {
	c, _ := house(Config{})
	id := send(t, c, submitRequest()).report
	const n = 40
	finished, uploaded, ids := make([]answer, n), make([]answer, n), make([]answer, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { uploaded[i] = send(t, c, uploadRequest(id, "x")) })
		wg.Go(func() { finished[i] = send(t, c, endRequest("finish", id)) })
		wg.Go(func() { ids[i] = send(t, c, submitRequest()) })
	}
	wg.Wait()
	var receipt []answer
	distinct := map[int64]bool{}
	taken := map[string]bool{}
	for i := range n {
		distinct[ids[i].report] = true
		if uploaded[i].code == 0 {
			taken[uploaded[i].file] = true
		}
		if finished[i].code == 0 {
			receipt = append(receipt, finished[i])
		} else if finished[i].code != 5102 {
			t.Errorf("finish: %d", finished[i].code)
		}
	}
	if len(receipt) != 1 || len(receipt[0].files) != len(taken) || len(distinct) != n {
		t.Errorf("%d receipts, %d files taken, %d ids of %d", len(receipt), len(taken), len(distinct), n)
	}
}

func sources(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"*.go", "schema/*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			out[name] = string(b)
		}
	}
	if len(out) < 10 {
		t.Fatalf("only %d source files", len(out))
	}
	return out
}

// foreignImports returns what a source imports that is neither the standard library nor schema.
func foreignImports(t *testing.T, source string) (out []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "", source, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, im := range f.Imports {
		path, _ := strconv.Unquote(im.Path.Value)
		first, _, _ := strings.Cut(path, "/")
		if strings.Contains(first, ".") && path != "github.com/houvast/houvast/practice/schema" {
			out = append(out, path)
		}
	}
	return out
}

// The judge shares nothing with the client it judges.
func TestImportsNothingOfOurs(t *testing.T) {
	for name, source := range sources(t) {
		if got := foreignImports(t, source); len(got) > 0 {
			t.Errorf("%s imports %v", name, got)
		}
	}
	if got := foreignImports(t, `package practice; import _ "github.com/houvast/houvast/cybertip"`); len(got) != 1 {
		t.Error("a planted import was not seen")
	}
}
