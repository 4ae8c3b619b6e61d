package httpapi

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/words"
)

func (a *API) review(api huma.API) {
	route(a, api, "review.next", "POST", "/api/v1/review/next", "Pull and claim the next case", a.nextCase)
	route(a, api, "review.extend", "POST", "/api/v1/cases/{id}/extend", "Keep a claim", a.extendClaim)
	route(a, api, "review.release", "POST", "/api/v1/cases/{id}/release", "Give a claim back", a.giveBack)
	route(a, api, "cases.list", "GET", "/api/v1/cases", "The cases, without facts", a.listCases)
	route(a, api, "cases.get", "GET", "/api/v1/cases/{id}", "A case with its facts", a.getCase)
	route(a, api, "cases.decide", "POST", "/api/v1/cases/{id}/decision", "Decide a claimed case", a.decide)
	route(a, api, "cases.confirm", "POST", "/api/v1/cases/{id}/confirm", "Agree to a decision, or send it back", a.confirm)
}

type caseIn struct {
	ID string `path:"id" maxLength:"32"`
}

type caseWriteIn struct {
	Keyed
	ID string `path:"id" maxLength:"32"`
}

// caseLine is a case in a list: what kind of match, and where it stands. No facts.
type caseLine struct {
	Case     string    `json:"case"`
	Item     string    `json:"item"`
	Reason   string    `json:"reason"`
	Bank     string    `json:"bank"`
	Category string    `json:"category"`
	Distance int       `json:"distance"`
	State    string    `json:"state"`
	Decision string    `json:"decision,omitempty"`
	OpenedAt time.Time `json:"opened_at"`
}

func showLine(c review.Case) caseLine {
	return caseLine{c.ID.String(), string(c.Item), string(c.Reason), c.Bank, string(c.Category), c.Distance, string(c.State), string(c.Decision), c.Opened}
}

// choice is one decision as a button shows it.
type choice struct {
	Decision    string `json:"decision"`
	Name        string `json:"name"`
	Consequence string `json:"consequence"`
	Second      string `json:"second_person" enum:"none,approver,person"`
}

// caseOut is everything a person decides from. It holds no picture.
type caseOut struct {
	caseLine
	ClaimedBy  string                `json:"claimed_by,omitempty"`
	ClaimEnds  time.Time             `json:"claim_ends,omitzero"`
	Withheld   time.Time             `json:"withheld_until,omitzero"`
	Facts      factsOut              `json:"facts"`
	Choices    []choice              `json:"choices"`
	Roles      []string              `json:"roles"` // of the uploader; none is preselected
	Role       string                `json:"role,omitempty"`
	Words      string                `json:"words,omitempty"`
	Observed   []houvast.Observation `json:"observations"`
	DecidedBy  string                `json:"decided_by,omitempty"`
	DecidedAt  time.Time             `json:"decided_at,omitzero"`
	SecondedBy string                `json:"seconded_by,omitempty"`
	SentBack   int                   `json:"sent_back"`
	Version    int64                 `json:"version,omitempty"` // of the decision; answer what you read: give it back with the confirmation
}

type factsOut struct {
	Bytes      int64          `json:"bytes"`
	ReceivedAt time.Time      `json:"received_at,omitzero"`
	Upload     houvast.Upload `json:"upload"`
	MediaType  string         `json:"media_type"`
	Width      int            `json:"width"`
	Height     int            `json:"height"`
	MD5        string         `json:"md5"`
	SHA1       string         `json:"sha1"`
	SHA256     string         `json:"sha256"`
	PDQ        string         `json:"pdq,omitempty"`
	Quality    int            `json:"pdq_quality"`
	Matches    []matchOut     `json:"matches"`
}

type matchOut struct {
	Bank        string `json:"bank"`
	Category    string `json:"category"`
	Trust       string `json:"trust"`
	Entry       string `json:"entry"`
	EntryTag    string `json:"entry_category,omitempty"`
	Member      string `json:"member,omitempty"`
	SourceID    string `json:"source_id,omitempty"`
	Note        string `json:"note,omitempty"`
	Kind        string `json:"kind"`
	Profile     string `json:"profile,omitempty"`
	Distance    int    `json:"distance"`
	Orientation string `json:"orientation,omitempty"`
}

func showFacts(f houvast.Facts) factsOut {
	out := factsOut{Bytes: f.Bytes, ReceivedAt: f.Received, Upload: f.Upload, MediaType: f.MediaType, Width: f.Width, Height: f.Height,
		MD5: f.MD5, SHA1: f.SHA1, SHA256: f.SHA256, PDQ: f.PDQ, Quality: f.Quality, Matches: []matchOut{}}
	for _, m := range f.Matches {
		out.Matches = append(out.Matches, matchOut{m.BankName, string(m.Category), string(m.Trust), m.Entry.String(), string(m.EntryTag),
			m.Member, m.SourceID, m.Note, string(m.Kind), string(m.Profile), m.Distance, string(m.Orientation)})
	}
	return out
}

func (a *API) showCase(lang words.Lang, c review.Case, f houvast.Facts, said string) caseOut {
	out := caseOut{caseLine: showLine(c), ClaimedBy: string(c.ClaimedBy), ClaimEnds: c.ClaimEnds, Withheld: c.Withheld, Facts: showFacts(f),
		Role: string(c.Role), Words: said, Observed: append([]houvast.Observation{}, c.Observed...), DecidedBy: string(c.DecidedBy),
		DecidedAt: c.Decided, SecondedBy: string(c.SecondedBy), SentBack: c.Returns, Version: c.Version()}
	for _, k := range review.Consequences() {
		d := string(k.Decision)
		out.Choices = append(out.Choices, choice{d, a.Words.Text(lang, "decision."+d+".name"), a.Words.Text(lang, "decision."+d+".consequence"), string(k.Second)})
	}
	for _, r := range houvast.Roles() {
		out.Roles = append(out.Roles, string(r))
	}
	return out
}

