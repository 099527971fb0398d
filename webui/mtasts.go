package webui

import (
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
