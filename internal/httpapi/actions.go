package httpapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/action"
)

func (a *API) actions(api huma.API) {
	route(a, api, "actions.list", "GET", "/api/v1/actions", "What leaves the building", a.listActions)
	route(a, api, "actions.approve", "POST", "/api/v1/actions/{id}/approve", "Let a proposed action happen", a.approveAction)
	route(a, api, "actions.reject", "POST", "/api/v1/actions/{id}/reject", "End a proposed action", a.rejectAction)
}

type actionOut struct {
	Action     string          `json:"action"`
	Kind       string          `json:"kind"`
	Subject    string          `json:"subject"`
	Payload    json.RawMessage `json:"payload"`
	State      string          `json:"state"`
	ProposedBy string          `json:"proposed_by"`
	ProposedAt time.Time       `json:"proposed_at"`
	DecidedBy  string          `json:"decided_by,omitempty"`
	DoneAt     time.Time       `json:"done_at,omitzero"`
	Answer     string          `json:"answer,omitempty"`
}

func showAction(a action.Action) actionOut {
	return actionOut{a.ID.String(), string(a.Kind), a.Subject, a.Payload, string(a.State), string(a.ProposedBy), a.ProposedAt, string(a.DecidedBy), a.DoneAt, a.Answer}
}

func (a *API) listActions(ctx context.Context, _ access.Principal, in *struct{ Page }) (*listOut[actionOut], error) {
	var after houvast.ActionID
	if err := after.UnmarshalText([]byte(in.After)); err != nil {
		return nil, err
	}
	found, err := a.P.Actions(ctx, after, in.Limit)
	return page(found, in.Limit, showAction, func(v action.Action) string { return v.ID.String() }), err
}

type actionIn struct {
	Keyed
	ID string `path:"id" maxLength:"32"`
}

type actionState struct {
	Action string `json:"action"`
	State  string `json:"state"`
}

func (a *API) approveAction(ctx context.Context, who access.Principal, in *actionIn) (*oneOut[actionState], error) {
	id, err := houvast.ParseID[houvast.ActionNoun](in.ID)
	if err != nil {
		return nil, err
	}
	s, err := a.P.ApproveAction(ctx, ask("actions.approve", who, in), id)
	return &oneOut[actionState]{actionState{in.ID, string(s)}}, err
}

func (a *API) rejectAction(ctx context.Context, who access.Principal, in *actionIn) (*oneOut[actionState], error) {
	id, err := houvast.ParseID[houvast.ActionNoun](in.ID)
	if err != nil {
		return nil, err
	}
	err = a.P.DropAction(ctx, ask("actions.reject", who, in), id)
	return &oneOut[actionState]{actionState{in.ID, string(action.Dropped)}}, err
}
