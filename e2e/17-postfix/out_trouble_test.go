package postfix

import (
	"strings"
	"testing"
	"time"

	"postroom/e2e/testbed"
)

func (w *world) greylisted(t *testing.T) {
	w.fromA(t, note(alice, "grey@b.test", "patience"))
	err := testbed.Until(t.Context(), 30*time.Second, func() error {
		return lacks(w.do(t, "queue", "list"), "450 4.2.0", "greylisted, come again")
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(w.maildir(t, "grey")); n != 0 {
		t.Fatalf("%d messages before the retry", n)
	}
	w.do(t, "queue", "retry", "--all")
	w.awaitB(t, "grey", "Subject: patience\r\n")
	if err := lacks(w.do(t, "trace", "--recipient", "grey@b.test"), "deferred", "delivered"); err != nil {
		t.Error(err)
	}
}

// tooLarge is refused by the SIZE that Postfix offers, without its octets.
func (w *world) tooLarge(t *testing.T) {
	l := note(alice, bob, "heavy")
	l.octets += filler(sizeB)
	w.fromA(t, l)
	w.Await(t, alice, "Action: failed", "Status: 5.3.4", "Subject: heavy\r\n")
	if got := w.logB(t, "message size", "exceeds size limit"); len(got) != 0 {
		t.Errorf("sent all the same: %q", got)
	}
}

// filler is n octets of text.
func filler(n int) string {
	line := strings.Repeat("0123456789abcdef", 4) + "\r\n"
	return strings.Repeat(line, n/len(line)+1)
}

func (w *world) nobody(t *testing.T) {
	w.fromA(t, note(alice, "nobody@b.test", "to nobody"))
	w.Await(t, alice, "Final-Recipient: rfc822; nobody@b.test", "Status: 5.1.1", "Remote-MTA: dns; mx.b.test", "Subject: to nobody\r\n")
	if err := lacks(w.do(t, "trace", "--recipient", "nobody@b.test"), "failed", "550 5.1.1"); err != nil {
		t.Error(err)
	}
}

func (w *world) bouncedLater(t *testing.T) {
	w.fromA(t, note(alice, "gone@b.test", "to one who left"))
	w.Await(t, alice, "Reporting-MTA: dns; mx.b.test", "Final-Recipient: rfc822; gone@b.test", "Subject: to one who left\r\n")
	if err := lacks(w.do(t, "trace", "--recipient", "gone@b.test"), "delivered", "bounced", "hard: 5.1.1"); err != nil {
		t.Error(err)
	}
	if err := lacks(w.do(t, "suppression", "list"), "gone@b.test", "nobody@b.test"); err != nil {
		t.Error(err)
	}
}
