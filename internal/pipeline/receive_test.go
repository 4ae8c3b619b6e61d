package pipeline_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/evidence"
	"github.com/houvast/houvast/internal/item"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/store"
)

// What met nothing leaves a row that something came in, and nothing else: no bytes, no uploader.
func TestWhatMetNothingIsNotKept(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		data := picture(1)
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(picture(2)))
		r, err := h.Receive(t.Context(), incoming("", data, facts()))
		must(t, r, err)
		s := searchFor(told(), data)

		// Acknowledged: sealed and on disk, and in clear nowhere.
		before := look(h, func(tx *store.Tx) (item.Item, error) { return item.Get(tx, r.ID) })
		equal(t, "state", before.State, houvast.ItemReceived)
		if len(before.Upload) == 0 || before.Blob == "" || len(h.names()) != 1 {
			t.Fatalf("an acknowledged item has no sealed bytes: %+v, blobs %v", before, h.names())
		}
		equal(t, "found in clear", h.residue(s), []string(nil))

		h.tasks.Adopt(*r.Bell)
		h.quiet()
		after := look(h, func(tx *store.Tx) (item.Item, error) { return item.Get(tx, r.ID) })
		equal(t, "state", after.State, houvast.ItemLookedAt)
		if after.Upload != nil || after.Blob != "" || after.Key != "" || len(h.names()) != 0 {
			t.Errorf("what met nothing is kept: %+v, blobs %v", after, h.names())
		}
		equal(t, "cases, evidence, subjects, actions", []int64{h.number("SELECT COUNT(*) FROM review_case"), h.number("SELECT COUNT(*) FROM evidence"),
			h.number("SELECT COUNT(*) FROM subject"), h.number("SELECT COUNT(*) FROM action")}, "[0 0 0 0]")
		equal(t, "found in clear", h.residue(s), []string(nil))
		h.planted(s, facts().Account.ID, data)
	})
}

// What matched is evidence under a key of its own, its facts are sealed with it, and quarantine
// holds nothing any more.
func TestWhatMatchedIsEvidence(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		data := picture(1)
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(data))
		r, err := h.Receive(t.Context(), incoming("", data, facts()))
		must(t, r, err)
		was := look(h, func(tx *store.Tx) (item.Item, error) { return item.Get(tx, r.ID) })
		h.tasks.Adopt(*r.Bell)
		h.quiet()

		it := look(h, func(tx *store.Tx) (item.Item, error) { return item.Get(tx, r.ID) })
		equal(t, "state as the platform is told", it.State, houvast.ItemLookedAt)
		c := look(h, func(tx *store.Tx) (review.Case, error) { return review.OfItem(tx, r.ID) })
		e := look(h, func(tx *store.Tx) (evidence.Evidence, error) { return evidence.OfCase(tx, c.ID) })
		if it.Upload != nil || it.Blob != "" || e.Blob == was.Blob || e.Key == was.Key || e.Key != c.Key || e.State != evidence.Held {
			t.Errorf("item %+v, case %+v, evidence %+v", it, c, e)
		}
		equal(t, "blobs", h.names(), []string{e.Blob})
		equal(t, "the hold ends", e.Destroy, monday.Add(90*24*60*60*1e9))

		got, size, err := h.Original(t.Context(), c.ID)
		must(t, size, err)
		b, err := io.ReadAll(got)
		got.Close()
		if err != nil || !bytes.Equal(b, data) || size != int64(len(data)) {
			t.Errorf("the original is %d bytes, %v, want the %d that came in", len(b), err, len(data))
		}
		_, f, err := h.CaseFacts(t.Context(), c.ID)
		equal(t, "facts of the upload", must(t, f, err).Upload, facts())
		s := searchFor(told(), data)
		equal(t, "found in clear", h.residue(s), []string(nil))
		h.planted(s, facts().URL, data)
	})
}

// What goes into evidence is what came in: bytes that are not those of the row open no case.
func TestOtherBytesAreNotTaken(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		data := picture(1)
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "pdq", hashed(data).PDQ[0].String())
		r, err := h.Receive(t.Context(), incoming("", data, facts()))
		must(t, r, err)
		swap := func(sum string) {
			h.update(func(tx *store.Tx) error {
				_, err := tx.Exec("UPDATE item SET sha256 = $2 WHERE id = $1", r.ID, sum)
				return err
			})
		}
		swap(rowSHA256(picture(2)))
		h.tasks.Adopt(*r.Bell)
		h.quiet()
		equal(t, "cases", h.number("SELECT COUNT(*) FROM review_case"), 0)
		equal(t, "state", h.state(r.ID), houvast.ItemReceived)
		if !strings.Contains(h.log.String(), "not those that were received") {
			t.Error("nobody was told")
		}
		swap(rowSHA256(data))
		h.advance(time.Hour)
		equal(t, "cases of the right bytes", h.number("SELECT COUNT(*) FROM review_case"), 1)
	})
}

