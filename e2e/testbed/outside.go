package testbed

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Outside is somebody else's mail server: it offers what its fields say and
// remembers every transaction. The fields are set before Listen.
type Outside struct {
	UTF8, DSN bool
	TLS       *tls.Config // STARTTLS, or from the first octet when Implicit
	Implicit  bool
	User      string // "": no AUTH; else nothing goes without it, nor without TLS
	Password  string

	mu       sync.Mutex
	refuse   func(to string) error
	arrived  []Arrival
	sessions int
}

// Arrival is one transaction that was taken.
type Arrival struct {
	From    smtp.MailOptions
	Sender  string
	To      []string
	Options []smtp.RcptOptions
	Login   string
	TLS     bool
	Octets  []byte
}

// Listen starts o on addr until the test ends.
func (o *Outside) Listen(t testing.TB, addr string) {
	t.Helper()
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.sessions++
		return &outsideSession{o: o, c: c}, nil
	}))
	s.Domain, s.EnableSMTPUTF8, s.EnableDSN, s.MaxLineLength, s.TLSConfig = "outside.test", o.UTF8, o.DSN, 1<<20, o.TLS
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if o.Implicit {
		l = tls.NewListener(l, o.TLS)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
}

// Refuse sets what is asked at RCPT; nil takes all.
func (o *Outside) Refuse(f func(to string) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refuse = f
}

// Arrived gives the transactions so far.
func (o *Outside) Arrived() []Arrival {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Arrival(nil), o.arrived...)
}

// Sessions counts the connections that said EHLO or HELO.
func (o *Outside) Sessions() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sessions
}

// Await waits for the n-th transaction and gives it, n from 1.
func (o *Outside) Await(t testing.TB, n int) Arrival {
	t.Helper()
	err := Until(t.Context(), 30*time.Second, func() error {
		if len(o.Arrived()) < n {
			return errors.New("outside: the message has not come")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return o.Arrived()[n-1]
}

type outsideSession struct {
	o     *Outside
	c     *smtp.Conn
	login string
	now   Arrival
}

func (s *outsideSession) Reset()        { s.now = Arrival{} }
func (s *outsideSession) Logout() error { return nil }

func (s *outsideSession) Mail(from string, opts *smtp.MailOptions) error {
	if s.o.User != "" && s.login == "" {
		return smtp.ErrAuthRequired
	}
	_, secure := s.c.TLSConnectionState()
	s.now = Arrival{Sender: from, Login: s.login, TLS: secure}
	if opts != nil {
		s.now.From = *opts
	}
	return nil
}

func (s *outsideSession) Rcpt(to string, opts *smtp.RcptOptions) error {
	s.o.mu.Lock()
	refuse := s.o.refuse
	s.o.mu.Unlock()
	if refuse != nil {
		if err := refuse(to); err != nil {
			return err
		}
	}
	s.now.To = append(s.now.To, to)
	if opts != nil {
		s.now.Options = append(s.now.Options, *opts)
	}
	return nil
}

func (s *outsideSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return errors.New("cut")
	}
	s.now.Octets = b
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	s.o.arrived = append(s.o.arrived, s.now)
	return nil
}

func (s *outsideSession) AuthMechanisms() []string {
	if _, secure := s.c.TLSConnectionState(); s.o.User == "" || !secure {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *outsideSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.o.User || password != s.o.Password {
			return smtp.ErrAuthFailed
		}
		s.login = user
		return nil
	}), nil
}
