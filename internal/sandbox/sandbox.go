// Package sandbox runs untrusted work in a pool of killable children.
//
// A decoder reads bytes that a stranger chose. It may hang, eat all memory or be taken over; none of
// that may reach the process that holds keys and decisions. So the binary starts itself again as a
// child, the child gives up everything it does not need, and only then reads its first request. This
// package knows nothing about pictures: what the child does with a request is a Handler that cmd
// gives to Serve.
//
// # Nouns
//
// A Pool holds up to Config.Size children. A Request names an operation; its bytes travel in a sealed
// memory file that never has a name on a disk. An answer is a length and at most Config.MaxAnswer
// bytes. A layer (Layers) is one of the three things that hold a child: rlimits, Landlock, seccomp.
// A Reason says why the pool could not look at an item.
//
// # Life of a child
//
//	started -> set up -> idle <-> busy -> ended
//
// started: executed with an empty environment apart from Config.Env, no standard input or output, a
// working folder of /, and one socket to the parent. set up: it has closed what it inherited by
// mistake, applied every layer and tried each one, and has said which are in force. busy: it has one
// request. ended: killed, or gone by itself; always reaped. A child ends after Config.ItemLimit
// requests and after any failure whatever, also when a handler returns an error; the next request
// gets a new one.
//
// # Promises
//
// A child that uses more processor time or wall time than allowed, asks for more memory than allowed,
// crashes, is killed from outside or answers nonsense costs exactly the request it was working on.
// That request gets an error with a Reason, never an empty answer: "could not look" must not be
// mistaken for "nothing found".
//
// A missing layer stops all work, unless Config.Allow names it; then Pool.Layers says so.
//
// Nothing outlives the parent: the kernel kills a child whose parent died, and a child ends by itself
// when the socket closes.
//
// No text made in a child reaches an error or a log. Of a refused request the parent takes the kind
// and the code, of a crash only the fatal line of the Go runtime and names of source files.
//
// # What this does not do
//
// A child that was taken over keeps what it was given: it may lie about the item it holds and about
// those that follow until it is replaced. Config.ItemLimit bounds how many; 1 isolates every item.
// Between requests its processor time is bounded only by RLIMIT_CPU, which covers its whole life.
// Memory can be written to swap by the kernel: swap should be off or encrypted. Time is measured with
// the machine's own clocks and not with houvast.Clock: it bounds processes and decides nothing in law.
package sandbox

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/houvast/houvast"
)

// A Request is one piece of work. The bytes it is about travel beside it.
type Request struct {
	Op   string `json:"op"`             // which handler: 1 to 32 of a-z, 0-9 and -
	Hint string `json:"hint,omitempty"` // what the bytes claim to be, at most 127 bytes; never trusted
	Args []byte `json:"args,omitempty"` // limits and parameters of the operation, at most 4 KiB, in its own encoding
}

// A Handler does the work of one operation inside a child. data is read-only memory (writing to it
// ends the child) and is gone when the handler returns. The answer may have at most Config.MaxAnswer
// bytes. Of an error only its kind and code reach the parent, and the child is replaced: what is
// normal for an operation, such as a file that no decoder reads, belongs in the answer.
type Handler func(req Request, data []byte) (answer []byte, err error)

// Config says how many children there are and what holds them. A zero field has the stated default.
type Config struct {
	Argv      []string      // the program and its arguments; default /proc/self/exe child
	Env       []string      // the whole environment besides GOMAXPROCS and GOMEMLIMIT; default none
	Size      int           // children at most, 1 to 256; default one for each processor
	ItemLimit int           // requests before a child is replaced; default 200
	CPU       time.Duration // processor time of one request; default 5 s
	Wall      time.Duration // wall time of one request, also of a start; default 20 s
	DataLimit uint64        // RLIMIT_DATA of a child in bytes, at least 128 MiB; default 1 GiB
	MaxData   int64         // bytes of one request; default 64 MiB
	MaxAnswer int           // bytes of one answer; default 8 MiB
	Allow     Layers        // layers that may be missing; default none
	Log       *slog.Logger  // default: nothing is logged
}

