package imapd

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"postroom/imapd/view"
	"postroom/internal/mail"
	"postroom/internal/maillog"
	"postroom/internal/sasl"
	"postroom/internal/spool"
)

// Config is what a Server works on. Store, Blobs, Spool, Append, Replace,
// Auth and Log must be set.
type Config struct {
	Hostname string
	Store    Store
	Blobs    Blobs
	Spool    *spool.Spool
	Views    *view.Registry
	// Append stores the messages in one transaction (RFC 3502) and gives
	// their UIDs in order.
	Append func(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, messages []AppendMessage) (uids mail.UIDSet, err error)
	// Replace stores a message and expunges another in one transaction (RFC
	// 8508); mail.CodeConflict when the latter is gone.
	Replace func(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, message AppendMessage, old Replaced) (uid mail.UIDSet, err error)
	// Auth checks log-ins; it throttles and takes its time.
	Auth sasl.Authenticator
	// StillValid tells whether a session may go on, and which capabilities its
	// account does not get, each as ParseWithout reads it; nil: always, and all.
	StillValid func(context.Context, Identity) (without []string, err error)
	// NoteLogin keeps log-ins and failed ones, without waiting; nil: nobody does.
	NoteLogin func(mail.Login)
	// SetQuotas replaces the quotas of the account at an address, if by is still an
	// administrator, else mail.CodeNoPermission.
	SetQuotas func(ctx context.Context, by Identity, address string, q Quotas) error
	// WatchMailbox and WatchAccount tell of changes; nil: none are told.
	WatchMailbox func(mail.AccountID, mail.MailboxID) Watch
	WatchAccount func(mail.AccountID) Watch
	// WatchMailboxes tells of changes of any of them, with ID 0 of the account
	// itself; nil: there is no NOTIFY.
	WatchMailboxes func([]mail.Mailbox) Watch
	// Heard counts the changes that watches may have told of, to whoever watched
	// them. As long as it stands still, what was read before a watch began needs
	// not be read again; nil: nobody counts, and it is.
	Heard func() (accounts, mailboxes uint64)

	TLS *tls.Config // nil: neither STARTTLS nor implicit TLS
	// AuthWithoutTLS allows plain-text log-ins from loopback peers.
	AuthWithoutTLS bool
	// LiftLimits exempts loopback peers from MaxPerAddress.
	LiftLimits bool
	// Without is what sessions do not get of the table of capabilities.
	Without []Without
	Log     *slog.Logger

	Now func() time.Time // the clock of search keys; default time.Now

	MessageLimit   int           // messages that one command works on; 0: any number
	MaxMessageSize int64         // octets of one APPEND; default 50 MiB
	MaxConnections int           // in all; default 10,000
	MaxPerAddress  int           // default 100
	LoginTime      time.Duration // from accept to login; default 30 s
	IdleTime       time.Duration // without a command; default 35 min (RFC 9051 §5.4: at least 30)
	CommandTime    time.Duration // between two octets of a command; default 2 min
	WriteTime      time.Duration // for one write of at most 32 KiB; default 2 min
	ProgressTime   time.Duration // between two words on a long command; default 10 s (RFC 9585 §4: 10 to 15)
}

func (c *Config) setDefaults() {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.LoginTime, 30*time.Second)
	def(&c.IdleTime, 35*time.Minute)
	def(&c.CommandTime, 2*time.Minute)
	def(&c.WriteTime, 2*time.Minute)
	def(&c.ProgressTime, 10*time.Second)
	if c.MaxMessageSize == 0 {
		c.MaxMessageSize = 50 << 20
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = 10_000
	}
	if c.MaxPerAddress == 0 {
		c.MaxPerAddress = 100
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Views == nil {
		c.Views = view.NewRegistry(c.Store)
	}
}

// Server serves IMAP on any number of listeners.
type Server struct {
	Config
	events *maillog.Log

	mu        sync.Mutex
	closing   bool
	listeners map[net.Listener]struct{}
	sessions  map[*session]struct{}
	perPeer   map[netip.Addr]int
	done      sync.WaitGroup
	// cut ends the running commands of all sessions.
	cut    context.Context
	cutNow context.CancelFunc
}

// New makes a Server; Serve starts it.
func New(c Config) *Server {
	c.setDefaults()
	cut, cutNow := context.WithCancel(context.Background())
	return &Server{
		cut:       cut,
		cutNow:    cutNow,
		Config:    c,
		events:    maillog.New(c.Log, "imap"),
		listeners: map[net.Listener]struct{}{},
		sessions:  map[*session]struct{}{},
		perPeer:   map[netip.Addr]int{},
	}
}

