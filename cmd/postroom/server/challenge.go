package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// openChallenges answers an authority's challenges on listen.http and
// listen.https, and starts getting certificates.
func (s *Server) openChallenges(ctx context.Context, _ Options) error {
	if s.acme == nil {
		return nil
	}
	h := s.acme.HTTPChallenge(http.NotFoundHandler())
	for _, a := range s.cfg.Listen.HTTP {
		if err := s.serveHTTP(ctx, "listen.http", a, h, nil); err != nil {
			return err
		}
	}
	for _, a := range s.cfg.Listen.HTTPS {
		if err := s.serveHTTP(ctx, "listen.https", a, http.NotFoundHandler(), s.acme.ChallengeTLS(s.tls.Strict())); err != nil {
			return err
		}
	}
	s.work.Go(func() {
		defer s.acme.Close()
		s.acme.Run(s.ctx)
	})
	return nil
}

func (s *Server) serveHTTP(ctx context.Context, key, addr string, h http.Handler, secure *tls.Config) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return bindError(key, addr, err)
	}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	srv := &http.Server{Handler: h, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	s.work.Go(func() {
		<-s.ctx.Done()
		srv.Close()
	})
	go s.serve(key, func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}
