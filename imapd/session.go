package imapd

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"postroom/imapd/wire"
	"postroom/internal/mail"
	"postroom/internal/maillog"
)

// state is a connection's state (RFC 9051 §3), as bits for the command table.
type state uint8

const (
	notAuthenticated state = 1 << iota
	authenticated
	selected
	loggedOut

	anyState  = notAuthenticated | authenticated | selected
	loggedIn  = authenticated | selected
	beforeLog = notAuthenticated
)

const (
	// Octets of one command, its buffered literals included. RFC 7162 §4 wants
	// 8192 for a line; long UID sets of real clients need more, and so does
	// AUTHENTICATE with a token.
	limitBeforeLogin = maxSASL + 1<<10
	limitAfterLogin  = 128 << 10
	// Errors in a row before the connection is cut: a client that is not
	// speaking IMAP, or is guessing.
	maxErrorsBeforeLogin = 8
	maxErrorsAfterLogin  = 100
	maxLoginFailures     = 5
)

// session is one connection. Only its goroutine, that which rests or that which
// works, touches it, but for conn.wake and the atomic marks.
type session struct {
	srv     *Server
	conn    *conn
	in      *wire.Input
	enc     *wire.Encoder
	tls     bool
	deflate *deflate // after COMPRESS

	state    state
	until    time.Time // when the client was silent for too long
	idling   bool      // by IDLE
	tag      string    // of the running command
	progress progress
	ahead    ahead // of the pipeline behind it
	identity Identity
	enabled  feature
	sel      *selection // while selected
	// holdsNumbers: the running command is a UID command and has sequence
	// numbers all the same, so no VANISHED may be sent (RFC 7162 §3.2.10.2).
	holdsNumbers bool
	// limited: the lowest UID that the running command works on, when there are
	// more messages than it may (RFC 9738); else 0.
	limited  mail.UID
	kw       keywordNames
	metadata metadataSeen
	errors   int
	failures int         // log-ins refused
	missing  []Without   // of the account: what it does not get
	client   string      // what it says it is, by ID
	login    *mail.Login // not noted yet

	watcher *watcher
	recheck atomic.Bool // the account changed: may it still be here?
	stopped atomic.Bool // the server shuts down

	notify        *notify     // nil: no NOTIFY was given
	namesMoved    atomic.Bool // names or subscriptions of the account changed
	statesMoved   atomic.Bool // so did mailboxes that NOTIFY names
	selectedMoved atomic.Bool // so did the selected one
}

func newSession(srv *Server, c net.Conn) *session {
	s := &session{srv: srv, conn: newConn(c, srv.CommandTime, srv.WriteTime), state: notAuthenticated}
	s.conn.hardStop = time.Now().Add(srv.LoginTime)
	s.in = wire.NewInput(s.conn, limitBeforeLogin)
	s.enc = wire.NewEncoder(s.conn)
	s.in.Continue = func() error {
		s.enc.Raw("+ OK\r\n")
		return s.enc.Flush()
	}
	return s
}

// who names client and account in log lines.
func (s *session) who() []slog.Attr {
	a := maillog.Peer(s.conn.peer)
	if s.identity.Account != 0 {
		a = append(a, slog.Int64("account", int64(s.identity.Account)), slog.String("login", s.identity.Login))
	}
	return a
}

func (s *session) event(level slog.Level, name string, more ...slog.Attr) {
	s.srv.events.Event(level, name, s.who(), more...)
}

// stop makes the session end after its running command. Any goroutine.
func (s *session) stop() {
	s.stopped.Store(true)
	s.conn.wake()
}

func (s *session) serve(ctx context.Context, implicitTLS bool) {
	defer s.end()
	// A defect met by one client must not take the mail of all others away.
	defer func() {
		if r := recover(); r != nil {
			s.event(slog.LevelError, "session panicked", slog.Any("panic", r), slog.String("stack", string(debug.Stack())))
		}
	}()
	err := apart(func() error { return s.greet(ctx, implicitTLS) })
	for err == nil && s.state != loggedOut {
		rested := s.rest()
		err = apart(func() error { return s.resume(ctx, rested) })
	}
	if err != nil {
		s.hangUp(err)
	}
	_ = s.enc.Flush()
}

// greet begins the connection.
func (s *session) greet(ctx context.Context, implicitTLS bool) error {
	if implicitTLS {
		if err := s.startTLS(ctx); err != nil {
			s.event(slog.LevelDebug, "TLS handshake failed", slog.Any("err", err))
			return errNoTLS
		}
	}
	s.enc.Raw("* OK [CAPABILITY ", s.capabilities(), "] ", s.greetingName(), " ready\r\n")
	if err := s.enc.Flush(); err != nil {
		return err
	}
	return s.work(ctx, s.patience())
}