// ErrClosed is what Serve returns after Shutdown.
var ErrClosed = errors.New("imapd: server closed")

// Serve accepts on ln until Shutdown or ctx ends, which ends all sessions;
// implicitTLS is for port 993.
func (s *Server) Serve(ctx context.Context, ln net.Listener, implicitTLS bool) error {
	if !s.addListener(ln) {
		_ = ln.Close()
		return ErrClosed
	}
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	ctx = s.life(ctx)
	for pause := time.Millisecond; ; {
		c, err := ln.Accept()
		if err == nil {
			pause = time.Millisecond
			s.start(ctx, c, implicitTLS)
			continue
		}
		if s.isClosing() || ctx.Err() != nil {
			return ErrClosed
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		// Out of file descriptors, a bad PROXY header: others still work.
		s.events.Slog().Warn("accept failed", "err", err)
		select {
		case <-ctx.Done():
			return ErrClosed
		case <-time.After(pause):
		}
		pause = min(2*pause, time.Second)
	}
}

// life is the context of a listener's sessions. They share it, since each
// context costs memory, before login too: it ends when they are cut.
func (s *Server) life(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(s.cut, cancel)
	// Nothing else wakes a waiting read.
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stopSessions()
	})
	return ctx
}

// stopSessions makes all sessions end after their running command. s.mu is held.
func (s *Server) stopSessions() {
	for ss := range s.sessions {
		ss.stop()
	}
}

func (s *Server) addListener(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.listeners[ln] = struct{}{}
	return true
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// start runs the connection in a goroutine of its own: nothing that a client
// does, its TLS handshake and PROXY header included, holds up Accept.
func (s *Server) start(ctx context.Context, c net.Conn, implicitTLS bool) {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		_ = c.Close()
		return
	}
	s.done.Add(1)
	s.mu.Unlock()
	go s.attend(ctx, c, implicitTLS)
}

// attend runs in the connection's goroutine, whose stack has to stay shallow.
func (s *Server) attend(ctx context.Context, c net.Conn, implicitTLS bool) {
	defer s.done.Done()
	defer c.Close()
	var ss *session
	_ = apart(func() error {
		ss = s.enter(c, implicitTLS)
		return nil
	})
	if ss == nil {
		return
	}
	defer s.leave(ss)
	if ctx.Err() != nil { // too late to be told
		ss.stop()
	}
	ss.serve(ctx, implicitTLS)
}

// enter gives the session of a connection; nil: it was refused.
func (s *Server) enter(c net.Conn, implicitTLS bool) *session {
	ss := newSession(s, c)
	text := s.admit(ss)
	if text == "" {
		return ss
	}
	ss.event(slog.LevelInfo, "connection refused", slog.String("reason", text))
	if !implicitTLS {
		_, _ = ss.conn.Write([]byte("* BYE [UNAVAILABLE] " + text + "\r\n"))
	}
	return nil
}

// admit counts the session in, or says why not.
func (s *Server) admit(ss *session) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	peer := ss.conn.peer.Addr()
	lifted := s.LiftLimits && peer.IsLoopback()
	switch {
	case s.closing:
		return "server is shutting down"
	case len(s.sessions) >= s.MaxConnections:
		return "too many connections"
	case !lifted && s.perPeer[peer] >= s.MaxPerAddress:
		return "too many connections from your address"
	}
	s.sessions[ss] = struct{}{}
	s.perPeer[peer]++
	return ""
}

func (s *Server) leave(ss *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, ss)
	peer := ss.conn.peer.Addr()
	if s.perPeer[peer]--; s.perPeer[peer] <= 0 {
		delete(s.perPeer, peer)
	}
}

// Shutdown stops listening, lets running commands end, says BYE, and cuts
// what is left when ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	for ln := range s.listeners {
		_ = ln.Close()
	}
	s.stopSessions()
	s.mu.Unlock()
	defer s.cutNow() // nobody is left whom it could hurt

	ended := make(chan struct{})
	go func() { s.done.Wait(); close(ended) }()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	s.cutNow() // a long SEARCH looks at nothing else
	s.mu.Lock()
	for ss := range s.sessions {
		_ = ss.conn.raw.Close()
	}
	s.mu.Unlock()
	<-ended
	return ctx.Err()
}
