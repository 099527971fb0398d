package webui

import (
	"net"
	"net/http"
	"strings"

	"postroom/internal/address"
	"postroom/internal/mail"
	"postroom/internal/mtasts"
)

// hostLabels begin the names below a domain that clients look under.
var hostLabels = []string{"autoconfig.", "autodiscover.", mtasts.Host}

// lookUp asks the directory, as one of few at a time.
func (s *Server) lookUp(r *http.Request, domain string) (p mail.MTASTS, ok bool, err error) {
	select {
	case s.lookUps <- struct{}{}:
		defer func() { <-s.lookUps }()
		return s.Directory.MTASTS(r.Context(), domain)
	case <-r.Context().Done():
		return p, false, mail.Wrap(mail.CodeUnavailable, r.Context().Err(), "too many questions at once")
	}
}

// hosted checks that a domain is served here; errors are *mail.Error.
func (s *Server) hosted(r *http.Request, domain string) error {
	_, _, err := s.lookUp(r, domain)
	return err
}

// requestHost is the name that the client asked for, as an A-label.
func requestHost(r *http.Request) (string, error) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return address.Domain(strings.TrimSuffix(host, "."))
}

// domainOfHost gives the domain served here that the request's host is, or is
// the autoconfig, autodiscover or mta-sts name of.
func (s *Server) domainOfHost(r *http.Request) (string, error) {
	host, err := requestHost(r)
	if err != nil {
		return "", mail.Errorf(mail.CodeNotFound, "no such host")
	}
	for _, l := range hostLabels {
		if d, ok := strings.CutPrefix(host, l); ok {
			return d, s.hosted(r, d)
		}
	}
	return host, s.hosted(r, host)
}

// clientAddress reads the address that a client wants settings for; its domain
// must be served here. Whether the account exists is not asked.
func (s *Server) clientAddress(r *http.Request, text string) (mail.Address, error) {
	a, err := address.Parse(text)
	if err != nil {
		return a, err
	}
	return a, s.hosted(r, a.Domain)
}

// toHTTPS sends a client that asked without TLS to where it is answered. Only
// names of this server are sent on: nobody can make links with it.
func (s *Server) toHTTPS(w http.ResponseWriter, r *http.Request) {
	host, err := requestHost(r)
	if err == nil && host != s.Hostname {
		_, err = s.domainOfHost(r)
	}
	if err != nil && !mail.Is(err, mail.CodeInvalid) {
		s.refuse(w, r, err)
		return
	}
	if err != nil {
		http.NotFound(w, r)
		return
	}
	status := http.StatusTemporaryRedirect // keeps a POST a POST
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		status = http.StatusFound // what Outlook follows
	}
	http.Redirect(w, r, "https://"+host+r.URL.RequestURI(), status)
}
