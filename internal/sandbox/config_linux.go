package sandbox

import (
	"log/slog"
	"runtime"
	"time"

	"github.com/houvast/houvast"
)

func (c Config) withDefaults() (Config, error) {
	if len(c.Argv) == 0 {
		c.Argv = []string{"/proc/self/exe", "child"}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	orInt(&c.Size, runtime.GOMAXPROCS(0))
	orInt(&c.ItemLimit, 200)
	orInt(&c.CPU, 5*time.Second)
	orInt(&c.Wall, 20*time.Second)
	orInt(&c.DataLimit, 1<<30)
	orInt(&c.MaxData, 64<<20)
	orInt(&c.MaxAnswer, 8<<20)
	for _, f := range []struct {
		name string
		ok   bool
	}{
		{"size", c.Size >= 1 && c.Size <= 256},
		{"item limit", c.ItemLimit >= 1 && c.ItemLimit <= 1_000_000},
		{"cpu", c.CPU > 0 && c.CPU <= time.Hour},
		{"wall", c.Wall > 0 && c.Wall <= time.Hour},
		{"data limit", c.DataLimit >= 128<<20 && c.DataLimit <= 1<<40},
		{"max data", c.MaxData > 0 && c.MaxData <= 4<<30},
		{"max answer", c.MaxAnswer > 0 && c.MaxAnswer <= 1<<30},
	} {
		if !f.ok {
			return c, houvast.Errorf("sandbox.NewPool", houvast.Invalid, "bad-config", "the %s of the child pool is out of range", f.name)
		}
	}
	return c, nil
}

func orInt[T int | int64 | uint64 | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

func failure(r Reason, format string, args ...any) *houvast.Error {
	return houvast.Errorf("sandbox.Do", houvast.Unavailable, string(r), format, args...)
}

// check holds the bounds of a request, in the parent before it is sent and again in the child.
func (r Request) check() error {
	okOp := len(r.Op) >= 1 && len(r.Op) <= 32
	for _, c := range []byte(r.Op) {
		okOp = okOp && codeByte(c)
	}
	if !okOp || len(r.Hint) > 127 || len(r.Args) > 4<<10 {
		return houvast.Errorf("sandbox.Do", houvast.Invalid, "bad-request", "the request to the child is malformed or has too long a hint or arguments")
	}
	return nil
}

func codeByte(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' }
