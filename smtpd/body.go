package smtpd

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"strings"
)

// bodyReader gives the octets of a message as they come.
type bodyReader interface {
	// next gives the next octets, valid until the following call; io.EOF after
	// the last. A *smtp.SMTPError is the reply to a client that broke off.
	next() ([]byte, error)
	// abandon reads over what the client still sends before it takes a
	// refusal: the rest of DATA, or of the present chunk.
	abandon() error
}

// data answers DATA (RFC 5321 §4.1.1.4).
func (w *wire) data(arg string) {
	switch {
	case w.in.Buffered() > 0:
		// RFC 2920 §3.1: DATA is the last of a group. Octets that were sent
		// before the 354 would be commands if it does not come.
		w.fail("DATA", replyPipelining)
	case !w.open:
		w.say(replyMailFirst)
	case arg != "":
		w.say(reply(501, "5.5.4", "no argument expected"))
	case w.recipients == 0:
		w.say(replyNoRecipients)
	default:
		if bad := w.session.begin(); bad != nil {
			w.say(bad) // logged where it arose
			return
		}
		w.body, w.chunked = &dotReader{w: w, lineStart: true}, false
		w.forward("DATA", "DATA")
	}
}

// dotReader reads DATA: it ends at CRLF.CRLF and nowhere else, and takes one
// dot off lines that begin with one (RFC 5321 §4.5.2). A line begins after
// CRLF only, so no form of bare CR or LF ends a message or loses a dot.
type dotReader struct {
	w         *wire
	lineStart bool // the octets before were CRLF, or there were none
	cr        bool // the octet before was CR
	done      bool
}

func (r *dotReader) next() ([]byte, error) {
	if r.done {
		return nil, io.EOF
	}
	part, err := r.w.in.ReadSlice('\n')
	if err != nil && err != bufio.ErrBufferFull {
		return nil, err
	}
	start := r.lineStart
	r.lineStart = bytes.HasSuffix(part, []byte("\r\n")) || r.cr && len(part) == 1 && part[0] == '\n'
	r.cr = part[len(part)-1] == '\r'
	if start && part[0] == '.' {
		if string(part) == ".\r\n" {
			r.done = true
			return nil, io.EOF
		}
		part = part[1:]
	}
	return part, nil
}

// abandon gives up on a client that goes on for another message's length.
func (r *dotReader) abandon() error {
	for left := r.w.srv.cfg.MaxMessageSize + 1<<20; ; {
		part, err := r.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if left -= int64(len(part)); left < 0 {
			r.w.fail("DATA", replyTooBig)
			return io.ErrUnexpectedEOF
		}
	}
}

// bdat answers the first BDAT of a message (RFC 3030 §2), or one that comes
// out of order: the chunk follows it whatever we say, and is never a command.
func (w *wire) bdat(arg string) {
	n, last, ok := parseChunk(arg)
	if !ok {
		w.fail("BDAT", replyBadChunk)
		return
	}
	r := &chunkReader{w: w, left: n, last: last}
	switch {
	case !w.open || w.recipients == 0:
		w.begin(true)
		err := r.abandon()
		w.inBody = false
		if err != nil {
			w.broken(err)
			return
		}
		if w.open {
			w.say(replyNoRecipients)
			return
		}
		w.say(replyMailFirst)
	default:
		w.body, w.chunked = r, true
		w.forward("DATA", "DATA")
	}
}

// parseChunk reads the argument of BDAT.
func parseChunk(arg string) (n int64, last, ok bool) {
	size, rest, more := strings.Cut(arg, " ")
	if more && keyword(rest) != "LAST" {
		return 0, false, false
	}
	if size == "" || strings.Trim(size, "0123456789") != "" {
		return 0, false, false
	}
	n, err := strconv.ParseInt(size, 10, 64)
	return n, more, err == nil
}

// chunkReader reads the chunks of BDAT, and the commands between them.
type chunkReader struct {
	w     *wire
	size  int64 // of the present chunk, for its reply
	left  int64 // octets of it not yet read
	last  bool
	begun bool
}

func (r *chunkReader) next() ([]byte, error) {
	if !r.begun {
		r.begun, r.size = true, r.left
	}
	for r.left == 0 {
		if r.last {
			return nil, io.EOF
		}
		r.w.put("250 2.0.0 " + strconv.FormatInt(r.size, 10) + " octets\r\n")
		if err := r.nextChunk(); err != nil {
			return nil, err
		}
	}
	if _, err := r.w.in.Peek(1); err != nil {
		return nil, err
	}
	part, err := r.w.in.Peek(int(min(r.left, int64(r.w.in.Buffered()))))
	if err != nil {
		return nil, err
	}
	r.w.in.Discard(len(part)) // part stays valid until the next read
	r.left -= int64(len(part))
	return part, nil
}

func (r *chunkReader) abandon() error {
	if r.left > 2*r.w.srv.cfg.MaxMessageSize+1<<20 {
		r.w.fail("BDAT", replyTooBig)
		return io.ErrUnexpectedEOF
	}
	_, err := io.CopyN(io.Discard, r.w.in, r.left)
	r.left = 0
	return err
}

// nextChunk reads commands until one brings a chunk or breaks the message off.
func (r *chunkReader) nextChunk() error {
	w := r.w
	defer w.begin(true)
	for {
		s, err := w.readLine(w.srv.cfg.Limits.CommandLine)
		switch {
		case err == errLineTooLong:
			return replyLongLine
		case err == errBareLineEnd:
			return replyBareLineEnd
		case err != nil:
			return err
		case !w.countCommand():
			return io.ErrUnexpectedEOF
		}
		verb, arg, _ := strings.Cut(strings.TrimRight(s, " "), " ")
		switch keyword(verb) {
		case "BDAT":
			n, last, ok := parseChunk(arg)
			if !ok {
				return replyBadChunk
			}
			r.size, r.left, r.last = n, n, last
			return nil
		case "RSET":
			return reply(250, "2.0.0", "message dropped")
		case "QUIT":
			return reply(221, "2.0.0", "bye")
		case "NOOP":
			w.counts.junk++
			w.say(reply(250, "2.0.0", "ok"))
		default:
			w.say(replyInTransfer)
		}
	}
}
