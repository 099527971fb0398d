package imapd

import (
	"context"
	"strings"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// otherUsers begins the names of other users' mailboxes (RFC 2342 §5):
// "~ann@example.test/INBOX".
const otherUsers = "~"

// place is an existing mailbox and what the user may do with it.
type place struct {
	box    mail.Mailbox // its name as this client calls it
	state  mail.MailboxState
	name   string // in its account
	rights mail.Rights
}

var (
	errNoRight   = no("NOPERM", "you have no right to do that")
	errNoMailbox = mail.Errorf(mail.CodeNotFound, "no such mailbox")
)

// isOther tells names of other users' mailboxes.
func isOther(name string) bool {
	owner, _, _ := strings.Cut(name, mail.Separator)
	return strings.HasPrefix(owner, otherUsers) && strings.Contains(owner, "@")
}

// account finds whose mailbox a name means, and its name there. Who has an
// account tells nobody: an owner who is none is a missing mailbox.
func (s *session) account(ctx context.Context, name string) (mail.AccountID, string, error) {
	if !isOther(name) {
		return s.identity.Account, name, nil
	}
	owner, inner, _ := strings.Cut(name[len(otherUsers):], mail.Separator)
	a, err := address.Parse(owner)
	if err != nil {
		return 0, "", errNoMailbox
	}
	acct, err := s.srv.Store.AccountByAddress(ctx, a)
	if mail.Is(err, mail.CodeNotFound) || err == nil && acct.Deleted {
		err = errNoMailbox
	}
	return acct.ID, canonicalInbox(inner), err
}

// place finds a mailbox. One on which the user has no right is not there.
func (s *session) place(ctx context.Context, name string) (place, error) {
	return s.placeBy(ctx, name, s.srv.Store.MailboxByName)
}

// placeBy is place with another look-up in the store.
func (s *session) placeBy(ctx context.Context, name string, look func(context.Context, mail.AccountID, string) (mail.Mailbox, mail.MailboxState, error)) (p place, err error) {
	account, inner, err := s.account(ctx, name)
	if err != nil {
		return p, err
	}
	p.box, p.state, err = look(ctx, account, inner)
	if err != nil {
		return p, err
	}
	p.name, p.rights = inner, mail.AllRights
	if isOther(name) {
		p.box.Name = name
	}
	if account != s.identity.Account {
		p.box.SpecialUse = "" // the owner's
		if p.rights, err = s.srv.Store.Rights(ctx, account, p.box.ID, s.identity.Account); err == nil && p.rights == 0 {
			err = errNoMailbox
		}
	}
	return p, err
}

// placeWith finds a mailbox on which the user has all of needed.
func (s *session) placeWith(ctx context.Context, name string, needed mail.Rights) (place, error) {
	p, err := s.place(ctx, name)
	if err == nil {
		err = p.need(needed)
	}
	return p, err
}

// need refuses without all of needed: as if the mailbox were not there when the
// user may not see it (RFC 4314 §6).
func (p place) need(needed mail.Rights) error {
	switch {
	case p.rights.Has(needed):
		return nil
	case !p.rights.Has(mail.RightLookup):
		return errNoMailbox
	}
	return errNoRight
}

// guard makes the store look at the rights again in the transaction of a write.
func (s *session) guard(ctx context.Context, p place, needed mail.Rights) context.Context {
	if p.box.Account == s.identity.Account {
		return ctx
	}
	return mail.WithNeeds(ctx, append(mail.NeedsOf(ctx), mail.Need{
		Account: p.box.Account, Mailbox: p.box.ID, User: s.identity.Account, Rights: needed})...)
}

// parent finds the nearest mailbox above a name of another user.
func (s *session) parent(ctx context.Context, name string) (place, error) {
	for {
		i := strings.LastIndex(name, mail.Separator)
		if i < 0 {
			return place{}, errNoMailbox
		}
		name = name[:i]
		p, err := s.place(ctx, name)
		if !mail.Is(err, mail.CodeNotFound) {
			return p, err
		}
	}
}

// newName says where CREATE makes a mailbox, under a context that guards it
// (RFC 4314 §4: "k" on the nearest parent).
func (s *session) newName(ctx context.Context, name string) (mail.AccountID, string, context.Context, error) {
	if !isOther(name) {
		return s.identity.Account, name, ctx, nil
	}
	account, inner, err := s.account(ctx, name)
	if err != nil {
		return 0, "", ctx, err
	}
	p, err := s.parent(ctx, name)
	if err != nil {
		return 0, "", ctx, err
	}
	return account, inner, s.guard(ctx, p, mail.RightCreate), p.need(mail.RightCreate)
}

// renameOther says what RENAME renames when a name is another user's: "x" on
// the mailbox, "k" on the new parent, both in one account.
func (s *session) renameOther(ctx context.Context, from, to string) (mail.AccountID, string, string, context.Context, error) {
	p, err := s.placeWith(ctx, from, mail.RightRemove)
	if err != nil {
		return 0, "", "", ctx, err
	}
	account, inner, ctx, err := s.newName(s.guard(ctx, p, mail.RightRemove), to)
	switch {
	case err != nil:
	case account != p.box.Account:
		err = no("CANNOT", "a mailbox stays with its owner")
	case p.name == mail.Inbox:
		err = no("CANNOT", "the INBOX of another user stays")
	}
	return account, p.name, inner, ctx, err
}

// otherName is how a user calls a mailbox; owner is "" for his own.
func otherName(owner, name string) string {
	if owner == "" {
		return name
	}
	return otherUsers + owner + mail.Separator + name
}

// addShared puts the mailboxes of others on which the user has any of these
// rights into a tree.
func (s *session) addShared(ctx context.Context, t *mailboxTree, anyOf mail.Rights) error {
	list, err := s.srv.Store.SharedMailboxes(ctx, s.identity.Account)
	if err != nil {
		return err
	}
	for _, m := range list {
		if m.Rights&anyOf == 0 || strings.Contains(m.Owner, mail.Separator) {
			continue
		}
		m.Name = otherName(m.Owner, m.Name)
		n := t.node(m.Name)
		n.box, n.rights = &m.Mailbox, m.Rights
		t.above(m.Name, func(up *node) { up.parent = true })
	}
	return nil
}
