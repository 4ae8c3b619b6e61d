package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/entry"
	"github.com/houvast/houvast/internal/review"
)

// A deed is a request that a route answers, and how.
type deed struct {
	ask
	status int
	to     string   // where a 303 leads, as far as it is known
	says   []string // in the answer
	still  bool     // it is a POST and changes no table
	writes bool     // it is a GET and changes tables: it opens a session
}

// A visit prepares what a route needs and returns a request that it answers, of a person who has one
// role. Where nobody needs to be known, by is nobody.
type visit func(h *house, by person) deed

func shows(path string, says ...string) visit {
	return func(h *house, by person) deed {
		return deed{ask: ask{method: "GET", path: path, token: by.token}, status: http.StatusOK, says: says}
	}
}

// form is a form from names and values in turn, with a key of its own.
func form(pairs ...string) url.Values {
	f := url.Values{"once": {houvast.RandomText("o", 26)}}
	for i := 0; i < len(pairs); i += 2 {
		f.Add(pairs[i], pairs[i+1])
	}
	return f
}

// sends is a deed that posts a form and is led elsewhere.
func sends(by person, path, to string, pairs ...string) deed {
	return deed{ask: ask{method: "POST", path: path, token: by.token, form: form(pairs...)}, status: http.StatusSeeOther, to: to}
}

// fromPage is sends with the form as it stands on a page, and some fields of ours in it.
func fromPage(h *house, by person, page, action, to string, pairs ...string) deed {
	h.t.Helper()
	shown := h.visit(ask{method: "GET", path: page, token: by.token})
	fields := formAt(string(shown.body), action)
	if fields == nil {
		h.t.Fatalf("%s has no form for %s: %d %s", page, action, shown.status, shown.body)
	}
	d := sends(by, action, to, pairs...)
	for name, value := range fields {
		if _, ours := d.form[name]; !ours || name == "once" {
			d.form[name] = value
		}
	}
	return d
}

// caseAt is the path of a case.
func caseAt(id houvast.CaseID, rest string) string { return "/console/case/" + id.String() + rest }

// reportAt is the path of a report.
func reportAt(id houvast.ReportID, rest string) string {
	return "/console/report/" + id.String() + rest
}

// deeds returns one for each route of the console, by method and path. A route without one fails
// TestConsoleRoutes.
func deeds() map[string]visit {
	all := map[string]visit{}
	for _, part := range []map[string]visit{entryCalls(), freshCalls(), caseCalls(), pictureCalls(), filingCalls(), keepingCalls(), keepingChanges()} {
		for route, v := range part {
			all[route] = v
		}
	}
	return all
}

// freshCalls are what works only while there is no account.
func freshCalls() map[string]visit {
	link := func(h *house) string { return entry.FirstLink(h.app.once, time.Hour) }
	return map[string]visit{
		"GET /console/start/{token}": func(h *house, _ person) deed {
			return deed{ask: ask{method: "GET", path: link(h)}, status: http.StatusOK, says: []string{`name="password"`}}
		},
		"POST /console/start/{token}": func(h *house, _ person) deed {
			return sends(person{}, link(h), "/console/", "profile", "practice", "jurisdiction", "NL", "name", "first", "password", goodPassword, "again", goodPassword)
		},
	}
}