// Layers is a set of the things that hold a child.
type Layers uint8

// The layers, in the order in which a child applies them.
const (
	Rlimits  Layers = 1 << iota // memory, core dumps, file sizes, open files; also not dumpable
	Landlock                    // no path in the file system, and where the kernel can: no TCP (but multipath TCP), no signals and abstract sockets outside
	Seccomp                     // only the system calls of the Go runtime and of the socket to the parent; no new privileges

	AllLayers = Rlimits | Landlock | Seccomp
)

func layerNames() []string { return []string{"rlimits", "landlock", "seccomp"} }

// Has reports whether every layer of o is in l.
func (l Layers) Has(o Layers) bool { return l&o == o }

// Missing returns the layers that are not in l.
func (l Layers) Missing() Layers { return AllLayers &^ l }

// Names returns the names of the layers in l: rlimits, landlock, seccomp.
func (l Layers) Names() (names []string) {
	for i, name := range layerNames() {
		if l&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String returns the names with commas, or "none".
func (l Layers) String() string {
	if l == 0 {
		return "none"
	}
	return strings.Join(l.Names(), ",")
}

// ParseLayers reads names as Layers.Names returns them, for the configuration of the operator.
func ParseLayers(names []string) (l Layers, err error) {
	for _, name := range names {
		i := slices.Index(layerNames(), name)
		if i < 0 {
			return 0, houvast.Errorf("sandbox.ParseLayers", houvast.Invalid, "bad-layer", "%q is not a layer of the sandbox", name[:min(len(name), 40)]).
				WithHint("the layers are %s", strings.Join(layerNames(), ", "))
		}
		l |= 1 << i
	}
	return l, nil
}

// Stats are counters since the pool began; Live is now.
type Stats struct {
	Started  uint64 // children started
	Recycled uint64 // ended because of Config.ItemLimit
	Failed   uint64 // requests that ended with a Reason
	Live     int    // children that are not reaped yet
}

// A Reason says why the pool could not look at an item. It is the code of the error that Pool.Do
// returns, whose kind is houvast.Unavailable.
type Reason string

// The reasons.
const (
	ChildCPU    Reason = "child-cpu"     // used more processor time than Config.CPU
	ChildWall   Reason = "child-wall"    // took longer than Config.Wall
	ChildMemory Reason = "child-memory"  // asked for more memory than Config.DataLimit
	ChildGone   Reason = "child-gone"    // was killed from outside, by an operator or for memory by the kernel
	ChildCrash  Reason = "child-crash"   // ended by a panic or a fault of its own
	ChildAnswer Reason = "child-answer"  // answered too much, or something that is no answer
	ChildStart  Reason = "child-start"   // could not be started or set up
	LayerMiss   Reason = "layer-missing" // a layer is not in force and Config.Allow does not name it
)

// Reasons returns every reason, for tests and counters that must cover all of them.
func Reasons() []Reason {
	return []Reason{ChildCPU, ChildWall, ChildMemory, ChildGone, ChildCrash, ChildAnswer, ChildStart, LayerMiss}
}

// Again reports whether the same bytes may well succeed on another try: the reason lay in the
// machine and not in the item.
func (r Reason) Again() bool {
	return r == ChildGone || r == ChildWall || r == ChildStart || r == LayerMiss
}

// ReasonOf returns why the pool could not look, or "" when err says something else: the request was
// too large or malformed, the caller gave up, or the handler refused it with a code of its own.
func ReasonOf(err error) Reason {
	var e *houvast.Error
	if errors.As(err, &e) && slices.Contains(Reasons(), Reason(e.Code)) {
		return Reason(e.Code)
	}
	return ""
}
