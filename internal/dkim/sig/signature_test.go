package sig

import (
	"strings"
	"testing"

	"postroom/internal/dkim/canon"
	"postroom/internal/message"
)

// minimal is a field with just the tags that both families need.
const minimal = "a=rsa-sha256; d=example.org; s=sel; h=From:To; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=aGk="

func field(value string) message.Field {
	var f message.Field
	for f = range message.Fields([]byte("DKIM-Signature: " + value + "\r\n")) {
	}
	return f
}

func read(value string) (*Signature, *Failure) {
	s, bad := Parse(field(value), 0)
	if bad == nil {
		bad = s.ReadBody()
	}
	return s, bad
}

func TestSignatureDefaults(t *testing.T) {
	s, bad := read(minimal)
	if bad != nil || s.Header != canon.Simple || s.Body != canon.Simple || s.Limit != canon.NoLimit || s.Time != -1 || s.Expires != -1 {
		t.Fatalf("%+v, %v", s, bad)
	}
	if s.KeyName() != "sel._domainkey.example.org" || strings.Join(s.Names, ",") != "from,to" {
		t.Errorf("%q, %q", s.KeyName(), s.Names)
	}
}

func TestSignatureTags(t *testing.T) {
	for _, c := range []struct {
		from, to string // in minimal
		status   Status
	}{
		{"a=rsa-sha256", "a=ed25519-sha256", ""},
		{"a=rsa-sha256", "a=rsa-sha1", PermError},
		{"a=rsa-sha256", "a=RSA-SHA256", Neutral},
		{"a=rsa-sha256", "a=rsa-sha512", Neutral},
		{"a=rsa-sha256; ", "", PermError},
		{"; b=aGk=", "", PermError},
		{"b=aGk=", "b=", PermError},
		{"b=aGk=", "b=aG\r\n k =", ""},
		{"b=aGk=", "b=aGk", Neutral},
		{"b=aGk=", "b=aGl=", Neutral}, // spare bits: a second spelling of one signature
		{"d=example.org; ", "", PermError},
		{"d=example.org", "d=org", Neutral},
		{"d=example.org", "d=a@example.org", Neutral},
		{"d=example.org", "d=exa mple.org", Neutral},
		{"d=example.org", "d=192.0.2.1", Neutral},
		{"s=sel", "s=2024.big_sel-1", ""},
		{"s=sel", "s=a..b", Neutral},
		{"s=sel", "s=*", Neutral},
		{"s=sel", "s=" + strings.Repeat("abcdefghi.", 24) + "x", Neutral},
		{"h=From:To; ", "", PermError},
		{"h=From:To", "h=", Neutral},
		{"h=From:To", "h=From::To", Neutral},
		{"h=From:To", "h=From To", Neutral},
		{"h=From:To", "h=From\r\n : To", ""},
		{"bh=47", "bh=", Neutral},
		{"bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "bh=aGk=", Neutral},
		{"b=aGk=", "b=aGk=; c=relaxed", ""},
		{"b=aGk=", "b=aGk=; c=relaxed/nofws", Neutral},
		{"b=aGk=", "b=aGk=; c=", Neutral},
		{"b=aGk=", "b=aGk=; q=dns/txt", ""},
		{"b=aGk=", "b=aGk=; q=x/y : dns/txt", ""},
		{"b=aGk=", "b=aGk=; q=https", Neutral},
		{"b=aGk=", "b=aGk=; l=ten", Neutral},
		{"b=aGk=", "b=aGk=; t=1; x=2", ""},
		{"b=aGk=", "b=aGk=; t=2; x=2", Neutral},
		{"b=aGk=", "b=aGk=; x=-1", Neutral},
		{"b=aGk=", "b=aGk=; t=now", Neutral},
		{"b=aGk=", "b=aGk=; b=aGk=", Neutral},
		{"b=aGk=", "b=aGk=; unknown=1", ""},
		{"b=aGk=", "b=aGk=; n=" + strings.Repeat("x", MaxField), Policy},
	} {
		value := strings.Replace(minimal, c.from, c.to, 1)
		if value == minimal {
			t.Fatalf("%q is not in the field", c.from)
		}
		_, bad := read(value)
		var got Status
		if bad != nil {
			got = bad.Status
		}
		if got != c.status {
			t.Errorf("%.60q for %q: %q (%v), want %q", c.to, c.from, got, bad, c.status)
		}
	}
}

// TestInternationalNames: RFC 8616, RFC 8617 §4.1.4.
func TestInternationalNames(t *testing.T) {
	s, bad := read(strings.NewReplacer("example.org", "BÜCHER.example", "sel", "größe").Replace(minimal))
	if bad != nil || s.KeyName() != "xn--gre-6ka8i._domainkey.xn--bcher-kva.example" {
		t.Errorf("%q, %v", s.KeyName(), bad)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(minimal, 0)
	f.Add(" i=1; "+minimal+"; c=relaxed/relaxed; l=1; x=2; t=1; q=dns/txt", 6)
	f.Fuzz(func(t *testing.T, value string, from int) {
		one := field(value)
		from = max(0, min(from, len(one.Value)))
		s, bad := Parse(one, from)
		if bad == nil {
			_ = s.ReadBody()
			if own := string(s.AppendSelf(nil, canon.Relaxed)); strings.HasSuffix(own, "\r\n") {
				t.Fatalf("%q", own)
			}
		}
		if s.Domain != strings.ToLower(s.Domain) || len(s.KeyName()) > 253 && bad == nil {
			t.Fatalf("%q: key at %q", value, s.KeyName())
		}
		if bad != nil && strings.Trim(bad.Reason, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=,- ") != "" {
			t.Fatalf("reason %q", bad.Reason)
		}
	})
}
