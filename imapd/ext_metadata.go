package imapd

import (
	"context"
	"maps"
	"slices"
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

// metadataOf finds the mailbox; the name "" is the server, as id 0.
func (s *session) metadataOf(ctx context.Context, name string) (place, error) {
	if name == "" {
		return place{box: mail.Mailbox{Account: s.identity.Account}, rights: mail.AllRights}, nil
	}
	p, err := s.placeWith(ctx, name, mail.RightLookup)
	if err == nil && p.rights&mail.MetadataRights == 0 {
		err = errNoRight
	}
	return p, err
}

// metadataSeen is what a session that enabled METADATA, or asks by NOTIFY, was
// told of.
type metadataSeen struct {
	seqs  map[mail.AccountID]int64 // nil: none is told; change_seq then, of the user's account and of those that share with him
	own   map[ownChange]bool       // later ones of this session, of which it is not told
	stale bool                     // something changed since
}

type ownChange struct {
	account mail.AccountID
	seq     int64
}

// watchMetadata begins to tell: of what changes from now on, in mailboxes that
// others share too.
func (s *session) watchMetadata(ctx context.Context) error {
	if s.metadata.seqs != nil {
		return nil
	}
	s.watchShared()
	_, now, err := s.srv.Store.MetadataChanges(ctx, s.identity.Account, nil)
	s.metadata = metadataSeen{seqs: now, own: map[ownChange]bool{}}
	return err
}

// tellMetadata names entries that others changed, without values (RFC 5464
// §4.4.2). When the store is away, the next time will do.
func (s *session) tellMetadata(ctx context.Context) {
	m := &s.metadata
	if !m.stale || m.seqs == nil || s.state&loggedIn == 0 {
		return
	}
	m.stale = false
	list, now, err := s.srv.Store.MetadataChanges(ctx, s.identity.Account, m.seqs)
	if err != nil {
		m.stale = true
		s.logInternal("METADATA", err)
		return
	}
	list = slices.DeleteFunc(list, func(c mail.AnnotationChange) bool {
		name := c.Mailbox
		if name != "" {
			name = otherName(c.Owner, name)
		}
		return m.own[ownChange{c.Account, c.Seq}] || !s.has(featureMetadata) && !s.notify.hearsMetadata(name)
	})
	for i, c := range list {
		if i == 0 || list[i-1].Account != c.Account || list[i-1].Mailbox != c.Mailbox {
			if i > 0 {
				s.enc.CRLF()
			}
			s.enc.Raw("* METADATA ").Mailbox(otherName(c.Owner, c.Mailbox))
		}
		s.enc.Raw(" ").AString(c.Entry)
	}
	if len(list) > 0 {
		s.enc.CRLF()
	}
	m.seqs = now
	maps.DeleteFunc(m.own, func(c ownChange, _ bool) bool { return c.seq <= now[c.account] })
}
