package smtpd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"postroom/internal/listen"
	"postroom/internal/mail"
	"postroom/internal/maillog"
)

// wire is the net.Conn that go-smtp serves. One goroutine, go-smtp's, runs
// all of it: go-smtp's Read asks for the next command, its Write brings the
// reply. Only stop and Close may come from elsewhere.
type wire struct {
	srv    *Server
	conn   *listen.Conn
	tr     net.Conn             // conn, or the TLS upon it
	tls    *tls.ConnectionState // nil without TLS
	in     *bufio.Reader
	out    []byte // replies held until we wait for the client
	forged []byte // what go-smtp reads next
	peer   *mail.Session
	counts *counts
	lifted bool // limits are lifted for this client
	ctx    context.Context
	cancel context.CancelFunc

	verb       string // the command whose reply is awaited; "" the greeting
	chunked    bool   // that DATA stands for a BDAT
	quiet      bool   // suppress the greeting: it was given before STARTTLS
	sasl       bool   // the next line is a SASL response
	badBase64  bool   // … and was not: go-smtp was told "*"
	open       bool   // MAIL was accepted
	recipients int    // accepted ones of the open transaction
	session    *session
	body       bodyReader

	phase       time.Time // when the present line or body began
	phaseOctets int64     // octets of the body; 0 in a command
	inBody      bool
	ended       bool // nothing more is read, and nothing but what is in out is sent
	linger      bool // the client may still be sending: let it read our last reply
	why         string
	handedOver  bool // STARTTLS made another wire of the connection

	mu       sync.Mutex // guards what stop touches
	stopping bool
	waiting  bool // blocked in Read with no transaction open
}

// counts live as long as the connection, over STARTTLS too.
type counts struct {
	began                                          time.Time
	commands, errors, junk, messages, authFailures int
}

func newWire(s *Server, conn *listen.Conn, tr net.Conn, c *counts) *wire {
	w := &wire{srv: s, conn: conn, tr: tr, counts: c, why: "client closed"}
	w.in = bufio.NewReaderSize(socket{w}, 4096)
	w.ctx, w.cancel = context.WithCancel(s.base)
	w.lifted = s.cfg.LiftLimits && conn.Loopback()
	w.peer = &mail.Session{Role: s.cfg.Role, Peer: conn.Client(), Local: conn.Local()}
	if t, ok := tr.(*tls.Conn); ok {
		state := t.ConnectionState()
		w.tls = &state
		w.peer.TLSVersion = tls.VersionName(state.Version)
		w.peer.TLSCipher = tls.CipherSuiteName(state.CipherSuite)
	}
	return w
}

// Read gives go-smtp one checked command line, or what ends its DATA.
func (w *wire) Read(p []byte) (int, error) {
	for len(w.forged) == 0 {
		if w.ended {
			w.flush()
			return 0, io.EOF
		}
		w.next()
	}
	n := copy(p, w.forged)
	w.forged = w.forged[n:]
	return n, nil
}

// forward hands a command to go-smtp.
func (w *wire) forward(verb, command string) {
	w.verb = verb
	w.forged = append(append(w.forged[:0], command...), '\r', '\n')
}

// Write takes go-smtp's reply, line by line.
func (w *wire) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n') + 1
		if i == 0 {
			i = len(rest)
		}
		w.reply(rest[:i])
		rest = rest[i:]
	}
	return len(p), nil
}

// say replies without go-smtp, and counts.
func (w *wire) say(e *smtp.SMTPError) {
	w.put(line(e))
	w.tally(e.Code)
}

// refuse is say, with a line in the log.
func (w *wire) refuse(verb string, e *smtp.SMTPError, more ...slog.Attr) {
	w.srv.log.Reject(maillog.Session(w.peer), verb, e.Code, status(e), e.Message, more...)
	w.say(e)
}

// fail refuses and ends the connection.
func (w *wire) fail(verb string, e *smtp.SMTPError) {
	if w.ended {
		return
	}
	w.srv.log.Reject(maillog.Session(w.peer), verb, e.Code, status(e), e.Message)
	w.put(line(e))
	w.end(e.Message)
	w.linger = true
}

func (w *wire) end(why string) {
	if !w.ended {
		w.ended, w.why = true, why
	}
}

// put holds a reply line until flush.
func (w *wire) put(s string) {
	if w.ended {
		return
	}
	w.out = append(w.out, s...)
	if len(w.out) > 32<<10 {
		w.flush()
	}
}

