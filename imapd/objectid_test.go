package imapd

import (
	"testing"

	"postroom/internal/mail"
)

// A restored dump keeps its mailboxes and gives them new UIDVALIDITYs: a
// client must not take them for the ones it knew (RFC 8474 §4).
func TestMailboxIDChangesWithUIDValidity(t *testing.T) {
	seen := map[string]mail.Mailbox{}
	for _, b := range []mail.Mailbox{{ID: 1 << 40, UIDValidity: 7}, {ID: 1 << 40, UIDValidity: 8}, {ID: 1<<40 + 1, UIDValidity: 7}} {
		id := mailboxID(b)
		if other, ok := seen[id]; ok {
			t.Errorf("%v and %v are both %s", b, other, id)
		}
		seen[id] = b
	}
}
