package imapd

import (
	"context"

	"postroom/internal/mail"
)

// getacl   = "GETACL" SP mailbox                                   ; RFC 4314 §3.3
// acl-data = "ACL" SP mailbox *(SP identifier SP rights)           ; RFC 4314 §3.6
func runGetACL(ctx context.Context, s *session, name string) (reply, error) {
	p, err := s.placeWith(ctx, name, mail.RightAdmin)
	if err != nil {
		return reply{}, err
	}
	owner, err := s.srv.Store.Account(ctx, p.box.Account)
	if err != nil {
		return reply{}, err
	}
	list, err := s.srv.Store.ACL(ctx, p.box.Account, p.box.ID)
	if err != nil {
		return reply{}, err
	}
	s.enc.Raw("* ACL ").Mailbox(name).Raw(" ").AString(owner.Address.String()).Raw(" ", mail.AllRights.String())
	for _, e := range list {
		s.enc.Raw(" ").AString(e.Name).Raw(" ", e.Rights.String())
	}
	s.enc.CRLF()
	return reply{}, nil
}

// listrights-data = "LISTRIGHTS" SP mailbox SP identifier SP rights *(SP rights)   ; RFC 4314 §3.7
//
// The owner always has all rights; everyone else can be given each by itself.
func runListRights(ctx context.Context, s *session, a identifierArgs) (reply, error) {
	p, err := s.placeWith(ctx, a.mailbox, mail.RightAdmin)
	if err != nil {
		return reply{}, err
	}
	user, err := s.identified(ctx, a.name)
	if err != nil {
		return reply{}, err
	}
	s.enc.Raw("* LISTRIGHTS ").Mailbox(a.mailbox).Raw(" ").AString(a.name).Raw(" ")
	if user == p.box.Account {
		s.enc.Raw(mail.AllRights.String(), "\r\n")
		return reply{}, nil
	}
	s.enc.Raw(`""`)
	for _, right := range mail.AllRights.String() {
		s.enc.Raw(" ", string(right))
	}
	s.enc.CRLF()
	return reply{}, nil
}

// anyRights are those of which one allows MYRIGHTS (RFC 4314 §4).
const anyRights = mail.RightLookup | mail.RightRead | mail.RightInsert | mail.RightCreate | mail.RightRemove | mail.RightAdmin

// myrights = "MYRIGHTS" SP mailbox            ; RFC 4314 §3.5
func runMyRights(ctx context.Context, s *session, name string) (reply, error) {
	p, err := s.place(ctx, name)
	if err == nil && p.rights&anyRights == 0 {
		err = errNoMailbox
	}
	if err != nil {
		return reply{}, err
	}
	s.writeMyRights(name, p.rights)
	return reply{}, nil
}

// myrights-data = "MYRIGHTS" SP mailbox SP rights            ; RFC 4314 §3.8
func (s *session) writeMyRights(name string, r mail.Rights) {
	s.enc.Raw("* MYRIGHTS ").Mailbox(name).Raw(" ", r.String(), "\r\n")
}
