package relay

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of a reply. RFC 5321 §4.5.3.1.5 has 512 octets a line; real servers
// write longer ones, so a line is cut rather than refused up to maxReplyLine.
const (
	maxReplyLine  = 4096
	maxReplyLines = 256
	maxReplyText  = 1024 // what is kept for the DSN and the timeline
)

// errProtocol is what a peer causes that does not speak SMTP.
var errProtocol = errors.New("the server does not speak SMTP as expected")

// Reply is one SMTP reply.
type Reply struct {
	Code   int
	Status string // enhanced status code of the first line (RFC 2034); "" when none
	Lines  []string
}

// Text gives the lines joined, bounded, with nothing in them that could end a
// header line or a log line.
func (r Reply) Text() string {
	s := strings.Join(r.Lines, " ")
	if len(s) > maxReplyText {
		s = s[:maxReplyText]
	}
	return clean(s)
}

func (r Reply) positive() bool  { return r.Code >= 200 && r.Code < 300 }
func (r Reply) permanent() bool { return r.Code >= 500 }

// clean keeps printable text: control characters become blanks, what is not
// UTF-8 a question mark.
func clean(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "?")
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s))
}

// readReply reads one reply of one or more lines (RFC 5321 §4.2.1).
func readReply(br *bufio.Reader) (Reply, error) {
	var r Reply
	for range maxReplyLines {
		line, err := readLine(br)
		if err != nil {
			return r, err
		}
		code, more, text, err := splitReply(line)
		if err != nil {
			return r, err
		}
		if r.Code != 0 && r.Code != code {
			return r, fmt.Errorf("%w: one reply has the codes %d and %d", errProtocol, r.Code, code)
		}
		status, rest := splitStatus(code, text)
		if r.Code == 0 {
			r.Code, r.Status = code, status
		}
		if status != "" && status == r.Status {
			text = rest
		}
		r.Lines = append(r.Lines, text)
		if !more {
			return r, nil
		}
	}
	return r, fmt.Errorf("%w: a reply of more than %d lines", errProtocol, maxReplyLines)
}

func readLine(br *bufio.Reader) (string, error) {
	line, err := br.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", fmt.Errorf("%w: a reply line of more than %d octets", errProtocol, maxReplyLine)
	}
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

func splitReply(line string) (code int, more bool, text string, err error) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' {
		return 0, false, "", fmt.Errorf("%w: a reply without code", errProtocol)
	}
	for i := range 3 {
		if line[i] < '0' || line[i] > '9' {
			return 0, false, "", fmt.Errorf("%w: a reply without code", errProtocol)
		}
		code = code*10 + int(line[i]-'0')
	}
	if len(line) == 3 {
		return code, false, "", nil
	}
	switch line[3] {
	case ' ':
		return code, false, line[4:], nil
	case '-':
		return code, true, line[4:], nil
	}
	return 0, false, "", fmt.Errorf("%w: a reply code with %q behind it", errProtocol, line[3])
}

// splitStatus takes an enhanced status code off the text; its class must be
// that of the reply code (RFC 2034 §4).
func splitStatus(code int, text string) (status, rest string) {
	head, tail, _ := strings.Cut(text, " ")
	parts := strings.Split(head, ".")
	if len(parts) != 3 || len(parts[0]) != 1 || int(parts[0][0]-'0') != code/100 || code/100 == 3 {
		return "", text
	}
	for _, p := range parts[1:] {
		if p == "" || len(p) > 3 || strings.Trim(p, "0123456789") != "" {
			return "", text
		}
	}
	return head, tail
}
