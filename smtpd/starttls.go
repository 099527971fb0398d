package smtpd

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"postroom/internal/listen"
	"postroom/internal/maillog"
)

// startTLS answers STARTTLS (RFC 3207). What was learnt before is forgotten
// with this wire: a new one, with a new go-smtp Conn, takes the connection on.
// What the client sent in plain text behind the command is never read (§4.2).
func (w *wire) startTLS(arg string) {
	switch {
	case w.peer.TLS():
		w.say(replyTLSTwice)
		return
	case w.srv.cfg.TLS == nil:
		w.say(replyNoTLS)
		return
	case arg != "":
		w.say(reply(501, "5.5.4", "no argument expected"))
		return
	}
	if n := w.in.Buffered(); n > 0 {
		w.srv.log.Event(slog.LevelWarn, "plain text after STARTTLS dropped", maillog.Session(w.peer), slog.Int("octets", n))
	}
	w.put("220 2.0.0 ready for TLS\r\n")
	if w.flush() != nil {
		return
	}
	t, err := w.srv.handshake(w.ctx, w.conn)
	if err != nil {
		w.srv.log.Event(slog.LevelInfo, "tls handshake failed", maillog.Session(w.peer), slog.String("error", err.Error()))
		w.end("tls handshake failed")
		return
	}
	secure := newWire(w.srv, w.conn, t, w.counts)
	secure.quiet = true
	w.handedOver = true
	w.end("starttls")
	w.srv.log.Event(slog.LevelInfo, "starttls", maillog.Session(secure.peer),
		slog.String("tls", secure.peer.TLSVersion), slog.String("cipher", secure.peer.TLSCipher))
	w.srv.replace(w, secure)
}

// handshake makes TLS of a connection within the time allowed.
func (s *Server) handshake(ctx context.Context, c *listen.Conn) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Limits.Handshake)
	defer cancel()
	c.SetDeadline(time.Time{})
	t := tls.Server(c, s.cfg.TLS)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return t, nil
}