func langOf(ctx context.Context) words.Lang {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c.lang
}

func (a *API) nextCase(ctx context.Context, who access.Principal, in *struct{ Keyed }) (*oneOut[caseOut], error) {
	c, f, err := a.P.NextCase(ctx, ask("review.next", who, in))
	if err != nil {
		return nil, err
	}
	return &oneOut[caseOut]{a.showCase(langOf(ctx), c, f, "")}, nil
}

type claimOut struct {
	Case      string    `json:"case"`
	ClaimEnds time.Time `json:"claim_ends"`
}

func (a *API) extendClaim(ctx context.Context, who access.Principal, in *caseWriteIn) (*oneOut[claimOut], error) {
	id, err := houvast.ParseID[houvast.CaseNoun](in.ID)
	if err != nil {
		return nil, err
	}
	ends, err := a.P.ExtendClaim(ctx, ask("review.extend", who, in), id)
	return &oneOut[claimOut]{claimOut{in.ID, ends}}, err
}

// nothing is the answer of what has nothing to say; it is 204.
type nothing struct{}

func (a *API) giveBack(ctx context.Context, who access.Principal, in *caseWriteIn) (*nothing, error) {
	id, err := houvast.ParseID[houvast.CaseNoun](in.ID)
	if err != nil {
		return nil, err
	}
	return &nothing{}, a.P.GiveBack(ctx, ask("review.release", who, in), id)
}

func (a *API) listCases(ctx context.Context, _ access.Principal, in *struct{ Page }) (*listOut[caseLine], error) {
	var after houvast.CaseID
	if err := after.UnmarshalText([]byte(in.After)); err != nil {
		return nil, err
	}
	found, err := a.P.Cases(ctx, after, in.Limit)
	return page(found, in.Limit, showLine, func(c review.Case) string { return c.ID.String() }), err
}

func (a *API) getCase(ctx context.Context, who access.Principal, in *caseIn) (*oneOut[caseOut], error) {
	id, err := houvast.ParseID[houvast.CaseNoun](in.ID)
	if err != nil {
		return nil, err
	}
	c, f, said, err := a.P.Case(ctx, id)
	if err == nil && !a.maySee(who, c) {
		err = houvast.Errorf("cases.get", houvast.Withheld, "not-yours", "this case is not claimed by you").
			WithHint("pull the next case; cases are not picked")
	}
	if err != nil {
		return nil, err
	}
	return &oneOut[caseOut]{a.showCase(langOf(ctx), c, f, said)}, nil
}

// maySee keeps reviewers to their own cases and to those that wait for a second person. Approvers and
// auditors see all.
func (a *API) maySee(who access.Principal, c review.Case) bool {
	return overseer(who) || c.State == review.Second || c.ClaimedBy == who.Actor || c.DecidedBy == who.Actor
}

type decideIn struct {
	Keyed
	ID   string `path:"id" maxLength:"32"`
	Body struct {
		Decision     string                `json:"decision" maxLength:"32"`
		Role         string                `json:"role,omitempty" maxLength:"16" doc:"of the uploader; needed where a report follows"`
		Pressure     bool                  `json:"pressure,omitempty" doc:"only with own: the young person was pressed"`
		Words        string                `json:"words,omitempty" maxLength:"3000" doc:"needed for urgent: the present danger in your own words"`
		Observations []houvast.Observation `json:"observations,omitempty" maxItems:"40"`
	}
}

type outcomeOut struct {
	Case   string `json:"case"`
	State  string `json:"state"`
	Report string `json:"report,omitempty"`
}

func showOutcome(o pipeline.Outcome) outcomeOut {
	return outcomeOut{o.Case.String(), string(o.State), o.Report.String()}
}

func (a *API) decide(ctx context.Context, who access.Principal, in *decideIn) (*oneOut[outcomeOut], error) {
	id, err := houvast.ParseID[houvast.CaseNoun](in.ID)
	if err != nil {
		return nil, err
	}
	o, err := a.P.Decide(ctx, ask("cases.decide", who, in), id, review.Verdict{Decision: houvast.Decision(in.Body.Decision),
		Role: houvast.Role(in.Body.Role), Pressure: in.Body.Pressure, Words: in.Body.Words, Observations: in.Body.Observations})
	return &oneOut[outcomeOut]{showOutcome(o)}, err
}

type confirmIn struct {
	Keyed
	ID   string `path:"id" maxLength:"32"`
	Body struct {
		Agree   bool   `json:"agree"`
		Version int64  `json:"version,omitempty" minimum:"0" doc:"of the decision as you read it; another one is refused. 0 takes it as it stands"`
		Words   string `json:"words,omitempty" maxLength:"2000" doc:"to the next person, above all why the case is sent back; kept sealed with it"`
	}
}

func (a *API) confirm(ctx context.Context, who access.Principal, in *confirmIn) (*oneOut[outcomeOut], error) {
	id, err := houvast.ParseID[houvast.CaseNoun](in.ID)
	if err != nil {
		return nil, err
	}
	o, err := a.P.Confirm(ctx, ask("cases.confirm", who, in), id, in.Body.Version, in.Body.Agree, in.Body.Words)
	return &oneOut[outcomeOut]{showOutcome(o)}, err
}
