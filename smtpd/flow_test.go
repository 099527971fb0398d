package smtpd

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"postroom/internal/auth"
	"postroom/internal/mail"
)

func TestGoSMTPClient(t *testing.T) {
	r := start(t, submission, false)
	_, roots := certificate()
	c, err := smtp.DialStartTLS(r.addr, &tls.Config{RootCAs: roots, ServerName: "mx.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Auth(sasl.NewPlainClient("", "alice@example.test", secret)); err != nil {
		t.Fatal(err)
	}
	if err := c.Mail("alice@example.test", &smtp.MailOptions{Size: 20, Return: smtp.DSNReturnHeaders, EnvelopeID: "id+1 =x",
		Body: smtp.Body8BitMIME}); err != nil {
		t.Fatal(err)
	}
	if err := c.Rcpt("x@elsewhere.example", &smtp.RcptOptions{Notify: []smtp.DSNNotify{smtp.DSNNotifySuccess, smtp.DSNNotifyDelayed},
		OriginalRecipientType: smtp.DSNAddressTypeRFC822, OriginalRecipient: "old+x@elsewhere.example"}); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, "Subject: x\r\n\r\n.dot\r\n")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Quit(); err != nil {
		t.Error(err)
	}
	m := r.backend.all()[0]
	want := mail.Envelope{From: mail.Address{Local: "alice", Domain: "example.test"}, Ret: mail.ReturnHeaders, EnvID: "id+1 =x",
		Body8Bit: true, Size: 20, Recipients: []mail.Recipient{{Address: mail.Address{Local: "x", Domain: "elsewhere.example"},
			Notify: mail.NotifySuccess | mail.NotifyDelay, ORcpt: "rfc822;old+x@elsewhere.example"}}}
	if fmt.Sprint(m.env) != fmt.Sprint(want) || m.octets != "Subject: x\r\n\r\n.dot\r\n" {
		t.Errorf("got %+v %q", m.env, m.octets)
	}
	if s := m.session; s.Account != 7 || s.Login != "alice@example.test" || s.With(m.env.UTF8) != "ESMTPSA" || s.TLSVersion != "TLS 1.3" || s.Helo == "" {
		t.Errorf("session %+v", s)
	}
}

func TestBackendFailures(t *testing.T) {
	full := mail.Wrap(mail.CodeStorageFull, errors.New("ENOSPC on /var/spool"), "no space, try again later")
	for name, tc := range map[string]struct {
		spoil func(b *recorder)
		data  string // reply to DATA
		end   string // reply to the end
		bdat  string
	}{
		"begin":   {func(b *recorder) { b.beginErr = full }, "452 4.3.1 no space", "", "452 4.3.1"},
		"write":   {func(b *recorder) { b.writeErr = full }, "354", "452 4.3.1", "452 4.3.1"},
		"commit":  {func(b *recorder) { b.commitErr = full }, "354", "452 4.3.1", "452 4.3.1"},
		"unknown": {func(b *recorder) { b.commitErr = errors.New("SELECT secrets") }, "354", "451 4.3.0 internal error", "451 4.3.0"},
		"loop":    {func(b *recorder) { b.commitErr = mail.Errorf(mail.CodeLoop, "mail loop") }, "354", "554 5.4.6 mail loop", "554 5.4.6"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, mx, false)
			r.backend.mu.Lock()
			tc.spoil(r.backend)
			r.backend.mu.Unlock()
			c := r.dial()
			opened(c)
			c.do("DATA", tc.data)
			if tc.end != "" {
				c.send(strings.Repeat("line\r\n", 20_000))
				c.do(".", tc.end)
			} else {
				c.do("RSET", "250 ")
			}
			c.do("MAIL FROM:<a@remote.example>", "250 ")
			c.do("RCPT TO:<alice@example.test>", "250 ")
			body := strings.Repeat("line\r\n", 20_000)
			c.send(fmt.Sprintf("BDAT %d\r\n%sBDAT 0 LAST\r\n", len(body), body))
			if first := c.reply(); strings.HasPrefix(first, "250 ") {
				c.want(tc.bdat) // only the end can tell
			} else {
				if !strings.HasPrefix(first, tc.bdat) {
					t.Errorf("BDAT: %s", first)
				}
				c.want("503 5.5.1") // a later chunk is no message of its own
			}
			c.do("NOOP", "250 ")
		})
	}
}

func TestRevokedLoginEnds(t *testing.T) {
	var state atomic.Int32 // 0: valid, 1: the store is away, 2: revoked
	cfg := submission
	cfg.StillValid = func(_ context.Context, id auth.Identity) error {
		switch {
		case id.Account != 7 || id.Credential != 1:
			t.Errorf("asked about %+v", id)
		case state.Load() == 1:
			return mail.Errorf(mail.CodeUnavailable, "try again later")
		case state.Load() == 2:
			return mail.Errorf(mail.CodeNoPermission, "the log-in is no longer valid")
		}
		return nil
	}
	r := start(t, cfg, true)
	at := func(before func(c *client)) *client {
		state.Store(0)
		c := r.dialTLS()
		c.want("220 ")
		c.do("EHLO x", "250-")
		c.do("AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00alice@example.test\x00"+secret)), "235 ")
		before(c)
		return c
	}
	begun := func(c *client) {
		c.do("MAIL FROM:<alice@example.test>", "250 ")
		c.do("RCPT TO:<x@elsewhere.example>", "250 ")
	}
	c := at(func(*client) {})
	state.Store(1)
	c.do("MAIL FROM:<alice@example.test>", "451 4.3.0")
	state.Store(2)
	c.do("MAIL FROM:<alice@example.test>", "421 4.7.0 the log-in is no longer valid")
	c.closed()
	c = at(begun)
	state.Store(2)
	c.do("DATA", "421 4.7.0")
	c.closed()
	c = at(begun)
	state.Store(2)
	c.do("BDAT 3 LAST\r\na\r\n", "421 4.7.0")
	c.closed()
}

