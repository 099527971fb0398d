package imapd

import (
	"context"
	"strconv"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// Replaced names the message that REPLACE removes, in a mailbox of the same account.
type Replaced struct {
	Mailbox mail.MailboxID
	UID     mail.UID
	Size    int64 // octets that its removal frees
}

func runReplace(ctx context.Context, s *session, d *wire.Decoder) (reply, error) {
	return s.replace(ctx, d, false)
}

func runUIDReplace(ctx context.Context, s *session, d *wire.Decoder) (reply, error) {
	return s.replace(ctx, d, true)
}

// replace parses and runs
//
//	replace    = "REPLACE" SP seq-number SP mailbox append-message   ; RFC 8508 §5
//	seq-number = nz-number / "*"
//
// As with APPEND the octets go into the spool as they come, and what can be
// refused is refused before the client is asked for them.
func (s *session) replace(ctx context.Context, d *wire.Decoder, uid bool) (reply, error) {
	number := seqNumber(d)
	d.SP()
	name := s.mailboxName(d)
	if d.Err() != nil {
		return reply{}, d.Err()
	}
	old, err := s.replaced(ctx, number, uid)
	if err != nil {
		return reply{}, err
	}
	p, err := s.placeWith(ctx, name, mail.RightInsert)
	if err != nil {
		return reply{}, tryCreate(err)
	}
	if p.box.Account != s.sel.mailbox.Account {
		return reply{}, no("CANNOT", "a message is replaced by one in the same account only")
	}
	m, err := s.appendMessage(ctx, d, p, old)
	if err != nil {
		return reply{}, err
	}
	defer m.Message.Discard()
	if d.End(); d.Err() != nil {
		return reply{}, d.Err()
	}
	fresh, err := s.srv.Replace(s.guardCopy(ctx, p, moveRights), p.box.Account, p.box.ID, m, old)
	if err != nil {
		return reply{}, replaceError(err)
	}
	s.sel.stale = true
	// Before the EXPUNGE, so that a client knows what came in the place of what
	// goes (RFC 8508 §4.3).
	s.enc.Raw("* OK [APPENDUID ", strconv.FormatUint(uint64(p.box.UIDValidity), 10), " ", fresh.String(), "] replacement is there\r\n")
	return s.expungedReply(ctx, true)
}

// seqNumber gives 0 for "*".
func seqNumber(d *wire.Decoder) uint32 {
	if d.Try('*') {
		return 0
	}
	return d.NZNumber()
}

// replaced finds the message to be replaced. It must be there: a client whose
// message is gone has to decide by itself whether the new one is still wanted.
func (s *session) replaced(ctx context.Context, number uint32, uid bool) (old Replaced, err error) {
	if err := s.numbers(ctx); err != nil {
		return old, err
	}
	if err := s.writable(moveRights); err != nil { // RFC 8508 §4.1
		return old, err
	}
	v := s.sel.view
	old = Replaced{Mailbox: s.sel.mailbox.ID, UID: mail.UID(number)}
	switch {
	case number == 0:
		old.UID = v.MaxUID()
	case !uid:
		old.UID, _ = v.UID(number)
	}
	_, known := v.Seq(old.UID)
	switch {
	case !known && uid:
		return old, no("", "no such message")
	case !known:
		return old, bad("no such message number")
	}
	found := false
	err = s.srv.Store.FetchMessages(ctx, s.sel.mailbox.Account, old.Mailbox, mail.UIDSetOf(old.UID), 0, func(r *mail.MessageRow) error {
		found, old.Size = true, r.Size
		return nil
	})
	if err == nil && !found {
		err = errReplacedGone
	}
	return old, err
}

var errReplacedGone = no("EXPUNGEISSUED", "the message to be replaced no longer exists")

func replaceError(err error) error {
	if mail.Is(err, mail.CodeConflict) {
		return errReplacedGone
	}
	return tryCreate(err)
}
