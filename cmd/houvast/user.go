package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/client"
)

type userCmd struct {
	Add     userAddCmd     `cmd:"" help:"Add a staff account; the password comes from standard input, or is made and shown once."`
	List    userListCmd    `cmd:"" help:"Show the staff accounts."`
	Disable userDisableCmd `cmd:"" help:"End a staff account and its sessions."`
}

type userAddCmd struct {
	dataFlags
	Name          string   `arg:"" help:"Name: small letters, digits, dots, dashes, underscores."`
	Role          []string `required:"" placeholder:"ROLE" help:"admin, reviewer, approver or auditor; may be repeated."`
	PasswordStdin bool     `help:"Read the password from the first line of standard input."`
	JSON          bool     `name:"json" help:"Print a JSON object."`
}

// Run adds a staff account. There is no default password: one that nobody gave is random and is shown
// once.
func (c *userAddCmd) Run(ctx context.Context, e *env) error {
	password := houvast.RandomText("pw", 26)
	if c.PasswordStdin {
		line, err := bufio.NewReader(io.LimitReader(e.stdin, 4<<10)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return houvast.Wrap("user.add", err)
		}
		password = strings.TrimRight(line, "\r\n")
	}
	return c.with(ctx, e, func(api *client.Client) error {
		var u userLine
		if err := api.Call(ctx, "POST", "/api/v1/users", "", map[string]any{"name": c.Name, "roles": c.Role, "password": password}, &u); err != nil {
			return err
		}
		if !c.PasswordStdin {
			u.Password = password
		}
		if c.JSON {
			return e.printJSON(u)
		}
		if err := e.printf("added %s: %s\n", u.Name, strings.Join(u.Roles, ", ")); err != nil || c.PasswordStdin {
			return err
		}
		return e.printf("password: %s (shown this once)\n", password)
	})
}

// userLine is a staff account as the API shows it.
type userLine struct {
	User     string    `json:"user"`
	Name     string    `json:"name"`
	Roles    []string  `json:"roles"`
	Created  time.Time `json:"created_at"`
	Disabled time.Time `json:"disabled_at,omitzero"`
	Password string    `json:"password,omitempty"`
}

type userListCmd struct {
	dataFlags
	JSON bool `name:"json" help:"One JSON object a line."`
}

// Run lists the staff accounts.
func (c *userListCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		t, n := newTable("USER", "NAME", "ROLES", "STATE"), 0
		err := each(ctx, api, "/api/v1/users", func(u userLine) error {
			n++
			if c.JSON {
				return e.printJSON(u)
			}
			t.row(u.User, u.Name, strings.Join(u.Roles, ", "), map[bool]string{true: "active", false: "disabled " + shown(u.Disabled)}[u.Disabled.IsZero()])
			return nil
		})
		if err != nil || c.JSON {
			return err
		}
		if n == 0 {
			return e.printf("there is no account yet; add the first with: houvast user add NAME --role admin\n")
		}
		return t.print(e)
	})
}

type userDisableCmd struct {
	dataFlags
	ID string `arg:"" help:"Id of the account, as houvast user list shows it."`
}

// Run ends a staff account.
func (c *userDisableCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		if err := api.Call(ctx, "POST", "/api/v1/users/"+url.PathEscape(c.ID)+"/disable", "", nil, nil); err != nil {
			return err
		}
		return e.printf("%s is disabled\n", oneLine(c.ID))
	})
}
