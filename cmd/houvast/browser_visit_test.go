package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cmd/houvast/browsertest"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/entry"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/draw"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
)

// A scene is a page as a person comes to it.
type scene struct {
	name   string // unique
	page   string // the template it must show; "" = not said
	state  string // empty, full or error
	h      *house
	origin string // of another site than the house's
	token  string
	path   string
	posts  string   // address of a form on that page that is sent; "" = none
	form   []string // names and values in turn
}

// open goes there.
func (s scene) open(tab *browsertest.Tab) {
	origin := s.origin
	if origin == "" {
		origin = s.h.origin()
	}
	tab.SetCookie(origin, site.SessionCookie, s.token)
	tab.Open(origin + s.path)
	if s.posts != "" {
		tab.Follow(func() { s.submit(tab) })
	}
}

// submit sends a form as it stands with some values of ours, past what the browser would not send. A
// value that begins with file: is the text of a file; NEW in it is another word each time.
func (s scene) submit(tab *browsertest.Tab) {
	form := []string{}
	for _, v := range s.form {
		form = append(form, strings.ReplaceAll(v, "NEW", strings.ToLower(houvast.RandomText("n", 20)[2:])))
	}
	fields, _ := json.Marshal(form)
	to, _ := json.Marshal(s.posts)
	browsertest.Eval[bool](tab, fmt.Sprintf(`(() => {
		let form = [...document.forms].find(f => f.getAttribute("action") === %[1]s), fields = %[2]s;
		if (!form) { // one that has been open for long
			form = document.createElement("form");
			[form.method, form.action] = ["post", %[1]s];
			document.body.append(form);
		}
		const names = fields.filter((_, i) => i %% 2 === 0);
		for (const e of [...form.elements]) if (names.includes(e.name) && e.type !== "file") e.removeAttribute("name");
		for (let i = 0; i < fields.length; i += 2) {
			if (fields[i + 1].startsWith("file:")) {
				const all = new DataTransfer();
				all.items.add(new File([fields[i + 1].slice(5)], "list.csv", {type: "text/csv"}));
				form.elements[fields[i]].files = all.files;
				continue;
			}
			const e = document.createElement("input");
			[e.type, e.name, e.value] = ["hidden", fields[i], fields[i + 1]];
			form.append(e);
		}
		HTMLFormElement.prototype.submit.call(form);
		return true;
	})()`, to, fields))
}

