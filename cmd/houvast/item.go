package main

import (
	"context"
	"net/url"
	"time"

	"github.com/houvast/houvast/client"
)

type itemCmd struct {
	Show      itemShowCmd      `cmd:"" help:"Show what became of an item; never whether it matched."`
	Technical itemTechnicalCmd `cmd:"" help:"List what could not be looked at."`
}

type itemShowCmd struct {
	dataFlags
	ID   string `arg:"" help:"Id of the item."`
	JSON bool   `name:"json" help:"Print the item as a JSON object."`
}

// itemLine is an item as the API shows it.
type itemLine struct {
	ID         string    `json:"id"`
	SHA256     string    `json:"sha256"`
	Bytes      int64     `json:"bytes"`
	ReceivedAt time.Time `json:"received_at"`
	State      string    `json:"state"`
}

// Run shows an item.
func (c *itemShowCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		var it itemLine
		if err := api.Call(ctx, "GET", "/api/v1/items/"+url.PathEscape(c.ID), "", nil, &it); err != nil {
			return err
		}
		if c.JSON {
			return e.printJSON(it)
		}
		return e.printf("item      %s\nstate     %s\nbytes     %d\nsha256    %s\nreceived  %s\n", it.ID, it.State, it.Bytes, it.SHA256, it.ReceivedAt.Format(time.RFC3339))
	})
}

type itemTechnicalCmd struct {
	dataFlags
	JSON bool `name:"json" help:"One JSON object a line."`
}

type technicalLine struct {
	Item       string    `json:"item"`
	ReceivedAt time.Time `json:"received_at"`
	Bytes      int64     `json:"bytes"`
	Reason     string    `json:"reason"`
	Until      time.Time `json:"bytes_until"`
}

// Run lists the technical queue.
func (c *itemTechnicalCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(api *client.Client) error {
		t, n := newTable("ITEM", "BYTES", "GONE AT", "REASON"), 0
		err := each(ctx, api, "/api/v1/technical", func(l technicalLine) error {
			n++
			if c.JSON {
				return e.printJSON(l)
			}
			t.row(l.Item, l.Bytes, l.Until.Format(time.RFC3339), l.Reason)
			return nil
		})
		if err != nil || c.JSON {
			return err
		}
		if n == 0 {
			return e.printf("everything could be looked at\n")
		}
		return t.print(e)
	})
}
