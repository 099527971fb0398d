package message

import (
	"bytes"
	"io"
	"reflect"
	"testing"
	"unicode/utf8"
)

func FuzzParser(f *testing.F) {
	for _, path := range oddMessages(f) {
		f.Add(odd(f, path), 7)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		s := summarise(b)
		if err := checkSummary(b, s); err != nil {
			t.Fatalf("%v", err)
		}
		if !utf8.ValidString(s.Preview) || !utf8.ValidString(s.MessageID) || bytes.ContainsRune([]byte(s.Preview+s.MessageID), 0) {
			t.Fatalf("not for a text column: %q %q", s.Preview, s.MessageID)
		}
		cut = max(0, min(cut, len(b)))
		p := NewParser(nil)
		p.Write(b[:cut])
		p.Write(b[cut:])
		if got := p.Finish(); !reflect.DeepEqual(got, s) {
			t.Fatalf("cut at %d:\n%+v\n%+v", cut, got, s)
		}
		FromAddresses(b)
		if !utf8.ValidString(DecodeText(string(b))) {
			t.Fatal("decoded text is not UTF-8")
		}
	})
}

func FuzzDecodeParts(f *testing.F) {
	for _, path := range oddMessages(f) {
		f.Add(summarise(odd(f, path)).Parts)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodeParts(b)
		if err != nil {
			return
		}
		for _, path := range [][]int{nil, {1}, {2, 1}, {1, 1, 1}} {
			if off, n, ok := p.Section(path, TextAll); ok && (off < 0 || n < 0) {
				t.Fatalf("%v: %d octets at %d", path, n, off)
			}
		}
	})
}

func FuzzBasicBody(f *testing.F) {
	for _, path := range oddMessages(f) {
		f.Add(summarise(odd(f, path)).BodyStructure)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		body := BasicBody(b)
		if n := valueLen(body); n != len(body) {
			t.Fatalf("%q is not one list", body)
		}
		if again := BasicBody(body); !bytes.Equal(again, body) {
			t.Fatalf("BODY of BODY %q is %q", body, again)
		}
	})
}

func FuzzDecodeBody(f *testing.F) {
	f.Add([]byte("aGVs\r\nbG8="), true)
	f.Add([]byte("a=20b=\r\n  c"), false)
	f.Fuzz(func(t *testing.T, b []byte, base64 bool) {
		encoding := "quoted-printable"
		if base64 {
			encoding = "base64"
		}
		r, err := DecodeBody(bytes.NewReader(b), encoding, "utf-16le")
		if err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(r)
		if err != nil || !utf8.Valid(out) || len(out) > 3*len(b)+3 {
			t.Fatalf("%q gives %q, %v", b, out, err)
		}
	})
}
