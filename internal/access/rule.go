package access

import (
	"slices"

	"github.com/houvast/houvast"
)

// A Rule says who may do one operation. The surfaces ask it for every request, by the operation id
// that the OpenAPI document shows.
type Rule struct {
	Op     string
	Public bool    // nobody needs to be known
	Roles  []Role  // users who hold any of these may
	Scopes []Scope // keys that hold any of these may
	CLI    bool    // the control socket may
	Writes bool    // changes state: refused while no profile is chosen
	Setup  bool    // writes, and works before one is chosen: it leads there, or touches nothing but who asks
	Secret bool    // the answer holds a credential: never logged, never kept for a repeated request
	Page   bool    // only the console has it; for a person with a browser, so no key and no command line

	Profiles []houvast.InstallationProfile // only in these; empty means in every one
}

// Who may, in words that recur. They are never changed.
var (
	staff    = Roles()
	viewers  = []Role{Reviewer, Approver, Auditor} // who may see one case or report
	overseen = []Role{Approver, Auditor}           // who may see lists of them; no reviewer picks
	deciders = []Role{Reviewer, Approver}
	machine  = []Role{Admin, Auditor} // who may see how the machine does

	revealing  = []houvast.InstallationProfile{houvast.ProfilePlatform, houvast.ProfileHotline, houvast.ProfilePolice, houvast.ProfilePractice}
	practising = []houvast.InstallationProfile{houvast.ProfilePractice}
)

