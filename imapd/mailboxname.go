package imapd

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// mailboxName parses
//
//	mailbox = "INBOX" / astring            ; RFC 9051 §5.1
//
// and gives the store's form: UTF-8 in NFC, INBOX in capitals.
func (s *session) mailboxName(d *wire.Decoder) string {
	return s.givenName(d).name
}

// givenName is a mailbox name as the client wrote it, and as the store has it.
type givenName struct{ given, name string }

func (s *session) givenName(d *wire.Decoder) givenName {
	given, ok := s.decodeName(d.AString())
	if !ok {
		d.Fail("bad mailbox name")
		return givenName{}
	}
	return givenName{given, canonicalInbox(norm.NFC.String(given))}
}

// trimmed is the name without a last separator, which only says that names
// below will follow.
func (n givenName) trimmed() givenName {
	return givenName{strings.TrimSuffix(n.given, mail.Separator), strings.TrimSuffix(n.name, mail.Separator)}
}

// tellOldName tells a client of IMAP4rev2 under which name a mailbox is now
// that it called otherwise (RFC 9051 §6.3.9.7).
func (s *session) tellOldName(attribute, name, given string) {
	if s.has(featureRev2) && name != given {
		s.enc.Raw("* LIST (", attribute, `) "/" `).Mailbox(name).Raw(` ("OLDNAME" (`).Mailbox(given).Raw("))\r\n")
	}
}

// decodeName reads modified UTF-7 (RFC 3501 §5.1.3), or UTF-8 where the client
// enabled it. Plain UTF-8 is understood from every client: it is never valid
// UTF-7, and clients do send it.
func (s *session) decodeName(raw string) (string, bool) {
	eightBit := strings.IndexFunc(raw, func(r rune) bool { return r >= 0x80 }) >= 0
	if s.enc.UTF8 || eightBit {
		return raw, utf8.ValidString(raw)
	}
	return wire.DecodeUTF7(raw)
}

// canonicalInbox: INBOX is INBOX in any case, also as a parent.
func canonicalInbox(name string) string {
	first, rest, nested := strings.Cut(name, mail.Separator)
	if !strings.EqualFold(first, mail.Inbox) {
		return name
	}
	if nested {
		return mail.Inbox + mail.Separator + rest
	}
	return mail.Inbox
}

// parseMailbox parses a command whose one argument is a mailbox.
func parseMailbox(s *session, d *wire.Decoder) string { return s.mailboxName(d) }

func parseGivenName(s *session, d *wire.Decoder) givenName { return s.givenName(d) }
