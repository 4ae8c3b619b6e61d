package entry

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/houvast/houvast/internal/console/site"
)

// Bounds of what browsers report.
const (
	maxReport   = 8 << 10     // bytes of one report that are read
	reportEvery = time.Minute // between two lines in the log
)

// reports counts what browsers said that a page broke.
type reports struct {
	mu     sync.Mutex
	n      int64         // since the start
	silent int64         // since the last line in the log
	next   time.Duration // when the next line may be written, on the hand that only measures
}

// Violations returns how often a browser reported that a page broke its content policy, since the start.
func (e *Pages) Violations() int64 {
	e.broken.mu.Lock()
	defer e.broken.mu.Unlock()
	return e.broken.n
}

// report takes a browser's word that a page broke its content policy (CSP Level 3, section 5.3, the
// deprecated report-uri, which every browser sends). Anybody can send one, so it is a hint to look and
// nothing more.
func (e *Pages) report(p *site.Page) error {
	kind, _, err := mime.ParseMediaType(p.R.Header.Get("Content-Type"))
	if err == nil && kind == "application/csp-report" {
		said, err := io.ReadAll(io.LimitReader(p.R.Body, maxReport))
		if err == nil {
			e.count(directive(said))
		}
	}
	p.W.WriteHeader(http.StatusNoContent)
	return nil
}

// count writes at most one line a minute.
func (e *Pages) count(what string) {
	now := e.P.W.DB().Clock().Mono()
	e.broken.mu.Lock()
	e.broken.n++
	if e.broken.n > 1 && now < e.broken.next {
		e.broken.silent++
		e.broken.mu.Unlock()
		return
	}
	silent := e.broken.silent
	e.broken.silent, e.broken.next = 0, now+reportEvery
	e.broken.mu.Unlock()
	e.Log.Warn("a page broke its content policy", "detail", fmt.Sprintf("%s; %d more since the last line", what, silent))
}

// directives is every name that is logged (CSP Level 3, section 6; Trusted Types); never changed.
var directives = strings.Fields(`default-src script-src script-src-elem script-src-attr style-src style-src-elem style-src-attr img-src connect-src
	font-src object-src media-src frame-src child-src worker-src manifest-src form-action frame-ancestors base-uri sandbox
	require-trusted-types-for trusted-types`)

// directive returns the known name of what a report says was broken, else "an unknown directive".
func directive(said []byte) string {
	var in struct {
		Report struct {
			Effective string `json:"effective-directive"`
			Violated  string `json:"violated-directive"` // the whole directive in older browsers
		} `json:"csp-report"`
	}
	if json.Unmarshal(said, &in) == nil {
		for _, text := range []string{in.Report.Effective, in.Report.Violated} {
			name, _, _ := strings.Cut(text, " ")
			if slices.Contains(directives, name) {
				return name
			}
		}
	}
	return "an unknown directive"
}
