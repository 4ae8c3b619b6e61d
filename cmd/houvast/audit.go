package main

import (
	"context"
	"io"
	"strconv"

	"github.com/houvast/houvast/client"
)

type auditCmd struct {
	Verify auditVerifyCmd `cmd:"" help:"Say whether the log was changed, and at which line."`
	Export auditExportCmd `cmd:"" help:"Write the log, one JSON object a line, with its signed checkpoint."`
}

type auditVerifyCmd struct {
	dataFlags
	JSON bool `name:"json" help:"Print the outcome as a JSON object."`
}

// Run verifies the audit log. A log that was changed makes the exit code 1.
func (c *auditVerifyCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		var res struct {
			Sound    bool   `json:"sound"`
			Lines    int64  `json:"lines"`
			Size     int64  `json:"size"`
			Root     string `json:"root"`
			Findings []struct {
				Seq  int64  `json:"seq"`
				What string `json:"what"`
				Warn bool   `json:"warn"`
			} `json:"findings"`
		}
		if err := api.Call(ctx, "GET", "/api/v1/audit/verify", "", nil, &res); err != nil {
			return err
		}
		if c.JSON {
			if err := e.printJSON(res); err != nil {
				return err
			}
		} else {
			for _, f := range res.Findings {
				line := "log"
				if f.Seq >= 0 {
					line = "line " + strconv.FormatInt(f.Seq, 10)
				}
				if err := e.printf("%s: %s\n", line, oneLine(f.What)); err != nil {
					return err
				}
			}
			verdict := map[bool]string{true: "sound", false: "NOT sound"}[res.Sound]
			if err := e.printf("%d lines, %d signed: the log is %s\n", res.Lines, res.Size, verdict); err != nil {
				return err
			}
		}
		if !res.Sound {
			return exit{code: 1}
		}
		return nil
	})
}

type auditExportCmd struct {
	dataFlags
	After int64 `default:"-1" placeholder:"SEQ" help:"Only lines after this number."`
}

// Run writes the log to standard output.
func (c *auditExportCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		answer, err := api.Stream(ctx, "GET", "/api/v1/audit/export?after="+strconv.FormatInt(c.After, 10), "", "", nil)
		if err != nil {
			return err
		}
		defer answer.Close()
		_, err = io.Copy(e.stdout, answer)
		return written(err)
	})
}
