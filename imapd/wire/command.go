package wire

import (
	"bytes"
	"io"
)

// ReadCommand frames the next command: its octets with every literal in
// place, the final CRLF removed. When streams says of the octets so far that
// the command takes its literals as a stream, framing stops behind the next
// literal's header; Decoder then asks for more.
//
// ErrCommandTooLong and ErrLiteralTooBig leave the frame intact and give the
// first octets of the command, so that its tag can be answered. After any other error
// the stream is over. The slice is valid until the next call.
func (in *Input) ReadCommand(streams func(prefix []byte) bool) ([]byte, error) {
	in.cmd = in.cmd[:0]
	in.pending, in.rest, in.open = nil, 0, false
	err := in.assemble(streams)
	return in.cmd, err
}

func (in *Input) assemble(streams func([]byte) bool) error {
	var refused error
	skipped := int64(0)
	for {
		l, err := in.readLine(in.Limit)
		if err != nil {
			return err
		}
		if l.tooLong {
			refused = ErrCommandTooLong
			skipped += int64(l.length)
		}
		lit, ok, err := literalHeader(l.tail)
		if err != nil {
			return ErrFrame
		}
		if !ok {
			if refused == nil {
				in.cmd = trimEOL(in.cmd)
			}
			return refused
		}
		if refused == nil && streams != nil && streams(in.cmd) {
			in.pending = &lit
			return nil
		}
		if refused == nil && lit.Size > int64(in.Limit-len(in.cmd)) {
			refused = ErrLiteralTooBig
		}
		if refused != nil {
			// A client that asks first is told no by the tagged reply and
			// sends nothing (RFC 9051 §4.3). One that does not ask sends the
			// octets anyway: they are dropped, never read as commands.
			if !lit.NonSync {
				return refused
			}
			if skipped += lit.Size; skipped > maxSkip {
				return ErrFrame
			}
			if err := in.skip(lit.Size); err != nil {
				return err
			}
			continue
		}
		if err := in.take(lit); err != nil {
			return err
		}
	}
}

// take appends the octets of a literal to the command.
func (in *Input) take(lit Literal) error {
	if !lit.NonSync {
		if err := in.Continue(); err != nil {
			return err
		}
	}
	for n := lit.Size; n > 0; {
		if err := in.fill(); err != nil {
			return err
		}
		k := min(int64(len(in.unread)), n)
		in.cmd = append(in.cmd, in.unread[:k]...)
		in.unread = in.unread[k:]
		n -= k
	}
	return nil
}

func (in *Input) skip(n int64) error {
	for n > 0 {
		if err := in.fill(); err != nil {
			return err
		}
		k := min(int64(len(in.unread)), n)
		in.unread = in.unread[k:]
		n -= k
	}
	return nil
}

// Pending gives the literal whose octets the command still waits for; nil
// when the command is complete.
func (in *Input) Pending() *Literal { return in.pending }

// Open starts the pending literal: a synchronizing one is asked for. Its
// octets come from Read.
func (in *Input) Open() error {
	lit := in.pending
	in.pending = nil
	if lit == nil {
		return ErrFrame
	}
	if !lit.NonSync {
		if err := in.Continue(); err != nil {
			return err
		}
	}
	in.rest, in.open = lit.Size, true
	return nil
}

// Read gives the open literal's octets, io.EOF at its end.
func (in *Input) Read(p []byte) (int, error) {
	if in.rest == 0 {
		return 0, io.EOF
	}
	if err := in.fill(); err != nil {
		return 0, err
	}
	n := copy(p, in.unread[:min(int64(len(in.unread)), in.rest)])
	in.unread = in.unread[n:]
	in.rest -= int64(n)
	return n, nil
}

// ReadMore frames the line behind a consumed literal. The octets framed
// before are dropped.
func (in *Input) ReadMore() ([]byte, error) {
	if in.pending != nil || in.rest != 0 {
		return nil, ErrFrame
	}
	in.cmd, in.open = in.cmd[:0], false
	l, err := in.readLine(in.Limit)
	if err != nil {
		return nil, err
	}
	lit, ok, err := literalHeader(l.tail)
	if err != nil {
		return nil, ErrFrame
	}
	if ok {
		in.pending = &lit
	} else if !l.tooLong {
		in.cmd = trimEOL(in.cmd)
	}
	if l.tooLong {
		return nil, ErrCommandTooLong
	}
	return in.cmd, nil
}

// Finish brings the stream behind a command that was given up half-way: a
// literal that the client was not asked for is left to the client, one that
// comes anyway is dropped, at most limit octets in all; beyond, ErrFrame.
func (in *Input) Finish(limit int64) error {
	for skipped := int64(0); ; {
		n, open := in.rest, in.open
		if lit := in.pending; lit != nil {
			in.pending = nil
			if !lit.NonSync {
				return nil
			}
			n, open = lit.Size, true
		}
		if !open {
			return nil
		}
		if skipped += n; skipped > limit {
			return ErrFrame
		}
		in.rest = 0
		if err := in.skip(n); err != nil {
			return err
		}
		if _, err := in.ReadMore(); err != nil && err != ErrCommandTooLong {
			return err
		}
	}
}

func trimEOL(b []byte) []byte {
	b = bytes.TrimSuffix(b, []byte("\n"))
	return bytes.TrimSuffix(b, []byte("\r"))
}

// ReadResponse frames one line that answers a continuation request, such as
// a SASL response or DONE, without its CRLF.
func (in *Input) ReadResponse(limit int) ([]byte, error) {
	in.cmd = in.cmd[:0]
	l, err := in.readLine(limit)
	if err != nil {
		return nil, err
	}
	if l.tooLong {
		return nil, ErrCommandTooLong
	}
	return trimEOL(in.cmd), nil
}
