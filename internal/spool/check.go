package spool

import (
	"bytes"

	"postroom/internal/mail"
)

// check looks for what makes a message unacceptable (RFC 5321 §2.3.8, RFC 5322
// §2.2): software that takes a bare CR or LF for a line end sees another
// message than we do, which is how mail is smuggled.
func (w *Writer) check(p []byte) error {
	if len(p) == 0 || w.clean(p) {
		return nil
	}
	return w.defect(p)
}

// clean is the quick way, also across two writes: every LF follows a CR, and
// then as many CRs as LFs means that every CR is followed by its LF.
func (w *Writer) clean(p []byte) bool {
	if bytes.IndexByte(p, 0) >= 0 {
		return false
	}
	crs, lfs := bytes.Count(p, []byte{'\r'}), 0
	if w.lastCR {
		crs++
	}
	for at := 0; ; lfs++ {
		i := bytes.IndexByte(p[at:], '\n')
		if i < 0 {
			break
		}
		if at += i; at == 0 && !w.lastCR || at > 0 && p[at-1] != '\r' {
			return false
		}
		at++
	}
	last := p[len(p)-1] == '\r'
	if last {
		crs--
	}
	if crs != lfs {
		return false
	}
	w.lastCR = last
	return true
}

// defect finds the first one in p and says where in the message it is.
func (w *Writer) defect(p []byte) error {
	cr := w.lastCR
	for i, c := range p {
		at := w.size + int64(i)
		switch {
		case cr && c != '\n':
			return bareCR(at - 1)
		case c == '\n' && !cr:
			return mail.Errorf(mail.CodeBadMessage, "the message has a LF without CR at octet %d", at)
		case c == 0:
			return mail.Errorf(mail.CodeBadMessage, "the message has a NUL at octet %d", at)
		}
		cr = c == '\r'
	}
	return mail.Errorf(mail.CodeInternal, "a defect of the message was not found again")
}

func bareCR(at int64) error {
	return mail.Errorf(mail.CodeBadMessage, "the message has a CR without LF at octet %d", at)
}
