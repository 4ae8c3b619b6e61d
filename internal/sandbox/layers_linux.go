package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// A layering applies the three layers. The shipped one is inForce; tests replace single layers, to
// show what fails without them, in a child that only the test binary contains.
type layering struct {
	rlimits  func(setup) error
	landlock func() (abi int, err error)
	seccomp  func() error
}

func inForce() layering { return layering{applyRlimits, applyLandlock, applySeccomp} }

// apply gives up everything a child does not need. A layer that fails is reported and the others are
// still applied: the parent decides. Seccomp comes last, because it also forbids applying layers.
func (l layering) apply(s setup) hello {
	begin := time.Now()
	h := hello{}
	note := func(layer Layers, err error) {
		if err == nil {
			h.Layers |= layer
			return
		}
		h.Missing = append(h.Missing, fmt.Sprintf("%s: %v", layer, err))
	}
	note(Rlimits, l.rlimits(s))
	abi, err := l.landlock()
	if err == nil {
		h.ABI = abi
	}
	note(Landlock, err)
	note(Seccomp, l.seccomp())
	h.Took = time.Since(begin)
	return h
}

// closeStray closes what the parent's own parent left open without close-on-exec: a decoder must
// find no descriptor but its three standard ones and the socket. What the Go runtime has opened for
// itself (epoll, eventfd) is anonymous and stays.
func closeStray() error {
	const dir = "/proc/self/fd"
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(-1)
	d.Close()
	for _, name := range names {
		fd, _ := strconv.Atoi(name)
		if fd <= socketFD {
			continue
		}
		if to, err := os.Readlink(dir + "/" + name); err == nil && !strings.HasPrefix(to, "anon_inode:") {
			unix.Close(fd)
		}
	}
	return err
}

// applyRlimits sets what the kernel counts. RLIMIT_AS is left alone, it would end any Go program at
// once; RLIMIT_NPROC too: root passes it and threads count, so new processes are refused by seccomp.
// The soft RLIMIT_CPU only raises a signal that Go swallows; hard is the same value and kills.
func applyRlimits(s setup) error {
	debug.SetMaxThreads(256)    // a decoder that blocks that many threads ends
	debug.SetMaxStack(64 << 20) // and one that calls itself without end, before it has filled the memory
	errs := []error{closeStray()}
	for _, l := range []struct {
		name  string
		which int
		value uint64
	}{
		{"core", unix.RLIMIT_CORE, 0},
		{"fsize", unix.RLIMIT_FSIZE, 0},
		{"nofile", unix.RLIMIT_NOFILE, 32},
		{"memlock", unix.RLIMIT_MEMLOCK, 0},
		{"msgqueue", unix.RLIMIT_MSGQUEUE, 0},
		{"cpu", unix.RLIMIT_CPU, s.CPU},
		{"data", unix.RLIMIT_DATA, s.DataLimit},
	} {
		if err := unix.Setrlimit(l.which, &unix.Rlimit{Cur: l.value, Max: l.value}); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", l.name, err))
		}
	}
	// No core, no ptrace by others of the same user, and the files in /proc belong to root.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		errs = append(errs, fmt.Errorf("dumpable: %w", err))
	}
	return errors.Join(errs...)
}

// applyLandlock forbids every path, and what else the kernel's version can forbid: 4 TCP, 6 signals
// and abstract sockets outside. It returns that version. See landlock(7).
func applyLandlock() (abi int, err error) {
	abi, err = ll.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		return 0, errors.Join(errors.New("this kernel has no Landlock, or it is switched off"), err)
	}
	if err := landlock.V11.BestEffort().Restrict(); err != nil {
		return 0, err
	}
	fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
		return 0, errors.New("applied, and yet a folder can be opened")
	}
	return abi, nil
}

// applySeccomp allows what the Go runtime and this package need and answers EPERM to everything
// else, in every thread. It also sets no_new_privs.
func applySeccomp() error {
	runtime.LockOSThread() // no_new_privs and the filter are two calls that one thread has to make
	defer runtime.UnlockOSThread()
	policy, err := allowList()
	if err != nil {
		return err
	}
	if err := seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy}); err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
		return errors.New("applied, and yet a socket can be made")
	}
	return nil
}

// allowList is the filter. Names that this architecture does not have are left out, which only makes
// it stricter. Not in it, on purpose: open and its kin, socket, connect, sendmsg (a descriptor could
// leave), execve, fork, kill, ptrace, prlimit64, memfd_create, and memory that can be executed.
func allowList() (seccomp.Policy, error) {
	info, err := arch.GetInfo("")
	if err != nil {
		return seccomp.Policy{}, err
	}
	names := strings.Fields(`
		read write close recvmsg fstat lseek pread64
		mmap munmap mremap mprotect madvise mincore brk
		futex sched_yield sched_getaffinity gettid getpid restart_syscall
		sigaltstack rt_sigaction rt_sigprocmask rt_sigreturn
		nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time getrandom
		epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd2
		clone tgkill fcntl set_robust_list rseq exit exit_group`)
	only := map[string][]seccomp.ArgumentConditions{
		"clone":    {{{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD}}}, // a thread, never a process
		"tgkill":   {{{Argument: 0, Operation: seccomp.Equal, Value: uint64(os.Getpid())}}}, // how Go preempts its own threads
		"mmap":     {{{Argument: 2, Operation: seccomp.BitsNotSet, Value: unix.PROT_EXEC}}},
		"mprotect": {{{Argument: 2, Operation: seccomp.BitsNotSet, Value: unix.PROT_EXEC}}},
		"fcntl": {
			{{Argument: 1, Operation: seccomp.Equal, Value: unix.F_GETFL}},
			{{Argument: 1, Operation: seccomp.Equal, Value: unix.F_GETFD}},
		},
	}
	allow := seccomp.SyscallGroup{Action: seccomp.ActionAllow}
	for _, name := range names {
		if _, known := info.SyscallNames[name]; !known {
			continue
		}
		if only[name] == nil {
			allow.Names = append(allow.Names, name)
		}
		for _, c := range only[name] {
			allow.NamesWithCondtions = append(allow.NamesWithCondtions, seccomp.NameWithConditions{Name: name, Conditions: c})
		}
	}
	p := seccomp.Policy{DefaultAction: seccomp.ActionErrno, Syscalls: []seccomp.SyscallGroup{allow}}
	if _, known := info.SyscallNames["clone3"]; known {
		// Its flags lie in memory, where no filter can read them; ENOSYS makes a C library use clone.
		p.Syscalls = append(p.Syscalls, seccomp.SyscallGroup{
			Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"},
		})
	}
	return p, nil
}
