package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/draw"
	"github.com/houvast/houvast/internal/item"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/sandbox/drill"
	"github.com/houvast/houvast/internal/seal"
	"github.com/houvast/houvast/internal/store"
)

// A picture made to break its decoder costs its own look and no other: it is counted as not looked
// at, with the reason, and its bytes go after three days.
func TestHostilePicturesAreNotClean(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		good := picture(1)
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(good))
		reasons := map[houvast.ItemID]string{}
		hang := h.killed(append(picture(2), markHang...))
		reasons[hang] = "child-gone"
		reasons[h.bring(append(picture(2), markBurn...), facts())] = "child-cpu"
		grow := h.bring(append(picture(2), markGrow...), facts())
		if reasons[grow] = "child-memory"; race {
			t.Log("NOT SHOWN: the race detector ends a child without memory in words of its own")
			reasons[grow] = "child-crash"
		}
		other := h.bring(good, facts())
		h.quiet()

		if c, _ := h.opened(other); c.ID == 0 {
			t.Error("a good item among hostile ones was not matched")
		}
		equal(t, "cases", h.number("SELECT COUNT(*) FROM review_case"), 1)
		queue, err := h.Technical(t.Context(), time.Time{}, 10)
		equal(t, "technical queue", len(must(t, queue, err)), len(reasons))
		for _, q := range queue {
			equal(t, "reason", q.Reason, reasons[q.Item])
			equal(t, "bytes until", q.Until, monday.Add(couldNot))
			equal(t, "state", h.state(q.Item), houvast.ItemCouldNotLook)
		}
		equal(t, "audit lines", h.number("SELECT COUNT(*) FROM audit_line WHERE action = 'item.could-not-look'"), len(reasons))

		// Killed from outside is a fault of the machine: a second look follows, and only one.
		h.Children = fake(func(sandbox.Request, []byte) ([]byte, error) { return nil, lost("child-wall") })
		h.advance(5 * time.Minute)
		equal(t, "second looks", h.number("SELECT COUNT(*) FROM audit_line WHERE action = 'item.could-not-look'"), len(reasons)+1)
		h.advance(5 * time.Minute)
		h.sweep()
		equal(t, "third looks", h.number("SELECT COUNT(*) FROM audit_line WHERE action = 'item.could-not-look'"), len(reasons)+1)

		h.bytesGo(hang, len(reasons))
	}, func(h *house) {
		pool, err := sandbox.NewPool(sandbox.Config{Argv: []string{"/proc/self/exe", "child", h.t.Name()}, Size: 2, CPU: 500 * time.Millisecond,
			Wall: time.Minute, DataLimit: 512 << 20, MaxData: 4 << 20, Log: h.Log})
		h.Children = must(h.t, pool, err)
		h.t.Cleanup(pool.Close)
	})
}

// bytesGo moves the clock past the three days and looks for the bytes and their key.
func (h *house) bytesGo(one houvast.ItemID, n int) {
	h.t.Helper()
	key := seal.KeyID(look(h, func(tx *store.Tx) (item.Item, error) { return item.Get(tx, one) }).Key)
	blobs := func() (n int) {
		for _, name := range h.names() {
			if strings.HasPrefix(name, "q_") {
				n++
			}
		}
		return n
	}
	h.clock.Advance(25 * time.Hour)
	if _, keys, err := h.Reconcile(h.t.Context()); err != nil || keys != 0 {
		h.t.Errorf("the key of bytes that are still kept was touched: %d keys, %v", keys, err)
	}
	h.advance(couldNot - 25*time.Hour - 10*time.Minute - time.Microsecond)
	h.sweep()
	equal(h.t, "blobs a moment before", blobs(), n)
	h.advance(time.Microsecond)
	h.sweep()
	equal(h.t, "blobs after the three days", blobs(), 0)
	equal(h.t, "items gone", h.number("SELECT COUNT(*) FROM item WHERE state = 'gone' AND upload IS NULL AND blob = '' AND key = ''"), n)
	queue, err := h.Technical(h.t.Context(), time.Time{}, 10)
	equal(h.t, "technical queue", must(h.t, queue, err), "[]")
	if _, keys, err := h.Reconcile(h.t.Context()); err != nil || keys != 1 {
		h.t.Errorf("the quarantine key of the hour was not destroyed: %d keys, %v", keys, err)
	}
	info, err := h.Keys.Key(h.t.Context(), key)
	if must(h.t, info, err).Destroyed.IsZero() {
		h.t.Errorf("the quarantine key lives: %+v", info)
	}
}

