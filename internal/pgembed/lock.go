package pgembed

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"postroom/internal/mail"
)

// LockDataDir makes dir when it is missing and takes the lock that lets one
// postroom at a time use it, with a private PostgreSQL or another. Closing the
// file gives the lock back; the kernel does so when we die.
func LockDataDir(dir string) (*os.File, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = makeDataDir(dir)
	}
	if err != nil {
		return nil, mail.Wrap(mail.CodeUnavailable, err, "the data directory cannot be made")
	}
	f, err := os.OpenFile(filepath.Join(dir, "postroom.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, mail.Wrap(mail.CodeUnavailable, err, "the data directory cannot be locked")
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner := make([]byte, 20)
		n, _ := f.ReadAt(owner, 0)
		f.Close()
		return nil, lockedError(dir, string(owner[:n]))
	}
	writeOwner(f)
	return f, nil
}

// writeOwner leaves our process id in the lock file, for the error of the next.
func writeOwner(f *os.File) {
	if f.Truncate(0) == nil {
		fmt.Fprintf(f, "%d\n", os.Getpid())
	}
}

func lockedError(dir, owner string) error {
	who, stop := "another postroom", "stop the other one first"
	if pid := strings.TrimSpace(owner); pid != "" {
		who += " (process " + pid + ")"
		stop += " (kill " + pid + ")"
	}
	e := mail.Errorf(mail.CodeInUse, "%s already serves the data directory %s", who, dir)
	e.Hint = stop + ", or give this one a data directory of its own with --data-dir"
	return e
}
