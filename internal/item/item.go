// Package item owns what users put on a platform: one row an item, from the acknowledged upload to
// the day its bytes are gone.
//
// States: received → looked_at | could_not_look → gone. An item is acknowledged when its row is
// committed and its sealed bytes are on disk, never before. What could not be looked at keeps its
// bytes for a while, is counted and listed for technicians, and is never called clean. What was
// looked at and met nothing loses its bytes and the facts about its uploader at once: what stays is that
// something with these digests came in.
//
// The facts that came with an upload are sealed under the key of its bytes; when that key is
// destroyed they are gone too.
//
// Table: item.
package item

import (
	"time"

	"github.com/houvast/houvast"
)

// An Item is one row. Blob and Key name the sealed bytes in quarantine; both are empty once the
// bytes are gone or have moved into evidence.
type Item struct {
	ID       houvast.ItemID
	Source   string
	IdemKey  string
	IdemHash string
	State    houvast.ItemState
	Received time.Time
	Bytes    int64
	MD5      string
	SHA1     string
	SHA256   string
	Upload   []byte // sealed
	Blob     string
	Key      string
	Reason   string
	Keep     time.Time
}

// Technical is a line of the queue of what could not be looked at.
type Technical struct {
	Item     houvast.ItemID `json:"item"`
	Received time.Time      `json:"received_at"`
	Bytes    int64          `json:"bytes"`
	Reason   string         `json:"reason"`
	Until    time.Time      `json:"bytes_until"`
}
