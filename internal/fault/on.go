//go:build faults

package fault

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Enabled reports whether failpoints are compiled in.
const Enabled = true

// HOUVAST_FAULT is name or name:n: the process ends at the n-th time that point is reached.
// HOUVAST_FAULT_LOG is a file to which each point reached is appended, one name a line.
var (
	target, nth = parse(os.Getenv("HOUVAST_FAULT"))
	trace       = os.Getenv("HOUVAST_FAULT_LOG")
	reached     atomic.Int64
)

func parse(s string) (string, int64) {
	name, n, ok := strings.Cut(s, ":")
	if !ok {
		return name, 1
	}
	v, err := strconv.ParseInt(n, 10, 64)
	if err != nil || v < 1 {
		return name, 1
	}
	return name, v
}

// Point marks a place where a crash must lose nothing and do nothing twice.
func Point(name string) {
	if trace != "" {
		if f, err := os.OpenFile(trace, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			fmt.Fprintln(f, name)
			f.Close()
		}
	}
	if name == target && reached.Add(1) == nth {
		syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way; nothing after this line may run
	}
}
