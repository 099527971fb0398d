package testbed

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// Mailbox gives the octets of all messages in a mailbox of user, whose
// password is Password.
func (i *Instance) Mailbox(t testing.TB, user, mailbox string) [][]byte {
	t.Helper()
	c, err := i.IMAPS(user, Password)
	if err != nil {
		t.Fatalf("%s: %v", user, err)
	}
	defer c.Close()
	n, _, err := c.Select(mailbox)
	if err != nil {
		t.Fatalf("%s: %v", user, err)
	}
	if n == 0 {
		return nil
	}
	ms, err := c.Fetch("1:*")
	if err != nil {
		t.Fatalf("%s: %v", user, err)
	}
	var out [][]byte
	for _, m := range ms {
		out = append(out, m.Body)
	}
	return out
}

// Await waits for a message with every one of marks in user's INBOX.
func (i *Instance) Await(t testing.TB, user string, marks ...string) []byte {
	t.Helper()
	var found []byte
	err := Until(t.Context(), 30*time.Second, func() error {
		all := i.Mailbox(t, user, "INBOX")
		for _, m := range all {
			if containsAll(m, marks) {
				found = m
				return nil
			}
		}
		return fmt.Errorf("none of %d messages of %s has %q", len(all), user, marks)
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func containsAll(b []byte, marks []string) bool {
	for _, m := range marks {
		if !bytes.Contains(b, []byte(m)) {
			return false
		}
	}
	return true
}
