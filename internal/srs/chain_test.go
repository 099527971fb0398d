package srs

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// TestChain sends mail through up to five forwarders and a bounce back: it
// reaches the origin in at most two steps, also where an MTA folds the case.
func TestChain(t *testing.T) {
	local := rapid.OneOf(
		rapid.StringMatching(`[a-zA-Z0-9+=-]{1,12}(\.[a-z=]{1,4})?`),
		rapid.StringMatching(`[SsRr]{2}s[01][=+-][a-zA-Z0-9=]{1,16}`),
		rapid.StringMatching(`(用户|käthe|ЁЛКА|\x{0338}|ΣΑΣ)[=+a-z]{0,5}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		name, err := address.Local(local.Draw(t, "local"))
		if err != nil {
			return
		}
		from := mail.Address{Local: name, Domain: rapid.SampledFrom([]string{"o.example", "xn--bcher-kva.example", "a.b.c.example"}).Draw(t, "domain")}
		hosts := map[string]*Rewriter{}
		path := from
		hops := rapid.IntRange(1, 5).Draw(t, "hops")
		for i := range hops {
			r := rewriter()
			r.Domain = string(rune('a'+i)) + ".test"
			r.Secrets = [][]byte{[]byte(strings.Repeat(r.Domain, 3))}
			next, err := r.Forward(path)
			if errors.Is(err, ErrUnfit) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			hosts[r.Domain], path = r, next
		}
		if len(hosts) == 0 {
			return
		}
		lower := rapid.Bool().Draw(t, "an MTA folds the case")
		back, steps := path, 0
		for ; hosts[back.Domain] != nil; steps++ {
			if lower {
				back.Local = strings.ToLower(back.Local)
			}
			if back, err = hosts[back.Domain].Reverse(back); err != nil {
				t.Fatalf("%s: step %d: %v", path, steps, err)
			}
		}
		if steps > 2 || !lower && back != from || !address.Same(back, from) {
			t.Fatalf("%s came back as %s after %d steps by %s", from, back, steps, path)
		}
	})
}

// FuzzReverse: what passes must have been signed, and is an address.
func FuzzReverse(f *testing.F) {
	for _, s := range []string{"SRS0=LZJU4=BB=origin.example=Alice.B", "SRS1=H2BIG=first.example==K7ZQ=XY=origin.example=alice", "SRS0=", "SRS1====="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, local string) {
		r := rewriter()
		rcpt := mail.Address{Local: local, Domain: "fwd.example"}
		if back, err := r.Reverse(rcpt); err == nil {
			if again, err := address.Parse(back.String()); err != nil || again != back {
				t.Fatalf("%q went to %q", local, back)
			}
		}
		name, err := address.Local(local)
		if err != nil {
			return
		}
		out, err := r.Forward(mail.Address{Local: name, Domain: "o.example"})
		if err != nil {
			return
		}
		if _, err := address.Parse(out.String()); err != nil {
			t.Fatalf("%q became %q", local, out)
		}
		if _, err := r.Reverse(out); err != nil {
			t.Fatalf("%q became %q: %v", local, out, err)
		}
	})
}
