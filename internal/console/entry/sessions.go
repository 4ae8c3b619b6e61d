package entry

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/pipeline"
)

// sessionsPath is the page of one's own sessions and password.
const sessionsPath = "/console/sessions"

type sessionRow struct {
	ID, Browser           string
	Opened, Touched, Ends time.Time
	Here, Locked          bool
}

type sessionsView struct {
	Name        string
	Rows        []sessionRow
	Idle, Whole int // minutes, hours
	MinPassword int
	Done        string // key of what was just done, "" for nothing
	Fault       *site.Fault
	Wrong       wrong
	Focus       string
}

// said is what the page may be asked to confirm; never changed.
var said = map[string]string{
	"closed":   "entry.sessions.closed.say",
	"others":   "entry.sessions.others_closed.say",
	"password": "entry.password.changed.say",
}

// showSessions lists the sessions of whoever asks.
func (e *Pages) showSessions(p *site.Page) error {
	return e.renderSessions(p, sessionsView{Done: said[p.R.URL.Query().Get("done")]})
}

func (e *Pages) renderSessions(p *site.Page, v sessionsView) error {
	open, err := e.P.Sessions(p.R.Context(), p.Who.UserID)
	if err != nil {
		return err
	}
	for _, s := range open {
		v.Rows = append(v.Rows, sessionRow{s.ID, s.Browser, s.Opened, s.Touched, s.Ends(), s.ID == p.Who.Session, !s.Locked.IsZero()})
	}
	slices.SortStableFunc(v.Rows, func(a, b sessionRow) int {
		if a.Here != b.Here {
			return map[bool]int{true: -1, false: 1}[a.Here]
		}
		return cmp.Compare(b.Touched.UnixMicro(), a.Touched.UnixMicro())
	})
	v.Name, v.MinPassword = p.Who.Name(), access.MinPassword
	v.Idle, v.Whole = int(access.IdleLimit/time.Minute), int(access.AbsoluteLimit/time.Hour)
	return p.Render("sessions", v)
}

// closeSession ends one session of whoever asks; one of somebody else's is not found.
func (e *Pages) closeSession(p *site.Page) error {
	id := p.R.PathValue("id")
	if err := e.P.CloseSession(p.R.Context(), p.Ask(), p.Who, id); err != nil {
		return err
	}
	e.forget(id)
	if id == p.Who.Session {
		p.SetSession("")
		return p.See(signInPath + "?out=yes")
	}
	return p.See(sessionsPath + "?done=closed")
}

// closeOthers ends every session of whoever asks but this one.
func (e *Pages) closeOthers(p *site.Page) error {
	open, err := e.P.Sessions(p.R.Context(), p.Who.UserID)
	if err != nil {
		return err
	}
	for _, s := range open {
		if s.ID == p.Who.Session {
			continue
		}
		err := e.P.CloseSession(p.R.Context(), pipeline.Ask{By: p.Who.Actor, Op: p.Op}, p.Who, s.ID)
		if err != nil && houvast.KindOf(err) != houvast.NotFound { // it ended meanwhile
			return err
		}
		e.forget(s.ID)
	}
	return p.See(sessionsPath + "?done=others")
}

// changePassword gives whoever asks another password, and ends their other sessions.
func (e *Pages) changePassword(p *site.Page) error {
	v := sessionsView{Wrong: wrong{}}
	old, fresh := secret(p, "old"), secret(p, "password")
	if old == "" {
		v.Wrong["old"] = p.Text("entry.wrong.empty.say")
	}
	if fresh == "" {
		v.Wrong["password"] = p.Text("entry.wrong.empty.say")
	}
	if fresh != secret(p, "again") {
		v.Wrong["again"] = p.Text("entry.wrong.again.say")
	}
	if len(v.Wrong) > 0 {
		p.Status = http.StatusBadRequest
		return e.passwordAgain(p, v)
	}
	open, err := e.P.Sessions(p.R.Context(), p.Who.UserID)
	if err == nil {
		err = e.P.ChangePassword(p.R.Context(), e.Gate, p.Ask(), p.Who, old, fresh, client(p))
	}
	if err != nil {
		fault := p.Fault(err)
		switch houvast.CodeOf(err) {
		case "wrong-login":
			v.Wrong["old"] = p.Text("entry.wrong.password.say")
			p.Status = http.StatusForbidden // 401 would say that nobody is signed in
		case "bad-password":
			v.Wrong["password"] = p.Text("entry.wrong.fresh.say", "n", access.MinPassword)
		default:
			v.Fault = fault
		}
		return e.passwordAgain(p, v)
	}
	for _, s := range open {
		if s.ID != p.Who.Session {
			e.forget(s.ID)
		}
	}
	return p.See(sessionsPath + "?done=password")
}

func (e *Pages) passwordAgain(p *site.Page, v sessionsView) error {
	v.Focus = v.Wrong.first("old", "password", "again")
	return e.renderSessions(p, v)
}
