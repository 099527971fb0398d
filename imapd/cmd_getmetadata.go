package imapd

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

type getMetadataArgs struct {
	mailbox string
	names   []string
	maxSize int64 // -1: any
	depth   int   // levels below the names; -1: all
}

// parseGetMetadata parses
//
//	getmetadata         = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries   ; RFC 5464 §5
//	getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")"
//	entries             = entry / "(" entry *(SP entry) ")"
//
// The RFC's examples have the options behind the mailbox, so they may be there
// too: an option begins with a letter, an entry does not.
func parseGetMetadata(s *session, d *wire.Decoder) (a getMetadataArgs) {
	a.maxSize = -1
	if d.Try('(') {
		a.parseOptions(d)
		d.SP()
	}
	a.mailbox = s.mailboxName(d)
	d.SP()
	if d.Try('(') {
		if c := d.Peek() | 0x20; c < 'a' || c > 'z' {
			a.names = parseNames(d)
			return a
		}
		a.parseOptions(d)
		d.SP()
		if d.Try('(') {
			a.names = parseNames(d)
			return a
		}
	}
	a.names = []string{entryName(d, false)}
	return a
}

// parseNames parses the entries of a list that has begun.
func parseNames(d *wire.Decoder) (names []string) {
	for first := true; d.Err() == nil && (first || d.Try(' ')); first = false {
		if len(names) == maxEntryNames {
			d.Fail("too many entries")
		}
		names = append(names, entryName(d, false))
	}
	d.Expect(')')
	return names
}

// getmetadata-option = "MAXSIZE" SP number / "DEPTH" SP ("0" / "1" / "infinity")
func (a *getMetadataArgs) parseOptions(d *wire.Decoder) {
	for first := true; d.Err() == nil && (first || d.Try(' ')); first = false {
		switch d.Word() {
		case "MAXSIZE":
			d.SP()
			a.maxSize = int64(d.Number())
		case "DEPTH":
			d.SP()
			a.depth = parseDepth(d)
		default:
			d.Fail("unknown GETMETADATA option")
		}
	}
	d.Expect(')')
}

func parseDepth(d *wire.Decoder) int {
	switch d.Word() {
	case "0":
		return 0
	case "1":
		return 1
	case "INFINITY":
		return -1
	}
	d.Fail("DEPTH is 0, 1 or infinity")
	return 0
}

func runGetMetadata(ctx context.Context, s *session, a getMetadataArgs) (reply, error) {
	p, err := s.metadataOf(ctx, a.mailbox)
	if err != nil {
		return reply{}, err
	}
	box := p.box
	list, err := s.srv.Store.Metadata(ctx, box.Account, box.ID, s.identity.Account, a.names, a.depth)
	if err != nil {
		return reply{}, err
	}
	list = a.complete(box, list)
	longest := s.writeMetadata(a, list)
	if longest > 0 {
		return reply{code: "METADATA LONGENTRIES " + strconv.Itoa(longest)}, nil
	}
	return reply{}, nil
}

// complete adds what the store does not keep: the special use, and each name
// that has neither a value nor one below it, as NIL.
func (a *getMetadataArgs) complete(box mail.Mailbox, list []mail.Annotation) []mail.Annotation {
	if box.SpecialUse != "" && slices.ContainsFunc(a.names, func(n string) bool { return a.covers(n, specialUseEntry) }) {
		list = append(list, mail.Annotation{Entry: specialUseEntry, Value: []byte(box.SpecialUse)})
	}
	for i, n := range a.names {
		if slices.Index(a.names, n) == i && !slices.ContainsFunc(list, func(x mail.Annotation) bool { return a.covers(n, x.Entry) }) {
			list = append(list, mail.Annotation{Entry: n})
		}
	}
	return list
}

// covers tells whether a name, with the depth asked for, stands for an entry.
func (a *getMetadataArgs) covers(name, entry string) bool {
	below, ok := strings.CutPrefix(entry, name)
	if !ok || below != "" && below[0] != '/' {
		return false
	}
	return a.depth < 0 || strings.Count(below, "/") <= a.depth
}

// writeMetadata writes values up to the size asked for, and gives the size of
// the longest beyond it (RFC 5464 §4.2.1).
func (s *session) writeMetadata(a getMetadataArgs, list []mail.Annotation) (longest int) {
	sep := ""
	for _, x := range list {
		if a.maxSize >= 0 && int64(len(x.Value)) > a.maxSize {
			longest = max(longest, len(x.Value))
			continue
		}
		if sep == "" {
			s.enc.Raw("* METADATA ").Mailbox(a.mailbox)
			sep = " ("
		}
		s.enc.Raw(sep).AString(x.Entry).Raw(" ")
		s.writeValue(x.Value)
		sep = " "
	}
	if sep != "" {
		s.enc.Raw(")\r\n")
	}
	return longest
}

// value = nstring / literal8            ; RFC 5464 §5
func (s *session) writeValue(v []byte) {
	switch {
	case v == nil:
		s.enc.Raw("NIL")
	case slices.Contains(v, 0):
		s.enc.LiteralSize(int64(len(v)), true)
		_, _ = s.enc.Write(v)
	default:
		s.enc.String(string(v))
	}
}
