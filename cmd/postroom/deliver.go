package main

import (
	"bufio"
	"io"
	"net/netip"
	"os"

	"postroom/delivery"
	"postroom/internal/address"
	"postroom/internal/mail"
	"postroom/internal/secret"
	"postroom/internal/spool"
	"postroom/store"
)

type deliverCmd struct {
	Recipients []string `arg:"" help:"Who gets it."`
	From       string   `help:"Reverse-path (default: null, as a notice has)." placeholder:"ADDRESS"`
	As         string   `help:"Send as this account: also to outside addresses, signed." placeholder:"ADDRESS"`
}

func (c deliverCmd) Run(e *env) error {
	s, err := e.store()
	if err != nil {
		return err
	}
	sp, done, err := e.tempSpool()
	if err != nil {
		return err
	}
	defer done()
	session, envelope, err := c.transaction(e, s)
	if err != nil {
		return err
	}
	d, err := e.delivery(s, sp)
	if err != nil {
		return err
	}
	if err := d.CheckSender(e.ctx, session, envelope); err != nil {
		return err
	}
	for _, r := range envelope.Recipients {
		if err := d.CheckRecipient(e.ctx, session, envelope, r); err != nil {
			return err
		}
	}
	out, err := d.Accept(e.ctx, session, envelope, crlfReader(e.in))
	if err != nil {
		return err
	}
	return e.result(map[string]any{"id": out.Trace.String(), "duplicate": out.Duplicate, "filed": len(out.Filed)}, func() {
		e.table([]string{"id"}, [][]string{{out.Trace.String()}})
	})
}

// transaction makes what an SMTP session would have said.
func (c deliverCmd) transaction(e *env, s *store.Store) (*mail.Session, *mail.Envelope, error) {
	session := &mail.Session{Role: mail.RoleMX, Peer: netip.AddrPortFrom(netip.IPv6Loopback(), 0), Helo: e.cfg.Hostname, ESMTP: true}
	envelope := &mail.Envelope{UTF8: true}
	if c.As != "" {
		a, err := address.Parse(c.As)
		if err != nil {
			return nil, nil, err
		}
		acct, err := s.AccountByAddress(e.ctx, a)
		if err != nil {
			return nil, nil, err
		}
		session.Role, session.Account, session.Login = mail.RoleSubmission, acct.ID, c.As
		envelope.From = a
	}
	if c.From != "" {
		a, err := address.Parse(c.From)
		if err != nil {
			return nil, nil, err
		}
		envelope.From = a
	}
	for _, r := range c.Recipients {
		a, err := address.Parse(r)
		if err != nil {
			return nil, nil, err
		}
		envelope.Recipients = append(envelope.Recipients, mail.Recipient{Address: a})
	}
	return session, envelope, nil
}

// tempSpool holds the message while it is read.
func (e *env) tempSpool() (*spool.Spool, func(), error) {
	dir, err := os.MkdirTemp("", "postroom-deliver-")
	if err != nil {
		return nil, nil, err
	}
	sp, err := spool.New(dir, 256<<10)
	return sp, func() { os.RemoveAll(dir) }, err
}

// delivery decides as the server does; it signs, and rewrites the reverse-path
// of what is forwarded, when the master key is at hand.
func (e *env) delivery(s *store.Store, sp *spool.Spool) (*delivery.Delivery, error) {
	cfg := delivery.Config{Hostname: e.cfg.Hostname, MaxSize: e.cfg.MaxMessageSize, QueueLifetime: e.cfg.QueueLifetime,
		QuotaHard: e.cfg.QuotaPolicy == "permanent", Log: e.log()}
	var signer delivery.Signer
	if key, err := e.masterKey(s); err == nil {
		ring := secret.NewRing(key, e.cfg.MasterKeyFile, e.masterKeyEnv())
		signer = delivery.NewKeyRing(s.SigningKeys, ring.Open, nil)
		cfg.ReturnSecrets = delivery.NewReturnRing(s, ring, nil).Secrets
	}
	return delivery.New(cfg, s, sp, signer), nil
}

// crlfReader ends every line of a Unix text with CRLF; what has them already
// passes unchanged.
func crlfReader(r io.Reader) io.Reader { return &crlf{r: bufio.NewReader(r)} }

type crlf struct {
	r    *bufio.Reader
	last byte
	owed bool // an LF that waits for room
}

func (c *crlf) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if c.owed {
			p[n], c.owed, c.last = '\n', false, '\n'
			n++
			continue
		}
		b, err := c.r.ReadByte()
		if err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
		if b == '\n' && c.last != '\r' {
			b, c.owed = '\r', true
		}
		p[n], c.last = b, b
		n++
	}
	return n, nil
}
