package entry

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// What a browser reports is counted, and of it one known name is logged, at most once a minute.
func TestPolicyReports(t *testing.T) {
	each(t, func(r *rig) {
		v := r.visitor()
		send := func(kind, body string) {
			r.Helper()
			req := httptest.NewRequest("POST", origin+"/console/csp-report", strings.NewReader(body))
			req.Header.Set("Content-Type", kind)
			req.Header.Set("Origin", origin)
			req.Header.Set("Sec-Fetch-Site", "same-origin")
			got := v.do(req)
			r.equal("answer", []any{got.status, got.body, len(got.header.Values("Set-Cookie"))}, []any{204, "", 0})
		}
		const kind = "application/csp-report"
		said := func(what string, n int64, want ...string) {
			r.Helper()
			r.equal(what+": counted", r.pages.Violations(), n)
			var lines []string
			for line := range strings.Lines(r.log.String()) {
				if strings.Contains(line, "content policy") {
					_, detail, _ := strings.Cut(line, `detail="`)
					lines = append(lines, strings.TrimSuffix(detail, "\"\n"))
				}
			}
			r.equal(what+": logged", lines, want)
		}
		send(kind, `{"csp-report":{"effective-directive":"script-src-elem","blocked-uri":"https://evil.example/the-uri","script-sample":"the-sample","document-uri":"http://localhost:8080/console/start/the-token"}}`)
		said("first", 1, "script-src-elem; 0 more since the last line")
		for range 50 {
			send(kind, `{"csp-report":{"violated-directive":"img-src 'self'"}}`)
		}
		said("within a minute", 51, "script-src-elem; 0 more since the last line")
		r.hand.Pass(time.Minute)
		r.clock.Pass(time.Minute)
		send(kind, `{"csp-report":{"violated-directive":"img-src 'self'"}}`)
		said("a minute later", 52, "script-src-elem; 0 more since the last line", "img-src; 50 more since the last line")
		want := []string{"script-src-elem; 0 more since the last line", "img-src; 50 more since the last line"}
		for i, body := range []string{"", "no JSON", `{"csp-report":{"effective-directive":"the-name"}}`, `{"csp-report":["the-name"]}`,
			`{"csp-report":{"effective-directive":"` + strings.Repeat("x", 20<<10) + `"}}`, `{"csp-report":{"pad":"` + strings.Repeat("x", 8<<10) + `","effective-directive":"img-src"}}`} {
			r.clock.Pass(time.Minute)
			send(kind, body)
			want = append(want, "an unknown directive; 0 more since the last line")
			said(fmt.Sprint("odd ", i), int64(53+i), want...)
		}
		send("text/plain", `{"csp-report":{"effective-directive":"img-src"}}`)
		send("", "")
		said("of another type", 58, want...)
		for _, word := range []string{"the-uri", "the-sample", "the-token", "the-name", "evil", "xxxx"} {
			if strings.Contains(r.log.String(), word) {
				r.Errorf("the log holds %q", word)
			}
		}
	})
}
