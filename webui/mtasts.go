package webui

import (
	"crypto/tls"
	"net/http"
	"strings"

	"postroom/internal/mail"
	"postroom/internal/mtasts"
)

// mtastsPolicy serves a domain's policy on its mta-sts host alone, which is
// where senders verify the certificate (RFC 8461 §3.3).
func (s *Server) mtastsPolicy(w http.ResponseWriter, r *http.Request) {
	host, err := requestHost(r)
	domain, ok := strings.CutPrefix(host, mtasts.Host)
	if err != nil || !ok {
		http.NotFound(w, r)
		return
	}
	p, ok, err := s.lookUp(r, domain)
	if err == nil && !ok {
		err = mail.Errorf(mail.CodeNotFound, "the domain has no policy")
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	write(w, "text/plain; charset=us-ascii", []byte(mtasts.Text(p)))
}

// forPolicyHosts is base, but that on an mta-sts host the handshake fails where
// base has only the certificate of another name (RFC 8461 §7.1).
func forPolicyHosts(base *tls.Config) *tls.Config {
	c := base.Clone()
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := base.GetCertificate(hello)
		if err == nil && strings.HasPrefix(strings.ToLower(hello.ServerName), mtasts.Host) {
			err = hello.SupportsCertificate(cert)
		}
		return cert, err
	}
	return c
}
