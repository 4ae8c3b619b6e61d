package item

import (
	"database/sql"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/store"
)

const columns = `id, source, COALESCE(idem_key, ''), idem_hash, state, received, bytes, md5, sha1, sha256, upload, blob, key, reason, keep`

func scan(row interface{ Scan(...any) error }) (it Item, err error) {
	var received, keep int64
	err = row.Scan(&it.ID, &it.Source, &it.IdemKey, &it.IdemHash, &it.State, &received, &it.Bytes,
		&it.MD5, &it.SHA1, &it.SHA256, &it.Upload, &it.Blob, &it.Key, &it.Reason, &keep)
	it.Received, it.Keep = houvast.FromMicros(received), houvast.FromMicros(keep)
	return it, err
}

func one(tx *store.Tx, where string, args ...any) (it Item, err error) {
	found := false
	err = tx.Rows("SELECT "+columns+" FROM item WHERE "+where, args, func(row *sql.Rows) (err error) {
		found = true
		it, err = scan(row)
		return err
	})
	if err == nil && !found {
		err = houvast.Errorf("item.Get", houvast.NotFound, "", "no such item")
	}
	return it, err
}

// Receive records an acknowledged item. An item of the same source and key is a Conflict.
func Receive(tx *store.Tx, it Item) error {
	var key any
	if it.IdemKey != "" {
		key = it.IdemKey
	}
	_, err := tx.Exec(`INSERT INTO item (id, source, idem_key, idem_hash, state, received, bytes, md5, sha1, sha256, upload, blob, key, reason, keep)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, '', 0)`,
		it.ID, it.Source, key, it.IdemHash, houvast.ItemReceived, houvast.Micros(it.Received), it.Bytes,
		it.MD5, it.SHA1, it.SHA256, it.Upload, it.Blob, it.Key)
	return err
}

// Get returns an item.
func Get(tx *store.Tx, id houvast.ItemID) (Item, error) { return one(tx, "id = $1", string(id)) }

// ByKey returns the item that source sent under an idempotency key.
func ByKey(tx *store.Tx, source, key string) (Item, error) {
	return one(tx, "source = $1 AND idem_key = $2", source, key)
}

// LookedAt records that an item was looked at. Its quarantined bytes and the facts about its
// uploader are no longer the item's: the caller has moved them or erases them.
func LookedAt(tx *store.Tx, id houvast.ItemID) error {
	return expect(tx, id, "UPDATE item SET state = $2, upload = NULL, blob = '', key = '', reason = '', keep = 0 WHERE id = $1 AND state IN ('received', 'could_not_look')",
		string(id), houvast.ItemLookedAt)
}

// CouldNotLook records why an item could not be looked at and until when its bytes are kept.
func CouldNotLook(tx *store.Tx, id houvast.ItemID, reason string, until time.Time) error {
	return expect(tx, id, "UPDATE item SET state = $2, reason = $3, keep = $4 WHERE id = $1 AND state IN ('received', 'could_not_look')",
		string(id), houvast.ItemCouldNotLook, reason, houvast.Micros(until))
}

// Gone records that the bytes of an item were destroyed. An item that nobody has tried to look at yet
// cannot be gone.
func Gone(tx *store.Tx, id houvast.ItemID) error {
	return expect(tx, id, "UPDATE item SET state = $2, upload = NULL, blob = '', key = '', keep = 0 WHERE id = $1 AND state <> 'received'", string(id), houvast.ItemGone)
}

func expect(tx *store.Tx, id houvast.ItemID, query string, args ...any) error {
	n, err := tx.Exec(query, args...)
	if err == nil && n != 1 {
		err = houvast.Errorf("item.Update", houvast.Conflict, "wrong-state", "item %s is not in a state for that", id)
	}
	return err
}

// Waiting returns up to limit items that were received and not yet looked at, oldest first.
func Waiting(tx *store.Tx, limit int) ([]houvast.ItemID, error) {
	return ids(tx, "SELECT id FROM item WHERE state = 'received' ORDER BY received LIMIT $1", limit)
}

// KeptTooLong returns items whose kept bytes are due to go.
func KeptTooLong(tx *store.Tx, now time.Time, limit int) ([]houvast.ItemID, error) {
	return ids(tx, "SELECT id FROM item WHERE keep <> 0 AND keep <= $1 ORDER BY keep LIMIT $2", houvast.Micros(now), limit)
}

func ids(tx *store.Tx, query string, args ...any) (found []houvast.ItemID, err error) {
	err = tx.Rows(query, args, func(row *sql.Rows) error {
		var id houvast.ItemID
		err := row.Scan(&id)
		found = append(found, id)
		return err
	})
	return found, err
}

// TechnicalQueue lists what could not be looked at and still has its bytes, oldest first: those after
// a time, limit of them or a few more, so that items of one microsecond are never parted.
func TechnicalQueue(tx *store.Tx, after time.Time, limit int) (list []Technical, err error) {
	err = tx.Rows(`SELECT `+columns+` FROM item WHERE keep <> 0 AND received > $1 AND received <=
		COALESCE((SELECT received FROM item WHERE keep <> 0 AND received > $1 ORDER BY received LIMIT 1 OFFSET $2), received) ORDER BY received, id`,
		store.Args(houvast.Micros(after), limit-1), func(row *sql.Rows) error {
			it, err := scan(row)
			list = append(list, Technical{it.ID, it.Received, it.Bytes, it.Reason, it.Keep})
			return err
		})
	return list, err
}

// HoldsKey reports whether any item still has bytes under a quarantine key.
func HoldsKey(tx *store.Tx, key string) (bool, error) {
	return exists(tx, "key = $1 AND blob <> ''", key)
}

// HoldsBlob reports whether any item has a blob as its quarantined bytes.
func HoldsBlob(tx *store.Tx, blob string) (bool, error) {
	return exists(tx, "blob = $1 AND blob <> ''", blob)
}

func exists(tx *store.Tx, where, arg string) (bool, error) {
	var one int
	err := tx.Row("SELECT 1 FROM item WHERE "+where+" LIMIT 1", store.Args(arg), &one)
	if houvast.KindOf(err) == houvast.NotFound {
		return false, nil
	}
	return err == nil, err
}

// Same counts the items with the same bytes, by their SHA-256 in hex.
func Same(tx *store.Tx, sha256 string) (n int, err error) {
	err = tx.Row("SELECT COUNT(*) FROM item WHERE sha256 = $1", store.Args(sha256), &n)
	return n, err
}

// CountByState counts items, for doctor and the demo.
func CountByState(tx *store.Tx) (map[houvast.ItemState]int, error) {
	counts := map[houvast.ItemState]int{}
	err := tx.Rows("SELECT state, COUNT(*) FROM item GROUP BY state", nil, func(row *sql.Rows) error {
		var s houvast.ItemState
		var n int
		err := row.Scan(&s, &n)
		counts[s] = n
		return err
	})
	return counts, err
}
