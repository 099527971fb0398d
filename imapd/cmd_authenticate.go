package imapd

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"

	"postroom/imapd/wire"
	"postroom/internal/mail"
	"postroom/internal/sasl"
)

// maxSASL bounds one line of a SASL exchange (RFC 4959 §3 asks for no more
// than a server wants to hold).
const maxSASL = 12 << 10

type authenticateArgs struct {
	mechanism string
	initial   string
	given     bool // an initial response was given, perhaps empty
}

// parseAuthenticate parses
//
//	authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp] *(CRLF base64)
//	initial-resp = (base64 / "=")            ; RFC 9051 §6.2.2, RFC 4959
func parseAuthenticate(_ *session, d *wire.Decoder) (a authenticateArgs) {
	a.mechanism = d.Word()
	if d.Try(' ') {
		a.given = true
		if a.initial = d.Base64(); a.initial == "=" {
			a.initial = ""
		}
	}
	return a
}

func runAuthenticate(ctx context.Context, s *session, a authenticateArgs) (reply, error) {
	if !s.mayLogin() {
		return reply{}, no("PRIVACYREQUIRED", "log-ins are taken over TLS only")
	}
	heard := s.heard()
	x := sasl.Begin(a.mechanism, s.saslConn(), s.srv.Auth, func(login string, err error) {
		s.loginFailed(a.mechanism, login, err)
	})
	if x == nil {
		return reply{}, no("CANNOT", "mechanism not supported")
	}
	err := s.exchange(ctx, x, a)
	if err != nil {
		return reply{}, s.guessed(err)
	}
	return s.enter(ctx, a.mechanism, x.Identity(), heard), nil
}

// saslConn is what SASL may know of the connection.
func (s *session) saslConn() sasl.Conn {
	c := sasl.Conn{Peer: s.conn.peer.Addr()}
	if t, ok := s.conn.stream.(*tls.Conn); ok {
		state := t.ConnectionState()
		c.TLS = &state
	}
	return c
}

// exchange runs the challenges of one mechanism. What a mechanism sends along
// with its success is a last challenge, which the client answers with an empty
// line (RFC 4422 §4).
func (s *session) exchange(ctx context.Context, x *sasl.Exchange, a authenticateArgs) error {
	var response []byte
	if a.given {
		initial, err := decodeSASL([]byte(a.initial))
		if err != nil {
			return err
		}
		response = initial
	}
	for {
		challenge, done, err := x.Next(ctx, response)
		switch {
		case errors.Is(err, sasl.ErrAuthzid):
			return no("AUTHORIZATIONFAILED", mail.TextOf(err))
		case errors.Is(err, sasl.ErrMalformed):
			return bad(mail.TextOf(err))
		case err != nil || done:
			return err
		}
		if response, err = s.challenge(challenge); err != nil {
			return err
		}
	}
}

// challenge sends one and reads the client's answer; "*" cancels
// (RFC 9051 §6.2.2).
func (s *session) challenge(text []byte) ([]byte, error) {
	s.enc.Raw("+ ", base64.StdEncoding.EncodeToString(text), "\r\n")
	if err := s.enc.Flush(); err != nil {
		return nil, err
	}
	line, err := s.in.ReadResponse(maxSASL)
	if err == wire.ErrCommandTooLong {
		return nil, bad("SASL response too long")
	}
	if err != nil {
		return nil, err
	}
	if string(line) == "*" {
		return nil, bad("AUTHENTICATE cancelled")
	}
	return decodeSASL(line)
}

func decodeSASL(b []byte) ([]byte, error) {
	out := make([]byte, base64.StdEncoding.DecodedLen(len(b)))
	n, err := base64.StdEncoding.Decode(out, b)
	if err != nil {
		return nil, bad("bad Base64")
	}
	return out[:n], nil
}
