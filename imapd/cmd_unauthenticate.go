package imapd

import (
	"context"
	"time"
)

// command-auth   =/ "UNAUTHENTICATE"            ; RFC 8437 §6
// command-select =/ "UNAUTHENTICATE"
//
// Only TLS and what the client said by ID outlive it, and from here on the time
// to log in counts again. It never says NO: the client may have sent its next
// log-in already (§3).
func runUnauthenticate(_ context.Context, s *session, _ struct{}) (reply, error) {
	s.note()
	s.endNotify()
	s.unselect()
	s.unwatch()
	s.identity, s.kw, s.enabled, s.errors = Identity{}, keywordNames{}, 0, 0
	s.missing = nil
	s.metadata, s.holdsNumbers = metadataSeen{}, false
	s.enc.UTF8 = false
	s.recheck.Store(false)
	s.state = notAuthenticated
	s.in.Limit = limitBeforeLogin
	s.conn.hardStop = time.Now().Add(s.srv.LoginTime)
	s.enc.Raw(s.tag, " OK UNAUTHENTICATE completed\r\n")
	if s.deflate == nil {
		return reply{}, errReplied
	}
	if err := s.enc.Flush(); err != nil {
		return reply{}, err
	}
	s.in.Follow(&afterDeflate{conn: s.conn, in: s.deflate.inf.in, skip: endOctets})
	s.enc.Reset(s.conn)
	s.deflate.close()
	s.deflate = nil
	return reply{}, errReplied
}
