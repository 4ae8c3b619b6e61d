package reveal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/internal/draw"
	"github.com/houvast/houvast/internal/pipeline/reveal"
	"github.com/houvast/houvast/internal/pipeline/reveal/revealtest"
	"github.com/houvast/houvast/internal/review"
	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/store"
)

var (
	ask   = revealtest.Ask
	token = revealtest.Token
	pic   = revealtest.Picture
)

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

func viewed(h *revealtest.House, id houvast.CaseID) (yes bool) {
	h.T.Helper()
	h.Must(h.W.DB().View(h.T.Context(), func(tx *store.Tx) (err error) { yes, err = review.Viewed(tx, id); return err }))
	return yes
}

// A person claims, the renditions come by themselves, and each step is granted, served and shown.
func TestLook(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		v, ctx, data := h.Viewer, h.T.Context(), pic(1)
		c := h.Claimed(draw.Exif(data, 6), "anna")
		v.Prepare(c.ID, c.ClaimedBy, c.ClaimEnds)
		h.Until("it is ready", func() bool { return v.State(ctx, c.ID).State == reveal.Ready })
		equal(h.T, "state", v.State(ctx, c.ID), reveal.View{State: reveal.Ready, Frames: 1, Whole: true, Width: 480, Height: 640})

		all := decode.Render(draw.Exif(data, 6), decode.DefaultLimits())
		want := []decode.Rendition{all.Mosaic, all.Blurred, all.Grey, all.Colour}
		var last reveal.Ticket
		for i, level := range review.Levels() {
			if i < 3 {
				all := review.Levels()
				_, err := v.Grant(ctx, ask("anna"), "s1", c.ID, all[i+1])
				h.Kind("the step after "+string(level), err, houvast.Conflict, "step-skipped")
			}
			tk, err := v.Grant(ctx, ask("anna"), "s1", c.ID, level)
			h.Must(err)
			if why := h.Unsigned(tk.Reveal); why != "" {
				h.T.Errorf("%s: %s", level, why)
			}
			equal(h.T, "ticket", []any{tk.Width, tk.Height, tk.MediaType, tk.Expires}, []any{want[i].Width, want[i].Height, "image/jpeg", h.Clock.Now().Add(30 * time.Second)})
			if !strings.HasPrefix(tk.Path, "/r/"+c.ID.String()+"/"+string(level)+"/") || len(token(tk)) < 32 {
				h.T.Errorf("the path is %s", tk.Path)
			}
			r, served, err := v.Redeem(ctx, c.ID, level, token(tk), tk.Proof)
			h.Must(err)
			if !bytes.Equal(r.Data, want[i].Data) || r.Level != level || r.Width != tk.Width {
				h.T.Errorf("%s gives another picture", level)
			}
			served(nil)
			served(errors.New("said twice"))
			reached, err := v.Reached(ctx, c.ID, "user:anna")
			h.Must(err)
			equal(h.T, "reached", reached, level)
			last = tk
		}
		if viewed(h, c.ID) {
			h.T.Error("viewed before it was shown")
		}
		h.Clock.Pass(5 * time.Second)
		h.Must(v.Shown(ctx, ask("anna"), "s1", last.Reveal, 1500))
		if !viewed(h, c.ID) {
			h.T.Error("not viewed, after the whole file was shown in colour")
		}
		equal(h.T, "lines", []int64{h.Lines(reveal.OpGrant, c.ID, "reveal_"), h.Lines(reveal.OpServed, c.ID, "reveal_"), h.Lines(reveal.OpShown, c.ID, `"ms":"1500"`), h.Lines(reveal.OpRefused, c.ID, "")}, "[4 4 1 0]")
		equal(h.T, "lines that hold a token or a proof", h.Number("SELECT COUNT(*) FROM audit_line WHERE detail LIKE $1 OR detail LIKE $2", "%"+token(last)+"%", "%"+last.Proof+"%"), 0)
	})
}

// Before bytes can leave, the line of the grant is there and signed. When nothing is signed there is no
// ticket, so nothing can leave. The control takes the wait away, and is caught.
func TestSignedBeforeBytes(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		c := h.Claimed(pic(1), "anna")
		tk, _ := h.Look(c.ID, "anna", "s1", review.LevelMosaic)
		equal(h.T, "of what was served", h.Unsigned(tk.Reveal), "")

		h.StopAudit()
		ctx, cancel := context.WithTimeout(h.T.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := h.Viewer.Grant(ctx, ask("anna"), "s1", c.ID, review.LevelMosaic)
		if err == nil {
			h.T.Error("a grant whose line nobody signs gave a ticket")
		}
		_, _, tickets := h.Viewer.Kept()
		equal(h.T, "tickets", tickets, 1)

		control := reveal.New(h.Pipeline, slog.New(slog.DiscardHandler))
		defer control.Close()
		control.SkipWait()
		tk, err = control.Grant(h.T.Context(), ask("anna"), "s1", c.ID, review.LevelMosaic)
		h.Must(err)
		r, _, err := control.Redeem(h.T.Context(), c.ID, review.LevelMosaic, token(tk), tk.Proof)
		h.Must(err)
		if len(r.Data) == 0 || h.Unsigned(tk.Reveal) != "the line of the grant is not signed" {
			h.T.Errorf("the control gave %d bytes and went unseen: %q", len(r.Data), h.Unsigned(tk.Reveal))
		}
	})
}

