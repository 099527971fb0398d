package doctext

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"unsafe"
)

// What the program and all that it starts may take.
const (
	maxMemory = 1 << 30   // octets of address space, each process
	maxWrite  = 256 << 20 // octets of a file
	maxCPU    = 60        // seconds, each process
	maxOpen   = 1024      // files, each process
	nice      = 15
	nobody    = 65534 // who it runs as when the server is root
)

// limited is the name by which this program is started to limit itself and
// become another: Go has no way of doing so between fork and exec, and a
// process with another user's id cannot be limited from outside.
const limited = "postroom-limited"

func init() {
	if os.Args[0] == limited && len(os.Args) == 3 {
		fmt.Fprintln(os.Stderr, become(os.Args[1], os.Args[2]))
		os.Exit(notStarted)
	}
}

// notStarted is the exit status of a program that could not be started, as
// shells have it.
const notStarted = 126

const prSetNoNewPrivs = 38 // prctl(2)

// become limits this process and runs the program in its place.
func become(path, mediaType string) error {
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); e != 0 {
		return e
	}
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, nice); err != nil {
		return err
	}
	for resource, most := range map[int]uint64{syscall.RLIMIT_CORE: 0, syscall.RLIMIT_FSIZE: maxWrite, syscall.RLIMIT_CPU: maxCPU, syscall.RLIMIT_NOFILE: maxOpen} {
		var l syscall.Rlimit
		if err := syscall.Getrlimit(resource, &l); err != nil {
			return err
		}
		l.Max = min(l.Max, most)
		l.Cur = l.Max
		if err := syscall.Setrlimit(resource, &l); err != nil {
			return err
		}
	}
	return replace(path, mediaType)
}

// replace limits the address space and runs the program, in two bare system
// calls: Go reserves more than the limit, and anything that its runtime asks
// for in between would end the process.
func replace(path, mediaType string) error {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	args, err := syscall.SlicePtrFromStrings([]string{path, mediaType})
	if err != nil {
		return err
	}
	env, err := syscall.SlicePtrFromStrings(os.Environ())
	if err != nil {
		return err
	}
	l := &syscall.Rlimit{Cur: maxMemory, Max: maxMemory}
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRLIMIT, syscall.RLIMIT_AS, uintptr(unsafe.Pointer(l)), 0); e != 0 {
		return e
	}
	_, _, e := syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&args[0])), uintptr(unsafe.Pointer(&env[0])))
	return e
}

// command is the program in a process group of its own, which ends when ctx
// does or the thread that started it, with nothing of ours but a directory for
// its files.
func (p *Program) command(ctx context.Context, dir, mediaType string) (*exec.Cmd, error) {
	c := exec.CommandContext(ctx, "/proc/self/exe")
	c.Args = []string{limited, p.path, mediaType}
	c.Dir = dir
	c.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=" + dir, "TMPDIR=" + dir}
	c.WaitDelay = waitDelay
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.Cancel = func() error { return end(c.Process.Pid) }
	if os.Geteuid() != 0 {
		return c, nil
	}
	c.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	return c, os.Chown(dir, nobody, nobody)
}

// end kills a process group.
func end(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }
