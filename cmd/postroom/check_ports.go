package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// checkTime bounds each question of check to the network.
const checkTime = 5 * time.Second

// ports asks each listener for its greeting when a server runs, and tries to
// listen when none does.
func (c *checker) ports(running bool) {
	for _, d := range []struct {
		key      string
		addrs    []string
		implicit bool
		ask      string // where the client speaks first
	}{
		{"listen.smtp", c.cfg.Listen.SMTP, false, ""}, {"listen.submissions", c.cfg.Listen.Submissions, true, ""},
		{"listen.submission", c.cfg.Listen.Submission, false, ""}, {"listen.imap", c.cfg.Listen.IMAP, false, ""},
		{"listen.imaps", c.cfg.Listen.IMAPS, true, ""}, {"listen.http", c.cfg.Listen.HTTP, false, askHealth},
		{"listen.https", c.cfg.Listen.HTTPS, true, askHealth}, {"listen.metrics", c.cfg.Listen.Metrics, false, askHealth},
	} {
		for _, a := range d.addrs {
			if running {
				c.greeting(d.key, a, d.implicit, d.ask)
			} else {
				c.canListen(d.key, a)
			}
		}
	}
}

func (c *checker) canListen(key, addr string) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		c.add("ports", levelFail, fmt.Sprintf("%s (%s): %v", addr, key, err), "another program listens there, or the right is missing: ss -ltnp")
		return
	}
	l.Close()
	c.add("ports", levelOK, fmt.Sprintf("%s (%s) is free", addr, key), "")
}

// askHealth is what an HTTP port answers whatever its state.
const askHealth = "GET /healthz HTTP/1.0\r\n\r\n"

func (c *checker) greeting(key, addr string, implicit bool, ask string) {
	host, port, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost"
	}
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), checkTime)
	if err != nil {
		c.add("ports", levelFail, fmt.Sprintf("%s (%s) does not answer: %v", addr, key, err), "is that listener of this server? see its log")
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(checkTime))
	if implicit {
		// Whether clients will trust the certificate is another finding.
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	line := make([]byte, 256)
	_, err = io.WriteString(conn, ask)
	n := 0
	if err == nil {
		n, err = conn.Read(line)
	}
	text := strings.TrimSpace(string(line[:n]))
	if err != nil || (!strings.HasPrefix(text, "220") && !strings.HasPrefix(text, "* OK") && !strings.HasPrefix(text, "HTTP/1")) {
		c.add("ports", levelFail, fmt.Sprintf("%s (%s) does not greet: %s", addr, key, orDash(oneLine(text))), "see the server's log")
		return
	}
	c.add("ports", levelOK, fmt.Sprintf("%s (%s) answers", addr, key), "")
}
