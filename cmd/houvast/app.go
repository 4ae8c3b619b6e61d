package main

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/cybertip/submit"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/action"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/blob/dir"
	"github.com/houvast/houvast/internal/config"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/httpapi"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/pipeline/reveal"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/task"
	"github.com/houvast/houvast/internal/words"
)

// An app is one installation, open in this process: everything wired by hand.
type app struct {
	cfg     config.Config
	log     *slog.Logger
	db      *store.DB
	keys    *seal.Keyring
	blobs   *dir.Store
	pool    *sandbox.Pool
	poolErr error // why there is no pool
	audit   *audit.Log
	auditOf audit.Keys
	desk    desk.Desk
	tasks   *task.Runner
	handler http.Handler
	routes  map[string]string

	viewer     *reveal.Viewer
	once       *access.Once
	pages      http.Handler
	pageRoutes []site.Route
	where      atomic.Pointer[site.Origins]

	install  atomic.Pointer[pipeline.Installation]
	auditErr atomic.Pointer[error] // why the sequencer ended
	release  func()
	works    bool // this process answers doorbells
	stop     context.CancelFunc
	wg       sync.WaitGroup
}

// openApp opens the installation of cfg. Nothing works in the background until start.
func openApp(ctx context.Context, cfg config.Config, clock houvast.Clock, log *slog.Logger) (_ *app, err error) {
	a := &app{cfg: cfg, log: log}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, houvast.Errorf("app.open", houvast.Unavailable, "data-dir", "the data folder cannot be made: %w", err)
	}
	if a.release, err = store.LockDir(cfg.Data); err != nil {
		return nil, err
	}
	if err := a.openStores(ctx, clock); err != nil {
		return nil, err
	}
	allow, err := sandbox.ParseLayers(cfg.Sandbox.AllowMissing)
	if err != nil {
		return nil, err
	}
	a.pool, a.poolErr = newPool(cfg.Sandbox.Size, time.Duration(cfg.Sandbox.CPUSeconds)*time.Second, cfg.Sandbox.DataMiB, allow, log)
	return a, a.wire(ctx)
}

// noChildren stands for a pool that could not be made: nothing is decoded until an operator mends the
// machine or allows the missing layer by name. Items wait; everything else works.
type noChildren struct{ err error }

func (n noChildren) Do(context.Context, sandbox.Request, io.Reader) ([]byte, error) {
	return nil, n.err
}

func (a *app) children() pipeline.Children {
	if a.poolErr != nil {
		return noChildren{a.poolErr}
	}
	return a.pool
}

// openStores opens what state lives in. Keys are beside the data, never in it.
func (a *app) openStores(ctx context.Context, clock houvast.Clock) (err error) {
	url, err := a.cfg.DatabaseURL()
	if err != nil {
		return err
	}
	if a.db, err = store.Open(ctx, store.Config{Path: filepath.Join(a.cfg.Data, "houvast.db"), URL: url, Clock: clock, Log: a.log}); err != nil {
		return err
	}
	if err := a.keysBelong(ctx); err != nil {
		return err
	}
	if a.keys, err = seal.Open(ctx, keysDir(a.cfg.Data), a.db.Clock()); err != nil {
		return err
	}
	a.blobs, err = dir.Open(filepath.Join(a.cfg.Data, "blobs"))
	return err
}

// keysDir is where the keys of a data folder are: beside it, so that neither a copy of the folder
// nor a backup of it opens anything.
func keysDir(data string) string {
	return strings.TrimRight(data, string(filepath.Separator)) + ".keys"
}

func random32() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

// wire builds the rooms' surroundings from what is open.
func (a *app) wire(ctx context.Context) error {
	w := store.NewWriter(a.db)
	if err := a.wireAudit(ctx, w); err != nil {
		return err
	}
	pepper, err := a.keys.Secret(ctx, "subject/pepper", random32)
	if err != nil {
		return err
	}
	settings, err := a.settings()
	if err != nil {
		return err
	}
	p := &pipeline.Pipeline{W: w, Keys: a.keys, Blobs: a.blobs, Audit: a.audit, Children: a.children(), Index: &bank.Index{}, Pepper: pepper,
		Settings: settings, Install: a.installation, Log: a.log, Recording: a.recording}
	if p.Webhook, err = a.webhook(); err != nil {
		return err
	}
	a.desk = desk.Desk{Pipeline: p}
	a.tasks = task.NewRunner(w, a.log, p.Lanes(2*runtime.NumCPU()), p.Sweeps())
	if err := a.loadProfile(ctx, w); err != nil {
		return err
	}
	texts, err := words.Load()
	if err != nil {
		return err
	}
	gate := access.NewGate(a.db.Clock())
	if err := a.wireConsole(texts, gate); err != nil {
		return err
	}
	api := &httpapi.API{P: a.desk, Gate: gate, Words: texts, Adopt: a.adopt, Profile: a.profile, Log: a.log, Version: thisBuild().Version,
		Ready: a.checks, Doctor: a.examination, AuditVerify: a.verifyAudit, AuditExport: a.exportAudit}
	a.handler, err = api.Handler()
	a.routes = api.Routes()
	return err
}

