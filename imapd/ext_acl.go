package imapd

import (
	"context"

	"postroom/internal/mail"
)

// ACL (RFC 4314) in the selected mailbox. Its rights are looked at whenever the
// mailbox changed, and again in the transaction of every write.

// flagRights are those that STORE uses; writeRights those of which one makes a
// mailbox READ-WRITE (RFC 4314 §5.2): all flags are shared.
const (
	flagRights  = mail.RightSeen | mail.RightWrite | mail.RightDeleted
	writeRights = flagRights | mail.RightInsert | mail.RightExpunge
)

func (l *selection) allow(r mail.Rights) {
	l.rights, l.readOnly = r, l.examined || r&writeRights == 0
}

func (l *selection) need(needed mail.Rights) error {
	if !l.rights.Has(needed) {
		return errNoRight
	}
	return nil
}

func (l *selection) place() place {
	return place{box: l.mailbox, rights: l.rights}
}

func (l *selection) guard(ctx context.Context, s *session, needed mail.Rights) context.Context {
	return s.guard(ctx, l.place(), needed)
}

// lookAtRights reads the rights on another user's mailbox again. Who lost "r"
// is sent away; new flags are told (RFC 4314 §5.1.1).
func (s *session) lookAtRights(ctx context.Context) error {
	l := s.sel
	if l.mailbox.Account == s.identity.Account {
		return nil
	}
	rights, err := s.srv.Store.Rights(ctx, l.mailbox.Account, l.mailbox.ID, s.identity.Account)
	if err != nil || rights == l.rights {
		return err
	}
	if !rights.Has(mail.RightRead) {
		return s.bye("", "you may no longer read the selected mailbox")
	}
	l.allow(rights)
	s.writeFlagsResponse()
	return nil
}

// writePermanent writes the PERMANENTFLAGS of a user who may not set all.
func (s *session) writePermanent() {
	may := s.sel.rights.Flags()
	s.enc.Raw("* OK [PERMANENTFLAGS (")
	sep := ""
	for _, f := range mail.FlagNames {
		if may&f.Flag != 0 {
			s.enc.Raw(sep, f.Name)
			sep = " "
		}
	}
	if s.sel.rights.Has(mail.RightWrite) {
		for _, name := range s.kw.names {
			if name != "" {
				s.enc.Raw(sep, name)
				sep = " "
			}
		}
		s.enc.Raw(sep, `\*`)
	}
	s.enc.Raw(")] flags that you may change\r\n")
}

// allowed leaves of a STORE what the rights allow; it fails when nothing is
// left (RFC 4314 §4, STORE).
func (l *selection) allowed(a storeArgs) (mail.StoreArgs, error) {
	may := l.rights.Flags()
	out := mail.StoreArgs{Mode: a.mode}
	out.Flags, out.Keywords = l.rights.Keep(a.flags.flags, a.flags.keywords)
	if may == mail.AllRights.Flags() {
		return out, nil
	}
	given, left := a.flags.flags != 0 || len(a.flags.keywords) > 0, out.Flags != 0 || len(out.Keywords) > 0
	if a.mode == mail.StoreSet {
		out.Keep = mail.AllRights.Flags() &^ may
		if !l.rights.Has(mail.RightWrite) {
			out.Mode = mail.StoreSetFlags
		}
	}
	if may == 0 || given && !left {
		return out, errNoRight
	}
	return out, nil
}

// across tells whether a copy goes to another account, or must lose flags.
func (s *session) across(dst place) bool {
	return dst.box.Account != s.sel.mailbox.Account || !dst.rights.Has(flagRights)
}

func (s *session) copyArgs(uids mail.UIDSet, dst place) mail.CopyArgs {
	return mail.CopyArgs{Account: s.sel.mailbox.Account, Mailbox: s.sel.mailbox.ID, UIDs: uids,
		ToAccount: dst.box.Account, To: dst.box.ID,
		Flags: dst.rights.Flags(), NoKeywords: !dst.rights.Has(mail.RightWrite)}
}

// guardCopy guards both sides of COPY, MOVE or REPLACE.
func (s *session) guardCopy(ctx context.Context, dst place, source mail.Rights) context.Context {
	return s.guard(s.sel.guard(ctx, s, source), dst, mail.RightInsert|dst.rights&flagRights)
}
