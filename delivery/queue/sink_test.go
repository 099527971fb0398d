package queue_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// sink is a go-smtp server that keeps what it gets.
type sink struct {
	srv  *smtp.Server
	port int
	// refuse gives an error for a recipient; nil takes it.
	refuse func(rcpt string) error
	// before is called when a body is read, before the reply.
	before func()

	mu       sync.Mutex
	got      []taken
	sessions int
	open     int
	mostOpen int
	conns    []*smtp.Conn
}

type taken struct {
	from, body, envID string
	to                []string
}

func newSink(t *testing.T, dsn bool) *sink {
	t.Helper()
	k := &sink{}
	k.srv = smtp.NewServer(k)
	k.srv.Domain, k.srv.EnableSMTPUTF8, k.srv.EnableDSN = "mx.sink.test", true, dsn
	k.srv.MaxLineLength = 1 << 16
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k.port = ln.Addr().(*net.TCPAddr).Port
	done := make(chan struct{})
	go func() { defer close(done); _ = k.srv.Serve(ln) }()
	t.Cleanup(func() { k.srv.Close(); <-done })
	return k
}

func (k *sink) NewSession(c *smtp.Conn) (smtp.Session, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sessions++
	k.conns = append(k.conns, c)
	k.open++
	k.mostOpen = max(k.mostOpen, k.open)
	return &sinkSession{k: k}, nil
}

// hangUp closes all connections, as a server does after a while.
func (k *sink) hangUp() {
	k.mu.Lock()
	conns := k.conns
	k.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

// messages gives what was taken so far.
func (k *sink) messages() []taken {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]taken(nil), k.got...)
}

// counts tells how often each recipient got each body.
func (k *sink) counts() map[string]int {
	out := map[string]int{}
	for _, m := range k.messages() {
		for _, to := range m.to {
			out[to+" "+strings.TrimSpace(m.body)]++
		}
	}
	return out
}

type sinkSession struct {
	k *sink
	t taken
}

func (s *sinkSession) Reset() { s.t = taken{} }

func (s *sinkSession) Logout() error {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	s.k.open--
	return nil
}

func (s *sinkSession) Mail(from string, o *smtp.MailOptions) error {
	s.t.from, s.t.envID = from, o.EnvelopeID
	return nil
}

func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.k.refuse != nil {
		if err := s.k.refuse(to); err != nil {
			return err
		}
	}
	s.t.to = append(s.t.to, to)
	return nil
}

func (s *sinkSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.t.body = string(b)
	if s.k.before != nil {
		s.k.before()
	}
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	s.k.got = append(s.k.got, s.t)
	return nil
}

// until waits for a condition, with a deadline.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond) // between two looks
	}
}