// rules is the one table that decides. Why it is as it is:
//
//   - No key reaches a case, a report, an account or a key; keys are programs, and decide nothing.
//   - The command line decides no case and approves nothing: a person who signed in does. It does
//     file and retract what persons approved, as the product's commands say.
//   - An auditor changes nothing but their own sessions and password.
//   - Until a profile is chosen only signing in, one's own sessions and the first account work;
//     everything else that writes answers 503, so that nothing is received that no law has been
//     chosen for.
//   - In a helpline nothing can be revealed: the rules of revealing name the profiles that have them,
//     and it is not among them. Signed-in links exist in practice alone.
//   - Reviewers have no list of new cases to pick from. What waits for a second person or for advice
//     is shown to whoever may be that person.
var rules = []Rule{
	{Op: "health", Public: true},
	{Op: "ready", Public: true},
	{Op: "openapi", Public: true},

	{Op: "items.create", Scopes: []Scope{ScopeItems}, Writes: true},
	{Op: "items.get", Scopes: []Scope{ScopeItems}, CLI: true},

	{Op: "banks.list", Roles: []Role{Admin}, Scopes: []Scope{ScopeBanks}, CLI: true},
	{Op: "banks.create", Roles: []Role{Admin}, Scopes: []Scope{ScopeBanks}, CLI: true, Writes: true},
	{Op: "banks.import", Roles: []Role{Admin}, Scopes: []Scope{ScopeBanks}, CLI: true, Writes: true},
	{Op: "banks.disable", Roles: []Role{Admin}, Scopes: []Scope{ScopeBanks}, CLI: true, Writes: true},

	{Op: "keys.create", Roles: []Role{Admin}, CLI: true, Writes: true, Secret: true},
	{Op: "keys.list", Roles: []Role{Admin}, CLI: true},
	{Op: "keys.revoke", Roles: []Role{Admin}, CLI: true, Writes: true},

	{Op: "users.add", Roles: []Role{Admin}, CLI: true, Writes: true, Setup: true},
	{Op: "users.list", Roles: []Role{Admin}, CLI: true},
	{Op: "users.disable", Roles: []Role{Admin}, CLI: true, Writes: true},
	{Op: "users.signout", Roles: []Role{Admin}, Writes: true, Page: true},

	{Op: "sessions.create", Public: true, Writes: true, Setup: true, Secret: true},
	{Op: "sessions.delete", Roles: staff, Writes: true, Setup: true},
	{Op: "sessions.me", Roles: staff},
	{Op: "sessions.list", Roles: staff, Page: true},
	{Op: "sessions.close", Roles: staff, Writes: true, Setup: true, Page: true},
	{Op: "sessions.lock", Roles: staff, Writes: true, Setup: true, Page: true},
	{Op: "sessions.unlock", Public: true, Writes: true, Setup: true, Secret: true, Page: true}, // whoever is locked is nobody until then
	{Op: "password.change", Roles: staff, Writes: true, Setup: true, Secret: true, Page: true},

	{Op: "console.public", Public: true, Page: true},
	{Op: "console.report", Public: true, Writes: true, Setup: true, Page: true},
	{Op: "console.language", Public: true, Writes: true, Setup: true, Page: true},
	{Op: "console.home", Roles: staff, Page: true},
	{Op: "setup.show", Public: true, Page: true},
	{Op: "setup.begin", Public: true, Writes: true, Setup: true, Secret: true, Page: true},
	{Op: "demo.enter", Public: true, Secret: true, Profiles: practising, Page: true}, // the session it opens is a sessions.create
	{Op: "policies.get", Roles: staff, Page: true},

	{Op: "review.next", Roles: []Role{Reviewer}, Writes: true},
	{Op: "review.extend", Roles: []Role{Reviewer}, Writes: true},
	{Op: "review.release", Roles: []Role{Reviewer}, Writes: true},
	{Op: "review.queue", Roles: []Role{Reviewer}, Page: true},
	{Op: "review.park", Roles: []Role{Reviewer}, Writes: true, Page: true},
	{Op: "review.resume", Roles: []Role{Reviewer}, Writes: true, Page: true},
	{Op: "review.skip", Roles: []Role{Reviewer}, Writes: true, Page: true},
	{Op: "review.unskip", Roles: []Role{Reviewer}, Writes: true, Page: true},
	{Op: "review.parked", Roles: deciders, Page: true},
	{Op: "review.advise", Roles: deciders, Writes: true, Page: true},

	{Op: "reveals.grant", Roles: []Role{Reviewer}, Writes: true, Secret: true, Profiles: revealing, Page: true},
	{Op: "reveals.shown", Roles: []Role{Reviewer}, Writes: true, Profiles: revealing, Page: true},
	{Op: "reveals.state", Roles: []Role{Reviewer}, Profiles: revealing, Page: true},

	{Op: "cases.get", Roles: viewers},
	{Op: "cases.list", Roles: overseen, CLI: true},
	{Op: "cases.seconds", Roles: deciders, Page: true},
	{Op: "cases.decide", Roles: []Role{Reviewer}, Writes: true},
	{Op: "cases.confirm", Roles: deciders, Writes: true},

	{Op: "technical.list", Roles: []Role{Admin, Reviewer, Auditor}, CLI: true},

	{Op: "reports.list", Roles: viewers, CLI: true},
	{Op: "reports.get", Roles: viewers, CLI: true},
	{Op: "reports.check", Roles: viewers, CLI: true},
	{Op: "reports.receipt", Roles: viewers, Page: true},
	{Op: "reports.amend", Roles: deciders, Writes: true},
	{Op: "reports.approve", Roles: []Role{Approver}, Writes: true},
	{Op: "reports.return", Roles: []Role{Approver}, Writes: true},
	{Op: "reports.file", Roles: []Role{Approver}, CLI: true, Writes: true},
	{Op: "reports.retract", Roles: []Role{Approver}, CLI: true, Writes: true},

	{Op: "actions.list", Roles: overseen, CLI: true},
	{Op: "actions.approve", Roles: []Role{Approver}, Writes: true},
	{Op: "actions.reject", Roles: []Role{Approver}, Writes: true},

	{Op: "evidence.list", Roles: machine, CLI: true},
	{Op: "evidence.due", Roles: machine, CLI: true},
	{Op: "evidence.verify", Roles: machine, CLI: true},
	{Op: "evidence.expire", Roles: []Role{Admin}, CLI: true, Writes: true},

	{Op: "audit.verify", Roles: []Role{Auditor}, CLI: true},
	{Op: "audit.export", Roles: []Role{Auditor}, CLI: true},
	{Op: "events.list", Roles: []Role{Auditor}, Scopes: []Scope{ScopeRead}, CLI: true},

	{Op: "system.doctor", Roles: machine, CLI: true},
	{Op: "system.profile", Roles: staff, Scopes: Scopes(), CLI: true},
}

