package entry

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/internal/words"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const (
	origin   = "http://localhost:8080"
	password = "four words that rhyme"
)

var monday = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)

// A rig is an installation that nobody has begun yet, with the pages of this package alone.
type rig struct {
	*testing.T
	desk.Desk
	clock  *storetest.Clock // law time
	hand   *storetest.Clock // what tries and links are measured by
	gate   *access.Gate
	once   *access.Once
	pages  *Pages
	viewer *viewer
	words  *words.Words
	site   *site.Site
	log    *lines

	installed atomic.Pointer[pipeline.Installation]
	silent    atomic.Pointer[error] // why the audit log does not go on
	handler   http.Handler
}

// each runs fn with a fresh rig on every engine.
func each(t *testing.T, fn func(r *rig)) {
	t.Helper()
	t.Parallel()
	for _, e := range storetest.Engines(t) {
		t.Run(string(e), func(t *testing.T) {
			t.Parallel()
			storetest.Count(e)
			r := &rig{T: t, clock: storetest.NewClock(monday), hand: storetest.NewClock(monday), viewer: &viewer{}, log: &lines{}}
			r.open(storetest.Open(t, e, r.clock))
			fn(r)
		})
	}
}

func (r *rig) open(w store.Writer) {
	logger := slog.New(slog.NewTextHandler(r.log, nil))
	keys := audit.Keys{Name: "test", Sign: random(), MAC: random(),
		SetMark: func(context.Context, []byte) error { return nil }, Mark: func(context.Context) ([]byte, error) { return nil, nil }}
	sequencer, err := audit.New(w, keys, logger)
	r.must(err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); sequencer.Run(ctx) }()
	r.Cleanup(func() { stop(); <-done })
	r.Desk = desk.Desk{Pipeline: &pipeline.Pipeline{W: w, Audit: sequencer, Log: logger,
		Install: func() (pipeline.Installation, bool) {
			if in := r.installed.Load(); in != nil {
				return *in, true
			}
			return pipeline.Installation{}, false
		},
		Recording: func() error {
			if err := r.silent.Load(); err != nil {
				return *err
			}
			return nil
		}}}
	r.words, err = words.Load()
	r.must(err)
	r.gate, r.once = access.NewGate(r.hand), access.NewOnce(r.hand)
	r.pages = &Pages{P: r.Desk, Gate: r.gate, Once: r.once, Viewer: r.viewer, Log: logger,
		Install: func(_ context.Context, p houvast.InstallationProfile, j string) error { r.install(p, j); return nil }}
	r.site = site.New(site.Site{Words: r.words, Who: r.Who, Log: logger,
		Profile: func() string { in, _ := r.Install(); return string(in.Profile) },
		Origins: func() site.Origins { return site.Origins{Console: origin, Media: "http://media.localhost:8080"} }})
	r.pages.Mount(r.site)
	r.handler, err = r.site.Handler()
	r.must(err)
}

// install is what the running process knows of the choice.
func (r *rig) install(p houvast.InstallationProfile, j string) {
	policy, err := evidence.PolicyFor(p, j, evidence.Policy{})
	r.must(err)
	r.installed.Store(&pipeline.Installation{Profile: p, Jurisdiction: j, Policy: policy})
}

// practice makes the choice as the configuration does.
func (r *rig) practice() {
	r.must(r.W.Update(r.Context(), func(tx *store.Tx) error {
		_, err := access.Choose(tx, houvast.ProfilePractice, "NL")
		return err
	}))
	r.install(houvast.ProfilePractice, "NL")
}

func random() []byte { b := make([]byte, 32); rand.Read(b); return b }

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err, houvast.Trace(err))
	}
}

func (r *rig) equal(what string, got, want any) {
	r.Helper()
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if !bytes.Equal(g, w) {
		r.Errorf("%s: %s, want %s", what, g, w)
	}
}

func (r *rig) number(query string, args ...any) (n int64) {
	r.Helper()
	r.must(r.W.DB().View(context.Background(), func(tx *store.Tx) error { return tx.Row(query, args, &n) }))
	return n
}

// hire makes an account.
func (r *rig) hire(name string, roles ...access.Role) {
	r.Helper()
	hash, err := r.gate.Hash(r.Context(), name, password)
	r.must(err)
	_, err = r.AddUser(r.Context(), pipeline.Ask{By: "cli:0", Op: "users.add"}, access.NewUser{Name: name, Roles: roles, Password: hash})
	r.must(err)
}

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A viewer remembers whose renditions it was told to forget.
type viewer struct {
	mu    sync.Mutex
	ended []string
	then  func()
}

func (v *viewer) EndSession(session string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ended = append(v.ended, session)
	if v.then != nil {
		v.then()
	}
}

func (v *viewer) take() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := v.ended
	v.ended = nil
	return out
}

// A visitor is a person with a browser.
type visitor struct {
	r       *rig
	cookies map[string]string
	lang    string
	agent   string
	from    string // address
}

func (r *rig) visitor() *visitor {
	return &visitor{r: r, cookies: map[string]string{}, lang: "en", from: "192.0.2.7:4711",
		agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
}

// signedIn is a new browser in which somebody has signed in.
func (r *rig) signedIn(name string) *visitor {
	r.Helper()
	v := r.visitor()
	if got := v.post("/console/sign-in", "name", name, "password", password); got.status != http.StatusSeeOther {
		r.Fatalf("%s could not sign in: %d %s", name, got.status, got.text())
	}
	return v
}

// session is the id of the visitor's session.
func (v *visitor) session() string {
	v.r.Helper()
	who, err := v.r.Who(context.Background(), access.Secret(v.cookies[site.SessionCookie]))
	v.r.must(err)
	return who.Session
}

type reply struct {
	status   int
	location string
	header   http.Header
	body     string
}

// text is what a reader reads.
func (p reply) text() string {
	body := regexp.MustCompile(`(?s)<head>.*?</head>|<[^>]*>`).ReplaceAllString(p.body, " ")
	return strings.Join(strings.Fields(html.UnescapeString(body)), " ")
}

// is says in short what an answer is: its status, and where it leads.
func (p reply) is() string { return strings.TrimSpace(http.StatusText(p.status) + " " + p.location) }

func (v *visitor) do(req *http.Request) reply {
	for name, value := range v.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	req.Header.Set("Accept-Language", v.lang)
	req.Header.Set("User-Agent", v.agent)
	req.RemoteAddr = v.from
	rec := httptest.NewRecorder()
	v.r.handler.ServeHTTP(rec, req)
	for _, c := range rec.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(v.cookies, c.Name)
		} else {
			v.cookies[c.Name] = c.Value
		}
	}
	return reply{rec.Code, rec.Header().Get("Location"), rec.Header(), rec.Body.String()}
}

func (v *visitor) get(path string) reply {
	return v.do(httptest.NewRequestWithContext(v.r.Context(), "GET", origin+path, nil))
}

func (v *visitor) form(path string, fields ...string) *http.Request {
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	req := httptest.NewRequestWithContext(v.r.Context(), "POST", origin+path, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", origin)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return req
}

// post sends a form of ours; script sends it as the script of a page does.
func (v *visitor) post(path string, fields ...string) reply { return v.do(v.form(path, fields...)) }

func (v *visitor) script(path string, fields ...string) reply {
	req := v.form(path, fields...)
	req.Header.Set("Accept", "application/json")
	return v.do(req)
}