// Every way to ask for what is not one's own gives the same nothing, and one line that says why.
func TestRefusals(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		v, ctx := h.Viewer, h.T.Context()
		other := h.Claimed(pic(2), "bram")
		c := h.Claimed(pic(1), "anna")
		var open, ended sync.Map
		v.SessionOpen = func(_ context.Context, session string) (bool, error) {
			if _, ok := ended.Load(session); ok {
				return false, nil
			}
			if _, ok := open.Load("fails"); ok {
				return true, errors.New("the database is away")
			}
			return true, nil
		}
		stranger, err := v.Grant(ctx, ask("bram"), "s2", other.ID, review.LevelMosaic)
		h.Must(err)
		proofOf := func(session string) string {
			tk, err := v.Grant(ctx, ask("bram"), session, other.ID, review.LevelMosaic)
			h.Must(err)
			_, _, err = v.Redeem(ctx, other.ID, review.LevelMosaic, token(tk), tk.Proof)
			h.Must(err)
			return tk.Proof
		}
		if proofOf("s2") != stranger.Proof || proofOf("s3") == stranger.Proof {
			h.T.Error("the proof is not that of the session")
		}
		grant := func() reveal.Ticket {
			h.T.Helper()
			tk, err := v.Grant(ctx, ask("anna"), "s1", c.ID, review.LevelMosaic)
			h.Must(err)
			return tk
		}
		use := func(tk reveal.Ticket) error {
			_, served, err := v.Redeem(ctx, c.ID, review.LevelMosaic, token(tk), tk.Proof)
			if err == nil {
				served(nil)
			}
			return err
		}
		reclaim := func() {
			h.T.Helper()
			c = h.Claim("anna")
			v.Prepare(c.ID, c.ClaimedBy, c.ClaimEnds)
		}
		tries, lines := 0, int64(0)
		for _, try := range []struct {
			name, why string
			do        func(tk reveal.Ticket) error
		}{
			{"the control", "", use},
			{"another case", "another case", func(tk reveal.Ticket) error {
				_, _, err := v.Redeem(ctx, other.ID, review.LevelMosaic, token(tk), tk.Proof)
				return err
			}},
			{"another level", "another level", func(tk reveal.Ticket) error {
				_, _, err := v.Redeem(ctx, c.ID, review.LevelColour, token(tk), tk.Proof)
				return err
			}},
			{"another session", "another session", func(tk reveal.Ticket) error {
				_, _, err := v.Redeem(ctx, c.ID, review.LevelMosaic, token(tk), stranger.Proof)
				return err
			}},
			{"no proof", "another session", func(tk reveal.Ticket) error {
				_, _, err := v.Redeem(ctx, c.ID, review.LevelMosaic, token(tk), "")
				return err
			}},
			{"a second use", "used before", func(tk reveal.Ticket) error { h.Must(use(tk)); return use(tk) }},
			{"half a minute later", "too late", func(tk reveal.Ticket) error { h.Clock.Pass(reveal.ValidFor); return use(tk) }},
			{"a session that was closed", "the session has ended", func(tk reveal.Ticket) error { v.EndSession("s1"); return use(tk) }},
			{"a session that ended elsewhere", "the session has ended", func(tk reveal.Ticket) error {
				ended.Store("s1", true)
				defer ended.Delete("s1")
				return use(tk)
			}},
			{"a session nobody can ask about", "the session has ended", func(tk reveal.Ticket) error {
				open.Store("fails", true)
				defer open.Delete("fails")
				return use(tk)
			}},
			{"a case that was let go", "the claim has ended", func(tk reveal.Ticket) error { v.Forget(c.ID, c.ClaimedBy); return use(tk) }},
			{"a case that was given back elsewhere", "the claim has ended", func(tk reveal.Ticket) error {
				h.Must(h.W.Update(ctx, func(tx *store.Tx) error { return review.GiveBack(tx, c.ID, "user:anna") }))
				err := use(tk)
				reclaim()
				return err
			}},
			{"a claim that another person has now", "the claim has ended", func(tk reveal.Ticket) error {
				v.Prepare(c.ID, "user:carol", c.ClaimEnds)
				err := use(tk)
				v.Forget(c.ID, c.ClaimedBy)
				return err
			}},
			{"a claim that ran out", "the claim has ended", func(tk reveal.Ticket) error {
				h.Clock.Advance(review.ClaimTime) // the calendar alone: the ticket itself is young
				err := use(tk)
				reclaim()
				return err
			}},
		} {
			if other := h.Claim("bram"); other.ID == c.ID { // keeps the other case out of the way
				h.T.Fatal("bram was handed the case of anna")
			}
			tk := grant()
			err := try.do(tk)
			if try.why == "" {
				h.Must(err)
				continue
			}
			tries, lines = tries+1, lines+1
			h.Kind(try.name, err, houvast.NotFound, "")
			if err != nil && err.Error() != "there is nothing at this address" {
				h.T.Errorf("%s: it says %q", try.name, err)
			}
			equal(h.T, try.name+", its line", h.Number("SELECT COUNT(*) FROM audit_line WHERE action = $1 AND detail LIKE $2 AND detail LIKE $3", reveal.OpRefused, "%"+tk.Reveal+"%", `%"why":"`+try.why+`"%`), 1)
			equal(h.T, try.name+", all lines", h.Number("SELECT COUNT(*) FROM audit_line WHERE action = $1", reveal.OpRefused), lines)
		}
		_, _, err = v.Redeem(ctx, c.ID, review.LevelMosaic, houvast.RandomText("look", 32), stranger.Proof)
		h.Kind("an address that never was", err, houvast.NotFound, "")
		equal(h.T, "lines about it", h.Number("SELECT COUNT(*) FROM audit_line WHERE action = $1", reveal.OpRefused), lines)
		h.T.Logf("%d refusals, each with its line", tries)
	})
}

