// Package console is the pages for the people who work: how one gets in (entry), cases (casework),
// reports (filing), and what keeps the installation (keeping). Each is a package of its own below this
// one and knows no other; this package puts them into one frame (site) and beside them the origin of the
// renditions (media), which serves nothing else.
package console

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/console/casework"
	"github.com/houvast/houvast/internal/console/entry"
	"github.com/houvast/houvast/internal/console/filing"
	"github.com/houvast/houvast/internal/console/keeping"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/pipeline/reveal"
	"github.com/houvast/houvast/internal/words"
)

// Console is what the pages need. All fields are needed.
type Console struct {
	P       desk.Desk
	Viewer  *reveal.Viewer
	Gate    *access.Gate
	Once    *access.Once // the first-run link, and the links of the demo
	Words   *words.Words
	Profile func() string // "" until chosen
	Origins func() site.Origins
	Log     *slog.Logger
	Version string

	Own     evidence.Policy                                                                           // what the configuration says about retention, may be empty
	Install func(ctx context.Context, profile houvast.InstallationProfile, jurisdiction string) error // a choice was made on a page

	Doctor      func(context.Context) []keeping.Check
	Policy      func() keeping.Policy
	AuditVerify func(context.Context) (audit.Result, error)
	AuditExport func(ctx context.Context, w io.Writer, after int64) error
}

// Handler returns the handler of /console/ and its routes.
func (c Console) Handler() (http.Handler, []site.Route, error) {
	s := site.New(site.Site{Words: c.Words, Who: c.P.Who, Profile: c.Profile, Origins: c.Origins, Log: c.Log, SinglePerson: c.P.Settings.SelfApproval})
	media := func() string { return c.Origins().Media }
	(&entry.Pages{P: c.P, Gate: c.Gate, Once: c.Once, Viewer: c.Viewer, Install: c.Install, Own: c.Own, Log: c.Log}).Mount(s)
	(&casework.Pages{P: c.P, Viewer: c.Viewer, Media: media}).Mount(s)
	(&filing.Pages{P: c.P}).Mount(s)
	(&keeping.Pages{P: c.P, Gate: c.Gate, Doctor: c.Doctor, Policy: c.Policy, AuditVerify: c.AuditVerify, AuditExport: c.AuditExport, Version: c.Version}).Mount(s)
	h, err := s.Handler()
	return h, s.Routes(), err
}
