package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// checkTime bounds each question of check to the network.
const checkTime = 5 * time.Second

// certificate looks at the certificate that clients will see.
func (c *checker) certificate() {
	if c.cfg.TLSCert == "" {
		c.add("certificate", levelWarn, "self-signed: clients must be told to trust "+c.tlsDir()+"/ca.pem",
			"set tls_cert and tls_key to a certificate of a public authority")
		return
	}
	pair, err := tls.LoadX509KeyPair(c.cfg.TLSCert, c.cfg.TLSKey)
	if err != nil {
		c.add("certificate", levelFail, err.Error(), "tls_cert and tls_key must be readable PEM files that belong together")
		return
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		c.add("certificate", levelFail, err.Error(), "renew the certificate")
		return
	}
	left := time.Until(leaf.NotAfter)
	switch {
	case left <= 0:
		c.add("certificate", levelFail, "expired on "+when(leaf.NotAfter), "renew it; the server takes up new files by itself")
	case left < 14*24*time.Hour:
		c.add("certificate", levelWarn, "expires on "+when(leaf.NotAfter), "renew it; the server takes up new files by itself")
	}
	if err := leaf.VerifyHostname(c.cfg.Hostname); err != nil {
		c.add("certificate", levelFail, err.Error(), "get one for the hostname "+c.cfg.Hostname+", or set hostname to a name that it has")
	} else if left >= 14*24*time.Hour {
		c.add("certificate", levelOK, fmt.Sprintf("for %s until %s", c.cfg.Hostname, when(leaf.NotAfter)), "")
	}
}

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