// Of many who come with one address at once, one is served; the log holds at most 20 lines about the
// others.
func TestOneUse(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		c := h.Claimed(pic(1), "anna")
		tk, err := h.Viewer.Grant(h.T.Context(), ask("anna"), "s1", c.ID, review.LevelMosaic)
		h.Must(err)
		var wg sync.WaitGroup
		got := make(chan error, 40)
		for range cap(got) {
			wg.Go(func() {
				_, served, err := h.Viewer.Redeem(h.T.Context(), c.ID, review.LevelMosaic, token(tk), tk.Proof)
				if err == nil {
					served(nil)
				}
				got <- err
			})
		}
		wg.Wait()
		close(got)
		given := 0
		for err := range got {
			if err == nil {
				given++
			}
		}
		equal(h.T, "served, lines", []any{given, h.Lines(reveal.OpRefused, c.ID, tk.Reveal)}, "[1 20]")
	})
}

// What ends while the line is being signed ends the ticket too.
func TestEndsWhileGranting(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		c := h.Claimed(pic(1), "anna")
		for _, try := range []struct {
			code string
			kind houvast.Kind
			end  func(v *reveal.Viewer)
		}{
			{"claim-lost", houvast.Conflict, func(v *reveal.Viewer) { v.Forget(c.ID, c.ClaimedBy) }},
			{"session-ended", houvast.Unauthenticated, func(v *reveal.Viewer) { v.EndSession("s1") }},
			{"", 0, func(v *reveal.Viewer) { v.EndSession("s2") }},
		} {
			v := reveal.New(h.Pipeline, slog.New(slog.DiscardHandler))
			v.WhileGranting(func() { try.end(v) })
			_, err := v.Grant(h.T.Context(), ask("anna"), "s1", c.ID, review.LevelMosaic)
			if try.code == "" {
				h.Must(err)
			} else {
				h.Kind("a grant", err, try.kind, try.code)
				_, _, tickets := v.Kept()
				equal(h.T, "tickets", tickets, 0)
			}
			v.Close()
		}
	})
}

// What cannot be decoded has a reason and no pictures; asking for a look writes nothing.
func TestCannotBeShown(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		v, ctx := h.Viewer, h.T.Context()
		c := h.Claimed(draw.Cut(pic(1)), "anna")
		v.Prepare(c.ID, c.ClaimedBy, c.ClaimEnds)
		h.Until("it is known", func() bool { return v.State(ctx, c.ID).State != reveal.Preparing })
		equal(h.T, "state", v.State(ctx, c.ID), reveal.View{State: reveal.Cannot, Reason: decode.Damaged})
		_, err := v.Grant(ctx, ask("anna"), "s1", c.ID, review.LevelMosaic)
		h.Kind("a grant", err, houvast.Unsupported, "cannot-be-shown")
		_, err = v.Grant(ctx, ask("anna"), "s1", c.ID, "poster")
		h.Kind("no level", err, houvast.Invalid, "bad-level")
		_, err = v.Grant(ctx, ask("bram"), "s1", c.ID, review.LevelMosaic)
		h.Kind("who holds nothing", err, houvast.Conflict, "claim-lost")
		_, err = v.Grant(ctx, ask("anna"), "", c.ID, review.LevelMosaic)
		h.Kind("without a session", err, houvast.Forbidden, "")
		equal(h.T, "reveals and lines", []int64{h.Number("SELECT COUNT(*) FROM reveal"), h.Lines(reveal.OpGrant, c.ID, "")}, "[0 0]")
		equal(h.T, "a case nobody holds", v.State(ctx, h.Matched(pic(3)).ID), reveal.View{State: reveal.Unclaimed})
	})
}

