package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/pipeline"
)

func (a *API) banks(api huma.API) {
	route(a, api, "banks.list", "GET", "/api/v1/banks", "The banks", a.listBanks)
	route(a, api, "banks.create", "POST", "/api/v1/banks", "Make an empty bank", a.createBank)
	a.raw(api, "banks.import", "POST", "/api/v1/banks/{name}/import", "Import hashes as CSV", a.importBank)
	route(a, api, "banks.disable", "POST", "/api/v1/banks/{name}/disable", "Take a bank out of matching, or put it back", a.disableBank)
}

type bankOut struct {
	ID        string `json:"bank"`
	Name      string `json:"name"`
	Category  string `json:"category"`
	Trust     string `json:"trust"`
	Threshold int    `json:"threshold"`
	Disabled  bool   `json:"disabled"`
	Entries   int    `json:"entries"`
}

func showBank(b bank.Bank) bankOut {
	return bankOut{b.ID.String(), b.Name, string(b.Category), string(b.Trust), b.Threshold, b.Disabled, b.Entries}
}

func (a *API) listBanks(ctx context.Context, _ access.Principal, _ *struct{}) (*listOut[bankOut], error) {
	found, err := a.P.Banks(ctx)
	if err != nil {
		return nil, err
	}
	return page(found, len(found)+1, showBank, func(b bank.Bank) string { return "" }), nil
}

type createBankIn struct {
	Keyed
	Body struct {
		Name      string `json:"name" maxLength:"64"`
		Category  string `json:"category" maxLength:"32"`
		Trust     string `json:"trust" maxLength:"16"`
		Threshold *int   `json:"threshold,omitempty" minimum:"0" maximum:"80" doc:"31 when left out, as configured"`
	}
}

type oneOut[T any] struct{ Body T }

func (a *API) createBank(ctx context.Context, who access.Principal, in *createBankIn) (*oneOut[bankOut], error) {
	made := bank.Bank{Name: in.Body.Name, Category: houvast.Category(in.Body.Category), Trust: houvast.Trust(in.Body.Trust), Threshold: a.P.Settings.BankThreshold}
	if in.Body.Threshold != nil {
		made.Threshold = *in.Body.Threshold
	}
	b, err := a.P.CreateBank(ctx, ask("banks.create", who, in), made)
	return &oneOut[bankOut]{showBank(b)}, err
}

// importBank reads CSV from the body. It is safe to send the same file again: what is there already
// counts as duplicates.
func (a *API) importBank(w http.ResponseWriter, r *http.Request, who access.Principal) error {
	in, err := a.P.Import(r.Context(), pipeline.Ask{By: who.Actor, Op: "banks.import"}, r.PathValue("name"), r.Body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(in)
}

type disableBankIn struct {
	Keyed
	Name string `path:"name" maxLength:"64"`
	Body struct {
		Disabled bool `json:"disabled"`
	}
}

func (a *API) disableBank(ctx context.Context, who access.Principal, in *disableBankIn) (*oneOut[bankOut], error) {
	b, err := a.P.DisableBank(ctx, ask("banks.disable", who, in), in.Name, in.Body.Disabled)
	return &oneOut[bankOut]{showBank(b)}, err
}
