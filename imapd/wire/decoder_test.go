package wire

import (
	"strings"
	"testing"
)

func dec(s string) *Decoder { return NewDecoder([]byte(s), nil) }

// parseAll runs every parser over the octets: none may panic or hang.
func parseAll(d *Decoder) {
	for _, f := range []func(*Decoder){
		func(d *Decoder) { d.Tag() }, func(d *Decoder) { d.AString() }, func(d *Decoder) { _ = d.String() },
		func(d *Decoder) { d.NString() }, func(d *Decoder) { d.ListMailbox() }, func(d *Decoder) { d.Number64() },
		func(d *Decoder) { s := d.NumSet(); s.Resolve(100); s.Max() }, func(d *Decoder) { d.DateTime() },
		func(d *Decoder) { d.Date() }, func(d *Decoder) { d.WordUntil() }, func(d *Decoder) { d.StreamLiteral() },
		func(d *Decoder) { d.Base64() }, func(d *Decoder) { DecodeUTF7(d.AString()) },
	} {
		c := *d
		c.in = nil
		c.UTF8 = !d.UTF8
		f(&c)
		c.End()
	}
}

func FuzzDecoder(f *testing.F) {
	for _, s := range []string{`"a\"b"`, "{3}\r\nabc", "~{1}\r\n\x00", "1:*,3,5:2", `" 1-Jan-2026 00:00:00 +0000"`, "&ZeVnLIqe-", "1-Feb-2020", "NIL"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(_ *testing.T, b []byte) { parseAll(NewDecoder(b, nil)) })
}

func TestStrings(t *testing.T) {
	for in, want := range map[string]string{
		`abc`: "abc", `a]b`: "a]b", `"a b"`: "a b", `"a\"\\b"`: `a"\b`, `""`: "",
		"{3}\r\nab\n": "ab\n", "{0}\r\n": "", "{4}\r\n\xff\xfeab": "\xff\xfeab",
	} {
		d := dec(in)
		got := d.AString()
		d.End()
		if got != want || d.Err() != nil {
			t.Errorf("%q: got %q, %v", in, got, d.Err())
		}
	}
	for _, in := range []string{``, ` `, `(`, `"a`, `"a\x"`, "\"a\nb\"", "\"\xc3\xa4\"", "{3}\r\nab", "{3}\r\na\x00b", "~{1}\r\na", "{3}", "{x}\r\n", `a"b`} {
		d := dec(in)
		d.AString()
		d.End()
		if d.Err() == nil {
			t.Errorf("%q was taken for an astring", in)
		}
	}
}

func TestQuotedUTF8(t *testing.T) {
	d := dec("\"Entw\u00fcrfe\"")
	d.UTF8 = true
	if got := d.String(); got != "Entwürfe" || d.Err() != nil {
		t.Errorf("got %q, %v", got, d.Err())
	}
	d = dec("\"\xff\"")
	d.UTF8 = true
	if _ = d.String(); d.Err() == nil {
		t.Error("invalid UTF-8 was taken")
	}
}

func TestNumSet(t *testing.T) {
	for in, want := range map[string]string{
		"1": "1", "3,1:2": "1:3", "*": "10", "4:*": "4:10", "*:4": "4:10", "12:*": "10:12", "1,1,1": "1", "5:2,9": "2:5,9",
		"4294967295": "4294967295", "1:4294967295": "1:4294967295",
	} {
		d := dec(in)
		set := d.NumSet()
		d.End()
		if got := set.Resolve(10).String(); got != want || d.Err() != nil {
			t.Errorf("%q: got %q, %v", in, got, d.Err())
		}
	}
	for _, in := range []string{"", "0", "1:", ",1", "1,,2", "4294967296", "a", "1:2:3", "-1"} {
		d := dec(in)
		d.NumSet()
		d.End()
		if d.Err() == nil {
			t.Errorf("%q was taken for a set", in)
		}
	}
	if got := dec("1:*").NumSet().Resolve(0); len(got) != 0 {
		t.Errorf("* in an empty mailbox is %v", got)
	}
}

func TestDates(t *testing.T) {
	for _, in := range []string{`" 1-Jan-2026 00:00:00 +0000"`, `"31-Dec-1999 23:59:59 -0830"`} {
		d := dec(in)
		at := d.DateTime()
		if d.Err() != nil {
			t.Errorf("%s: %v", in, d.Err())
		}
		var b strings.Builder
		e := NewEncoder(&b)
		e.DateTime(at)
		_ = e.Flush()
		if b.String() != in {
			t.Errorf("%s came back as %s", in, b.String())
		}
	}
	for _, in := range []string{`"1-Jan-2026 00:00:00 +0000"`, `"30-Feb-2026 00:00:00 +0000"`, `" 1-Jan-2026"`, `x`} {
		d := dec(in)
		if d.DateTime(); d.Err() == nil {
			t.Errorf("%s was taken for a date-time", in)
		}
	}
	if d := dec(`"1-feb-2020"`); d.Date().Month() != 2 {
		t.Error("quoted date: ", d.Err())
	}
}
