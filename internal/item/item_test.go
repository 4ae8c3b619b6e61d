package item_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/item"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

var start = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func update(t *testing.T, w store.Writer, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := w.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, w store.Writer, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := w.DB().View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// some returns an item that has everything a received one may have.
func some(name string, received time.Time) item.Item {
	return item.Item{ID: houvast.ItemID(name), Source: "photos", IdemKey: "key " + name, IdemHash: "hash", State: houvast.ItemReceived,
		Received: received, Bytes: 12, MD5: "aa", SHA1: "bb", SHA256: "cc", Upload: []byte("sealed facts"), Blob: "blob " + name, Key: "quarantine"}
}

func receive(t *testing.T, w store.Writer, items ...item.Item) {
	t.Helper()
	for _, it := range items {
		update(t, w, func(tx *store.Tx) error { return item.Receive(tx, it) })
	}
}

func get(t *testing.T, w store.Writer, id houvast.ItemID) (it item.Item) {
	t.Helper()
	view(t, w, func(tx *store.Tx) (err error) {
		it, err = item.Get(tx, id)
		return err
	})
	return it
}

func same(a, b item.Item) bool { return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b) }

// What was received is read back as it was, whatever the caller said about its state.
func TestReceive(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		full, bare := some("a", start), item.Item{ID: "b", Source: "photos", Received: start.Add(time.Second)}
		odd := some("c", start.Add(2*time.Second))
		odd.State, odd.Reason, odd.Keep = houvast.ItemLookedAt, "said beforehand", start
		receive(t, w, full, bare, odd)
		bare.State, odd.State, odd.Reason, odd.Keep = houvast.ItemReceived, houvast.ItemReceived, "", time.Time{}
		for _, want := range []item.Item{full, bare, odd} {
			if got := get(t, w, want.ID); !same(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		}
		view(t, w, func(tx *store.Tx) error {
			if _, err := item.Get(tx, "nobody"); houvast.KindOf(err) != houvast.NotFound {
				t.Errorf("an unknown item: %v", err)
			}
			waiting, err := item.Waiting(tx, 2)
			if err != nil || !slices.Equal(waiting, []houvast.ItemID{"a", "b"}) {
				t.Errorf("the oldest two that wait are %v, %v", waiting, err)
			}
			return nil
		})
	})
}

func TestIdempotencyKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		with := func(id houvast.ItemID, source, key string) item.Item {
			it := some(string(id), start)
			it.Source, it.IdemKey = source, key
			return it
		}
		receive(t, w, with("a", "photos", "k"), with("b", "videos", "k"), with("c", "photos", "other"),
			with("d", "photos", ""), with("e", "photos", ""), with("f", "videos", ""))
		for what, again := range map[string]item.Item{
			"same source, same key": with("g", "photos", "k"),
			"same id":               with("a", "photos", "new"),
		} {
			err := w.Update(t.Context(), func(tx *store.Tx) error { return item.Receive(tx, again) })
			if houvast.KindOf(err) != houvast.Conflict {
				t.Errorf("%s: %v", what, err)
			}
		}
		view(t, w, func(tx *store.Tx) error {
			for _, c := range []struct {
				source, key string
				id          houvast.ItemID
			}{{"photos", "k", "a"}, {"videos", "k", "b"}, {"photos", "other", "c"}, {"videos", "other", ""}, {"photos", "", ""}, {"mail", "k", ""}} {
				it, err := item.ByKey(tx, c.source, c.key)
				if it.ID != c.id || (c.id == "") != (houvast.KindOf(err) == houvast.NotFound) {
					t.Errorf("%s %q: item %q, %v; want %q", c.source, c.key, it.ID, err, c.id)
				}
			}
			counts, err := item.CountByState(tx)
			if err != nil || counts[houvast.ItemReceived] != 6 {
				t.Errorf("%v, %v", counts, err)
			}
			return nil
		})
	})
}

// Of several uploads under one key at once, one becomes an item.
func TestOneKeyAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		var wg sync.WaitGroup
		var errs [8]error
		for i := range errs {
			wg.Go(func() {
				it := some(fmt.Sprint(i), start)
				it.IdemKey = "k"
				errs[i] = w.Update(t.Context(), func(tx *store.Tx) error { return item.Receive(tx, it) })
			})
		}
		wg.Wait()
		taken := 0
		for i, err := range errs {
			switch {
			case err == nil:
				taken++
				view(t, w, func(tx *store.Tx) error {
					if it, err := item.ByKey(tx, "photos", "k"); err != nil || it.ID != houvast.ItemID(fmt.Sprint(i)) {
						t.Errorf("item %q has the key, %d was told so: %v", it.ID, i, err)
					}
					return nil
				})
			case houvast.KindOf(err) != houvast.Conflict:
				t.Errorf("upload %d: %v", i, err)
			}
		}
		if taken != 1 {
			t.Errorf("%d items under one key", taken)
		}
	})
}

