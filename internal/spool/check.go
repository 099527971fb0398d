package spool

import (
	"bytes"

	"postroom/internal/mail"
)

// The defects that make a message unacceptable (RFC 5321 §2.3.8, RFC 5322
// §2.2): software that takes a bare CR or LF for a line end sees another
// message than we do, which is how mail is smuggled.
var (
	bareCR = mail.Errorf(mail.CodeBadMessage, "the message has a CR without LF")
	bareLF = mail.Errorf(mail.CodeBadMessage, "the message has a LF without CR")
	hasNUL = mail.Errorf(mail.CodeBadMessage, "the message has a NUL octet")
)

// check looks for defects, also across two writes: every LF must follow a CR,
// and then as many CRs as LFs means that every CR is followed by its LF.
func (w *Writer) check(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if bytes.IndexByte(p, 0) >= 0 {
		return hasNUL
	}
	if w.lastCR && p[0] != '\n' {
		return bareCR
	}
	crs := bytes.Count(p, []byte{'\r'})
	if w.lastCR {
		crs++
	}
	lfs := 0
	for at := 0; ; lfs++ {
		i := bytes.IndexByte(p[at:], '\n')
		if i < 0 {
			break
		}
		if at += i; at == 0 && !w.lastCR || at > 0 && p[at-1] != '\r' {
			return bareLF
		}
		at++
	}
	w.lastCR = p[len(p)-1] == '\r'
	if w.lastCR {
		crs--
	}
	if crs != lfs {
		return bareCR
	}
	return nil
}
