package address

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postroom/internal/mail"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]mail.Address{
		"alice@example.test":         {Local: "alice", Domain: "example.test"},
		"Alice.B@EXAMPLE.Test":       {Local: "Alice.B", Domain: "example.test"},
		"用户@bücher.example":          {Local: "用户", Domain: "xn--bcher-kva.example"},
		"u@XN--bcher-kva.example":    {Local: "u", Domain: "xn--bcher-kva.example"},
		"u@straße.example":           {Local: "u", Domain: "xn--strae-oqa.example"},
		"e\u0301@example.test":       {Local: "\u00e9", Domain: "example.test"},
		"a+b=c/d!e%f@example.test":   {Local: "a+b=c/d!e%f", Domain: "example.test"},
		"postmaster@localhost":       {Local: "postmaster", Domain: "localhost"},
		"a@例え。テスト":                   {Local: "a", Domain: "xn--r8jz45g.xn--zckzah"},
		"x@" + long(4, 40) + ".test": {Local: "x", Domain: long(4, 40) + ".test"},
	} {
		got, err := Parse(in)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", in, got, err, want)
		}
	}
}

func TestName(t *testing.T) {
	for in, want := range map[string]string{
		"Example.TEST": "example.test", "example.test.": "example.test", "_dmarc.a_b.test": "_dmarc.a_b.test",
		"bücher.example": "xn--bcher-kva.example", "com": "com", "1.2.3.4": "1.2.3.4", "a-.test": "a-.test",
		"": "", ".": "", "a..b": "", "a b.test": "", "[1.2.3.4]": "", "a\r\nb": "", "x." + long(1, 64): "",
		long(5, 63): "", "bü_cher.example": "", "a@b.test": "",
	} {
		got, err := Name(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		}
	}
}

func long(n, each int) string {
	return strings.TrimSuffix(strings.Repeat(strings.Repeat("a", each)+".", n), ".")
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", "alice", "@example.test", "alice@", "a@b@c", `"a b"@example.test`, `"a"@example.test`,
		"@relay.test:a@example.test", "a..b@example.test", ".a@example.test", "a.@example.test",
		"a b@example.test", "a\r\n@example.test", "a\x00@example.test", "a@exa mple.test", "a@-x.test",
		"a@x-.test", "a@x..test", "a@.test", "a@test.", "a@under_score.test", "a@1.2.3.4", "a@[1.2.3.4]",
		"a\u0085b@example.test", "a\u2028b@example.test", "a\u202eb@example.test", "a\xff@example.test",
		"a@ex\xffample.test", "a@xn--zzzzzzz99999.test", "a@ex\uff20ample.test", "a>b@example.test",
		strings.Repeat("a", 65) + "@example.test", "a@" + strings.Repeat("a", 64) + ".test",
		"a@" + long(7, 40), "a,b@example.test", "<a@example.test>", "a@b,c", "a(c)@example.test",
	} {
		if got, err := Parse(in); err == nil {
			t.Errorf("%q was read as %+v", in, got)
		} else if mail.CodeOf(err) != mail.CodeInvalid {
			t.Errorf("%q: %v is no CodeInvalid", in, err)
		}
	}
}

func TestParseLiteral(t *testing.T) {
	for in, want := range map[string]string{
		"a@[192.0.2.1]":                 "[192.0.2.1]",
		"a@[IPv6:2001:DB8:0::1]":        "[IPv6:2001:db8::1]",
		"a@[ipv6:::ffff:1.2.3.4]":       "[IPv6:::ffff:1.2.3.4]",
		"a@[1.2.3]":                     "",
		"a@[2001:db8::1]":               "",
		"a@[IPv6:1.2.3.4]":              "",
		"a@[IPv6:fe80::1%eth0]":         "",
		"a@[192.0.2.1":                  "",
		"a@[x-tag:content]":             "",
		"a@[192.0.2.1].example.test":    "",
		"a@[IPv6:2001:db8::1]]":         "",
		"a@[127.0.0.1]\r\nRCPT TO:<b@c": "",
	} {
		got, err := ParseLiteralOK(in)
		if want == "" && err == nil || got.Domain != want {
			t.Errorf("%q: got %q, %v; want %q", in, got.Domain, err, want)
		}
	}
}

func TestKeyComparesLikeAPerson(t *testing.T) {
	for _, p := range [][2]string{{"Alice", "aLICE"}, {"É", "e\u0301"}, {"ΣΑΣ", "σας"}, {"Ёлка", "ёЛКА"}} {
		if Key(p[0]) != Key(p[1]) {
			t.Errorf("%q and %q differ: %q, %q", p[0], p[1], Key(p[0]), Key(p[1]))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		if k := Key(s); Key(k) != k {
			t.Fatalf("Key(%q) = %q, again %q", s, k, Key(k))
		}
	})
}

func TestSplitTagAndDisplay(t *testing.T) {
	for in, want := range map[string][2]string{
		"a+b": {"a", "b"}, "a": {"a", ""}, "a+b+c": {"a", "b+c"}, "+x": {"+x", ""}, "a+": {"a", ""},
	} {
		if b, tag := SplitTag(in); [2]string{b, tag} != want {
			t.Errorf("%q: %q %q", in, b, tag)
		}
	}
	if got := Display(mail.Address{Local: "info", Domain: "xn--bcher-kva.example"}); got != "info@bücher.example" {
		t.Error(got)
	}
	if got := DisplayDomain("xn--a.example"); got != "xn--a.example" {
		t.Error(got)
	}
}

// FuzzParseAddress checks that what was read can be written and read again,
// and holds nothing that could end a command or a header line.
func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"a@b.test", "用户@bücher.example", `"a"@b`, "a@[1.2.3.4]", "@x:a@b", "a@b@c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseLiteralOK(s)
		if err != nil {
			return
		}
		if strings.ContainsAny(a.String(), " \t\r\n\x00<>,;\"()\\") || strings.Count(a.String(), "@") != 1 {
			t.Fatalf("%q was read as %q", s, a)
		}
		if b, err := ParseLiteralOK(a.String()); err != nil || b != a {
			t.Fatalf("%q became %q, then %q, %v", s, a, b, err)
		}
		if len(a.String()) > MaxPath || len(a.Local) > MaxLocal {
			t.Fatalf("%q is too long", a)
		}
	})
}
