package acme

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/mholt/acmez/v3/acme"

	"postroom/internal/dns/dnstest"
)

func TestWantedNames(t *testing.T) {
	zone := dnstest.NewZone("mail.example.test. 60 IN A 192.0.2.1", "mail.example.test. 60 IN AAAA 2001:db8::1",
		"mta-sts.one.test. 60 IN CNAME mail.example.test.", "autoconfig.one.test. 60 IN A 192.0.2.1",
		"autodiscover.one.test. 60 IN A 192.0.2.1", "autodiscover.one.test. 60 IN A 192.0.2.9",
		"mta-sts.two.test. 60 IN A 192.0.2.7")
	w := Wanted{Hostname: "mail.example.test", Resolver: zone,
		Domains: func(context.Context) ([]string, error) { return []string{"one.test", "two.test"}, nil }}
	check := func(when, want string, known ...string) {
		t.Helper()
		got, err := w.List(t.Context(), known)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v", when, got, err)
		}
	}
	check("all", "mail.example.test mta-sts.one.test autoconfig.one.test")
	zone.Break("autoconfig.one.test")
	check("broken DNS, not known", "mail.example.test mta-sts.one.test")
	check("broken DNS, known", "mail.example.test mta-sts.one.test autoconfig.one.test", "autoconfig.one.test")
	w.Covered = func(n string) bool { return n == "mail.example.test" }
	check("files for the hostname", "mta-sts.one.test")
	zone.Break("mail.example.test")
	if got, err := w.List(t.Context(), nil); err == nil {
		t.Errorf("without knowing where we are: %v", got)
	}
	w.Names, w.Covered = []string{"a.test", "b.test", "a.test"}, nil
	check("configured", "a.test b.test")
}

func TestHints(t *testing.T) {
	_, refused := net.Dial("tcp", "127.0.0.1:1")
	for want, err := range map[string]error{
		"port 80":         errors.Join(errors.New("x"), acme.Problem{Type: acme.ProblemTypeConnection}),
		"A or AAAA":       acme.Problem{Type: acme.ProblemTypeDNS},
		"CAA":             acme.Problem{Type: acme.ProblemTypeCAA},
		"acme_dns_server": &updateError{"refused"},
		"acme_directory":  refused,
		"certificates.md": errors.New("else"),
	} {
		if got := Hint(err); !strings.Contains(got, want) {
			t.Errorf("%v: %s", err, got)
		}
	}
}
