package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/client"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/config"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/draw"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
	"github.com/houvast/houvast/practice"
)

// A house is a server with its pages, the practice clearinghouse it files at, a platform that takes its
// messages, and people who work there. Its clock stands still, so whatever changes was changed by
// somebody.
type house struct {
	*rig
	clock  *storetest.Clock
	office *httptest.Server // the clearinghouse
	hc     *http.Client
	raw    *sql.DB // every table, read past the rooms
	key    string  // of the platform that hands in
	gate   *access.Gate
	hash   access.Secret // of everybody's password

	known    [][]byte // files that the verified list names, and that were not handed in yet
	handed   int
	familiar string // name of that list

	member, note string                // of its entries
	telling      func() houvast.Upload // what the platform says; nil = facts
}

// noon is when the clock of a house begins.
var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// openHouse starts a house that ends with the test. with may change its settings.
func openHouse(t *testing.T, cfg config.Config, with ...func(*config.Config)) *house {
	t.Helper()
	clock := storetest.NewClock(noon)
	h := &house{rig: &rig{t: t, cfg: cfg, clock: clock, log: &notes{}}, clock: clock, familiar: "national-list", member: "Example Hotline", note: "drawn by code"}
	set(t, &h.cfg, "listen", "localhost:0")
	h.connections()
	for _, change := range with {
		change(&h.cfg)
	}
	s, err := startServer(context.Background(), h.cfg, clock, slog.New(slog.NewTextHandler(h.log, nil)), []string{"api", "console", "work"})
	if err != nil {
		t.Fatal(err)
	}
	h.server = s
	socket, ok := dialControl(s.control)
	if !ok {
		t.Fatal("nobody answers at the control socket")
	}
	h.socket, h.control = socket, client.New(socket, "http://control", "")
	h.gate = access.NewGate(clock)
	if h.hash, err = h.gate.Hash(t.Context(), "nobody", goodPassword); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	h.hc = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	driver, address := "pgx", h.cfg.Database
	if h.app.db.Engine() == store.SQLite {
		driver, address = "sqlite", "file:"+filepath.Join(h.cfg.Data, "houvast.db")+"?mode=ro"
	}
	if h.raw, err = sql.Open(driver, address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.raw.Close(); transport.CloseIdleConnections(); h.halt() })
	return h
}

// connections gives the house its clearinghouse and its platform.
func (h *house) connections() {
	t := h.t
	h.office = httptest.NewServer(practice.New(practice.Config{User: "houvast", Password: "practice", Now: h.clock.Now}))
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	t.Cleanup(h.office.Close)
	t.Cleanup(platform.Close)
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	h.cfg.Recipients = []config.Recipient{{Name: "example-clearinghouse", Environment: "practice", URL: h.office.URL + "/ispws", User: "houvast", PasswordFile: file("practice", "practice")}}
	h.cfg.Reporter = config.Reporter{Organisation: "Example Platform", FirstName: "Robin", LastName: "Example", Email: "trust@example.org"}
	h.cfg.Withhold.Enabled, h.cfg.Withhold.Webhook, h.cfg.Withhold.SecretFile = true, platform.URL, file("hook", strings.Repeat("s", 40))
}

// refuse lets the clearinghouse answer the next finish with a refusal.
func (h *house) refuse() {
	h.t.Helper()
	body := strings.NewReader(`{"faults":[{"endpoint":"finish","kind":"code","code":4100,"times":1}]}`)
	req, err := http.NewRequestWithContext(h.t.Context(), "POST", h.office.URL+"/practice/faults", body)
	h.must(err)
	req.SetBasicAuth("houvast", "practice")
	req.Header.Set("Content-Type", "application/json")
	resp, err := h.office.Client().Do(req)
	h.must(err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		h.t.Fatalf("the clearinghouse takes no fault: %d", resp.StatusCode)
	}
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err, houvast.Trace(err))
	}
}

// origin is where the console is.
func (h *house) origin() string { return h.app.origins().Console }

// A person works at the house.
type person struct {
	name  string
	roles []access.Role
	id    string // of the account
	token string // of a session; "" = they are not signed in
}

func (p person) actor() houvast.Actor { return houvast.Actor("user:" + p.name) }

// employ adds a person with roles and signs them in. All have the same password, hashed once.
func (h *house) employ(name string, roles ...access.Role) person {
	h.t.Helper()
	u, err := h.app.desk.AddUser(h.t.Context(), pipeline.Ask{By: "cli:0", Op: "users.add"}, access.NewUser{Name: name, Roles: roles, Password: h.hash})
	h.must(err)
	return h.again(person{name: name, roles: roles, id: u.ID.String()})
}

