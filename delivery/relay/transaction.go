package relay

import (
	"context"
	"slices"

	"postroom/internal/mail"
)

// transaction is one MAIL … end of message, for the recipients at the indexes
// in open.
type transaction struct {
	s       *Session
	m       *Message
	rcpts   []mail.Recipient
	results []Result
	open    []int  // not yet answered
	piped   bool   // all lines are out, only replies are missing
	utf8    bool   // SMTPUTF8 is in force
	last    Result // what ended the session
}

// run gives the recipients that the server wants in another transaction.
// Commands go out together where PIPELINING is offered (RFC 2920), DATA with
// them unless the body goes by BDAT.
func (t *transaction) run(ctx context.Context) (again []int) {
	s := t.s
	t.utf8 = t.m.needsUTF8() || slices.ContainsFunc(t.open, func(i int) bool { return !t.rcpts[i].Address.IsASCII() })
	chunked := s.offers("CHUNKING")
	t.piped = s.offers("PIPELINING")
	if t.piped {
		t.writeAll(!chunked)
	}
	if s.dirty {
		if r, ok := t.ask("RSET", "RSET"); !ok || !t.expect(r) {
			return nil
		}
		s.dirty = false
	}
	r, ok := t.ask(s.mailLine(t.m, t.utf8), "MAIL")
	if !ok {
		return nil
	}
	if !r.positive() {
		return t.refuseMail(ctx, r, chunked)
	}
	s.dirty = true
	accepted, again, ok := t.recipients()
	if !ok {
		return nil
	}
	if chunked {
		if len(accepted) > 0 {
			t.body(ctx, accepted, true)
		}
		return again
	}
	t.byData(ctx, accepted)
	return again
}

func (t *transaction) writeAll(data bool) {
	s := t.s
	if s.dirty {
		s.peer.write("RSET")
	}
	s.peer.write(s.mailLine(t.m, t.utf8))
	for _, i := range t.open {
		s.peer.write(s.rcptLine(t.rcpts[i], t.utf8))
	}
	if data {
		s.peer.write("DATA")
	}
}

// ask sends the line, unless it is out already, and reads its reply. When the
// connection is lost all open recipients are deferred.
func (t *transaction) ask(line, phase string) (Reply, bool) {
	if !t.piped {
		t.s.peer.write(line)
	}
	d := t.s.c.cfg.Timeouts.Command
	if phase == "DATA" {
		d = t.s.c.cfg.Timeouts.DataInit
	}
	r, err := t.s.peer.read(d)
	if err == nil && r.Code != 421 { // 421: the server closes the connection (RFC 5321 §3.8)
		return r, true
	}
	last := fromReply(r, t.s.remote)
	if err != nil {
		last = broken(t.s.remote, "4.4.2", lost(phase, err))
	}
	last.Stale = t.s.sent > 0 && (phase == "RSET" || phase == "MAIL")
	t.end(last)
	return r, false
}

func broken(remote, status, text string) Result {
	return Result{Outcome: mail.OutcomeDeferred, Reply: mail.RemoteReply{Status: status, Text: text, Remote: remote}}
}

// expect ends the session over a reply that cannot be worked with.
func (t *transaction) expect(r Reply) bool {
	if !r.positive() {
		t.end(fromReply(r, t.s.remote))
	}
	return r.positive()
}

func (t *transaction) lose(status, text string) {
	t.end(broken(t.s.remote, status, text))
}

// end gives up the connection; r goes to everybody still open.
func (t *transaction) end(r Result) {
	t.s.abandon()
	t.last = r
	deferAll(t.results, t.open, r)
}

// refuseMail gives MAIL's reply to all, and takes the replies that were piped
// behind it.
func (t *transaction) refuseMail(ctx context.Context, r Reply, chunked bool) []int {
	t.finish(t.open, fromReply(r, t.s.remote))
	if !t.piped {
		return nil
	}
	for range t.open {
		if _, ok := t.ask("", "RCPT"); !ok {
			return nil
		}
	}
	if !chunked {
		t.byData(ctx, nil)
	}
	return nil
}

// recipients reads the replies to RCPT. A server that has enough recipients
// says 452 (or 552, RFC 5321 §4.5.3.1.10): those go into another transaction.
func (t *transaction) recipients() (accepted, again []int, ok bool) {
	for _, i := range t.open {
		r, ok := t.ask(t.s.rcptLine(t.rcpts[i], t.utf8), "RCPT")
		if !ok {
			return nil, nil, false
		}
		switch {
		case r.positive():
			accepted = append(accepted, i)
		case (r.Code == 452 || r.Code == 552) && len(accepted) > 0 && (r.Status == "" || r.Status[1:] == ".5.3"):
			again = append(again, i)
		default:
			t.results[i] = fromReply(r, t.s.remote)
		}
	}
	return accepted, again, true
}

// byData sends the body by DATA. With nobody accepted a piped DATA that got
// its 354 is ended with an empty message, which nobody receives (RFC 2920
// §3.1).
func (t *transaction) byData(ctx context.Context, accepted []int) {
	if len(accepted) == 0 && !t.piped {
		return
	}
	r, ok := t.ask("DATA", "DATA")
	if !ok {
		return
	}
	switch {
	case r.Code != 354:
		t.finish(accepted, notStarted(r, t.s.remote))
	case len(accepted) == 0:
		t.s.peer.write(".")
		if _, err := t.s.peer.read(t.s.c.cfg.Timeouts.Final); err != nil {
			t.lose("4.4.2", lost("DATA", err))
		}
		t.s.dirty = true
	default:
		t.body(ctx, accepted, false)
	}
}

// notStarted makes a refusal even of a 2xx where 354 belongs.
func notStarted(r Reply, remote string) Result {
	out := fromReply(r, remote)
	if out.Outcome == mail.OutcomeDelivered {
		out.Outcome = mail.OutcomeDeferred
		out.Reply.Status = "4.5.0"
	}
	return out
}

func (t *transaction) finish(who []int, r Result) {
	for _, i := range who {
		if t.results[i].Outcome == 0 {
			t.results[i] = r
		}
	}
}
