package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// barWide is the length of a bar, in columns.
const barWide = 30

// progress shows a bar on the terminal's stderr for work that takes longer
// than a second; elsewhere it prints nothing.
type progress struct {
	mu          sync.Mutex
	w           io.Writer
	label       string
	began       time.Time
	done, total int64 // total 0: unknown
	shown       bool
	stop        chan struct{} // nil: no terminal
}

// progress begins a bar; end it before printing anything else.
func (e *env) progress(label string) *progress {
	p := &progress{w: e.err, label: label, began: time.Now()}
	if isTerminal(e.err) {
		p.stop = make(chan struct{})
		go p.tick(p.stop)
	}
	return p
}

// working shows a bar while act runs, which cannot tell how far it is.
func (e *env) working(label string, act func() error) error {
	bar := e.progress(label)
	defer bar.end()
	return act()
}

func (p *progress) tick(stop <-chan struct{}) {
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case now := <-t.C:
			p.draw(now)
		case <-stop:
			return
		}
	}
}

// at tells how far the work is.
func (p *progress) at(done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total = min(done, total), total
}

// draw writes the bar anew: filled as far as the work is, or with a mark that
// wanders when nobody knows.
func (p *progress) draw(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	took := now.Sub(p.began)
	if took < time.Second {
		return
	}
	p.shown = true
	if p.total > 0 {
		full := int(p.done * barWide / p.total)
		fmt.Fprintf(p.w, "\r\033[K%s [%s%s] %d/%d", p.label, strings.Repeat("#", full), strings.Repeat(".", barWide-full), p.done, p.total)
		return
	}
	const mark = 4
	at := int(took/(100*time.Millisecond)) % (barWide - mark + 1)
	fmt.Fprintf(p.w, "\r\033[K%s [%s%s%s] %d s", p.label, strings.Repeat(".", at), strings.Repeat("#", mark),
		strings.Repeat(".", barWide-mark-at), int(took.Seconds()))
}

// Write prints log lines above the bar.
func (p *progress) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	return p.w.Write(line)
}

func (p *progress) erase() {
	if p.shown {
		fmt.Fprint(p.w, "\r\033[K")
	}
	p.shown = false
}

// end takes the bar away; once.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	p.began = time.Now().Add(time.Hour) // a tick on its way draws nothing
	if p.stop != nil {
		close(p.stop)
		p.stop = nil
	}
}