// A child that was taken over cannot put anything but plain pictures and our own words on a page.
func TestChildIsNotBelieved(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		ctx := h.T.Context()
		c := h.Claimed(pic(1), "anna")
		good := decode.Render(pic(1), decode.DefaultLimits())
		answer := func(change func(r *decode.Renditions)) revealtest.Render {
			return func(context.Context, []byte) ([]byte, error) {
				r := good
				change(&r)
				return json.Marshal(r)
			}
		}
		comment := append([]byte{0xff, 0xd8, 0xff, 0xfe, 0, 6, 'b', 'a', 'i', 't'}, good.Colour.Data[2:]...)
		for _, try := range []struct {
			name  string
			child revealtest.Render
			want  reveal.View
		}{
			{"a good answer", answer(func(*decode.Renditions) {}), reveal.View{State: reveal.Ready, Frames: 1, Whole: true, Width: 640, Height: 480}},
			{"words of ours", answer(func(r *decode.Renditions) { *r = decode.Renditions{Status: houvast.Archive, Reason: decode.Packed} }), reveal.View{State: reveal.Cannot, Reason: decode.Packed}},
			{"no JSON", func(context.Context, []byte) ([]byte, error) { return []byte("hello"), nil }, lie},
			{"words that are not ours", answer(func(r *decode.Renditions) {
				*r = decode.Renditions{Status: houvast.Unreadable, Reason: "<img src=x>"}
			}), lie},
			{"no reason", answer(func(r *decode.Renditions) { *r = decode.Renditions{Status: houvast.Unreadable} }), lie},
			{"an unknown status", answer(func(r *decode.Renditions) { *r = decode.Renditions{Status: "fine", Reason: "fine"} }), lie},
			{"a level is missing", answer(func(r *decode.Renditions) { r.Blurred.Data = nil }), lie},
			{"a comment", answer(func(r *decode.Renditions) { r.Colour.Data = comment }), lie},
			{"bytes behind the end", answer(func(r *decode.Renditions) {
				r.Grey.Data = append(bytes.Clone(r.Grey.Data), "<script>\xff\xd9"...)
			}), lie},
			{"another type", answer(func(r *decode.Renditions) { r.Mosaic.Data = draw.PNG(draw.Picture(draw.Flat, 9, 9, 1)) }), lie},
			{"a page", answer(func(r *decode.Renditions) { r.Mosaic.Data = []byte("<html>") }), lie},
			{"too large", answer(func(r *decode.Renditions) { r.Colour.Data = draw.JPEG(draw.Picture(draw.Flat, 1200, 900, 1), 80) }), lie},
			{"no size", answer(func(r *decode.Renditions) { r.Width = 0 }), lie},
			{"no frames", answer(func(r *decode.Renditions) { r.Frames = -1 }), lie},
			{"a crash", fails("child-crash"), reveal.View{State: reveal.Cannot, Reason: "child-crash"}},
			{"too many bytes", func(context.Context, []byte) ([]byte, error) {
				return nil, houvast.Errorf("sandbox.Do", houvast.TooLarge, "data-too-large", "too much")
			}, reveal.View{State: reveal.Cannot, Reason: decode.TooManyBytes}},
		} {
			v := reveal.New(h.Pipeline, slog.New(slog.DiscardHandler))
			h.SetRender(try.child)
			v.Prepare(c.ID, c.ClaimedBy, c.ClaimEnds)
			h.Until("it is known", func() bool { return v.State(ctx, c.ID).State != reveal.Preparing })
			equal(h.T, try.name, v.State(ctx, c.ID), try.want)
			v.Close()
		}
	})
}

var lie = reveal.View{State: reveal.Cannot, Reason: string(sandbox.ChildAnswer)}

func fails(code string) revealtest.Render {
	return func(context.Context, []byte) ([]byte, error) {
		return nil, houvast.Errorf("sandbox.Do", houvast.Unavailable, code, "the child failed")
	}
}

