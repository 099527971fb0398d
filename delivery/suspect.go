package delivery

import (
	"net/netip"
	"strings"

	"postroom/internal/address"
	"postroom/internal/iprev"
	"postroom/internal/mail"
)

// badNetwork is how many recipients of a network were refused within the hour
// until it has a bad history.
const badNetwork = 5

// suspect says why a peer looks like no mail server; "" when it looks like one.
// A suspect is only told to come again.
func (d *Delivery) suspect(s *mail.Session, f peerFacts) string {
	a := s.Peer.Addr().Unmap()
	switch {
	case d.unknowable(a):
		return ""
	case f.broken:
		return "the DNS does not tell who it is"
	case f.reverse.Status == iprev.PermError:
		return "its address has no name"
	case f.reverse.Status == iprev.Fail:
		return "the name of its address does not lead back"
	case iprev.Generic(f.reverse.Name, a):
		return "its name is that of a customer's line"
	case oddHelo(s.Helo, a, d.cfg.Hostname):
		return "its HELO names no mail server"
	case d.meter.refusedBy(netSubject(a), d.cfg.Now()) >= badNetwork:
		return "much from its network was refused"
	}
	return ""
}

// oddHelo tells a HELO by which no mail server calls itself (RFC 5321 §4.1.1.1,
// §4.1.3): no name with a dot, the address of another, or our own name.
func oddHelo(helo string, a netip.Addr, hostname string) bool {
	if in, ok := strings.CutPrefix(helo, "["); ok {
		in = strings.TrimPrefix(strings.TrimSuffix(in, "]"), "IPv6:")
		at, err := netip.ParseAddr(in)
		return err != nil || at.Unmap() != a
	}
	name, err := address.Name(helo)
	if err != nil || !strings.Contains(name, ".") || strings.EqualFold(name, hostname) {
		return true
	}
	_, err = netip.ParseAddr(name)
	return err == nil || strings.HasSuffix(name, ".localdomain") || strings.HasSuffix(name, ".local")
}
