package relay_test

import (
	"net/netip"
	"testing"

	"postroom/delivery/relay"
)

func TestProviderIsTheRegisteredDomain(t *testing.T) {
	for name, want := range map[string]string{
		"mx1.mail.example.co.uk":                      "example.co.uk",
		"company-example.mail.protection.outlook.com": "outlook.com",
		"ASPMX.L.Google.com.":                         "google.com",
		"example.org":                                 "example.org",
		"mx.out.test":                                 "out.test",
		"com":                                         "com",
		"localhost":                                   "localhost",
		"xn--bcher-kva.xn--mgba3a4f16a":               "xn--bcher-kva.xn--mgba3a4f16a",
		"customer.mail.xn--bcher-kva.xn--mgba3a4f16a": "xn--bcher-kva.xn--mgba3a4f16a",
		"192.0.2.1": "192.0.2.1",
	} {
		if got := (relay.Host{Name: name}).Provider(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	literal := relay.Plan{Domain: "[192.0.2.7]", Hosts: []relay.Host{{Addr: []netip.Addr{netip.MustParseAddr("192.0.2.7")}}}}
	if got := literal.Provider(); got != "192.0.2.7" {
		t.Errorf("literal: %q", got)
	}
}
