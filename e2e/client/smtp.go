// Package client holds the small clients that the end-to-end cases and the
// benches speak with: they send what they are told, show every reply, and know
// no more of a protocol than a transcript needs.
package client

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// SMTP is one connection to an SMTP server.
type SMTP struct {
	conn net.Conn
	r    *bufio.Reader
	w    *bufio.Writer
	// Timeout bounds each reply; 60 s unless set.
	Timeout time.Duration
}

// Reply is an SMTP reply: its code and its lines joined with "\n".
type Reply struct {
	Code int
	Text string
}

// Err is nil for a 2xx or 3xx reply.
func (r Reply) Err() error {
	if r.Code >= 200 && r.Code < 400 {
		return nil
	}
	return fmt.Errorf("SMTP reply %d %s", r.Code, r.Text)
}

// Temporary tells a 4xx reply.
func (r Reply) Temporary() bool { return r.Code >= 400 && r.Code < 500 }

// DialSMTP connects and reads the greeting; implicit makes it TLS from the
// first octet.
func DialSMTP(addr string, implicit *tls.Config) (*SMTP, Reply, error) {
	conn, err := dial(addr, implicit)
	if err != nil {
		return nil, Reply{}, err
	}
	c := &SMTP{Timeout: time.Minute}
	c.use(conn)
	r, err := c.Read()
	if err != nil {
		conn.Close()
	}
	return c, r, err
}

func dial(addr string, implicit *tls.Config) (net.Conn, error) {
	d := &net.Dialer{Timeout: 10 * time.Second}
	if implicit != nil {
		return tls.DialWithDialer(d, "tcp", addr, implicit)
	}
	return d.Dial("tcp", addr)
}

func (c *SMTP) use(conn net.Conn) {
	c.conn, c.r, c.w = conn, bufio.NewReader(conn), bufio.NewWriterSize(conn, 64<<10)
}

// Close drops the connection without a word.
func (c *SMTP) Close() error { return c.conn.Close() }

// Conn gives the connection, for cases that break it.
func (c *SMTP) Conn() net.Conn { return c.conn }

// Read reads one reply.
func (c *SMTP) Read() (Reply, error) {
	c.conn.SetReadDeadline(time.Now().Add(c.Timeout))
	var lines []string
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return Reply{}, err
		}
		line = strings.TrimRight(line, "\r\n")
		if len(line) < 3 {
			return Reply{}, fmt.Errorf("short reply %q", line)
		}
		code, err := strconv.Atoi(line[:3])
		if err != nil {
			return Reply{}, fmt.Errorf("no code in reply %q", line)
		}
		lines = append(lines, strings.TrimPrefix(line[3:], " "))
		if len(line) == 3 || line[3] != '-' {
			return Reply{code, strings.Join(lines, "\n")}, nil
		}
	}
}

// Cmd sends a line and reads its reply.
func (c *SMTP) Cmd(format string, args ...any) (Reply, error) {
	fmt.Fprintf(c.w, format+"\r\n", args...)
	if err := c.w.Flush(); err != nil {
		return Reply{}, err
	}
	return c.Read()
}

// StartTLS says STARTTLS and shakes hands.
func (c *SMTP) StartTLS(cfg *tls.Config) error {
	if r, err := c.Cmd("STARTTLS"); err != nil || r.Code != 220 {
		return fmt.Errorf("STARTTLS: %v %v", r, err)
	}
	conn := tls.Client(c.conn, cfg)
	if err := conn.Handshake(); err != nil {
		return err
	}
	c.use(conn)
	return nil
}

// Auth logs in by PLAIN.
func (c *SMTP) Auth(user, password string) (Reply, error) {
	ir := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
	return c.Cmd("AUTH PLAIN %s", ir)
}

// Send makes one transaction: MAIL, every RCPT and DATA pipelined in one
// write, then the message, dot-stuffed. The last reply tells its fate; a
// refused MAIL or RCPT is returned at once.
func (c *SMTP) Send(from string, to []string, msg []byte) (Reply, error) {
	fmt.Fprintf(c.w, "MAIL FROM:<%s>\r\n", from)
	for _, t := range to {
		fmt.Fprintf(c.w, "RCPT TO:<%s>\r\n", t)
	}
	c.w.WriteString("DATA\r\n")
	if err := c.w.Flush(); err != nil {
		return Reply{}, err
	}
	var bad *Reply
	for range 1 + len(to) {
		r, err := c.Read()
		if err != nil {
			return r, err
		}
		if r.Err() != nil && bad == nil {
			bad = &r
		}
	}
	r, err := c.Read()
	if err != nil {
		return r, err
	}
	if r.Code != 354 {
		if bad != nil {
			return *bad, nil
		}
		return r, nil
	}
	c.writeData(msg)
	if err := c.w.Flush(); err != nil {
		return Reply{}, err
	}
	r, err = c.Read()
	if err == nil && bad != nil && r.Err() == nil {
		return *bad, fmt.Errorf("some recipients were refused, the others accepted: %v", *bad)
	}
	return r, err
}

func (c *SMTP) writeData(msg []byte) {
	atStart := true
	for len(msg) > 0 {
		i := bytes.IndexByte(msg, '\n') + 1
		if i == 0 {
			i = len(msg)
		}
		if atStart && msg[0] == '.' {
			c.w.WriteByte('.')
		}
		c.w.Write(msg[:i])
		atStart = msg[i-1] == '\n'
		msg = msg[i:]
	}
	if !atStart {
		c.w.WriteString("\r\n")
	}
	c.w.WriteString(".\r\n")
}

// SendBDAT makes one transaction by CHUNKING (RFC 3030), for octets that DATA
// can't carry unchanged, such as a message without a final line end.
func (c *SMTP) SendBDAT(from string, to []string, msg []byte) (Reply, error) {
	r, err := c.Cmd("MAIL FROM:<%s>", from)
	for _, t := range to {
		if err != nil || r.Err() != nil {
			return r, err
		}
		r, err = c.Cmd("RCPT TO:<%s>", t)
	}
	if err != nil || r.Err() != nil {
		return r, err
	}
	fmt.Fprintf(c.w, "BDAT %d LAST\r\n", len(msg))
	c.w.Write(msg)
	if err := c.w.Flush(); err != nil {
		return Reply{}, err
	}
	return c.Read()
}
