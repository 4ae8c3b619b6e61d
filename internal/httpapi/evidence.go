package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/audit"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/pipeline/desk"
)

func (a *API) evidence(api huma.API) {
	route(a, api, "evidence.list", "GET", "/api/v1/evidence", "What is kept, why and until when", a.listEvidence)
	route(a, api, "evidence.due", "GET", "/api/v1/evidence/due", "What would be destroyed at a time", a.dueEvidence)
	a.raw(api, "evidence.verify", "GET", "/api/v1/evidence/verify", "Open what is kept and compare it; a JSON object a line", a.verifyEvidence)
	route(a, api, "evidence.expire", "POST", "/api/v1/evidence/expire", "Destroy now what is due", a.expireEvidence)
}

func (a *API) audit(api huma.API) {
	route(a, api, "audit.verify", "GET", "/api/v1/audit/verify", "Whether the log was changed", a.verifyAudit)
	a.raw(api, "audit.export", "GET", "/api/v1/audit/export", "The log, a JSON object a line", a.exportAudit, "after")
	route(a, api, "events.list", "GET", "/api/v1/events", "What happened, without content", a.listEvents)
}

type evidenceOut struct {
	Evidence    string    `json:"evidence"`
	Case        string    `json:"case"`
	Item        string    `json:"item"`
	Bytes       int64     `json:"bytes"`
	State       string    `json:"state"`
	Since       time.Time `json:"since"`
	DestroyAt   time.Time `json:"destroy_at,omitzero"`
	Why         string    `json:"why"`
	Law         string    `json:"law,omitempty"`
	CountedFrom time.Time `json:"counted_from,omitzero"`
	LegalStop   string    `json:"legal_stop,omitempty"`
	DestroyedAt time.Time `json:"destroyed_at,omitzero"`
}

func showEvidence(e evidence.Evidence) evidenceOut {
	return evidenceOut{e.ID.String(), e.Case.String(), string(e.Item), e.Bytes, string(e.State), e.Since, e.Destroy, e.Why, e.Law, e.Started, e.Stop, e.Destroyed}
}

func (a *API) listEvidence(ctx context.Context, _ access.Principal, in *struct{ Page }) (*listOut[evidenceOut], error) {
	var after houvast.EvidenceID
	if err := after.UnmarshalText([]byte(in.After)); err != nil {
		return nil, err
	}
	found, err := a.P.Evidence(ctx, after, in.Limit)
	return page(found, in.Limit, showEvidence, func(e evidence.Evidence) string { return e.ID.String() }), err
}

type dueIn struct {
	At    time.Time `query:"at" doc:"RFC 3339; now when it is left out"`
	Limit int       `query:"limit" minimum:"1" maximum:"500" default:"500"`
}

func (a *API) dueEvidence(ctx context.Context, _ access.Principal, in *dueIn) (*listOut[evidenceOut], error) {
	if in.At.IsZero() {
		in.At = a.P.W.DB().Clock().Now()
	}
	found, err := a.P.DueAt(ctx, in.At, in.Limit)
	return page(found, len(found)+1, showEvidence, func(evidence.Evidence) string { return "" }), err
}

func (a *API) verifyEvidence(w http.ResponseWriter, r *http.Request, _ access.Principal) error {
	w.Header().Set("Content-Type", "application/jsonl")
	enc := json.NewEncoder(w)
	return a.P.VerifyEvidence(r.Context(), func(p desk.Proof) error { return enc.Encode(p) })
}

type expireOut struct {
	Due int `json:"due"`
}

func (a *API) expireEvidence(ctx context.Context, who access.Principal, in *struct{ Keyed }) (*oneOut[expireOut], error) {
	n, err := a.P.ExpireNow(ctx, ask("evidence.expire", who, in))
	return &oneOut[expireOut]{expireOut{n}}, err
}

type auditOut struct {
	Sound    bool           `json:"sound"`
	Lines    int64          `json:"lines"`
	Size     int64          `json:"size"`
	Unsigned int64          `json:"unsigned"`
	Root     string         `json:"root"`
	Findings []auditFinding `json:"findings"`
}

// auditFinding is one thing that is wrong with the log; seq is the number of the line, -1 when it
// belongs to none.
type auditFinding struct {
	Seq  int64  `json:"seq"`
	What string `json:"what"`
	Warn bool   `json:"warn"`
}

func (a *API) verifyAudit(ctx context.Context, _ access.Principal, _ *struct{}) (*oneOut[auditOut], error) {
	res, err := a.AuditVerify(ctx)
	if err != nil {
		return nil, err
	}
	out := auditOut{res.Sound(), int64(res.Lines), int64(res.Size), int64(res.Unsigned), res.Root.String(), []auditFinding{}}
	for _, f := range res.Findings {
		out.Findings = append(out.Findings, auditFinding{f.Seq, f.What, f.Warn})
	}
	return &oneOut[auditOut]{out}, nil
}

func (a *API) exportAudit(w http.ResponseWriter, r *http.Request, _ access.Principal) error {
	after := int64(-1)
	if s := r.URL.Query().Get("after"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return houvast.Errorf("audit.export", houvast.Invalid, "bad-id", "after is not the number of a line")
		}
		after = n
	}
	w.Header().Set("Content-Type", "application/jsonl")
	return a.AuditExport(r.Context(), w, after)
}

type eventOut struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Action  string    `json:"action"`
	Subject string    `json:"subject"`
}

type eventsIn struct {
	After int64 `query:"after" default:"-1"`
	Limit int   `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

func (a *API) listEvents(ctx context.Context, _ access.Principal, in *eventsIn) (*listOut[eventOut], error) {
	found, err := a.P.Events(ctx, in.After, in.Limit)
	return page(found, in.Limit, func(e audit.Event) eventOut { return eventOut{e.Seq, e.At, e.Action, e.Subject} },
		func(e audit.Event) string { return strconv.FormatInt(e.Seq, 10) }), err
}
