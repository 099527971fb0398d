package testbed

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/emersion/go-smtp"
)

// Sink is an outside mail server that takes everything and counts it.
type Sink struct {
	server *smtp.Server
	mu     sync.Mutex
	got    map[string]int // by Key
	bodies map[string][]byte
}

// Key finds what tells messages apart: the value of X-Case, else the whole.
func Key(msg []byte) string {
	_, rest, ok := bytes.Cut(msg, []byte("X-Case: "))
	if !ok {
		return string(msg)
	}
	v, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return string(v)
}

// NewSink listens on addr.
func NewSink(addr string) (*Sink, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Sink{got: map[string]int{}, bodies: map[string][]byte{}}
	s.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &sinkSession{sink: s}, nil }))
	s.server.Domain = "sink.test"
	s.server.EnableSMTPUTF8 = true
	s.server.EnableDSN = true
	s.server.MaxLineLength = 1 << 20
	go func() { _ = s.server.Serve(l) }()
	return s, nil
}

// Close stops it.
func (s *Sink) Close() { _ = s.server.Close() }

// Counts gives how often each message arrived, times recipients.
func (s *Sink) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]int{}
	for k, n := range s.got {
		out[k] = n
	}
	return out
}

// Body gives the octets of a message, nil when it has not come.
func (s *Sink) Body(key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bodies[key]
}

type sinkSession struct {
	sink  *Sink
	rcpts int
}

func (s *sinkSession) Reset()                               { s.rcpts = 0 }
func (s *sinkSession) Logout() error                        { return nil }
func (s *sinkSession) Mail(string, *smtp.MailOptions) error { return nil }
func (s *sinkSession) Rcpt(string, *smtp.RcptOptions) error { s.rcpts++; return nil }

func (s *sinkSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return errors.New("cut")
	}
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	s.sink.got[Key(b)] += s.rcpts
	s.sink.bodies[Key(b)] = b
	return nil
}
