// Package drill proves that the sandbox holds, in the shipped binary as well as in tests. It gives a
// child harmless operations that try what a decoder that was taken over would try (canary), or that
// fail in the ways a decoder may fail (burn, grow, hang, crash, babble), and it judges from the
// parent's side.
//
// The promise: no attempt does harm where the sandbox does not hold. Signals are number 0, system
// calls that would change something get arguments that the kernel refuses on sight, and what is
// opened, created or called belongs to the Trap.
//
// cmd registers Handlers with the child; `houvast doctor` calls Prove.
package drill

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/sandbox"
)

// The operations.
const (
	Canary = "canary" // tries everything that is forbidden and answers []Attempt as JSON; Args are those of a Trap
	Echo   = "echo"   // answers its data
	Burn   = "burn"   // uses processor time, a minute at most
	Grow   = "grow"   // asks for 3 GiB of memory and touches none of it
	Hang   = "hang"   // waits for ten minutes
	Crash  = "crash"  // panics with its data
	Babble = "babble" // answers as many bytes as Args say in decimal, 64 MiB at most
)

// Handlers returns the operations of this package by name, for the child's table.
func Handlers() map[string]sandbox.Handler {
	return map[string]sandbox.Handler{
		Canary: canary,
		Echo:   func(_ sandbox.Request, data []byte) ([]byte, error) { return data, nil },
		Burn:   burn,
		Grow:   grow,
		Hang: func(sandbox.Request, []byte) ([]byte, error) {
			<-time.After(10 * time.Minute)
			return nil, nil
		},
		Crash:  func(_ sandbox.Request, data []byte) ([]byte, error) { panic(string(data)) },
		Babble: babble,
	}
}

func burn(sandbox.Request, []byte) ([]byte, error) {
	sum := uint64(1)
	for begin := time.Now(); time.Since(begin) < time.Minute; {
		for i := range uint64(1 << 16) {
			sum = sum*6364136223846793005 + i
		}
	}
	return strconv.AppendUint(nil, sum, 10), nil
}

func grow(sandbox.Request, []byte) ([]byte, error) {
	b := make([]byte, 3<<30)
	return strconv.AppendInt(nil, int64(len(b)), 10), nil
}

func babble(req sandbox.Request, _ []byte) ([]byte, error) {
	n, err := strconv.Atoi(string(req.Args))
	if err != nil || n < 0 || n > 64<<20 {
		return nil, houvast.Errorf("drill.Babble", houvast.Invalid, "bad-args", "the number of bytes is missing or out of range")
	}
	return make([]byte, n), nil
}

// An Attempt is what became of one forbidden thing.
type Attempt struct {
	Name    string         `json:"name"`
	By      sandbox.Layers `json:"by"`      // the layers each of which is known to refuse it alone, on this kernel
	Refused bool           `json:"refused"` // EPERM, EACCES or, for a call that looks absent, ENOSYS
	Outcome string         `json:"outcome"` // ok or the name of the error
}

// targets is what the canary aims at. All of it belongs to the Trap.
type targets struct {
	File     string `json:"file"`     // exists
	Create   string `json:"create"`   // does not
	TCP      string `json:"tcp"`      // listens
	UDP      string `json:"udp"`      // is read
	Unix     string `json:"unix"`     // listens
	Abstract string `json:"abstract"` // listens
	Parent   int    `json:"parent"`   // process
	ABI      int    `json:"abi"`      // of Landlock in force
}

func canary(req sandbox.Request, _ []byte) ([]byte, error) {
	var t targets
	if err := json.Unmarshal(req.Args, &t); err != nil || t.Parent < 1 {
		return nil, houvast.Errorf("drill.Canary", houvast.Invalid, "bad-args", "the canary needs the targets of a trap")
	}
	return json.Marshal(try(t))
}
