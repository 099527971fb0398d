package iprev_test

import (
	"net/netip"
	"testing"

	"postroom/internal/iprev"
)

func TestGeneric(t *testing.T) {
	for _, c := range []struct {
		addr, name string
		want       bool
	}{
		{"192.0.2.10", "mail.example.org", false},
		{"192.0.2.10", "mx10.example.org", false},
		{"192.0.2.10", "mx2-192.example.org", false},
		{"192.0.2.10", "192-0-2-10.static.example.net", true},
		{"192.0.2.10", "host-010.002.000.192.example.net", true},
		{"192.0.2.10", "p10.dhcp.example.net", true},
		{"192.0.2.10", "dsl-77.example.net", true},
		{"192.0.2.10", "c000020a.example.net", true},
		{"192.0.2.10", "poolside.example.net", false},
		{"2001:db8::10", "mail.example.org", false},
		{"2001:db8::10", "2001-0db8-0000-0000-0000-0000-0000-0010.example.net", true},
	} {
		if got := iprev.Generic(c.name, netip.MustParseAddr(c.addr)); got != c.want {
			t.Errorf("%s for %s: %v", c.name, c.addr, got)
		}
	}
}
