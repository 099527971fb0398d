package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// progress shows a bar on the terminal's stderr for work that takes longer
// than a second; elsewhere it prints nothing.
type progress struct {
	mu    sync.Mutex
	e     *env
	label string
	began time.Time
	last  time.Time
	shown bool
}

func (e *env) progress(label string) *progress {
	return &progress{e: e, label: label, began: time.Now()}
}

// at tells how far the work is; total 0 means unknown.
func (p *progress) at(done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if !isTerminal(p.e.err) || now.Sub(p.began) < time.Second || now.Sub(p.last) < 100*time.Millisecond {
		return
	}
	p.last, p.shown = now, true
	if total <= 0 {
		fmt.Fprintf(p.e.err, "\r\033[K%s: %d", p.label, done)
		return
	}
	const wide = 30
	done = min(done, total)
	full := int(done * wide / total)
	fmt.Fprintf(p.e.err, "\r\033[K%s [%s%s] %d/%d", p.label, strings.Repeat("#", full), strings.Repeat(".", wide-full), done, total)
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.e.err, "\r\033[K")
	}
}