func entryCalls() map[string]visit {
	static := func(path string) visit { return shows("/console/static/" + path) }
	return map[string]visit{
		"GET /console/static/console.css": static("console.css"),
		"GET /console/static/console.js":  static("console.js"),
		"GET /console/static/favicon.svg": static("favicon.svg"),
		"GET /console/sign-in":            shows("/console/sign-in", `name="password"`),
		"GET /console/sessions":           shows("/console/sessions", "/console/password"),
		"GET /console/{$}": func(h *house, by person) deed {
			return deed{ask: ask{method: "GET", path: "/console/", token: by.token}, status: 303, to: "/console/"}
		},
		"POST /console/language": func(h *house, by person) deed {
			c := sends(by, "/console/language", "/console/sign-in", "language", "nl", "next", "/console/sign-in")
			c.still = true
			return c
		},
		"POST /console/csp-report": cspReport,
		"POST /console/sign-in": func(h *house, _ person) deed {
			return sends(person{}, "/console/sign-in", "/console/queue", "name", h.someone(access.Reviewer).name, "password", goodPassword, "next", "/console/queue")
		},
		"POST /console/sign-out": func(h *house, by person) deed {
			return sends(h.again(by), "/console/sign-out", "/console/sign-in?out=yes")
		},
		"POST /console/lock": func(h *house, by person) deed { return sends(h.again(by), "/console/lock", "/console/locked") },
		"GET /console/locked": func(h *house, _ person) deed {
			return deed{ask: ask{method: "GET", path: "/console/locked", token: h.shut().token}, status: 200, says: []string{`name="password"`}}
		},
		"POST /console/unlock": func(h *house, _ person) deed {
			return sends(h.shut(), "/console/unlock", "/console/", "password", goodPassword)
		},
		"POST /console/locked/sign-out": func(h *house, _ person) deed {
			return sends(h.shut(), "/console/locked/sign-out", "/console/sign-in?out=yes")
		},
		"GET /console/enter/{token}": enter,
		"POST /console/sessions/{id}/close": func(h *house, by person) deed {
			return sends(by, "/console/sessions/"+h.session(h.again(by))+"/close", "/console/sessions?done=closed")
		},
		"POST /console/sessions/others/close": func(h *house, by person) deed {
			h.again(by)
			return sends(by, "/console/sessions/others/close", "/console/sessions?done=others")
		},
		"POST /console/password": func(h *house, by person) deed {
			return sends(by, "/console/password", "/console/sessions?done=password", "old", goodPassword, "password", goodPassword+" and more", "again", goodPassword+" and more")
		},
	}
}

func cspReport(*house, person) deed {
	return deed{ask: ask{method: "POST", path: "/console/csp-report", kind: "application/csp-report", body: `{"csp-report":{"effective-directive":"img-src"}}`}, status: http.StatusNoContent, still: true}
}

func enter(h *house, _ person) deed {
	v := entry.Visit{Name: h.someone(access.Reviewer).name, Password: goodPassword, Next: "/console/queue"}
	return deed{ask: ask{method: "GET", path: entry.EnterLink(h.app.once, v, time.Hour)}, status: http.StatusSeeOther, to: "/console/queue", writes: true}
}

// shut is a person whose session is locked.
func (h *house) shut() person {
	h.t.Helper()
	p := h.someone(access.Reviewer)
	h.lock(p)
	return p
}

// session is the id of a person's session, which is not its token.
func (h *house) session(p person) string {
	h.t.Helper()
	who, err := h.app.desk.Who(h.t.Context(), access.Secret(p.token))
	h.must(err)
	return who.Session
}

