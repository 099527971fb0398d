package client

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// IMAP is one connection to an IMAP server.
type IMAP struct {
	conn net.Conn
	r    *bufio.Reader
	tag  int
	// Timeout bounds each line; 60 s unless set.
	Timeout time.Duration
}

// Line is one response line; its literals are taken out of Text, where "{n}"
// is left in their place.
type Line struct {
	Text     string
	Literals [][]byte
}

// DialIMAP connects and reads the greeting.
func DialIMAP(addr string, implicit *tls.Config) (*IMAP, error) {
	conn, err := dial(addr, implicit)
	if err != nil {
		return nil, err
	}
	c := &IMAP{conn: conn, r: bufio.NewReaderSize(conn, 64<<10), Timeout: time.Minute}
	l, err := c.ReadLine()
	if err == nil && !strings.HasPrefix(l.Text, "* OK") && !strings.HasPrefix(l.Text, "* PREAUTH") {
		err = fmt.Errorf("greeting %q", l.Text)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// Close drops the connection.
func (c *IMAP) Close() error { return c.conn.Close() }

// Conn gives the connection, for cases that break it.
func (c *IMAP) Conn() net.Conn { return c.conn }

// StartTLS says STARTTLS and shakes hands.
func (c *IMAP) StartTLS(cfg *tls.Config) error {
	if _, err := c.OK("STARTTLS"); err != nil {
		return err
	}
	conn := tls.Client(c.conn, cfg)
	if err := conn.Handshake(); err != nil {
		return err
	}
	c.conn, c.r = conn, bufio.NewReaderSize(conn, 64<<10)
	return nil
}

// ReadLine reads one response line with its literals.
func (c *IMAP) ReadLine() (Line, error) {
	c.conn.SetReadDeadline(time.Now().Add(c.Timeout))
	var l Line
	for {
		s, err := c.r.ReadString('\n')
		if err != nil {
			return l, err
		}
		s = strings.TrimRight(s, "\r\n")
		l.Text += s
		n, ok := literalSize(s)
		if !ok {
			return l, nil
		}
		p := make([]byte, n)
		if _, err := io.ReadFull(c.r, p); err != nil {
			return l, err
		}
		l.Literals = append(l.Literals, p)
	}
}

func literalSize(s string) (int, bool) {
	if !strings.HasSuffix(s, "}") {
		return 0, false
	}
	i := strings.LastIndexByte(s, '{')
	if i < 0 {
		return 0, false
	}
	n, err := strconv.Atoi(s[i+1 : len(s)-1])
	return n, err == nil && n >= 0
}

// Write sends octets as they are.
func (c *IMAP) Write(p []byte) (int, error) { return c.conn.Write(p) }

// Cmd sends a command with a tag of its own and gives all lines up to the
// tagged one, which comes last, without its tag.
func (c *IMAP) Cmd(format string, args ...any) (untagged []Line, status string, err error) {
	c.tag++
	tag := fmt.Sprintf("t%d", c.tag)
	if _, err := fmt.Fprintf(c.conn, tag+" "+format+"\r\n", args...); err != nil {
		return nil, "", err
	}
	return c.Until(tag)
}

// Until reads to the line that begins with tag.
func (c *IMAP) Until(tag string) (untagged []Line, status string, err error) {
	for {
		l, err := c.ReadLine()
		if err != nil {
			return untagged, "", err
		}
		if rest, ok := strings.CutPrefix(l.Text, tag+" "); ok {
			return untagged, rest, nil
		}
		untagged = append(untagged, l)
	}
}

// OK is Cmd for commands that must succeed.
func (c *IMAP) OK(format string, args ...any) ([]Line, error) {
	lines, status, err := c.Cmd(format, args...)
	if err == nil && !strings.HasPrefix(status, "OK") {
		err = fmt.Errorf("%s: %s", strings.SplitN(format, " ", 2)[0], status)
	}
	return lines, err
}

// Login says LOGIN.
func (c *IMAP) Login(user, password string) error {
	_, err := c.OK("LOGIN %s %s", Quote(user), Quote(password))
	return err
}

// Append puts a message by a synchronizing literal and gives the tagged line.
func (c *IMAP) Append(mailbox string, msg []byte) (string, error) {
	c.tag++
	tag := fmt.Sprintf("t%d", c.tag)
	fmt.Fprintf(c.conn, "%s APPEND %s {%d}\r\n", tag, Quote(mailbox), len(msg))
	for {
		l, err := c.ReadLine()
		if err != nil {
			return "", err
		}
		if rest, ok := strings.CutPrefix(l.Text, tag+" "); ok {
			return rest, nil
		}
		if strings.HasPrefix(l.Text, "+") {
			break
		}
	}
	if _, err := c.conn.Write(append(msg[:len(msg):len(msg)], "\r\n"...)); err != nil {
		return "", err
	}
	_, status, err := c.Until(tag)
	return status, err
}

// Message is a fetched message.
type Message struct {
	UID  uint32
	Body []byte
}

// Fetch gives the octets of the UIDs in set.
func (c *IMAP) Fetch(set string) ([]Message, error) {
	lines, err := c.OK("UID FETCH %s (UID BODY.PEEK[])", set)
	if err != nil {
		return nil, err
	}
	var out []Message
	for _, l := range lines {
		if len(l.Literals) != 1 {
			continue
		}
		uid, err := number(l.Text, "UID ")
		if err != nil {
			return nil, err
		}
		out = append(out, Message{uint32(uid), l.Literals[0]})
	}
	return out, nil
}

// Select selects a mailbox and gives EXISTS and UIDNEXT.
func (c *IMAP) Select(mailbox string) (exists, uidNext int, err error) {
	lines, err := c.OK("SELECT %s", Quote(mailbox))
	for _, l := range lines {
		if n, ok := strings.CutSuffix(l.Text, " EXISTS"); ok {
			exists, _ = strconv.Atoi(strings.TrimPrefix(n, "* "))
		}
		if strings.Contains(l.Text, "[UIDNEXT ") {
			uidNext, _ = number(l.Text, "[UIDNEXT ")
		}
	}
	return exists, uidNext, err
}

func number(s, after string) (int, error) {
	i := strings.Index(s, after)
	if i < 0 {
		return 0, fmt.Errorf("no %q in %q", after, s)
	}
	s = s[i+len(after):]
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		s = s[:end]
	}
	return strconv.Atoi(s)
}

// Quote gives s as an IMAP quoted string.
func Quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
