package relay

import (
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Provider names who runs the first next hop of a plan: all domains whose mail
// goes there share what the provider allows.
func (p Plan) Provider() string {
	if len(p.Hosts) == 0 {
		return p.Domain
	}
	return p.Hosts[0].Provider()
}

// Provider gives the registered domain of a host's name (by the public suffix
// list), an address as it is: mx1.mail.example.co.uk is example.co.uk.
func (h Host) Provider() string {
	if h.Name == "" {
		if len(h.Addr) > 0 {
			return h.Addr[0].String()
		}
		return ""
	}
	name := strings.ToLower(strings.TrimSuffix(h.Name, "."))
	if _, err := netip.ParseAddr(name); err == nil {
		return name
	}
	if d, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		return d
	}
	return name
}

// Provider names who runs the host that the session talks to.
func (s *Session) Provider() string { return s.host.Provider() }

// NextProvider names who runs the host that Next would try first.
func (s *Session) NextProvider() string {
	if len(s.rest) == 0 {
		return ""
	}
	return s.rest[0].Provider()
}