// moves is every step that an item may be asked to make.
var moves = map[string]func(tx *store.Tx, id houvast.ItemID) error{
	"look": item.LookedAt,
	"fail": func(tx *store.Tx, id houvast.ItemID) error {
		return item.CouldNotLook(tx, id, "truncated", start.Add(72*time.Hour))
	},
	"go": item.Gone,
}

// Every step from every state: what is not listed is refused and leaves the item as it was.
func TestStates(t *testing.T) {
	ways := map[houvast.ItemState][]string{ // how to get there
		houvast.ItemReceived:     nil,
		houvast.ItemLookedAt:     {"look"},
		houvast.ItemCouldNotLook: {"fail"},
		houvast.ItemGone:         {"fail", "go"},
	}
	allowed := map[houvast.ItemState]map[string]houvast.ItemState{
		houvast.ItemReceived:     {"look": houvast.ItemLookedAt, "fail": houvast.ItemCouldNotLook},
		houvast.ItemCouldNotLook: {"look": houvast.ItemLookedAt, "fail": houvast.ItemCouldNotLook, "go": houvast.ItemGone},
		houvast.ItemLookedAt:     {"go": houvast.ItemGone},
		houvast.ItemGone:         {"go": houvast.ItemGone}, // destroying what is destroyed changes nothing
	}
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		tried := 0
		for from, way := range ways {
			for step, move := range moves {
				tried++
				id := houvast.ItemID(fmt.Sprint(from, " ", step))
				receive(t, w, some(string(id), start))
				for _, s := range way {
					update(t, w, func(tx *store.Tx) error { return moves[s](tx, id) })
				}
				before := get(t, w, id)
				if before.State != from {
					t.Fatalf("the way to %s ends at %s", from, before.State)
				}
				err := w.Update(t.Context(), func(tx *store.Tx) error { return move(tx, id) })
				after := get(t, w, id)
				to, ok := allowed[from][step]
				switch {
				case ok && (err != nil || after.State != to):
					t.Errorf("%s from %s: state %s, %v; want %s", step, from, after.State, err, to)
				case !ok && (houvast.KindOf(err) != houvast.Conflict || houvast.CodeOf(err) != "wrong-state" || !same(before, after)):
					t.Errorf("%s from %s was not refused: %v, %+v", step, from, err, after)
				}
			}
		}
		for step, move := range moves {
			if err := w.Update(t.Context(), func(tx *store.Tx) error { return move(tx, "nobody") }); houvast.KindOf(err) != houvast.Conflict {
				t.Errorf("%s an unknown item: %v", step, err)
			}
		}
		t.Logf("%d steps from %d states", tried, len(ways))
	})
}

// What was looked at, and what is gone, keeps no facts about its uploader and no way to its bytes.
func TestNothingIsLeftOfTheInnocent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		receive(t, w, some("clean", start), some("late", start), some("gone", start))
		update(t, w, func(tx *store.Tx) error { return moves["fail"](tx, "late") })
		update(t, w, func(tx *store.Tx) error { return moves["fail"](tx, "gone") })
		if it := get(t, w, "late"); it.Upload == nil || it.Blob == "" || it.Key == "" || it.Reason != "truncated" || !it.Keep.Equal(start.Add(72*time.Hour)) {
			t.Errorf("what could not be looked at must keep its bytes: %+v", it)
		}
		update(t, w, func(tx *store.Tx) error { return item.LookedAt(tx, "clean") })
		update(t, w, func(tx *store.Tx) error { return item.LookedAt(tx, "late") })
		update(t, w, func(tx *store.Tx) error { return item.Gone(tx, "gone") })
		for _, id := range []houvast.ItemID{"clean", "late", "gone"} {
			it := get(t, w, id)
			if it.Upload != nil || it.Blob != "" || it.Key != "" || !it.Keep.IsZero() {
				t.Errorf("%s: %+v", id, it)
			}
			if it.SHA256 != "cc" || it.IdemHash != "hash" || it.IdemKey != "key "+string(id) {
				t.Errorf("%s lost what answers a repeated upload: %+v", id, it)
			}
		}
		if it := get(t, w, "late"); it.Reason != "" {
			t.Errorf("what was looked at after all still says %q", it.Reason)
		}
		if it := get(t, w, "gone"); it.Reason != "truncated" {
			t.Errorf("what is gone no longer says why: %+v", it)
		}
	})
}

