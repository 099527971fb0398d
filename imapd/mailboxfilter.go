package imapd

import (
	"slices"
	"strings"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// mailboxFilter names mailboxes (RFC 5465 §6, RFC 7377 §2.2).
type mailboxFilter struct {
	kind  string   // in upper case
	names []string // of SUBTREE, SUBTREE-ONE and MAILBOXES
}

// filterSelected is the mailbox that is selected.
const filterSelected = "SELECTED"

// maxFilterNames bounds the names of one filter.
const maxFilterNames = 1000

// mailboxFilter parses
//
//	filter-mailboxes = "selected" / "inboxes" / "personal" / "subscribed" /
//	                   ("subtree" / "subtree-one" / "mailboxes") SP one-or-more-mailbox
//	one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")"   ; RFC 5465 §8
func (s *session) mailboxFilter(d *wire.Decoder) mailboxFilter {
	f := mailboxFilter{kind: d.Word()}
	switch f.kind {
	case filterSelected, "INBOXES", "PERSONAL", "SUBSCRIBED":
		return f
	case "SUBTREE", "SUBTREE-ONE", "MAILBOXES":
	default:
		d.Fail("unknown mailbox specifier")
	}
	d.SP()
	if !d.Try('(') {
		f.names = []string{s.mailboxName(d)}
		return f
	}
	for first := true; d.Err() == nil && (first || d.Try(' ')); first = false {
		if f.names = append(f.names, s.mailboxName(d)); len(f.names) > maxFilterNames {
			d.Fail("too many mailboxes")
		}
	}
	d.Expect(')')
	return f
}

// holds tells whether the filter means an existing mailbox; SELECTED means
// none by its name.
func (f *mailboxFilter) holds(n *node) bool {
	switch f.kind {
	case "PERSONAL", "INBOXES": // where mail arrives is up to filters (RFC 5465 §6.3)
		return !isOther(n.name)
	case "SUBSCRIBED":
		return n.subscribed && n.rights.Has(mail.RightLookup)
	case "MAILBOXES":
		return slices.Contains(f.names, n.name)
	}
	return n.rights.Has(mail.RightLookup) && slices.ContainsFunc(f.names, func(top string) bool { return f.below(top, n.name) })
}

// below tells whether name is top or a name under it, at any depth or, with
// SUBTREE-ONE, at the next.
func (f *mailboxFilter) below(top, name string) bool {
	if name == top {
		return true
	}
	rest, ok := strings.CutPrefix(name, top+mail.Separator)
	return ok && (f.kind == "SUBTREE" || !strings.Contains(rest, mail.Separator))
}
