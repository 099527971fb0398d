package main

import (
	"crypto/tls"
	"path/filepath"
	"slices"
	"time"

	"postroom/internal/admin"
	"postroom/internal/mail"
)

type certificateCmd struct {
	List  certificateListCmd  `cmd:"" help:"List them: names, issuer, end, source, last error."`
	Renew certificateRenewCmd `cmd:"" help:"Have ACME certificates renewed now, and wait for it."`
}

type certificateListCmd struct{}

func (certificateListCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	all, err := a.Certificates(e.ctx, "")
	if err != nil {
		return err
	}
	return e.printCertificates(append(e.localCertificates(), all...))
}

// localCertificates are those in files of this machine.
func (e *env) localCertificates() []admin.Certificate {
	source, cert, key := admin.SourceFile, e.cfg.TLSCert, e.cfg.TLSKey
	if cert == "" {
		dir := filepath.Join(e.cfg.DataDir, "tls")
		source, cert, key = admin.SourceSelfSigned, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "cert.key")
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	switch {
	case err == nil:
		return []admin.Certificate{{Names: pair.Leaf.DNSNames, Source: source, Issuer: pair.Leaf.Issuer.CommonName,
			NotBefore: &pair.Leaf.NotBefore, NotAfter: &pair.Leaf.NotAfter}}
	case source == admin.SourceFile:
		return []admin.Certificate{{Names: []string{e.cfg.Hostname}, Source: source, Error: err.Error()}}
	}
	return nil
}

func (e *env) printCertificates(all []admin.Certificate) error {
	return e.result(orEmpty(all), func() {
		var rows [][]string
		for _, c := range all {
			until := "-"
			if c.NotAfter != nil {
				until = when(*c.NotAfter)
			}
			for _, n := range c.Names {
				rows = append(rows, []string{n, c.Source, orDash(c.Issuer), until, orDash(c.Error)})
			}
		}
		e.table([]string{"name", "source", "issuer", "until", "last error"}, rows)
	})
}

type certificateRenewCmd struct {
	Name   string `arg:"" optional:"" help:"Only that of this name."`
	NoWait bool   `help:"Do not wait for the result."`
}

const (
	renewWait = 3 * time.Minute // for a server to take it up and an authority to answer
	renewPoll = time.Second
)

func (c certificateRenewCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	if err := a.RenewCertificates(e.ctx, c.Name); err != nil {
		return err
	}
	all, err := a.Certificates(e.ctx, c.Name)
	if err == nil && !c.NoWait {
		err = e.working("renewing", func() error {
			all, err = e.renewed(a, c.Name)
			return err
		})
	}
	if err != nil {
		return err
	}
	if err := e.printCertificates(all); err != nil || c.NoWait {
		return err
	}
	for _, x := range all {
		if x.Error != "" {
			return &mail.Error{Code: mail.CodeUnavailable, Text: x.Names[0] + ": no new certificate: " + x.Error,
				Hint: "the old one stays in use; the server's log has a hint, docs/certificates.md says more"}
		}
	}
	return nil
}

// renewed waits until servers have tried all that was asked for.
func (e *env) renewed(a *admin.Admin, name string) ([]admin.Certificate, error) {
	deadline := time.Now().Add(renewWait)
	for {
		all, err := a.Certificates(e.ctx, name)
		if err != nil || !slices.ContainsFunc(all, func(c admin.Certificate) bool { return c.Asked }) {
			return all, err
		}
		if time.Now().After(deadline) {
			return nil, &mail.Error{Code: mail.CodeUnavailable, Text: "no server has done it within " + renewWait.String(),
				Hint: "does one run with acme = on, and with listen.http, listen.https or acme_dns_server?"}
		}
		select {
		case <-e.ctx.Done():
			return nil, e.ctx.Err()
		case <-time.After(renewPoll):
		}
	}
}
