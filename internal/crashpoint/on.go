//go:build crashpoints

// Package crashpoint ends the process at a named point, for the crash cases:
// only a binary built with the tag `crashpoints` can do so.
package crashpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

var hits atomic.Int64

// Hook kills the process (SIGKILL, as a power cut would) at the n-th time that
// the point of $POSTROOM_CRASH ("point:n", the point may hold colons) is reached.
var Hook = func(point string) {
	v := os.Getenv("POSTROOM_CRASH")
	at := strings.LastIndexByte(v, ':')
	if at < 0 || v[:at] != point {
		return
	}
	if want, _ := strconv.ParseInt(v[at+1:], 10, 64); hits.Add(1) == want {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
