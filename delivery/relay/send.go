package relay

import (
	"context"
	"slices"
	"strconv"

	"postroom/internal/mail"
)

// maxRecipients of one transaction: what every server must take (RFC 5321
// §4.5.3.1.8).
const maxRecipients = 100

// Send transmits the message to recipients of the session's destination, in
// as many transactions as it takes, and gives one Result each, in their order.
// When the connection breaks, the rest is deferred and the session no longer
// Usable.
func (s *Session) Send(ctx context.Context, m *Message, rcpts []mail.Recipient) []Result {
	stop := s.peer.follow(ctx)
	defer func() {
		if !stop() {
			s.abandon()
		}
	}()
	results := make([]Result, len(rcpts))
	pending := s.admit(m, rcpts, results)
	for len(pending) > 0 {
		n := min(len(pending), maxRecipients)
		t := transaction{s: s, m: m, rcpts: rcpts, results: results, open: slices.Clone(pending[:n])}
		again := t.run(ctx)
		if s.broken {
			deferAll(results, pending, t.last)
			break
		}
		pending = append(again, pending[n:]...)
	}
	return results
}

// deferAll gives the recipients without a result the one that ended the
// session.
func deferAll(results []Result, pending []int, last Result) {
	last.Outcome = mail.OutcomeDeferred
	last.Unclear = false
	for _, i := range pending {
		if results[i].Outcome == 0 {
			results[i] = last
		}
	}
}

// admit settles what can be told without asking: too large, or SMTPUTF8 needed
// and not offered (RFC 6531 §3.5: never mangled, refused with 5.6.7).
func (s *Session) admit(m *Message, rcpts []mail.Recipient, results []Result) (pending []int) {
	refuse := func(i, code int, status, text string) {
		results[i] = Result{Outcome: mail.OutcomeFailed, Reply: mail.RemoteReply{Code: code, Status: status, Text: text, Remote: s.remote}}
	}
	limit, _ := strconv.ParseInt(s.caps["SIZE"], 10, 64)
	for i, r := range rcpts {
		switch {
		case !sendable(r.Address) || !sendable(m.From):
			refuse(i, 553, "5.1.3", "the address cannot be written in SMTP")
		case limit > 0 && m.Size > limit:
			refuse(i, 552, "5.3.4", "the message is larger than the "+strconv.FormatInt(limit, 10)+" octets that the server takes")
		case !s.offers("SMTPUTF8") && (m.needsUTF8() || !r.Address.IsASCII()):
			refuse(i, 553, "5.6.7", "the server does not take internationalized addresses or headers (SMTPUTF8)")
		default:
			pending = append(pending, i)
		}
	}
	return pending
}

// abandon ends the connection without another word.
func (s *Session) abandon() {
	s.broken = true
	s.peer.close()
}

// Close ends the session with QUIT where that is still possible.
func (s *Session) Close() {
	if !s.broken {
		s.broken = true
		_, _ = s.peer.command(s.c.cfg.Timeouts.Quit, "QUIT")
	}
	s.peer.close()
}
