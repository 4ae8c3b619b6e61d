package pipeline_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/internal/pipeline"
	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/sandbox/drill"
	"github.com/houvast/houvast/internal/store/storetest"
)

// The test binary is its own decoding child, as cmd/houvast is.
func TestMain(m *testing.M) {
	if len(os.Args) >= 2 && os.Args[1] == "child" {
		h := drill.Handlers()
		h[pipeline.OpHash] = hashPicture
		if err := sandbox.Serve(h); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(70)
		}
		os.Exit(0)
	}
	flag.Parse()
	flag.Set("test.parallel", "4") // these tests wait for disks and clocks more than they work
	storetest.Main(m)
}

// The marks behind the end of a picture that make the child of these tests do what a decoder does
// when it meets a file made to break it.
const (
	markBurn = "drill: burn"
	markGrow = "drill: grow"
	markHang = "drill: hang"
)

// hashPicture is the handler of cmd/houvast, with the three marks in front of it.
func hashPicture(req sandbox.Request, data []byte) ([]byte, error) {
	for mark, op := range map[string]string{markBurn: drill.Burn, markGrow: drill.Grow, markHang: drill.Hang} {
		if bytes.HasSuffix(data, []byte(mark)) {
			return drill.Handlers()[op](req, data)
		}
	}
	return json.Marshal(decode.Hash(data, decode.DefaultLimits()))
}

// children is the pool that most tests share.
var children = sync.OnceValues(func() (*sandbox.Pool, error) {
	return sandbox.NewPool(sandbox.Config{Argv: []string{"/proc/self/exe", "child", "shared"}, Size: 2, CPU: 30 * time.Second, Wall: time.Minute, MaxData: 4 << 20})
})
