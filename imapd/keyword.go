package imapd

import (
	"context"

	"postroom/internal/mail"
)

// keywordNames caches an account's keyword table.
type keywordNames struct {
	account mail.AccountID
	names   []string // by keyword number
	loaded  bool
}

// keywordsOf makes sure that the names of these numbers are known; new ones
// are announced by FLAGS first (RFC 9051 §7.3.5).
func (s *session) keywordsOf(ctx context.Context, ids []int16) error {
	for _, id := range ids {
		if s.kw.loaded && int(id) < len(s.kw.names) && s.kw.names[id] != "" {
			continue
		}
		if err := s.loadKeywords(ctx, s.sel.mailbox.Account); err != nil {
			return err
		}
		s.writeFlagsResponse()
		return nil
	}
	return nil
}

// loadKeywords reads the names of the account that has the selected mailbox.
func (s *session) loadKeywords(ctx context.Context, account mail.AccountID) error {
	names, err := s.srv.Store.Keywords(ctx, account)
	if err != nil {
		return err
	}
	s.kw = keywordNames{account: account, names: names, loaded: true}
	return nil
}

// keywordName gives the name of a keyword number, "" when it is unknown.
func (s *session) keywordName(id int16) string {
	if id < 0 || int(id) >= len(s.kw.names) {
		return ""
	}
	return s.kw.names[id]
}

// writeFlags writes a flag list.
func (s *session) writeFlags(m mail.MessageFlags) {
	sep := "("
	if s.isRecent(m.UID) {
		s.enc.Raw(`(\Recent`)
		sep = " "
	}
	for _, f := range mail.FlagNames {
		if m.Flags&f.Flag != 0 {
			s.enc.Raw(sep, f.Name)
			sep = " "
		}
	}
	for _, id := range m.Keywords {
		if name := s.keywordName(id); name != "" {
			s.enc.Raw(sep, name)
			sep = " "
		}
	}
	if sep == "(" {
		s.enc.Raw("(")
	}
	s.enc.Raw(")")
}

// writeFlagsResponse writes FLAGS and PERMANENTFLAGS of the mailbox.
func (s *session) writeFlagsResponse() {
	list := ""
	for _, f := range mail.FlagNames {
		list += " " + f.Name
	}
	for _, name := range s.kw.names {
		if name != "" {
			list += " " + name
		}
	}
	s.enc.Raw("* FLAGS (", list[1:], ")\r\n")
	if s.sel != nil && s.sel.readOnly {
		s.enc.Raw("* OK [PERMANENTFLAGS ()] read-only\r\n")
		return
	}
	if s.sel != nil && s.sel.rights.Flags() != mail.AllRights.Flags() {
		s.writePermanent()
		return
	}
	s.enc.Raw("* OK [PERMANENTFLAGS (", list[1:], ` \*)] flags that stay`, "\r\n")
}
