package smtpd

import (
	"bufio"
	"errors"
	"strings"
)

var (
	errLineTooLong = errors.New("line too long")
	errBareLineEnd = errors.New("bare CR or LF")
)

// readLine reads one line without its CRLF, of at most max octets with it.
// Only CRLF ends a line (RFC 5321 §2.3.8): a client for which LF does it too
// disagrees with us about where a message ends.
func (w *wire) readLine(max int) (string, error) {
	w.begin(false)
	var long []byte
	for {
		part, err := w.in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			return "", err
		}
		if len(long)+len(part) > max {
			return "", errLineTooLong
		}
		if err == nil && long == nil {
			return cutLine(string(part))
		}
		long = append(long, part...)
		if err == nil {
			return cutLine(string(long))
		}
	}
}

func cutLine(s string) (string, error) {
	s, ok := strings.CutSuffix(s, "\r\n")
	if !ok || strings.ContainsAny(s, "\r\n") {
		return "", errBareLineEnd
	}
	return s, nil
}

// next reads one command and either forwards it or answers it.
func (w *wire) next() {
	l := w.srv.cfg.Limits
	s, err := w.readLine(max(l.CommandLine, l.AuthLine))
	switch {
	case err == errLineTooLong, err == nil && len(s)+2 > w.lineLimit(s):
		w.fail("", replyLongLine)
	case err == errBareLineEnd:
		w.fail("", replyBareLineEnd)
	case err != nil:
		w.broken(err)
	case w.sasl:
		w.saslResponse(s)
	case w.countCommand():
		w.command(s)
	}
}

// lineLimit is what this line may have: AUTH and its responses carry tokens.
func (w *wire) lineLimit(s string) int {
	if w.sasl || len(s) > 5 && strings.EqualFold(s[:5], "AUTH ") {
		return w.srv.cfg.Limits.AuthLine
	}
	return w.srv.cfg.Limits.CommandLine
}

// countCommand counts a command against the limits; false when that ended the
// connection.
func (w *wire) countCommand() bool {
	l, c := w.srv.cfg.Limits, w.counts
	c.commands++
	switch {
	case c.errors >= l.HardErrors:
		w.fail("", replyErrors)
	case c.junk > l.Junk && !w.lifted:
		w.fail("", replyJunk)
	case c.commands > l.Commands && !w.lifted:
		w.fail("", replyCommands)
	}
	return !w.ended
}
