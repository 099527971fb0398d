package webui

import (
	"net/http"

	"postroom/internal/mail"
)

// healthz answers as long as the process does.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	write(w, "text/plain; charset=utf-8", []byte("ok\n"))
}

// readyz tells a load balancer whether to send clients here.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if err := s.Ready(r.Context()); err != nil {
		http.Error(w, mail.TextOf(err), http.StatusServiceUnavailable)
		return
	}
	write(w, "text/plain; charset=utf-8", []byte("ready\n"))
}
