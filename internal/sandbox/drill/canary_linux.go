package drill

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/houvast/houvast/internal/sandbox"
)

// A probe tries one thing. abi is the version of Landlock from which Landlock alone refuses it, 0
// when it never does; seccomp refuses everything here.
type probe struct {
	name string
	abi  int
	try  func(targets) error
}

// probes is the list; an attempt that is missing here is tried by nobody. Where a real success would
// do harm, the arguments are such that the kernel, if it looks at them at all, answers something
// else than a refusal.
func probes() []probe {
	return []probe{
		{"read-file", 1, func(t targets) error { return open(t.File, unix.O_RDONLY) }},
		{"read-program", 1, func(targets) error { return open("/proc/self/exe", unix.O_RDONLY) }},
		{"read-parent", 1, func(t targets) error { return open("/proc/"+strconv.Itoa(t.Parent)+"/status", unix.O_RDONLY) }},
		{"list-folder", 1, func(targets) error { return open("/", unix.O_RDONLY|unix.O_DIRECTORY) }},
		{"create-file", 1, func(t targets) error { return open(t.Create, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL) }},
		{"path-handle", 0, func(targets) error { return open("/", unix.O_PATH|unix.O_DIRECTORY) }},
		{"stat-file", 0, func(t targets) error { return unix.Stat(t.File, new(unix.Stat_t)) }},
		{"connect-tcp", 4, func(t targets) error { return dial("tcp", t.TCP) }},
		{"listen-tcp", 4, listen},
		{"send-udp", 10, func(t targets) error { return dial("udp", t.UDP) }},
		{"connect-unix", 9, func(t targets) error { return dial("unix", t.Unix) }},
		{"connect-abstract", 6, func(t targets) error { return dial("unix", t.Abstract) }},
		{"send-descriptor", 0, func(targets) error { return call(unix.SYS_SENDMSG, ^uintptr(0), 0, 0) }},
		{"run-program", 1, func(targets) error { return spawn() }},
		{"execve", 0, func(targets) error { return execve() }},
		{"fork", 0, func(targets) error { return fork() }},
		{"clone3", 0, func(targets) error { return call(unix.SYS_CLONE3, 0, 0, 0) }},
		{"kill-parent", 6, func(t targets) error { return unix.Kill(t.Parent, 0) }},
		{"tgkill-parent", 6, func(t targets) error { return unix.Tgkill(t.Parent, t.Parent, 0) }},
		{"limits-of-parent", 0, func(t targets) error { return unix.Prlimit(t.Parent, unix.RLIMIT_NOFILE, nil, new(unix.Rlimit)) }},
		{"ptrace", 0, func(t targets) error { return call(unix.SYS_PTRACE, unix.PTRACE_CONT, uintptr(t.Parent), 0) }},
		{"read-memory", 0, func(t targets) error {
			_, err := unix.ProcessVMReadv(t.Parent, nil, nil, 1)
			return err
		}},
		{"mount", 0, func(targets) error { return call(unix.SYS_MOUNT, 1, 1, 1) }},
		{"unshare", 0, func(targets) error { return unix.Unshare(0) }},
		{"memory-file", 0, func(targets) error { return call(unix.SYS_MEMFD_CREATE, 0, 0, 0) }},
		{"code-in-memory", 0, func(targets) error { return executable() }},
		{"personality", 0, func(targets) error { return call(unix.SYS_PERSONALITY, 0xffffffff, 0, 0) }},
	}
}

func try(t targets) []Attempt {
	var all []Attempt
	for _, p := range probes() {
		a := Attempt{Name: p.name, By: sandbox.Seccomp, Outcome: "ok"}
		if p.abi > 0 && p.abi <= t.ABI {
			a.By |= sandbox.Landlock
		}
		if err := p.try(t); err != nil {
			var no syscall.Errno
			a.Outcome = "error"
			if errors.As(err, &no) {
				a.Outcome = unix.ErrnoName(no)
			}
			a.Refused = no == unix.EPERM || no == unix.EACCES || no == unix.ENOSYS
		}
		all = append(all, a)
	}
	return all
}

func open(path string, flags int) error {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func dial(network, address string) error {
	c, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if network == "udp" { // for the others, to connect is to have arrived
		_, err = c.Write([]byte("canary"))
	}
	return err
}

func listen(targets) error {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // Go's default, which Landlock does not know as TCP
	l, err := plain.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err == nil {
		l.Close()
	}
	return err
}

// call makes a system call whose arguments cannot do anything. A result that is no error is nil.
func call(nr, a, b, c uintptr) error {
	if _, _, no := unix.Syscall6(nr, a, b, c, 0, 0, 0); no != 0 {
		return no
	}
	return nil
}

// spawn runs a program that does nothing.
func spawn() error {
	p, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{Dir: "/"})
	if err == nil {
		_, err = p.Wait()
	}
	return err
}

// execve names a program but no arguments that could be read: where it is allowed it is EFAULT, and
// the child is still there to say so.
func execve() error {
	path := []byte("/bin/true\x00")
	_, _, no := unix.Syscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(&path[0])), 1, 0)
	runtime.KeepAlive(path)
	return no
}

// fork makes a process that ends at once. Between fork and end it runs no Go code that could need
// another thread.
func fork() error {
	pid, _, no := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if no != 0 {
		return no
	}
	if pid == 0 {
		for {
			syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	unix.Wait4(int(pid), nil, 0, nil) // refused where only waiting is
	return nil
}

func executable() error {
	m, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	return unix.Munmap(m)
}