// What the machine failed at is tried again when somebody asks for a look; what the file failed at is not.
func TestTriesAgain(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		v, ctx := h.Viewer, h.T.Context()
		c := h.Claimed(pic(1), "anna")
		for _, code := range []string{"child-gone", "child-start", "child-wall"} {
			h.SetRender(fails(code))
			_, err := v.Grant(ctx, ask("anna"), "s1", c.ID, review.LevelMosaic)
			h.Kind(code, err, houvast.Unsupported, "cannot-be-shown")
			equal(h.T, "state", v.State(ctx, c.ID), reveal.View{State: reveal.Cannot, Reason: code})
		}
		h.SetRender(revealtest.RenderHere)
		_, err := v.Grant(ctx, ask("anna"), "s1", c.ID, review.LevelMosaic)
		h.Must(err)
		v.Forget(c.ID, c.ClaimedBy)
		h.SetRender(fails("child-cpu"))
		_, err = v.Grant(ctx, ask("anna"), "s1", c.ID, review.LevelMosaic)
		h.Kind("child-cpu", err, houvast.Unsupported, "cannot-be-shown")
		h.SetRender(revealtest.RenderHere)
		_, err = v.Grant(ctx, ask("anna"), "s1", c.ID, review.LevelMosaic)
		h.Kind("child-cpu again", err, houvast.Unsupported, "cannot-be-shown")
	})
}

// Who reads the facts never waits for a rendering; who asks for a look does, as long as they like. At
// most two are under way, and what is let go stops.
func TestPreparesInTheBackground(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		v, ctx := h.Viewer, h.T.Context()
		began, stopped, gate := make(chan struct{}, 9), make(chan struct{}, 9), make(chan struct{})
		h.SetRender(func(ctx context.Context, data []byte) ([]byte, error) {
			began <- struct{}{}
			select {
			case <-gate:
				return revealtest.RenderHere(ctx, data)
			case <-ctx.Done():
				stopped <- struct{}{}
				return nil, ctx.Err()
			}
		})
		var all []review.Case
		for i, by := range []string{"anna", "bram", "carol", "dirk"} {
			c := h.Claimed(pic(uint64(10+i)), by)
			v.Prepare(c.ID, c.ClaimedBy, c.ClaimEnds)
			v.Prepare(c.ID, c.ClaimedBy, c.ClaimEnds)
			equal(h.T, "state", v.State(ctx, c.ID), reveal.View{State: reveal.Preparing})
			all = append(all, c)
		}
		<-began
		<-began
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		_, err := v.Grant(short, ask("anna"), "s1", all[0].ID, review.LevelMosaic)
		h.Kind("a look at what is not there yet", err, houvast.Unavailable, "still-preparing")
		equal(h.T, "under way besides the two", len(began), 0)
		for _, c := range all[1:] { // in whatever order they came, one of the two under way at least
			v.Forget(c.ID, c.ClaimedBy)
		}
		<-stopped
		got := make(chan error, 1)
		go func() {
			_, err := v.Grant(ctx, ask("anna"), "s1", all[0].ID, review.LevelMosaic)
			got <- err
		}()
		close(gate)
		h.Must(<-got)
		claims, _, _ := v.Kept()
		equal(h.T, "claims", claims, 1)
	})
}

// Memory is bounded, and given back when the claim ends, also when nobody asks any more.
func TestBounds(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		v, ctx := h.Viewer, h.T.Context()
		var all []review.Case
		for i, by := range []string{"anna", "bram", "carol"} {
			all = append(all, h.Claimed(pic(uint64(10+i)), by))
			h.Clock.Advance(time.Second)
		}
		look := func(i int) {
			h.T.Helper()
			_, err := v.Grant(ctx, ask([]string{"anna", "bram", "carol"}[i]), "s1", all[i].ID, review.LevelMosaic)
			h.Must(err)
		}
		look(0)
		_, one, _ := v.Kept()
		v.Bound(9, one*5/2)
		look(1)
		look(2)
		equal(h.T, "kept", []bool{v.Has(all[0].ID), v.Has(all[1].ID), v.Has(all[2].ID)}, "[false true true]")
		if _, n, _ := v.Kept(); n > one*5/2 {
			h.T.Errorf("%d bytes are kept, and %d allowed", n, one*5/2)
		}
		look(0) // it comes again when somebody asks
		v.Bound(2, 1<<30)
		v.Forget(all[0].ID, all[0].ClaimedBy)
		look(0)
		equal(h.T, "kept of the two that end last", []bool{v.Has(all[0].ID), v.Has(all[1].ID), v.Has(all[2].ID)}, "[true false true]")
		claims, _, _ := v.Kept()
		equal(h.T, "claims", claims, 2)

		for range 9 {
			_, err := v.Grant(ctx, ask("anna"), "s1", all[0].ID, review.LevelMosaic)
			if err != nil {
				h.Kind("many looks that nobody uses", err, houvast.Limited, "too-many-reveals")
				h.Clock.Pass(reveal.ValidFor)
				look(0)
				break
			}
		}
		v.Extend(all[0].ID, "user:bram", h.Clock.Now().Add(time.Hour)) // it is not theirs
		v.Extend(all[0].ID, "user:anna", h.Clock.Now().Add(20*time.Minute))
		h.Clock.Advance(review.ClaimTime)
		equal(h.T, "state of an extended claim", v.State(ctx, all[0].ID).State, reveal.Ready)
		h.Clock.Advance(10 * time.Minute)
		equal(h.T, "state of one that ran out", v.State(ctx, all[0].ID).State, reveal.Unclaimed)

		v.Forget(all[1].ID, all[1].ClaimedBy)
		v.Forget(all[2].ID, all[2].ClaimedBy)
		v.Prepare(all[0].ID, "user:anna", h.Clock.Now().Add(40*time.Millisecond))
		h.Clock.Advance(40 * time.Millisecond)
		h.Until("memory is given back", func() bool { claims, bytes, _ := v.Kept(); return claims == 0 && bytes == 0 })
	})
}

