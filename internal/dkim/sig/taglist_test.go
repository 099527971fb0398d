package sig

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTags(t *testing.T) {
	tags, err := ParseTags(" v=1; a =x y;\r\n\tempty=; _no=")
	if err == nil {
		t.Errorf("a name that begins with _: %v", tags)
	}
	tags, err = ParseTags(" v = 1; a=x \r\n\ty;\r\n\tempty=; z_9=a=b;\r\n")
	if err != nil || tags.First != "v" {
		t.Fatalf("%v, first %q", err, tags.First)
	}
	for name, want := range map[string]string{"v": "1", "a": "x \r\n\ty", "empty": "", "z_9": "a=b"} {
		if got, ok := tags.Get(name); !ok || got != want {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
	if _, ok := tags.Get("V"); ok {
		t.Error("tags are case-sensitive")
	}
}

func TestTagsRefused(t *testing.T) {
	for _, s := range []string{
		"", ";", "a", "=1", "a=1;;b=2", "a=1;a=1", "a=1; A b=2", "1a=2", "a=\x01", "a=x\ry", "a=x\r\ny", "a=x\ny", "a=\xff", "a=\x7f", "ü=1",
	} {
		if _, err := ParseTags(s); err == nil {
			t.Errorf("%q is no tag-list", s)
		}
	}
}

func TestNumbers(t *testing.T) {
	for s, want := range map[string]int64{"0": 0, "1528637909": 1528637909, "007": 7, strings.Repeat("9", 76): infinite} {
		if n, ok := number(s); !ok || n != want {
			t.Errorf("%q: %d, %v", s, n, ok)
		}
	}
	for _, s := range []string{"", "-1", "+1", "1 2", "0x1", strings.Repeat("1", 77)} {
		if _, ok := number(s); ok {
			t.Errorf("%q is no number", s)
		}
	}
}

func FuzzParseTags(f *testing.F) {
	f.Add("v=1; a=rsa-sha256; b=\r\n x y ;")
	f.Add("k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
	f.Fuzz(func(t *testing.T, s string) {
		tags, err := ParseTags(s)
		if err != nil {
			return
		}
		if _, ok := tags.Get(tags.First); !ok || !utf8.ValidString(s) {
			t.Fatalf("%q: first %q", s, tags.First)
		}
		for name, one := range tags.by {
			if s[one.from-1] != '=' || trimFWS(s[one.from:one.to]) != one.value || one.to < len(s) && s[one.to] != ';' {
				t.Fatalf("%q: %s=%q is not at %d:%d", s, name, one.value, one.from, one.to)
			}
		}
	})
}
