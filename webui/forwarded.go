package webui

import (
	"net/http"
	"net/netip"
	"strings"
)

// asClientSent gives a request of its own in which URL.Scheme and Host say
// what the client asked for: through a proxy that owns 443, by what that
// proxy says.
func (s *Server) asClientSent(r *http.Request) *http.Request {
	u := *r.URL
	r.URL = &u
	u.Scheme = "http"
	if r.TLS != nil {
		u.Scheme = "https"
	}
	if s.fromProxy(r.RemoteAddr) {
		if p := lastForwarded(r, "X-Forwarded-Proto"); p != "" {
			u.Scheme = strings.ToLower(p)
		}
		if h := lastForwarded(r, "X-Forwarded-Host"); h != "" {
			r.Host = h
		}
	}
	return r
}

func (s *Server) fromProxy(peer string) bool {
	a, err := netip.ParseAddrPort(peer)
	if err != nil {
		return false
	}
	for _, p := range s.Proxies {
		if p.Contains(a.Addr().Unmap()) {
			return true
		}
	}
	return false
}

// lastForwarded gives what the nearest proxy added: earlier values may be the
// client's own.
func lastForwarded(r *http.Request, name string) string {
	values := r.Header.Values(name)
	if len(values) == 0 {
		return ""
	}
	all := strings.Split(values[len(values)-1], ",")
	return strings.TrimSpace(all[len(all)-1])
}
