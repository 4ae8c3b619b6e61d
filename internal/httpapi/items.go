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
	"github.com/houvast/houvast/internal/httpapi/form"
	"github.com/houvast/houvast/internal/pipeline"
)

func (a *API) items(api huma.API) {
	a.raw(api, "items.create", "POST", "/api/v1/items", "Hand in an item", a.createItem)
	route(a, api, "items.get", "GET", "/api/v1/items/{id}", "What became of an item", a.getItem)
	route(a, api, "technical.list", "GET", "/api/v1/technical", "What could not be looked at", a.listTechnical)
}

// createItem takes a multipart form: the part "file", and any of the facts as text parts before or
// after it. The answer is written and flushed before the item may be looked at.
func (a *API) createItem(w http.ResponseWriter, r *http.Request, who access.Principal) error {
	r.Body = http.MaxBytesReader(w, r.Body, a.P.Settings.MaxBytes+maxBody)
	key := r.Header.Get("Idempotency-Key")
	if len(key) > 128 {
		return houvast.Errorf("items.create", houvast.Invalid, "bad-field", "the idempotency key is longer than 128 characters")
	}
	f, err := form.Read(r, who.Source, a.P.Settings.MaxBytes)
	if err != nil {
		return err
	}
	receipt, err := a.P.Receive(r.Context(), pipeline.Incoming{Source: who.Source, Key: key, Body: f.File, Upload: f.Rest})
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"id": string(receipt.ID)})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(http.StatusAccepted)
	w.Write(append(body, '\n'))
	http.NewResponseController(w).Flush() // an error means that the platform has gone; its item is safe
	if receipt.Bell != nil {
		a.Adopt(*receipt.Bell)
	}
	return nil
}

type itemIn struct {
	ID string `path:"id" maxLength:"64"`
}

type itemOut struct {
	Body struct {
		ID         string    `json:"id"`
		SHA256     string    `json:"sha256"`
		Bytes      int64     `json:"bytes"`
		ReceivedAt time.Time `json:"received_at"`
		State      string    `json:"state" enum:"received,looked_at,could_not_look,gone"`
	}
}

// getItem tells a platform about its own items, and never whether one matched.
func (a *API) getItem(ctx context.Context, who access.Principal, in *itemIn) (*itemOut, error) {
	it, err := a.P.Item(ctx, houvast.ItemID(in.ID))
	if err == nil && who.Kind == access.KindKey && it.Source != who.Source {
		err = houvast.Errorf("items.get", houvast.NotFound, "", "no such item")
	}
	if err != nil {
		return nil, err
	}
	out := &itemOut{}
	out.Body.ID, out.Body.SHA256, out.Body.Bytes = string(it.ID), it.SHA256, it.Bytes
	out.Body.ReceivedAt, out.Body.State = it.Received, string(it.State)
	return out, nil
}

// Page is the part of an input that asks for one page of a list.
type Page struct {
	After string `query:"after" maxLength:"64" doc:"the last one of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

// listOut is one page; next is empty on the last one.
type listOut[T any] struct {
	Body struct {
		Items []T    `json:"items"`
		Next  string `json:"next"`
	}
}

// page makes a page of what was found; next names the last one when there may be more.
func page[T, V any](found []V, limit int, show func(V) T, next func(V) string) *listOut[T] {
	out := &listOut[T]{}
	out.Body.Items = []T{}
	for _, v := range found {
		out.Body.Items = append(out.Body.Items, show(v))
	}
	if len(found) == limit {
		out.Body.Next = next(found[len(found)-1])
	}
	return out
}

// technicalOut is a line of the technical queue. Nobody is asked to look at what cannot be shown.
type technicalOut struct {
	Item       string    `json:"item"`
	ReceivedAt time.Time `json:"received_at"`
	Bytes      int64     `json:"bytes"`
	Reason     string    `json:"reason"`
	Until      time.Time `json:"bytes_until"`
}

func (a *API) listTechnical(ctx context.Context, _ access.Principal, in *struct{ Page }) (*listOut[technicalOut], error) {
	var after time.Time
	if in.After != "" {
		us, err := strconv.ParseInt(in.After, 10, 64)
		if err != nil {
			return nil, houvast.Errorf("technical.list", houvast.Invalid, "bad-id", "after is not what a page before gave as next")
		}
		after = houvast.FromMicros(us)
	}
	found, err := a.P.Technical(ctx, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &listOut[technicalOut]{}
	out.Body.Items = []technicalOut{}
	for _, t := range found {
		out.Body.Items = append(out.Body.Items, technicalOut{string(t.Item), t.Received, t.Bytes, t.Reason, t.Until})
	}
	if len(found) >= in.Limit {
		out.Body.Next = strconv.FormatInt(houvast.Micros(found[len(found)-1].Received), 10)
	}
	return out, nil
}
