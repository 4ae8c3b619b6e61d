// Package site is the frame that every page of the console stands in: routes, who may, the headers, the
// language, the templates, and what a reader sees when something fails. It knows no page and no room.
//
// A page is a template in the folder of the package that serves it, and a function that is given a
// Page: who asks, in which language, with which form. A package registers its templates with Pages and
// its functions with Get and Post. Each route names the operation of package access that decides who
// may; a route without a rule does not start.
//
// What must stay true:
//   - A session is known by one cookie that only this host and only our own pages send: __Host-,
//     HttpOnly, Secure, SameSite Strict. No page reads any other credential.
//   - A request that another site set off changes nothing and shows nothing, whatever its method.
//   - Nothing a page shows is stored by a browser, framed, or allowed to load a script, style or
//     picture that is not ours: the content policy names the one foreign origin, the one that
//     renditions come from, for fetching alone.
//   - A page is in one language. What it says comes from package words, and what people wrote is
//     escaped where it stands.
//   - A request changes something only as a POST. A form carries a key, so that pressing twice is
//     pressing once.
package site

import (
	"context"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/words"
)

// A Site is the frame. All fields but SinglePerson and Report are needed before the first route.
type Site struct {
	Words   *words.Words
	Who     func(context.Context, access.Secret) (access.Principal, error)
	Profile func() string  // "" until chosen
	Origins func() Origins // known once the listeners are open
	Log     *slog.Logger

	SinglePerson bool // the team has said that it is one person, and every page says so

	mux    *http.ServeMux
	routes []Route
	sets   map[words.Lang]map[string]*template.Template
	nav    []Link
	err    error
}

// Origins is where a browser finds the console and the renditions: scheme and host, no path.
type Origins struct{ Console, Media string }

// A Route is one route as it was registered. Several may share an operation.
type Route struct{ Op, Method, Path string }

// A Link is an entry of the navigation. It is shown to whoever may do its operation.
type Link struct{ Op, Path, Key string }

// New prepares s for routes.
func New(s Site) *Site {
	s.mux = http.NewServeMux()
	s.sets = map[words.Lang]map[string]*template.Template{}
	s.frame()
	return &s
}

// Routes returns every route, in the order in which it was registered.
func (s *Site) Routes() []Route { return s.routes }

// Nav adds entries to the navigation.
func (s *Site) Nav(links ...Link) { s.nav = append(s.nav, links...) }

// Get registers a page. It changes nothing.
func (s *Site) Get(op, path string, fn func(*Page) error) { s.handle(op, http.MethodGet, path, fn) }

// Post registers a change.
func (s *Site) Post(op, path string, fn func(*Page) error) { s.handle(op, http.MethodPost, path, fn) }

func (s *Site) handle(op, method, path string, fn func(*Page) error) {
	rule, ok := access.RuleFor(op)
	if !ok {
		s.fail("the route %s %s has no rule: %s", method, path, op)
		return
	}
	if rule.Writes && method == http.MethodGet {
		s.fail("the route %s %s writes", method, path)
		return
	}
	s.routes = append(s.routes, Route{op, method, path})
	s.mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) { s.serve(op, w, r, fn) })
}

// fail remembers the first defect of the build; Handler returns it.
func (s *Site) fail(format string, args ...any) {
	if s.err == nil {
		s.err = houvast.Errorf("site", houvast.Internal, "console-defect", format, args...)
	}
}

// Handler returns the handler of everything under /console/. It fails when a template does not parse,
// or a route has no rule.
func (s *Site) Handler() (http.Handler, error) {
	if s.err != nil {
		return nil, s.err
	}
	return http.HandlerFunc(s.outer), nil
}

// maxForm bounds a form, in bytes. An import of a list is a route of its own.
const maxForm = 256 << 10

// outer is what holds for every request, whatever its route.
func (s *Site) outer(w http.ResponseWriter, r *http.Request) {
	p := &Page{W: w, R: r, Lang: language(r), site: s}
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler {
				panic(v)
			}
			s.Log.Error("a page panicked", "route", r.Pattern, "panic", fmt.Sprint(v))
			p.fail(houvast.Errorf("site", houvast.Internal, "", "a defect in Houvast"))
		}
	}()
	origins := s.Origins()
	headers(w.Header(), origins)
	if there, elsewhere := canonical(r, origins); elsewhere {
		http.Redirect(w, r, there, http.StatusTemporaryRedirect)
		return
	}
	if foreign(r, origins) {
		p.fail(houvast.Errorf("site", houvast.Forbidden, "foreign-origin", "another site set this request off"))
		return
	}
	if _, pattern := s.mux.Handler(r); pattern == "" || strings.Contains(r.URL.Path, "//") {
		p.fail(houvast.Errorf("site", houvast.NotFound, "", "there is no such page"))
		return
	}
	s.mux.ServeHTTP(w, r)
}

// headers sets what every answer carries.
func headers(h http.Header, o Origins) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), clipboard-read=(), display-capture=()")
	connect := "'self'"
	if o.Media != "" {
		connect += " " + o.Media
	}
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "+connect+
		"; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; report-uri /console/csp-report")
}

// canonical returns where a reader who came by another name of this machine should go: the cookie and
// the origin of the renditions hold for one name only.
func canonical(r *http.Request, o Origins) (there string, elsewhere bool) {
	u, err := url.Parse(o.Console)
	if err != nil || o.Console == "" || r.Host == u.Host || r.Method != http.MethodGet {
		return "", false
	}
	return o.Console + r.URL.RequestURI(), true
}

// foreign reports whether another site set a request off. A browser says so in Sec-Fetch-Site, an older
// one in Origin. Only opening a page by a link from elsewhere is let through: it carries no cookie.
func foreign(r *http.Request, o Origins) bool {
	if http.NewCrossOriginProtection().Check(r) != nil {
		return true
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != o.Console {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	return r.Method != http.MethodGet || r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}

// serve asks who and whether they may, then lets the page answer.
func (s *Site) serve(op string, w http.ResponseWriter, r *http.Request, fn func(*Page) error) {
	p := &Page{W: w, R: r, Lang: language(r), Op: op, site: s}
	if c, err := r.Cookie(SessionCookie); err == nil {
		p.Token = access.Secret(c.Value)
	}
	err := s.admit(p)
	if err == nil && r.Method == http.MethodPost && p.parse() != nil {
		err = houvast.Errorf("site", houvast.Invalid, "bad-form", "the form cannot be read")
	}
	if err == nil {
		err = fn(p)
	}
	if err != nil {
		p.fail(err)
	}
}

// admit finds out who asks. A public page is also shown to whoever has no valid session.
func (s *Site) admit(p *Page) error {
	rule, _ := access.RuleFor(p.Op)
	if p.Token != "" {
		who, err := s.Who(p.R.Context(), p.Token)
		if err == nil && who.Kind != access.KindUser { // a program's key is no session, whatever cookie it comes in
			err = houvast.Errorf("site", houvast.Unauthenticated, "bad-credential", "the cookie holds no session")
		}
		switch {
		case err == nil:
			p.Who = who
		case !rule.Public:
			return err
		}
	}
	return access.Allow(p.Op, p.Who, s.Profile())
}

// May reports whether whoever asks may do an operation, for buttons and the navigation.
func (p *Page) May(op string) bool {
	return access.Allow(op, p.Who, p.site.Profile()) == nil
}
