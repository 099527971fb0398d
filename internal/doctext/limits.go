package doctext

import (
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
	nice      = 15
)

// nobody is who the program runs as when the server runs as root.
const nobody = 65534

// alone puts the program into a process group of its own, which Cancel kills;
// it dies with the thread that starts it.
func alone(c *exec.Cmd) error {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	if os.Geteuid() != 0 {
		return nil
	}
	c.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	return os.Chown(c.Dir, nobody, nobody)
}

// end kills what the program left running.
func end(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// limit bounds a process that has begun and was given nothing yet. Go has no
// way of doing so between fork and exec.
func limit(pid int) {
	for resource, most := range map[int]uint64{syscall.RLIMIT_CORE: 0, syscall.RLIMIT_FSIZE: maxWrite, syscall.RLIMIT_CPU: maxCPU, syscall.RLIMIT_AS: maxMemory} {
		lim := syscall.Rlimit{Cur: most, Max: most}
		_, _, _ = syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), uintptr(resource), uintptr(unsafe.Pointer(&lim)), 0, 0, 0)
	}
	_ = syscall.Setpriority(syscall.PRIO_PGRP, pid, nice)
}
