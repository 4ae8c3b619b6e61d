package password

import (
	"hash/maphash"
	"sync"
	"time"
)

// A Rate allows burst tries at once for each key and one more every interval.
//
// Keys share a fixed number of buckets, found by a hash that nobody outside can compute, so memory
// is bounded and no flood of other keys makes a key's tries forgotten. Two keys in one bucket share
// it. A sign-in costs an argon2id, of which we compute fewer a second than all buckets win back
// together, so a flood over random keys cannot empty them all.
type Rate struct {
	burst    int
	interval time.Duration
	seed     maphash.Seed

	mu   sync.Mutex
	full []time.Duration // by bucket: when all its tries will be back
}

// Buckets is how many keys are told apart at most.
const Buckets = 1 << 14

// NewRate returns a rate of which no try was used.
func NewRate(burst int, interval time.Duration) *Rate {
	return &Rate{burst: burst, interval: interval, seed: maphash.MakeSeed(), full: make([]time.Duration, Buckets)}
}

func (r *Rate) bucket(key string) *time.Duration {
	return &r.full[maphash.String(r.seed, key)%Buckets]
}

// Take uses one try of key. When none is left it returns how long until the next, and changes nothing:
// asking on does not make the wait longer.
func (r *Rate) Take(key string, now time.Duration) (wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.bucket(key)
	full := max(*b, now) + r.interval
	if wait = full - now - time.Duration(r.burst)*r.interval; wait > 0 {
		return wait
	}
	*b = full
	return 0
}

// GiveBack returns one try that Take gave.
func (r *Rate) GiveBack(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*r.bucket(key) -= r.interval
}
