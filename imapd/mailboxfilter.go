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

// These are the mailbox that is selected.
const (
	filterSelected = "SELECTED"
	filterDelayed  = "SELECTED-DELAYED" // in NOTIFY only
)

// maxFilterNames bounds the names in the filters of one command.
const maxFilterNames = 1000

// filterParser reads the filters of one command, which differ by a kind
// between NOTIFY and ESEARCH.
type filterParser struct {
	s     *session
	only  string // the kind that the other command has not
	names int    // so far
}

// parse parses
//
//	filter-mailboxes = "selected" / "inboxes" / "personal" / "subscribed" /
//	                   ("subtree" / "mailboxes") SP one-or-more-mailbox
//	filter-mailboxes =/ "selected-delayed"                       ; RFC 5465 §8
//	filter-mailboxes =/ "subtree-one" SP one-or-more-mailbox     ; RFC 7377 §4
func (p *filterParser) parse(d *wire.Decoder) mailboxFilter {
	f := mailboxFilter{kind: d.Word()}
	switch f.kind {
	case filterSelected, "INBOXES", "PERSONAL", "SUBSCRIBED":
	case "SUBTREE", "MAILBOXES":
		f.names = p.oneOrMore(d)
	case filterDelayed, "SUBTREE-ONE":
		if f.kind != p.only {
			d.Fail("mailbox specifier of another command")
		} else if f.kind != filterDelayed {
			f.names = p.oneOrMore(d)
		}
	default:
		d.Fail("unknown mailbox specifier")
	}
	return f
}

// oneOrMore parses
//
//	one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")"   ; RFC 5465 §8
func (p *filterParser) oneOrMore(d *wire.Decoder) (names []string) {
	d.SP()
	many := d.Try('(')
	for first := true; d.Err() == nil && (first || many && d.Try(' ')); first = false {
		if p.names++; p.names > maxFilterNames {
			d.Fail("too many mailboxes")
		}
		names = append(names, strings.TrimSuffix(p.s.mailboxName(d), mail.Separator))
	}
	if many {
		d.Expect(')')
	}
	return names
}

// covers tells whether the filter means an existing mailbox; SELECTED means
// none by its name.
func (f *mailboxFilter) covers(name string, subscribed bool) bool {
	switch f.kind {
	case "PERSONAL", "INBOXES": // where mail arrives is up to filters (RFC 5465 §6.3)
		return !isOther(name)
	case "SUBSCRIBED":
		return subscribed
	case "MAILBOXES":
		return slices.Contains(f.names, name)
	}
	return slices.ContainsFunc(f.names, func(top string) bool { return f.below(top, name) })
}

// finds is covers for somebody who sees by its name only what he may look up.
func (f *mailboxFilter) finds(n *node) bool {
	return (f.kind == "MAILBOXES" || n.rights.Has(mail.RightLookup)) && f.covers(n.name, n.subscribed)
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
