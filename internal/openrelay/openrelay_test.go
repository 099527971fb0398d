package openrelay_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"postroom/internal/openrelay"
)

// server answers RCPT by rule, and keeps every line it was told.
type server struct {
	mu    sync.Mutex
	heard []string
}

func (s *server) lines() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.heard, "\n")
}

func listen(t *testing.T, rcpt func(path string) string) (*server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &server{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c, rcpt)
		}
	}()
	return s, l.Addr().String()
}

func (s *server) serve(c net.Conn, rcpt func(string) string) {
	defer c.Close()
	fmt.Fprint(c, "220-hello\r\n220 mx.test\r\n")
	for in := bufio.NewScanner(c); in.Scan(); {
		line := in.Text()
		s.mu.Lock()
		s.heard = append(s.heard, line)
		s.mu.Unlock()
		reply := "250 ok"
		if path, ok := strings.CutPrefix(line, "RCPT TO:"); ok {
			reply = rcpt(path)
		}
		fmt.Fprint(c, reply+"\r\n")
	}
}

var probes = openrelay.Probes("example.org", "mail.example.org")

func TestClosed(t *testing.T) {
	s, addr := listen(t, func(string) string { return "550 5.7.1 no relaying" })
	r, err := openrelay.Tester{}.Test(t.Context(), addr, probes)
	if err != nil || len(r.Open()) != 0 || len(r.Results) != len(probes) {
		t.Fatalf("%+v %v", r, err)
	}
	if r.Outside {
		t.Error("a server on this machine was asked from outside")
	}
	if r.Results[0].Reply != "5.7.1 no relaying" {
		t.Errorf("reply %q", r.Results[0].Reply)
	}
	for _, path := range []string{"<relay-test@example.com>", "<relay-test%example.com@example.org>", "<example.com!relay-test@example.org>",
		`<"relay-test@example.com">`, `<"relay-test@example.com"@example.org>`, "<@example.org:relay-test@example.com>", "<relay-test>"} {
		if !strings.Contains(s.lines(), "RCPT TO:"+path) {
			t.Errorf("never tried: %s", path)
		}
	}
	for _, from := range []string{"<>", "<postmaster@example.org>", "<postmaster@mail.example.org>"} {
		if !strings.Contains(s.lines(), "MAIL FROM:"+from) {
			t.Errorf("never tried as sender: %s", from)
		}
	}
}

// TestEachHole opens one form at a time: exactly that one is found.
func TestEachHole(t *testing.T) {
	for _, p := range probes[4:] {
		t.Run(p.Form, func(t *testing.T) {
			s, addr := listen(t, func(path string) string {
				if path == "<"+p.To+">" {
					return "250 2.1.5 fine"
				}
				return "550 5.7.1 no"
			})
			r, err := openrelay.Tester{}.Test(t.Context(), addr, probes)
			if err != nil || len(r.Open()) != 1 || r.Open()[0].Form != p.Form {
				t.Errorf("%+v %v", r.Open(), err)
			}
			if strings.Contains(s.lines(), "DATA") || strings.Contains(s.lines(), "BDAT") {
				t.Error("a message was sent")
			}
		})
	}
}

func TestOpen(t *testing.T) {
	s, addr := listen(t, func(string) string { return "250 ok" })
	r, err := openrelay.Tester{}.Test(t.Context(), addr, probes)
	if err != nil || len(r.Open()) != len(probes) {
		t.Errorf("%d of %d: %v", len(r.Open()), len(probes), err)
	}
	if strings.Contains(s.lines(), "DATA") {
		t.Error("a message was sent")
	}
}

func TestForNow(t *testing.T) {
	_, addr := listen(t, func(string) string { return "451 4.7.1 come back later" })
	r, err := openrelay.Tester{}.Test(t.Context(), addr, probes[:1])
	if err != nil || len(r.Open()) != 0 || !r.Results[0].Temporary {
		t.Errorf("%+v %v", r, err)
	}
}

// TestBadPeers: one that is silent, one that talks without end and one that is
// not there cost bounded time and are no verdict.
func TestBadPeers(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	gone, _ := net.Listen("tcp", "127.0.0.1:0")
	gone.Close()
	babble, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer babble.Close()
	go func() {
		for {
			c, err := babble.Accept()
			if err != nil {
				return
			}
			for err == nil {
				_, err = c.Write([]byte("220-" + strings.Repeat("x", 4000) + "\r\n"))
			}
			c.Close()
		}
	}()
	for name, c := range map[string]struct {
		addr  string
		limit time.Duration
	}{"silent": {silent.Addr().String(), 200 * time.Millisecond}, "gone": {gone.Addr().String(), time.Minute}, "babble": {babble.Addr().String(), time.Minute}} {
		began := time.Now()
		r, err := openrelay.Tester{Timeout: c.limit}.Test(t.Context(), c.addr, probes)
		if err == nil || len(r.Results) != 0 || time.Since(began) > 5*time.Second {
			t.Errorf("%s: %v after %v: %+v", name, err, time.Since(began), r)
		}
	}
}
