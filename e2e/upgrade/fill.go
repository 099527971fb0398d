// Package upgrade keeps a dump of a filled database of each released schema.
// Every later schema must migrate every one of them and read the same mail.
package upgrade

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"

	"postroom/e2e/client"
	"postroom/e2e/corpus"
	"postroom/e2e/testbed"
)

// Manifest is what a client must read from a dump's database.
type Manifest struct {
	Accounts []string            // addresses; the password is testbed.Password
	Messages map[string][]string // "address mailbox": a line per message
}

// Fill makes a small company with everything the schema has: aliases, a
// catch-all, a quota, an app password, keywords, flags, expunged and copied
// messages, a queue entry, several mailboxes.
func Fill(ctx context.Context, i *testbed.Instance) (*Manifest, error) {
	m := &Manifest{Accounts: []string{"alice@example.test", "bob@bücher.example"}}
	for _, d := range []string{"example.test", "bücher.example"} {
		if err := i.AddDomain(d); err != nil {
			return nil, err
		}
	}
	for _, a := range m.Accounts {
		if err := i.AddAccount(a, testbed.Password); err != nil {
			return nil, err
		}
	}
	for _, args := range [][]string{
		{"alias", "add", "sales@example.test", "alice@example.test", "bob@bücher.example", "far@remote.example"},
		{"account", "quota", "alice@example.test", "1GB"},
		{"account", "app-password", "add", "alice@example.test", "phone"},
	} {
		if _, err := i.CLI("", args...); err != nil {
			return nil, err
		}
	}
	if err := deliver(i); err != nil {
		return nil, err
	}
	if err := sortMail(i, m.Accounts[0]); err != nil {
		return nil, err
	}
	if err := UntilIndexed(ctx, i); err != nil {
		return nil, err
	}
	var err error
	m.Messages, err = Read(i, m.Accounts)
	return m, err
}

// deliver sends one message of each kind, some to several people.
func deliver(i *testbed.Instance) error {
	s, _, err := client.DialSMTP(i.Ports.SMTP, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.Cmd("EHLO outside.example"); err != nil {
		return err
	}
	for n := range 40 {
		to := []string{"alice@example.test"}
		if n%5 == 0 {
			to = append(to, "bob@xn--bcher-kva.example")
		}
		if n == 7 {
			to = []string{"sales@example.test"}
		}
		if r, err := s.Send("sender@outside.example", to, corpus.Message(n, 200_000)); err != nil || r.Err() != nil {
			return fmt.Errorf("%s: %v %v", corpus.Kind(n), r, err)
		}
	}
	return nil
}

// sortMail does to alice's mail what people do.
func sortMail(i *testbed.Instance, account string) error {
	c, err := i.IMAPS(account, testbed.Password)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, cmd := range []string{
		"CREATE Projects/2026", "CREATE Entw&APw-rfe", "SUBSCRIBE Projects/2026", "SELECT INBOX",
		`STORE 1:10 +FLAGS (\Seen)`, `STORE 3 +FLAGS (\Flagged $Forwarded)`, `STORE 4 +FLAGS (\Answered Later)`,
		"COPY 1:5 Projects/2026", "MOVE 6:8 Archive", `STORE 9:12 +FLAGS (\Deleted)`, "UID EXPUNGE 9:12", "EXPUNGE",
	} {
		if _, err := c.OK("%s", cmd); err != nil {
			return err
		}
	}
	_, err = c.Append("Drafts", corpus.Message(7, 0))
	return err
}

// Read gives what a client sees of each account: per mailbox a line per
// message with UID, flags, date, size and the hash of its octets.
func Read(i *testbed.Instance, accounts []string) (map[string][]string, error) {
	out := map[string][]string{}
	for _, a := range accounts {
		c, err := i.IMAPS(a, testbed.Password)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		lines, err := c.OK(`LIST "" *`)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			name := l.Text[strings.LastIndexByte(l.Text, '/')+1:]
			if k := strings.Index(l.Text, `"/" `); k >= 0 {
				name = strings.Trim(l.Text[k+4:], `"`)
			}
			if out[a+" "+name], err = readMailbox(c, name); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func readMailbox(c *client.IMAP, name string) ([]string, error) {
	if _, _, err := c.Select(name); err != nil {
		return nil, err
	}
	lines, err := c.OK("UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, l := range lines {
		if len(l.Literals) != 1 || !strings.Contains(l.Text, " FETCH ") {
			continue
		}
		h := sha256.Sum256(l.Literals[0])
		text := strings.NewReplacer(`\Recent `, "", `\Recent`, "").Replace(l.Text)
		out = append(out, strings.Join(strings.Fields(text), " ")+" "+hex.EncodeToString(h[:8]))
	}
	sort.Strings(out)
	return out, nil
}
