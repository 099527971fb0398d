package imapd_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"postroom/imapd"
	"postroom/internal/mail"
)

// dial connects and reads the greeting.
func dial(t testing.TB, addr string) *client {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	c := &client{Conn: nc, r: bufio.NewReader(nc)}
	if l := c.line(t); !strings.HasPrefix(l, "* OK ") {
		t.Fatalf("greeting: %s", l)
	}
	return c
}

func (c *client) line(t testing.TB) string {
	t.Helper()
	l, err := c.r.ReadString('\n')
	if err != nil {
		t.Fatalf("read: %v (%q)", err, l)
	}
	return strings.TrimSuffix(l, "\r\n")
}

func (c *client) write(t testing.TB, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// until reads up to the line that begins with prefix and gives all lines.
func (c *client) until(t testing.TB, prefix string) []string {
	t.Helper()
	var lines []string
	for {
		l := c.line(t)
		lines = append(lines, l)
		if strings.HasPrefix(l, prefix) {
			return lines
		}
	}
}

func (c *client) login(t testing.TB, user string) {
	t.Helper()
	c.write(t, fmt.Sprintf("l LOGIN %s %q\r\n", user, password))
	if got := c.until(t, "l "); !strings.HasPrefix(got[len(got)-1], "l OK") {
		t.Fatal(got)
	}
}

// end reads until the server closes.
func (c *client) end(t testing.TB) string {
	t.Helper()
	rest, err := io.ReadAll(c.r)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Fatalf("the connection stays open after %q", rest)
	}
	return string(rest)
}

func TestStartTLSDropsWhatCameInPlainText(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	c := b.config()
	c.TLS, c.AuthWithoutTLS = serverTLS(t), false
	_, addr := serve(t, c, false)
	cl := dial(t, addr)
	cl.write(t, "a STARTTLS\r\nb CREATE injected\r\n")
	if l := cl.line(t); !strings.HasPrefix(l, "a OK") {
		t.Fatal(l)
	}
	sec := tls.Client(cl.Conn, &tls.Config{InsecureSkipVerify: true})
	cl = &client{Conn: sec, r: bufio.NewReader(sec)}
	cl.write(t, "c CAPABILITY\r\n")
	got := strings.Join(cl.until(t, "c "), "\n")
	if strings.Contains(got, "b ") || strings.Contains(got, "STARTTLS") || !strings.Contains(got, "AUTH=PLAIN") {
		t.Errorf("inside TLS: %s", got)
	}
	cl.login(t, "ann@example.test")
	cl.write(t, "d IDLE\r\n")
	cl.until(t, "+ ")
	cl.write(t, "DONE\r\ne LOGOUT\r\n")
	cl.until(t, "e OK")
}

func TestImplicitTLS(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	c := b.config()
	c.TLS = serverTLS(t)
	_, addr := serve(t, c, true)
	sec, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sec.Close()
	cl := &client{Conn: sec, r: bufio.NewReader(sec)}
	cl.until(t, "* OK")
	cl.login(t, "ann@example.test")
}

func TestTimeBeforeLoginIsBounded(t *testing.T) {
	b := newBackend(t)
	c := b.config()
	c.LoginTime = 300 * time.Millisecond
	c.TLS = serverTLS(t)
	_, plain := serve(t, c, false)
	_, implicit := serve(t, c, true)

	slow := dial(t, plain)
	slow.write(t, "a NOOP\r\n")
	slow.until(t, "a OK")
	if got := slow.end(t); !strings.HasPrefix(got, "* BYE") {
		t.Errorf("got %q", got)
	}
	// No ClientHello at all.
	nc, err := net.Dial("tcp", implicit)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadAll(nc); err != nil {
		t.Errorf("connection without a handshake: %v", err)
	}
}

func TestIdleTimeIsBounded(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	c := b.config()
	c.IdleTime = 100 * time.Millisecond
	_, addr := serve(t, c, false)
	cl := dial(t, addr)
	cl.login(t, "ann@example.test")
	if got := cl.end(t); !strings.HasPrefix(got, "* BYE") {
		t.Errorf("got %q", got)
	}
}

func TestPipelineRunsInOrder(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	_, addr := serve(t, b.config(), false)
	cl := dial(t, addr)
	cl.login(t, "ann@example.test")
	var in strings.Builder
	const n = 1000
	for i := range n {
		fmt.Fprintf(&in, "t%d CREATE {2+}\r\nxy\r\n", i)
	}
	go io.WriteString(cl, in.String())
	for i := range n {
		if l := cl.line(t); !strings.HasPrefix(l, fmt.Sprintf("t%d ", i)) {
			t.Fatalf("reply %d is %s", i, l)
		}
	}
}

