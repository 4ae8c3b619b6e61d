package site

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/words"
)

// A Page is one request for a page, with whoever asks.
type Page struct {
	W    http.ResponseWriter
	R    *http.Request
	Who  access.Principal // the zero value on public pages that nobody signed in for
	Lang words.Lang
	Op   string

	Token  access.Secret // of the session, as it came; "" = none
	Status int           // of the answer; 0 = 200
	Back   string        // where an error page leads on to; "" = to where the reader came from

	site *Site
}

// SessionCookie is the name of the one cookie that says who asks.
const SessionCookie = "__Host-houvast"

// languageCookie holds a language that somebody chose, and nothing about who.
const languageCookie = "__Host-houvast-language"

// SetSession signs in this browser. An empty token signs it out.
func (p *Page) SetSession(token access.Secret) {
	c := &http.Cookie{Name: SessionCookie, Value: string(token), Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(p.W, c)
}

// SetLanguage keeps the language that somebody chose.
func (p *Page) SetLanguage(l words.Lang) {
	http.SetCookie(p.W, &http.Cookie{Name: languageCookie, Value: string(l), Path: "/", Secure: true, HttpOnly: true,
		SameSite: http.SameSiteStrictMode, MaxAge: int((365 * 24 * time.Hour).Seconds())})
}

// language is what somebody chose, else what their browser asks for.
func language(r *http.Request) words.Lang {
	if c, err := r.Cookie(languageCookie); err == nil {
		if l, err := words.Parse(c.Value); err == nil {
			return l
		}
	}
	return words.Match(r.Header.Get("Accept-Language"))
}

// Text is a text in the reader's language.
func (p *Page) Text(key string, args ...any) string { return p.site.Words.Text(p.Lang, key, args...) }

// Words is every text.
func (p *Page) Words() *words.Words { return p.site.Words }

// Form returns one field of the form.
func (p *Page) Form(name string) string { return strings.TrimSpace(p.R.PostForm.Get(name)) }

// Ask is this request as the pipeline is asked: by whom, and under the key of the form, so that a form
// that is sent twice is answered as the first time.
func (p *Page) Ask() pipeline.Ask {
	form := url.Values{}
	for k, v := range p.R.PostForm {
		if k != "once" {
			form[k] = v
		}
	}
	sum := sha256.Sum256([]byte(p.R.URL.Path + "\n" + form.Encode()))
	ask := pipeline.Ask{By: p.Who.Actor, Op: p.Op, Body: hex.EncodeToString(sum[:])}
	if once := p.Form("once"); once != "" && len(once) <= 100 {
		ask.Key = "page " + once
	}
	return ask
}

// See sends the reader to another page of ours, as the answer to a change.
func (p *Page) See(path string) error {
	http.Redirect(p.W, p.R, path, http.StatusSeeOther)
	return nil
}

// JSON answers a script of ours.
func (p *Page) JSON(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	p.W.Header().Set("Content-Type", "application/json")
	_, err = p.W.Write(text)
	return ignoreGone(err)
}

// ignoreGone drops the error of a reader who went away: nobody is left to be told.
func ignoreGone(error) error { return nil }

// A Fault is an error as a page tells it.
type Fault struct{ Title, Detail string }

// Fault tells an error in the reader's language, for a form that is shown again, and makes its status
// that of the answer.
func (p *Page) Fault(err error) *Fault {
	if err == nil {
		return nil
	}
	p.note(err)
	p.Status = houvast.KindOf(err).Status()
	title, detail := p.site.Words.Problem(p.Lang, err)
	return &Fault{title, detail}
}

// note tells the log what is our own fault.
func (p *Page) note(err error) {
	if k := houvast.KindOf(err); k == houvast.Internal || k == houvast.Corrupt {
		p.site.Log.Error("a page failed", "route", p.R.Pattern, "error", err, "ops", houvast.Trace(err))
	}
}

// Render answers with a page. data is what its template is about.
func (p *Page) Render(name string, data any) error {
	set, ok := p.site.sets[p.Lang][name]
	if !ok {
		return houvast.Errorf("site.Render", houvast.Internal, "", "there is no template %q", name)
	}
	var b bytes.Buffer
	if err := set.ExecuteTemplate(&b, "frame.html", p.frameOf(name, data)); err != nil {
		return houvast.Errorf("site.Render", houvast.Internal, "", "the template %q: %w", name, err)
	}
	p.W.Header().Set("Content-Type", "text/html; charset=utf-8")
	p.W.Header().Set("Content-Language", string(p.Lang))
	if p.Status != 0 {
		p.W.WriteHeader(p.Status)
	}
	_, err := p.W.Write(b.Bytes())
	return ignoreGone(err)
}

// fail answers with what went wrong: a page for a reader, with what they had typed, a problem for a script.
func (p *Page) fail(err error) {
	p.note(err)
	if houvast.KindOf(err) == houvast.Unauthenticated && p.R.Method == http.MethodGet && !p.script() {
		p.See(signIn(err, p.R.URL))
		return
	}
	p.Status = houvast.KindOf(err).Status()
	title, detail := p.site.Words.Problem(p.Lang, err)
	if houvast.KindOf(err).Retry() {
		p.W.Header().Set("Retry-After", "5")
	}
	if p.script() {
		p.W.Header().Set("Content-Type", "application/json")
		p.W.WriteHeader(p.Status)
		json.NewEncoder(p.W).Encode(map[string]string{"code": houvast.CodeOf(err), "title": title, "detail": detail})
		return
	}
	data := struct {
		Fault
		Code, Back string
		SignIn     bool
		Typed      []typedText
	}{Fault{title, detail}, houvast.CodeOf(err), p.back(), houvast.KindOf(err) == houvast.Unauthenticated, p.typed()}
	if p.Render("error", data) != nil {
		http.Error(p.W, title, p.Status)
	}
}

// script reports whether a script of ours asks, and not a reader.
func (p *Page) script() bool { return p.R.Header.Get("Accept") == "application/json" }

// signIn is where somebody goes who is not signed in, and comes back from.
func signIn(err error, from *url.URL) string {
	if houvast.CodeOf(err) == "session-locked" {
		return "/console/locked"
	}
	if from.Path == "/console/" {
		return "/console/sign-in"
	}
	return "/console/sign-in?next=" + url.QueryEscape(from.RequestURI())
}

// Next returns a path of the console that a link may lead back to; anything else is the first page. A path
// that a browser would read as another one, by its dots or slashes, is not ours.
func Next(there string) string {
	u, err := url.Parse(there)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(u.Path, "/console/") || strings.ContainsRune(there+u.Path, '\\') {
		return "/console/"
	}
	if clean := path.Clean(u.Path); u.Path != clean && u.Path != clean+"/" {
		return "/console/"
	}
	return u.RequestURI()
}

// back is where a reader goes on from an error: the page they came from if it is ours. What only takes
// forms is no page: a form that was shown again on its own path leads to the first page.
func (p *Page) back() string {
	if p.Back != "" {
		return p.Back
	}
	from, err := url.Parse(p.R.Referer())
	if err != nil || from.Host != p.R.Host || from.Path == p.R.URL.Path && p.R.Method == http.MethodGet {
		return "/console/"
	}
	if _, pattern := p.site.mux.Handler(&http.Request{Method: http.MethodGet, Host: p.R.Host, URL: &url.URL{Path: from.Path}}); pattern == "" {
		return "/console/"
	}
	return Next(from.RequestURI())
}
