package sandbox_test

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/sandbox/drill"
)

// BenchmarkStart is a whole life without work: start, layers, greeting, kill, reap. layers-ms is the
// part that the layers take.
func BenchmarkStart(b *testing.B) {
	var layers time.Duration
	for range b.N {
		p, err := sandbox.NewPool(config("shipped"))
		if err != nil {
			b.Fatal(err)
		}
		layers += p.Took()
		p.Close()
	}
	b.ReportMetric(layers.Seconds()*1000/float64(b.N), "layers-ms/op")
}

// BenchmarkDo is what a request costs beside its work.
func BenchmarkDo(b *testing.B) {
	for name, n := range map[string]int{"1KiB": 1 << 10, "1MiB": 1 << 20, "8MiB": 8 << 20} {
		b.Run(name, func(b *testing.B) {
			cfg := config("shipped")
			cfg.ItemLimit = 1_000_000
			cfg.CPU = time.Second
			p := open(b, cfg)
			data := bytes.Repeat([]byte("x"), n)
			req := sandbox.Request{Op: drill.Babble, Args: []byte("512")}
			b.SetBytes(int64(n))
			for b.Loop() {
				if _, err := p.Do(b.Context(), req, bytes.NewReader(data)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	runtime.KeepAlive(b)
}
