package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// pss gives the proportional set size of a process and all its descendants,
// in kB (proc(5), smaps_rollup).
func pss(root int) (int, error) {
	parents, err := processParents()
	if err != nil {
		return 0, err
	}
	total := 0
	for pid := range parents {
		if !descends(parents, pid, root) {
			continue
		}
		n, err := pssOf(pid)
		if err != nil {
			continue // it ended meanwhile
		}
		total += n
	}
	if total == 0 {
		return 0, fmt.Errorf("process %d has no readable smaps_rollup", root)
	}
	return total, nil
}

func descends(parents map[int]int, pid, root int) bool {
	for pid > 1 {
		if pid == root {
			return true
		}
		pid = parents[pid]
	}
	return false
}

func processParents() (map[int]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	parents := map[int]int{}
	for _, p := range stats {
		b, err := os.ReadFile(p)
		if err != nil {
			continue
		}
		s := string(b)
		pid, _ := strconv.Atoi(s[:strings.IndexByte(s, ' ')])
		fields := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
		parents[pid], _ = strconv.Atoi(fields[1])
	}
	return parents, nil
}

func pssOf(pid int) (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			return strconv.Atoi(strings.Fields(rest)[0])
		}
	}
	return 0, fmt.Errorf("no Pss in smaps_rollup of %d", pid)
}
