// Package webui is what the server says by HTTP: how mail programs find their
// settings, each domain's MTA-STS policy, and whether the server is well. It
// looks up domains and never accounts, so that nobody learns here who exists.
package webui

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// Directory is what webui asks of the store.
type Directory interface {
	// MTASTS gives the policy of a domain (A-label); false when it has none,
	// mail.CodeNotFound when the domain is not served here.
	MTASTS(ctx context.Context, domain string) (p mail.MTASTS, ok bool, err error)
}

// Service is one port that mail programs may use.
type Service struct {
	Protocol string // "imap" or "smtp"
	Port     int
	Implicit bool // TLS from the first octet; else by STARTTLS
}

// Config says what is served. Hostname, Directory, Certificate, Ready and Log
// are needed.
type Config struct {
	Hostname  string // of the mail ports, and of the links given out
	Directory Directory
	Services  []Service // the best of each protocol first
	OAuth2    bool      // whether bearer tokens log in
	// Certificate signs .mobileconfig files.
	Certificate func() *tls.Certificate
	// Ready tells why the server should get no clients; nil when it should.
	Ready func(ctx context.Context) error
	// Proxies are the peers whose X-Forwarded-Proto and -Host are believed.
	Proxies []netip.Prefix
	// Challenge answers the challenges of a certificate authority on plain
	// HTTP and passes on the rest; nil for none.
	Challenge func(next http.Handler) http.Handler
	// Observe is told of each request: the route it took, "" for none, and the
	// status. It may be nil.
	Observe func(route string, status int)
	Log     *slog.Logger
}

// The bounds of a request. A document is small and made at once.
const (
	maxHeader   = 16 << 10
	maxBody     = 64 << 10
	headerTime  = 10 * time.Second
	requestTime = 20 * time.Second
	answerTime  = 30 * time.Second
	idleTime    = 60 * time.Second
	lookUpTime  = 10 * time.Second
)

// maxLookUps keeps strangers from taking the store's connections, which are
// those of the people who read their mail.
const maxLookUps = 4

// Server serves HTTP and HTTPS.
type Server struct {
	Config
	plain, secure *http.Server
	lookUps       chan struct{} // has room for those that run
}

// New makes a Server; secure is the TLS of HTTPS, with GetCertificate.
func New(c Config, secure *tls.Config) *Server {
	if d, err := address.Domain(c.Hostname); err == nil {
		c.Hostname = d
	}
	s := &Server{Config: c, lookUps: make(chan struct{}, maxLookUps)}
	h := s.handler()
	open := h
	if c.Challenge != nil {
		open = c.Challenge(h)
	}
	s.plain, s.secure = HTTPServer(open, c.Log), HTTPServer(h, c.Log)
	s.secure.TLSConfig = forPolicyHosts(secure)
	return s
}

// HTTPServer makes a server of h with bounds on everything that a client may
// take. It speaks HTTP/1.1 alone: one request at a time per connection, so
// that the bound on connections is one on work.
func HTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	var one http.Protocols
	one.SetHTTP1(true)
	return &http.Server{Handler: http.MaxBytesHandler(h, maxBody), Protocols: &one, MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: headerTime, ReadTimeout: requestTime, WriteTimeout: answerTime, IdleTimeout: idleTime,
		ErrorLog: slog.NewLogLogger(log.With("proto", "http").Handler(), slog.LevelDebug)}
}

// Serve accepts on l until Shutdown.
func (s *Server) Serve(l net.Listener, implicitTLS bool) error {
	if implicitTLS {
		return s.secure.ServeTLS(l, "", "")
	}
	return s.plain.Serve(l)
}

// Shutdown stops accepting and lets requests end until ctx is over, then cuts
// them; that is ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	err := errors.Join(s.plain.Shutdown(ctx), s.secure.Shutdown(ctx))
	if err != nil {
		s.plain.Close()
		s.secure.Close()
	}
	return err
}