func caseCalls() map[string]visit {
	return map[string]visit{
		"GET /console/queue": func(h *house, by person) deed { h.bring(); return shows("/console/queue", "/console/next")(h, by) },
		"GET /console/seconds": func(h *house, by person) deed {
			h.second()
			return shows("/console/seconds", "/console/case/case_")(h, by)
		},
		"GET /console/parked": func(h *house, by person) deed {
			h.waiting(h.someone(access.Reviewer))
			return shows("/console/parked", "/console/parked/case_")(h, by)
		},
		"GET /console/parked/{id}": func(h *house, by person) deed {
			return shows("/console/parked/"+h.waiting(h.someone(access.Reviewer)).String(), secretWord, `name="words"`)(h, by)
		},
		"GET /console/case/{id}":       func(h *house, by person) deed { return shows(caseAt(h.second(), ""), secretWord)(h, by) },
		"GET /console/case/{id}/after": func(h *house, by person) deed { return shows(caseAt(h.second(), "/after"), "<h1>")(h, by) },
		"POST /console/next":           func(h *house, by person) deed { h.bring(); return sends(by, "/console/next", "/console/case/case_") },
		"POST /console/unskip": func(h *house, by person) deed {
			h.must(h.app.desk.Skip(h.t.Context(), by.asked("review.skip"), h.claimed(by).ID))
			return sends(by, "/console/unskip", "/console/queue?said=unskipped")
		},
		"POST /console/case/{id}/decide": func(h *house, by person) deed {
			id := h.claimed(by).ID
			return sends(by, caseAt(id, "/decide"), caseAt(id, "/after"), "decision", "not_abuse", "sure", "yes")
		},
		"POST /console/case/{id}/extend": func(h *house, by person) deed {
			id := h.claimed(by).ID
			h.clock.Advance(time.Minute)
			return sends(by, caseAt(id, "/extend"), caseAt(id, ""))
		},
		"POST /console/case/{id}/skip": func(h *house, by person) deed {
			return sends(by, caseAt(h.claimed(by).ID, "/skip"), "/console/queue?said=skipped")
		},
		"POST /console/case/{id}/park": func(h *house, by person) deed {
			return sends(by, caseAt(h.claimed(by).ID, "/park"), "/console/queue?said=parked", "question", "Which list is this?")
		},
		"POST /console/case/{id}/resume": func(h *house, by person) deed {
			id := h.waiting(by)
			return sends(by, caseAt(id, "/resume"), caseAt(id, ""))
		},
		"POST /console/case/{id}/confirm": func(h *house, by person) deed {
			id := h.second()
			return fromPage(h, by, caseAt(id, ""), caseAt(id, "/confirm"), "/console/seconds?said=agreed", "answer", "agree")
		},
		"POST /console/case/{id}/advise": func(h *house, by person) deed {
			return sends(by, caseAt(h.waiting(h.someone(access.Reviewer)), "/advise"), "/console/parked?said=advised", "words", "I have not seen it before.")
		},
	}
}

func pictureCalls() map[string]visit {
	script := func(c deed) deed {
		c.ask, c.status, c.to = c.with("Accept", "application/json"), http.StatusOK, ""
		return c
	}
	return map[string]visit{
		"GET /console/case/{id}/picture": func(h *house, by person) deed {
			return script(shows(caseAt(h.claimed(by).ID, "/picture"), `"state"`)(h, by))
		},
		"POST /console/case/{id}/grant": func(h *house, by person) deed {
			c := script(sends(by, caseAt(h.claimed(by).ID, "/grant"), "", "level", string(review.LevelMosaic)))
			c.says = []string{`"proof"`, "/r/case_"}
			return c
		},
		"POST /console/case/{id}/shown": func(h *house, by person) deed {
			id := h.claimed(by).ID
			t := h.looked(by, id, review.LevelMosaic)
			return script(sends(by, caseAt(id, "/shown"), "", "reveal", t.Reveal, "ms", "900"))
		},
	}
}

func filingCalls() map[string]visit {
	// own is a draft that a reviewer may read, since they decided its case; others read every one.
	own := func(h *house, by person) houvast.ReportID {
		if slices.Contains(by.roles, access.Reviewer) {
			return h.decided(by, abuse).Report
		}
		return h.drafted()
	}
	return map[string]visit{
		"GET /console/reports": func(h *house, by person) deed {
			own(h, by)
			return shows("/console/reports", "/console/report/report_")(h, by)
		},
		"GET /console/report/{id}":         func(h *house, by person) deed { return shows(reportAt(own(h, by), ""), "<h1>")(h, by) },
		"GET /console/report/{id}/receipt": func(h *house, by person) deed { return shows(reportAt(own(h, by), "/receipt"), "<h1>")(h, by) },
		"POST /console/report/{id}/amend": func(h *house, by person) deed {
			id := own(h, by)
			return fromPage(h, by, reportAt(id, ""), reportAt(id, "/amend"), reportAt(id, ""), "screen_name", "a name that was added")
		},
		"POST /console/report/{id}/approve": func(h *house, by person) deed {
			id := h.drafted()
			return fromPage(h, by, reportAt(id, "?step=approve&version="+h.version(id)), reportAt(id, "/approve"), reportAt(id, "/receipt"))
		},
		"POST /console/report/{id}/return": func(h *house, by person) deed {
			id := h.drafted()
			return fromPage(h, by, reportAt(id, ""), reportAt(id, "/return"), reportAt(id, ""), "words", "Please add the address of the post.")
		},
		"POST /console/report/{id}/file": func(h *house, by person) deed {
			id := h.stuck()
			return fromPage(h, by, reportAt(id, ""), reportAt(id, "/file"), reportAt(id, "/receipt"))
		},
		"POST /console/report/{id}/retract": func(h *house, by person) deed {
			id := h.drafted()
			return fromPage(h, by, reportAt(id, "?step=retract"), reportAt(id, "/retract"), reportAt(id, ""))
		},
		"GET /console/actions": func(h *house, by person) deed { h.proposal(); return shows("/console/actions", "<h1>")(h, by) },
		"POST /console/action/{id}/approve": func(h *house, by person) deed {
			return sends(by, "/console/action/"+h.proposal().String()+"/approve", "/console/actions")
		},
		"POST /console/action/{id}/reject": func(h *house, by person) deed {
			return sends(by, "/console/action/"+h.proposal().String()+"/reject", "/console/actions")
		},
	}
}

