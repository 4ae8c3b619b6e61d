package sandbox_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/internal/sandbox"
	"github.com/houvast/houvast/internal/sandbox/drill"
)

// TestCanary tries every forbidden thing behind the layers that a decoder stands behind, behind each
// layer alone, and, as the control, behind none.
func TestCanary(t *testing.T) {
	for _, c := range []struct {
		mode string
		held sandbox.Layers
	}{
		{"shipped", sandbox.AllLayers},
		{"without-rlimits,landlock", sandbox.Seccomp},
		{"without-rlimits,seccomp", sandbox.Landlock},
		{"without-rlimits,landlock,seccomp", 0},
	} {
		t.Run(c.held.String(), func(t *testing.T) {
			p := open(t, config(c.mode))
			if p.Layers() != c.held {
				t.Fatalf("layers are %s", p.Layers())
			}
			trap, err := drill.Set()
			if err != nil {
				t.Fatal(err)
			}
			abi := 7 // the control shows what this kernel's Landlock would have refused
			if c.held.Has(sandbox.Landlock) {
				abi = p.LandlockABI()
			}
			answer, err := p.Do(t.Context(), trap.Request(abi), strings.NewReader(""))
			reached := trap.Close()
			var all []drill.Attempt
			if err := errors.Join(err, json.Unmarshal(answer, &all)); err != nil || len(all) == 0 {
				t.Fatalf("%d attempts, %v", len(all), err)
			}
			through := 0
			for _, a := range all {
				if !a.Refused {
					through++
				}
				switch {
				case !a.Refused && a.By&c.held != 0:
					t.Errorf("%s is not refused: %s", a.Name, a.Outcome)
				case a.Refused && c.held == 0 && !outer(t, a):
					t.Errorf("%s is refused with no layer at all, so the test shows nothing: %s", a.Name, a.Outcome)
				}
			}
			t.Logf("%d attempts, %d let through, the trap noticed %v", len(all), through, reached)
			var want []string
			for _, a := range all {
				if slices.Contains(trap.Watched(), a.Name) && a.By&c.held == 0 {
					want = append(want, a.Name)
				}
			}
			if slices.Sort(want); !slices.Equal(reached, want) {
				t.Errorf("the trap noticed %v, want %v", reached, want)
			}
		})
	}
}

// outer reports whether something around the test, such as a container's own filter, may refuse an
// attempt as well. It never does under CI as root, where nothing is skipped.
func outer(t *testing.T, a drill.Attempt) bool {
	may := []string{"clone3", "mount", "unshare", "ptrace", "read-memory", "personality", "limits-of-parent"}
	if !slices.Contains(may, a.Name) || os.Getenv("CI") == "true" && os.Getuid() == 0 {
		return false
	}
	t.Logf("NOT SHOWN: %s is refused (%s) by something around this test", a.Name, a.Outcome)
	return true
}

func TestProve(t *testing.T) {
	if all, err := drill.Prove(t.Context(), openAlone(t, config("shipped"))); err != nil || len(all) < 20 {
		t.Errorf("%d attempts, %v", len(all), err)
	}
	bare := openAlone(t, config("without-rlimits,landlock,seccomp"))
	_, err := drill.Prove(t.Context(), bare)
	if houvast.CodeOf(err) != "sandbox-open" || !strings.Contains(err.Error(), "read-file") || !strings.Contains(err.Error(), "connect-tcp") {
		t.Errorf("an open sandbox was proved: %v", err)
	}
}

// TestMemoryControl shows that it is the layer that stops a growing child.
func TestMemoryControl(t *testing.T) {
	p := open(t, config("without-rlimits"))
	if got, err := do(t, p, drill.Grow, "", "", ""); err != nil || got != strconv.Itoa(3<<30) {
		t.Errorf("without rlimits: %q, %v", got, err)
	}
}