// keysBelong refuses to make keys beside a database that has lived with others: they are somewhere
// else, and everything that is kept would seem destroyed. It looks before the keyring is opened, since
// a keyring that was made once would satisfy the next start.
func (a *app) keysBelong(ctx context.Context) error {
	if st, err := os.Stat(filepath.Join(keysDir(a.cfg.Data), "keys.db")); err == nil && st.Size() > 0 {
		return nil
	}
	return a.db.View(ctx, func(tx *store.Tx) error {
		kept, err := evidence.CountByState(tx)
		if err != nil {
			return err
		}
		signed, err := audit.Events(tx, -1, 1)
		if n := len(signed) + kept[evidence.Held] + kept[evidence.Preserved]; err == nil && n > 0 {
			err = houvast.Errorf("app.open", houvast.Unavailable, "keys-missing", "the keys of this data are not in %s", keysDir(a.cfg.Data)).
				WithHint("put the folder of keys back beside the data folder")
		}
		return err
	})
}

func (a *app) wireAudit(ctx context.Context, w store.Writer) (err error) {
	k := audit.Keys{Name: "houvast-audit", SetMark: func(ctx context.Context, mark []byte) error { return a.keys.SetMark(ctx, "audit", mark) }}
	k.Mark = func(ctx context.Context) ([]byte, error) {
		mark, err := a.keys.Mark(ctx, "audit")
		if houvast.KindOf(err) == houvast.NotFound {
			return nil, nil
		}
		return mark, err
	}
	if k.Sign, err = a.keys.Secret(ctx, "audit/sign", random32); err != nil {
		return err
	}
	if k.MAC, err = a.keys.Secret(ctx, "audit/mac", random32); err != nil {
		return err
	}
	a.auditOf = k
	a.audit, err = audit.New(w, k, a.log)
	return err
}

// settings turns the configuration into what the walk depends on.
func (a *app) settings() (s pipeline.Settings, err error) {
	c := a.cfg
	s = pipeline.Settings{
		MaxBytes:      int64(c.Limits.UploadMiB) << 20,
		CouldNotLook:  time.Duration(c.Limits.CouldNotLookHours) * time.Hour,
		Undo:          time.Duration(c.Limits.UndoHours) * time.Hour,
		Withhold:      c.Withhold.Enabled,
		WithholdFor:   time.Duration(c.Withhold.ExpiresHours) * time.Hour,
		SelfApproval:  c.Team.SelfApproval,
		Drawn:         review.DrawnPolicy{Report: c.Drawn.Report, Keep: c.Drawn.Keep},
		BankThreshold: c.Match.Threshold,
		Reporter: report.Reporter{Organisation: c.Reporter.Organisation, Platform: c.Reporter.Organisation, FirstName: c.Reporter.FirstName,
			LastName: c.Reporter.LastName, Email: c.Reporter.Email, Phone24h: c.Reporter.Phone24h, LegalURL: c.Reporter.LegalURL,
			Terms: c.Reporter.Terms, Template: c.Reporter.CompanyTemplate},
	}
	if c.Audit.MirrorFile != "" {
		return s, houvast.Errorf("app.settings", houvast.Unsupported, "not-yet", "[audit] mirror_file is not written yet").
			WithHint("take the key out; the highest checkpoint is kept with the keys")
	}
	for _, r := range c.Recipients {
		to, err := recipient(r)
		if err != nil {
			return s, err
		}
		s.Recipients = append(s.Recipients, to)
	}
	return s, nil
}

func recipient(r config.Recipient) (to pipeline.Recipient, err error) {
	password := ""
	if r.PasswordFile != "" {
		if password, err = config.ReadSecret(r.PasswordFile); err != nil {
			return to, err
		}
	}
	base, err := url.Parse(r.URL)
	if err != nil {
		return to, houvast.Errorf("app.recipient", houvast.Invalid, "bad-recipient", "the address of recipient %s cannot be read", r.Name)
	}
	c, err := submit.New(submit.Environment(r.Environment), base, r.User, password, &http.Client{})
	return pipeline.Recipient{Name: r.Name, Environment: houvast.Environment(r.Environment), Client: c}, err
}