func TestTechnicalQueue(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
		for i := range 6 { // received in the order of their names, to go in the opposite one
			id := houvast.ItemID(fmt.Sprint(i))
			receive(t, w, some(string(id), at(i)))
			update(t, w, func(tx *store.Tx) error { return item.CouldNotLook(tx, id, "reason "+string(id), at(100-i)) })
		}
		receive(t, w, some("waiting", at(1)))
		update(t, w, func(tx *store.Tx) error { return item.LookedAt(tx, "2") })
		update(t, w, func(tx *store.Tx) error { return item.Gone(tx, "3") })
		update(t, w, func(tx *store.Tx) error { return item.CouldNotLook(tx, "4", "other reason", at(200)) })
		view(t, w, func(tx *store.Tx) error {
			for _, c := range []struct {
				after time.Time
				limit int
				want  []houvast.ItemID
			}{
				{time.Time{}, 10, []houvast.ItemID{"0", "1", "4", "5"}},
				{time.Time{}, 2, []houvast.ItemID{"0", "1"}},
				{at(1), 2, []houvast.ItemID{"4", "5"}},
				{at(5), 10, nil},
			} {
				list, err := item.TechnicalQueue(tx, c.after, c.limit)
				var ids []houvast.ItemID
				for _, l := range list {
					ids = append(ids, l.Item)
				}
				if err != nil || !slices.Equal(ids, c.want) {
					t.Errorf("after %v: %v, %v; want %v", c.after, ids, err, c.want)
				}
			}
			list, err := item.TechnicalQueue(tx, at(3), 1)
			if want := (item.Technical{Item: "4", Received: at(4), Bytes: 12, Reason: "other reason", Until: at(200)}); err != nil || len(list) != 1 || list[0] != want {
				t.Errorf("%+v, %v; want %+v", list, err, want)
			}
			for _, c := range []struct {
				now   time.Time
				limit int
				want  []houvast.ItemID
			}{
				{at(94), 10, nil},
				{at(95), 10, []houvast.ItemID{"5"}}, // at the very moment
				{at(100), 10, []houvast.ItemID{"5", "1", "0"}},
				{at(1000), 2, []houvast.ItemID{"5", "1"}},
				{at(1000), 10, []houvast.ItemID{"5", "1", "0", "4"}},
			} {
				late, err := item.KeptTooLong(tx, c.now, c.limit)
				if err != nil || !slices.Equal(late, c.want) {
					t.Errorf("kept too long at %v: %v, %v; want %v", c.now, late, err, c.want)
				}
			}
			counts, err := item.CountByState(tx)
			want := map[houvast.ItemState]int{houvast.ItemReceived: 1, houvast.ItemLookedAt: 1, houvast.ItemCouldNotLook: 4, houvast.ItemGone: 1}
			if err != nil || fmt.Sprint(counts) != fmt.Sprint(want) {
				t.Errorf("%v, %v; want %v", counts, err, want)
			}
			return nil
		})
	})
}

// A quarantine key is held as long as any item has bytes under it, a blob as long as an item names it.
func TestHolds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		holds := func(key, blobA, blobB bool) {
			t.Helper()
			view(t, w, func(tx *store.Tx) error {
				for _, c := range []struct {
					ask  func(*store.Tx, string) (bool, error)
					name string
					want bool
				}{{item.HoldsKey, "quarantine", key}, {item.HoldsBlob, "blob a", blobA}, {item.HoldsBlob, "blob b", blobB},
					{item.HoldsKey, "another", false}, {item.HoldsBlob, "blob c", false}} {
					if got, err := c.ask(tx, c.name); err != nil || got != c.want {
						t.Errorf("%s held: %v, %v; want %v", c.name, got, err, c.want)
					}
				}
				return nil
			})
		}
		holds(false, false, false)
		bare := some("c", start) // names a key and has no bytes under it
		bare.Blob = ""
		receive(t, w, bare)
		holds(false, false, false)
		receive(t, w, some("a", start), some("b", start))
		holds(true, true, true)
		update(t, w, func(tx *store.Tx) error { return item.LookedAt(tx, "a") })
		holds(true, false, true)
		update(t, w, func(tx *store.Tx) error { return moves["fail"](tx, "b") })
		holds(true, false, true)
		update(t, w, func(tx *store.Tx) error { return item.Gone(tx, "b") })
		holds(false, false, false)
	})
}

// Items that came in the same microsecond are never parted by the border of a page.
func TestTechnicalQueueKeepsTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		for _, id := range []houvast.ItemID{"a", "b", "c"} {
			receive(t, w, some(string(id), start))
			update(t, w, func(tx *store.Tx) error { return item.CouldNotLook(tx, id, "reason", start.Add(time.Hour)) })
		}
		view(t, w, func(tx *store.Tx) error {
			list, err := item.TechnicalQueue(tx, time.Time{}, 2)
			if err != nil || len(list) != 3 {
				t.Errorf("%d items, %v; the third would be lost to the next page", len(list), err)
			}
			return nil
		})
	})
}
