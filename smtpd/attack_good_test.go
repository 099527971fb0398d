package smtpd

import (
	"time"

	"postroom/internal/mail"
)

// sendGood sends a message to every server in turn, until the attack is over
// and every server has had one.
func (s *siege) sendGood(over <-chan struct{}) {
	for _, target := range s.targets {
		target.good = 0
	}
	for {
		for _, target := range s.targets {
			s.sendTo(target)
			s.measure()
		}
		select {
		case <-over:
			return
		default:
		}
	}
}

// sendTo sends one, or fails within the 20 seconds that a client waits.
func (s *siege) sendTo(target *target) {
	if target.options.alone {
		target.alone.Lock()
		defer target.alone.Unlock()
	}
	a := &attacker{TB: s.t, name: "good"}
	defer a.cleanUp()
	c := target.dialFrom(a, "127.0.0.1")
	defer c.conn.Close()
	c.conn.SetDeadline(time.Now().Add(20 * time.Second))
	c.mail(target.options)
	target.good++
}

// mail sends a small message as the server's role wants it.
func (c *client) mail(o options) {
	c.t.Helper()
	if len(o.cfg.ProxyNetworks) > 0 {
		c.send("PROXY TCP4 192.0.2.99 198.51.100.1 40000 25\r\n")
	}
	if o.implicit {
		c.startTLS()
	}
	c.want("220 ")
	c.do("EHLO good.example", "250-")
	from := "good@remote.example"
	if o.cfg.Role == mail.RoleSubmission {
		from = "alice@example.test"
		if !o.implicit {
			c.do("STARTTLS", "220 ")
			c.startTLS()
			c.do("EHLO good.example", "250-")
		}
		c.do("AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdABzM2NyZXQtcGFzc3dvcmQ=", "235 ")
	}
	c.do("MAIL FROM:<"+from+">", "250 ")
	c.do("RCPT TO:<bob@example.test>", "250 ")
	c.do("DATA", "354 ")
	c.do("good\r\n.", "250 ")
}