// Items of one account are linked, those without one never are.
func TestSubjectsLinkAccounts(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		data := picture(1)
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(data))
		other := facts()
		other.Account.ID = "acct-lynx-1"
		var subjects []houvast.SubjectID
		for _, up := range []houvast.Upload{facts(), facts(), other, strangers(), strangers()} {
			id := h.bring(data, up)
			h.quiet()
			subjects = append(subjects, look(h, func(tx *store.Tx) (review.Case, error) { return review.OfItem(tx, id) }).Subject)
		}
		seen := map[houvast.SubjectID]int{}
		for _, s := range subjects {
			seen[s]++
		}
		if subjects[0] != subjects[1] || len(seen) != 4 {
			t.Errorf("the subjects are %v; the first two are one account, the others nobody's", subjects)
		}
	})
}

// A repeated upload under its key is the same item; another one under that key is refused.
func TestUploadKeys(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a, b := picture(1), picture(2)
		first, err := h.Receive(t.Context(), incoming("k1", a, facts()))
		must(t, first, err)
		again, err := h.Receive(t.Context(), incoming("k1", a, facts()))
		if must(t, again, err).ID != first.ID || again.Bell != nil {
			t.Errorf("the repeated upload is %+v, the first %s", again, first.ID)
		}
		_, err = h.Receive(t.Context(), incoming("k1", b, facts()))
		kind(t, "other bytes under the key", err, houvast.Conflict, "idempotency-key-reused")
		up := facts()
		up.IP = "203.0.113.78"
		_, err = h.Receive(t.Context(), incoming("k1", a, up))
		kind(t, "other facts under the key", err, houvast.Conflict, "idempotency-key-reused")
		other := incoming("k1", b, facts())
		other.Source = "chat"
		apart, err := h.Receive(t.Context(), other)
		if must(t, apart, err).ID == first.ID {
			t.Error("the key of one service is not that of another")
		}
		h.tasks.Adopt(*first.Bell)
		h.tasks.Adopt(*apart.Bell)
		h.quiet()
		again, err = h.Receive(t.Context(), incoming("k1", a, facts())) // the bytes are long gone
		if must(t, again, err).ID != first.ID {
			t.Error("after the walk the repeated upload is another item")
		}
		equal(t, "blobs left", h.names(), []string(nil))
		equal(t, "items", h.number("SELECT COUNT(*) FROM item"), 2)
	})
}

// What is refused leaves nothing behind, and the refusal repeats nothing.
func TestRefusedUploads(t *testing.T) {
	long := strings.Repeat("x", 2084)
	each(t, func(t *testing.T, h *house) {
		h.Settings.MaxBytes = 1 << 20
		for _, c := range []struct {
			name   string
			body   io.Reader
			change func(*houvast.Upload)
			kind   houvast.Kind
			code   string
		}{
			{"too large", bytes.NewReader(make([]byte, 1<<20+1)), nil, houvast.TooLarge, "too_large"},
			{"empty", strings.NewReader(""), nil, houvast.Invalid, "upload-empty"},
			{"broken off", iotest.ErrReader(errors.New("reset")), nil, houvast.Invalid, "upload-broken"},
			{"address", nil, func(u *houvast.Upload) { u.IP = "not an address" }, houvast.Invalid, "bad-field"},
			{"port", nil, func(u *houvast.Upload) { u.Port = 65536 }, houvast.Invalid, "bad-field"},
			{"url", nil, func(u *houvast.Upload) { u.URL = "ftp://forum.example/x" }, houvast.Invalid, "bad-field"},
			{"profile", nil, func(u *houvast.Upload) { u.ProfileURL = "https:///x" }, houvast.Invalid, "bad-field"},
			{"line break", nil, func(u *houvast.Upload) { u.FileName = "a\nb" }, houvast.Invalid, "bad-field"},
			{"no text", nil, func(u *houvast.Upload) { u.ScreenName = "\xff" }, houvast.Invalid, "bad-field"},
			{"long", nil, func(u *houvast.Upload) { u.Context = long }, houvast.Invalid, "bad-field"},
			{"account", nil, func(u *houvast.Upload) { u.Account.ID = long[:256] }, houvast.Invalid, "bad-field"},
			{"context", nil, func(u *houvast.Upload) { u.ContextKind = "direct_message" }, houvast.Invalid, "bad-field"},
		} {
			in := incoming("", picture(1), facts())
			if c.body != nil {
				in.Body = c.body
			}
			if c.change != nil {
				up := facts()
				c.change(&up)
				in.Upload = func() (houvast.Upload, error) { return up, nil }
			}
			_, err := h.Receive(t.Context(), in)
			kind(t, c.name, err, c.kind, c.code)
			if err != nil && len(searchFor(told()).in([]byte(err.Error()))) > 0 {
				t.Errorf("%s: the refusal repeats what was sent: %v", c.name, err)
			}
		}
		equal(t, "blobs left", h.names(), []string(nil))
		equal(t, "items", h.number("SELECT COUNT(*) FROM item"), 0)
	})
}

func incoming(key string, data []byte, up houvast.Upload) pipeline.Incoming {
	return pipeline.Incoming{Source: "forum", Key: key, Body: bytes.NewReader(data), Upload: func() (houvast.Upload, error) { return up, nil }}
}
