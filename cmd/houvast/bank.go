package main

import (
	"context"
	"encoding/json"
	"io"
	"net/url"
	"os"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/client"
)

type bankCmd struct {
	List    bankListCmd    `cmd:"" help:"Show the banks."`
	Create  bankCreateCmd  `cmd:"" help:"Make an empty bank."`
	Import  bankImportCmd  `cmd:"" help:"Add hashes from a CSV file."`
	Disable bankDisableCmd `cmd:"" help:"Take a bank out of matching, or put it back."`
}

// bankLine is a bank as the API shows it.
type bankLine struct {
	Bank      string `json:"bank"`
	Name      string `json:"name"`
	Category  string `json:"category"`
	Trust     string `json:"trust"`
	Threshold int    `json:"threshold"`
	Disabled  bool   `json:"disabled"`
	Entries   int    `json:"entries"`
}

type bankListCmd struct {
	dataFlags
	JSON bool `name:"json" help:"One JSON object a line."`
}

// Run lists the banks.
func (c *bankListCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		var page struct{ Items []bankLine }
		if err := api.Call(ctx, "GET", "/api/v1/banks", "", nil, &page); err != nil {
			return err
		}
		if c.JSON {
			return printLines(e, page.Items)
		}
		if len(page.Items) == 0 {
			return e.printf("there is no bank yet; make one with: houvast bank create NAME --category child_abuse --trust verified\n")
		}
		t := newTable("NAME", "CATEGORY", "TRUST", "THRESHOLD", "ENTRIES", "STATE")
		for _, b := range page.Items {
			t.row(b.Name, b.Category, b.Trust, b.Threshold, b.Entries, map[bool]string{true: "disabled", false: "in use"}[b.Disabled])
		}
		return t.print(e)
	})
}

type bankCreateCmd struct {
	dataFlags
	Name      string `arg:"" help:"Name of the bank: letters, digits, dots, dashes, underscores."`
	Category  string `required:"" placeholder:"C" help:"child_abuse, exploitation, self_submitted, ncii_adult or negative."`
	Trust     string `required:"" placeholder:"T" help:"verified if trained people checked every entry, else unverified."`
	Threshold *int   `placeholder:"BITS" help:"Greatest PDQ distance that matches; 31 when left out."`
	JSON      bool   `name:"json" help:"Print the bank as a JSON object."`
}

// Run makes a bank.
func (c *bankCreateCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		in := map[string]any{"name": c.Name, "category": c.Category, "trust": c.Trust}
		if c.Threshold != nil {
			in["threshold"] = *c.Threshold
		}
		var b bankLine
		if err := api.Call(ctx, "POST", "/api/v1/banks", "", in, &b); err != nil {
			return err
		}
		if c.JSON {
			return e.printJSON(b)
		}
		return e.printf("made the %s bank %s for %s; it is empty\n", b.Trust, b.Name, b.Category)
	})
}

type bankImportCmd struct {
	dataFlags
	Name string `arg:"" help:"Name of the bank."`
	File string `arg:"" help:"CSV file with a header line; - is standard input."`
	JSON bool   `name:"json" help:"Print the outcome as a JSON object."`
}

// Help is what --help says beyond the list of flags.
func (*bankImportCmd) Help() string {
	return `The header names the columns, in any order: pdq, pdq_profile (full, near512, unknown), md5, sha1, sha256, category, member, ` +
		`source_id, note, quality. Any may be absent, but not all of the hashes. Rows that would match the wrong things are refused, each with ` +
		`its number and reason; the others are added. Importing the same file again adds nothing.`
}

// imported is the outcome of an import.
type imported struct {
	Bank       string `json:"bank"`
	Rows       int    `json:"rows"`
	Added      int    `json:"added"`
	Duplicates int    `json:"duplicates"`
	Refused    int    `json:"refused"`
	Refusals   []struct {
		Row    int    `json:"row"`
		Reason string `json:"reason"`
	} `json:"refusals,omitempty"`
}

// Run imports a file. Refused rows are told on standard error and make the exit code 1.
func (c *bankImportCmd) Run(ctx context.Context, e *env) error {
	var file io.Reader = e.stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return exit{exitIO, houvast.Errorf("bank.import", houvast.Invalid, "file", "the file cannot be read: %w", err)}
		}
		defer f.Close()
		file = f
	}
	return c.with(ctx, e, func(api *client.Client) error {
		answer, err := api.Stream(ctx, "POST", "/api/v1/banks/"+url.PathEscape(c.Name)+"/import", "", "text/csv", file)
		if err != nil {
			return err
		}
		defer answer.Close()
		var in imported
		if err := json.NewDecoder(answer).Decode(&in); err != nil {
			return houvast.Errorf("bank.import", houvast.InDoubt, "answer-broken", "the answer broke off").WithHint("import the file again; what is there already is not added twice")
		}
		return c.say(e, in)
	})
}

func (c *bankImportCmd) say(e *env, in imported) error {
	if c.JSON {
		if err := e.printJSON(in); err != nil {
			return err
		}
	} else {
		if err := e.printf("%d rows: %d added, %d duplicates, %d refused\n", in.Rows, in.Added, in.Duplicates, in.Refused); err != nil {
			return err
		}
		for _, r := range in.Refusals {
			e.complain(houvast.Errorf("bank.import", houvast.Invalid, "row", "row %d: %s", r.Row, r.Reason))
		}
	}
	if in.Refused > 0 {
		return exit{code: 1}
	}
	return nil
}

type bankDisableCmd struct {
	dataFlags
	Name   string `arg:"" help:"Name of the bank."`
	Enable bool   `help:"Put it back into matching."`
}

// Run takes a bank out of matching, or puts it back.
func (c *bankDisableCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		var b bankLine
		if err := api.Call(ctx, "POST", "/api/v1/banks/"+url.PathEscape(c.Name)+"/disable", "", map[string]bool{"disabled": !c.Enable}, &b); err != nil {
			return err
		}
		if b.Disabled {
			return e.printf("%s is out of matching; its %d entries stay\n", b.Name, b.Entries)
		}
		return e.printf("%s is in matching with %d entries\n", b.Name, b.Entries)
	})
}
