package smtpd

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postroom/internal/mail"
)

// opened greets and begins a transaction up to the 354.
func opened(c *client) {
	c.t.Helper()
	c.want("220 ")
	c.do("EHLO client.example", "250-")
	c.do("MAIL FROM:<a@remote.example>", "250 ")
	c.do("RCPT TO:<alice@example.test>", "250 ")
}

func TestTimeoutInDataEndsTheConnection(t *testing.T) {
	r := start(t, Config{Limits: Limits{ReadTimeout: 100 * time.Millisecond}}, false)
	c := r.dial()
	opened(c)
	c.do("DATA", "354 ")
	c.send("first half\r\n")
	c.want("421 4.4.2 timeout")
	// The rest comes late, and looks like commands.
	c.send(".\r\nMAIL FROM:<evil@evil.example>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nevil\r\n.\r\n")
	c.closed()
	r.waitLog(`msg=disconnect`)
	if n := len(r.backend.all()); n != 0 {
		t.Errorf("%d messages", n)
	}
}

func TestTimeoutsElsewhere(t *testing.T) {
	r := start(t, Config{Limits: Limits{ReadTimeout: 100 * time.Millisecond}}, false)
	for name, talk := range map[string]func(c *client){
		"silent from the start": func(c *client) { c.want("220 ") },
		"half a command":        func(c *client) { c.want("220 "); c.send("EHLO cli") },
		"in a transaction":      opened,
		"in a chunk":            func(c *client) { opened(c); c.send("BDAT 10\r\nfive!") },
		"between chunks":        func(c *client) { opened(c); c.do("BDAT 0", "250 ") },
	} {
		t.Run(name, func(t *testing.T) {
			c := r.dial()
			talk(c)
			c.want("421 4.4.2 timeout")
			c.closed()
		})
	}
}

func TestSlowClientsAreCut(t *testing.T) {
	t.Run("command", func(t *testing.T) {
		r := start(t, Config{Limits: Limits{ReadTimeout: 200 * time.Millisecond}}, false)
		c := r.dial()
		c.want("220 ")
		if d := trickle(c, "A"); d > 5*time.Second {
			t.Errorf("a command was waited for %s", d)
		}
	})
	t.Run("body", func(t *testing.T) {
		r := start(t, Config{Limits: Limits{ReadTimeout: 200 * time.Millisecond, MinRate: 100_000}}, false)
		c := r.dial()
		opened(c)
		c.do("DATA", "354 ")
		if d := trickle(c, "A"); d > 5*time.Second {
			t.Errorf("a body was waited for %s", d)
		}
	})
	t.Run("session", func(t *testing.T) {
		r := start(t, Config{Limits: Limits{Session: 200 * time.Millisecond}}, false)
		c := r.dial()
		c.want("220 ")
		c.want("421 4.4.2 session")
	})
	t.Run("a steady one may take longer than the timeout", func(t *testing.T) {
		r := start(t, Config{Limits: Limits{ReadTimeout: 300 * time.Millisecond, MinRate: 10}}, false)
		c := r.dial()
		opened(c)
		c.do("DATA", "354 ")
		for began := time.Now(); time.Since(began) < time.Second; {
			c.send("steady progress\r\n")
			c.conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			if b, err := c.in.Peek(1); err == nil {
				t.Fatalf("cut after %s: %q", time.Since(began), b)
			}
		}
		c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		c.do(".", "250 ")
	})
}

func TestHandshakeTimeout(t *testing.T) {
	r := start(t, Config{Limits: Limits{Handshake: 100 * time.Millisecond}}, true)
	c := r.dial()
	c.closed()
	r.waitLog("tls handshake failed")
	c = r.dial()
	c.send("EHLO plain.text\r\n")
	if s, err := c.in.ReadString('\n'); err == nil && strings.HasPrefix(s, "2") {
		t.Errorf("plain text on the TLS port was answered %q", s)
	}
}

