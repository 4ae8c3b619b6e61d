package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/houvast/houvast"
)

// crashRandomKills is how often an installation at work is killed at a random moment.
const crashRandomKills = 10

// A crashShift is people and a platform at work in one installation, all at once.
type crashShift struct {
	*crashWalk
	mu    sync.Mutex
	roles map[string]*crashPicture // by sha256

	uploaded, judged atomic.Bool // no more of it will come
}

// crashAtRandom kills a server at work ten times, at moments that a seed gives, and has the data
// folder judged once everybody has gone home.
func crashAtRandom(t *testing.T, world *crashWorld) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("HOUVAST_CRASH_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("HOUVAST_CRASH_SEED=%d", seed)
	site, err := newCrashSite(world.bins["faults"], filepath.Join(world.dir, "shift"), world.clearing)
	if err != nil {
		t.Fatal(err)
	}
	defer site.close()
	s := &crashShift{crashWalk: &crashWalk{crashSite: site}, roles: map[string]*crashPicture{}}
	began := time.Now()
	if err := errors.Join(s.staff(), s.list()); err != nil {
		t.Fatal(err)
	}
	var killed sync.WaitGroup
	var errs [4]error
	stop := make(chan struct{})
	killed.Go(func() { errs[0] = s.killing(rand.New(rand.NewPCG(seed, 1))); close(stop) })
	killed.Go(func() { errs[1] = s.uploading(world, stop); s.uploaded.Store(true) })
	killed.Go(func() { errs[2] = s.reviewing(); s.judged.Store(true) })
	killed.Go(func() { errs[3] = s.approving() })
	killed.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	if err := s.settled(); err != nil {
		t.Fatal(err)
	}
	f, err := s.facts(0, world.clearing.Log)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range f.judge() {
		t.Error(found)
	}
	cases := len(f.evidence)
	if len(s.pictures) < crashRandomKills || cases == 0 || f.events["report.finished"] == 0 {
		t.Errorf("%d uploads, %d cases, %d reports: there was nothing to lose", len(s.pictures), cases, f.events["report.finished"])
	}
	t.Logf("%d random kills in %.1f s: %d uploads, %d cases, %d reports, %d webhooks; ready after %v at most", crashRandomKills, time.Since(began).Seconds(),
		len(s.pictures), cases, f.events["report.finished"], len(f.calls), slices.Max(s.starts).Round(time.Millisecond))
}

// killing kills one server after another, each at a random moment of its life.
func (s *crashShift) killing(rng *rand.Rand) error {
	for range crashRandomKills {
		if _, err := s.up(); err != nil {
			return err
		}
		<-time.After(time.Duration(rng.Int64N(int64(700 * time.Millisecond))))
		if err := s.kill(); err != nil {
			return err
		}
	}
	return nil
}

// uploading hands in one picture after another until stop, and each is put on the list first when it
// is to match.
func (s *crashShift) uploading(world *crashWorld, stop <-chan struct{}) error {
	turn := []string{crashAbuse, crashOther, crashNotAbuse, crashOther, crashBroken}
	for i := 0; ; i++ {
		select {
		case <-stop:
			return nil
		default:
		}
		p := newCrashPicture(turn[i%len(turn)], world.seed.Add(1)<<8)
		s.mu.Lock()
		s.roles[p.sha] = p
		s.mu.Unlock()
		if p.known() {
			if err := s.importing(p.sha); err != nil {
				return err
			}
		}
		if err := s.upload(p); err != nil {
			return err
		}
		s.pictures = append(s.pictures, p)
	}
}

// reviewing decides whatever comes, until nothing more can come.
func (s *crashShift) reviewing() error {
	for {
		var c crashPulled
		empty := false
		err := s.do("pull a case", func(srv *crashServer) (err error) {
			all := s.uploaded.Load()
			items, err := crashCounts(srv)
			if err != nil {
				return err
			}
			c, err = s.pull(srv)
			if empty = houvast.CodeOf(err) == "queue-empty"; !empty {
				return err
			}
			if !all || items[string(houvast.ItemReceived)] > 0 {
				return errNotYet
			}
			return nil
		})
		if err != nil || empty {
			return err
		}
		s.mu.Lock()
		p := s.roles[c.Facts.SHA256]
		s.mu.Unlock()
		if p == nil {
			return fmt.Errorf("a case about a picture that nobody uploaded: %s", c.Facts.SHA256)
		}
		if err := s.verdict(c.Case, p); err != nil {
			return err
		}
	}
}

// approving approves whatever is drafted and proposed, until nothing more can be.
func (s *crashShift) approving() error {
	for {
		last := s.judged.Load()
		if err := s.approve(); err != nil {
			return err
		}
		if last {
			return nil
		}
		<-time.After(crashLook)
	}
}
