package dir

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/blob/blobtest"
)

const killDir, killAt = "HOUVAST_TEST_KILL_DIR", "HOUVAST_TEST_KILL_AT"

var killContent = bytes.Repeat([]byte("sealed-"), 10_000)

func TestMain(m *testing.M) {
	if path := os.Getenv(killDir); path != "" {
		victim(path, os.Getenv(killAt))
		os.Exit(3) // it should have been killed
	}
	os.Exit(m.Run())
}

// victim puts one blob and stops for good at the named step, once it has said so.
func victim(path, at string) {
	stop := func(step string) {
		fmt.Println(step)
		if step == at {
			io.Copy(io.Discard, os.Stdin) // the parent never writes and never closes
		}
	}
	s, err := Open(path, WithSync(func(f *os.File) error {
		kind := "file"
		if st, err := f.Stat(); err == nil && st.IsDir() {
			kind = "folder"
			if filepath.Base(f.Name()) == "." {
				kind = "root"
			}
		}
		stop("before fsync " + kind)
		err := f.Sync()
		stop("after fsync " + kind)
		return err
	}))
	if err != nil {
		fmt.Println("open:", err)
		return
	}
	err = s.Put(context.Background(), "victim", func(w io.Writer) error {
		stop("before write")
		half := len(killContent) / 2
		if _, err := w.Write(killContent[:half]); err != nil {
			return err
		}
		stop("half written")
		_, err := w.Write(killContent[half:])
		stop("written")
		return err
	})
	fmt.Println("put:", err)
	stop("returned")
}

// kill runs a victim up to a step, kills it with SIGKILL, and returns the steps it said.
func kill(t *testing.T, path, at string) (steps []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killDir+"="+path, killAt+"="+at)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	defer stdin.Close()
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		steps = append(steps, lines.Text())
		if lines.Text() == at {
			break
		}
	}
	must(t, cmd.Process.Kill())
	cmd.Wait()
	return steps
}

// TestKilledPut kills a Put at every step it has, which the first victim lists.
func TestKilledPut(t *testing.T) {
	steps := kill(t, t.TempDir(), "returned")
	if len(steps) < 8 || steps[len(steps)-1] != "returned" {
		t.Fatalf("the steps of a Put are %v", steps)
	}
	whole, none := 0, 0
	for _, at := range steps {
		if strings.HasPrefix(at, "put:") {
			continue
		}
		path := t.TempDir()
		kill(t, path, at)
		left := len(files(t, path))
		s := openAt(t, path)
		got, err := blobtest.Get(t.Context(), s, "victim")
		switch {
		case err == nil && bytes.Equal(got, killContent):
			whole++
			if !strings.Contains(at, "folder") && at != "returned" {
				t.Errorf("killed at %q: the blob has its name before its bytes are durable", at)
			}
		case houvast.KindOf(err) == houvast.NotFound:
			none++
			if at == "returned" {
				t.Error("killed after Put returned: the blob is lost")
			}
			if at == "half written" && left != 1 {
				t.Errorf("killed half-way there were %d files: the test does not see the temporary one", left)
			}
			if now := files(t, path); len(now) != 0 {
				t.Errorf("killed at %q: %v is left", at, now)
			}
			must(t, blobtest.Put(t.Context(), s, "victim", killContent)) // the name is free
		default:
			t.Errorf("killed at %q: %d bytes, %v", at, len(got), err)
		}
	}
	t.Logf("%d kills: %d whole, %d none, 0 in between", whole+none, whole, none)
	if whole == 0 || none == 0 {
		t.Error("the kills never hit one side of the link")
	}
}
