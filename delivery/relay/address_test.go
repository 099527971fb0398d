package relay_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"postroom/delivery/relay"
)

// tries gives where a client connects to, "from>to", when nothing answers.
func tries(t *testing.T, domain string, change func(*relay.Config)) (out []string, f *relay.Failure) {
	t.Helper()
	c, d := world(t, 2500, func(cfg *relay.Config) {
		cfg.Dial = func(_ context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
			at := to.Addr().String()
			if from.IsValid() {
				at = from.String() + ">" + at
			}
			out = append(out, at)
			return nil, errors.New("refused")
		}
		change(cfg)
	})
	for i := range 8 {
		d.Add(fmt.Sprintf("d%d.test. 60 IN MX 10 four.test.", i))
	}
	d.Add("two.test. 60 IN MX 10 both.test.", "both.test. 60 IN AAAA 2001:db8::1", "both.test. 60 IN AAAA 2001:db8::2",
		"both.test. 60 IN A 192.0.2.1", "old.test. 60 IN MX 10 four.test.", "four.test. 60 IN A 192.0.2.4")
	_, f = open(t, c, domain)
	return out, f
}

func TestIPVersions(t *testing.T) {
	for families, want := range map[relay.Families][]string{
		relay.BothFamilies: {"2001:db8::1", "192.0.2.1", "2001:db8::2"},
		relay.IPv4First:    {"192.0.2.1", "2001:db8::1", "2001:db8::2"},
		relay.IPv4Only:     {"192.0.2.1"},
		relay.IPv6Only:     {"2001:db8::1", "2001:db8::2"},
	} {
		if got, _ := tries(t, "two.test", func(c *relay.Config) { c.Families = families }); !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", families, got, want)
		}
	}
	got, f := tries(t, "old.test", func(c *relay.Config) { c.Families = relay.IPv6Only })
	if len(got) != 0 || f.Permanent || f.Reply.Status != "4.4.1" || f.Reply.Text != "the mail host four.test has no address of the IP version that this server uses" {
		t.Errorf("a host without IPv6: %v %+v", got, f)
	}
}

func TestSourceAddresses(t *testing.T) {
	sources := []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2")}
	seen := map[string]int{}
	for i := range 8 {
		domain := fmt.Sprintf("d%d.test", i)
		first, _ := tries(t, domain, func(c *relay.Config) { c.Sources = sources })
		again, _ := tries(t, domain, func(c *relay.Config) { c.Sources = sources })
		if len(first) != 1 || !slices.Equal(first, again) {
			t.Errorf("%s: %v, then %v", domain, first, again)
		}
		seen[first[0]]++
	}
	if len(seen) != 2 || seen["198.51.100.1>192.0.2.4"]+seen["198.51.100.2>192.0.2.4"] != 8 {
		t.Errorf("eight destinations saw %v", seen)
	}
	got, _ := tries(t, "two.test", func(c *relay.Config) { c.Sources = sources[:1] })
	if want := []string{"2001:db8::1", "198.51.100.1>192.0.2.1", "2001:db8::2"}; !slices.Equal(got, want) {
		t.Errorf("without a source of IPv6: %v", got)
	}
}

// The kernel takes the address that was configured.
func TestConnectionComesFromTheSource(t *testing.T) {
	p := newPeer(t)
	c, _ := world(t, p.port(), func(cfg *relay.Config) { cfg.Sources = []netip.Addr{netip.MustParseAddr("127.0.0.9")} })
	s, f := open(t, c, "example.test")
	if f != nil {
		t.Fatal(f)
	}
	s.Close()
	if got := p.from(); got != "127.0.0.9" {
		t.Errorf("the peer saw %s", got)
	}
}
