package smtpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"postroom/internal/mail"
	"postroom/internal/sasl"
	"postroom/internal/tlsconf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// certificate is made once for all tests.
var certificate = sync.OnceValues(func() (*tls.Config, *x509.CertPool) {
	dir, err := os.MkdirTemp("", "smtpd")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	s, err := tlsconf.New(tlsconf.Config{Dir: dir, Hostname: "mx.example.test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	ca, err := os.ReadFile(s.CAFile())
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	cert := s.Certificate()
	return &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12}, roots
})

// logBuffer is a log that tests can read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	b   bytes.Buffer
	off bool
}

// stop keeps nothing from now on.
func (l *logBuffer) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.off, l.b = true, bytes.Buffer{}
}

func (l *logBuffer) stopped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.off
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.off {
		return len(p), nil
	}
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// running is a Server on a free port.
type running struct {
	*Server
	t       testing.TB
	backend *recorder
	logs    *logBuffer
	addr    string
}

func start(t testing.TB, cfg Config, implicitTLS bool) *running {
	t.Helper()
	return startWith(t, cfg, implicitTLS, verifier{})
}

func startWith(t testing.TB, cfg Config, implicitTLS bool, a sasl.Authenticator) *running {
	t.Helper()
	if cfg.Hostname == "" {
		cfg.Hostname = "mx.example.test"
	}
	if cfg.TLS == nil {
		cfg.TLS, _ = certificate()
	}
	if cfg.Limits.ReadTimeout == 0 {
		cfg.Limits.ReadTimeout = 30 * time.Second
	}
	if cfg.Limits.ErrorDelay == 0 {
		cfg.Limits.ErrorDelay, cfg.Limits.ErrorDelayMax = time.Millisecond, 4*time.Millisecond
	}
	r := &running{t: t, backend: &recorder{}, logs: &logBuffer{}}
	r.Server = New(cfg, r.backend, a, slog.New(slog.NewTextHandler(r.logs, nil)))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- r.Serve(context.Background(), ln, implicitTLS) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		r.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if n := r.backend.stillOpen(); n != 0 {
			t.Errorf("%d messages neither committed nor discarded", n)
		}
		if n := r.gate.Open(); n != 0 {
			t.Errorf("%d connections still counted", n)
		}
	})
	return r
}

// dial connects a raw client.
func (r *running) dial() *client {
	r.t.Helper()
	return r.dialFrom(r.t, "127.0.0.1")
}

// dialFrom connects from one of the many addresses of the loopback interface.
func (r *running) dialFrom(t testing.TB, address string) *client {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	c, err := d.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, c)
}

// serves tells whether connections from these addresses are still open.
func (r *running) serves(peers map[netip.AddrPort]bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for w := range r.wires {
		if peers[w.peer.Peer] {
			return true
		}
	}
	return false
}

func (r *running) dialTLS() *client {
	r.t.Helper()
	c := r.dial()
	c.startTLS()
	return c
}

// waitFor polls a condition that another goroutine makes true.
func waitFor(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !f(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}

func (r *running) waitLog(s string) {
	r.t.Helper()
	waitFor(r.t, "log holds "+s+"\n"+r.logs.String(), func() bool { return strings.Contains(r.logs.String(), s) })
}

var mx = Config{Role: mail.RoleMX}
var submission = Config{Role: mail.RoleSubmission}
