package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crashWorkers is how many installations are walked at once. Most of a walk is waiting for disks.
const crashWorkers = 3

// A crashWorld is what outlives every kill: the binaries, and a clearinghouse in a process of its own.
type crashWorld struct {
	dir      string
	bins     map[string]string // by build tags, "" for the ordinary binary
	clearing clearinghouseLine
	seed     atomic.Uint64 // of the pictures: each installation has its own
}

// newCrashWorld builds the binaries and starts the clearinghouse.
func newCrashWorld(t *testing.T) *crashWorld {
	w := &crashWorld{dir: t.TempDir(), bins: map[string]string{}}
	tags := []string{"", "faults", "faults,control_state", "faults,control_key"}
	for _, tag := range tags {
		w.bins[tag] = filepath.Join(w.dir, "houvast-"+strings.ReplaceAll(tag, ",", "-"))
	}
	began := time.Now()
	crashEach(2, tags, func(tag string) {
		cmd := exec.Command("go", "build", "-tags", tag, "-o", w.bins[tag], ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("building with -tags %q: %v\n%s", tag, err, out)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	t.Logf("%d binaries built in %.1f s", len(tags), time.Since(began).Seconds())
	w.open(t)
	return w
}

// open starts the clearinghouse: the ordinary binary, which no failpoint can end.
func (w *crashWorld) open(t *testing.T) {
	cmd := exec.Command(w.bins[""], "clearinghouse", "--json", "--listen", "localhost:0", "--log", filepath.Join(w.dir, "clearinghouse.jsonl"))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil || errs.Len() > 0 {
			t.Errorf("the clearinghouse: %v\n%s", err, &errs)
		}
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &w.clearing)
	}
	if err != nil {
		t.Fatalf("the clearinghouse said %q: %v", line, err)
	}
}

// crashEach calls fn for everything in list, n at a time.
func crashEach[T any](n int, list []T, fn func(T)) {
	jobs := make(chan T)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for job := range jobs {
				fn(job)
			}
		})
	}
	for _, job := range list {
		jobs <- job
	}
	close(jobs)
	wg.Wait()
}

// A crashScenario is a walk in which something happens that brings it to other steps.
type crashScenario struct {
	name  string
	armed []string // ends the first processes
	busy  int      // so many webhooks are answered with 503 first
}

// crashScenarios lists them; the test looks which points each one reaches.
func crashScenarios() []crashScenario {
	return []crashScenario{
		{name: "plain"},
		{name: "the platform is busy", busy: 1},
		{name: "a report is withdrawn and begun anew", armed: []string{"report.uploading"}},
	}
}

// A crashRun is one walk, ended at one point in one of its parts; it stops after that part, but not
// before the second. The process that follows is ended there as well, if it comes there again.
type crashRun struct {
	tags     string
	scenario crashScenario
	part     int
	point    string // "" ends nothing
	n        int    // the time it is reached, from 1
	trace    bool   // nothing is ended, and every part is walked

	kills  []string
	starts []time.Duration
	found  []string
	counts [crashParts]map[string]int // with trace: how often the process that a run would end reaches each point
	err    error
	took   time.Duration
}

func (r *crashRun) String() string {
	return fmt.Sprintf("%s:%d in part %d (%s)", r.point, r.n, r.part, r.scenario.name)
}

// walk carries r out in an installation of its own.
func (r *crashRun) walk(world *crashWorld) {
	began, seed := time.Now(), world.seed.Add(1)
	site, err := newCrashSite(world.bins[r.tags], filepath.Join(world.dir, fmt.Sprint("site.", seed)), world.clearing)
	if err != nil {
		r.err = err
		return
	}
	site.hook.busy = r.scenario.busy
	r.err = r.parts(newCrashWalk(site, seed), world.clearing.Log)
	site.close()
	r.kills, r.starts, r.took = site.kills, site.starts, time.Since(began)
	os.RemoveAll(site.dir)
}

// parts walks part by part, each in processes of its own, and has the last one judged.
func (r *crashRun) parts(w *crashWalk, logFile string) error {
	last := max(r.part, 1)
	if r.trace {
		last = crashParts - 1
	}
	for part := 0; part <= last; part++ {
		if err := w.stop(); err != nil {
			return err
		}
		w.armed = nil
		if part == 0 {
			w.armed = slices.Clone(r.scenario.armed)
		}
		shown := w.n + len(w.armed) // the process that a run ends
		if part == r.part && r.point != "" {
			w.armed = append(w.armed, fmt.Sprintf("%s:%d", r.point, r.n), r.point+":1")
		}
		if err := w.part(part); err != nil {
			return fmt.Errorf("part %d: %w", part, err)
		}
		r.counts[part] = w.reached(shown)
	}
	w.armed = nil
	f, err := w.facts(last, logFile)
	if err != nil {
		return err
	}
	if r.found = f.judge(); len(r.found) > 0 {
		r.found = append(r.found, w.tail())
	}
	return nil
}

// TestCrash ends serve with SIGKILL at every failpoint in the source, and at random moments, and has
// what can be seen from outside judged: nothing lost, nothing twice.
func TestCrash(t *testing.T) {
	if os.Getenv("HOUVAST_FULL") == "" {
		const shown = "NOT SHOWN: that a power cut at any persisted step loses nothing and does nothing twice; make test shows it (HOUVAST_FULL=1)"
		if os.Getenv("CI") == "true" {
			t.Fatal(shown)
		}
		t.Skip(shown)
	}
	points, err := crashPoints("../..")
	if err != nil {
		t.Fatal(err)
	}
	world := newCrashWorld(t)
	t.Run("hooks", func(t *testing.T) { crashHooks(t, world, points) })
	t.Run("points", func(t *testing.T) { crashAtPoints(t, world, points) })
	t.Run("controls", func(t *testing.T) { crashControls(t, world) })
	t.Run("random", func(t *testing.T) { crashAtRandom(t, world) })
}

