package desk

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/houvast/houvast/hashing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/blob"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/item"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/report"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/task"
)

// A Proof says whether one piece of evidence is what it should be.
type Proof struct {
	Evidence houvast.EvidenceID `json:"evidence"`
	Case     houvast.CaseID     `json:"case"`
	State    evidence.State     `json:"state"`
	OK       bool               `json:"ok"`
	Problem  string             `json:"problem,omitempty"`
}

// VerifyEvidence opens everything that is kept and compares its digest; what was destroyed must name
// neither bytes nor key. Nothing of what it reads leaves the process.
func (d Desk) VerifyEvidence(ctx context.Context, fn func(Proof) error) error {
	var after houvast.EvidenceID
	for {
		var page []evidence.Evidence
		err := d.W.DB().View(ctx, func(tx *store.Tx) (err error) {
			page, err = evidence.List(tx, after, 200)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, e := range page {
			if err := fn(d.prove(ctx, e)); err != nil {
				return err
			}
			after = e.ID
		}
	}
}

func (d Desk) prove(ctx context.Context, e evidence.Evidence) Proof {
	proof := Proof{Evidence: e.ID, Case: e.Case, State: e.State}
	switch e.State {
	case evidence.Destroyed:
		proof.OK = e.Blob == "" && e.Key == ""
		if !proof.OK {
			proof.Problem = "the tombstone names bytes"
		}
		return proof
	case evidence.Destroying:
		proof.Problem = "the destruction was begun and has not ended"
		return proof
	}
	r, _, err := d.Original(ctx, e.Case)
	if err != nil {
		proof.Problem = err.Error()
		return proof
	}
	defer r.Close()
	sum, _, err := hashing.Digest(r)
	if err != nil {
		proof.Problem = err.Error()
		return proof
	}
	if hex.EncodeToString(sum.SHA256[:]) != e.SHA256 {
		proof.Problem = "the bytes are not those that were received"
		return proof
	}
	proof.OK = true
	return proof
}

// DueAt lists what would be destroyed at a time, earliest first.
func (d Desk) DueAt(ctx context.Context, at time.Time, limit int) (due []evidence.Evidence, err error) {
	err = d.W.DB().View(ctx, func(tx *store.Tx) (err error) {
		due, err = evidence.Due(tx, at, limit)
		return err
	})
	return due, err
}

// orphanAge is how old a blob or key without a row must be before it is removed: a row may still be
// on its way.
const orphanAge = 24 * time.Hour

// Reconcile removes what a crash left lying: blobs that no row names, and keys that seal nothing any
// more, quarantine keys of past hours among them. It never touches what a row names.
func (d Desk) Reconcile(ctx context.Context) (blobs, keys int, err error) {
	const op = "pipeline.Reconcile"
	now := d.W.DB().Clock().Now()
	var old []string
	err = d.Blobs.List(ctx, func(b blob.Info) error {
		if time.Since(b.Stored) > orphanAge {
			old = append(old, b.Name)
		}
		return nil
	})
	if err != nil {
		return 0, 0, houvast.Wrap(op, err)
	}
	for _, name := range old {
		named, err := d.named(ctx, name, item.HoldsBlob, evidence.HoldsBlob)
		if err != nil {
			return blobs, keys, houvast.Wrap(op, err)
		}
		if named {
			continue
		}
		if err := d.Blobs.Delete(ctx, name); err != nil {
			return blobs, keys, houvast.Wrap(op, err)
		}
		blobs++
	}
	for k, err := range d.Keys.Keys(ctx) {
		if err != nil {
			return blobs, keys, houvast.Wrap(op, err)
		}
		if now.Sub(k.Created) < orphanAge || !strings.HasPrefix(k.Purpose, "quarantine/") && k.Purpose != "evidence" {
			continue
		}
		named, err := d.named(ctx, string(k.ID), item.HoldsKey, evidence.HoldsKey)
		if err != nil {
			return blobs, keys, houvast.Wrap(op, err)
		}
		if named {
			continue
		}
		if err := d.Keys.Destroy(ctx, k.ID); err != nil {
			return blobs, keys, houvast.Wrap(op, err)
		}
		keys++
	}
	return blobs, keys, nil
}

func (d Desk) named(ctx context.Context, name string, rooms ...func(*store.Tx, string) (bool, error)) (named bool, err error) {
	err = d.W.DB().View(ctx, func(tx *store.Tx) error {
		for _, holds := range rooms {
			if named, err = holds(tx, name); err != nil || named {
				return err
			}
		}
		return nil
	})
	return named, err
}

// Open reports how many reports are on their way, for doctor.
func (d Desk) Open(ctx context.Context) (n int, err error) {
	err = d.W.DB().View(ctx, func(tx *store.Tx) error {
		open, err := report.Unfinished(tx, 10_000)
		n = len(open)
		return err
	})
	return n, err
}

// ExpireNow rings for everything that is due, instead of waiting for the sweep, and says how many.
func (d Desk) ExpireNow(ctx context.Context, ask pipeline.Ask) (n int, err error) {
	return pipeline.Do(ctx, d.Pipeline, ask, func(tx *store.Tx) (int, pipeline.Done, error) {
		due, err := d.ringDue(tx)
		return due, pipeline.Done{Detail: map[string]string{"due": fmt.Sprint(due)}}, err
	})
}

func (d Desk) ringDue(tx *store.Tx) (int, error) {
	due, err := evidence.Due(tx, tx.Now(), 500)
	if err != nil {
		return 0, err
	}
	for _, e := range due {
		if err := task.Ring(tx, pipeline.TaskExpire, e.ID.String(), tx.Now()); err != nil {
			return 0, err
		}
	}
	return len(due), nil
}
