// Package sessions tries, with the built program, who gets in and who is put
// out, what the log tells of it, proxies, and new certificates under
// connections that stand.
package sessions

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

const (
	alice = "alice@example.test"
	proxy = "127.0.8.9" // the one address whose PROXY headers are believed
)

func newHouse(t *testing.T) *testbed.Instance {
	return testbed.Company(t, testbed.Options{Settings: "log_level = \"debug\"\nproxy_networks = [\"" + proxy + "/32\"]"},
		"example.test", "alice", "bob", "carol", "dave")
}

func TestSessions(t *testing.T) {
	i := newHouse(t)
	for _, c := range []struct {
		name string
		run  func(*testing.T, *testbed.Instance)
	}{
		{"an account's changes end its sessions", changesEndSessions},
		{"app passwords", appPasswords},
		{"passwords only under TLS", onlyUnderTLS},
		{"only as oneself", onlyAsOneself},
		{"PROXY protocol on every port", proxyProtocol},
		{"failed log-ins are lines for fail2ban", failedLogins},
		{"no secret is in the log", noSecretLogged}, // last: of all that was done
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, i) })
	}
}

// smtp logs in at 465.
func smtp(t *testing.T, i *testbed.Instance, user, password string) (*client.SMTP, error) {
	t.Helper()
	cfg, err := i.TLS()
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := client.DialSMTP(i.Ports.Submissions, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Cmd("EHLO laptop"); err != nil {
		t.Fatal(err)
	}
	r, err := c.Auth(user, password)
	if err != nil {
		t.Fatal(err)
	}
	return c, r.Err()
}

func do(t *testing.T, i *testbed.Instance, stdin string, args ...string) string {
	t.Helper()
	out, err := i.CLI(stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ends runs change and sees both sessions of user end.
func ends(t *testing.T, i *testbed.Instance, user, password string, change func()) {
	t.Helper()
	box, err := i.IMAPS(user, password)
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	out, err := smtp(t, i, user, password)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := box.Select("INBOX"); err != nil {
		t.Fatal(err)
	}
	change()
	box.Timeout = 5 * time.Second // nothing is asked: the server says BYE by itself
	if l, err := box.ReadLine(); err != nil || !strings.HasPrefix(l.Text, "* BYE") {
		t.Errorf("%s: IMAP: %q %v, want BYE", user, l.Text, err)
	}
	if r, err := out.Cmd("MAIL FROM:<%s>", user); err != nil || r.Code != 421 {
		t.Errorf("%s: MAIL: %v %v, want 421", user, r, err)
	}
	if _, err := i.IMAPS(user, password); err == nil {
		t.Errorf("%s: logs in again", user)
	}
}

func changesEndSessions(t *testing.T, i *testbed.Instance) {
	ends(t, i, "bob@example.test", testbed.Password, func() { do(t, i, "another good password\n", "account", "password", "bob@example.test") })
	ends(t, i, "bob@example.test", "another good password", func() { do(t, i, "", "account", "disable", "bob@example.test") })
	ends(t, i, "carol@example.test", testbed.Password, func() { do(t, i, "", "account", "delete", "carol@example.test", "--yes") })
	do(t, i, "", "account", "enable", "bob@example.test")
	do(t, i, "", "account", "undelete", "carol@example.test")
	for user, password := range map[string]string{"bob@example.test": "another good password", "carol@example.test": testbed.Password} {
		if c, err := i.IMAPS(user, password); err != nil {
			t.Errorf("%s: %v", user, err)
		} else {
			c.Close()
		}
	}
}

// given remembers secrets for the last case.
var given = []string{testbed.Password, "another good password", "a wrong one 1"}

func appPasswords(t *testing.T, i *testbed.Instance) {
	out := do(t, i, "", "account", "app-password", "add", "dave@example.test", "phone")
	_, password, _ := strings.Cut(out, "password\t")
	password = strings.TrimSpace(strings.SplitN(password, "\n", 2)[0])
	if password == "" {
		t.Fatalf("no password in %q", out)
	}
	given = append(given, password)
	ends(t, i, "dave@example.test", password, func() { do(t, i, "", "account", "app-password", "revoke", "dave@example.test", "phone") })
	if c, err := i.IMAPS("dave@example.test", testbed.Password); err != nil {
		t.Errorf("the other password: %v", err)
	} else {
		c.Close()
	}
}

func onlyUnderTLS(t *testing.T, i *testbed.Instance) {
	c, _, err := client.DialSMTP(i.Ports.Submission, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if r, err := c.Cmd("EHLO laptop"); err != nil || strings.Contains(r.Text, "AUTH") {
		t.Errorf("AUTH is offered without TLS: %v %v", r, err)
	}
	if r, err := c.Auth(alice, testbed.Password); err != nil || r.Code != 538 && r.Code != 530 {
		t.Errorf("AUTH without TLS: %v %v", r, err)
	}
	box, err := client.DialIMAP(i.Ports.IMAP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	if err := box.Login(alice, testbed.Password); err == nil || !strings.Contains(err.Error(), "PRIVACYREQUIRED") {
		t.Errorf("LOGIN without TLS: %v", err)
	}
	mx, _, err := client.DialSMTP(i.Ports.SMTP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer mx.Close()
	cfg, err := i.TLS()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mx.Cmd("EHLO laptop"); err != nil {
		t.Fatal(err)
	}
	if err := mx.StartTLS(cfg); err != nil {
		t.Fatal(err)
	}
	if r, err := mx.Cmd("EHLO laptop"); err != nil || strings.Contains(r.Text, "AUTH") {
		t.Errorf("AUTH is offered at port 25: %v %v", r, err)
	}
}

// onlyAsOneself: reverse-path, From and Sender, within the server too.
func onlyAsOneself(t *testing.T, i *testbed.Instance) {
	do(t, i, "", "domain", "add", "second.test")
	do(t, i, testbed.Password+"\n", "account", "add", "eve@second.test")
	do(t, i, "", "alias", "add", "sales@example.test", alice)
	for n, c := range []struct {
		path, header string
		want         string
	}{
		{alice, "From: " + alice, "250"},
		{alice, "From: Alice <ALICE+x@example.test>", "250"},
		{"sales@example.test", "From: sales@example.test", "250"},
		{"bob@example.test", "From: " + alice, "553 5.7.1"},
		{"eve@second.test", "From: " + alice, "553 5.7.1"},
		{alice, "From: eve@second.test", "553 5.7.1"},
		{alice, "From: ceo@elsewhere.example", "553 5.7.1"},
		{alice, "From: " + alice + ", bob@example.test", "553 5.7.1"},
		{alice, "From: " + alice + "\r\nSender: bob@example.test", "553 5.7.1"},
		{alice, "From: " + alice + "\r\nFrom: bob@example.test", "554"},
	} {
		s, err := smtp(t, i, alice, testbed.Password)
		if err != nil {
			t.Fatal(err)
		}
		msg := fmt.Sprintf("%s\r\nSubject: as %d\r\n\r\nHi.\r\n", c.header, n)
		r, err := s.Send(c.path, []string{"eve@second.test"}, []byte(msg))
		if got := fmt.Sprintf("%d %s", r.Code, r.Text); err != nil || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s, %q: %s %v, want %s", c.path, c.header, got, err, c.want)
		}
	}
	if n := len(i.Mailbox(t, "eve@second.test", "INBOX")); n != 3 {
		t.Errorf("%d messages arrived, want 3", n)
	}
}

// noSecretLogged looks for everything secret that the cases above, and one
// whole flow more, have shown to the server at log_level debug.
func noSecretLogged(t *testing.T, i *testbed.Instance) {
	body := "the merger is on thursday"
	if r, err := i.Submit(alice, testbed.Password, []string{"dave@example.test", "friend@outside.invalid"},
		[]byte("From: "+alice+"\r\nSubject: secret subject\r\n\r\n"+body+"\r\n")); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	c, err := i.IMAPS(alice, testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if status, err := c.Append("Drafts", []byte("Subject: secret subject\r\n\r\n"+body+"\r\n")); err != nil || !strings.HasPrefix(status, "OK") {
		t.Fatal(status, err)
	}
	if _, _, err := c.Select("Drafts"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.OK("SEARCH BODY %s", client.Quote(body)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Fetch("1:*"); err != nil {
		t.Fatal(err)
	}
	// People type passwords where names belong, and commands go wrong.
	c.Cmd("LOGIN %s x", client.Quote(testbed.Password))
	c.Cmd("FROBNICATE %s", testbed.Password)
	if s, err := smtp(t, i, testbed.Password, "a wrong one 1"); err == nil {
		t.Error("a password is no name")
	} else {
		s.Cmd("AUTH LOGIN")
		s.Cmd("%s", testbed.Password)
		s.Cmd("%s", testbed.Password)
		s.Cmd("MAIL FROM:<%s>", testbed.Password)
	}
	do(t, i, "relay secret\n", "smarthost", "set", "127.0.0.1", "--port", "1", "--username", "company")
	do(t, i, "", "queue", "retry", "--all")
	key, err := os.ReadFile(i.Dir + "/data/master.key")
	if err != nil {
		t.Fatal(err)
	}
	secrets := append(given, strings.TrimSpace(string(key)), "relay secret", body, "secret subject", "PRIVATE KEY", "$argon2id$")
	for _, s := range given {
		secrets = append(secrets, base64.StdEncoding.EncodeToString([]byte(s)))
		secrets = append(secrets, base64.StdEncoding.EncodeToString([]byte("\x00"+alice+"\x00"+s)))
	}
	log, err := os.ReadFile(i.Log)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), `"level":"DEBUG"`) {
		t.Error("the log has no debug lines")
	}
	for _, s := range secrets {
		if n := strings.Index(string(log), s); n >= 0 {
			t.Errorf("the log holds %q: …%.300s", s, log[max(0, n-200):])
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(string(log)), "\n") {
		if !strings.HasPrefix(line, `{"time":"`) || !strings.Contains(line, `Z","level":"`) {
			t.Errorf("no JSON line with a time in UTC: %.200s", line)
		}
	}
}