// killed hands in an item over which the child hangs, and ends that child from outside, as the kernel
// does when memory is short.
func (h *house) killed(data []byte) houvast.ItemID {
	h.t.Helper()
	pool := h.Children
	if _, err := pool.Do(h.t.Context(), sandbox.Request{Op: drill.Echo}, strings.NewReader("")); err != nil {
		h.t.Fatal(err) // now one child is set up and idle: the next to be taken
	}
	read := make(chan struct{})
	h.Children = reads{pool, sync.OnceFunc(func() { close(read) })}
	id := h.bring(data, facts())
	<-read
	// Whoever is hit a moment too early is replaced; then the next one is hit.
	for pause := 100 * time.Millisecond; h.state(id) == houvast.ItemReceived && pause < 30*time.Second; pause *= 2 {
		for _, pid := range childrenOf(h.t.Name()) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
				h.t.Fatal(err)
			}
		}
		late := time.After(pause)
		for waiting := true; waiting && h.state(id) == houvast.ItemReceived; {
			select {
			case <-late:
				waiting = false
			case <-time.After(2 * time.Millisecond):
			}
		}
	}
	h.Children = pool
	return id
}

// reads is a pool that tells when the bytes of a request were read: it is about to take a child.
type reads struct {
	pipeline.Children
	told func()
}

// Do asks the pool.
func (r reads) Do(ctx context.Context, req sandbox.Request, data io.Reader) ([]byte, error) {
	return r.Children.Do(ctx, req, io.MultiReader(data, tells(r.told)))
}

type tells func()

// Read tells, and ends.
func (t tells) Read([]byte) (int, error) {
	t()
	return 0, io.EOF
}

// childrenOf lists the processes that this one started as decoding children under a name.
func childrenOf(name string) (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // it ended
		}
		if !slices.Contains(strings.Split(string(line), "\x00"), name) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		stat, err2 := os.ReadFile(filepath.Join(filepath.Dir(path), "stat"))
		_, rest, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(rest); err == nil && err2 == nil && len(f) > 1 && f[1] == strconv.Itoa(os.Getpid()) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// The same bytes as an entry are a case although no decoder reads them; what else cannot be decoded
// is none.
func TestUndecodableBytesMatchByDigest(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for i, c := range []struct {
			name   string
			data   []byte
			status string
		}{
			{"no picture", draw.NotAPicture(), "not a picture or video"},
			{"cut short", draw.Cut(picture(1)), "damaged or cut short"},
			{"an archive", []byte("PK\x03\x04 and so on"), "archives are not unpacked"},
			{"too many pixels", draw.HugePNG(60000, 60000), "too many pixels"},
		} {
			before := h.bring(c.data, facts())
			h.quiet()
			equal(t, c.name+" without an entry", h.state(before), houvast.ItemCouldNotLook)
			it := look(h, func(tx *store.Tx) (item.Item, error) { return item.Get(tx, before) })
			equal(t, c.name+", reason", it.Reason, c.status)
			h.bank(fmt.Sprint("list", i), houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(c.data))
			id := h.bring(c.data, facts())
			h.quiet()
			found, f := h.opened(id)
			if found.Reason != houvast.KindSHA256 || f.PDQ != "" || h.state(id) != houvast.ItemLookedAt {
				t.Errorf("%s: the case is %+v, its PDQ %q, the item %s", c.name, found, f.PDQ, h.state(id))
			}
			equal(t, c.name+", actions", h.about(id), []string{"withhold done"})
		}
	})
}

// A fault of the machine concludes nothing: while no child may work, items wait and nothing is said
// about them; put right, they are looked at.
func TestMissingLayerConcludesNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		good := h.Children
		a := picture(1)
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(a))
		for n, reason := range []string{"layer-missing", "child-start", "pool-closed"} {
			h.Children = fake(func(sandbox.Request, []byte) ([]byte, error) { return nil, lost(reason) })
			hit, miss := h.bring(a, facts()), h.bring(picture(2), facts())
			h.quiet()
			for range 3 {
				h.advance(time.Minute)
				h.sweep()
			}
			equal(t, reason+", states", []houvast.ItemState{h.state(hit), h.state(miss)}, "[received received]")
			equal(t, reason+", cases", h.number("SELECT COUNT(*) FROM review_case"), n)
			equal(t, reason+", blobs", len(h.names()), n+2)
			equal(t, reason+", bells", h.number("SELECT COUNT(*) FROM task WHERE kind = 'match' AND attempts > 1"), 2)
			h.Children = good
			h.advance(time.Hour)
			equal(t, reason+", states", []houvast.ItemState{h.state(hit), h.state(miss)}, "[looked_at looked_at]")
			if c, _ := h.opened(hit); c.ID == 0 {
				t.Errorf("%s: no case once children work", reason)
			}
		}
	})
}

