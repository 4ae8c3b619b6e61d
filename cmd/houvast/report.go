package main

import (
	"context"
	"net/url"
	"time"

	"github.com/houvast/houvast/client"
)

type reportCmd struct {
	List    reportListCmd    `cmd:"" help:"List the reports."`
	Show    reportShowCmd    `cmd:"" help:"Show where a report stands."`
	Check   reportCheckCmd   `cmd:"" help:"Say what is missing in a report."`
	File    reportFileCmd    `cmd:"" help:"Let an approved report go on, after trouble."`
	Retract reportRetractCmd `cmd:"" help:"Withdraw a report that is not being finished."`
}

// reportLine is a report as the API lists it: no content.
type reportLine struct {
	Report      string    `json:"report"`
	Case        string    `json:"case"`
	Recipient   string    `json:"recipient"`
	Environment string    `json:"environment"`
	State       string    `json:"state"`
	Trouble     string    `json:"trouble,omitempty"`
	Attempt     int       `json:"attempt"`
	RemoteID    int64     `json:"remote_id,omitempty"`
	DraftedAt   time.Time `json:"drafted_at"`
	ApprovedBy  string    `json:"approved_by,omitempty"`
	ApprovedAt  time.Time `json:"approved_at,omitzero"`
	FinishedAt  time.Time `json:"finished_at,omitzero"`
}

type reportListCmd struct {
	dataFlags
	JSON bool `name:"json" help:"One JSON object a line."`
}

// Run lists the reports, oldest first.
func (c *reportListCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		t, n := newTable("REPORT", "STATE", "RECIPIENT", "ENVIRONMENT", "THEIR NUMBER", "TROUBLE"), 0
		err := each(ctx, api, "/api/v1/reports", func(l reportLine) error {
			n++
			if c.JSON {
				return e.printJSON(l)
			}
			t.row(l.Report, l.State, l.Recipient, l.Environment, l.RemoteID, l.Trouble)
			return nil
		})
		if err != nil || c.JSON {
			return err
		}
		if n == 0 {
			return e.printf("there is no report\n")
		}
		return t.print(e)
	})
}

type reportIDFlags struct {
	dataFlags
	ID   string `arg:"" help:"Id of the report."`
	JSON bool   `name:"json" help:"Print a JSON object."`
}

func (c *reportIDFlags) path(rest string) string {
	return "/api/v1/reports/" + url.PathEscape(c.ID) + rest
}

type reportShowCmd struct{ reportIDFlags }

// Run shows a report without its content.
func (c *reportShowCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		var l struct {
			reportLine
			Viewed     bool      `json:"viewed"`
			IncidentAt time.Time `json:"incident_at,omitzero"`
			Returned   string    `json:"returned,omitempty"`
		}
		if err := api.Call(ctx, "GET", c.path(""), "", nil, &l); err != nil {
			return err
		}
		if c.JSON {
			return e.printJSON(l)
		}
		t := newTable("report", l.Report)
		for _, row := range [][2]string{{"state", l.State}, {"trouble", l.Trouble}, {"sent back", l.Returned}, {"case", l.Case},
			{"recipient", l.Recipient + " (" + l.Environment + ")"}, {"approved by", l.ApprovedBy}, {"approved", shown(l.ApprovedAt)}, {"finished", shown(l.FinishedAt)},
			{"file viewed", map[bool]string{true: "yes", false: "no"}[l.Viewed]}} {
			if row[1] != "" {
				t.row(row[0], row[1])
			}
		}
		return t.print(e)
	})
}

func shown(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

type reportCheckCmd struct{ reportIDFlags }

// Run says what is missing. A report that is blocked makes the exit code 1.
func (c *reportCheckCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		var l struct {
			Report   string `json:"report"`
			Blocked  bool   `json:"blocked"`
			Findings []struct {
				Rule  string `json:"rule"`
				Level string `json:"level"`
				Path  string `json:"path,omitempty"`
				Text  string `json:"text"`
			} `json:"findings"`
		}
		if err := api.Call(ctx, "GET", c.path("/check"), "", nil, &l); err != nil {
			return err
		}
		if c.JSON {
			if err := e.printJSON(l); err != nil {
				return err
			}
		} else {
			t := newTable("LEVEL", "RULE", "WHAT")
			for _, f := range l.Findings {
				t.row(f.Level, f.Rule, f.Text)
			}
			if err := t.print(e); err != nil {
				return err
			}
		}
		if l.Blocked {
			return exit{code: 1}
		}
		return nil
	})
}

type reportFileCmd struct{ reportIDFlags }

// Run lets a report go on.
func (c *reportFileCmd) Run(ctx context.Context, e *env) error { return c.post(ctx, e, "/file") }

type reportRetractCmd struct{ reportIDFlags }

// Run withdraws a report.
func (c *reportRetractCmd) Run(ctx context.Context, e *env) error { return c.post(ctx, e, "/retract") }

func (c *reportIDFlags) post(ctx context.Context, e *env, what string) error {
	return c.with(ctx, e, func(api *client.Client) error {
		var l struct {
			Report string `json:"report"`
			State  string `json:"state"`
		}
		if err := api.Call(ctx, "POST", c.path(what), "", nil, &l); err != nil {
			return err
		}
		if c.JSON {
			return e.printJSON(l)
		}
		return e.printf("%s is %s\n", l.Report, l.State)
	})
}