// A crash between the facts makes none of the next, and leaves no address that works.
func TestCrash(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		ctx := h.T.Context()
		c := h.Claimed(pic(1), "anna")
		h.Look(c.ID, "anna", "s1", review.LevelGrey)
		tk, err := h.Viewer.Grant(ctx, ask("anna"), "s1", c.ID, review.LevelColour)
		h.Must(err)
		unused, err := h.Viewer.Grant(ctx, ask("anna"), "s1", c.ID, review.LevelColour)
		h.Must(err)
		_, served, err := h.Viewer.Redeem(ctx, c.ID, review.LevelColour, token(tk), tk.Proof)
		h.Must(err)
		_ = served // the process ends here
		h.Clock.Pass(10 * time.Second)

		after := reveal.New(h.Pipeline, slog.New(slog.DiscardHandler))
		defer after.Close()
		_, _, err = after.Redeem(ctx, c.ID, review.LevelColour, token(unused), unused.Proof)
		h.Kind("an address from before", err, houvast.NotFound, "")
		h.Kind("shown", after.Shown(ctx, ask("anna"), "s1", tk.Reveal, 5000), houvast.Conflict, "not-served")
		equal(h.T, "viewed, served", []any{viewed(h, c.ID), h.Number("SELECT COUNT(*) FROM reveal WHERE served <> 0")}, "[false 3]")
		equal(h.T, "state", after.State(ctx, c.ID).State, reveal.Preparing) // made anew

		// The same with a client that went away; then what was missing, as the control.
		tk, err = after.Grant(ctx, ask("anna"), "s1", c.ID, review.LevelColour)
		h.Must(err)
		_, served, err = after.Redeem(ctx, c.ID, review.LevelColour, token(tk), tk.Proof)
		h.Must(err)
		served(io.ErrShortWrite)
		h.Clock.Pass(10 * time.Second)
		h.Kind("shown", after.Shown(ctx, ask("anna"), "s1", tk.Reveal, 5000), houvast.Conflict, "not-served")
		tk, err = after.Grant(ctx, ask("anna"), "s1", c.ID, review.LevelColour)
		h.Must(err)
		_, served, err = after.Redeem(ctx, c.ID, review.LevelColour, token(tk), tk.Proof)
		h.Must(err)
		served(nil)
		h.Clock.Pass(10 * time.Second)
		h.Must(after.Shown(ctx, ask("anna"), "s1", tk.Reveal, 5000))
		equal(h.T, "viewed", viewed(h, c.ID), true)
	})
}

// Only who was granted a reveal says how long it was shown, and never for longer than it can have been,
// whichever clock was moved.
func TestShown(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		v, ctx := h.Viewer, h.T.Context()
		c := h.Claimed(pic(1), "anna")
		tk, _ := h.Look(c.ID, "anna", "s1", review.LevelMosaic)
		shown := func() int64 { return h.Number("SELECT MAX(shown) FROM reveal") }
		h.Kind("another person", v.Shown(ctx, ask("bram"), "s1", tk.Reveal, 10), houvast.NotFound, "")
		h.Kind("another session", v.Shown(ctx, ask("anna"), "s2", tk.Reveal, 10), houvast.NotFound, "")
		for _, name := range []string{"", "reveal_", "reveal_zz", strings.ToUpper(tk.Reveal), tk.Reveal + "0", "reveal_00000000000000ff"} {
			h.Kind("the reveal "+name, v.Shown(ctx, ask("anna"), "s1", name, 10), houvast.NotFound, "")
		}
		equal(h.T, "shown", shown(), 0)
		h.Clock.Advance(8 * time.Minute) // somebody moved the calendar
		h.Must(v.Shown(ctx, ask("anna"), "s1", tk.Reveal, 60_000))
		equal(h.T, "shown with the calendar moved", shown(), 0)
		h.Clock.Pass(700 * time.Millisecond)
		h.Must(v.Shown(ctx, ask("anna"), "s1", tk.Reveal, 60_000))
		equal(h.T, "shown, by a second word", []int64{shown(), h.Lines(reveal.OpShown, c.ID, "")}, "[0 1]")
		tk, _ = h.Look(c.ID, "anna", "s1", review.LevelMosaic)
		h.Clock.Pass(700 * time.Millisecond)
		keyed := ask("anna")
		keyed.Key, keyed.Body = "k", "b"
		h.Must(v.Shown(ctx, keyed, "s1", tk.Reveal, 60_000))
		h.Must(v.Shown(ctx, keyed, "s1", tk.Reveal, 60_000)) // the same request
		equal(h.T, "shown after 700 ms", []int64{shown(), h.Lines(reveal.OpShown, c.ID, "")}, "[700 2]")
		keyed.Key = "another"
		for range 2 { // asked again, answered as before: with nothing
			h.Must(v.Shown(ctx, keyed, "s1", tk.Reveal, 3))
		}
		equal(h.T, "shown after a late, smaller figure", []int64{shown(), h.Lines(reveal.OpShown, c.ID, "")}, "[700 2]")
	})
}

