package imapd

// heard is how many changes the server had heard of at some moment.
type heard struct {
	accounts, mailboxes uint64
	counted             bool
}

// heard asks, before something is read that is to be watched and again when it
// is.
func (s *session) heard() heard {
	if s.srv.Heard == nil {
		return heard{}
	}
	a, m := s.srv.Heard()
	return heard{a, m, true}
}

// missedAccount tells whether a change of some account may have been told
// between before and now.
func (now heard) missedAccount(before heard) bool {
	return !now.counted || now.accounts != before.accounts
}

// missedMailbox is missedAccount for mailboxes.
func (now heard) missedMailbox(before heard) bool {
	return !now.counted || now.mailboxes != before.mailboxes
}
