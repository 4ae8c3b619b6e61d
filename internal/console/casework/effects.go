package casework

import (
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/console/site"
	"github.com/houvast/houvast/internal/pipeline/desk"
	"github.com/houvast/houvast/internal/review"
)

// effects says in sentences what follows from a verdict here, so that nobody has to know the table.
// second says that the reader is the second person.
func (g *Pages) effects(p *site.Page, s desk.Sight, v review.Verdict, second bool) (all []string) {
	cons := g.P.Effects(v)
	say := func(key string, args ...any) { all = append(all, p.Text("casework.effect."+key+".say", args...)) }
	if cons.Second == review.SecondPerson && !second {
		say(map[bool]string{false: "second", true: "second_alone"}[g.P.Settings.SelfApproval])
	}
	if cons.Report == review.ReportDraft || cons.Report == review.ReportEscalated {
		g.reportEffects(p, s, v, cons, say)
	} else if cons.Decision == houvast.DecideOwn {
		say("no_report_own")
	} else {
		say("no_report")
	}
	switch cons.Evidence {
	case review.EvidenceWait:
		if in, ok := g.P.Install(); ok {
			all = append(all, p.Words().Plural(p.Lang, "casework.effect.preserve.say", in.Policy.Days, "law", in.Policy.Law))
		}
	case review.EvidenceDestroy:
		say("destroy", "window", p.Span(g.P.Settings.Undo))
	case review.EvidenceHold:
		say("hold", "window", p.Span(cons.Hold))
	}
	g.platformEffects(cons, say)
	if cons.FlagEntry && len(s.Facts.Matches) > 0 {
		say("flag", "bank", s.Facts.Matches[0].BankName)
	}
	return all
}

func (g *Pages) reportEffects(p *site.Page, s desk.Sight, v review.Verdict, cons review.Consequence, say func(string, ...any)) {
	if cons.Report == review.ReportEscalated {
		say("report_urgent")
	} else {
		say("report")
	}
	say(map[bool]string{false: "approver", true: "approver_alone"}[g.P.Settings.SelfApproval])
	if to := g.P.Settings.Recipients; len(to) > 0 {
		say("recipient", "recipient", to[0].Name, "environment", p.Text("environment."+string(to[0].Environment)))
	} else {
		say("no_recipient")
	}
	role := v.Role
	if role == "" {
		role = houvast.RoleUnknown
	}
	say("role_" + string(role))
	say(map[bool]string{false: "not_viewed", true: "viewed"}[s.Viewed])
}

func (g *Pages) platformEffects(cons review.Consequence, say func(string, ...any)) {
	alone := map[bool]string{true: "_alone"}[g.P.Settings.SelfApproval]
	switch cons.Platform {
	case review.PlatformRemove:
		say("remove" + alone)
	case review.PlatformProtect:
		say("protect" + alone)
	case review.PlatformWithheld:
		say("withheld")
	case review.PlatformReleaseEnd:
		say("release_end")
	case review.PlatformRelease:
		say("release")
	}
	if g.P.Webhook == nil {
		say("no_platform")
	}
}

// A stance is how a piece of evidence stands, in a sentence.
func (g *Pages) evidence(p *site.Page, k desk.Keep) string {
	at := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
	switch {
	case !k.Destroyed.IsZero():
		return p.Text("casework.after.destroyed.say", "time", at(k.Destroyed))
	case k.State == "destroying":
		return p.Text("casework.after.destroying.say")
	case k.Stop != "":
		return p.Text("casework.after.stopped.say")
	case k.Law != "" && k.Days > 0:
		return p.Words().Plural(p.Lang, "casework.after.preserved.say", k.Days, "time", at(k.Destroy), "law", k.Law)
	case k.Destroy.IsZero():
		return p.Text("casework.after.waits.say")
	}
	return p.Text("casework.after.held.say", "time", at(k.Destroy))
}
