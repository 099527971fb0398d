package imapd

import (
	"context"
	"strings"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

type createArgs struct {
	name givenName
	use  []string
}

// specialUses are the attributes of RFC 6154 §2 that a mailbox can be created
// with, in the spelling that LIST shows. \All and \Flagged are views of
// messages, which no mailbox here is.
var specialUses = []string{`\Archive`, `\Drafts`, `\Junk`, `\Sent`, `\Trash`}

// parseCreate parses
//
//	create       = "CREATE" SP mailbox [create-params]     ; RFC 9051 §6.3.4, RFC 4466 §2.2
//	create-param =/ "USE" SP "(" [use-attr *(SP use-attr)] ")"   ; RFC 6154 §6
func parseCreate(s *session, d *wire.Decoder) (a createArgs) {
	a.name = s.givenName(d).trimmed()
	if !d.Try(' ') {
		return a
	}
	d.Expect('(')
	if !d.TryWord("USE") {
		d.Fail("unknown CREATE parameter")
		return a
	}
	d.SP()
	d.Expect('(')
	for first := true; d.Err() == nil && !d.Try(')'); first = false {
		if !first {
			d.SP()
		}
		d.Expect('\\')
		a.use = append(a.use, `\`+d.Atom())
	}
	d.Expect(')')
	return a
}

func runCreate(ctx context.Context, s *session, a createArgs) (reply, error) {
	name := a.name.name
	use, err := specialUse(a.use)
	if err != nil {
		return reply{}, err
	}
	if name == mail.Inbox {
		return reply{}, no("ALREADYEXISTS", "INBOX is always there")
	}
	account, own, ctx, err := s.newName(ctx, name)
	if err != nil {
		return reply{}, err
	}
	made, err := s.srv.Store.CreateMailbox(ctx, account, own, use)
	if use != "" && mail.Is(err, mail.CodeConflict) {
		return reply{}, no("USEATTR", mail.TextOf(err)) // RFC 6154 §3
	}
	if err != nil {
		return reply{}, err
	}
	s.tellOldName("", name, a.name.given)
	return reply{code: mailboxIDCode(made)}, nil
}

func specialUse(wanted []string) (string, error) {
	if len(wanted) == 0 {
		return "", nil
	}
	if len(wanted) > 1 {
		return "", no("USEATTR", "one special use per mailbox")
	}
	for _, u := range specialUses {
		if strings.EqualFold(u, wanted[0]) {
			return u, nil
		}
	}
	return "", no("USEATTR", "that special use is not supported")
}