// crashHooks looks for what only tests may use: it is in the binary that is killed, and not in the
// ordinary one.
func crashHooks(t *testing.T, world *crashWorld, points []string) {
	hooks := append([]string{"HOUVAST_FAULT", "HOUVAST_FAULT_LOG", "HOUVAST_CLOCK_OFFSET"}, points...)
	for tag, want := range map[string]bool{"": false, "faults": true} {
		text, err := os.ReadFile(world.bins[tag])
		if err != nil {
			t.Fatal(err)
		}
		for _, hook := range hooks {
			// Names of one word are found in any binary.
			if strings.ContainsAny(hook, "._-") && bytes.Contains(text, []byte(hook)) != want {
				t.Errorf("the binary built with -tags %q: %s is in it: %v", tag, hook, !want)
			}
		}
	}
	t.Logf("%d hooks looked for", len(hooks))
}

// A crashControl removes one protection; what it leads to must be found by name, and nothing else
// may be wrong with that build.
type crashControl struct{ tags, point, finding string }

func crashControlList() []crashControl {
	return []crashControl{
		{"faults,control_state", "report.finish-answered", "doubled report"},
		{"faults,control_key", "receive.row", "doubled item"},
	}
}

func crashControls(t *testing.T, world *crashWorld) {
	var all []*crashRun
	for _, c := range crashControlList() {
		for _, point := range []string{"", c.point} {
			all = append(all, &crashRun{tags: c.tags, scenario: crashScenario{name: c.tags}, point: point, n: 1})
		}
	}
	crashEach(crashWorkers, all, func(r *crashRun) { r.walk(world) })
	for i, c := range crashControlList() {
		whole, ended := all[2*i], all[2*i+1]
		if whole.err != nil || len(whole.found) > 0 {
			t.Errorf("%s, nothing ended: %v %q", c.tags, whole.err, whole.found)
		}
		if ended.err != nil || len(ended.kills) == 0 || !crashNamed(ended.found, c.finding) {
			t.Errorf("%s, killed at %v: %q was not found in %q, %v", c.tags, ended.kills, c.finding, ended.found, ended.err)
		}
		if len(ended.found) > 0 {
			t.Logf("%s, killed at %v: %s", c.tags, ended.kills, ended.found[0])
		}
	}
}

// plan says where to end walks: at each point in each part that reaches it, and in the first of them
// the last time as well.
func plan(traces []*crashRun, points []string) (runs []*crashRun, never []string) {
	for _, point := range points {
		before := len(runs)
		for _, tr := range traces {
			for part, counts := range tr.counts {
				n := counts[point]
				if n == 0 || len(runs) > before && runs[before].scenario.name != tr.scenario.name {
					continue
				}
				runs = append(runs, &crashRun{tags: "faults", scenario: tr.scenario, part: part, point: point, n: 1})
				if n > 1 && runs[before].part == part {
					runs = append(runs, &crashRun{tags: "faults", scenario: tr.scenario, part: part, point: point, n: n})
				}
			}
		}
		if len(runs) == before {
			never = append(never, point)
		}
	}
	return runs, never
}

func crashAtPoints(t *testing.T, world *crashWorld, points []string) {
	var traces []*crashRun
	for _, s := range crashScenarios() {
		traces = append(traces, &crashRun{tags: "faults", scenario: s, trace: true})
	}
	crashEach(crashWorkers, traces, func(r *crashRun) { r.walk(world) })
	for _, r := range traces {
		if r.err != nil || len(r.found) > 0 {
			t.Errorf("%s, nothing ended: %v %q", r.scenario.name, r.err, r.found)
		}
	}
	runs, never := plan(traces, points)
	for _, point := range never {
		t.Errorf("no walk comes to the failpoint %s", point)
	}
	began := time.Now()
	crashEach(crashWorkers, runs, func(r *crashRun) { r.walk(world) })
	hit := map[string]int{}
	var passed []string
	kills, restarts := 0, []time.Duration{}
	for _, r := range runs {
		// How often a point is reached differs a little from walk to walk; that it is reached does not.
		if !slices.Contains(r.kills, fmt.Sprintf("%s:%d", r.point, r.n)) {
			if passed = append(passed, r.String()); r.n == 1 && r.err == nil {
				t.Errorf("%s: no process was ended there", r)
			}
		}
		if r.err != nil || len(r.found) > 0 {
			t.Errorf("%s, killed at %v: %v %q", r, r.kills, r.err, r.found)
		}
		for _, k := range r.kills {
			name, _, _ := strings.Cut(k, ":")
			hit[name]++
			kills++
		}
		restarts = append(restarts, r.starts...)
	}
	for _, point := range points {
		if hit[point] == 0 {
			t.Errorf("no process was ended at the failpoint %s", point)
		}
	}
	if len(runs) == 0 || kills == 0 {
		t.Fatal("nothing was ended")
	}
	t.Logf("%d failpoints, %d walks (%d of which did not come to their point that often: %q), %d kills in %.1f s; ready after %v at most",
		len(points), len(runs), len(passed), passed, kills, time.Since(began).Seconds(), slices.Max(restarts).Round(time.Millisecond))
}
