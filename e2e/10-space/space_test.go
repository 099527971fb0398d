// Package space tries quotas and what deleting gives back, with the built
// program.
package space

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

const (
	alice = "alice@example.test"
	bob   = "bob@example.test"
)

func do(t *testing.T, i *testbed.Instance, args ...string) string {
	t.Helper()
	out, err := i.CLI("", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// noise is a message of n octets that does not compress.
func noise(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	m := fmt.Appendf(nil, "From: x@outside.example\r\nSubject: noise %d\r\n\r\n", seed)
	for len(m) < n {
		for range 78 {
			m = append(m, byte(0x80+r.IntN(0x80)))
		}
		m = append(m, "\r\n"...)
	}
	return m
}

// purge gives what the database took before and after.
func purge(t *testing.T, i *testbed.Instance) (before, after int64) {
	t.Helper()
	var out struct {
		Before int64 `json:"bytes_before"`
		After  int64 `json:"bytes_after"`
	}
	if err := json.Unmarshal([]byte(do(t, i, "purge", "--yes", "--json")), &out); err != nil {
		t.Fatal(err)
	}
	return out.Before, out.After
}

// files gives what the cluster's tables take on disk, the write-ahead log left
// out.
func files(t *testing.T, i *testbed.Instance) (n int64) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(i.Dir, "data", "postgres", "base"), func(_ string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // a table that is just being dropped
		}
		if err != nil || d.IsDir() {
			return err
		}
		if st, err := d.Info(); err == nil {
			n += st.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPurgeGivesTheDiskBack(t *testing.T) {
	i := testbed.Company(t, testbed.Options{}, "example.test", "alice", "bob")
	_, empty := purge(t, i)
	emptyFiles := files(t, i)
	const messages, size = 24, 5 << 20
	for n := range messages {
		user := []string{alice, bob}[n%2]
		c, err := i.IMAPS(user, testbed.Password)
		if err != nil {
			t.Fatal(err)
		}
		if status, err := c.Append("INBOX", noise(size, uint64(n))); err != nil || !strings.HasPrefix(status, "OK") {
			t.Fatal(status, err)
		}
		c.Close()
	}
	full := files(t, i)
	if full-emptyFiles < 100_000_000 {
		t.Fatalf("only %d octets were filled", full-emptyFiles)
	}
	// One empties the mailbox, the other's account goes.
	c, err := i.IMAPS(alice, testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, cmd := range []string{"SELECT INBOX", `STORE 1:* +FLAGS.SILENT (\Deleted)`, "EXPUNGE"} {
		if _, err := c.OK("%s", cmd); err != nil {
			t.Fatal(err)
		}
	}
	do(t, i, "account", "delete", bob, "--yes")
	before, after := purge(t, i)
	t.Logf("database: %d empty, %d full, %d purged; files: %d, %d, %d", empty, before, after, emptyFiles, full, files(t, i))
	if after > empty+empty/10 {
		t.Errorf("the database takes %d octets, %d before it was filled: more than a tenth", after, empty)
	}
	err = testbed.Until(t.Context(), 20*time.Second, func() error { // files go at the next checkpoint
		if now := files(t, i); now > emptyFiles+emptyFiles/10 {
			return fmt.Errorf("files take %d octets, %d before", now, emptyFiles)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// receive gives the reply that decides, from MAIL with params on.
func receive(t *testing.T, i *testbed.Instance, to, params string, msg []byte) client.Reply {
	t.Helper()
	c, _, err := client.DialSMTP(i.Ports.SMTP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, cmd := range []string{"EHLO outside.example", "MAIL FROM:<x@outside.example>" + params, "RCPT TO:<" + to + ">"} {
		if r, err := c.Cmd("%s", cmd); err != nil || r.Err() != nil {
			return r
		}
	}
	if _, err := c.Cmd("RSET"); err != nil {
		t.Fatal(err)
	}
	r, err := c.Send("x@outside.example", []string{to}, msg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestQuota(t *testing.T) {
	i := testbed.Company(t, testbed.Options{Settings: "max_message_size = \"3MB\"\n# policy"}, "example.test", "alice", "bob")
	do(t, i, "account", "quota", bob, "1M")
	do(t, i, "alias", "add", "both@example.test", alice, bob)
	small, large := noise(300<<10, 1), noise(2<<20, 2)
	check := func(reply string) {
		t.Helper()
		for _, c := range []struct {
			to, params string
			msg        []byte
			want       string
		}{
			{bob, "", small, "250"},
			{bob, " SIZE=2000000", small, reply},
			{bob, "", large, reply},
			{"both@example.test", "", large, reply},
			{alice, "", large, "250"},
			{alice, " SIZE=4000000", nil, "552 5.3.4"},
			{alice, "", noise(4<<20, 3), "552 5.3.4"},
		} {
			r := receive(t, i, c.to, c.params, c.msg)
			if got := fmt.Sprintf("%d %s", r.Code, r.Text); !strings.HasPrefix(got, c.want) {
				t.Errorf("%d octets to %s%s: %s, want %s", len(c.msg), c.to, c.params, got, c.want)
			}
		}
	}
	check("452 4.2.2")
	c, err := i.IMAPS(bob, testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if status, err := c.Append("INBOX", large); err != nil || !strings.HasPrefix(status, "NO [OVERQUOTA]") {
		t.Errorf("APPEND: %s %v", status, err)
	}
	if err := i.Stop(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(i.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(i.Config, []byte(strings.Replace(string(old), "# policy", `quota_policy = "permanent"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := i.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("552 5.2.2")
	if n := len(i.Mailbox(t, bob, "INBOX")); n != 2 {
		t.Errorf("%d messages in the full mailbox, want 2", n)
	}
}
