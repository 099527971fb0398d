package imapd

import (
	"context"
	"strconv"
	"strings"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

type setMetadataArgs struct {
	mailbox string
	list    []mail.Annotation
}

// parseSetMetadata parses
//
//	setmetadata  = "SETMETADATA" SP mailbox SP entry-values      ; RFC 5464 §5
//	entry-values = "(" entry SP value *(SP entry SP value) ")"
func parseSetMetadata(s *session, d *wire.Decoder) (a setMetadataArgs) {
	a.mailbox = s.mailboxName(d)
	d.SP()
	d.Expect('(')
	for first := true; d.Err() == nil && (first || d.Try(' ')); first = false {
		x := mail.Annotation{Entry: entryName(d, true)}
		d.SP()
		if v, ok := d.Value(); ok {
			x.Value = []byte(v)
		}
		if len(a.list) == maxEntryNames {
			d.Fail("too many entries")
		}
		a.list = append(a.list, x)
	}
	d.Expect(')')
	return a
}

func runSetMetadata(ctx context.Context, s *session, a setMetadataArgs) (reply, error) {
	needed := mail.RightLookup
	for _, x := range a.list {
		if strings.HasPrefix(x.Entry, "/shared/") {
			needed |= mail.RightWrite
		}
		switch {
		case len(x.Value) > mail.MaxAnnotation:
			return reply{}, no("METADATA MAXSIZE "+strconv.Itoa(mail.MaxAnnotation), "the value is too long")
		case a.mailbox == "" && strings.HasPrefix(x.Entry, "/shared/"):
			return reply{}, no("NOPERM", "the server's shared entries are read-only")
		case a.mailbox != "" && x.Entry == specialUseEntry:
			return reply{}, no("CANNOT", "a special use is given by CREATE")
		case a.mailbox == "":
			if err := s.checkFilter(x); err != nil {
				return reply{}, err
			}
		}
	}
	p, err := s.metadataOf(ctx, a.mailbox)
	if err == nil {
		err = p.need(needed)
	}
	if err != nil {
		return reply{}, err
	}
	seq, err := s.srv.Store.SetMetadata(s.guard(ctx, p, needed), p.box.Account, p.box.ID, s.identity.Account, a.list)
	if mail.Is(err, mail.CodeTooMany) {
		return reply{}, no("METADATA TOOMANY", mail.TextOf(err))
	}
	if err == nil && s.metadata.seqs != nil {
		s.metadata.own[ownChange{p.box.Account, seq}] = true
	}
	return reply{}, err
}
