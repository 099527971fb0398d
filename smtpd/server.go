package smtpd

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"postroom/internal/auth"
	"postroom/internal/listen"
	"postroom/internal/mail"
	"postroom/internal/maillog"
	"postroom/internal/sasl"
)

// Config says how a Server behaves. Hostname is needed; the rest has defaults.
type Config struct {
	Role     mail.Role
	Hostname string // in the greeting; A-labels
	// Postmaster takes the mail for <postmaster> without a domain; zero:
	// postmaster at Hostname.
	Postmaster mail.Address
	TLS        *tls.Config // nil: no STARTTLS, and so no AUTH
	// MaxMessageSize is the largest message taken, octets; 0: 52,428,800.
	MaxMessageSize int64
	Limits         Limits
	// ProxyNetworks must send a PROXY header, and are believed.
	ProxyNetworks []netip.Prefix
	// SharedPeers names addresses that stand for many clients (a container's
	// gateway): ConnectionsPerClient does not apply to them.
	SharedPeers func(netip.Addr) bool
	// StillValid is asked at MAIL and before a message is taken whether the
	// log-in still stands: CodeNoPermission ends the session. nil: always.
	StillValid func(context.Context, auth.Identity) error
	// NoteLogin keeps log-ins and failed ones, without waiting; nil: nobody does.
	NoteLogin func(mail.Login)
	// AuthWithoutTLS and LiftLimits are for benches and tests, and work for
	// clients on loopback only. LiftLimits lifts ConnectionsPerClient,
	// Messages, Commands, Junk and Session.
	AuthWithoutTLS bool
	LiftLimits     bool
	// AddressLiterals accepts user@[192.0.2.1] as a path.
	AddressLiterals bool
}

// Server serves one role on any number of listeners.
type Server struct {
	cfg     Config
	backend Backend
	auth    sasl.Authenticator
	log     *maillog.Log
	gate    *listen.Gate
	smtp    *smtp.Server
	queue   *queue
	tarpit  *tarpit
	sleep   func(context.Context, time.Duration)

	base       context.Context // of every call to the Backend
	cancel     context.CancelFunc
	accepting  context.Context // of handshakes
	stopAccept context.CancelFunc

	mu        sync.Mutex
	stopping  bool
	listeners map[*listen.Listener]struct{}
	wires     map[*wire]struct{}
	open      int           // connections, with those in their handshake
	idle      chan struct{} // closed when stopping and open is 0
}

// New makes a Server; Serve starts it. a may be nil for the MX role.
func New(cfg Config, b Backend, a sasl.Authenticator, log *slog.Logger) *Server {
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.MaxMessageSize == 0 {
		cfg.MaxMessageSize = 50 << 20
	}
	if cfg.Postmaster.IsNull() {
		cfg.Postmaster = mail.Address{Local: "postmaster", Domain: strings.ToLower(cfg.Hostname)}
	}
	s := &Server{cfg: cfg, backend: b, auth: a, log: maillog.New(log, "smtp"), sleep: pause, queue: newQueue(), tarpit: newTarpit(cfg.Limits),
		listeners: map[*listen.Listener]struct{}{}, wires: map[*wire]struct{}{}, idle: make(chan struct{})}
	s.gate = listen.NewGate(cfg.Limits.Connections, cfg.Limits.ConnectionsPerClient, s.unlimited)
	s.base, s.cancel = context.WithCancel(context.Background())
	s.accepting, s.stopAccept = context.WithCancel(s.base)
	s.smtp = smtp.NewServer(smtp.BackendFunc(newSession))
	s.smtp.Domain = cfg.Hostname
	s.smtp.MaxLineLength = 0 // the wire limits lines
	s.smtp.EnableSMTPUTF8 = true
	s.smtp.EnableDSN = true
	s.smtp.AllowInsecureAuth = true // the wire decides who may AUTH
	s.smtp.ErrorLog = slog.NewLogLogger(log.With("proto", "smtp").Handler(), slog.LevelError)
	go s.smtp.Serve(s.queue)
	return s
}

func (s *Server) unlimited(a netip.Addr) bool {
	return s.cfg.LiftLimits && a.IsLoopback() || s.cfg.SharedPeers != nil && s.cfg.SharedPeers(a)
}

// Serve accepts connections until ctx ends or Shutdown is called, which give
// nil. It closes ln. With implicitTLS the connections begin with TLS (465).
func (s *Server) Serve(ctx context.Context, ln net.Listener, implicitTLS bool) error {
	if implicitTLS && s.cfg.TLS == nil {
		ln.Close()
		return errors.New("implicit TLS without a TLS configuration")
	}
	cfg := listen.Config{ProxyNetworks: s.cfg.ProxyNetworks, Log: s.log.Slog()}
	if !implicitTLS {
		cfg.Refusal = "421 4.7.0 " + s.cfg.Hostname + " too many connections\r\n"
	}
	l := listen.New(ln, cfg, s.gate)
	defer l.Close()
	if !s.addListener(l) {
		return nil
	}
	defer s.dropListener(l)
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		if !s.enter() {
			c.Close()
			continue
		}
		go s.admit(c.(*listen.Conn), implicitTLS)
	}
}

// admit brings a connection to its greeting.
func (s *Server) admit(c *listen.Conn, implicitTLS bool) {
	var tr net.Conn = c
	began := time.Now()
	who := append([]slog.Attr{slog.String("role", s.cfg.Role.String())}, maillog.Peer(c.Client())...)
	if implicitTLS {
		t, err := s.handshake(s.accepting, c)
		if err != nil {
			s.log.Event(slog.LevelInfo, "tls handshake failed", who, slog.String("error", err.Error()))
			c.Close()
			s.leave()
			return
		}
		tr = t
	}
	w := newWire(s, c, tr, &counts{began: began})
	var secure []slog.Attr
	if w.peer.TLS() {
		secure = []slog.Attr{slog.String("tls", w.peer.TLSVersion), slog.String("cipher", w.peer.TLSCipher)}
	}
	s.log.Connect(who, secure...)
	s.add(w)
	s.queue.push(w)
}

// Shutdown stops accepting, tells idle clients 421, lets open transactions
// end until ctx is over, then cuts them; that is ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	first := !s.stopping
	s.stopping = true
	if first && s.open == 0 {
		close(s.idle)
	}
	listeners := make([]*listen.Listener, 0, len(s.listeners))
	for l := range s.listeners {
		listeners = append(listeners, l)
	}
	for w := range s.wires {
		w.stop()
	}
	s.mu.Unlock()
	s.stopAccept()
	for _, l := range listeners {
		l.Close()
	}
	defer s.cancel()
	select {
	case <-s.idle:
		return s.endSMTP()
	case <-ctx.Done():
	}
	s.cancel()
	s.mu.Lock()
	for w := range s.wires {
		w.conn.Close()
	}
	s.mu.Unlock()
	s.endSMTP()
	return ctx.Err()
}

// endSMTP ends go-smtp and waits for its goroutines, but not for a Backend
// that ignores its context. (go-smtp's Close would run sessions from here,
// beside their own goroutines.)
func (s *Server) endSMTP() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.smtp.Shutdown(ctx); !errors.Is(err, smtp.ErrServerClosed) {
		return err
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