// version is the version of a report as it stands.
func (h *house) version(id houvast.ReportID) string {
	h.t.Helper()
	r, _, _, err := h.app.desk.Report(h.t.Context(), id)
	h.must(err)
	return fmt.Sprint(r.Version)
}

func keepingCalls() map[string]visit {
	return map[string]visit{
		"GET /console/banks":        shows("/console/banks", "national-list"),
		"GET /console/bank/{name}":  shows("/console/bank/national-list", "national-list"),
		"GET /console/keys":         shows("/console/keys", "<h1>"),
		"GET /console/staff":        shows("/console/staff", "<h1>"),
		"GET /console/policies":     shows("/console/policies", "<h1>"),
		"GET /console/audit":        shows("/console/audit", "<h1>"),
		"GET /console/audit/verify": shows("/console/audit/verify", "<h1>"),
		"GET /console/audit/export": shows("/console/audit/export", `"checkpoint"`),
		"GET /console/technical":    shows("/console/technical", "<h1>"),
		"GET /console/evidence":     shows("/console/evidence", "<h1>"),
		"GET /console/doctor":       shows("/console/doctor", "<h1>"),
	}
}

func keepingChanges() map[string]visit {
	staff := func(h *house) string { return "/console/staff/" + h.someone(access.Reviewer).id }
	return map[string]visit{
		"POST /console/banks": func(h *house, by person) deed {
			return sends(by, "/console/banks", "/console/bank/another-list", "name", "another-list", "category", "exploitation", "trust", "unverified", "threshold", "20")
		},
		"POST /console/bank/{name}/import": func(h *house, by person) deed {
			list := "sha256,category\n" + strings.Repeat("ab", 32) + ",child_abuse\n"
			body := formOf(formPart{name: "once", value: houvast.RandomText("o", 26)}, formPart{"file", "list.csv", list})
			return deed{ask: ask{method: "POST", path: "/console/bank/spare-list/import", token: by.token, kind: "multipart/form-data; boundary=" + boundary, body: body},
				status: http.StatusOK, says: []string{"spare-list"}}
		},
		"POST /console/bank/{name}/disable": func(h *house, by person) deed {
			return sends(by, "/console/bank/spare-list/disable", "/console/bank/spare-list", "disabled", "yes", "sure", "yes")
		},
		"POST /console/keys": func(h *house, by person) deed {
			c := sends(by, "/console/keys", "", "name", "new-program", "source", "forum", "scopes", "items")
			c.status, c.says = http.StatusOK, []string{"hv_items_"}
			return c
		},
		"POST /console/key/{id}/revoke": func(h *house, by person) deed {
			id, _ := h.grant("forum", access.ScopeItems)
			return sends(by, "/console/key/"+id+"/revoke", "/console/keys", "sure", "yes")
		},
		"POST /console/staff": func(h *house, by person) deed {
			return sends(by, "/console/staff", "/console/staff", "name", "newcomer", "roles", "reviewer", "password", goodPassword, "repeat", goodPassword)
		},
		"POST /console/staff/{id}/disable": func(h *house, by person) deed {
			return sends(by, staff(h)+"/disable", "/console/staff", "sure", "yes")
		},
		"POST /console/staff/{id}/signout": func(h *house, by person) deed {
			return sends(by, staff(h)+"/signout", "/console/staff", "sure", "yes")
		},
	}
}
