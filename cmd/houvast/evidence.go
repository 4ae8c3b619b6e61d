package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/client"
)

type evidenceCmd struct {
	List   evidenceListCmd   `cmd:"" help:"Show what is kept, why and until when."`
	Due    evidenceDueCmd    `cmd:"" help:"Show what is due to be destroyed, now or at a date."`
	Verify evidenceVerifyCmd `cmd:"" help:"Open everything that is kept and compare it with what was received."`
	Expire evidenceExpireCmd `cmd:"" help:"Destroy now what is due, instead of waiting for the next round."`
}

// evidenceLine is a piece of evidence as the API lists it.
type evidenceLine struct {
	Evidence    string    `json:"evidence"`
	Case        string    `json:"case"`
	Item        string    `json:"item"`
	Bytes       int64     `json:"bytes"`
	State       string    `json:"state"`
	Since       time.Time `json:"since"`
	DestroyAt   time.Time `json:"destroy_at,omitzero"`
	Why         string    `json:"why"`
	Law         string    `json:"law,omitempty"`
	CountedFrom time.Time `json:"counted_from,omitzero"`
	LegalStop   string    `json:"legal_stop,omitempty"`
	DestroyedAt time.Time `json:"destroyed_at,omitzero"`
}

type evidenceListCmd struct {
	dataFlags
	JSON bool `name:"json" help:"One JSON object a line."`
}

// Run lists evidence, oldest first.
func (c *evidenceListCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		var all []evidenceLine
		if err := each(ctx, api, "/api/v1/evidence", func(l evidenceLine) error { all = append(all, l); return nil }); err != nil {
			return err
		}
		return printEvidence(e, all, c.JSON, "nothing is kept")
	})
}

func printEvidence(e *env, all []evidenceLine, asJSON bool, none string) error {
	if asJSON {
		return printLines(e, all)
	}
	if len(all) == 0 {
		return e.printf("%s\n", none)
	}
	t := newTable("EVIDENCE", "STATE", "DESTROY AT", "WHY", "LAW", "LEGAL STOP")
	for _, l := range all {
		t.row(l.Evidence, l.State, shown(l.DestroyAt), l.Why, l.Law, l.LegalStop)
	}
	return t.print(e)
}

type evidenceDueCmd struct {
	dataFlags
	At   string `placeholder:"DATE" help:"As it would be at DATE: 2027-01-31, or RFC 3339. Now when left out."`
	JSON bool   `name:"json" help:"One JSON object a line."`
}

// Run shows what would be destroyed at a date. It destroys nothing.
func (c *evidenceDueCmd) Run(ctx context.Context, e *env) error {
	path := "/api/v1/evidence/due"
	if c.At != "" {
		at, err := parseDate(c.At)
		if err != nil {
			return err
		}
		path += "?" + url.Values{"at": {at.Format(time.RFC3339)}}.Encode()
	}
	return c.with(ctx, e, func(api *client.Client) error {
		var page struct{ Items []evidenceLine }
		if err := api.Call(ctx, "GET", path, "", nil, &page); err != nil {
			return err
		}
		return printEvidence(e, page.Items, c.JSON, "nothing is due")
	})
}

func parseDate(s string) (time.Time, error) {
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, houvast.Errorf("evidence.due", houvast.Invalid, "bad-date", "--at is not a date").
		WithHint("for example 2027-01-31, or 2027-01-31T12:00:00Z")
}

type evidenceVerifyCmd struct {
	dataFlags
	JSON bool `name:"json" help:"One JSON object a line."`
}

type proofLine struct {
	Evidence string `json:"evidence"`
	Case     string `json:"case"`
	State    string `json:"state"`
	OK       bool   `json:"ok"`
	Problem  string `json:"problem,omitempty"`
}

// Run verifies all evidence. Anything that is not as it should be makes the exit code 1.
func (c *evidenceVerifyCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		answer, err := api.Stream(ctx, "GET", "/api/v1/evidence/verify", "", "", nil)
		if err != nil {
			return err
		}
		defer answer.Close()
		n, bad := 0, 0
		for dec := json.NewDecoder(answer); ; {
			var p proofLine
			if err := dec.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return houvast.Errorf("evidence.verify", houvast.Unavailable, "answer-broken", "the check broke off after %d pieces", n)
			}
			if n++; !p.OK {
				bad++
			}
			if err := c.say(e, p); err != nil {
				return err
			}
		}
		if !c.JSON {
			if err := e.printf("%d pieces of evidence, %d not as they should be\n", n, bad); err != nil {
				return err
			}
		}
		if bad > 0 {
			return exit{code: 1}
		}
		return nil
	})
}

func (c *evidenceVerifyCmd) say(e *env, p proofLine) error {
	if c.JSON {
		return e.printJSON(p)
	}
	if p.OK {
		return nil
	}
	return e.printf("%s (%s): %s\n", p.Evidence, p.State, oneLine(p.Problem))
}

type evidenceExpireCmd struct {
	dataFlags
	JSON bool `name:"json" help:"Print a JSON object."`
}

// Run has the server destroy what is due.
func (c *evidenceExpireCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		var out struct {
			Due int `json:"due"`
		}
		if err := api.Call(ctx, "POST", "/api/v1/evidence/expire", "", nil, &out); err != nil {
			return err
		}
		if c.JSON {
			return e.printJSON(out)
		}
		return e.printf("%d pieces are due; the server destroys them\n", out.Due)
	})
}
