package smtpd

import (
	"bytes"

	"postroom/internal/mail"
)

// inspector looks at the octets of a message for what no message may hold. It
// changes nothing.
type inspector struct {
	limits Limits
	cr     bool // the octet before was CR
	line   int  // octets of the present line
	field  bool // that line has a colon or is folded, as in a header
	header int  // octets of the header so far; -1 behind it
	size   int64
	max    int64
}

var (
	errBareCR     = mail.Errorf(mail.CodeBadMessage, "message holds a bare CR")
	errBareLF     = mail.Errorf(mail.CodeBadMessage, "message holds a bare LF")
	errNUL        = mail.Errorf(mail.CodeBadMessage, "message holds a NUL")
	errBodyLine   = mail.Errorf(mail.CodeBadMessage, "message has a line over the limit")
	errHeader     = mail.Errorf(mail.CodeBadMessage, "message has a header over the limit")
	errMessageBig = mail.Errorf(mail.CodeTooBig, "message is larger than the limit")
)

// scan takes the next octets and gives the first defect.
func (i *inspector) scan(p []byte) error {
	if i.size += int64(len(p)); i.size > i.max {
		return errMessageBig
	}
	if bytes.IndexByte(p, 0) >= 0 {
		return errNUL
	}
	for len(p) > 0 {
		n := bytes.IndexByte(p, '\n') + 1
		if n == 0 {
			n = len(p)
		}
		if err := i.scanLine(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// scanLine takes a line or a part of one; LF can only be its last octet.
func (i *inspector) scanLine(p []byte) error {
	end := p[len(p)-1] == '\n'
	text := p
	if end {
		text = p[:len(p)-1]
	}
	if i.cr && (!end || len(text) > 0) {
		return errBareCR
	}
	cr := bytes.IndexByte(text, '\r')
	if cr >= 0 && cr != len(text)-1 {
		return errBareCR
	}
	if end && cr < 0 && !i.cr {
		return errBareLF
	}
	i.cr = cr >= 0 && !end
	if i.line == 0 {
		i.field = p[0] == ' ' || p[0] == '\t'
	}
	if i.header >= 0 && !i.field {
		i.field = bytes.IndexByte(p, ':') >= 0
	}
	if i.line += len(p); i.line > i.limits.BodyLine {
		return errBodyLine
	}
	if end && !i.field {
		i.header = -1 // an empty line, or one that is no field: the body has begun
	}
	if i.header >= 0 {
		if i.header += len(p); i.header > i.limits.Header {
			return errHeader
		}
	}
	if end {
		i.line = 0
	}
	return nil
}

// finish gives the defect that only the end shows.
func (i *inspector) finish() error {
	if i.cr {
		return errBareCR
	}
	return nil
}