// again opens another session of the same person.
func (h *house) again(p person) person {
	h.t.Helper()
	token, _, err := h.app.desk.SignIn(h.t.Context(), h.gate, p.name, goodPassword, access.ClientOf("192.0.2.1:4000", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"))
	h.must(err)
	p.token = string(token)
	return p
}

// someone employs a person whose name nobody reads.
func (h *house) someone(roles ...access.Role) person {
	h.t.Helper()
	h.people++
	names := [...]string{"anke", "bas", "carla", "dirk", "elin", "femke", "gijs", "hanna", "ivo", "jet", "koen", "lena"}
	name := names[h.people%len(names)]
	if round := h.people / len(names); round > 0 {
		name = fmt.Sprintf("%s.%d", name, round)
	}
	return h.employ(name, roles...)
}

// lock locks the session of a person.
func (h *house) lock(p person) {
	h.t.Helper()
	who, err := h.app.desk.Who(h.t.Context(), access.Secret(p.token))
	h.must(err)
	h.must(h.app.desk.Lock(h.t.Context(), pipeline.Ask{By: who.Actor, Op: "sessions.lock"}, who.Session))
}

// An ask is one request for a page.
type ask struct {
	method, path string
	token        string     // of a session, in the cookie; "" = none
	form         url.Values // of a POST
	kind, body   string     // in place of a form
	header       http.Header
}

// with returns the same request with more headers: names and values in turn. An empty value takes the
// header away.
func (a ask) with(pairs ...string) ask {
	a.header = maps.Clone(a.header)
	if a.header == nil {
		a.header = http.Header{}
	}
	for i := 0; i < len(pairs); i += 2 {
		a.header.Set(pairs[i], pairs[i+1])
	}
	return a
}

// by returns the same request by somebody else.
func (a ask) by(token string) ask { a.token = token; return a }

// visit sends a request as a browser does that is on a page of the console.
func (h *house) visit(a ask) reply {
	h.t.Helper()
	body, kind := a.body, a.kind
	if a.form != nil {
		body, kind = a.form.Encode(), "application/x-www-form-urlencoded"
	}
	req, err := http.NewRequestWithContext(h.t.Context(), a.method, h.origin()+a.path, strings.NewReader(body))
	h.must(err)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if a.method == http.MethodPost {
		req.Header.Set("Origin", h.origin())
		req.Header.Set("Content-Type", kind)
	}
	if a.token != "" {
		req.Header.Set("Cookie", site.SessionCookie+"="+a.token)
	}
	for name, values := range a.header {
		req.Header[name] = values
		if values[0] == "" {
			req.Header.Del(name)
		}
	}
	resp, err := h.hc.Do(req)
	if err != nil {
		h.t.Fatalf("%s %s: %v", a.method, a.path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	h.must(err)
	return reply{resp.StatusCode, resp.Header, text}
}

// tables returns the names of all tables.
func (h *house) tables() (names []string) {
	h.t.Helper()
	query := "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name"
	if h.app.db.Engine() == store.SQLite {
		query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
	}
	rows, err := h.raw.QueryContext(h.t.Context(), query)
	h.must(err)
	defer rows.Close()
	for rows.Next() {
		var name string
		h.must(rows.Scan(&name))
		names = append(names, name)
	}
	h.must(rows.Err())
	if len(names) < 20 {
		h.t.Fatalf("only the tables %v were found", names)
	}
	return names
}

// A ledger is what stands in every table: how many rows, and a digest of all of them.
type ledger map[string]string

// ledger reads every row of every table, once nothing is under way any more.
func (h *house) ledger() ledger {
	h.t.Helper()
	h.still()
	now := ledger{}
	for _, name := range h.tables() {
		rows, err := h.raw.QueryContext(h.t.Context(), "SELECT * FROM "+name)
		h.must(err)
		columns, err := rows.Columns()
		h.must(err)
		var all []string
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			h.must(rows.Scan(values...))
			var row strings.Builder
			for _, v := range values {
				fmt.Fprintf(&row, "%v|", *v.(*any))
			}
			all = append(all, row.String())
		}
		h.must(rows.Err())
		rows.Close()
		slices.Sort(all)
		now[name] = fmt.Sprintf("%d rows, %x", len(all), sha256.Sum256([]byte(strings.Join(all, "\n"))))
	}
	return now
}

// changed names the tables in which two ledgers differ.
func (l ledger) changed(later ledger) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(l)) {
		if l[name] != later[name] {
			names = append(names, name)
		}
	}
	return names
}

// still waits until no task is due and every line of the audit log is signed.
func (h *house) still() {
	h.t.Helper()
	await(h.t, "nothing is under way", func() bool {
		return h.count("SELECT COUNT(*) FROM task WHERE expires <> 0 OR due <= $1", h.clock.Now().UnixMicro()) == 0 &&
			h.count("SELECT COUNT(*) FROM audit_line WHERE seq IS NULL") == 0 &&
			h.count("SELECT COALESCE(MAX(seq) + 1, 0) FROM audit_line") == h.count("SELECT COALESCE(MAX(size), 0) FROM audit_checkpoint")
	})
}

// stock makes the verified list and n pictures that it names.
func (h *house) stock(n int) {
	h.t.Helper()
	for i := range n {
		h.known = append(h.known, draw.JPEG(draw.Picture(draw.Houses, 200, 150, uint64(9000+i)), 80))
	}
	bank := map[string]any{"name": h.familiar, "category": "child_abuse", "trust": "verified"}
	h.must(h.control.Call(h.t.Context(), "POST", "/api/v1/banks", "", bank, nil))
	bank["name"] = "spare-list" // nothing is matched with it
	h.must(h.control.Call(h.t.Context(), "POST", "/api/v1/banks", "", bank, nil))
	h.enlist(h.known...)
	_, h.key = h.grant("forum", access.ScopeItems)
}

// enlist puts files on the list.
func (h *house) enlist(files ...[]byte) {
	h.t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"sha256", "category", "member", "note"})
	for _, data := range files {
		sum := sha256.Sum256(data)
		w.Write([]string{hex.EncodeToString(sum[:]), "child_abuse", h.member, h.note})
	}
	w.Flush()
	if a := h.tell("POST", "/api/v1/banks/"+h.familiar+"/import", &b); a.status != http.StatusOK {
		h.t.Fatalf("%d %s", a.status, a.body)
	}
}

