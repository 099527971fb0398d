package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"postroom/internal/mail"
	"postroom/store"
)

// certificateSoon is when check begins to warn.
const certificateSoon = 14 * 24 * time.Hour

// certificates looks at what clients will see.
func (c *checker) certificates(s *store.Store) {
	switch {
	case c.cfg.TLSCert != "":
		c.certificateFile()
	case !c.cfg.ACME.On():
		c.add("certificate", levelWarn, "self-signed: clients must be told to trust "+c.tlsDir()+"/ca.pem",
			"set tls_cert and tls_key to a certificate of a public authority, or acme = on")
	}
	if !c.cfg.ACME.On() || s == nil {
		return
	}
	list, err := s.Certificates(c.e.ctx)
	if err != nil {
		c.failed("certificate", err)
		return
	}
	if len(list) == 0 {
		c.add("certificate", levelWarn, "acme is on, and no server has asked for certificates yet", "start postroom serve, and see its log")
	}
	for _, x := range list {
		c.issued(x)
	}
}

// issued looks at one name that ACME looks after.
func (c *checker) issued(x mail.Certificate) {
	const hint = "see docs/certificates.md; when it is cured: postroom certificate renew "
	left := time.Until(x.NotAfter)
	switch {
	case x.IssuedAt.IsZero() && x.Error == "":
		c.add("certificate", levelWarn, x.Name+" has none yet: clients get the self-signed one", "it takes a minute; see the server's log")
	case x.IssuedAt.IsZero():
		c.add("certificate", levelFail, x.Name+" has none: "+x.Error, hint+x.Name)
	case left <= 0:
		c.add("certificate", levelFail, fmt.Sprintf("that of %s expired on %s and was not renewed: %s", x.Name, when(x.NotAfter), orDash(x.Error)), hint+x.Name)
	case x.Error != "":
		c.add("certificate", levelWarn, fmt.Sprintf("that of %s was not renewed, the old one is good until %s: %s", x.Name, when(x.NotAfter), x.Error), hint+x.Name)
	default:
		c.add("certificate", levelOK, fmt.Sprintf("for %s until %s, by ACME", x.Name, when(x.NotAfter)), "")
	}
}

func (c *checker) certificateFile() {
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
	case left < certificateSoon:
		c.add("certificate", levelWarn, "expires on "+when(leaf.NotAfter), "renew it; the server takes up new files by itself")
	}
	if err := leaf.VerifyHostname(c.cfg.Hostname); err != nil {
		c.add("certificate", levelFail, err.Error(), "get one for the hostname "+c.cfg.Hostname+", or set hostname to a name that it has")
	} else if left >= certificateSoon {
		c.add("certificate", levelOK, fmt.Sprintf("for %s until %s", c.cfg.Hostname, when(leaf.NotAfter)), "")
	}
}
