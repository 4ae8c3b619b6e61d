package desk

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/bank"
	"github.com/houvast/houvast/internal/fault"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/store"
)

// Imported is the outcome of an import. Refusals holds the first maxRefusals of the refused rows.
type Imported struct {
	Bank       string         `json:"bank"`
	Rows       int            `json:"rows"`
	Added      int            `json:"added"`
	Duplicates int            `json:"duplicates"`
	Refused    int            `json:"refused"`
	Refusals   []bank.Refusal `json:"refusals,omitempty"`
}

// maxRefusals bounds what an import says about refused rows; the count is always whole.
const maxRefusals = 100

// Import reads CSV into a bank, chunk by chunk: each chunk is one short transaction and visible to
// matching at once. When it breaks off, what was added stays, and importing the file again adds the
// rest.
func (d Desk) Import(ctx context.Context, ask pipeline.Ask, name string, r io.Reader) (in Imported, err error) {
	const op = "pipeline.Import"
	in.Bank = name
	var b bank.Bank
	err = d.W.DB().View(ctx, func(tx *store.Tx) (err error) {
		b, err = bank.ByName(tx, name)
		return err
	})
	if err != nil {
		return in, houvast.Wrap(op, err)
	}
	rd, err := bank.NewReader(r)
	if err != nil {
		return in, houvast.Wrap(op, err)
	}
	for done := false; !done && err == nil; {
		var chunk []bank.Entry
		if chunk, done, err = in.chunk(rd); err == nil {
			err = d.add(ctx, b, chunk, &in)
		}
	}
	// What was added is in the log even when the rest could not be read, or its sender went away.
	_, logErr := pipeline.Do(context.WithoutCancel(ctx), d.Pipeline, pipeline.Ask{By: ask.By, Op: ask.Op}, func(*store.Tx) (bool, pipeline.Done, error) {
		return true, pipeline.Did(name, map[string]string{"added": fmt.Sprint(in.Added), "duplicates": fmt.Sprint(in.Duplicates), "refused": fmt.Sprint(in.Refused)}), nil
	})
	return in, houvast.Wrap(op, errors.Join(err, logErr))
}

// chunk reads up to bank.ChunkSize entries.
func (in *Imported) chunk(rd *bank.Reader) (chunk []bank.Entry, done bool, err error) {
	for len(chunk) < bank.ChunkSize {
		e, refused, err := rd.Next()
		if errors.Is(err, io.EOF) {
			return chunk, true, nil
		}
		if err != nil {
			return chunk, true, err
		}
		in.Rows++
		if refused == nil {
			chunk = append(chunk, e)
			continue
		}
		if in.Refused++; len(in.Refusals) < maxRefusals {
			in.Refusals = append(in.Refusals, *refused)
		}
	}
	return chunk, false, nil
}

func (d Desk) add(ctx context.Context, b bank.Bank, chunk []bank.Entry, in *Imported) error {
	if len(chunk) == 0 {
		return nil
	}
	var added int
	err := d.W.Update(ctx, func(tx *store.Tx) (err error) {
		added, err = bank.Add(tx, b.ID, chunk)
		return err
	})
	fault.Point("import.chunk")
	in.Added += added
	in.Duplicates += len(chunk) - added
	return err
}

// CreateBank makes an empty bank.
func (d Desk) CreateBank(ctx context.Context, ask pipeline.Ask, b bank.Bank) (bank.Bank, error) {
	return pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (bank.Bank, pipeline.Done, error) {
		b, err := bank.Create(tx, b)
		return b, pipeline.Did(b.Name, map[string]string{"category": string(b.Category), "trust": string(b.Trust)}), err
	})
}

// DisableBank takes a bank out of matching, or puts it back.
func (d Desk) DisableBank(ctx context.Context, ask pipeline.Ask, name string, disabled bool) (bank.Bank, error) {
	return pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (bank.Bank, pipeline.Done, error) {
		b, err := bank.SetDisabled(tx, name, disabled)
		return b, pipeline.Did(name, map[string]string{"disabled": yesNo(disabled)}), err
	})
}
