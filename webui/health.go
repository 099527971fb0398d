package webui

import (
	"context"
	"net/http"

	"postroom/internal/mail"
)

// Health serves the paths of health alone: for a port that nobody outside
// reaches. ready is as in Config.
func Health(ready func(context.Context) error) http.Handler {
	s := &Server{Config: Config{Ready: ready}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	return mux
}

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
