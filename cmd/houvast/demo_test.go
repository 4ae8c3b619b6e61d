package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

// runDemo walks the demo once on an engine and returns its outcome, exit code and complaint.
func runDemo(t *testing.T, engine store.Engine, broken sabotage) (demoResult, int, string) {
	t.Helper()
	storetest.Count(engine)
	vars := map[string]string{}
	if engine == store.Postgres {
		vars["HOUVAST_DATABASE"] = storetest.URL(t)
		t.Setenv("HOUVAST_DATABASE", vars["HOUVAST_DATABASE"]) // the commands are other processes
	}
	var out, complaint bytes.Buffer
	e := &env{stdin: strings.NewReader(""), stdout: &out, stderr: &complaint, getenv: func(k string) string { return vars[k] }}
	c := &demoCmd{Once: true, JSON: true, Data: filepath.Join(t.TempDir(), "data"), sabotage: broken}
	code := e.fail(c.Run(context.Background(), e))
	var res demoResult
	if err := json.Unmarshal(out.Bytes(), &res); err != nil {
		t.Fatalf("the demo printed no result: %v\n%s%s", err, out.String(), complaint.String())
	}
	return res, code, complaint.String()
}

func TestDemo(t *testing.T) {
	for _, engine := range storetest.Engines(t) {
		t.Run(string(engine), func(t *testing.T) {
			res, code, complaint := runDemo(t, engine, sabotage{})
			want := demoResult{Items: 16, Matched: 10, CouldNotLook: 2, ReportsFinished: 7, PracticeFinished: 7, Preserved: 7, Destroyed: 10, Audit: "ok", Engine: string(engine)}
			if code != 0 || res != want {
				t.Errorf("exit %d, %+v\n%s", code, res, complaint)
			}
		})
	}
}

// Each of these must make the demo fail, and say why.
func TestDemoNotices(t *testing.T) {
	for name, test := range map[string]struct {
		broken sabotage
		says   string
		holds  func(demoResult) bool
	}{
		"an empty bank": {sabotage{emptyBank: true}, "10 of the drawn matches were missed", func(r demoResult) bool { return r.Missed == 10 && r.Matched == 0 }},
		"a clearinghouse that refuses": {sabotage{refusing: true}, "a report needs a person",
			func(r demoResult) bool { return r.PracticeFinished == 0 && r.Matched == 10 }},
		"an edited audit line": {sabotage{beforeVerify: editAuditLine}, "the audit log is not sound",
			func(r demoResult) bool { return r.Audit == "changed" && r.Destroyed == 10 }},
	} {
		t.Run(name, func(t *testing.T) {
			res, code, complaint := runDemo(t, store.SQLite, test.broken)
			if code == 0 || !strings.Contains(complaint, test.says) || !test.holds(res) {
				t.Errorf("exit %d, %+v\n%s", code, res, complaint)
			}
		})
	}
}

// editAuditLine changes one line of the log with plain SQL, beside the running server.
func editAuditLine(data string) error {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "houvast.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close()
	res, err := db.Exec("UPDATE audit_line SET actor = 'user:somebody-else' WHERE seq = 20")
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return os.ErrNotExist
	}
	return nil
}

// The demo leaves nothing behind when it was given no folder, and no child.
func TestDemoCleansUp(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out, complaint bytes.Buffer
	e := &env{stdin: strings.NewReader(""), stdout: &out, stderr: &complaint, getenv: func(string) string { return "" }}
	if code := e.fail((&demoCmd{Once: true}).Run(context.Background(), e)); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, out.String(), complaint.String())
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if !strings.Contains(out.String(), "Every step held.") {
		t.Errorf("the walk does not say how it ended:\n%s", out.String())
	}
}
