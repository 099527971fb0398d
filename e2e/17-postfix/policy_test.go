package postfix

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// policy answers Postfix's questions about recipients (SMTPD_POLICY_README):
// who is told to come again is told so once.
type policy struct {
	addr string
	mu   sync.Mutex
	once map[string]bool
}

func newPolicy(t *testing.T) *policy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &policy{addr: l.Addr().String(), once: map[string]bool{"grey@b.test": true}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return p
}

func (p *policy) serve(c net.Conn) {
	defer c.Close()
	to := ""
	for s := bufio.NewScanner(c); s.Scan(); {
		if v, ok := strings.CutPrefix(s.Text(), "recipient="); ok {
			to = v
		}
		if s.Text() == "" {
			fmt.Fprintf(c, "action=%s\n\n", p.answer(to))
		}
	}
}

func (p *policy) answer(to string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.once[to] {
		p.once[to] = false
		return "450 4.2.0 greylisted, come again"
	}
	return "DUNNO"
}
