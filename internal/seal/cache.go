package seal

import (
	"sync"
	"time"

	"github.com/houvast/houvast"
)

const (
	cacheKeys = 64          // unwrapped keys in memory at most
	cacheLife = time.Minute // none is used for longer
)

// cache keeps the keys in use out of the way of fsyncs: keys.db has one connection. A destroyed
// key is never found in it: drop moves the epoch, and what was read from keys.db in an earlier
// epoch is not put.
type cache struct {
	mono func() time.Duration

	mu       sync.Mutex
	epoch    uint64
	keys     map[KeyID]*cached
	hourName string
	hourID   KeyID
}

type cached struct {
	key   [keySize]byte
	until time.Duration
}

func (c *cache) init(clock houvast.Clock) {
	c.mono, c.keys = clock.Mono, make(map[KeyID]*cached)
}

// get returns the key, or the epoch that put needs after reading it elsewhere.
func (c *cache) get(id KeyID) (key [keySize]byte, epoch uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.keys[id]
	if e == nil || c.mono() >= e.until {
		return key, c.epoch, false
	}
	return e.key, c.epoch, true
}

func (c *cache) put(id KeyID, key [keySize]byte, epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch != c.epoch {
		return
	}
	now := c.mono()
	for old, e := range c.keys {
		if now >= e.until {
			c.remove(old)
		}
	}
	for old := range c.keys {
		if len(c.keys) < cacheKeys {
			break
		}
		c.remove(old)
	}
	c.keys[id] = &cached{key: key, until: now + cacheLife}
}

// drop forgets destroyed keys.
func (c *cache) drop(ids []KeyID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	for _, id := range ids {
		c.remove(id)
	}
	c.hourName, c.hourID = "", ""
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	for id := range c.keys {
		c.remove(id)
	}
	c.hourName, c.hourID = "", ""
}

func (c *cache) remove(id KeyID) {
	if e := c.keys[id]; e != nil {
		clear(e.key[:])
		delete(c.keys, id)
	}
}

func (c *cache) hour(name string) (KeyID, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hourID, c.hourName == name
}

func (c *cache) setHour(name string, id KeyID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hourName, c.hourID = name, id
}
