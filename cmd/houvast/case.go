package main

import (
	"context"
	"time"

	"github.com/houvast/houvast/client"
)

type caseCmd struct {
	List caseListCmd `cmd:"" help:"List the cases, without facts."`
}

type caseListCmd struct {
	dataFlags
	JSON bool `name:"json" help:"One JSON object a line."`
}

// caseLine is a case as the API lists it.
type caseLine struct {
	Case     string    `json:"case"`
	Item     string    `json:"item"`
	Reason   string    `json:"reason"`
	Bank     string    `json:"bank,omitempty"`
	Distance int       `json:"distance"`
	State    string    `json:"state"`
	Decision string    `json:"decision,omitempty"`
	OpenedAt time.Time `json:"opened_at"`
}

// Run lists the cases, oldest first. Deciding is for people who sign in.
func (c *caseListCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		t, n := newTable("CASE", "STATE", "DECISION", "REASON", "DISTANCE", "BANK", "OPENED"), 0
		err := each(ctx, api, "/api/v1/cases", func(l caseLine) error {
			n++
			if c.JSON {
				return e.printJSON(l)
			}
			t.row(l.Case, l.State, l.Decision, l.Reason, l.Distance, l.Bank, l.OpenedAt.Format(time.RFC3339))
			return nil
		})
		if err != nil || c.JSON {
			return err
		}
		if n == 0 {
			return e.printf("there is no case\n")
		}
		return t.print(e)
	})
}