// A fault of the machine in the middle of a look costs five minutes and not the match.
func TestSecondLookMatches(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		good := h.Children
		h.Children = fake(func(sandbox.Request, []byte) ([]byte, error) { return nil, lost("child-gone") })
		a := picture(1)
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "pdq", hashed(a).PDQ[0].String())
		id := h.bring(a, facts())
		h.quiet()
		equal(t, "state", h.state(id), houvast.ItemCouldNotLook)
		h.Children = good
		h.advance(5*time.Minute - time.Microsecond)
		equal(t, "state before", h.state(id), houvast.ItemCouldNotLook)
		h.advance(time.Microsecond)
		equal(t, "state", h.state(id), houvast.ItemLookedAt)
		if c, _ := h.opened(id); c.ID == 0 {
			t.Error("the second look opened no case")
		}
		h.advance(couldNot) // the bell that hung for the bytes finds nothing to do
		equal(t, "state", h.state(id), houvast.ItemLookedAt)
		equal(t, "bells", h.number("SELECT COUNT(*) FROM task WHERE kind = 'drop'"), 0)
	})
}

// A second look that ends while the three days do wins: its item is not called gone.
func TestSecondLookAtTheLastMoment(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		late, other := h.bring(draw.NotAPicture(), facts()), h.bring(draw.NotAPicture(), facts())
		h.quiet()
		h.update(func(tx *store.Tx) error { // as if the bell of the other had not been rung yet
			_, err := tx.Exec("DELETE FROM task WHERE subject = $1", string(other))
			return err
		})
		look := func() { h.update(func(tx *store.Tx) error { return item.LookedAt(tx, late) }) }
		h.blobs.before.Store(&look)
		h.advance(couldNot)
		h.sweep()
		equal(t, "states", []houvast.ItemState{h.state(late), h.state(other)}, "[looked_at gone]")
		equal(t, "bells", h.number("SELECT COUNT(*) FROM task"), 0)
	})
}

// A child may have been taken over. Whatever it says instead of an answer is not believed, not
// written down, and holds up no other item.
func TestLyingChildren(t *testing.T) {
	secret := "what a stranger wrote"
	long := strings.Repeat("ab ", 200)
	answer := func(p houvast.Perceptual) []byte { b, _ := json.Marshal(p); return b }
	lies := []struct {
		name   string
		answer []byte
		err    error
		reason string
	}{
		{"no JSON", []byte("<html>"), nil, "child-answer"},
		{"no status", []byte("{}"), nil, "child-answer"},
		{"another status", answer(houvast.Perceptual{Status: "clean"}), nil, "child-answer"},
		{"a long reason", answer(houvast.Perceptual{Status: houvast.Unreadable, Reason: long}), nil, "child-answer"},
		{"a reason that is no text", answer(houvast.Perceptual{Status: houvast.Unreadable, Reason: secret + "\n\x00<b>"}), nil, "child-answer"},
		{"a type that is none", answer(houvast.Perceptual{Status: houvast.Hashed, MediaType: "<" + secret + ">", PDQQuality: 99}), nil, "child-answer"},
		{"a bad hash", []byte(`{"status":"hashed","pdq":["zz"]}`), nil, "child-answer"},
		{"a file too large for it", nil, houvast.Errorf("sandbox.Do", houvast.TooLarge, "data-too-large", "too large"), "data-too-large"},
	}
	each(t, func(t *testing.T, h *house) {
		a := picture(1)
		for _, c := range lies {
			h.Children = fake(func(sandbox.Request, []byte) ([]byte, error) { return c.answer, c.err })
			id := h.bring(a, facts())
			h.quiet()
			equal(t, c.name+", state", h.state(id), houvast.ItemCouldNotLook)
			it := look(h, func(tx *store.Tx) (item.Item, error) { return item.Get(tx, id) })
			equal(t, c.name+", reason", it.Reason, c.reason)
		}
		equal(t, "written down", h.residue(searchFor([]string{secret, strings.TrimSpace(long)})), []string(nil))
		h.bank("list", houvast.ChildAbuse, houvast.Verified, "sha256", rowSHA256(a))
		for _, c := range lies {
			h.Children = fake(func(sandbox.Request, []byte) ([]byte, error) { return c.answer, c.err })
			id := h.bring(a, facts())
			h.quiet()
			if found, _ := h.opened(id); found.ID == 0 {
				t.Errorf("%s: the digest does not count when the child lies", c.name)
			}
		}
	})
}

// fake stands for a pool of children.
type fake func(sandbox.Request, []byte) ([]byte, error)

// Do reads all the bytes, as a pool does, and answers.
func (f fake) Do(_ context.Context, req sandbox.Request, data io.Reader) ([]byte, error) {
	b, err := io.ReadAll(data)
	if err != nil {
		return nil, err
	}
	return f(req, b)
}

// The bytes that a child is given are those that came in, and nothing else of the item is.
func TestChildSeesOnlyTheBytes(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var mu sync.Mutex
		var seen []string
		h.Children = fake(func(req sandbox.Request, data []byte) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, fmt.Sprintf("%s %q %q %x", req.Op, req.Hint, req.Args, data))
			return json.Marshal(houvast.Perceptual{Status: houvast.Unhashable})
		})
		h.bring([]byte("bytes"), facts())
		h.quiet()
		equal(t, "requests", seen, []string{`hash "" "" 6279746573`})
	})
}
