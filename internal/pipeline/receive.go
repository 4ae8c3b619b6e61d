package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/fault"
	"github.com/houvast/houvast/internal/item"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/task"
)

// Incoming is one upload as a platform hands it in. Upload may be filled while Body is read; it is
// asked for when Body has ended.
type Incoming struct {
	Source string // the service, from its key
	Key    string // Idempotency-Key; "" = none
	Upload func() (houvast.Upload, error)
	Body   io.Reader
}

// A Receipt is what the platform is told. Bell is given to the task runner once the answer has been
// written, so that nothing about the answer can depend on what the matching finds.
type Receipt struct {
	ID   houvast.ItemID
	Bell *task.Bell // nil when the item was received before
}

// Receive takes an item. When it returns, the bytes are sealed and durable on disk, and the row that
// names them is committed.
func (p *Pipeline) Receive(ctx context.Context, in Incoming) (Receipt, error) {
	const op = "pipeline.Receive"
	if err := p.recording(ctx); err != nil {
		return Receipt{}, houvast.Wrap(op, err)
	}
	if !fault.IdempotencyKeys {
		in.Key = ""
	}
	if in.Key != "" {
		if old, found, err := p.itemByKey(ctx, in.Source, in.Key); err != nil || found {
			return p.again(ctx, old, in, err)
		}
	}
	it := item.Item{ID: houvast.NewItemID(), Source: in.Source, IdemKey: in.Key, Received: p.W.DB().Clock().Now(), Blob: houvast.RandomText("q", 26)}
	key, err := p.Keys.HourKey(ctx, it.Received)
	if err != nil {
		return Receipt{}, houvast.Wrap(op, err)
	}
	it.Key = string(key)
	sum := item.NewDigester()
	err = p.Blobs.Put(ctx, it.Blob, func(w io.Writer) error {
		sealed, err := p.Keys.Seal(ctx, w, key)
		if err != nil {
			return err
		}
		if it.Bytes, err = p.copyBounded(io.MultiWriter(sealed, sum), in.Body); err != nil {
			return err
		}
		return sealed.Close()
	})
	if err != nil {
		return Receipt{}, houvast.Wrap(op, err)
	}
	fault.Point("receive.blob")
	up, err := in.Upload()
	if err == nil {
		err = up.Check()
	}
	if err != nil {
		return Receipt{}, p.unreceive(ctx, it.Blob, err)
	}
	text, err := json.Marshal(up)
	if err != nil {
		return Receipt{}, p.unreceive(ctx, it.Blob, err)
	}
	it.MD5, it.SHA1, it.SHA256 = sum.Hex()
	it.IdemHash = item.IdemHash(it.SHA256, text)
	if it.Upload, err = p.Keys.SealBytes(ctx, key, text, []byte(it.ID)); err != nil {
		return Receipt{}, p.unreceive(ctx, it.Blob, err)
	}
	return p.commit(ctx, it, text)
}

// commit makes the row that acknowledges the item, with a doorbell that nobody may answer yet.
func (p *Pipeline) commit(ctx context.Context, it item.Item, upload []byte) (Receipt, error) {
	var bell task.Bell
	err := p.W.Update(ctx, func(tx *store.Tx) (err error) {
		if err := item.Receive(tx, it); err != nil {
			return err
		}
		bell, err = task.RingHeld(tx, taskMatch, string(it.ID), p.W.DB().LeaseTime())
		return err
	})
	fault.Point("receive.row")
	if houvast.KindOf(err) == houvast.Conflict && it.IdemKey != "" {
		// The same key came in twice at once, and the other one was first.
		if err := p.Blobs.Delete(ctx, it.Blob); err != nil {
			p.Log.Warn("a blob without a row is left to the sweep", "error", err)
		}
		old, found, err := p.itemByKey(ctx, it.Source, it.IdemKey)
		if err == nil && !found {
			err = houvast.Errorf("pipeline.Receive", houvast.Unavailable, "", "the first upload under this key was not kept; send it again")
		}
		if err == nil && old.IdemHash != it.IdemHash {
			err = keyReused()
		}
		return Receipt{ID: old.ID}, err
	}
	if err != nil {
		return Receipt{}, p.unreceive(ctx, it.Blob, err)
	}
	return Receipt{ID: it.ID, Bell: &bell}, nil
}

// unreceive removes the blob of an item that was refused. The commit may have been made although its
// answer was lost; then the blob stays, for the row that may name it.
func (p *Pipeline) unreceive(ctx context.Context, name string, err error) error {
	if houvast.KindOf(err) != houvast.InDoubt {
		if err := p.Blobs.Delete(context.WithoutCancel(ctx), name); err != nil {
			p.Log.Warn("a blob without a row is left to the sweep", "error", err)
		}
	}
	return houvast.Wrap("pipeline.Receive", err)
}

func (p *Pipeline) itemByKey(ctx context.Context, source, key string) (it item.Item, found bool, err error) {
	err = p.W.DB().View(ctx, func(tx *store.Tx) (err error) {
		it, err = item.ByKey(tx, source, key)
		return err
	})
	if houvast.KindOf(err) == houvast.NotFound {
		return it, false, nil
	}
	return it, err == nil, err
}

// again answers a repeated upload with the id of the first, if it is the same upload.
func (p *Pipeline) again(ctx context.Context, old item.Item, in Incoming, err error) (Receipt, error) {
	const op = "pipeline.Receive"
	if err != nil {
		return Receipt{}, houvast.Wrap(op, err)
	}
	sum := item.NewDigester()
	if _, err := p.copyBounded(sum, in.Body); err != nil {
		return Receipt{}, houvast.Wrap(op, err)
	}
	up, err := in.Upload()
	if err != nil {
		return Receipt{}, houvast.Wrap(op, err)
	}
	text, err := json.Marshal(up)
	if err != nil {
		return Receipt{}, houvast.Wrap(op, err)
	}
	if _, _, sha := sum.Hex(); item.IdemHash(sha, text) != old.IdemHash {
		return Receipt{}, keyReused()
	}
	return Receipt{ID: old.ID}, ctx.Err()
}

func keyReused() error {
	return houvast.Errorf("pipeline.Receive", houvast.Conflict, "idempotency-key-reused", "the idempotency key was used for another upload").
		WithHint("use a new key for each new upload")
}

// copyBounded copies at most MaxBytes and refuses more, and refuses nothing at all.
func (p *Pipeline) copyBounded(w io.Writer, r io.Reader) (int64, error) {
	const op = "pipeline.Receive"
	limit := p.Settings.MaxBytes
	n, err := io.Copy(w, io.LimitReader(r, limit+1))
	var ours *houvast.Error
	switch {
	case errors.As(err, &ours):
		return n, err
	case err != nil:
		return n, houvast.Errorf(op, houvast.Invalid, "upload-broken", "the upload broke off").WithHint("send it again under the same idempotency key")
	case n > limit:
		return n, houvast.Errorf(op, houvast.TooLarge, "too_large", "the file is larger than %d MiB", limit>>20).
			WithHint("the bound is [limits] upload_mib")
	case n == 0:
		return n, houvast.Errorf(op, houvast.Invalid, "upload-empty", "the file is empty")
	}
	return n, nil
}