// tells is what the platform says about the next upload.
func (h *house) tells() houvast.Upload {
	if h.telling != nil {
		return h.telling()
	}
	return h.facts()
}

// facts are what the platform says about an upload, in bland words.
func (h *house) facts() houvast.Upload {
	return houvast.Upload{Account: houvast.AccountRef{ID: fmt.Sprintf("u-%d", 4400+h.handed)}, ScreenName: fmt.Sprintf("blue.heron.%d", 4400+h.handed),
		UploadedAt: h.clock.Now().Add(-time.Hour), IP: "192.0.2.44", Port: 41234, URL: fmt.Sprintf("https://example.org/p/%d", 70+h.handed),
		Context: "have a look at " + secretWord, ContextKind: houvast.PublicPost}
}

// secretWord stands in what was said about every upload, and so in no answer to somebody who may not
// see it.
const secretWord = "quince-orchard"

// bring hands in the next picture of the list and returns the item once it was looked at.
func (h *house) bring() houvast.ItemID {
	h.t.Helper()
	if len(h.known) == 0 {
		h.t.Fatal("the pictures of the list are used up: stock more")
	}
	data := h.known[0]
	h.known = h.known[1:]
	return h.handIn(fmt.Sprintf("garden-%d.jpg", h.handed), data, h.tells())
}

// handIn hands in a file and returns its item once it was looked at.
func (h *house) handIn(name string, data []byte, facts houvast.Upload) houvast.ItemID {
	h.t.Helper()
	h.handed++
	id, err := client.New(h.hc, h.url, h.key).Upload(h.t.Context(), fmt.Sprintf("upload-%d", h.handed), facts, name, bytes.NewReader(data))
	h.must(err)
	await(h.t, "the item was looked at", func() bool {
		it, err := h.app.desk.Item(h.t.Context(), id)
		return err == nil && it.State != houvast.ItemReceived
	})
	return id
}

// asked is a request of a person to the pipeline, for what a test prepares without the pages.
func (p person) asked(op string) pipeline.Ask { return pipeline.Ask{By: p.actor(), Op: op} }

// claimed brings a case and has a reviewer claim the next one.
func (h *house) claimed(by person) review.Case {
	h.t.Helper()
	h.bring()
	c, _, err := h.app.desk.NextCase(h.t.Context(), by.asked("review.next"))
	h.must(err)
	h.app.viewer.Prepare(c.ID, c.ClaimedBy, c.ClaimEnds)
	return c
}

// decided has a reviewer decide a case of their own.
func (h *house) decided(by person, v review.Verdict) pipeline.Outcome {
	h.t.Helper()
	out, err := h.app.desk.Decide(h.t.Context(), by.asked("cases.decide"), h.claimed(by).ID, v)
	h.must(err)
	return out
}

// abuse is a decision that drafts a report.
var abuse = review.Verdict{Decision: houvast.DecideAbuse, Role: houvast.RoleUploader}

// drafted returns the draft of a report on a case that somebody else decided.
func (h *house) drafted() houvast.ReportID {
	h.t.Helper()
	return h.decided(h.someone(access.Reviewer), abuse).Report
}

// stuck returns a report that the clearinghouse refused, so that it waits for a person.
func (h *house) stuck() houvast.ReportID {
	h.t.Helper()
	id := h.drafted()
	h.refuse()
	h.approved(id, report.NeedsHuman)
	return id
}

