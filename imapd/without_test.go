package imapd

import (
	"slices"
	"strings"
	"testing"
)

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

// Every command that is not of the protocol itself goes with a capability that
// can be left out, and is then unknown.
func TestCommandsGoWithCapabilities(t *testing.T) {
	base := strings.Fields(`CAPABILITY NOOP LOGOUT STARTTLS LOGIN AUTHENTICATE SELECT EXAMINE CREATE DELETE RENAME SUBSCRIBE
		UNSUBSCRIBE LIST LSUB STATUS APPEND CHECK CLOSE EXPUNGE SEARCH FETCH STORE COPY`)
	for name, c := range commands {
		s := &session{srv: &Server{}, state: selected}
		if s.lacks(c) {
			t.Errorf("%s is unknown though nothing is left out", name)
		}
		for _, capability := range strings.Fields(c.capability) {
			w, err := ParseWithout(capability)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			s.missing = append(s.missing, w)
		}
		isBase := slices.Contains(base, strings.TrimPrefix(name, "UID ")) && name != "UID EXPUNGE" // RFC 4315
		if s.lacks(c) == isBase {
			t.Errorf("%s goes with capability %q", name, c.capability)
		}
	}
}
