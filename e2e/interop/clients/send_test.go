package clients

import (
	"fmt"
	"strings"
	"testing"

	"postroom/e2e/testbed"
)

func TestSwaks(t *testing.T) {
	d := newDesk(t)
	data := d.file(t, "letter", d.letter("by swaks"))
	for _, auth := range []string{"PLAIN", "LOGIN"} {
		d.run(t, "", "swaks", "--server", "localhost", "--port", port(d.Ports.Submission), "--tls", "--tls-verify",
			"--tls-ca-path", d.CAFile(), "--auth", auth, "--auth-user", d.alice, "--auth-password", testbed.Password,
			"--from", d.alice, "--to", d.bob, "--data", "@"+data)
	}
	d.run(t, "", "swaks", "--server", "localhost", "--port", port(d.Ports.Submissions), "--tls-on-connect", "--tls-verify",
		"--tls-ca-path", d.CAFile(), "--auth", "PLAIN", "--auth-user", d.alice, "--auth-password", testbed.Password,
		"--from", d.alice, "--to", d.bob, "--data", "@"+data)
	d.arrived(t, "INBOX", "by swaks")
}

func TestSwaksIsRefusedWithoutTheRightPassword(t *testing.T) {
	d := newDesk(t)
	out, err := d.try(t, "", "swaks", "--server", "localhost", "--port", port(d.Ports.Submission), "--tls",
		"--tls-ca-path", d.CAFile(), "--auth", "PLAIN", "--auth-user", d.alice, "--auth-password", "wrong",
		"--from", d.alice, "--to", d.bob)
	if err == nil || !strings.Contains(out, "535 5.7.8") {
		t.Errorf("no 535 5.7.8: %v\n%s", err, out)
	}
}

func TestMsmtp(t *testing.T) {
	d := newDesk(t)
	rc := d.file(t, "msmtprc", fmt.Sprintf(`defaults
tls on
tls_trust_file %s
auth on
user %s
password "%s"
from %s
host localhost

account starttls
port %s
tls_starttls on

account implicit
port %s
tls_starttls off
`, d.CAFile(), d.alice, testbed.Password, d.alice, port(d.Ports.Submission), port(d.Ports.Submissions)))
	d.run(t, d.letter("by msmtp"), "msmtp", "-C", rc, "-a", "starttls", d.bob)
	d.run(t, d.letter("by msmtp, implicit"), "msmtp", "-C", rc, "-a", "implicit", d.bob)
	d.arrived(t, "INBOX", "by msmtp")
	d.arrived(t, "INBOX", "by msmtp, implicit")
}

func TestCurl(t *testing.T) {
	d := newDesk(t)
	data := d.file(t, "letter", d.letter("by curl"))
	d.run(t, "", "curl", "-sS", "--cacert", d.CAFile(), "--url", "smtps://localhost:"+port(d.Ports.Submissions),
		"--user", d.alice+":"+testbed.Password, "--mail-from", d.alice, "--mail-rcpt", d.bob, "--upload-file", data)
	d.arrived(t, "INBOX", "by curl")
	got := d.run(t, "", "curl", "-sS", "--cacert", d.CAFile(), "--user", d.bob+":"+testbed.Password,
		"imaps://localhost:"+port(d.Ports.IMAPS)+"/INBOX;MAILINDEX=1")
	if !strings.HasSuffix(got, d.letter("by curl")[strings.Index(d.letter("by curl"), "From:"):]) {
		t.Errorf("curl fetched something else:\n%s", got)
	}
	got = d.run(t, "", "curl", "-sS", "--ssl-reqd", "--cacert", d.CAFile(), "--user", d.bob+":"+testbed.Password,
		"imap://localhost:"+port(d.Ports.IMAP)+"/INBOX", "-X", "SEARCH SUBJECT curl")
	if !strings.Contains(got, "* SEARCH 1") {
		t.Errorf("SEARCH by curl: %q", got)
	}
}
