package imapd

import (
	"context"
	"strings"

	"github.com/xdg-go/stringprep"

	"postroom/imapd/wire"
	"postroom/internal/address"
	"postroom/internal/mail"
)

// anyone is the identifier of all users.
const anyone = "anyone"

type identifierArgs struct {
	mailbox string
	name    string // as given
}

// parseIdentifier parses
//
//	deleteacl  = "DELETEACL" SP mailbox SP identifier      ; RFC 4314 §3.2
//	listrights = "LISTRIGHTS" SP mailbox SP identifier     ; RFC 4314 §3.4
func parseIdentifier(s *session, d *wire.Decoder) (a identifierArgs) {
	a.mailbox = s.mailboxName(d)
	d.SP()
	a.name = d.AString()
	if prepared, err := stringprep.SASLprep.Prepare(a.name); d.Err() == nil && (err != nil || prepared == "") {
		d.Fail("bad identifier")
	}
	return a
}

// identified finds who is meant: anyone is 0.
func (s *session) identified(ctx context.Context, name string) (mail.AccountID, error) {
	name, err := stringprep.SASLprep.Prepare(name)
	if err != nil {
		return 0, bad("bad identifier")
	}
	switch {
	case name == anyone:
		return 0, nil
	case strings.HasPrefix(name, "-"):
		return 0, no("CANNOT", "negative rights are not supported")
	}
	a, err := address.Parse(name)
	if err != nil {
		return 0, no("NONEXISTENT", "no such user")
	}
	acct, err := s.srv.Store.AccountByAddress(ctx, a)
	if mail.Is(err, mail.CodeNotFound) || err == nil && acct.Deleted {
		err = no("NONEXISTENT", "no such user")
	}
	return acct.ID, err
}

type setACLArgs struct {
	identifierArgs
	change func(mail.Rights) mail.Rights
}

// parseSetACL parses
//
//	setacl     = "SETACL" SP mailbox SP identifier SP mod-rights      ; RFC 4314 §3.1
//	mod-rights = astring            ; +rights to add, -rights to remove
func parseSetACL(s *session, d *wire.Decoder) (a setACLArgs) {
	a.identifierArgs = parseIdentifier(s, d)
	d.SP()
	list := d.AString()
	mode := byte('=')
	if list != "" && (list[0] == '+' || list[0] == '-') {
		mode, list = list[0], list[1:]
	}
	rights, ok := mail.ParseRights(list)
	if !ok {
		d.Fail("unknown right")
	}
	a.change = func(old mail.Rights) mail.Rights {
		switch mode {
		case '+':
			return old | rights
		case '-':
			return old &^ rights
		}
		return rights
	}
	return a
}

func runSetACL(ctx context.Context, s *session, a setACLArgs) (reply, error) {
	return reply{}, s.setACL(ctx, a.identifierArgs, a.change)
}

func runDeleteACL(ctx context.Context, s *session, a identifierArgs) (reply, error) {
	return reply{}, s.setACL(ctx, a, func(mail.Rights) mail.Rights { return 0 })
}

func (s *session) setACL(ctx context.Context, a identifierArgs, change func(mail.Rights) mail.Rights) error {
	p, err := s.placeWith(ctx, a.mailbox, mail.RightAdmin)
	if err != nil {
		return err
	}
	user, err := s.identified(ctx, a.name)
	if err != nil {
		return err
	}
	if user == p.box.Account {
		return no("CANNOT", "the owner has all rights")
	}
	if err := s.srv.Store.SetACL(s.guard(ctx, p, mail.RightAdmin), p.box.Account, p.box.ID, user, change); err != nil {
		return err
	}
	s.touched(p.box.ID)
	return nil
}
