package wire

import "testing"

func TestUTF7(t *testing.T) {
	for name, want := range map[string]string{
		"INBOX": "INBOX", "Entwürfe": "Entw&APw-rfe", "a&b": "a&-b", "台北": "&U,BTFw-", "~peter/mail/台北/日本語": "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
		"😀": "&2D3eAA-", "": "", "\t": "&AAk-",
	} {
		if got := EncodeUTF7(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
		if back, ok := DecodeUTF7(want); !ok || back != name {
			t.Errorf("%q came back as %q, %v", want, back, ok)
		}
	}
	for _, in := range []string{"&", "&A-", "&AGE-", "&2D0-", "&3gA-", "a\x80", "&AP w-", "&APw=-", "&APx-"} {
		if name, ok := DecodeUTF7(in); ok {
			t.Errorf("%q was decoded to %q", in, name)
		}
	}
}

func FuzzUTF7(f *testing.F) {
	f.Add("&U,BTFw-")
	f.Fuzz(func(t *testing.T, s string) {
		if name, ok := DecodeUTF7(s); ok {
			if again, ok := DecodeUTF7(EncodeUTF7(name)); !ok || again != name {
				t.Fatalf("%q: %q, %q", s, name, again)
			}
		}
	})
}
