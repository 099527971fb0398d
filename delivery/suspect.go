package delivery

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
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
	case genericName(f.reverse.Name, a):
		return "its name is that of a customer's line"
	case oddHelo(s.Helo, a, d.cfg.Hostname):
		return "its HELO names no mail server"
	case d.meter.refusedBy(netSubject(a), d.cfg.Now()) >= badNetwork:
		return "much from its network was refused"
	}
	return ""
}

// lineWords are parts of names that providers give to customers' lines.
var lineWords = []string{"dyn", "dynamic", "dynip", "dhcp", "dial", "dialup", "dip", "ppp", "pppoe", "pool", "dsl", "adsl", "vdsl", "cable",
	"broadband", "cust", "customer", "client", "res", "residential", "user", "unknown", "ip"}

// genericName tells the name of a customer's line: one that spells its address,
// or at least half of it beside a word for such lines.
func genericName(name string, a netip.Addr) bool {
	if name == "" || !a.Is4() {
		return false
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '-' || r == '_' })
	hex := fmt.Sprintf("%08x", a.As4())
	spelled, line := 0, false
	octets := a.As4()
	left := octets[:]
	for _, w := range words {
		line = line || slices.Contains(lineWords, strings.TrimRight(w, "0123456789"))
		if strings.Contains(w, hex) {
			return true
		}
		n, err := strconv.ParseUint(trimLetters(w), 10, 8)
		if i := slices.Index(left, byte(n)); err == nil && i >= 0 {
			left = slices.Delete(left, i, i+1)
			spelled++
		}
	}
	return spelled == len(octets) || spelled >= 2 && line
}

// trimLetters leaves the digits of words like host7.
func trimLetters(w string) string {
	return strings.TrimFunc(w, func(r rune) bool { return r < '0' || r > '9' })
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