// flush sends what is held, in one packet where it fits.
func (w *wire) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	w.tr.SetWriteDeadline(time.Now().Add(w.srv.cfg.Limits.WriteTimeout))
	_, err := w.tr.Write(w.out)
	if w.out = w.out[:0]; cap(w.out) > 4096 {
		w.out = nil
	}
	if err != nil {
		w.end("write failed")
	}
	return err
}

// socket is what the line reader reads from.
type socket struct{ w *wire }

// Never io.EOF, which is the end of a body and must not come of a connection
// that was lost in one.
var (
	errGone     = errors.New("connection lost")
	errStopping = errors.New("server is going down")
	errTimeout  = errors.New("timeout")
	errSession  = errors.New("session too long")
)

// Read sends the held replies, then waits for octets within the deadline. An
// error is final: whatever the client sends later is never read, so the rest
// of a broken-off body cannot become commands.
func (s socket) Read(p []byte) (int, error) {
	w := s.w
	if w.ended {
		return 0, errGone
	}
	if err := w.flush(); err != nil {
		return 0, err
	}
	deadline, cause := w.deadline()
	w.mu.Lock()
	idle := !w.open && !w.inBody
	if w.stopping && idle {
		w.mu.Unlock()
		return 0, errStopping
	}
	w.waiting = idle
	w.tr.SetReadDeadline(deadline)
	w.mu.Unlock()
	n, err := w.tr.Read(p)
	w.mu.Lock()
	w.waiting = false
	stopping := w.stopping && idle
	w.mu.Unlock()
	w.phaseOctets += int64(n)
	var timeout net.Error
	switch {
	case n > 0 || err == nil:
		return n, nil
	case stopping:
		return 0, errStopping
	case errors.As(err, &timeout) && timeout.Timeout():
		return 0, cause
	}
	return 0, errGone
}

// deadline says until when the next octets must come, and what it means when
// they do not. A command has ReadTimeout as a whole; a body has it too and
// earns more time by coming at MinRate.
func (w *wire) deadline() (time.Time, error) {
	l := w.srv.cfg.Limits
	now := time.Now()
	at := w.phase.Add(l.ReadTimeout)
	if w.inBody {
		earned := time.Duration(float64(w.phaseOctets) / float64(l.MinRate) * float64(time.Second))
		at = at.Add(earned)
		if silence := now.Add(l.ReadTimeout); silence.Before(at) {
			at = silence
		}
	}
	if end := w.counts.began.Add(l.Session); !w.lifted && end.Before(at) {
		return end, errSession
	}
	return at, errTimeout
}

// begin starts the clock of a line or a body.
func (w *wire) begin(body bool) {
	w.phase, w.phaseOctets, w.inBody = time.Now(), 0, body
}

// broken ends the connection after a read error, with a word to who may still
// be listening.
func (w *wire) broken(err error) {
	switch err {
	case errStopping:
		w.fail("", replyShutdown)
	case errTimeout:
		w.fail("", replyTimeout)
	case errSession:
		w.fail("", replySession)
	default:
		w.end("client closed")
	}
}

// stop asks the connection to end: at once when it is idle, else after its
// transaction.
func (w *wire) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping = true
	if w.waiting {
		w.tr.SetReadDeadline(time.Unix(1, 0))
	}
}

// Close ends the connection, unless it lives on behind STARTTLS.
func (w *wire) Close() error {
	w.cancel()
	if w.handedOver {
		return nil
	}
	w.flush()
	w.ended = true
	if w.linger {
		w.linger = false
		w.drain()
	}
	err := w.tr.Close()
	w.srv.forget(w)
	return err
}

// drain lets the client read our last words: closing a socket with unread
// input resets it, and the reply would be lost.
func (w *wire) drain() {
	w.tr.SetDeadline(time.Now().Add(250 * time.Millisecond))
	if h, ok := w.tr.(interface{ CloseWrite() error }); ok && h.CloseWrite() == nil {
		io.CopyN(io.Discard, w.tr, 64<<10)
	}
}

func (w *wire) LocalAddr() net.Addr  { return w.conn.LocalAddr() }
func (w *wire) RemoteAddr() net.Addr { return w.conn.RemoteAddr() }

// The deadlines are the wire's own; go-smtp's would span a whole body.
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
