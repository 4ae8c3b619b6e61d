package practice

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/xml"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// route is one door. Tests visit every route in this table.
type route struct {
	method, path string
	handle       func(*Clearinghouse, *http.Request) reply
	control      bool // practice only: loopback, never faulted
}

// routes is section 1.2 and, marked control, what exists only in practice.
func routes() []route {
	return []route{
		{"GET", "/ispws/status", (*Clearinghouse).status, false},
		{"GET", "/ispws/xsd", (*Clearinghouse).xsd, false},
		{"POST", "/ispws/submit", (*Clearinghouse).submit, false},
		{"POST", "/ispws/upload", (*Clearinghouse).upload, false},
		{"POST", "/ispws/fileinfo", (*Clearinghouse).fileinfo, false},
		{"POST", "/ispws/finish", (*Clearinghouse).finish, false},
		{"POST", "/ispws/retract", (*Clearinghouse).retract, false},
		{"POST", "/practice/faults", (*Clearinghouse).setFaults, true},
		{"POST", "/practice/clock", (*Clearinghouse).setClock, true},
		{"GET", "/practice/log", (*Clearinghouse).readLog, true},
	}
}

// endpoint is the last part of the path: what a Call and a Rule name.
func (rt route) endpoint() string { return rt.path[strings.LastIndexByte(rt.path, '/')+1:] }

// reply is an answer before a fault had its way with it.
type reply struct {
	status int
	mime   string
	body   []byte
	code   int      // the responseCode inside, for the log
	files  []string // of /upload and /finish: for DuplicateFileID, the report's files or the first of them
}

const xmlProlog = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`

// mimeXML is what the real service sends: a charset that its own prolog contradicts (section 1.1).
// A client must go by the prolog.
const mimeXML = "application/xml;charset=ISO-8859-1"

// result is a reportResponse; zero fields other than code and description are left out.
type result struct {
	code   int
	text   string
	report int64
	file   string
	hash   string
}

// reply writes the elements in the order of the schema.
func (v result) reply(status int) reply {
	var b bytes.Buffer
	b.WriteString(xmlProlog + "<reportResponse>")
	element(&b, "responseCode", strconv.Itoa(v.code))
	element(&b, "responseDescription", v.text)
	if v.report != 0 {
		element(&b, "reportId", strconv.FormatInt(v.report, 10))
	}
	if v.file != "" {
		element(&b, "fileId", v.file)
	}
	if v.hash != "" {
		element(&b, "hash", v.hash)
	}
	b.WriteString("</reportResponse>")
	return reply{status, mimeXML, b.Bytes(), v.code, nil}
}

// done is a reportDoneResponse: the receipt of /finish. It has no description.
func done(report int64, files []string) reply {
	var b bytes.Buffer
	b.WriteString(xmlProlog + "<reportDoneResponse>")
	element(&b, "responseCode", "0")
	element(&b, "reportId", strconv.FormatInt(report, 10))
	if len(files) == 0 {
		b.WriteString("<files/>")
	} else {
		b.WriteString("<files>")
		for _, id := range files {
			element(&b, "fileId", id)
		}
		b.WriteString("</files>")
	}
	b.WriteString("</reportDoneResponse>")
	return reply{http.StatusOK, mimeXML, b.Bytes(), 0, files}
}

func element(b *bytes.Buffer, name, text string) {
	b.WriteString("<" + name + ">")
	xml.EscapeText(b, []byte(text)) // a bytes.Buffer does not fail
	b.WriteString("</" + name + ">")
}

func refusal(status, code int, text string) reply {
	return result{code: code, text: text}.reply(status)
}

// refuse is the ordinary error: HTTP 200 and a code (section 1.4).
func refuse(code int, text string) reply { return refusal(http.StatusOK, code, text) }

func write(w http.ResponseWriter, v reply) {
	w.Header().Set("Content-Type", v.mime)
	w.Header().Set("Content-Length", strconv.Itoa(len(v.body)))
	w.WriteHeader(v.status)
	w.Write(v.body) // a caller that went away is not our concern
}

// known reports whether the request carries the credentials. Both halves are hashed first, so that
// neither a length nor a prefix shows in the time it takes.
func (c *Clearinghouse) known(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	if !ok || c.cfg.User == "" || c.cfg.Password == "" {
		return false
	}
	same := func(a, b string) int {
		x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
		return subtle.ConstantTimeCompare(x[:], y[:])
	}
	return same(user, c.cfg.User)&same(password, c.cfg.Password) == 1
}

// isXML reports whether the request says text/xml, in UTF-8 or without a charset (section 1.1).
func isXML(r *http.Request) bool {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "text/xml" || len(r.Header.Values("Content-Type")) != 1 {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

func host(r *http.Request) string {
	h, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return h
}