// A word is taken from an open session alone and while the claim lasts, or a moment longer, also by a
// viewer that knows nothing of the ticket any more.
func TestShownNeedsSessionAndClaim(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		ctx, c := h.T.Context(), h.Claimed(pic(1), "anna")
		var looks []reveal.Ticket
		for range 4 {
			tk, _ := h.Look(c.ID, "anna", "s1", review.LevelMosaic)
			looks = append(looks, tk)
		}
		h.Clock.Pass(2 * time.Second)
		forgot := reveal.New(h.Pipeline, slog.New(slog.DiscardHandler))
		defer forgot.Close()
		var open atomic.Bool
		for _, v := range []*reveal.Viewer{h.Viewer, forgot} {
			v.SessionOpen = func(context.Context, string) (bool, error) { return open.Load(), nil }
		}
		for i, v := range []*reveal.Viewer{h.Viewer, forgot} {
			open.Store(false)
			h.Kind("with a closed session", v.Shown(ctx, ask("anna"), "s1", looks[i].Reveal, 1500), houvast.Unauthenticated, "session-ended")
			open.Store(true)
			h.Must(v.Shown(ctx, ask("anna"), "s1", looks[i].Reveal, 1500)) // the control
		}
		h.Must(h.W.Update(ctx, func(tx *store.Tx) error { return review.GiveBack(tx, c.ID, "user:anna") }))
		h.Clock.Advance(review.TellTime - time.Second)
		h.Must(h.Viewer.Shown(ctx, ask("anna"), "s1", looks[2].Reveal, 1500))
		h.Clock.Advance(time.Second)
		for _, v := range []*reveal.Viewer{h.Viewer, forgot} {
			h.Kind("after the claim", v.Shown(ctx, ask("anna"), "s1", looks[3].Reveal, 1500), houvast.Conflict, "claim-lost")
		}
		equal(h.T, "counted", h.Number("SELECT COUNT(*) FROM reveal WHERE shown > 0"), 3)
	})
}

// A word that comes just after the decision can still make a case viewed. Then its draft is another one,
// and who read the old one does not approve it.
func TestShownMakesAnotherDraft(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		ctx, c := h.T.Context(), h.Claimed(pic(1), "anna")
		short, _ := h.Look(c.ID, "anna", "s1", review.LevelColour)
		long, _ := h.Look(c.ID, "anna", "s1", review.LevelColour)
		h.Clock.Pass(2 * time.Second)
		out, err := h.Decide(ctx, ask("anna"), c.ID, review.Verdict{Decision: houvast.DecideAbuse, Role: houvast.RoleUploader})
		h.Must(err)
		read := func() (version int64, viewed bool) {
			r, _, viewed, err := h.Report(ctx, out.Report)
			h.Must(err)
			return r.Version, viewed
		}
		before, _ := read()
		h.Must(h.Viewer.Shown(ctx, ask("anna"), "s1", short.Reveal, 40))
		version, viewed := read()
		equal(h.T, "after a glance", []any{version == before, viewed}, "[true false]")
		h.Must(h.Viewer.Shown(ctx, ask("anna"), "s1", long.Reveal, 1500))
		version, viewed = read()
		equal(h.T, "after a look", []any{version > before, viewed}, "[true true]")
		_, err = h.Approve(ctx, ask("cleo"), out.Report, before)
		h.Kind("approving what was read before", err, houvast.Conflict, "wrong-state")
	})
}

