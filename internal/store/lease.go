package store

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/houvast/houvast"
)

// Lease takes or renews the lease called name for holder until ttl from now. It returns a fence
// that grows each time the lease changes hands: who writes under a lease compares it, so that a
// holder that slept through its lease cannot write. ok is false when somebody else holds it.
//
// Leases are counted on the hand that only measures, not in law time: moving the calendar must not
// end them.
func (t *Tx) Lease(name, holder string, ttl time.Duration) (fence int64, ok bool, err error) {
	now := t.db.leases()
	var by string
	var until int64
	err = t.Row("SELECT holder, fence, expires FROM lease WHERE name = $1 FOR UPDATE", Args(name), &by, &fence, &until)
	if houvast.KindOf(err) == houvast.NotFound {
		_, err = t.Exec("INSERT INTO lease (name, holder, fence, expires) VALUES ($1, $2, 1, $3)", name, holder, houvast.Micros(now.Add(ttl)))
		return 1, err == nil, err
	}
	if err != nil {
		return 0, false, err
	}
	if by != holder {
		if until > houvast.Micros(now) {
			return fence, false, nil
		}
		fence++
	}
	_, err = t.Exec("UPDATE lease SET holder = $2, fence = $3, expires = $4 WHERE name = $1", name, holder, fence, houvast.Micros(now.Add(ttl)))
	return fence, err == nil, err
}

// Unlease gives a lease back.
func (t *Tx) Unlease(name, holder string) error {
	_, err := t.Exec("UPDATE lease SET expires = 0 WHERE name = $1 AND holder = $2", name, holder)
	return err
}

// LeaseTime returns the time that leases are counted in.
func (db *DB) LeaseTime() time.Time { return db.leases() }

// nodeTTL is how long a node id stays taken after its process was last heard of.
const nodeTTL = 60 * time.Second

// A node is the right to make ids with one node number.
type node struct {
	id     int
	holder string
	until  atomic.Int64 // microseconds of lease time; PostgreSQL only
}

// valid fails once the lease of the node id may have passed to another process: ids made after that
// could be made twice.
func (n *node) valid(now time.Time) error {
	if n == nil || n.until.Load() == 0 || houvast.Micros(now) < n.until.Load() {
		return nil
	}
	return houvast.Errorf("store.Update", houvast.Unavailable, "node-lost", "this process lost its node id to another one").
		WithHint("restart it; it will take a free node id")
}

// takeNode takes the lowest free node id. A SQLite database has one writing process, node 0.
func (db *DB) takeNode(ctx context.Context) error {
	host, _ := os.Hostname()
	n := &node{holder: fmt.Sprintf("%s/%d/%s", host, os.Getpid(), houvast.RandomText("n", 8))}
	if db.engine == SQLite {
		db.node = n
		db.ids = houvast.NewIDs(0, db.clock.Now)
		return nil
	}
	err := db.updatePostgres(ctx, func(tx *Tx) error {
		for id := range 1024 {
			_, ok, err := tx.Lease(fmt.Sprintf("node/%d", id), n.holder, nodeTTL)
			if err != nil {
				return err
			}
			if ok {
				n.id = id
				return nil
			}
		}
		return houvast.Errorf("store.Open", houvast.Unavailable, "no-node-id", "all 1024 node ids are taken")
	})
	if err != nil {
		return err
	}
	n.until.Store(houvast.Micros(db.leases().Add(nodeTTL)))
	db.node = n
	db.ids = houvast.NewIDs(n.id, db.clock.Now)
	go db.keepNode()
	return nil
}

// keepNode renews the node id until Close.
func (db *DB) keepNode() {
	tick := time.NewTicker(nodeTTL / 4)
	defer tick.Stop()
	for {
		select {
		case <-db.quit:
			return
		case <-tick.C:
		}
		began := db.leases()
		var held bool
		err := db.updatePostgres(context.Background(), func(tx *Tx) (err error) {
			_, held, err = tx.Lease(fmt.Sprintf("node/%d", db.node.id), db.node.holder, nodeTTL)
			return err
		})
		switch {
		case err == nil && held:
			db.node.until.Store(houvast.Micros(began.Add(nodeTTL)))
		case db.log != nil:
			db.log.Error("the node id could not be renewed", "node", db.node.id, "error", err)
		}
	}
}

func (db *DB) releaseNode() {
	if db.engine != Postgres {
		return
	}
	err := db.updatePostgres(context.Background(), func(tx *Tx) error {
		return tx.Unlease(fmt.Sprintf("node/%d", db.node.id), db.node.holder)
	})
	if err != nil && db.log != nil {
		db.log.Warn("the node id was not given back", "node", db.node.id, "error", err)
	}
}
