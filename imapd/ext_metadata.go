package imapd

import (
	"context"
	"strings"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// METADATA (RFC 5464): entries of mailboxes, and with the name "" of the
// server. What is /private is the user's own.

// maxEntryName and maxEntryNames bound what one command names.
const (
	maxEntryName  = 255
	maxEntryNames = 1000
)

// entryName parses
//
//	entry = astring            ; RFC 5464 §5, §3.2
//
// in lower case, for names have no case. With levels it must be a name that can
// have a value: at least two components, four below vendor.
func entryName(d *wire.Decoder, levels bool) string {
	name := strings.ToLower(d.AString())
	if d.Err() == nil && !validEntry(name, levels) {
		d.Fail("bad entry name")
	}
	return name
}

func validEntry(name string, levels bool) bool {
	if len(name) > maxEntryName || strings.HasSuffix(name, "/") || strings.Contains(name, "//") {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c < 0x20 || c >= 0x7f || c == '*' || c == '%' {
			return false
		}
	}
	part := strings.Split(name, "/")
	if len(part) < 2 || part[0] != "" || part[1] != "private" && part[1] != "shared" {
		return false
	}
	if !levels {
		return true
	}
	return len(part) >= 3 && (part[2] != "vendor" || len(part) >= 5)
}

// specialUseEntry shows a mailbox's special use (RFC 6154 §4). It is read-only:
// the attribute is given by CREATE.
const specialUseEntry = "/private/specialuse"

// metadataRights are those of which one is needed besides "l" (RFC 5464 §3.3).
const metadataRights = mail.RightRead | mail.RightSeen | mail.RightWrite | mail.RightInsert | mail.RightPost

// metadataOf finds the mailbox; the name "" is the server, as id 0.
func (s *session) metadataOf(ctx context.Context, name string) (place, error) {
	if name == "" {
		return place{box: mail.Mailbox{Account: s.identity.Account}, rights: mail.AllRights}, nil
	}
	p, err := s.placeWith(ctx, name, mail.RightLookup)
	if err == nil && p.rights&metadataRights == 0 {
		err = errNoRight
	}
	return p, err
}

// metadataSeen is what a session that enabled METADATA was told of.
type metadataSeen struct {
	seq   int64          // the account's change_seq then
	own   map[int64]bool // later ones of this session, of which it is not told
	stale bool           // the account changed since
}

// watchMetadata begins to tell: of what changes from now on.
func (s *session) watchMetadata(ctx context.Context) error {
	_, now, err := s.srv.Store.MetadataChanges(ctx, s.identity.Account, s.identity.Account, -1)
	s.metadata = metadataSeen{seq: now, own: map[int64]bool{}}
	return err
}

// tellMetadata names entries that others changed, without values (RFC 5464
// §4.4.2). When the store is away, the next time will do.
func (s *session) tellMetadata(ctx context.Context) {
	m := &s.metadata
	if !m.stale || !s.has(featureMetadata) || s.state&loggedIn == 0 {
		return
	}
	m.stale = false
	list, now, err := s.srv.Store.MetadataChanges(ctx, s.identity.Account, s.identity.Account, m.seq)
	if err != nil {
		m.stale = true
		s.logInternal("METADATA", err)
		return
	}
	for i, c := range list {
		if m.own[c.Seq] {
			continue
		}
		if i == 0 || list[i-1].Mailbox != c.Mailbox || m.own[list[i-1].Seq] {
			s.enc.Raw("* METADATA ").Mailbox(c.Mailbox)
		}
		s.enc.Raw(" ").AString(c.Entry)
		if i+1 == len(list) || list[i+1].Mailbox != c.Mailbox || m.own[list[i+1].Seq] {
			s.enc.CRLF()
		}
	}
	m.seq = now
	for seq := range m.own {
		if seq <= now {
			delete(m.own, seq)
		}
	}
}