// end gives back what the session holds.
func (s *session) end() {
	s.note()
	s.endIdle()
	s.endNotify()
	s.unselect()
	s.unwatch()
	if s.deflate != nil {
		s.deflate.close()
	}
	if t, ok := s.conn.stream.(*tls.Conn); ok {
		_ = s.conn.raw.SetWriteDeadline(time.Now().Add(time.Second))
		_ = t.Close()
	}
}

// step waits for a command and runs it, or handles a wake-up. quiet: the client
// was silent for so long.
func (s *session) step(ctx context.Context, patience time.Duration) (quiet bool, err error) {
	now := time.Now()
	if !s.idling {
		s.until = now.Add(s.srv.IdleTime)
	}
	switch err := s.conn.wait(s.in.Wait, now.Add(min(patience, s.until.Sub(now)))); {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return true, nil
	case err == errWoken:
		return false, s.wokenUp(ctx)
	case err != nil:
		return false, err
	case s.idling:
		return false, s.finishIdle(ctx)
	}
	if err := s.woken(ctx); err != nil {
		return false, err
	}
	line, err := s.in.ReadCommand(streamsLiterals)
	if err != nil && err != wire.ErrCommandTooLong && err != wire.ErrLiteralTooBig {
		return false, err
	}
	return false, s.command(ctx, line, err)
}

// beforeWait sends what is there to be sent.
func (s *session) beforeWait(ctx context.Context) error {
	if s.idling {
		if err := s.idleUpdate(ctx); err != nil {
			return err
		}
	}
	return s.enc.Flush()
}

// noHardStop: after login only idle time counts.
var noHardStop time.Time

// errNoTLS ends a session that did not begin: nothing can be said.
var errNoTLS = errors.New("no TLS")

// errBye ends a session whose BYE is already written.
var errBye = errors.New("bye")

// wokenUp handles a wake-up.
func (s *session) wokenUp(ctx context.Context) error {
	if err := s.woken(ctx); err != nil {
		return err
	}
	if !s.idling {
		return s.notifyChanges(ctx, false)
	}
	if s.sel != nil && s.notify == nil {
		s.sel.stale = true
	}
	return nil
}

// woken looks at what other goroutines have marked.
func (s *session) woken(ctx context.Context) error {
	if s.stopped.Load() {
		return s.bye("UNAVAILABLE", "server is shutting down")
	}
	if s.state&loggedIn == 0 || !s.recheck.Swap(false) {
		return nil
	}
	s.metadata.stale = true
	err := s.lookAtAccount(ctx)
	switch {
	case err == nil:
	case unavailable(err):
		s.recheckLater()
	default:
		s.event(slog.LevelInfo, "session ended", slog.String("reason", mail.TextOf(err)))
		return s.bye("", "your log-in is no longer valid")
	}
	return nil
}

// bye writes BYE and gives the error that ends the session.
func (s *session) bye(code, text string) error {
	s.enc.Raw("* BYE ", bracket(code), text, "\r\n")
	return errBye
}

// hangUp says goodbye where the client may still listen.
func (s *session) hangUp(err error) {
	switch {
	case errors.Is(err, errBye), err == errNoTLS:
	case errors.Is(err, os.ErrDeadlineExceeded):
		_ = s.bye("", "idle for too long")
		s.conn.hardStop = noHardStop
	case errors.Is(err, wire.ErrFrame):
		_ = s.bye("", "command too large")
	case isMailError(err):
		// A response is cut in the middle: nothing can be said any more.
		s.logInternal("response", err)
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
	default:
		s.event(slog.LevelDebug, "connection lost", slog.Any("err", err))
	}
}

// startTLS runs the handshake and puts the session on top of it.
func (s *session) startTLS(ctx context.Context) error {
	t := tls.Server(s.conn.raw, s.srv.TLS)
	_ = s.conn.raw.SetDeadline(s.conn.limit(time.Now().Add(s.srv.LoginTime)))
	ctx, cancel := context.WithTimeout(ctx, s.srv.LoginTime)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		return err
	}
	s.conn.stream, s.tls = t, true
	s.in.Discard()
	return nil
}

// greetingName is the host name; it tells no version.
func (s *session) greetingName() string {
	if s.srv.Hostname == "" {
		return "postroom"
	}
	return s.srv.Hostname
}
