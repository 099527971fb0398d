package main

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc (proc(5): sysconf(_SC_CLK_TCK), which is
// 100 on every Linux that Go runs on).
const tick = 10 * time.Millisecond

// cpuTime gives the CPU time that a process, its descendants and those of them
// that ended have used. Beside a rate it tells what a busy machine hides.
func cpuTime(root int) (time.Duration, error) {
	parents, err := processParents()
	if err != nil {
		return 0, err
	}
	var total time.Duration
	for pid := range parents {
		if descends(parents, pid, root) {
			total += cpuOf(pid)
		}
	}
	return total, nil
}

func cpuOf(pid int) (sum time.Duration) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0 // it ended meanwhile; its parent counts it
	}
	s := string(b)
	fields := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	for _, f := range fields[11:15] { // utime, stime, cutime, cstime
		n, _ := strconv.Atoi(f)
		sum += time.Duration(n) * tick
	}
	return sum
}
