package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/pipeline/desk"
)

func (a *API) system(api huma.API) {
	a.raw(api, "health", "GET", "/healthz", "The process runs", func(w http.ResponseWriter, _ *http.Request, _ access.Principal) error {
		return a.write(w, http.StatusOK, map[string]bool{"ok": true})
	})
	a.raw(api, "ready", "GET", "/readyz", "Whether everything that must hold holds", a.ready)
	route(a, api, "system.doctor", "GET", "/api/v1/doctor", "Every check, with counts and remedies", a.doctor)
	route(a, api, "system.profile", "GET", "/api/v1/profile", "What this installation is", a.profile)
	api.OpenAPI().Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer"}}
	a.raw(api, "openapi", "GET", "/api/openapi.json", "This description", func(w http.ResponseWriter, _ *http.Request, _ access.Principal) error {
		text, err := api.OpenAPI().MarshalJSON()
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/openapi+json")
		_, err = w.Write(text)
		return err
	})
}

func (a *API) write(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(v)
}

// readyOut names what does not hold. It is public, so it says no more than that.
type readyOut struct {
	Ready  bool    `json:"ready"`
	Checks []Check `json:"checks"`
}

func (a *API) ready(w http.ResponseWriter, r *http.Request, _ access.Principal) error {
	out, status := readyOut{Ready: true}, http.StatusOK
	for _, c := range a.Ready(r.Context()) {
		out.Ready = out.Ready && (c.OK || c.Warn)
		c.Hint = ""
		if c.Name != "sandbox" && (c.Name != "profile" || c.OK) {
			c.Detail = "" // whose installation this is, and where, concerns nobody who is not signed in
		}
		out.Checks = append(out.Checks, c)
	}
	if !out.Ready {
		status = http.StatusServiceUnavailable
	}
	return a.write(w, status, out)
}

type doctorOut struct {
	Ready   bool           `json:"ready"`
	Version string         `json:"version"`
	Profile string         `json:"profile"`
	Checks  []Check        `json:"checks"`
	Items   map[string]int `json:"items"`
	Cases   map[string]int `json:"cases"`
	Reports map[string]int `json:"reports"`
	Kept    map[string]int `json:"evidence"`
	Tasks   map[string]int `json:"tasks"`
}

func counts[K ~string](in map[K]int) map[string]int {
	out := map[string]int{}
	for k, n := range in {
		out[string(k)] = n
	}
	return out
}

func (a *API) doctor(ctx context.Context, _ access.Principal, _ *struct{}) (*oneOut[doctorOut], error) {
	var n desk.Counts
	n, err := a.P.Counts(ctx)
	if err != nil {
		return nil, err
	}
	out := doctorOut{Ready: true, Version: a.Version, Profile: a.Profile(), Checks: a.Doctor(ctx), Items: counts(n.Items), Cases: counts(n.Cases),
		Reports: counts(n.Reports), Kept: counts(n.Evidence), Tasks: counts(n.Tasks)}
	for _, c := range out.Checks {
		out.Ready = out.Ready && (c.OK || c.Warn)
	}
	return &oneOut[doctorOut]{out}, nil
}

type profileOut struct {
	Profile      string `json:"profile"`
	Jurisdiction string `json:"jurisdiction"`
	Law          string `json:"law,omitempty"`
	Days         int    `json:"days,omitempty"`
}

func (a *API) profile(context.Context, access.Principal, *struct{}) (*oneOut[profileOut], error) {
	out := profileOut{Profile: a.Profile()}
	if in, ok := a.P.Install(); ok {
		out.Jurisdiction, out.Law, out.Days = in.Jurisdiction, in.Policy.Law, in.Policy.Days
	}
	return &oneOut[profileOut]{out}, nil
}
