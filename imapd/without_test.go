package imapd

import "testing"

func TestParseWithout(t *testing.T) {
	for text, want := range map[string]Without{
		"notify":                   {"NOTIFY", ""},
		"COMPRESS=DEFLATE:Outlook": {"COMPRESS=DEFLATE", "outlook"},
	} {
		if got, err := ParseWithout(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "NONSENSE", "IMAP4rev1", "IMAP4rev2", "STARTTLS", "LOGINDISABLED", "AUTH=PLAIN", ":outlook"} {
		if got, err := ParseWithout(text); err == nil {
			t.Errorf("%q is left out: %v", text, got)
		}
	}
}
