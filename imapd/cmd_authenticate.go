package imapd

import (
	"context"
	"encoding/base64"
	"errors"

	gosasl "github.com/emersion/go-sasl"

	"postroom/imapd/wire"
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
	var user, password string
	m := sasl.New(a.mechanism, func(u, p string) error {
		user, password = u, p
		return nil
	})
	if m == nil {
		return reply{}, no("CANNOT", "mechanism not supported")
	}
	if !s.mayLogin() {
		return reply{}, no("PRIVACYREQUIRED", "passwords are taken over TLS only")
	}
	if err := s.exchange(m, a); err != nil {
		return reply{}, err
	}
	return s.login(ctx, a.mechanism, user, password)
}

// exchange runs the challenges of one mechanism.
func (s *session) exchange(m gosasl.Server, a authenticateArgs) error {
	var response []byte
	if a.given {
		initial, err := decodeSASL([]byte(a.initial))
		if err != nil {
			return err
		}
		response = initial
	}
	for {
		challenge, done, err := m.Next(response)
		switch {
		case errors.Is(err, sasl.ErrAuthzid):
			return no("AUTHORIZATIONFAILED", err.Error())
		case err != nil:
			return bad("malformed SASL response")
		case done:
			return nil
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
