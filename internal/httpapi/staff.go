package httpapi

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
)

func (a *API) staff(api huma.API) {
	route(a, api, "users.list", "GET", "/api/v1/users", "The staff accounts", a.listUsers)
	route(a, api, "users.add", "POST", "/api/v1/users", "Add a staff account", a.addUser)
	route(a, api, "users.disable", "POST", "/api/v1/users/{id}/disable", "End a staff account", a.disableUser)
	route(a, api, "keys.list", "GET", "/api/v1/keys", "The API keys, without their secrets", a.listKeys)
	route(a, api, "keys.create", "POST", "/api/v1/keys", "Make an API key; it is shown once", a.createKey)
	route(a, api, "keys.revoke", "POST", "/api/v1/keys/{id}/revoke", "End an API key", a.revokeKey)
	route(a, api, "sessions.create", "POST", "/api/v1/sessions", "Sign in", a.signIn)
	route(a, api, "sessions.delete", "DELETE", "/api/v1/sessions/current", "Sign out", a.signOut)
	route(a, api, "sessions.me", "GET", "/api/v1/sessions/current", "Who is signed in", a.whoAmI)
}

type userOut struct {
	User     string    `json:"user"`
	Name     string    `json:"name"`
	Roles    []string  `json:"roles"`
	Created  time.Time `json:"created_at"`
	Disabled time.Time `json:"disabled_at,omitzero"`
}

func names[T ~string](in []T) []string {
	out := []string{}
	for _, v := range in {
		out = append(out, string(v))
	}
	return out
}

func showUser(u access.User) userOut {
	return userOut{u.ID.String(), u.Name, names(u.Roles), u.Created, u.Disabled}
}

func (a *API) listUsers(ctx context.Context, _ access.Principal, in *struct{ Page }) (*listOut[userOut], error) {
	var after houvast.UserID
	if err := after.UnmarshalText([]byte(in.After)); err != nil {
		return nil, err
	}
	found, err := a.P.Users(ctx, after, in.Limit)
	return page(found, in.Limit, showUser, func(u access.User) string { return u.ID.String() }), err
}

type addUserIn struct {
	Keyed
	Body struct {
		Name     string   `json:"name" maxLength:"64"`
		Roles    []string `json:"roles" minItems:"1" maxItems:"4"`
		Password string   `json:"password" maxLength:"1024"`
	}
}

func (a *API) addUser(ctx context.Context, who access.Principal, in *addUserIn) (*oneOut[userOut], error) {
	hash, err := a.Gate.Hash(ctx, in.Body.Name, access.Secret(in.Body.Password))
	if err != nil {
		return nil, err
	}
	var roles []access.Role
	for _, r := range in.Body.Roles {
		roles = append(roles, access.Role(r))
	}
	in.Body.Password = ""
	u, err := a.P.AddUser(ctx, ask("users.add", who, in), access.NewUser{Name: in.Body.Name, Roles: roles, Password: hash})
	return &oneOut[userOut]{showUser(u)}, err
}

type idIn struct {
	Keyed
	ID string `path:"id" maxLength:"32"`
}

func (a *API) disableUser(ctx context.Context, who access.Principal, in *idIn) (*nothing, error) {
	id, err := houvast.ParseID[houvast.UserNoun](in.ID)
	if err != nil {
		return nil, err
	}
	return &nothing{}, a.P.DisableUser(ctx, ask("users.disable", who, in), id)
}

type keyOut struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Source  string    `json:"source,omitempty"`
	Scopes  []string  `json:"scopes"`
	Created time.Time `json:"created_at"`
	LastDay time.Time `json:"last_used_on,omitzero"`
	Revoked time.Time `json:"revoked_at,omitzero"`
	Key     string    `json:"key,omitempty"` // shown once, when it is made
}

func showKey(k access.Key) keyOut {
	return keyOut{k.ID.String(), k.Name, k.Source, names(k.Scopes), k.Created, k.LastDay, k.Revoked, ""}
}

func (a *API) listKeys(ctx context.Context, _ access.Principal, in *struct{ Page }) (*listOut[keyOut], error) {
	var after houvast.KeyID
	if err := after.UnmarshalText([]byte(in.After)); err != nil {
		return nil, err
	}
	found, err := a.P.APIKeys(ctx, after, in.Limit)
	return page(found, in.Limit, showKey, func(k access.Key) string { return k.ID.String() }), err
}

type createKeyIn struct {
	Keyed
	Body struct {
		Name   string   `json:"name" maxLength:"64"`
		Source string   `json:"source,omitempty" maxLength:"64" doc:"the platform service; the name when left out"`
		Scopes []string `json:"scopes" minItems:"1" maxItems:"4"`
	}
}

func (a *API) createKey(ctx context.Context, who access.Principal, in *createKeyIn) (*oneOut[keyOut], error) {
	var scopes []access.Scope
	for _, s := range in.Body.Scopes {
		scopes = append(scopes, access.Scope(s))
	}
	secret, k, err := a.P.CreateKey(ctx, ask("keys.create", who, in), access.NewKey{Name: in.Body.Name, Source: in.Body.Source, Scopes: scopes})
	if err != nil {
		return nil, err
	}
	out := showKey(k)
	out.Key = string(secret)
	return &oneOut[keyOut]{out}, nil
}

func (a *API) revokeKey(ctx context.Context, who access.Principal, in *idIn) (*nothing, error) {
	id, err := houvast.ParseID[houvast.KeyNoun](in.ID)
	if err != nil {
		return nil, err
	}
	return &nothing{}, a.P.RevokeKey(ctx, ask("keys.revoke", who, in), id)
}

type signInIn struct {
	from access.Client
	Body struct {
		Name     string `json:"name" maxLength:"64"`
		Password string `json:"password" maxLength:"1024"`
	}
}

// Resolve notes where the request comes from: the address is counted and never stored.
func (in *signInIn) Resolve(ctx huma.Context) []error {
	in.from = access.ClientOf(ctx.RemoteAddr(), ctx.Header("User-Agent"))
	return nil
}

type sessionOut struct {
	Token string    `json:"token,omitempty"`
	Name  string    `json:"name"`
	Roles []string  `json:"roles"`
	Ends  time.Time `json:"ends_at,omitzero"`
}

func (a *API) signIn(ctx context.Context, _ access.Principal, in *signInIn) (*oneOut[sessionOut], error) {
	token, s, err := a.P.SignIn(ctx, a.Gate, in.Body.Name, access.Secret(in.Body.Password), in.from)
	if err != nil {
		return nil, err
	}
	who, err := a.P.Who(ctx, token)
	return &oneOut[sessionOut]{sessionOut{string(token), in.Body.Name, names(who.Roles), s.Ends()}}, err
}

func (a *API) signOut(ctx context.Context, who access.Principal, in *struct{ Keyed }) (*nothing, error) {
	return &nothing{}, a.P.SignOut(ctx, ask("sessions.delete", who, in), who.Session)
}

func (a *API) whoAmI(_ context.Context, who access.Principal, _ *struct{}) (*oneOut[sessionOut], error) {
	return &oneOut[sessionOut]{sessionOut{Name: string(who.Actor), Roles: names(who.Roles)}}, nil
}
