package acme

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"postroom/internal/dns"
	"postroom/internal/dns/dnstest"
)

func TestDNSUpdate(t *testing.T) {
	primary, second := dnstest.New(t), dnstest.New(t)
	primary.Add("example.test. 60 IN SOA ns.example.test. admin.example.test. 1 60 60 60 30", "example.test. 60 IN NS ns2.example.test.")
	key, err := ParseTSIGKey(fmt.Appendf(nil, "# of tsig-keygen\nkey %q {\n\talgorithm hmac-sha256;\n\tsecret %q;\n};\n", dnstest.UpdateKey, dnstest.UpdateSecret))
	must(t, err)
	_, port, _ := net.SplitHostPort(second.Addr())
	d := &DNSUpdate{Server: primary.Addr(), Key: key, Port: port,
		Addrs: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}}
	c := acme.Challenge{Type: acme.ChallengeTypeDNS01, KeyAuthorization: "x.y", Identifier: acme.Identifier{Type: "dns", Value: "mail.example.test"}}
	resolver, err := dns.New(dns.Config{Servers: []string{primary.Addr()}, MaxTTL: time.Nanosecond})
	must(t, err)
	must(t, d.Present(t.Context(), c))
	txt, err := resolver.LookupTXT(t.Context(), "_acme-challenge.mail.example.test")
	if err != nil || len(txt) != 1 || txt[0] != c.DNS01KeyAuthorization() {
		t.Errorf("%q, %v", txt, err)
	}

	waited := make(chan error, 1)
	go func() { waited <- d.Wait(t.Context(), c) }()
	for second.Asked("_acme-challenge.mail.example.test") == 0 {
		select {
		case err := <-waited:
			t.Fatalf("the secondary was not waited for: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	second.Add("_acme-challenge.mail.example.test. 60 IN TXT " + c.DNS01KeyAuthorization())
	must(t, <-waited)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, d.CleanUp(ended, c))
	if primary.Removed() != 1 {
		t.Error("the record stayed")
	}

	d.Key = TSIGKey{}
	if err := d.Present(t.Context(), c); err == nil || !strings.Contains(err.Error(), "REFUSED") || !strings.Contains(Hint(err), "acme_dns_key") {
		t.Errorf("unsigned: %v", err)
	}
	c.Identifier.Value = "mail.elsewhere.invalid"
	if err := d.Present(t.Context(), c); err == nil || !strings.Contains(err.Error(), "in no zone") {
		t.Errorf("another zone: %v", err)
	}
}

func TestTSIGKeyMustBeWhole(t *testing.T) {
	for _, file := range []string{"", `key "a" { algorithm hmac-md5; secret "YQ=="; };`, `key "a" { algorithm hmac-sha256; };`,
		`key "a" { algorithm hmac-sha256; secret "Y"; };`, `YQ==`} {
		if k, err := ParseTSIGKey([]byte(file)); err == nil {
			t.Errorf("%q was taken as %+v", file, k)
		}
	}
}
