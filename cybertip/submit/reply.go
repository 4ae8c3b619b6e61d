package submit

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/houvast/houvast/cybertip"
)

// MaxReply is the largest reply that is read, in bytes. The largest known is the schema, 149 kB.
const MaxReply = 1 << 20

// maxDepth bounds the nesting of a reply.
const maxDepth = 64

// xsdSpace is the namespace of XML Schema.
const xsdSpace = "http://www.w3.org/2001/XMLSchema"

// The roots that the service answers with.
const (
	rootResponse = "reportResponse"
	rootDone     = "reportDoneResponse"
	rootSchema   = "schema"
)

// A reply is a document that was read to its end.
type reply struct {
	root        string
	code        int
	description string
	reportID    int64 // 0 when absent
	fileID      string
	hash        string
	files       []string
	hasFiles    bool
}

// unreadable is why a reply is not one. It quotes nothing.
type unreadable string

func (u unreadable) Error() string { return string(u) }

// singles are the fields that come at most once.
var singles = []string{"responseCode", "responseDescription", "reportId", "fileId", "hash", "files"}

// parse reads a reply as if an enemy wrote it. encoding/xml alone takes a document type, the last of
// repeated elements, and fills the struct before it reports that the end is missing; so the tokens
// are walked, and nothing counts before the last. Elements that are not known are passed over, so
// that a new one at the service is no outage.
func parse(b []byte) (reply, error) {
	p := parser{}
	dec := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
	for first := true; ; first = false {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return reply{}, unreadable("is not a whole document")
		}
		switch t := tok.(type) {
		case xml.Directive:
			err = unreadable("holds a document type")
		case xml.ProcInst:
			if !first || t.Target != "xml" {
				err = unreadable("holds a processing instruction")
			}
		case xml.Comment:
			if p.field != "" {
				err = unreadable("holds a comment inside a value")
			}
		case xml.CharData:
			err = p.chars(t)
		case xml.StartElement:
			err = p.start(t)
		case xml.EndElement:
			err = p.end()
		}
		if err != nil {
			return reply{}, err
		}
	}
	return p.finish()
}

type parser struct {
	root   xml.Name
	depth  int
	ended  bool
	field  string // the known field that is open, "" inside anything else
	at     int    // its depth
	text   strings.Builder
	values map[string]string
	files  []string
}

func (p *parser) start(t xml.StartElement) error {
	if p.ended {
		return unreadable("goes on after its end")
	}
	if p.depth++; p.depth > maxDepth {
		return unreadable("is nested too deeply")
	}
	switch {
	case p.depth == 1:
		p.root, p.values = t.Name, map[string]string{}
		return p.knownRoot()
	case p.root.Local == rootSchema:
		return nil
	case p.depth == 2 && t.Name.Space == "" && slices.Contains(singles, t.Name.Local):
		if _, twice := p.values[t.Name.Local]; twice {
			return unreadable("repeats a field")
		}
		p.values[t.Name.Local] = ""
		p.open(t.Name.Local)
	case p.depth == 3 && p.field == "files" && t.Name.Space == "" && t.Name.Local == "fileId":
		p.open("files/fileId")
	case p.field != "":
		return unreadable("holds an element inside a value")
	}
	return nil
}

func (p *parser) knownRoot() error {
	switch {
	case p.root.Space == "" && (p.root.Local == rootResponse || p.root.Local == rootDone):
	case p.root.Space == xsdSpace && p.root.Local == rootSchema:
	default:
		return unreadable("has another root")
	}
	return nil
}

func (p *parser) open(field string) {
	p.field, p.at = field, p.depth
	p.text.Reset()
}

func (p *parser) chars(b xml.CharData) error {
	switch {
	case p.root.Local == rootSchema && p.depth > 0:
	case p.field != "" && p.field != "files":
		p.text.Write(b)
	case p.depth <= 1 || p.field == "files":
		if len(bytes.TrimSpace(b)) > 0 {
			return unreadable("holds text where only elements belong")
		}
	}
	return nil
}

func (p *parser) end() error {
	if p.field != "" && p.depth == p.at {
		value := strings.TrimSpace(p.text.String())
		switch p.field {
		case "files/fileId":
			p.files = append(p.files, value)
			p.field, p.at = "files", 2
		case "files":
			p.field = ""
		default:
			p.values[p.field] = value
			p.field = ""
		}
	}
	p.depth--
	p.ended = p.depth == 0
	return nil
}

var (
	codeForm   = regexp.MustCompile(`^-?[0-9]{1,9}$`)
	idForm     = regexp.MustCompile(`^[0-9]{1,18}$`)
	fileIDForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)
	md5Form    = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)
)

// finish checks the form of what was collected.
func (p *parser) finish() (r reply, err error) {
	if !p.ended {
		return r, unreadable("is empty")
	}
	r.root = p.root.Local
	if r.root == rootSchema {
		return r, nil
	}
	if !codeForm.MatchString(p.values["responseCode"]) {
		return r, unreadable("has no code")
	}
	r.code, _ = strconv.Atoi(p.values["responseCode"])
	r.description = p.values["responseDescription"]
	if s := p.values["reportId"]; s != "" {
		if !idForm.MatchString(s) {
			return r, unreadable("has a report id that is not a number")
		}
		r.reportID, _ = strconv.ParseInt(s, 10, 64)
	}
	if r.fileID = p.values["fileId"]; r.fileID != "" && !fileIDForm.MatchString(r.fileID) {
		return r, unreadable("has a file id of another form")
	}
	if r.hash = strings.ToLower(p.values["hash"]); r.hash != "" && !md5Form.MatchString(r.hash) {
		return r, unreadable("has a hash of another form")
	}
	_, r.hasFiles = p.values["files"]
	for _, id := range p.files {
		if !fileIDForm.MatchString(id) {
			return r, unreadable("has a file id of another form")
		}
	}
	r.files = p.files
	return r, nil
}

var (
	ruleForm = regexp.MustCompile(`\bcvc-[a-z-]{1,40}(\.[0-9a-z]{1,3}){0,4}\b`)
	nameForm = regexp.MustCompile(`(?:element|attribute) '([A-Za-z0-9]{1,64})'|'\{([^{}']{1,999})\}'`)
	wordForm = regexp.MustCompile(`[A-Za-z0-9]+`)
)

// schemaFault returns what of a description may be told: the name of the schema rule, and the names
// of elements of our own table where the validator puts names. Never a value.
func schemaFault(description string) string {
	names := map[string]bool{}
	for _, path := range cybertip.Elements() {
		names[strings.TrimPrefix(path[strings.LastIndexByte(path, '/')+1:], "@")] = true
	}
	var told []string
	if rule := ruleForm.FindString(description); rule != "" {
		told = append(told, rule)
	}
	for _, m := range nameForm.FindAllStringSubmatch(description, 20) {
		for _, w := range wordForm.FindAllString(m[1]+" "+m[2], 20) {
			if names[w] && !slices.Contains(told, w) && len(told) < 8 {
				told = append(told, w)
			}
		}
	}
	return strings.Join(told, " ")
}