func (a *app) webhook() (action.Sender, error) {
	if a.cfg.Withhold.Webhook == "" {
		return nil, nil
	}
	secret, err := config.ReadSecret(a.cfg.Withhold.SecretFile)
	if err != nil {
		return nil, err
	}
	hc := &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return action.Webhook{URL: a.cfg.Withhold.Webhook, Secret: []byte(secret), Client: hc, Clock: a.db.Clock()}.Send, nil
}

// loadProfile reads what this installation was chosen to be, or makes the choice that the
// configuration states.
func (a *app) loadProfile(ctx context.Context, w store.Writer) error {
	var c access.Choice
	var ok bool
	err := a.db.View(ctx, func(tx *store.Tx) (err error) {
		c, ok, err = access.Chosen(tx)
		return err
	})
	if err != nil || !ok && a.cfg.Profile == "" {
		return err
	}
	profile, jurisdiction := c.Profile, c.Jurisdiction
	if a.cfg.Profile != "" {
		profile, jurisdiction = houvast.InstallationProfile(a.cfg.Profile), a.cfg.Jurisdiction
	}
	if ok { // a choice that differs is refused before its law is asked for
		if err := w.Update(ctx, func(tx *store.Tx) error { _, err := access.Choose(tx, profile, jurisdiction); return err }); err != nil {
			return err
		}
	}
	policy, err := evidence.PolicyFor(profile, jurisdiction, a.ownRetention())
	if err != nil {
		return err
	}
	if a.cfg.Profile != "" {
		err = w.Update(ctx, func(tx *store.Tx) (err error) {
			if c, err = access.Choose(tx, profile, jurisdiction); err != nil || ok {
				return err
			}
			_, err = audit.Append(tx, audit.Line{Actor: houvast.SystemActor("config"), Action: "profile.choose",
				Detail: map[string]string{"profile": string(c.Profile), "jurisdiction": c.Jurisdiction, "law": policy.Law}})
			return err
		})
		if err != nil {
			return err
		}
	}
	a.install.Store(&pipeline.Installation{Profile: c.Profile, Jurisdiction: c.Jurisdiction, Policy: policy})
	return nil
}

func (a *app) installation() (pipeline.Installation, bool) {
	if in := a.install.Load(); in != nil {
		return *in, true
	}
	return pipeline.Installation{}, false
}

func (a *app) profile() string {
	in, _ := a.installation()
	return string(in.Profile)
}

// recording returns why the audit log does not go on, nil while it does.
func (a *app) recording() error {
	if err := a.auditErr.Load(); err != nil {
		return *err
	}
	return nil
}

// adopt gives a doorbell to this process's runner. Where this process does not work, the bell's claim
// ends by itself and another process answers it.
func (a *app) adopt(b task.Bell) {
	if a.works {
		a.tasks.Adopt(b)
	}
}

func (a *app) verifyAudit(ctx context.Context) (audit.Result, error) {
	return audit.Verify(ctx, a.db, a.auditOf)
}

// start begins what works in the background: the sequencer of the audit log always, tasks only
// where this process is to work.
func (a *app) start(work bool) {
	ctx, stop := context.WithCancel(context.Background())
	a.stop, a.works = stop, work
	a.wg.Go(func() {
		if err := a.audit.Run(ctx); err != nil {
			a.auditErr.Store(&err)
			a.log.Error("the audit log does not go on; nothing that must be recorded happens until it does", "error", err)
		}
	})
	if !work {
		return
	}
	a.wg.Go(func() {
		if err := a.tasks.Run(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("tasks are not answered", "error", err)
		}
	})
	a.wg.Go(func() { a.housekeeping(ctx) })
}

// housekeeping removes what crashes left lying, at the start and every few hours.
func (a *app) housekeeping(ctx context.Context) {
	tick := time.NewTicker(6 * time.Hour)
	defer tick.Stop()
	for {
		blobs, keys, err := a.desk.Reconcile(ctx)
		if err != nil && ctx.Err() == nil {
			a.log.Error("housekeeping did not finish", "error", err)
		} else if blobs+keys > 0 {
			a.log.Info("removed what no row names", "blobs", blobs, "keys", keys)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// close ends everything, in the order in which it must not miss one another.
func (a *app) close() {
	if a.stop != nil {
		a.stop()
	}
	a.wg.Wait()
	if a.viewer != nil {
		a.viewer.Close()
	}
	if a.pool != nil {
		a.pool.Close()
	}
	if a.db != nil {
		if err := a.db.Close(); err != nil {
			a.log.Warn("the database did not close", "error", err)
		}
	}
	if a.blobs != nil {
		a.blobs.Close()
	}
	if a.keys != nil {
		a.keys.Close()
	}
	if a.release != nil {
		a.release()
	}
}
