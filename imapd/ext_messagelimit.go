package imapd

import (
	"strconv"

	"postroom/internal/mail"
)

// MESSAGELIMIT (RFC 9738): where the administrator sets a limit, a command works
// on that many messages, those with the highest UIDs, and tells the lowest UID
// that it worked on. What is done as a whole or not at all (COPY, APPEND, SORT,
// THREAD, a PARTIAL range) is refused instead. EXPUNGE and CLOSE have no limit.

// messageLimit is the limit of this session; 0: none.
func (s *session) messageLimit() int {
	if s.srv.MessageLimit == 0 || s.without("MESSAGELIMIT") {
		return 0
	}
	return s.srv.MessageLimit
}

// limit keeps what one command may work on of uids.
func (s *session) limit(uids mail.UIDSet) (kept mail.UIDSet) {
	excess := s.excess(uids)
	if excess <= 0 {
		return uids
	}
	for _, m := range s.sel.view.All(uids) {
		if excess--; excess < 0 {
			kept.Append(m.UID)
		}
	}
	s.limited = kept[0].Lo
	return kept
}

// excess is how many messages of a set are above the limit.
func (s *session) excess(uids mail.UIDSet) int64 {
	most := s.messageLimit()
	if most == 0 {
		return 0
	}
	return s.count(uids) - int64(most)
}

// allowWhole refuses a command that would work on more messages.
func (s *session) allowWhole(uids mail.UIDSet) error {
	if s.excess(uids) <= 0 {
		return nil
	}
	return no("MESSAGELIMIT "+strconv.Itoa(s.messageLimit()), "too many messages for one command")
}

// limitCode gives
//
//	resp-text-code =/ "MESSAGELIMIT" SP message-limit [SP uniqueid]   ; RFC 9738 §5
func (s *session) limitCode() string {
	return "MESSAGELIMIT " + strconv.Itoa(s.messageLimit()) + " " + strconv.FormatUint(uint64(s.limited), 10)
}

// limitReply puts the code into the tagged OK, or before a reply that has another
// (RFC 9738 §3.1).
func (s *session) limitReply(rep reply, err error) reply {
	if s.limited == 0 {
		return rep
	}
	code := s.limitCode()
	s.limited = 0
	if err == nil && rep.code == "" {
		rep.code = code
		return rep
	}
	s.enc.Raw("* NO [", code, "] older messages were left out\r\n")
	return rep
}

// searched gives the messages that a program looks at: those that the sets and
// UIDs among its outermost keys leave.
func (s *session) searched(a *searchArgs) (uids mail.UIDSet) {
	if len(a.scope) == 0 {
		return allUIDs
	}
	for seq, m := range s.sel.view.All(allUIDs) {
		if c := (candidate{seq: seq, flags: m}); inAll(a.scope, &c) {
			uids.Append(m.UID)
		}
	}
	return uids
}

func inAll(scope []func(*candidate) bool, c *candidate) bool {
	for _, holds := range scope {
		if !holds(c) {
			return false
		}
	}
	return true
}

// narrowing is a criterion on number or UID. As an outermost key it bounds what
// the program looks at.
func (p *searchParser) narrowing(holds func(*candidate) bool) criterion {
	if p.depth == 1 {
		p.args.scope = append(p.args.scope, holds)
	}
	return onSnapshot(holds)
}

// uidFrom parses
//
//	search-key =/ ("UIDAFTER" / "UIDBEFORE") SP uniqueid   ; RFC 9738 §3.2
//
// Both are without that UID.
func uidFrom(cmp func(uid, than mail.UID) bool) func(*searchParser) criterion {
	return func(p *searchParser) criterion {
		p.d.SP()
		than := mail.UID(p.d.NZNumber())
		if p.s.messageLimit() == 0 {
			p.d.Fail("unknown search key")
		}
		return p.narrowing(func(c *candidate) bool { return cmp(c.flags.UID, than) })
	}
}
