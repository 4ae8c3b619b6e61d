package main

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/houvast/houvast/client"
)

type keyCmd struct {
	Create keyCreateCmd `cmd:"" help:"Make an API key for a platform service; it is shown once."`
	List   keyListCmd   `cmd:"" help:"Show the API keys, without their secrets."`
	Revoke keyRevokeCmd `cmd:"" help:"End an API key."`
}

type keyCreateCmd struct {
	dataFlags
	Name   string   `arg:"" help:"Name of the key."`
	Scope  []string `required:"" placeholder:"SCOPE" help:"items, lookup, banks or read; separate several with commas."`
	Source string   `placeholder:"SERVICE" help:"Platform service whose items it hands in; the name of the key when left out."`
	JSON   bool     `name:"json" help:"Print {name, key}."`
}

// Run makes an API key.
func (c *keyCreateCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		var k keyLine
		if err := api.Call(ctx, "POST", "/api/v1/keys", "", map[string]any{"name": c.Name, "scopes": c.Scope, "source": c.Source}, &k); err != nil {
			return err
		}
		if c.JSON {
			return e.printJSON(map[string]string{"name": k.Name, "key": k.Key})
		}
		return e.printf("%s (shown this once)\n", k.Key)
	})
}

// keyLine is an API key as the API shows it.
type keyLine struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Source  string    `json:"source,omitempty"`
	Scopes  []string  `json:"scopes"`
	LastDay time.Time `json:"last_used_on,omitzero"`
	Revoked time.Time `json:"revoked_at,omitzero"`
	Key     string    `json:"key,omitempty"`
}

type keyListCmd struct {
	dataFlags
	JSON bool `name:"json" help:"One JSON object a line."`
}

// Run lists the API keys.
func (c *keyListCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		t, n := newTable("KEY", "NAME", "SOURCE", "SCOPES", "STATE"), 0
		err := each(ctx, api, "/api/v1/keys", func(k keyLine) error {
			n++
			if c.JSON {
				return e.printJSON(k)
			}
			t.row(k.ID, k.Name, k.Source, strings.Join(k.Scopes, ", "), map[bool]string{true: "active", false: "revoked " + shown(k.Revoked)}[k.Revoked.IsZero()])
			return nil
		})
		if err != nil || c.JSON {
			return err
		}
		if n == 0 {
			return e.printf("there is no key\n")
		}
		return t.print(e)
	})
}

type keyRevokeCmd struct {
	dataFlags
	ID string `arg:"" help:"Id of the key, as houvast key list shows it."`
}

// Run ends an API key.
func (c *keyRevokeCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		if err := api.Call(ctx, "POST", "/api/v1/keys/"+url.PathEscape(c.ID)+"/revoke", "", nil, nil); err != nil {
			return err
		}
		return e.printf("%s is revoked\n", oneLine(c.ID))
	})
}
