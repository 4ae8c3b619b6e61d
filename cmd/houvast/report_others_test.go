package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/config"
)

// A reviewer reads, checks and adds to the reports of the cases that they decided, and to no other.
func TestReportsOfOthers(t *testing.T) {
	eachEngine(t, func(t *testing.T, cfg config.Config) {
		r := startRig(t, cfg)
		_, key := r.grant("forum", access.ScopeItems)
		r.fillDanger(1, key)
		_, anna := r.hire(access.Reviewer)
		_, ben := r.hire(access.Reviewer)
		_, ada := r.hire(access.Approver)
		var c struct{ Case, Report string }
		for _, step := range []struct{ path, body string }{{"review/next", ""}, {"cases/%s/decision", `{"decision":"abuse","role":"uploader"}`}} {
			path := "/api/v1/" + strings.Replace(step.path, "%s", c.Case, 1)
			if a := r.send("POST", path, anna, strings.NewReader(step.body)); json.Unmarshal(a.body, &c) != nil || a.status != 200 {
				t.Fatalf("%s: %d %s", path, a.status, a.body)
			}
		}
		at := "/api/v1/reports/" + c.Report
		ask := func(who, method, path, body string) string {
			a := r.send(method, at+path, who, strings.NewReader(body))
			return fmt.Sprint(a.status, " ", a.code())
		}
		for _, step := range []struct{ method, path, body string }{{"GET", "", ""}, {"GET", "/check", ""}, {"POST", "/amend", `{"screen_name":"blue.heron"}`}} {
			if got := ask(ben, step.method, step.path, step.body); got != "403 not-yours" {
				t.Errorf("somebody else's %s%s: %s", step.method, step.path, got)
			}
			for _, who := range []string{anna, ada} {
				if got := ask(who, step.method, step.path, step.body); got != "200 " {
					t.Errorf("control: %s%s: %s", step.method, step.path, got)
				}
			}
		}
	})
}
