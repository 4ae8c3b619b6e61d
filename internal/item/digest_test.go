package item_test

import (
	"fmt"
	"testing"

	"github.com/houvast/houvast/internal/item"
	"github.com/houvast/houvast/internal/store"
	"github.com/houvast/houvast/internal/store/storetest"
)

func TestDigests(t *testing.T) {
	d := item.NewDigester()
	fmt.Fprint(d, "hello ")
	fmt.Fprint(d, "world")
	var it item.Item
	it.MD5, it.SHA1, it.SHA256 = d.Hex()
	const md5, sha1, sha256 = "5eb63bbbe01eeed093cb22bb8f5acdc3", "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed",
		"b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9" // of "hello world", by coreutils
	if it.MD5 != md5 || it.SHA1 != sha1 || it.SHA256 != sha256 {
		t.Errorf("%s %s %s", it.MD5, it.SHA1, it.SHA256)
	}
	if b := it.Digests(); fmt.Sprintf("%x %x %x", b.MD5, b.SHA1, b.SHA256) != md5+" "+sha1+" "+sha256 {
		t.Errorf("back: %x", b)
	}
	one := item.IdemHash(sha256, []byte(`{"a":1}`))
	if one != item.IdemHash(sha256, []byte(" {\"a\":1}\n")) {
		t.Error("blanks around the facts make another upload")
	}
	if one == item.IdemHash(sha256, []byte(`{"a":2}`)) || one == item.IdemHash(md5, []byte(`{"a":1}`)) {
		t.Error("other facts or other bytes make the same upload")
	}
}

// Items of the same bytes are counted whatever became of them, from an index.
func TestSame(t *testing.T) {
	storetest.Each(t, func(t *testing.T, w store.Writer) {
		for i, sha := range []string{"aa", "bb", "aa", "aa"} {
			it := some(fmt.Sprint(i), start)
			it.SHA256 = sha
			receive(t, w, it)
		}
		update(t, w, func(tx *store.Tx) error { return item.LookedAt(tx, "0") })
		view(t, w, func(tx *store.Tx) error {
			for sha, want := range map[string]int{"aa": 3, "bb": 1, "cc": 0, "": 0} {
				if n, err := item.Same(tx, sha); err != nil || n != want {
					t.Errorf("%q: %d, %v; want %d", sha, n, err, want)
				}
			}
			var n int
			query := "SELECT COUNT(*) FROM sqlite_master WHERE name = 'item_sha256'"
			if w.DB().Engine() == store.Postgres {
				query = "SELECT COUNT(*) FROM pg_indexes WHERE indexname = 'item_sha256'"
			}
			if err := tx.Row(query, nil, &n); err != nil || n != 1 {
				t.Errorf("there is no index: %v", err)
			}
			return nil
		})
	})
}