// Rules returns a copy of the table, for the test that visits every route and for the document that
// shows it.
func Rules() []Rule {
	all := slices.Clone(rules)
	for i := range all {
		all[i].Roles = slices.Clone(all[i].Roles)
		all[i].Scopes = slices.Clone(all[i].Scopes)
		all[i].Profiles = slices.Clone(all[i].Profiles)
	}
	return all
}

// RuleFor returns the rule of an operation.
func RuleFor(op string) (Rule, bool) {
	for _, r := range Rules() {
		if r.Op == op {
			return r, true
		}
	}
	return Rule{}, false
}

// Allow returns nil when p may do op in an installation of this profile, "" while none was chosen. Otherwise, in this order:
// Internal for an operation without a rule or an unknown profile; NotFound, code not-in-profile, for
// one that this profile does not have; Unauthenticated, code no-credential, for nobody; Forbidden,
// code role-missing (users, the command line) or wrong-scope (keys); Unavailable, code no-profile,
// for writing before a profile is chosen.
func Allow(op string, p Principal, profile string) error {
	return decide(rules, op, p, houvast.InstallationProfile(profile))
}

func decide(rules []Rule, op string, p Principal, profile houvast.InstallationProfile) error {
	const at = "access.Allow"
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.Op == op })
	if i < 0 {
		return houvast.Errorf(at, houvast.Internal, "no-rule", "the operation %q has no rule", op)
	}
	if profile != "" && !slices.Contains(houvast.InstallationProfiles(), profile) {
		return houvast.Errorf(at, houvast.Internal, "", "the profile of this installation is unknown")
	}
	r := &rules[i]
	if profile != "" && len(r.Profiles) > 0 && !slices.Contains(r.Profiles, profile) {
		return houvast.Errorf(at, houvast.NotFound, "not-in-profile", "this does not exist in an installation of this profile")
	}
	if err := r.admits(p); err != nil {
		return err
	}
	if profile == "" && (r.Writes && !r.Setup || len(r.Profiles) > 0) {
		return houvast.Errorf(at, houvast.Unavailable, "no-profile", "no profile was chosen for this installation yet").
			WithHint("start the server with --profile and --jurisdiction")
	}
	return nil
}

// admits asks who p is, and nothing else.
func (r *Rule) admits(p Principal) error {
	const at = "access.Allow"
	if r.Public {
		return nil
	}
	switch p.Kind {
	case KindUser:
		if shares(r.Roles, p.Roles) {
			return nil
		}
		return houvast.Errorf(at, houvast.Forbidden, "role-missing", "none of your roles allows this").
			WithHint("ask an admin which role you need")
	case KindKey:
		if shares(r.Scopes, p.Scopes) {
			return nil
		}
		return houvast.Errorf(at, houvast.Forbidden, "wrong-scope", "the scopes of this key do not allow this").
			WithHint("use a key with the right scope; some things only a person may do")
	case KindCLI:
		if r.CLI {
			return nil
		}
		return houvast.Errorf(at, houvast.Forbidden, "role-missing", "this is not done from the command line").
			WithHint("sign in to the console as a person with the right role")
	}
	return houvast.Errorf(at, houvast.Unauthenticated, "no-credential", "nobody is signed in").
		WithHint("sign in, or send an API key as a bearer token")
}

func shares[T set](a, b []T) bool {
	return slices.ContainsFunc(a, func(v T) bool { return slices.Contains(b, v) })
}
