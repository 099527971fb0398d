// Package strangers brings mail from the whole world to port 25: the addresses
// of its senders are claimed by the PROXY protocol, their names stand in a DNS
// of the test's own.
package strangers

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/jackc/pgx/v5"

	"postroom/e2e/testbed"
	"postroom/internal/dns"
	"postroom/internal/dns/dnstest"
	"postroom/internal/pgembed"
)

const (
	alice    = "alice@example.test"
	proxy    = "127.0.18.9"
	hostname = "mx.example.test"
	hello    = "Subject: hello\r\n\r\nHello.\r\n"
)

// key signs for every domain that signs, by selector s1.
var key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{18}, ed25519.SeedSize))

// world is one server, its database, and the DNS.
type world struct {
	*testbed.Instance
	dns      *dnstest.Server
	resolver dns.Resolver
	db       string
	friend   *testbed.Outside // MX of friend.test and strict.test
}

func newWorld(t *testing.T) *world {
	w := &world{dns: dnstest.New(t), friend: &testbed.Outside{}}
	var err error
	if w.resolver, err = dns.New(dns.Config{Servers: []string{w.dns.Addr()}}); err != nil {
		t.Fatal(err)
	}
	pg, err := pgembed.Start(t.Context(), pgembed.Config{DataDir: testbed.Dir(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pg.Stop(context.Background()) })
	w.db = pg.URL
	port, err := testbed.CommonPort("127.0.0.1", "127.0.18.2")
	if err != nil {
		t.Fatal(err)
	}
	w.friend.Listen(t, fmt.Sprintf("127.0.18.2:%d", port))
	w.publish()
	w.Instance = testbed.Company(t, testbed.Options{Hostname: hostname, Database: w.db, DNS: w.dns.Addr(), Relay: port,
		Settings: "proxy_networks = [\"" + proxy + "/32\"]\ndnsbl = [\"bl.test\"]\ndnswl = [\"wl.test\"]\ntrusted_sealers = [\"lists.test\"]"},
		"example.test", "alice", "bob", "carol", "dan", "eve", "frank", "grace")
	return w
}

// publish makes the part of the DNS that no case makes for itself.
func (w *world) publish() {
	public := base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	for _, d := range []string{"good.test", "lists.test", "evil.test"} {
		w.dns.Add("s1._domainkey." + d + `. IN TXT "v=DKIM1; k=ed25519; p=` + public + `"`)
	}
	w.dns.Add(`good.test. IN TXT "v=spf1 ip4:198.18.1.0/24 -all"`, `_dmarc.good.test. IN TXT "v=DMARC1; p=reject"`,
		`reject.test. IN TXT "v=spf1 -all"`, `_dmarc.reject.test. IN TXT "v=DMARC1; p=reject"`,
		`junk.test. IN TXT "v=spf1 -all"`, `_dmarc.junk.test. IN TXT "v=DMARC1; p=quarantine"`,
		`strict.test. IN TXT "v=spf1 -all"`, "strict.test. IN MX 10 mx.friend.test.",
		`example.test. 1 IN TXT "v=spf1 -all"`, "friend.test. IN MX 10 mx.friend.test.", "mx.friend.test. IN A 127.0.18.2",
		"2.0.0.127.bl.test. IN A 127.0.0.2", "2.0.0.127.wl.test. IN A 127.0.0.2")
}

// by is a message of an author, told from others by its subject.
func by(author, subject string) string {
	return "From: <" + author + ">\r\nTo: <" + alice + ">\r\nSubject: " + subject + "\r\n" +
		"Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <" + strings.ReplaceAll(subject, " ", "-") + "@x.test>\r\n\r\nHello.\r\n"
}

// signed adds a DKIM signature of domain, made by go-msgauth.
func signed(t *testing.T, domain, octets string) string {
	t.Helper()
	var out bytes.Buffer
	err := dkim.Sign(&out, strings.NewReader(octets), &dkim.SignOptions{Domain: domain, Selector: "s1", Signer: key})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// in gives the message with a subject that stands in a mailbox of user's; nil
// when there is none.
func (w *world) in(t *testing.T, user, mailbox, subject string) []byte {
	t.Helper()
	for _, m := range w.Mailbox(t, user, mailbox) {
		if bytes.Contains(m, []byte("Subject: "+subject+"\r\n")) {
			return m
		}
	}
	return nil
}

// filed tells when a message is not in the one mailbox, or in another as well.
func (w *world) filed(t *testing.T, user, mailbox, subject string) {
	t.Helper()
	for _, m := range []string{"INBOX", "Junk"} {
		if got := w.in(t, user, m, subject) != nil; got != (m == mailbox) {
			t.Errorf("%q in %s: %v", subject, m, got)
		}
	}
}

func (w *world) do(t *testing.T, args ...string) string {
	t.Helper()
	out, err := w.CLI("", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// later lets the time that greylisting waits for pass, for all who wait.
func (w *world) later(t *testing.T) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), w.db)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), `UPDATE greylist SET first_at = first_at - interval '3 minutes'`); err != nil {
		t.Fatal(err)
	}
}

// until repeats what takes a moment to hold everywhere.
func until(t *testing.T, ok func() error) {
	t.Helper()
	if err := testbed.Until(t.Context(), 30*time.Second, ok); err != nil {
		t.Error(err)
	}
}