func TestSynchronizingLiterals(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	_, addr := serve(t, b.config(), false)
	cl := dial(t, addr)
	cl.write(t, "a LOGIN {16}\r\n")
	cl.until(t, "+ ")
	cl.write(t, fmt.Sprintf("ann@example.test {%d}\r\n", len(password)))
	cl.until(t, "+ ")
	cl.write(t, password+"\r\n")
	cl.until(t, "a OK")
	cl.write(t, "b APPEND {5}\r\n")
	cl.until(t, "+ ")
	cl.write(t, "INBOX {14}\r\n")
	cl.until(t, "+ ")
	cl.write(t, "Subject: x\r\n\r\n {14+}\r\nSubject: y\r\n\r\n\r\n")
	if got := cl.until(t, "b "); !strings.Contains(got[len(got)-1], "APPENDUID") {
		t.Error(got)
	}
	// A mailbox that is not there: the client is never asked for the octets.
	cl.write(t, "c APPEND nothere {14}\r\n")
	if got := cl.line(t); !strings.HasPrefix(got, "c NO [TRYCREATE]") {
		t.Error(got)
	}
}

func TestBareNULAndGarbage(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	_, addr := serve(t, b.config(), false)
	cl := dial(t, addr)
	cl.login(t, "ann@example.test")
	cl.write(t, "a APPEND INBOX {4+}\r\na\x00\r\n\r\n")
	if got := cl.until(t, "a "); !strings.HasPrefix(got[0], "a NO") {
		t.Error(got)
	}
	cl.write(t, "b APPEND INBOX ~{4+}\r\na\x00\r\n\r\n")
	if got := cl.until(t, "b "); !strings.HasPrefix(got[0], "b NO [UNKNOWN-CTE]") {
		t.Error(got)
	}
	cl.write(t, "\r\n\x00\xff\r\nc NOOP \r\n+ X\r\nd\r\n")
	for _, want := range []string{"* BAD", "* BAD", "c BAD", "* BAD", "d BAD"} {
		if l := cl.line(t); !strings.HasPrefix(l, want) {
			t.Errorf("got %q, want %s", l, want)
		}
	}
}

func TestShutdownSaysBye(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	srv, addr := serve(t, b.config(), false)
	idle, plain := dial(t, addr), dial(t, addr)
	idle.login(t, "ann@example.test")
	idle.write(t, "a SELECT INBOX\r\nb IDLE\r\n")
	idle.until(t, "+ ")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client{idle, plain} {
		if got := c.end(t); !strings.Contains(got, "* BYE") {
			t.Errorf("got %q", got)
		}
	}
}

func TestConnectionLimits(t *testing.T) {
	b := newBackend(t)
	c := b.config()
	c.LiftLimits, c.MaxPerAddress = false, 1
	_, addr := serve(t, c, false)
	first := dial(t, addr)
	second, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if got, _ := io.ReadAll(second); !strings.HasPrefix(string(got), "* BYE [UNAVAILABLE]") {
		t.Errorf("got %q", got)
	}
	first.write(t, "a LOGOUT\r\n")
	first.end(t)
}

// awayStore is a store whose database has gone away.
type awayStore struct {
	imapd.Store
	away bool
}

func (s *awayStore) err() error {
	if !s.away {
		return nil
	}
	return mail.Wrap(mail.CodeUnavailable, errors.New("dial tcp 10.0.0.1: secret"), "temporarily unavailable")
}

func (s *awayStore) MailboxByName(ctx context.Context, a mail.AccountID, n string) (mail.Mailbox, mail.MailboxState, error) {
	if err := s.err(); err != nil {
		return mail.Mailbox{}, mail.MailboxState{}, err
	}
	return s.Store.MailboxByName(ctx, a, n)
}

func (s *awayStore) FetchMessages(ctx context.Context, a mail.AccountID, m mail.MailboxID, u mail.UIDSet, c mail.Columns, fn func(*mail.MessageRow) error) error {
	if err := s.err(); err != nil {
		return err
	}
	return s.Store.FetchMessages(ctx, a, m, u, c, fn)
}

func TestStoreAwayIsUnavailable(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	c := b.config()
	away := &awayStore{Store: c.Store}
	c.Store = away
	_, addr := serve(t, c, false)
	cl := dial(t, addr)
	cl.login(t, "ann@example.test")
	cl.write(t, "a APPEND INBOX {14+}\r\nSubject: x\r\n\r\n\r\nb SELECT INBOX\r\n")
	cl.until(t, "b OK")
	away.away = true
	for _, cmd := range []string{"STATUS INBOX (MESSAGES)", "FETCH 1 ENVELOPE", "SEARCH SUBJECT x", "APPEND INBOX {14+}\r\nSubject: x\r\n\r\n"} {
		cl.write(t, "c "+cmd+"\r\n")
		got := cl.until(t, "c ")
		if last := got[len(got)-1]; !strings.HasPrefix(last, "c NO [UNAVAILABLE]") || strings.Contains(last, "secret") {
			t.Errorf("%s: %s", cmd, last)
		}
	}
	away.away = false
	cl.write(t, "d FETCH 1 BODY.PEEK[]\r\n")
	cl.until(t, "d OK")
}
