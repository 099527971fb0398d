package imapd

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"postroom/imapd/wire"
	"postroom/internal/mail"
	"postroom/internal/spool"
)

// Bounds of one MULTIAPPEND: messages, and octets of those that the spool may
// hold in memory.
const (
	maxMultiAppend = 1000
	smallMessage   = 1 << 20
	maxSmallTotal  = 16 << 20
)

// quotaAhead is from which size on the quota is looked at before the client is
// asked for a message; the store looks anyway.
const quotaAhead = 64 << 10

// runAppend parses and runs
//
//	append         = "APPEND" SP mailbox 1*append-message     ; RFC 9051 §6.3.12, RFC 3502
//	append-message = [SP flag-list] [SP date-time] SP append-data
//	append-data    = literal / literal8 / "UTF8" SP "(" literal8 ")"   ; RFC 3516, RFC 6855 §4
//	append-data    =/ "CATENATE" …                            ; RFC 4469 §5
//
// Octets go into the spool as they come; the mailbox is looked up before the
// client is asked for them.
func runAppend(ctx context.Context, s *session, d *wire.Decoder) (reply, error) {
	name := s.mailboxName(d)
	if d.Err() != nil {
		return reply{}, d.Err()
	}
	p, err := s.placeWith(ctx, name, mail.RightInsert)
	if err != nil {
		return reply{}, tryCreate(err)
	}
	var messages []AppendMessage
	defer func() {
		for _, m := range messages {
			m.Message.Discard()
		}
	}()
	var small int64
	for first := true; first || !d.AtEnd(); first = false {
		if len(messages) >= maxMultiAppend {
			return reply{}, no("LIMIT", "too many messages in one APPEND")
		}
		if most := s.messageLimit(); most > 0 && len(messages) >= most {
			return reply{}, no("MESSAGELIMIT "+strconv.Itoa(most), "too many messages in one APPEND")
		}
		m, err := s.appendMessage(ctx, d, p, Replaced{})
		if err != nil {
			return reply{}, err
		}
		messages = append(messages, m)
		if size := m.Message.Summary.Size; size < smallMessage {
			if small += size; small > maxSmallTotal {
				return reply{}, no("LIMIT", "too many messages in one APPEND")
			}
		}
	}
	uids, err := s.srv.Append(s.guard(ctx, p, mail.RightInsert|p.rights&flagRights), p.box.Account, p.box.ID, messages)
	if err != nil {
		return reply{}, tryCreate(err)
	}
	s.touched(p.box.ID)
	return reply{code: "APPENDUID " + strconv.FormatUint(uint64(p.box.UIDValidity), 10) + " " + uids.String()}, nil
}

// appendMessage parses the arguments of one message for p and receives its
// octets. old will go when it comes.
func (s *session) appendMessage(ctx context.Context, d *wire.Decoder, p place, old Replaced) (m AppendMessage, err error) {
	d.SP()
	if d.Peek() == '(' {
		fs := parseFlagList(d)
		m.Flags, m.Keywords = p.rights.Keep(fs.flags, fs.keywords)
		d.SP()
	}
	m.Received = time.Now()
	if d.Peek() == '"' {
		m.Received = d.DateTime()
		d.SP()
	}
	if d.TryWord("CATENATE") {
		m.Message, err = s.catenate(ctx, d, p.box.Account, old)
		return m, err
	}
	utf8 := d.TryWord("UTF8")
	lit, err := s.dataLiteral(d, utf8)
	if err != nil {
		return m, err
	}
	if err := s.checkSize(ctx, p.box.Account, lit.Size, old); err != nil {
		return m, err
	}
	if m.Message, err = s.receive(lit); err != nil {
		return m, err
	}
	if err := endLiteral(d, utf8); err != nil {
		m.Message.Discard()
		return m, err
	}
	return m, nil
}

// dataLiteral parses the header of a literal with octets of a message, in the
// parentheses of UTF8 when that word came before.
func (s *session) dataLiteral(d *wire.Decoder, utf8 bool) (wire.Literal, error) {
	if utf8 {
		d.SP()
		d.Expect('(')
		if d.Peek() != '~' {
			d.Fail("UTF8 takes a literal8")
		}
	}
	lit, _ := d.StreamLiteral()
	if d.Err() == nil && utf8 && !s.has(featureUTF8|featureRev2) {
		return lit, bad("UTF8 needs ENABLE UTF8=ACCEPT")
	}
	return lit, d.Err()
}

// endLiteral goes on behind the octets.
func endLiteral(d *wire.Decoder, utf8 bool) error {
	d.ReadMore()
	if utf8 {
		d.Expect(')')
	}
	return d.Err()
}

var errEmptyMessage = no("", "an empty message is no message")

// checkSize refuses what can't be stored before the client is asked for it.
func (s *session) checkSize(ctx context.Context, account mail.AccountID, size int64, old Replaced) error {
	if size > s.srv.MaxMessageSize {
		return no("TOOBIG", "message larger than "+strconv.FormatInt(s.srv.MaxMessageSize, 10)+" octets")
	}
	if size == 0 {
		return errEmptyMessage
	}
	if size < quotaAhead {
		return nil
	}
	q, err := s.srv.Store.Quota(ctx, account)
	if err != nil {
		return err
	}
	if old.UID != 0 {
		q.UsedBytes, q.Messages = q.UsedBytes-old.Size, q.Messages-1
	}
	if q.LimitBytes > 0 && q.UsedBytes+size > q.LimitBytes || q.LimitMessages > 0 && q.Messages >= q.LimitMessages {
		return no("OVERQUOTA", "the account's quota is used up")
	}
	return nil
}

// receive streams the literal into the spool. When the spool refuses the
// octets the rest is left to Input.Finish.
func (s *session) receive(lit wire.Literal) (*spool.Message, error) {
	w := s.srv.Spool.Begin(nil, s.srv.MaxMessageSize)
	if err := s.readLiteral(w, lit); err != nil {
		w.Discard()
		return nil, err
	}
	m, err := w.Finish()
	if err != nil {
		w.Discard()
		return nil, binaryError(lit, err)
	}
	return m, nil
}

// readLiteral asks the client for a literal and gives its octets to w.
func (s *session) readLiteral(w io.Writer, lit wire.Literal) error {
	if err := s.in.Open(); err != nil {
		return errors.Join(errClient, err)
	}
	return binaryError(lit, copyLiteral(w, s.in))
}

// copyLiteral tells errors of the client's stream from those of the spool.
func copyLiteral(w io.Writer, r io.Reader) error {
	buf := make([]byte, 16<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				return werr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return errors.Join(errClient, err)
		}
	}
}

// binaryError: a literal8 whose NULs can't be stored is UNKNOWN-CTE
// (RFC 3516 §4.4).
func binaryError(lit wire.Literal, err error) error {
	if lit.Binary && mail.Is(err, mail.CodeBadMessage) {
		return no("UNKNOWN-CTE", mail.TextOf(err))
	}
	return err
}
