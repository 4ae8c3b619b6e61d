package seal

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	seccomp "github.com/elastic/go-seccomp-bpf"

	"github.com/houvast/houvast"
)

const childEnv = "HOUVAST_TEST_SEAL_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		if err := play(role, os.Args[1], KeyID(os.Args[2])); err != nil {
			fmt.Println("child:", err)
			os.Exit(1)
		}
		fmt.Println("done")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child runs the test binary in a role. One that says "kill me" gets a SIGKILL; any other has to
// end by itself after "done".
func child(t *testing.T, role, dir, id string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], dir, id)
	cmd.Env = append(os.Environ(), childEnv+"="+role)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	defer stdin.Close()
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		if lines.Text() == "kill me" {
			must(t, cmd.Process.Kill())
			break
		}
	}
	err = cmd.Wait()
	last := ""
	if len(said) > 0 {
		last = said[len(said)-1]
	}
	if last != "kill me" && (last != "done" || err != nil) {
		t.Fatalf("the child %s said %v, %v", role, said, err)
	}
}

func play(role, dir string, id KeyID) error {
	ctx := context.Background()
	kn := production()
	armed := false
	kn.wiping = func(*Keyring) {
		if armed && role == "destroy" {
			fmt.Println("kill me")
			io.Copy(io.Discard, os.Stdin)
		}
	}
	k, err := open(ctx, dir, &hands{}, kn)
	if err != nil {
		return err
	}
	armed = true
	if role == "destroy" {
		return fmt.Errorf("not killed: %v", k.Destroy(ctx, id))
	}
	return failingFsync(ctx, k, id)
}

// failingFsync judges a keyring from the moment fsync returns EIO.
func failingFsync(ctx context.Context, k *Keyring, id KeyID) error {
	if err := k.SetMark(ctx, "before", nil); err != nil {
		return fmt.Errorf("control: before the filter a write fails: %w", err)
	}
	err := seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true, Flag: seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionAllow,
			Syscalls: []seccomp.SyscallGroup{{
				Action: seccomp.ActionErrno | seccomp.Action(5), // EIO
				Names:  []string{"fsync", "fdatasync"},
			}},
		},
	})
	if err != nil {
		return err
	}
	_, newKey := k.NewKey(ctx, "evidence")
	if houvast.CodeOf(newKey) != "fsync-failed" {
		return fmt.Errorf("NewKey with a failing fsync: %v (%s)", newKey, houvast.CodeOf(newKey))
	}
	_, again := k.NewKey(ctx, "evidence")
	_, hour := k.HourKey(ctx, start)
	for what, err := range map[string]error{
		"NewKey": again, "HourKey": hour, "Destroy": k.Destroy(ctx, id), "SetMark": k.SetMark(ctx, "m", nil), "Failed": k.Failed(),
	} {
		if err == nil || houvast.CodeOf(err) != "fsync-failed" || houvast.KindOf(err) != houvast.Unavailable {
			return fmt.Errorf("%s after a failed fsync: %v", what, err)
		}
	}
	if hint := houvast.HintOf(newKey); !strings.Contains(hint, "disk") {
		return fmt.Errorf("the hint says %q", hint)
	}
	return nil
}
