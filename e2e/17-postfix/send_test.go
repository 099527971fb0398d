package postfix

import (
	"crypto/tls"
	"io"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"postroom/e2e/testbed"
)

// letter is one message with what its sender asks for.
type letter struct {
	from   string
	to     []string
	octets string
	mail   smtp.MailOptions
	rcpt   smtp.RcptOptions
}

// send puts letters into a server, one after the other on one connection.
func send(t *testing.T, c *smtp.Client, letters ...letter) {
	t.Helper()
	defer c.Close()
	for _, l := range letters {
		if err := one(c, l); err != nil {
			t.Fatalf("to %v: %v", l.to, err)
		}
	}
}

func one(c *smtp.Client, l letter) error {
	if err := c.Mail(l.from, &l.mail); err != nil {
		return err
	}
	for _, to := range l.to {
		if err := c.Rcpt(to, &l.rcpt); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, l.octets); err != nil {
		return err
	}
	return w.Close()
}

// fromA submits letters to postroom as alice.
func (w *world) fromA(t *testing.T, letters ...letter) {
	t.Helper()
	cfg, err := w.TLS()
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.DialTLS(w.Ports.Submissions, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Auth(sasl.NewPlainClient("", alice, testbed.Password)); err != nil {
		t.Fatal(err)
	}
	send(t, c, letters...)
}

// fromB submits letters to Postfix, whose own people need no password.
func (w *world) fromB(t *testing.T, letters ...letter) {
	t.Helper()
	c, err := smtp.DialStartTLS(w.inB, &tls.Config{InsecureSkipVerify: true}) // a certificate of the test's own
	if err != nil {
		t.Fatal(err)
	}
	send(t, c, letters...)
}

// note is a message of few words.
func note(from, to, subject string) letter {
	return letter{from: from, to: []string{to},
		octets: "From: <" + from + ">\r\nTo: <" + to + ">\r\nSubject: " + subject + "\r\n\r\nHello.\r\n"}
}