// Who does not hold a case any more lets nothing of it go: a request that comes again is answered as
// before, and takes nothing from a colleague.
func TestForgetIsOfTheHolder(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		ctx, c := h.T.Context(), h.Claimed(pic(1), "anna")
		h.Must(h.W.Update(ctx, func(tx *store.Tx) error { return review.GiveBack(tx, c.ID, "user:anna") }))
		h.Viewer.Forget(c.ID, "user:anna")
		equal(h.T, "bram's", h.Claim("bram").ID, c.ID)
		tk, err := h.Viewer.Grant(ctx, ask("bram"), "s2", c.ID, review.LevelMosaic)
		h.Must(err)
		h.Viewer.Forget(c.ID, "user:anna")
		equal(h.T, "kept", h.Viewer.Has(c.ID), true)
		_, served, err := h.Viewer.Redeem(ctx, c.ID, review.LevelMosaic, token(tk), tk.Proof)
		h.Must(err)
		served(nil)
		h.Viewer.Forget(c.ID, "user:bram") // the control
		equal(h.T, "kept after his own word", h.Viewer.Has(c.ID), false)
	})
}

// The page may say that it showed something before our own note is written that it was served.
func TestShownWaitsForServed(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		v, ctx := h.Viewer, h.T.Context()
		c := h.Claimed(pic(1), "anna")
		tk, err := v.Grant(ctx, ask("anna"), "s1", c.ID, review.LevelMosaic)
		h.Must(err)
		_, served, err := v.Redeem(ctx, c.ID, review.LevelMosaic, token(tk), tk.Proof)
		h.Must(err)
		said := make(chan error, 1)
		go func() { said <- v.Shown(ctx, ask("anna"), "s1", tk.Reveal, 5) }()
		served(nil)
		h.Must(<-said)
	})
}

// The page has the last byte a moment before that is on record. Whoever asks for the next step in that
// moment waits for it, and has skipped none; without a record they have.
func TestNextStepWaitsForServed(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		ctx, c := h.T.Context(), h.Claimed(pic(1), "anna")
		redeem := func() func(error) {
			mosaic, err := h.Viewer.Grant(ctx, ask("anna"), "s1", c.ID, review.LevelMosaic)
			h.Must(err)
			_, served, err := h.Viewer.Redeem(ctx, c.ID, review.LevelMosaic, token(mosaic), mosaic.Proof)
			h.Must(err)
			return served
		}
		next := func() chan error {
			said := make(chan error, 1)
			go func() {
				_, err := h.Viewer.Grant(ctx, ask("anna"), "s1", c.ID, review.LevelBlurred)
				said <- err
			}()
			return said
		}
		broken, said := redeem(), next()
		broken(errors.New("the reader went away"))
		h.Kind("after a step that did not arrive", <-said, houvast.Conflict, "step-skipped")

		served, said := redeem(), next()
		select {
		case err := <-said:
			h.T.Fatalf("the next step did not wait: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
		served(nil)
		h.Must(<-said)
	})
}

// Through all of it, from the upload to the address, nothing of a hostile file comes along.
func TestHostileFile(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		const bait = "Exif\x00\x00<script>alert('0123456789 0123456789 0123456789')</script>"
		jpg := pic(7)
		data := bytes.Join([][]byte{jpg[:2], {0xff, 0xe1, 0, byte(len(bait) + 2)}, []byte(bait), jpg[2:], []byte(bait)}, nil)
		c := h.Claimed(data, "anna")
		for _, level := range review.Levels() {
			tk, err := h.Viewer.Grant(h.T.Context(), ask("anna"), "s1", c.ID, level)
			h.Must(err)
			r, served, err := h.Viewer.Redeem(h.T.Context(), c.ID, level, token(tk), tk.Proof)
			h.Must(err)
			served(nil)
			for i := 0; i+32 <= len(bait); i++ {
				if bytes.Contains(r.Data, []byte(bait[i:i+32])) {
					h.T.Fatalf("the %s rendition holds %q", level, bait[i:i+32])
				}
			}
			if _, _, ok := reveal.Measure(r.Data); !ok {
				h.T.Errorf("the %s rendition has more than pixels", level)
			}
		}
		if _, _, ok := reveal.Measure(data); ok || !bytes.Contains(data, []byte(bait[:32])) {
			h.T.Error("the hostile file itself passes; this shows nothing")
		}
	})
}

// No file of a house holds a rendition: they are in memory alone.
func TestNothingOnDisk(t *testing.T) {
	revealtest.Each(t, func(h *revealtest.House) {
		c := h.Claimed(pic(1), "anna")
		_, r := h.Look(c.ID, "anna", "s1", review.LevelColour)
		part := r.Data[len(r.Data)/2:][:64]
		root, files := filepath.Dir(h.T.TempDir()), 0
		holders := func() (found []string) {
			h.Must(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				data, err := os.ReadFile(path)
				if bytes.Contains(data, part) {
					found = append(found, path)
				}
				files++
				return err
			}))
			return found
		}
		equal(h.T, "files with a rendition", holders(), []string{})
		h.Must(os.WriteFile(filepath.Join(h.T.TempDir(), "planted"), r.Data, 0o600))
		if found := holders(); len(found) != 1 || files < 4 {
			h.T.Errorf("of %d files the planted one was seen %d times", files, len(found))
		}
	})
}
