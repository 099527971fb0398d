package webui

import (
	"context"
	"net/http"
	"strings"

	"postroom/internal/mail"
	"postroom/internal/mtasts"
)

// route is one row of THE table of what is served.
type route struct {
	pattern string // of http.ServeMux
	plain   bool   // by HTTP without TLS too
	serve   func(*Server, http.ResponseWriter, *http.Request)
}

var routes = []route{
	{"GET /healthz", true, (*Server).healthz},
	{"GET /readyz", true, (*Server).readyz},
	// Thunderbird asks without TLS where HTTPS does not answer.
	{"GET /mail/config-v1.1.xml", true, (*Server).autoconfig},
	{"GET /.well-known/autoconfig/mail/config-v1.1.xml", true, (*Server).autoconfig},
	{"POST /autodiscover/autodiscover.xml", false, (*Server).autodiscoverXML},
	{"GET /autodiscover/autodiscover.json", false, (*Server).autodiscoverJSON},
	{"GET /autodiscover/autodiscover.json/{version}/{address}", false, (*Server).autodiscoverJSON},
	{"GET /apple/mail.mobileconfig", false, (*Server).mobileconfig},
	{"GET " + mtasts.Path, false, (*Server).mtastsPolicy},
}

// handler serves everything where the request came by TLS, and on plain HTTP
// what may go so and a way to HTTPS.
func (s *Server) handler() http.Handler {
	open, secure := http.NewServeMux(), http.NewServeMux()
	for _, r := range routes {
		h := func(w http.ResponseWriter, req *http.Request) { r.serve(s, w, req) }
		secure.HandleFunc(r.pattern, h)
		if r.plain {
			open.HandleFunc(r.pattern, h)
		}
	}
	open.HandleFunc("/", s.toHTTPS)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), lookUpTime)
		defer cancel()
		r = lowerAutodiscover(s.asClientSent(r.WithContext(ctx)))
		answer := &recorder{ResponseWriter: w, status: http.StatusOK}
		answer.Header().Set("X-Content-Type-Options", "nosniff")
		if r.URL.Scheme == "https" {
			secure.ServeHTTP(answer, r)
		} else {
			open.ServeHTTP(answer, r)
		}
		if s.Observe != nil {
			s.Observe(routeName(r.Pattern), answer.status)
		}
	})
}

// routeName is the path of a pattern without what a client chooses in it.
func routeName(pattern string) string {
	_, path, _ := strings.Cut(pattern, " ")
	path, _, _ = strings.Cut(path, "/{")
	return path
}

// recorder remembers the status.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// lowerAutodiscover lets Outlook write /AutoDiscover/AutoDiscover.xml and
// every other spelling of it.
func lowerAutodiscover(r *http.Request) *http.Request {
	path := strings.ToLower(r.URL.Path)
	if !strings.HasPrefix(path, "/autodiscover/") {
		return r
	}
	u := *r.URL
	u.Path, u.RawPath = path, ""
	r.URL = &u
	return r
}

// write sends a document that no cache may give to the next user.
func write(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // a client that went away needs no answer
}

// refuse answers an error: 404 for what is not here, 400 for what cannot be
// read, and 503 for all else, which passes.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, text := http.StatusServiceUnavailable, "temporarily unavailable"
	switch {
	case mail.Is(err, mail.CodeNotFound):
		status, text = http.StatusNotFound, "not found"
	case mail.Is(err, mail.CodeInvalid):
		status, text = http.StatusBadRequest, mail.TextOf(err)
	default:
		s.Log.WarnContext(r.Context(), "request not answered", "proto", "http", "route", r.Pattern, "error", err)
		w.Header().Set("Retry-After", "60")
	}
	http.Error(w, text, status)
}
