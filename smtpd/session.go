package smtpd

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"

	"github.com/emersion/go-smtp"

	"postroom/internal/auth"
	"postroom/internal/mail"
	"postroom/internal/maillog"
)

// session is go-smtp's view of us: one per EHLO'd connection.
type session struct {
	w        *wire
	tx       *transaction  // nil when no MAIL is open
	identity auth.Identity // zero before AUTH
}

// transaction is one message being sent.
type transaction struct {
	env mail.Envelope
	msg Message // nil before DATA
}

// newSession is the smtp.Backend.
func newSession(c *smtp.Conn) (smtp.Session, error) {
	w := c.Conn().(*wire)
	w.session = &session{w: w}
	return w.session, nil
}

// Mail begins a transaction. from is what wire.mail made canonical.
func (s *session) Mail(from string, o *smtp.MailOptions) error {
	var addr mail.Address
	if from != "" {
		var err error
		if addr, err = s.w.parse(from); err != nil {
			return replyBadSender
		}
	}
	tx := &transaction{env: envelopeOf(addr, o)}
	ctx, cancel := s.w.callContext()
	defer cancel()
	if bad := s.stillValid(ctx); bad != nil {
		return bad
	}
	if err := s.w.srv.backend.CheckSender(ctx, s.w.peer, &tx.env); err != nil {
		return s.rejected("MAIL", err, slog.String("from", "<"+from+">"))
	}
	s.tx = tx
	return nil
}

// Rcpt adds a recipient; one that is there already is not added again.
func (s *session) Rcpt(to string, o *smtp.RcptOptions) error {
	addr, err := s.w.parse(to)
	if err != nil || s.tx == nil {
		return replyBadRecipient
	}
	r, ok := recipientOf(addr, o)
	if !ok {
		return replyBadParam
	}
	ctx, cancel := s.w.callContext()
	defer cancel()
	if err := s.w.srv.backend.CheckRecipient(ctx, s.w.peer, &s.tx.env, r); err != nil {
		return s.rejected("RCPT", err, slog.String("from", "<"+s.tx.env.From.String()+">"), slog.String("to", "<"+to+">"))
	}
	for _, have := range s.tx.env.Recipients {
		if have.Address == r.Address {
			return nil
		}
	}
	s.tx.env.Recipients = append(s.tx.env.Recipients, r)
	return nil
}

// stillValid refuses to go on for an account that was disabled, or with a
// password that was changed, since the log-in.
func (s *session) stillValid(ctx context.Context) *smtp.SMTPError {
	ask := s.w.srv.cfg.StillValid
	if ask == nil || s.identity.Account == 0 {
		return nil
	}
	err := ask(ctx, s.identity)
	switch {
	case err == nil:
		return nil
	case mail.Is(err, mail.CodeNoPermission), mail.Is(err, mail.CodeAccountDisabled):
		s.w.srv.log.Reject(maillog.Session(s.w.peer), "MAIL", replyRevoked.Code, status(replyRevoked), replyRevoked.Message)
		return replyRevoked
	}
	return s.rejected("MAIL", err)
}

// begin opens the message at the Backend.
func (s *session) begin() *smtp.SMTPError {
	ctx, cancel := s.w.callContext()
	defer cancel()
	if bad := s.stillValid(ctx); bad != nil {
		return bad
	}
	msg, err := s.w.srv.backend.Begin(ctx, s.w.peer, &s.tx.env)
	if err != nil {
		return s.rejected("DATA", err)
	}
	s.tx.msg = msg
	return nil
}

// Data receives the message from the wire, not from go-smtp, and then gives
// go-smtp the end it waits for.
func (s *session) Data(io.Reader) error {
	e := s.receive()
	s.w.inBody = false
	s.w.forged = append(s.w.forged[:0], ".\r\n"...)
	return e
}

// writers gather lines, so that a Backend is not called for each.
var writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 32<<10) }}

func (s *session) receive() *smtp.SMTPError {
	w := s.w
	w.begin(true)
	if s.tx.msg == nil { // BDAT
		if bad := s.begin(); bad != nil {
			return s.abandon(bad)
		}
	}
	out := writers.Get().(*bufio.Writer)
	out.Reset(s.tx.msg)
	defer writers.Put(out)
	defer out.Reset(nil)
	check := inspector{limits: w.srv.cfg.Limits, max: w.srv.cfg.MaxMessageSize}
	for {
		part, err := w.body.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return s.brokenOff(err)
		}
		if err = check.scan(part); err == nil {
			_, err = out.Write(part)
		}
		if err != nil {
			return s.abandon(s.rejected("DATA", err))
		}
	}
	err := check.finish()
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return s.rejected("DATA", err)
	}
	return s.commit(check.size)
}

// commit makes the message durable. Only shutdown breaks it off: that the
// client has gone is no reason to forget what it gave us.
func (s *session) commit(size int64) *smtp.SMTPError {
	ctx, cancel := s.w.callContext()
	defer cancel()
	d, err := s.tx.msg.Commit(ctx)
	if err != nil {
		return s.rejected("DATA", err)
	}
	s.tx.msg = nil
	s.w.counts.messages++
	s.w.counts.junk = 0
	s.w.srv.tarpit.forgive(s.w.peer.Peer.Addr())
	s.w.srv.log.Accepted(maillog.Session(s.w.peer), d, &s.tx.env, size)
	return reply(250, "2.0.0", "queued as "+d.Trace.String())
}

// abandon reads over what is still being sent and gives the refusal.
func (s *session) abandon(refusal *smtp.SMTPError) *smtp.SMTPError {
	if err := s.w.body.abandon(); err != nil {
		return s.brokenOff(err)
	}
	return refusal
}

// brokenOff is the end of a message that did not come to its end.
func (s *session) brokenOff(err error) *smtp.SMTPError {
	var e *smtp.SMTPError
	if errors.As(err, &e) {
		return e
	}
	s.w.broken(err)
	return reply(421, "4.4.2", "connection lost")
}

// rejected logs a Backend's refusal and gives its reply.
func (s *session) rejected(verb string, err error, more ...slog.Attr) *smtp.SMTPError {
	r := replyTo(err)
	if c := mail.CodeOf(err); c == mail.CodeInternal || c == mail.CodeUnavailable {
		more = append(more, slog.String("error", err.Error()))
	}
	s.w.srv.log.Reject(maillog.Session(s.w.peer), verb, r.Code, status(r), r.Message, more...)
	return r
}

// Reset drops the transaction.
func (s *session) Reset() {
	if s.tx != nil && s.tx.msg != nil {
		s.tx.msg.Discard()
	}
	s.tx = nil
}

// Logout ends the session.
func (s *session) Logout() error {
	s.Reset()
	return nil
}
