package listen

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// greeter accepts and says hello to who is let in, by name.
type greeter struct {
	*Listener
	gate *Gate
	mu   sync.Mutex
	held []net.Conn
}

func start(t *testing.T, cfg Config, g *Gate, inner net.Listener) *greeter {
	t.Helper()
	cfg.Log = slog.New(slog.DiscardHandler)
	if inner == nil {
		var err error
		if inner, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	s := &greeter{Listener: New(inner, cfg, g), gate: g}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := s.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.held = append(s.held, c)
			s.mu.Unlock()
			go io.WriteString(c, "hello "+c.RemoteAddr().String()+" on "+c.LocalAddr().String()+"\n")
		}
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
		s.closeAll()
		if n := g.Open(); n != 0 {
			t.Errorf("%d connections still counted", n)
		}
		if len(g.clients) != 0 {
			t.Errorf("clients still counted: %v", g.clients)
		}
	})
	return s
}

func (s *greeter) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.held {
		c.Close()
		c.Close() // twice must count once
	}
	s.held = nil
}

// settled waits until those turned away have given their places back.
func (s *greeter) settled(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		n := len(s.held)
		s.mu.Unlock()
		if s.gate.Open() == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections counted, %d held", s.gate.Open(), n)
		}
	}
}

// call dials, sends the header, and gives the first line.
func (s *greeter) call(t *testing.T, header string) string {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(c, header)
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil && err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
	return line
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func header2(t *testing.T, from, to string) string {
	t.Helper()
	a, b := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from)), net.TCPAddrFromAddrPort(netip.MustParseAddrPort(to))
	h, err := proxyproto.HeaderProxyFromAddrs(2, a, b).Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func TestProxyHeaders(t *testing.T) {
	s := start(t, Config{ProxyNetworks: loopback}, NewGate(0, 0, nil), nil)
	for header, want := range map[string]string{
		"PROXY TCP4 192.0.2.1 198.51.100.1 4000 25\r\n":                    "hello 192.0.2.1:4000 on 198.51.100.1:25\n",
		"PROXY TCP6 2001:db8::1 2001:db8::2 4000 143\r\n":                  "hello [2001:db8::1]:4000 on [2001:db8::2]:143\n",
		header2(t, "192.0.2.9:1", "192.0.2.8:2"):                           "hello 192.0.2.9:1 on 192.0.2.8:2\n",
		header2(t, "[2001:db8::9]:1", "[2001:db8::8]:2"):                   "hello [2001:db8::9]:1 on [2001:db8::8]:2\n",
		"EHLO nobody.example\r\n":                                          "",
		"PROXY TCP4 rubbish\r\n":                                           "",
		"PROXY " + strings.Repeat("x", 200) + "\r\n":                       "",
		"PROXY TCP4 192.0.2.1 198.51.100.1 4000 25\n":                      "",
		"PROXY TCP4 192.0.2.1 198.51.100.1 4000 25\r\nPROXY TCP4 1.2.3.4 ": "hello 192.0.2.1:4000 on 198.51.100.1:25\n",
	} {
		if got := s.call(t, header); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
	if got := s.call(t, "PROXY UNKNOWN\r\n"); !strings.HasPrefix(got, "hello 127.0.0.1:") {
		t.Errorf("a health check: %q", got)
	}
}

func TestSlowHeaderHoldsUpNobody(t *testing.T) {
	s := start(t, Config{ProxyNetworks: loopback, ProxyTimeout: 300 * time.Millisecond}, NewGate(0, 0, nil), nil)
	slow, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	io.WriteString(slow, "PROXY TCP4 192.")
	if got := s.call(t, "PROXY TCP4 192.0.2.1 198.51.100.1 4000 25\r\n"); got == "" {
		t.Error("the second client was not served")
	}
	slow.SetDeadline(time.Now().Add(10 * time.Second))
	if b, err := io.ReadAll(slow); len(b) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the slow one got %q, %v", b, err)
	}
}

func TestLimitsCountClientsBehindAProxy(t *testing.T) {
	office := netip.MustParseAddr("203.0.113.9")
	g := NewGate(5, 1, func(a netip.Addr) bool { return a == office })
	s := start(t, Config{ProxyNetworks: loopback, Refusal: "421 busy\r\n"}, g, nil)
	one := "PROXY TCP4 192.0.2.1 198.51.100.1 4000 25\r\n"
	six := "PROXY TCP6 2001:db8:1:1::%s 2001:db8::2 4000 25\r\n"
	for i, tc := range []struct{ header, want string }{
		{one, "hello 192.0.2.1"},
		{one, "421 busy"},
		{strings.Replace(one, "2.1", "2.2", 1), "hello 192.0.2.2"},
		{strings.Replace(six, "%s", "1", 1), "hello [2001:db8:1:1::1]"},
		{strings.Replace(six, "%s", "2", 1), "421 busy"}, // the same /64
		{strings.Replace(one, "192.0.2.1", office.String(), 1), "hello 203"},
		{strings.Replace(one, "192.0.2.1", office.String(), 1), "hello 203"},
		{strings.Replace(one, "2.1", "2.3", 1), "421 busy"}, // five in all
	} {
		if got := s.call(t, tc.header); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%d: %q, want %q", i, got, tc.want)
		}
		s.settled(t)
	}
	s.closeAll()
	if got := s.call(t, one); !strings.HasPrefix(got, "hello") {
		t.Errorf("the places were not given back: %q", got)
	}
}

// flaky fails to accept at first, as when file descriptors run out.
type flaky struct {
	net.Listener
	left int
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.left > 0 {
		f.left--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.Listener.Accept()
}

func TestAcceptGoesOnAfterAnError(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, Config{}, NewGate(0, 0, nil), &flaky{Listener: inner, left: 3})
	if got := s.call(t, ""); !strings.HasPrefix(got, "hello 127.0.0.1:") {
		t.Errorf("%q", got)
	}
}

func TestCloseEndsAccept(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := New(inner, Config{ProxyNetworks: loopback, Log: slog.New(slog.DiscardHandler)}, NewGate(0, 0, nil))
	waiting, err := net.Dial("tcp", l.Addr().String()) // never sends its header
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// SyscallConn reaches the socket, behind a PROXY header too.
func TestSyscallConn(t *testing.T) {
	for _, networks := range [][]netip.Prefix{nil, loopback} {
		s := start(t, Config{ProxyNetworks: networks}, NewGate(0, 0, nil), nil)
		header := "\n"
		if networks != nil {
			header = "PROXY TCP4 192.0.2.1 198.51.100.1 4000 25\r\n"
		}
		if got := s.call(t, header); !strings.HasPrefix(got, "hello ") {
			t.Fatal(got)
		}
		s.mu.Lock()
		raw, err := s.held[0].(syscall.Conn).SyscallConn()
		s.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) { _, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_TYPE) }); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Error(err)
		}
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if _, err := (&Conn{Conn: a}).SyscallConn(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a pipe: %v", err)
	}
}
