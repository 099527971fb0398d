package imapd

import (
	"context"
	"errors"
	"log/slog"
)

// starttls = "STARTTLS"            ; RFC 9051 §6.2.1
func runStartTLS(ctx context.Context, s *session, _ struct{}) (reply, error) {
	if !s.canStartTLS() {
		return reply{}, bad("TLS is not available here")
	}
	// What a third party put behind the command in plain text must not act
	// inside TLS (RFC 9051 §11.1): it is dropped.
	s.in.Discard()
	s.enc.Raw(s.tag, " OK begin TLS\r\n")
	if err := s.enc.Flush(); err != nil {
		return reply{}, err
	}
	if err := s.startTLS(ctx); err != nil {
		s.event(slog.LevelDebug, "TLS handshake failed", slog.Any("err", err))
		return reply{}, errors.Join(errClient, err)
	}
	return reply{}, errReplied
}
