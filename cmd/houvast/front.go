package main

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console"
	"github.com/houvast/houvast/internal/console/entry"
	"github.com/houvast/houvast/internal/console/keeping"
	"github.com/houvast/houvast/internal/console/media"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/pipeline/reveal"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/words"
)

// wireConsole builds the pages and the origin of the renditions.
func (a *app) wireConsole(texts *words.Words, gate *access.Gate) (err error) {
	a.once = access.NewOnce(a.db.Clock())
	a.viewer = reveal.New(a.desk.Pipeline, a.log)
	a.viewer.SessionOpen = func(ctx context.Context, session string) (open bool, err error) {
		err = a.db.View(ctx, func(tx *store.Tx) (err error) {
			open, err = access.SessionOpen(tx, session)
			return err
		})
		return open, err
	}
	c := console.Console{P: a.desk, Viewer: a.viewer, Gate: gate, Once: a.once, Words: texts, Profile: a.profile, Origins: a.origins, Log: a.log,
		Version: thisBuild().Version, Own: a.ownRetention(), Install: a.installed, Doctor: a.doctorPage, Policy: a.policyPage,
		AuditVerify: a.verifyAudit, AuditExport: a.exportAudit}
	a.pages, a.pageRoutes, err = c.Handler()
	return err
}

// installed makes the choice that was made on a page known to this process.
func (a *app) installed(_ context.Context, profile houvast.InstallationProfile, jurisdiction string) error {
	policy, err := evidence.PolicyFor(profile, jurisdiction, a.ownRetention())
	if err == nil {
		a.install.Store(&pipeline.Installation{Profile: profile, Jurisdiction: jurisdiction, Policy: policy})
	}
	return err
}

// ownRetention is what the configuration says about how long evidence is kept.
func (a *app) ownRetention() evidence.Policy {
	return evidence.Policy{Law: a.cfg.Retention.Law, Days: a.cfg.Retention.Days, Source: a.cfg.Retention.Source}
}

// origins is where a browser finds us: as the configuration says, else where we listen.
func (a *app) origins() site.Origins {
	if o := a.where.Load(); o != nil {
		return *o
	}
	return site.Origins{}
}

// settle derives the origins from the addresses that listen; media is "" when the renditions share the
// console's. They have a host name of their own in any case, since a cookie does not tell ports apart.
func (a *app) settle(listening, media string) error {
	o := site.Origins{Console: asBrowsersSay(a.cfg.URL.Console), Media: asBrowsersSay(a.cfg.URL.Media)}
	if o.Console == "" {
		o.Console = asBrowsersSay(listening)
	}
	if media == "" {
		media = o.Console
	}
	if u, err := url.Parse(asBrowsersSay(media)); err == nil && o.Media == "" {
		if u.Hostname() == "localhost" || !isLocal(u.Hostname()) {
			o.Media = u.Scheme + "://media." + u.Host
		} else { // an address has no names below it
			o.Media = u.Scheme + "://media.localhost:" + u.Port()
		}
	}
	if hostOf(o.Console) == hostOf(o.Media) {
		return houvast.Errorf("serve", houvast.Invalid, "media-host", "the renditions have the host name of the console, so its cookie would reach them").
			WithHint("set [url] media to a host name of its own, such as https://media.example.org")
	}
	a.where.Store(&o)
	return nil
}

// asBrowsersSay writes an origin as a browser does: small letters, no default port, no path.
func asBrowsersSay(origin string) string {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return ""
	}
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host
}

func hostOf(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// isLocal reports whether a host is an address of this machine and not a name.
func isLocal(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// front is what the network meets: the renditions under their own host name and nothing else there,
// the pages, and the API.
type front struct {
	app        *app
	api, pages bool
}

// ServeHTTP finds out what a request is for.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o := f.app.origins()
	at, err := url.Parse(o.Media)
	switch {
	case f.pages && err == nil && strings.EqualFold(r.Host, at.Host):
		media.Handler(f.app.viewer, o.Console, f.app.log).ServeHTTP(w, r)
	case f.pages && r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, "/console/", http.StatusSeeOther)
	case f.pages && strings.HasPrefix(r.URL.Path, "/console/"):
		f.app.pages.ServeHTTP(w, r)
	case f.api:
		f.app.handler.ServeHTTP(w, r)
	default:
		http.NotFound(w, r)
	}
}

// firstRun is how long the link to the first account is good for.
const firstRun = 24 * time.Hour

// startLink returns a link that makes the first account, "" when there is one already.
func (a *app) startLink(ctx context.Context) (string, error) {
	nobody, err := a.desk.NobodyYet(ctx)
	if err != nil || !nobody {
		return "", err
	}
	return a.origins().Console + entry.FirstLink(a.once, firstRun), nil
}

// doctorPage is the checks as the pages show them. The log as a whole is verified when somebody asks.
func (a *app) doctorPage(ctx context.Context) (all []keeping.Check) {
	for _, c := range a.checks(ctx) {
		all = append(all, keeping.Check(c))
	}
	return all
}

// policyPage is the rules of this installation as the pages show them. No secret is in it.
func (a *app) policyPage() keeping.Policy {
	in, _ := a.installation()
	c, s := a.cfg, a.desk.Settings
	p := keeping.Policy{Profile: in.Profile, Jurisdiction: in.Jurisdiction, Law: in.Policy.Law, Days: in.Policy.Days, Source: in.Policy.Source,
		Withhold: s.Withhold, WithholdFor: c.Withhold.ExpiresHours, Undo: s.Undo, CouldNotLook: c.Limits.CouldNotLookHours,
		SelfApproval: s.SelfApproval, Threshold: s.BankThreshold, Drawn: s.Drawn}
	for _, r := range s.Recipients {
		p.Recipients = append(p.Recipients, keeping.Recipient{Name: r.Name, Environment: r.Environment})
	}
	return p
}
