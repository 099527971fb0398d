package server

import (
	"context"
	"net/http"
	"time"

	"postroom/internal/mail"
	"postroom/internal/metrics"
	"postroom/webui"
)

// openMetrics opens the private port that monitoring asks.
func (s *Server) openMetrics(context.Context, Options) error {
	s.metrics.Collect(metrics.Sources{Queue: s.store.QueueStats, Search: s.store.SearchProgress, Pools: s.pools, Now: time.Now,
		CertificateEnd: func() time.Time { return s.tls.Certificate().Leaf.NotAfter }})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics.Handler())
	mux.Handle("/", webui.Health(s.ready.check))
	for _, d := range s.doors {
		if d.key != "listen.metrics" {
			continue
		}
		s.metricsHTTP = webui.HTTPServer(mux, s.log)
		for _, l := range d.sockets {
			go s.serve(d.key, func() error { return s.metricsHTTP.Serve(l) })
		}
	}
	return nil
}

// countConnections puts counters before the sockets of the mail and HTTP
// ports.
func (s *Server) countConnections() {
	for _, d := range s.doors {
		role := ""
		switch {
		case d.key == "listen.metrics":
			continue
		case d.key == "listen.smtp":
			role = mail.RoleMX.String()
		case d.role == "smtp":
			role = mail.RoleSubmission.String()
		}
		for i, l := range d.sockets {
			d.sockets[i] = s.metrics.Listener(l, d.role, role)
		}
	}
}

func (s *Server) pools() []metrics.Pool {
	var out []metrics.Pool
	for _, p := range s.store.Pools() {
		out = append(out, metrics.Pool(p))
	}
	return out
}
