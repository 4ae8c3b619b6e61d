package keeping

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/look"
)

type logView struct {
	Lines                []logLine
	Older                string
	Paged                bool // not the newest part
	MayVerify, MayExport bool
}

// A logLine is a line with its words: who and what. What is "" when the operation has none.
type logLine struct {
	look.Line
	Who, What string
}

// log shows the newest lines, or those below a number.
func (k *Pages) log(p *site.Page) error {
	before := int64(-1)
	if s := p.R.URL.Query().Get("before"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 0 {
			return houvast.Errorf("keeping.log", houvast.Invalid, "bad-id", "before is not the number of a line")
		}
		before = n
	}
	lines, err := k.P.AuditPage(p.R.Context(), before, pageSize)
	if err != nil {
		return err
	}
	v := logView{Paged: before >= 0, MayVerify: p.May("audit.verify"), MayExport: p.May("audit.export")}
	for _, l := range lines {
		what, _ := told(p, "keeping.op."+l.Action)
		v.Lines = append(v.Lines, logLine{l, whoOf(p, l.Actor), what})
	}
	if n := len(lines); n == pageSize && lines[n-1].Seq > 0 {
		v.Older = after("/console/audit", "before", strconv.FormatInt(lines[n-1].Seq, 10))
	}
	return p.Render("log", v)
}

// whoOf names an actor: a colleague by name, everything else by what it is too.
func whoOf(p *site.Page, a houvast.Actor) string {
	kind, name, _ := strings.Cut(string(a), ":")
	switch kind {
	case "user":
		return name
	case "key", "cli", "system":
		return p.Text("keeping.who."+kind, "name", name)
	}
	return string(a)
}

// export sends the log as a file. What fails after its first byte breaks the download off, so that half
// a log is never taken for a whole one.
func (k *Pages) export(p *site.Page) error {
	from := int64(-1)
	if s := p.R.URL.Query().Get("after"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return houvast.Errorf("keeping.export", houvast.Invalid, "bad-id", "after is not the number of a line")
		}
		from = n
	}
	out := &download{to: p.W, name: fmt.Sprintf("houvast-audit-%s.jsonl", k.P.W.DB().Clock().Now().Format(time.DateOnly))}
	err := k.AuditExport(p.R.Context(), out, from)
	if err == nil {
		out.begin() // a log without lines is an empty file
		return nil
	}
	if out.begun {
		panic(http.ErrAbortHandler)
	}
	return err
}

// A download is an answer that is saved as a file. Until its first byte it can still become a page that
// says what failed.
type download struct {
	to    http.ResponseWriter
	name  string
	begun bool
}

func (d *download) begin() {
	if d.begun {
		return
	}
	d.begun = true
	d.to.Header().Set("Content-Type", "application/jsonl")
	d.to.Header().Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	d.to.WriteHeader(http.StatusOK)
}

// Write sends a part of the file.
func (d *download) Write(b []byte) (int, error) {
	d.begin()
	return d.to.Write(b)
}

var _ io.Writer = (*download)(nil)