func TestConnectionLimits(t *testing.T) {
	r := start(t, Config{Limits: Limits{ConnectionsPerClient: 2}}, false)
	a, b := r.dial(), r.dial()
	a.want("220 ")
	b.want("220 ")
	c := r.dial()
	c.want("421 4.7.0 mx.example.test too many connections")
	c.closed()
	a.do("QUIT", "221 ")
	a.closed()
	waitFor(t, "the place is free again", func() bool { return r.gate.Open() == 1 })
	r.dial().want("220 ")

	all := start(t, Config{Limits: Limits{Connections: 1}}, false)
	all.dial().want("220 ")
	all.dial().want("421 4.7.0")

	lifted := start(t, Config{Limits: Limits{ConnectionsPerClient: 1, Messages: 1, Commands: 3}, LiftLimits: true}, false)
	lifted.dial().want("220 ")
	c = lifted.dial()
	for i := range 3 {
		if i == 0 {
			opened(c)
		} else {
			c.do("MAIL FROM:<a@remote.example>", "250 ")
			c.do("RCPT TO:<alice@example.test>", "250 ")
		}
		c.do("DATA", "354 ")
		c.do(".", "250 ")
	}
}

func TestProxyProtocol(t *testing.T) {
	r := start(t, Config{Limits: Limits{ConnectionsPerClient: 1}, ProxyNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		LiftLimits: true}, false)
	for i := 1; i <= 3; i++ { // each from another client: the limit is theirs
		c := r.dial()
		c.send(fmt.Sprintf("PROXY TCP4 192.0.2.%d 198.51.100.1 40000 25\r\n", i))
		opened(c)
		c.do("DATA", "354 ")
		c.do(".", "250 ")
		if s := r.backend.all()[i-1].session; s.Peer.String() != fmt.Sprintf("192.0.2.%d:40000", i) || s.Local.String() != "198.51.100.1:25" {
			t.Errorf("peer %s, local %s", s.Peer, s.Local)
		}
	}
	c := r.dial()
	c.send("PROXY TCP4 192.0.2.1 198.51.100.1 40001 25\r\n")
	c.want("421 4.7.0")
	c = r.dial()
	c.send("PROXY TCP6 2001:db8::1 2001:db8::2 40001 25\r\n")
	c.want("220 ")
	r.waitLog("peer=2001:db8::1")
	c = r.dial()
	c.send("EHLO forged.example\r\n")
	c.closed()
	r.waitLog("no PROXY header")

	plain := start(t, Config{}, false)
	c = plain.dial()
	c.want("220 ")
	c.do("PROXY TCP4 192.0.2.1 198.51.100.1 40000 25", "500 ")
}

func TestPrivilegesNeedLoopback(t *testing.T) {
	r := start(t, Config{Role: mail.RoleSubmission, AuthWithoutTLS: true,
		ProxyNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, false)
	c := r.dial()
	c.send("PROXY TCP4 192.0.2.1 198.51.100.1 40000 25\r\n")
	c.want("220 ")
	if caps := c.do("EHLO x", "250-"); strings.Contains(caps, "AUTH") {
		t.Errorf("AUTH without TLS is offered to a client elsewhere: %s", caps)
	}
	c.do("AUTH PLAIN AAAA", "538 5.7.11")
}

func TestErrorsAreDelayed(t *testing.T) {
	r := start(t, Config{Limits: Limits{SoftErrors: 2, ErrorDelay: 150 * time.Millisecond}}, false)
	c := r.dial()
	c.want("220 ")
	began := time.Now()
	for range 4 {
		c.do("FOO", "500 ")
	}
	if d := time.Since(began); d < 300*time.Millisecond {
		t.Errorf("four errors took %s only", d)
	}
}

// packets counts what arrives in one read each.
func TestRepliesOfAGroupGoTogether(t *testing.T) {
	r := start(t, Config{}, false)
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 64<<10)
	conn.Read(buf) // greeting
	conn.Write([]byte("EHLO x\r\nMAIL FROM:<a@remote.example>\r\nRCPT TO:<alice@example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n"))
	n, _ := conn.Read(buf)
	if got := string(buf[:n]); !strings.Contains(got, "250-") || !strings.HasSuffix(got, "354 end data with <CR><LF>.<CR><LF>\r\n") {
		t.Errorf("the replies came in pieces, the first: %q", got)
	}
}