func TestDefectInTheBackend(t *testing.T) {
	r := start(t, mx, false)
	c := r.dial()
	c.want("220 ")
	c.do("EHLO x", "250-")
	c.do("MAIL FROM:<panic@remote.example>", "421 4.0.0 Internal server error")
	c.closed()
	r.dial().want("220 ")
}

func TestGoneClientDoesNotUndoTheCommit(t *testing.T) {
	r := start(t, mx, false)
	inCommit, release := r.backend.hold()
	c := r.dial()
	opened(c)
	c.do("DATA", "354 ")
	c.send("kept\r\n.\r\n")
	<-inCommit
	c.conn.Close()
	close(release)
	waitFor(t, "the message is there", func() bool { return len(r.backend.all()) == 1 })
}

func TestShutdown(t *testing.T) {
	r := start(t, mx, false)
	inCommit, release := r.backend.hold()
	idle, greeted, busy, committing := r.dial(), r.dial(), r.dial(), r.dial()
	idle.want("220 ")
	greeted.want("220 ")
	greeted.do("EHLO x", "250-")
	opened(busy)
	opened(committing)
	committing.do("DATA", "354 ")
	committing.send(".\r\n")
	<-inCommit

	done := make(chan error, 1)
	go func() { done <- r.Shutdown(context.Background()) }()
	for _, c := range []*client{idle, greeted} {
		c.want("421 4.3.2")
		c.closed()
	}
	busy.do("DATA", "354 ")
	busy.send("the last one\r\n.\r\n")
	<-inCommit
	select {
	case err := <-done:
		t.Fatalf("Shutdown left running transactions behind: %v", err)
	default:
	}
	close(release)
	for _, c := range []*client{busy, committing} {
		c.want("250 2.0.0 queued")
		c.want("421 4.3.2")
		c.closed()
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := len(r.backend.all()); n != 2 {
		t.Errorf("%d messages", n)
	}
}

func TestShutdownCutsWhatDoesNotEnd(t *testing.T) {
	r := start(t, mx, false)
	inCommit, _ := r.backend.hold()
	stuck, open := r.dial(), r.dial()
	opened(open)
	opened(stuck)
	stuck.do("DATA", "354 ")
	stuck.send(".\r\n")
	<-inCommit
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := r.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if r.backend.stillOpen() != 0 || len(r.backend.all()) != 0 {
		t.Error("the transaction neither ended nor was dropped")
	}
}

// TestNothingSecretIsLogged drives every place that sees a password or a body.
func TestNothingSecretIsLogged(t *testing.T) {
	r := start(t, submission, true)
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	plain, wrong := b64("\x00alice@example.test\x00"+secret), b64("\x00"+secret+"\x00wrong-"+secret)
	c := r.dialTLS()
	c.want("220 ")
	c.do("EHLO x", "250-")
	c.do("AUTH PLAIN "+wrong, "535 ")
	c.do("AUTH LOGIN", "334 ")
	c.do(b64("alice@example.test"), "334 ")
	c.do(b64("typo-"+secret), "535 ")
	c.do("AUTH PLAIN "+plain, "235 ")
	c.do(secret, "500 ")
	c.do("MAIL FROM:<"+secret+">", "501 ")
	c.do("MAIL FROM:<alice@example.test>", "250 ")
	c.do("RCPT TO:<x@elsewhere.example>", "250 ")
	c.do("DATA", "354 ")
	c.send("Subject: " + secret + "\r\n\r\n" + secret + "\x00\r\n.\r\n")
	c.want("554 ")
	c.do("MAIL FROM:<alice@example.test>", "250 ")
	c.do("RCPT TO:<x@elsewhere.example>", "250 ")
	c.do("DATA", "354 ")
	c.send("Subject: " + secret + "\r\n\r\nbody\r\n.\r\n")
	c.want("250 ")
	c.do("QUIT", "221 ")
	r.waitLog("msg=disconnect")
	logs := r.logs.String()
	for _, s := range []string{secret, plain, wrong, b64("typo-" + secret), "body"} {
		if strings.Contains(logs, s) {
			t.Errorf("the log holds %q:\n%s", s, logs)
		}
	}
	for _, s := range []string{
		`level=WARN msg="login failed" proto=smtp role=submission peer=127.0.0.1 port=`,
		`mech=LOGIN login=alice@example.test reason=bad-credentials`,
		`msg=accepted proto=smtp role=submission peer=127.0.0.1`,
		`account=7 login=alice@example.test id=0000000000001 from=<alice@example.test> recipients=1 size=34 duplicate=false result=ok`,
	} {
		if !strings.Contains(logs, s) {
			t.Errorf("the log lacks %s:\n%s", s, logs)
		}
	}
}