func TestMissingLayer(t *testing.T) {
	for _, name := range sandbox.AllLayers.Names() {
		layer, err := sandbox.ParseLayers([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		cfg := config("without-" + name)
		if cfg.Allow != layer {
			t.Fatalf("allowed: %s", cfg.Allow)
		}
		p := open(t, cfg)
		good(t, p)
		if p.Layers() != sandbox.AllLayers&^layer || p.Layers().Missing() != layer {
			t.Errorf("without %s the pool says %s", name, p.Layers())
		}
		cfg.Allow = sandbox.AllLayers &^ layer
		_, err = sandbox.NewPool(cfg)
		if sandbox.ReasonOf(err) != sandbox.LayerMiss || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
		p.Close()
	}
	if left := children(t); len(left) > 0 {
		t.Errorf("child processes are left: %v", left)
	}
	if _, err := sandbox.ParseLayers([]string{"rlimits", "hope"}); houvast.CodeOf(err) != "bad-layer" {
		t.Errorf("an unknown layer: %v", err)
	}
}

// TestSeenFromOutside reads what the kernel says of a child after work with many threads.
func TestSeenFromOutside(t *testing.T) {
	p := open(t, config("shipped"))
	if _, err := do(t, p, "busy", "", "", ""); err != nil {
		t.Fatal(err)
	}
	pid := p.Pids()[0]
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(threads) < 3 {
		t.Fatalf("%d threads, %v", len(threads), err)
	}
	for _, name := range threads {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"Seccomp:\t2", "NoNewPrivs:\t1"} {
			if !strings.Contains(string(b), want+"\n") {
				t.Errorf("a thread is without %q", want)
			}
		}
	}
	own, _ := os.ReadFile("/proc/self/status")
	if strings.Contains(string(own), "Seccomp:\t2\n") && strings.Contains(string(own), "NoNewPrivs:\t1\n") {
		t.Log("NOT SHOWN: the test itself already runs behind a filter without new privileges")
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Max data size 1073741824 1073741824", "Max core file size 0 0", "Max file size 0 0", "Max open files 32 32"} {
		if !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), want) {
			t.Errorf("the child lacks the limit %q", want)
		}
	}
	t.Logf("%d threads", len(threads))
}

// TestDumpable asks children that may ask: without the filter, and as the control without rlimits too.
func TestDumpable(t *testing.T) {
	for mode, want := range map[string]string{"without-seccomp": "0", "without-seccomp,rlimits": "1"} {
		p := open(t, config(mode))
		if got, err := do(t, p, "dumpable", "", "", ""); err != nil || got != want {
			t.Errorf("%s: dumpable is %q, want %q, %v", mode, got, want, err)
		}
		p.Close()
	}
}

// TestStrayDescriptor leaves a file open as a careless parent of the parent would.
func TestStrayDescriptor(t *testing.T) {
	name := filepath.Join(t.TempDir(), "stray")
	if err := os.WriteFile(name, []byte(strayMark), 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(name, unix.O_RDONLY, 0) // no O_CLOEXEC
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for mode, want := range map[string]string{"shipped": "", "without-rlimits": strconv.Itoa(fd) + " "} {
		p := open(t, config(mode))
		if got, err := do(t, p, "descriptors", "", "", ""); err != nil || got != want {
			t.Errorf("%s: the child can read the descriptors %q, want %q, %v", mode, got, want, err)
		}
		p.Close()
	}
}

// TestParentKilled kills a parent with two children and watches them disappear.
func TestParentKilled(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "parent")
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pids := strings.Fields(strings.Trim(line, "[]\n"))
	if len(pids) != 2 {
		t.Fatalf("children %q", line)
	}
	for _, pid := range pids {
		if n, _ := strconv.Atoi(pid); syscall.Kill(n, 0) != nil {
			t.Fatalf("child %s does not run", pid)
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	for _, pid := range pids {
		until(t, "the child is gone", func() bool {
			b, err := os.ReadFile("/proc/" + pid + "/stat")
			return err != nil || strings.Contains(string(b), ") Z ")
		})
	}
}
