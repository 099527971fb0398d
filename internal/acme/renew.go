package acme

import (
	"context"
	"crypto/tls"
	"time"

	"postroom/internal/mail"
)

const (
	// namesEvery is how often Names is asked: domains come and go, and the DNS
	// that leads to us.
	namesEvery = 10 * time.Minute
	// issueTime bounds one attempt; an authority asks from several places.
	issueTime = 5 * time.Minute
	// The pauses after failures. Let's Encrypt takes five failed attempts per
	// name and hour; all nodes share one count.
	firstRetry, lastRetry = 5 * time.Minute, 12 * time.Hour
)

// renewDue gets every certificate that is due, one after the other.
func (m *Manager) renewDue(ctx context.Context) error {
	list, err := m.listWanted(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		if !m.due(c) {
			continue
		}
		if err := m.renew(ctx, c.Name); err != nil {
			return err
		}
	}
	return nil
}

// listWanted lists the names of the store, after telling it of new ones.
func (m *Manager) listWanted(ctx context.Context) ([]mail.Certificate, error) {
	list, err := m.cfg.Store.Certificates(ctx)
	now := m.cfg.Now()
	if err != nil || now.Sub(m.namesAt) < namesEvery {
		return list, err
	}
	var known []string
	for _, c := range list {
		known = append(known, c.Name)
	}
	names, err := m.cfg.Names(ctx, known)
	if err != nil {
		return nil, err
	}
	if err := m.cfg.Store.WantCertificates(ctx, names, now); err != nil {
		return nil, err
	}
	m.namesAt = now
	m.wanted = map[string]bool{}
	for _, n := range names {
		m.wanted[n] = true
	}
	return m.cfg.Store.Certificates(ctx)
}

// due tells whether a certificate should be got now. The last third of its
// life is for renewal.
func (m *Manager) due(c mail.Certificate) bool {
	now := m.cfg.Now()
	switch {
	case !m.wanted[c.Name]:
		return false
	case !c.RenewAskedAt.IsZero():
		return true
	case now.Before(c.RetryAt):
		return false
	}
	return c.IssuedAt.IsZero() || c.Directory != m.cfg.Directory ||
		!now.Before(c.NotAfter.Add(-c.NotAfter.Sub(c.NotBefore)/3))
}

// renew gets one certificate, unless another node is at it or was quicker. Its
// error is the store's; those of the authority go into the row and the log.
func (m *Manager) renew(ctx context.Context, name string) error {
	locks := newLocks(m.cfg.Store, m.cfg.Log)
	held, err := locks.TryLock(ctx, "renew "+name)
	if err != nil || !held {
		return err
	}
	defer func() { _ = locks.Unlock(ctx, "renew "+name) }()
	list, err := m.cfg.Store.Certificates(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.Name == name && m.due(c) {
			return m.attempt(ctx, c)
		}
	}
	return nil
}

func (m *Manager) attempt(ctx context.Context, old mail.Certificate) error {
	// A process that ended between the authority's answer and our row has left
	// a good one behind.
	if c, pem, err := m.read(old.Name, m.issuer.Last(ctx, old.Name)); err == nil && old.RenewAskedAt.IsZero() &&
		c.NotAfter.After(old.NotAfter) && !m.due(c) {
		return m.save(ctx, c, pem)
	}
	begun := m.cfg.Now()
	ictx, cancel := context.WithTimeout(ctx, issueTime)
	defer cancel()
	pem, err := m.issuer.Issue(ictx, old.Name)
	if err == nil {
		var c mail.Certificate
		if c, pem, err = m.read(old.Name, pem); err == nil {
			m.cfg.Log.Info("certificate issued", "name", c.Name, "issuer", c.Issuer, "until", c.NotAfter)
			return m.save(ctx, c, pem)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err() // we stop; nobody is to blame
	}
	return m.failed(ctx, old, begun, err)
}

// read describes what an issuer gave.
func (m *Manager) read(name string, pem []byte) (mail.Certificate, []byte, error) {
	pair, err := tls.X509KeyPair(pem, pem)
	if err != nil {
		return mail.Certificate{}, nil, errNoPair
	}
	if err := pair.Leaf.VerifyHostname(name); err != nil {
		return mail.Certificate{}, nil, err
	}
	return mail.Certificate{Name: name, Directory: m.cfg.Directory, Issuer: pair.Leaf.Issuer.CommonName,
		NotBefore: pair.Leaf.NotBefore, NotAfter: pair.Leaf.NotAfter, IssuedAt: m.cfg.Now()}, pem, nil
}

// save seals and keeps a certificate, and serves it at once.
func (m *Manager) save(ctx context.Context, c mail.Certificate, pem []byte) error {
	key, err := m.cfg.Key(ctx)
	if err != nil {
		return err
	}
	c.Sealed = key.Seal(sealedTable, c.Name, pem)
	if err := m.cfg.Store.SaveCertificate(ctx, c, key.Fingerprint()); err != nil {
		return err
	}
	return m.Load(ctx)
}

// failed notes a failure where every node and `certificate list` see it.
func (m *Manager) failed(ctx context.Context, old mail.Certificate, begun time.Time, cause error) error {
	wait := lastRetry
	if old.Failures < 8 {
		wait = min(firstRetry<<old.Failures, lastRetry)
	}
	again := begun.Add(wait)
	text, args := "no certificate was issued, the self-signed one stays", []any{"name", old.Name}
	if !old.IssuedAt.IsZero() {
		text, args = "certificate not renewed, the old one stays", append(args, "good_until", old.NotAfter)
	}
	m.cfg.Log.Warn(text, append(args, "error", cause, "again_at", again, "hint", Hint(cause))...)
	return m.cfg.Store.FailCertificate(ctx, old.Name, cause.Error(), m.cfg.Now(), again)
}
