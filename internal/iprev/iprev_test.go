package iprev_test

import (
	"fmt"
	"net/netip"
	"testing"

	"postroom/internal/dns/dnstest"
	"postroom/internal/iprev"
)

func TestCheck(t *testing.T) {
	const arpa = "1.2.0.192.in-addr.arpa. 60 IN PTR "
	many := func(n int) []string {
		out := []string{fmt.Sprintf("h%d.test. 60 IN A 192.0.2.1", n)}
		for i := 1; i <= n; i++ {
			out = append(out, fmt.Sprintf("%sh%d.test.", arpa, i))
		}
		return out
	}
	for name, c := range map[string]struct {
		zone   []string
		broken string
		peer   string
		want   iprev.Result
	}{
		"confirmed":         {zone: []string{arpa + "H.test.", "h.test. 60 IN A 192.0.2.1"}, want: iprev.Result{Status: iprev.Pass, Name: "h.test"}},
		"one of many":       {zone: []string{arpa + "x.test.", arpa + "h.test.", "x.test. 60 IN A 192.0.2.9", "h.test. 60 IN A 192.0.2.8", "h.test. 60 IN A 192.0.2.1"}, want: iprev.Result{Status: iprev.Pass, Name: "h.test"}},
		"mapped":            {zone: []string{arpa + "h.test.", "h.test. 60 IN A 192.0.2.1"}, peer: "::ffff:192.0.2.1", want: iprev.Result{Status: iprev.Pass, Name: "h.test"}},
		"IPv6":              {zone: []string{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. 60 IN PTR six.test.", "six.test. 60 IN AAAA 2001:db8::1", "six.test. 60 IN A 192.0.2.1"}, peer: "2001:db8::1", want: iprev.Result{Status: iprev.Pass, Name: "six.test"}},
		"alias":             {zone: []string{"1.2.0.192.in-addr.arpa. 60 IN CNAME r.test.", "r.test. 60 IN PTR h.test.", "h.test. 60 IN A 192.0.2.1"}, want: iprev.Result{Status: iprev.Pass, Name: "h.test"}},
		"other address":     {zone: []string{arpa + "h.test.", "h.test. 60 IN A 192.0.2.2"}, want: iprev.Result{Status: iprev.Fail}},
		"no address":        {zone: []string{arpa + "h.test.", "h.test. 60 IN MX 10 h.test."}, want: iprev.Result{Status: iprev.Fail}},
		"no such name":      {zone: []string{arpa + "h.test."}, want: iprev.Result{Status: iprev.Fail}},
		"no name":           {want: iprev.Result{Status: iprev.PermError}},
		"nothing of a kind": {zone: []string{"1.2.0.192.in-addr.arpa. 60 IN TXT x"}, want: iprev.Result{Status: iprev.PermError}},
		"not a peer":        {peer: "none", want: iprev.Result{Status: iprev.PermError}},
		"reverse broken":    {broken: "1.2.0.192.in-addr.arpa", want: iprev.Result{Status: iprev.TempError}},
		"forward broken":    {zone: []string{arpa + "h.test."}, broken: "h.test", want: iprev.Result{Status: iprev.TempError}},
		"one broken, one confirmed": {zone: []string{arpa + "x.test.", arpa + "h.test.", "h.test. 60 IN A 192.0.2.1"}, broken: "x.test",
			want: iprev.Result{Status: iprev.Pass, Name: "h.test"}},
		"one broken, one wrong": {zone: []string{arpa + "x.test.", arpa + "h.test.", "h.test. 60 IN A 192.0.2.2"}, broken: "x.test",
			want: iprev.Result{Status: iprev.TempError}},
		"odd name":      {zone: []string{arpa + `a\010b\(.test.`, `a\010b\(.test. 60 IN A 192.0.2.1`}, want: iprev.Result{Status: iprev.Fail}},
		"tenth name":    {zone: many(10), want: iprev.Result{Status: iprev.Pass, Name: "h10.test"}},
		"eleventh name": {zone: many(11), want: iprev.Result{Status: iprev.Fail}},
	} {
		z := dnstest.NewZone(c.zone...)
		if c.broken != "" {
			z.Break(c.broken)
		}
		peer := netip.MustParseAddr("192.0.2.1")
		if c.peer != "" {
			peer, _ = netip.ParseAddr(c.peer)
		}
		if got := iprev.Check(t.Context(), z, peer); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if n := len(z.Asked()); n > 1+2*10+1 {
			t.Errorf("%s: %d questions", name, n)
		}
	}
}