// A stage is a house with people at work, and what they have before them.
type stage struct {
	*house
	crew   map[access.Role]person
	fields map[string]string // what people wrote

	holder   person // has a claim, on a case that was sent back and asked about
	held     houvast.CaseID
	parked   houvast.CaseID
	second   houvast.CaseID
	drafts   houvast.ReportID // that can be approved
	returned houvast.ReportID
	stuckOne houvast.ReportID
	finished houvast.ReportID
	after    houvast.CaseID
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// staffed is a house in which nothing happened yet but that people were employed.
func staffed(h *house) *stage {
	s := &stage{house: h, crew: map[access.Role]person{}}
	for role, name := range map[access.Role]string{access.Reviewer: "mo", access.Approver: "ada", access.Admin: "cas", access.Auditor: "olga"} {
		s.crew[role] = h.employ(name, role)
	}
	return s
}

// furnish fills a house with everything that its pages can show, in hostile words or in plain ones.
func furnish(h *house, hostile bool) *stage {
	f := plainFields()
	if hostile {
		f = hostileFields()
		h.familiar, h.member, h.note = "national-list-"+strings.Repeat("x", 50), f["member"], f["note"]
		h.telling = func() houvast.Upload { return hostileFacts(h) }
	}
	h.stock(40)
	h.t.Helper()
	s := staffed(h)
	s.fields = f
	ria, ben := h.employ("ria", access.Reviewer), h.employ("ben", access.Approver)
	if hostile {
		h.employ("colleague-with-a-name-"+strings.Repeat("x", 42), access.Reviewer, access.Approver)
		for i := range h.known { // each is a page too
			h.known[i] = polyglot(h.known[i])
		}
		h.enlist(h.known...)
	}
	s.caseOfHolder(ria, f)
	s.caseOfOthers(ria, f)
	s.reports(ria, ben, f)
	s.oddments(f)
	return s
}

func plainFields() map[string]string {
	return map[string]string{"words": "The account says that it will meet the child tomorrow.", "question": "The same account as yesterday. Has somebody seen it before?",
		"advice": "Yes, on Monday. It was another picture.", "returned": "Please say what you rest the age on.", "sentback": "Please add when it happened.",
		"incident": "when the platform was told by another user", "email": "heron@example.org", "profile": "https://example.org/u/4472", "file": "garden.jpg"}
}

// caseOfHolder is a case that was sent back by a second person, asked about, answered, and is claimed.
func (s *stage) caseOfHolder(ria person, f map[string]string) {
	d, ctx := s.app.desk, s.t.Context()
	out := s.decided1(ria, review.Verdict{Decision: houvast.DecideAgeInDoubt, Words: f["words"]}, f)
	back := fromPage(s.house, s.crew[access.Approver], caseAt(out.Case, ""), caseAt(out.Case, "/confirm"), "", "answer", "back", "words", f["returned"])
	if got := s.visit(back.ask); got.status != http.StatusSeeOther {
		s.t.Fatalf("the case is not sent back: %d %s", got.status, got.body)
	}
	s.holder, s.held = s.crew[access.Reviewer], out.Case
	c, _, err := d.NextCase(ctx, s.holder.asked("review.next"))
	s.must(err)
	if c.ID != out.Case {
		s.t.Fatalf("another case was handed out: %s", c.ID)
	}
	_, err = d.Park(ctx, s.holder.asked("review.park"), c.ID, f["question"])
	s.must(err)
	s.must(d.Advise(ctx, ria.asked("review.advise"), c.ID, f["advice"]))
	ends, err := d.Resume(ctx, s.holder.asked("review.resume"), c.ID)
	s.must(err)
	s.app.viewer.Prepare(c.ID, s.holder.actor(), ends)
	await(s.t, "the picture is prepared", func() bool { return s.app.viewer.State(ctx, c.ID).State == "ready" })
}

// decided1 brings the next file and has a reviewer decide it.
func (s *stage) decided1(by person, v review.Verdict, f map[string]string) pipeline.Outcome {
	s.t.Helper()
	name := f["file"]
	data := s.known[0]
	s.known = s.known[1:]
	s.handIn(name, data, s.tells())
	c, _, err := s.app.desk.NextCase(s.t.Context(), by.asked("review.next"))
	s.must(err)
	out, err := s.app.desk.Decide(s.t.Context(), by.asked("cases.decide"), c.ID, v)
	s.must(err)
	return out
}

// caseOfOthers are cases that wait: for advice, of others and of one's own, for a second person, for
// anybody.
func (s *stage) caseOfOthers(ria person, f map[string]string) {
	d, ctx := s.app.desk, s.t.Context()
	s.parked = s.claimed(ria).ID
	_, err := d.Park(ctx, ria.asked("review.park"), s.parked, f["question"])
	s.must(err)
	s.second = s.decided1(ria, review.Verdict{Decision: houvast.DecideOwn, Words: f["words"], Observations: []houvast.Observation{
		{What: houvast.AspectAge, Min: 13, Max: 15, Basis: houvast.BasisStated}}}, f).Case
	s.decided1(ria, review.Verdict{Decision: houvast.DecideAgeInDoubt}, f)
	for range 3 {
		s.bring()
	}
}

// reports are one of each kind that a list can show.
func (s *stage) reports(ria, ben person, f map[string]string) {
	d, ctx := s.app.desk, s.t.Context()
	draft := func(v review.Verdict) houvast.ReportID { return s.decided1(ria, v, f).Report }
	s.drafts = draft(abuse)
	s.after = s.caseOf(s.drafts)
	s.returned = draft(review.Verdict{Decision: houvast.DecideUrgent, Role: houvast.RoleUploader, Words: f["words"]})
	_, err := d.Amend(ctx, ria.asked("reports.amend"), s.returned, report.Amendment{Email: f["email"], ProfileURL: f["profile"], IncidentIs: f["incident"]})
	s.must(err)
	_, err = d.SendBack(ctx, ben.asked("reports.return"), s.returned, f["sentback"])
	s.must(err)
	s.stuckOne = draft(abuse)
	s.refuse()
	s.approved(s.stuckOne, report.NeedsHuman)
	s.finished = draft(abuse)
	s.approved(s.finished, report.Finished)
	retracted := draft(abuse)
	_, err = d.Retract(ctx, ben.asked("reports.retract"), retracted)
	s.must(err)
}

func (s *stage) caseOf(id houvast.ReportID) houvast.CaseID {
	r, _, _, err := s.app.desk.Report(s.t.Context(), id)
	s.must(err)
	return r.Case
}

// oddments are files that could not be looked at, keys, sessions, and a decision of the approver's
// second look.
func (s *stage) oddments(f map[string]string) {
	s.handIn(f["file"], draw.Cut(draw.PNG(draw.Picture(draw.Houses, 320, 240, 77))), s.tells())
	s.handIn("archive.zip", []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00rest of an archive that nobody unpacks"), s.tells())
	id, _ := s.grant("forum", access.ScopeBanks, access.ScopeRead)
	s.must(s.control.Call(s.t.Context(), "POST", "/api/v1/keys/"+id+"/revoke", "", nil, nil))
	for range 2 {
		s.lock(s.again(s.crew[access.Admin]))
	}
	s.app.desk.DisableBank(s.t.Context(), pipeline.Ask{By: "cli:0", Op: "banks.disable"}, "spare-list", true)
	gone := s.someone(access.Approver)
	s.must(s.control.Call(s.t.Context(), "POST", "/api/v1/users/"+gone.id+"/disable", "", nil, nil))
}

// htmlPage reports whether a path answers with a page that a person reads.
func (s *stage) htmlPage(path, token string) bool {
	got := s.visit(ask{method: "GET", path: path, token: token})
	return got.status == http.StatusOK && strings.HasPrefix(got.header.Get("Content-Type"), "text/html")
}

// pages are the pages that the router has, each as whoever may sees it, once for every role that the
// page may look different to.
func (s *stage) pages() (all []scene) {
	for _, route := range s.app.pageRoutes {
		if route.Method != http.MethodGet || strings.Contains(route.Path, "{token}") {
			continue
		}
		rule, _ := access.RuleFor(route.Op)
		roles := []access.Role{""}
		if !rule.Public {
			roles = slices.Compact([]access.Role{rule.Roles[0], rule.Roles[len(rule.Roles)-1]})
		}
		for _, role := range roles {
			path, token := s.fill(route), s.crew[role].token
			if !s.htmlPage(path, token) {
				continue
			}
			all = append(all, scene{name: strings.TrimSpace(route.Path + " " + string(role)), state: "full", h: s.house, token: token, path: path})
		}
	}
	return all
}

// fill puts ids into the path of a route.
func (s *stage) fill(route site.Route) string {
	ids := map[string]string{"case": s.second.String(), "parked": s.parked.String(), "report": s.drafts.String(), "bank": s.familiar}
	return regexp.MustCompile(`([a-z]+)/\{[a-z]+\}`).ReplaceAllStringFunc(strings.ReplaceAll(route.Path, "{$}", ""), func(part string) string {
		folder, _, _ := strings.Cut(part, "/")
		if ids[folder] == "" {
			s.t.Errorf("%s: what is a %s? Say so in fill", route.Path, folder)
		}
		return folder + "/" + ids[folder]
	})
}

// special are pages that one does not come to by an address alone, and those that look otherwise with
// another id.
func (s *stage) special() []scene {
	by := func(role access.Role) string { return s.crew[role].token }
	at := caseAt(s.held, "")
	all := []scene{
		{name: "case, claimed", page: "case", token: s.holder.token, path: at},
		{name: "guard", page: "guard", token: s.holder.token, path: at, posts: at + "/decide", form: []string{"decision", "urgent", "role", "uploader", "words", s.fields["words"], "age_min", "4", "age_max", "8", "age_basis", "stated"}},
		{name: "queue, with nothing in hand", page: "queue", token: s.lonely().token, path: "/console/queue"},
		{name: "reports, all", page: "reports", token: by(access.Approver), path: "/console/reports"},
		{name: "log, older lines", page: "log", token: by(access.Auditor), path: "/console/audit?before=24"},
		{name: "after, with a report", page: "after", token: by(access.Approver), path: caseAt(s.after, "/after")},
		{name: "report, sent back", page: "report", token: by(access.Approver), path: reportAt(s.returned, "")},
		{name: "report, stuck", page: "report", token: by(access.Approver), path: reportAt(s.stuckOne, "")},
		{name: "receipt, finished", page: "receipt", token: by(access.Approver), path: reportAt(s.finished, "/receipt")},
		{name: "receipt, stuck", page: "receipt", token: by(access.Approver), path: reportAt(s.stuckOne, "/receipt")},
		{name: "report, retracting", page: "report_retract", token: by(access.Approver), path: reportAt(s.drafts, "?step=retract")},
		{name: "report, approving", page: "report_approve", token: by(access.Approver), path: reportAt(s.drafts, "?step=approve&version="+s.version(s.drafts))},
		{name: "bank, disabling", page: "sure", token: by(access.Admin), path: "/console/bank/" + s.familiar, posts: "/console/bank/" + s.familiar + "/disable", form: []string{"disabled", "yes"}},
		{name: "bank, imported", page: "bank", token: by(access.Admin), path: "/console/bank/spare-list", posts: "/console/bank/spare-list/import",
			form: []string{"file", "file:sha256,category,note\n" + strings.Repeat("cd", 32) + ",child_abuse,\nzz,child_abuse,\n,,x\n"}},
		{name: "key, made", page: "apikeys", token: by(access.Admin), path: "/console/keys", posts: "/console/keys", form: []string{"name", "program-NEW", "source", "forum", "scopes", "banks"}},
		{name: "locked", page: "locked", token: s.shut().token, path: "/console/locked"},
		{name: "sign in, signed out", page: "sign-in", path: "/console/sign-in?out=yes"},
	}
	for i := range all {
		all[i].h, all[i].state = s.house, "full"
	}
	return all
}

// errors are the pages of what went wrong: an id that does not exist and a role that may not, for each
// page of the router, and every form with something wrong in it.
func (s *stage) errors() (all []scene) {
	nobody := strings.NewReplacer("{id}", "case_0000000000007", "{name}", "no-such-list", "{token}", "once_0000000000000")
	for _, route := range s.app.pageRoutes {
		rule, _ := access.RuleFor(route.Op)
		role := access.Role("")
		if !rule.Public {
			role = rule.Roles[0]
		}
		path := strings.ReplaceAll(s.try(route, nobody), "report/case_", "report/report_")
		if route.Method != http.MethodGet || strings.Contains(path, "/static/") {
			continue
		}
		if !strings.Contains(strings.ReplaceAll(route.Path, "{$}", ""), "{") { // a role that may not
			other := slices.IndexFunc(access.Roles(), func(r access.Role) bool { return !rule.Public && !slices.Contains(rule.Roles, r) })
			if other < 0 || strings.HasSuffix(path, "/export") {
				continue
			}
			role = access.Roles()[other]
		}
		all = append(all, scene{name: "wrong: " + route.Path, token: s.crew[role].token, path: path})
	}
	by := func(role access.Role) string { return s.crew[role].token }
	held, draft := caseAt(s.held, ""), reportAt(s.drafts, "")
	stuck := s.lonely()
	broken := s.claimed(stuck).ID
	s.must(s.app.desk.W.Update(s.t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("UPDATE review_case SET facts = $1 WHERE id = $2", []byte("what no key opens"), int64(broken))
		return err
	}))
	all = append(all,
		scene{name: "no such page", path: "/console/no-such-page"},
		scene{name: "case, no role said", page: "case", token: s.holder.token, path: held, posts: held + "/decide", form: []string{"decision", "abuse", "pressure", "yes", "age_min", "9", "age_max", "4", "age_basis", "seen", "origin", "commercial", "origin_basis", "list"}},
		scene{name: "case, urgent without words", page: "case", token: s.holder.token, path: held, posts: held + "/decide", form: []string{"decision", "urgent", "role", "uploader", "words", ""}},
		scene{name: "case, asking without words", page: "case", token: s.holder.token, path: held, posts: held + "/park", form: []string{"question", " "}},
		scene{name: "case that cannot be opened", page: "stuck", token: stuck.token, path: caseAt(broken, "")},
		scene{name: "refused, with what was typed", page: "error", token: by(access.Approver), path: "/console/reports", posts: reportAt(s.finished, "/return"), form: []string{"version", "1", "words", s.fields["sentback"]}},
		scene{name: "case of somebody else", page: "lost", token: s.lonely().token, path: held},
		scene{name: "advice without words", page: "advice", token: by(access.Approver), path: "/console/parked/" + s.parked.String(), posts: caseAt(s.parked, "/advise"), form: []string{"words", " "}},
		scene{name: "second look without words", page: "second", token: by(access.Approver), path: caseAt(s.second, ""), posts: caseAt(s.second, "/confirm"), form: []string{"answer", "back", "words", ""}},
		scene{name: "report, sent back without words", page: "report", token: by(access.Approver), path: draft, posts: draft + "/return", form: []string{"words", ""}},
		scene{name: "report, wrong fields", page: "report", token: by(access.Approver), path: draft, posts: draft + "/amend", form: []string{"email", "nobody", "profile_url", "no address", "screen_name", strings.Repeat("x", 300), "role", "king"}},
		scene{name: "bank, wrong name", page: "banks", token: by(access.Admin), path: "/console/banks", posts: "/console/banks", form: []string{"name", "no good name", "category", "exploitation", "trust", "verified", "threshold", "31"}},
		scene{name: "bank, wrong threshold", page: "banks", token: by(access.Admin), path: "/console/banks", posts: "/console/banks", form: []string{"name", "x", "category", "exploitation", "trust", "verified", "threshold", "999"}},
		scene{name: "bank, no file", page: "bank", token: by(access.Admin), path: "/console/bank/spare-list", posts: "/console/bank/spare-list/import"},
		scene{name: "key, wrong", page: "apikeys", token: by(access.Admin), path: "/console/keys", posts: "/console/keys", form: []string{"name", "!", "source", ""}},
		scene{name: "staff, two passwords", page: "staff", token: by(access.Admin), path: "/console/staff", posts: "/console/staff", form: []string{"name", "newcomer", "roles", "reviewer", "password", goodPassword, "repeat", "another one"}},
		scene{name: "staff, no roles", page: "staff", token: by(access.Admin), path: "/console/staff", posts: "/console/staff", form: []string{"name", "newcomer", "password", goodPassword, "repeat", goodPassword}},
		scene{name: "sign in, nothing typed", page: "sign-in", path: "/console/sign-in", posts: "/console/sign-in", form: []string{"name", "", "password", ""}},
		scene{name: "sign in, session over", page: "sign-in", token: houvast.RandomText("hvs", 52), path: "/console/sign-in"},
		scene{name: "locked, nothing typed", page: "locked", token: s.shut().token, path: "/console/locked", posts: "/console/unlock", form: []string{"password", ""}},
		scene{name: "password, nothing right", page: "sessions", token: by(access.Auditor), path: "/console/sessions", posts: "/console/password", form: []string{"old", "", "password", "short", "again", "other"}},
	)
	for i := range all {
		all[i].h, all[i].state = s.house, "error"
	}
	return all
}

func (s *stage) try(route site.Route, nobody *strings.Replacer) string {
	return nobody.Replace(strings.ReplaceAll(route.Path, "{$}", ""))
}

// lonely is a reviewer who holds nothing.
func (s *stage) lonely() person { return s.someone(access.Reviewer) }

// bare are the pages of a house in which nothing happened yet.
func (s *stage) bare() (all []scene) {
	for _, sc := range s.pagesWithout() {
		sc.name, sc.state = "empty: "+sc.name, "empty"
		all = append(all, sc)
	}
	return all
}

// pagesWithout are the pages of the router that are about no one thing.
func (s *stage) pagesWithout() (all []scene) {
	for _, route := range s.app.pageRoutes {
		rule, _ := access.RuleFor(route.Op)
		if route.Method != http.MethodGet || strings.Contains(route.Path, "{") && !strings.Contains(route.Path, "{$}") {
			continue
		}
		role := access.Role("")
		if !rule.Public {
			role = rule.Roles[0]
		}
		path := strings.ReplaceAll(route.Path, "{$}", "")
		if s.htmlPage(path, s.crew[role].token) {
			all = append(all, scene{name: route.Path, h: s.house, token: s.crew[role].token, path: path})
		}
	}
	return all
}

// firsts are the pages of a house that nobody has opened.
func firsts(h *house) []scene {
	link := func() string { return entry.FirstLink(h.app.once, 24*time.Hour) }
	at := link()
	return []scene{
		{name: "start", page: "start", state: "empty", h: h, path: at},
		{name: "start, nothing right", page: "start", state: "error", h: h, path: at, posts: at, form: []string{"profile", "", "jurisdiction", "X", "name", "!", "password", "short", "again", "other"}},
		{name: "start, a link that is none", page: "start-over", state: "error", h: h, path: "/console/start/" + houvast.RandomText("once", 26)},
		{name: "sign in, nobody yet", page: "sign-in", state: "empty", h: h, path: "/console/sign-in"},
	}
}

// templates are the pages that the packages of the console have, from their files.
func templates() (names []string) {
	files, _ := filepath.Glob("../../internal/console/*/*.html")
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".html")
		if !strings.HasPrefix(name, "_") && name != "frame" {
			names = append(names, name)
		}
	}
	return names
}
