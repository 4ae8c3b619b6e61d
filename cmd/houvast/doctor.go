package main

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/houvast/houvast/client"
)

type doctorCmd struct {
	dataFlags
	JSON bool `name:"json" help:"Print everything as a JSON object."`
}

// doctorReport is what the API says of the installation.
type doctorReport struct {
	Ready   bool   `json:"ready"`
	Version string `json:"version"`
	Profile string `json:"profile"`
	Checks  []struct {
		Name   string `json:"name"`
		OK     bool   `json:"ok"`
		Detail string `json:"detail,omitempty"`
		Hint   string `json:"hint,omitempty"`
		Warn   bool   `json:"warn,omitempty"`
	} `json:"checks"`
	Items    map[string]int `json:"items"`
	Cases    map[string]int `json:"cases"`
	Reports  map[string]int `json:"reports"`
	Evidence map[string]int `json:"evidence"`
	Tasks    map[string]int `json:"tasks"`
}

// Run prints every check with its remedy. What is not ready makes the exit code 1.
func (c *doctorCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		var d doctorReport
		if err := api.Call(ctx, "GET", "/api/v1/doctor", "", nil, &d); err != nil {
			return err
		}
		if err := c.say(e, d); err != nil {
			return err
		}
		if !d.Ready {
			return exit{code: 1}
		}
		return nil
	})
}

func (c *doctorCmd) say(e *env, d doctorReport) error {
	if c.JSON {
		return e.printJSON(d)
	}
	for _, k := range d.Checks {
		mark := "ok  "
		if k.Warn {
			mark = "note"
		} else if !k.OK {
			mark = "FAIL"
		}
		if err := e.printf("%s  %-10s %s\n", mark, k.Name, oneLine(k.Detail)); err != nil {
			return err
		}
		if k.Hint != "" {
			if err := e.printf("      %-10s hint: %s\n", "", oneLine(k.Hint)); err != nil {
				return err
			}
		}
	}
	for _, n := range []struct {
		name string
		of   map[string]int
	}{{"items", d.Items}, {"cases", d.Cases}, {"reports", d.Reports}, {"evidence", d.Evidence}, {"tasks", d.Tasks}} {
		if err := e.printf("      %-10s %s\n", n.name, counted(n.of)); err != nil {
			return err
		}
	}
	return nil
}

func counted(of map[string]int) string {
	if len(of) == 0 {
		return "none"
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, strconv.Itoa(of[k])+" "+k)
	}
	return strings.Join(parts, ", ")
}