// filed returns a finished report.
func (h *house) filed() houvast.ReportID {
	h.t.Helper()
	id := h.drafted()
	h.approved(id, report.Finished)
	return id
}

// approved has somebody approve a report and waits for what becomes of it.
func (h *house) approved(id houvast.ReportID, want report.State) {
	h.t.Helper()
	_, err := h.app.desk.Approve(h.t.Context(), h.someone(access.Approver).asked("reports.approve"), id, 0)
	h.must(err)
	await(h.t, "the report is "+string(want), func() bool {
		r, _, _, err := h.app.desk.Report(h.t.Context(), id)
		return err == nil && r.State == want
	})
}

// proposal returns an action that waits for an approver.
func (h *house) proposal() houvast.ActionID {
	h.t.Helper()
	by := h.someone(access.Reviewer)
	c := h.claimed(by)
	_, err := h.app.desk.Decide(h.t.Context(), by.asked("cases.decide"), c.ID, abuse)
	h.must(err)
	var found []action.Action
	h.must(h.app.db.View(h.t.Context(), func(tx *store.Tx) (err error) {
		found, err = action.About(tx, string(c.Item))
		return err
	}))
	for _, a := range found {
		if a.State == action.Proposed {
			return a.ID
		}
	}
	h.t.Fatalf("no action about the item waits for anybody: %+v", found)
	return 0
}

// second returns a case that waits for a second person.
func (h *house) second() houvast.CaseID {
	h.t.Helper()
	return h.decided(h.someone(access.Reviewer), review.Verdict{Decision: houvast.DecideAgeInDoubt}).Case
}

// waiting returns a case that waits for advice, and who asked.
func (h *house) waiting(by person) houvast.CaseID {
	h.t.Helper()
	id := h.claimed(by).ID
	_, err := h.app.desk.Park(h.t.Context(), by.asked("review.park"), id, "Has somebody seen this account before? It spoke of "+secretWord+".")
	h.must(err)
	return id
}

// fetch asks for a granted picture as the page's script does, from another origin if one is named.
func (h *house) fetch(t ticket, origin string) reply {
	h.t.Helper()
	if origin == "" {
		origin = h.origin()
	}
	at, err := url.Parse(t.URL)
	h.must(err)
	return h.wire(wired{method: "GET", host: at.Host, target: at.Path, header: []string{"Origin", origin, "Authorization", "Houvast " + t.Proof}})
}

// looked is granted a step of a case's picture and fetched, and the record says that it was served.
func (h *house) looked(by person, id houvast.CaseID, level review.Level) ticket {
	h.t.Helper()
	t := h.granted(by, id, level)
	served := func() int { return h.count("SELECT COUNT(*) FROM audit_line WHERE action = 'reveal.served'") }
	before := served()
	if got := h.fetch(t, ""); got.status != http.StatusOK {
		h.t.Fatalf("the picture does not come: %d", got.status)
	}
	await(h.t, "what was served is on record", func() bool { return served() > before })
	return t
}

// A wired request is written by our own hand, since a client would mend what is wrong with it.
type wired struct {
	method, host, target string // target is what stands in the first line
	header               []string
	body                 string
}

// wire sends a request over a connection of its own and reads the answer to its end.
func (h *house) wire(w wired) reply {
	h.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.origin(), "http://"))
	h.must(err)
	defer conn.Close()
	h.must(conn.SetDeadline(time.Now().Add(patience)))
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", w.method, w.target, w.host)
	for i := 0; i+1 < len(w.header); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", w.header[i], w.header[i+1])
	}
	if w.body != "" || w.method == http.MethodPost {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(w.body))
	}
	_, err = io.WriteString(conn, b.String()+"\r\n"+w.body)
	h.must(err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: w.method})
	if err != nil {
		h.t.Fatalf("%s %s at %s: %v", w.method, w.target, w.host, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	h.must(err)
	return reply{resp.StatusCode, resp.Header, text}
}

// A ticket is one granted look, as the page's script gets it.
type ticket struct{ Reveal, URL, Proof string }

// granted asks for a step of a case's picture, once it is there.
func (h *house) granted(by person, id houvast.CaseID, level review.Level) (t ticket) {
	h.t.Helper()
	await(h.t, "the picture is prepared", func() bool { return h.app.viewer.State(h.t.Context(), id).State == "ready" })
	a := ask{method: "POST", path: "/console/case/" + id.String() + "/grant", token: by.token, form: url.Values{"level": {string(level)}}}
	got := h.visit(a.with("Accept", "application/json"))
	if err := json.Unmarshal(got.body, &t); err != nil || got.status != http.StatusOK || t.URL == "" {
		h.t.Fatalf("no look is granted: %d %s", got.status, got.body)
	}
	return t
}
