package pgembed

import (
	"fmt"
	"os"
	"strings"

	"postroom/internal/mail"
)

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
