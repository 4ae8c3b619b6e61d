package practice

import (
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// refusals are requests that get a code other than 0 from a fresh house with one open report, 1.
func refusals() []struct {
	name string
	code int
	req  *http.Request
} {
	type row = struct {
		name string
		code int
		req  *http.Request
	}
	post := func(path, mime, body string) *http.Request { return request("POST", "/ispws/"+path, mime, body) }
	multi := func(path string, parts ...part) *http.Request {
		mime, body := form(parts...)
		return post(path, mime, body)
	}
	id := strconv.FormatInt(start.Unix(), 10)
	idPart, filePart := part{"id", "", id}, part{"file", "a.png", "x"}
	mime, whole := form(idPart, filePart)
	twice := submitRequest()
	twice.Header.Add("Content-Type", "text/xml")
	instead := func(old, with string) *http.Request {
		return post("submit", textXML, strings.Replace(reportXML, old, with, 1))
	}
	rows := []row{
		{"submit without a type", 4000, post("submit", "", reportXML)},
		{"submit as application/xml", 4000, post("submit", "application/xml", reportXML)},
		{"submit as JSON", 4000, post("submit", "application/json", `{}`)},
		{"submit in Latin-1", 4000, post("submit", "text/xml; charset=iso-8859-1", reportXML)},
		{"submit with two types", 4000, twice},
		{"submit with a query", 4000, request("POST", "/ispws/submit?draft=1", textXML, reportXML)},
		{"submit too large", 4000, post("submit", textXML, reportXML+strings.Repeat(" ", maxDocument))},
		{"submit nothing", 4110, post("submit", textXML, "")},
		{"submit cut short", 4110, post("submit", textXML, reportXML[:len(reportXML)-2])},
		{"submit with a document type", 4110, post("submit", textXML, `<!DOCTYPE report [<!ENTITY x "y">]><report/>`)},
		{"submit another root", 4100, post("submit", textXML, fileXML(1, "a", ""))},
		{"submit in the wrong order", 4100, instead("<reporter>", "<victim><victimPerson/></victim><reporter>")},
		{"submit in the future", 4100, instead("11:00:00Z", "12:00:00.001Z")},
		{"submit in the future by its zone", 4100, instead("11:00:00Z", "11:30:00-01:00")},
		{"submit in the future without a zone", 4100, instead("11:00:00Z", "12:00:01")},
		{"url with a space", 4100, instead("org/a", "org/a b")},
		{"url with a line end", 4100, instead("org/a", "org/a\n")},
		{"url with a no-break space", 4100, instead("org/a", "org/\u00a0a")},
		{"url with a control character", 4100, instead("org/a", "org/\u007fa")},
		{"fileinfo without a type", 4000, post("fileinfo", "", fileXML(1, "a", ""))},
		{"fileinfo malformed", 4110, post("fileinfo", textXML, "<fileDetails>")},
		{"fileinfo with the wrong root", 4100, post("fileinfo", textXML, reportXML)},
		{"fileinfo without a file", 4100, post("fileinfo", textXML, "<fileDetails><reportId>1</reportId></fileDetails>")},
		{"fileinfo for no report", 5001, post("fileinfo", textXML, fileXML(1, "a", ""))},
		{"fileinfo for a negative report", 5001, post("fileinfo", textXML, fileXML(-1, "a", ""))},
		{"fileinfo for no file", 5002, post("fileinfo", textXML, fileXML(start.Unix(), "a", ""))},
		{"fileinfo for an empty file id", 5002, post("fileinfo", textXML, fileXML(start.Unix(), "", ""))},
		{"upload as a short form", 4000, post("upload", "application/x-www-form-urlencoded", "id="+id)},
		{"upload as another multipart", 4000, post("upload", strings.Replace(mime, "form-data", "mixed", 1), whole)},
		{"upload without a boundary", 4000, post("upload", "multipart/form-data", whole)},
		{"upload of nothing", 4000, multi("upload")},
		{"upload without a file", 4000, multi("upload", idPart)},
		{"upload without an id", 4000, multi("upload", filePart)},
		{"upload with the file first", 4000, multi("upload", filePart, idPart)},
		{"upload of two files", 4000, multi("upload", idPart, filePart, filePart)},
		{"upload with something more", 4000, multi("upload", idPart, filePart, part{"note", "", "x"})},
		{"upload without a file name", 4000, multi("upload", idPart, part{"file", "", "x"})},
		{"upload under another name", 4000, multi("upload", idPart, part{"image", "a.png", "x"})},
		{"upload with an id that is a file", 4000, multi("upload", part{"id", "id.txt", id}, filePart)},
		{"upload cut short in the file", 1110, post("upload", mime, whole[:strings.LastIndex(whole, "x")+1])},
		{"upload too large", 1111, multi("upload", idPart, part{"file", "a.png", strings.Repeat("x", 2001)})},
		{"upload to no report", 5001, multi("upload", part{"id", "", "1"}, filePart)},
	}
	for _, how := range []string{"finish", "retract"} {
		const short = "application/x-www-form-urlencoded"
		rows = append(rows, []row{
			{how + " without a type", 4000, post(how, "", "id="+id)},
			{how + " as XML", 4000, post(how, textXML, "<id>"+id+"</id>")},
			{how + " of nothing", 4000, post(how, short, "")},
			{how + " of two", 4000, post(how, short, "id="+id+"&id=2")},
			{how + " with something more", 4000, post(how, short, "id="+id+"&force=1")},
			{how + " of a word", 4000, post(how, short, "id=all")},
			{how + " of a negative id", 4000, post(how, short, "id=-"+id)},
			{how + " of a huge id", 4000, post(how, short, "id=99999999999999999999")},
			{how + " with a bad escape", 4000, post(how, short, "id=%zz")},
			{how + " with a huge form", 4000, post(how, short, "id="+id+strings.Repeat("&", maxForm))},
			{how + " with two parts", 4000, multi(how, idPart, idPart)},
			{how + " with a long part", 4000, multi(how, part{"id", "", strings.Repeat("0", 40) + id})},
			{how + " with another part", 4000, multi(how, part{"report", "", id})},
			{how + " of no report", 5001, post(how, short, "id=1")},
			{how + " of no report, in parts", 5001, multi(how, part{"id", "", "1"})},
		}...)
	}
	return rows
}

// Every refusal has its code, changes nothing, and leaves one line; and every code that the source
// can give is met here or in the tests named below.
func TestRefusals(t *testing.T) {
	met := map[int]string{2000: "TestCredentials", 1210: "TestMethodsAndPaths", 5101: "TestEnds", 5102: "TestEnds", 1000: "TestBrokenLog", 1100: "TestTooManyReports"}
	for _, tc := range refusals() {
		c, _ := house(Config{MaxUpload: 2000})
		id := send(t, c, submitRequest()).report
		a := send(t, c, tc.req)
		want(t, tc.name, a, tc.code)
		met[tc.code] = "here"
		if evs := c.Events(); len(evs) != 2 || evs[1].Event != Refused || evs[1].Code != tc.code || len(c.reports) != 1 {
			t.Errorf("%s: %+v", tc.name, evs)
		}
		if a := send(t, c, endRequest("finish", id)); a.code != 0 || len(a.files) != 0 {
			t.Errorf("%s: the open report was touched: %s", tc.name, a.body)
		}
	}
	n := 0
	for name, source := range sources(t) {
		for _, m := range regexp.MustCompile(`(?:refuse|fail|refusal)\((?:[A-Za-z.]+, )?([0-9]{4}),`).FindAllStringSubmatch(source, -1) {
			code, _ := strconv.Atoi(m[1])
			if n++; met[code] == "" {
				t.Errorf("%s gives code %d, and no test meets it", name, code)
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d codes found in the source", n)
	}
}

// What the real service takes although one might not expect it.
func TestAccepted(t *testing.T) {
	for name, doc := range map[string]string{
		"now exactly":                    strings.Replace(reportXML, "11:00:00Z", "12:00:00Z", 1),
		"now in another zone":            strings.Replace(reportXML, "11:00:00Z", "14:00:00+02:00", 1),
		"without a zone":                 strings.Replace(reportXML, "11:00:00Z", "11:00:00", 1),
		"url of nothing":                 strings.Replace(reportXML, "https://example.org/a", "", 1),
		"url beyond ASCII":               strings.Replace(reportXML, "org/a", "org/é", 1),
		"space in another address":       strings.Replace(reportXML, "<victim>", "<victim><victimPerson/><profileUrl>a b</profileUrl></victim><victim>", 1),
		"long text, no documented limit": strings.Replace(reportXML, "account-17", strings.Repeat("a", 5000), 1),
	} {
		c, _ := house(Config{})
		want(t, name, send(t, c, request("POST", "/ispws/submit", textXML, doc)), 0)
	}
	for _, mime := range []string{"text/xml", "text/xml;charset=UTF-8", `text/xml; charset="utf-8"`, "Text/XML; charset=utf-8"} {
		c, _ := house(Config{})
		want(t, mime, send(t, c, request("POST", "/ispws/submit", mime, reportXML)), 0)
	}
	for _, how := range []string{"finish", "retract"} {
		c, _ := house(Config{})
		id := send(t, c, submitRequest()).report
		mime, body := form(part{"id", "", strconv.FormatInt(id, 10)})
		want(t, how+" as multipart", send(t, c, request("POST", "/ispws/"+how, mime, body)), 0)
	}
	c, _ := house(Config{MaxUpload: 2000})
	id := send(t, c, submitRequest()).report
	for _, content := range []string{"", strings.Repeat("x", 2000), "\r\n--not a boundary\r\n", "a=\r\nb"} {
		a := send(t, c, uploadRequest(id, content))
		want(t, "upload", a, 0)
		if sum := md5.Sum([]byte(content)); a.hash != hex.EncodeToString(sum[:]) {
			t.Errorf("upload of %d bytes: hash %s", len(content), a.hash)
		}
	}
}

func TestTooManyReports(t *testing.T) {
	c, _ := house(Config{})
	c.limit = 2
	want(t, "first", send(t, c, submitRequest()), 0)
	want(t, "second", send(t, c, submitRequest()), 0)
	want(t, "third", send(t, c, submitRequest()), 1100)
}
