package keeping_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"html"
	"io"
	"mime/multipart"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/console/consoletest"
	"github.com/houvast/houvast/internal/console/keeping"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// policy is what the configuration of a test says.
func policy() keeping.Policy {
	p := evidence.Policies()[0]
	return keeping.Policy{Profile: houvast.ProfilePractice, Jurisdiction: "US", Law: p.Law, Days: p.Days, Source: p.Source, Withhold: true, WithholdFor: 72,
		Undo: 24 * time.Hour, CouldNotLook: 72, Threshold: 31, Drawn: review.DrawnPolicy{Report: true},
		Recipients: []keeping.Recipient{{Name: "practice", Environment: houvast.Practice}}}
}

// pages are the pages of a rig, with a doctor who finds nothing.
func pages(r *consoletest.Rig) *keeping.Pages {
	return &keeping.Pages{P: r.Desk, Gate: r.Gate, Version: "0.1-test", Policy: policy,
		Doctor:      func(context.Context) []keeping.Check { return []keeping.Check{{Name: "database", OK: true}} },
		AuditVerify: func(ctx context.Context) (audit.Result, error) { return audit.Verify(ctx, r.W.DB(), r.Sealed) },
		AuditExport: func(ctx context.Context, w io.Writer, after int64) error {
			return audit.Export(ctx, r.W.DB(), w, after)
		}}
}

// each runs fn on every engine with the pages as change leaves them, an admin and an auditor.
func each(t *testing.T, change func(*consoletest.Rig, *keeping.Pages), fn func(r *consoletest.Rig, ada, otto *consoletest.Visitor)) {
	t.Helper()
	consoletest.Each(t, func(r *consoletest.Rig) {
		k := pages(r)
		if change != nil {
			change(r, k)
		}
		k.Mount(r.Site)
	}, func(r *consoletest.Rig) { fn(r, r.Hire("ada", access.Admin), r.Hire("otto", access.Auditor)) })
}

// upload sends a file as the form of a bank does.
func upload(r *consoletest.Rig, v *consoletest.Visitor, path, name string, data []byte) consoletest.Reply {
	r.T.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	form.WriteField("once", houvast.RandomText("o", 26))
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		r.T.Fatal(err)
	}
	part.Write(data)
	form.Close()
	return send(r, v, path, form.FormDataContentType(), &body)
}

// send posts a body as a page of ours does.
func send(r *consoletest.Rig, v *consoletest.Visitor, path, kind string, body io.Reader) consoletest.Reply {
	req := httptest.NewRequestWithContext(r.T.Context(), "POST", consoletest.Origin+path, body)
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Origin", consoletest.Origin)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return v.Do(req)
}

// status fails when an answer has another status.
func status(t *testing.T, what string, got consoletest.Reply, want int) {
	t.Helper()
	if got.Status != want {
		t.Fatalf("%s: status %d, not %d: %s", what, got.Status, want, got.Text())
	}
}

// says fails when a reader does not read a text.
func says(t *testing.T, what string, got consoletest.Reply, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if !strings.Contains(got.Text(), strings.Join(strings.Fields(want), " ")) { // a no-break space is a space
			t.Errorf("%s: the reader does not read %q in: %s", what, want, got.Text())
		}
	}
}

// silent fails when a page holds a text, shown or not.
func silent(t *testing.T, what string, got consoletest.Reply, texts ...string) {
	t.Helper()
	for _, not := range texts {
		if strings.Contains(html.UnescapeString(got.Body), not) {
			t.Errorf("%s: the page holds %q: %s", what, not, got.Text())
		}
	}
}

// sees returns a page that must be shown.
func sees(t *testing.T, v *consoletest.Visitor, path string) consoletest.Reply {
	t.Helper()
	got := v.Get(path)
	status(t, path, got, 200)
	if n := strings.Count(got.Body, "<h1"); n != 1 {
		t.Errorf("%s has %d titles", path, n)
	}
	return got
}

// id returns the id of a noun in the first address of a page that holds one.
func id(t *testing.T, page consoletest.Reply, noun, near string) string {
	t.Helper()
	row := page.Body
	if _, rest, ok := strings.Cut(row, "<b>"+near+"</b>"); ok {
		row, _, _ = strings.Cut(rest, "</tr>")
	}
	found := regexp.MustCompile(noun + `_[0-9a-z]{13}`).FindString(row)
	if found == "" {
		t.Fatalf("the page names no %s near %q: %s", noun, near, page.Text())
	}
	return found
}

// digest returns the SHA-256 of a file in hex.
func digest(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}

// lines counts lines of the audit log of an operation.
func lines(r *consoletest.Rig, op string) int64 {
	r.T.Helper()
	return r.Number("SELECT COUNT(*) FROM audit_line WHERE action = $1", op)
}

// view reads the database.
func view(r *consoletest.Rig, fn func(*store.Tx) error) {
	r.T.Helper()
	if err := r.W.DB().View(r.T.Context(), fn); err != nil {
		r.T.Fatal(err)
	}
}

// addUser makes an account with a password that was hashed before.
func addUser(r *consoletest.Rig, name string, hash access.Secret) error {
	_, err := r.AddUser(r.T.Context(), pipeline.Ask{By: "cli:0", Op: "users.add"}, access.NewUser{Name: name, Roles: []access.Role{access.Reviewer}, Password: hash})
	return err
}
