package main

import (
	"context"
	"net/url"

	"github.com/houvast/houvast/client"
)

// each calls fn for every entry of a list of the API, page by page.
func each[T any](ctx context.Context, api *client.Client, path string, fn func(T) error) error {
	after := ""
	for {
		var page struct {
			Items []T
			Next  string
		}
		q := url.Values{"limit": {"500"}}
		if after != "" {
			q.Set("after", after)
		}
		if err := api.Call(ctx, "GET", path+"?"+q.Encode(), "", nil, &page); err != nil {
			return err
		}
		for _, v := range page.Items {
			if err := fn(v); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
}
