package dnstest

import (
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
)

// UpdateKey and UpdateSecret (Base64) sign the updates that every Server takes,
// by HMAC-SHA-256.
const (
	UpdateKey    = "update.test."
	UpdateSecret = "b25seSBmb3IgdGVzdHMsIGFuZCBubyBzZWNyZXQ="
)

// acceptUpdates lets updates pass, which the package refuses by default.
func acceptUpdates(h mdns.Header) mdns.MsgAcceptAction {
	if int(h.Bits>>11)&0xF == mdns.OpcodeUpdate {
		return mdns.MsgAccept
	}
	return mdns.DefaultMsgAcceptFunc(h)
}

// update changes records as a primary does (RFC 2136 §3.4.2); unsigned ones are
// refused.
func (s *Server) update(w mdns.ResponseWriter, q *mdns.Msg) {
	m := new(mdns.Msg)
	m.SetReply(q)
	if q.IsTsig() == nil || w.TsigStatus() != nil {
		m.Rcode = mdns.RcodeRefused
		_ = w.WriteMsg(m)
		return
	}
	s.mu.Lock()
	for _, rr := range q.Ns {
		s.change(rr)
	}
	s.mu.Unlock()
	m.SetTsig(UpdateKey, mdns.HmacSHA256, 300, int64(q.IsTsig().TimeSigned))
	_ = w.WriteMsg(m)
}

func (s *Server) change(rr mdns.RR) {
	name := strings.ToLower(rr.Header().Name)
	class := rr.Header().Class
	rr.Header().Class = mdns.ClassINET
	s.records[name] = slices.DeleteFunc(s.records[name], func(old mdns.RR) bool { return mdns.IsDuplicate(old, rr) })
	if class == mdns.ClassINET {
		s.records[name] = append(s.records[name], rr)
		return
	}
	s.removed++
}

// Removed counts the records that updates took away.
func (s *Server) Removed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.removed
}
