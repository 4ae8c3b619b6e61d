package main

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strings"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/httpapi"
	"github.com/houvast/houvast/internal/sandbox"
)

// checks is everything that must hold for this installation to be ready, for /readyz and doctor.
func (a *app) checks(ctx context.Context) []httpapi.Check {
	return []httpapi.Check{
		check("database", errors.Join(a.db.Ping(ctx), a.db.Failed())),
		check("keys", a.keys.Failed()),
		check("blobs", a.blobs.Failed()),
		a.checkAudit(),
		a.checkSandbox(),
		a.checkProfile(),
		a.checkRecipient(),
		a.checkInsecure(),
		a.checkConsole(),
	}
}

func check(name string, err error) httpapi.Check {
	if err == nil {
		return httpapi.Check{Name: name, OK: true}
	}
	return httpapi.Check{Name: name, Detail: err.Error(), Hint: houvast.HintOf(err)}
}

func (a *app) checkAudit() httpapi.Check {
	return check("audit", a.recording())
}

// checkSandbox fails when nothing can be decoded, and warns when the operator allowed a layer to be
// missing.
func (a *app) checkSandbox() httpapi.Check {
	if a.poolErr != nil {
		return check("sandbox", a.poolErr)
	}
	c := httpapi.Check{Name: "sandbox", OK: true, Detail: "in force: " + a.pool.Layers().String()}
	if missing := a.pool.Layers().Missing(); missing != 0 {
		c.OK, c.Warn = false, true
		c.Detail += "; missing, as the configuration allows: " + missing.String()
		c.Hint = "pictures from strangers are decoded with less protection than Houvast asks for"
	} else if allowed, err := sandbox.ParseLayers(a.cfg.Sandbox.AllowMissing); err == nil && allowed != 0 {
		c.Warn, c.Detail = true, c.Detail+"; the configuration would allow to be missing: "+strings.Join(a.cfg.Sandbox.AllowMissing, ", ")
	}
	return c
}

func (a *app) checkProfile() httpapi.Check {
	in, ok := a.installation()
	if !ok {
		return httpapi.Check{Name: "profile", Detail: "no profile is chosen: nothing is received, filed or preserved",
			Hint: "start serve with --profile and --jurisdiction, once"}
	}
	return httpapi.Check{Name: "profile", OK: true, Detail: string(in.Profile) + " in " + in.Jurisdiction + ", " + in.Policy.Law}
}

func (a *app) checkRecipient() httpapi.Check {
	if len(a.cfg.Recipients) == 0 {
		return httpapi.Check{Name: "recipient", Warn: true, Detail: "no recipient is configured: reports stay drafts", Hint: "add a [[recipient]] to the configuration"}
	}
	to := a.cfg.Recipients[0]
	return httpapi.Check{Name: "recipient", OK: true, Detail: to.Name + ", " + to.Environment}
}

func (a *app) checkInsecure() httpapi.Check {
	if a.cfg.Insecure {
		return httpapi.Check{Name: "transport", Warn: true, Detail: "plain http beyond this machine is allowed", Hint: "set [tls], or insecure = false"}
	}
	return httpapi.Check{Name: "transport", OK: true}
}

// checkConsole says where a browser finds the pages, and warns when nobody can sign in there: a browser
// keeps the session's cookie only from https, or from this machine.
func (a *app) checkConsole() httpapi.Check {
	o := a.origins()
	if o.Console == "" {
		return httpapi.Check{Name: "console", OK: true, Detail: "this process has no pages"}
	}
	c := httpapi.Check{Name: "console", OK: true, Detail: o.Console + ", renditions from " + o.Media}
	at, err := url.Parse(o.Console)
	if err == nil && at.Scheme == "http" && at.Hostname() != "localhost" && !strings.HasSuffix(at.Hostname(), ".localhost") && !isLocal(at.Hostname()) {
		c.Warn, c.Hint = true, "browsers keep no session from plain http: nobody can sign in; set [tls], or [url] console to the https address of a proxy"
	}
	return c
}

// broken returns why this process must end: after a failed fsync nobody can know what the disk holds,
// and only a fresh start reads it again.
func (a *app) broken() error {
	return errors.Join(a.db.Failed(), a.blobs.Failed(), a.keys.Failed())
}

// exportAudit writes the log for somebody outside.
func (a *app) exportAudit(ctx context.Context, w io.Writer, after int64) error {
	return audit.Export(ctx, a.db, w, after)
}

// examination is checks and what takes longer: whether the whole log verifies.
func (a *app) examination(ctx context.Context) []httpapi.Check {
	res, err := a.verifyAudit(ctx)
	c := httpapi.Check{Name: "log", OK: err == nil && res.Sound()}
	if err != nil {
		c.Detail = err.Error()
	} else if !c.OK {
		c.Detail, c.Hint = "the audit log was changed, or the database is older than it was", "houvast audit verify names the line"
	}
	return append(a.checks(ctx), c)
}
