package keeping

import (
	"strings"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/access"
	"github.com/houvast/houvast/internal/console/site"
)

type keysView struct {
	Keys                 []access.Key
	Next, First          string // paths; "" = none
	Name, Source         string // as they were typed
	Scopes               []choice
	Wrong                *wrong
	MayCreate, MayRevoke bool
	Made                 *access.Key // the key that was just made
	Text                 string      // of it: shown once, here
}

func (k *Pages) keys(p *site.Page) error { return k.showKeys(p, keysView{}, nil) }

func (k *Pages) showKeys(p *site.Page, v keysView, failed error) error {
	v.First = first(p, "/console/keys")
	if v.Wrong = again(p, failed, map[string]string{"bad-name": "name", "bad-source": "source", "name-taken": "name", "bad-scopes": "scopes"}); failed != nil && v.Wrong == nil {
		return failed
	}
	var from houvast.KeyID
	err := from.UnmarshalText([]byte(p.R.URL.Query().Get("after")))
	if err == nil {
		v.Keys, err = k.P.APIKeys(p.R.Context(), from, pageSize)
	}
	if err != nil {
		return err
	}
	if n := len(v.Keys); n == pageSize {
		v.Next = after("/console/keys", "after", v.Keys[n-1].ID.String())
	}
	v.Scopes = listed(access.Scopes(), p.R.PostForm["scopes"], "keeping.scope.", "keeping.scope_hint.")
	v.MayCreate, v.MayRevoke = p.May("keys.create"), p.May("keys.revoke")
	return p.Render("apikeys", v)
}

// createKey answers with the text of the key. It is not sent anywhere else to be read: a page that one
// comes to by a link could be opened twice.
func (k *Pages) createKey(p *site.Page) error {
	typed := keysView{Name: p.Form("name"), Source: p.Form("source")}
	secret, made, err := k.P.CreateKey(p.R.Context(), unkept(p), access.NewKey{Name: typed.Name, Source: typed.Source, Scopes: many[access.Scope](p, "scopes")})
	if houvast.CodeOf(err) == "bad-name" && strings.Contains(err.Error(), "source") { // one code for two fields
		err = houvast.Errorf("keeping.createKey", houvast.Invalid, "bad-source", "the source cannot be used")
	}
	if err != nil {
		return k.showKeys(p, typed, err)
	}
	p.R.PostForm = nil // the form for the next key is empty
	return k.showKeys(p, keysView{Made: &made, Text: string(secret)}, nil)
}

func (k *Pages) revokeKey(p *site.Page) error {
	id, err := houvast.ParseID[houvast.KeyNoun](p.R.PathValue("id"))
	if err != nil {
		return err
	}
	key, err := k.P.APIKey(p.R.Context(), id)
	if err != nil {
		return err
	}
	ok, err := k.ask(p, sure{Title: p.Text("keeping.key.sure", "name", key.Name), Say: p.Text("keeping.key.revoke_how.say"),
		Button: p.Text("keeping.key.revoke_yes"), Action: p.R.URL.Path, Back: "/console/keys"})
	if !ok {
		return err
	}
	if err := k.P.RevokeKey(p.R.Context(), p.Ask(), id); err != nil {
		return err
	}
	return p.See("/console/keys")
}
